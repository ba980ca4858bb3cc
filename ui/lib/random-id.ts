// An id that nobody else has. `crypto.randomUUID` is there on loopback and over TLS only, and a server may be reached otherwise.

export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
