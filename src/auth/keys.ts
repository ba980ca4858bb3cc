// API keys: how they are made and recognised, and what they may do. The secret is shown once and kept as a hash; it is random enough
// that a plain hash gives nothing away.
import { createHash, randomBytes } from 'node:crypto'

const mark = 'csk_'
const secretPattern = /^csk_[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/
const checksumLength = 6

const digest = (text: string) => createHash('sha256').update(text).digest('base64url')

/** 256 random bits between a mark, by which a key is known for one of ours, and a checksum, by which a mistyped one is. */
export function newSecret(): { secret: string; prefix: string; hash: string } {
  const body = mark + randomBytes(32).toString('base64url')
  const secret = body + digest(body).slice(0, checksumLength)
  return { secret, prefix: secret.slice(0, mark.length + 6), hash: hashOf(secret) }
}

export const hashOf = (secret: string): string => digest(`claude-serve key ${secret}`)

/**
 * What a client has sent as a key. `foreign`: none of ours, such as the placeholders that SDKs insist on; `damaged`: one of ours, but
 * not whole.
 */
export function kindOfSecret(text: string): 'ours' | 'damaged' | 'foreign' {
  if (!text.startsWith(mark)) return 'foreign'
  const body = text.slice(0, -checksumLength)
  return secretPattern.test(text) && digest(body).slice(0, checksumLength) === text.slice(-checksumLength)
    ? 'ours'
    : 'damaged'
}
