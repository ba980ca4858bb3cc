// A unique id. `crypto.randomUUID` only exists on loopback and over TLS, and the server may be reached in other ways.

export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
