// API keys: generates, hashes and recognizes their secrets. A secret is shown once and stored as a hash; it is random
// enough that a plain hash reveals nothing.
import { createHash, randomBytes } from 'node:crypto'

const mark = 'csk_'
const secretPattern = /^csk_[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/
const checksumLength = 6

const digest = (text: string) => createHash('sha256').update(text).digest('base64url')

/** 256 random bits between a prefix that marks a key as ours and a checksum that reveals a mistyped one. */
export function newSecret(): { secret: string; prefix: string; hash: string } {
  const body = mark + randomBytes(32).toString('base64url')
  const secret = body + digest(body).slice(0, checksumLength)
  return { secret, prefix: secret.slice(0, mark.length + 6), hash: hashOf(secret) }
}

export const hashOf = (secret: string): string => digest(`claude-serve key ${secret}`)

/**
 * Classifies what a client sent as a key. `foreign`: not ours, such as the placeholders that SDKs require; `damaged`:
 * ours, but incomplete or mistyped.
 */
export function kindOfSecret(text: string): 'ours' | 'damaged' | 'foreign' {
  if (!text.startsWith(mark)) return 'foreign'
  const body = text.slice(0, -checksumLength)
  return secretPattern.test(text) && digest(body).slice(0, checksumLength) === text.slice(-checksumLength)
    ? 'ours'
    : 'damaged'
}
