// The one-time link that opens the web page if API keys exist. It holds a code that can only be exchanged, once and
// within a minute, for a key that the page stores. Both are stored like any key. Who may exchange a code is decided in
// authenticate.ts.
import { randomBytes } from 'node:crypto'
import { type KeyRecord, pageKeyPrefix, unlimitedKey } from '../core/key-record.ts'
import type { KeyStore } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { publicCommand } from '../platform/installation.ts'
import { newSecret } from './keys.ts'

/** Long enough for a browser to start, and for a person to follow a link. */
const codeLifeMs = 60_000
const pageKeyLifeMs = 12 * 3_600_000

const isPageKey = ({ id }: KeyRecord) => id.startsWith(pageKeyPrefix)

type NewKey = { secret: string; key: KeyRecord }

function makeKey(fields: Pick<KeyRecord, 'id' | 'name' | 'scopes'>, nowMs: number, lifeMs: number): NewKey {
  const { secret, prefix, hash } = newSecret()
  const times = { createdAtMs: nowMs, expiresAtMs: nowMs + lifeMs }
  return { secret, key: { ...unlimitedKey, ...fields, prefix, hash, ...times } }
}

const randomWord = () => randomBytes(8).toString('hex')

/** The code is in the fragment, which a browser never sends. */
export type LoginLink = { address: string; expiresAtMs: number }

/** `url` is the server's address without a trailing slash. Null if there are no keys: the page needs no link then. */
export async function createLoginLink(url: string, keys: LoginLinkStore, nowMs: number): Promise<LoginLink | null> {
  if (!(await keys.hasKeys())) return null
  const word = randomWord()
  const { secret, key } = makeKey({ id: `key_${word}`, name: `login ${word}`, scopes: [] }, nowMs, codeLifeMs)
  await keys.createKey(key)
  return { address: `${url}/#code=${secret}`, expiresAtMs: nowMs + codeLifeMs }
}

export type LoginLinkStore = Pick<KeyStore, 'hasKeys' | 'keys' | 'createKey' | 'revokeKey'>

/**
 * Exchanges the code for a key for the page. The code is revoked before anything else happens. Throws `unauthorized` if
 * it was used already, and `invalid_request` if no keys exist any more: creating one now would lock out everybody else.
 */
export async function exchangeCode(code: KeyRecord, keys: LoginLinkStore, nowMs: number): Promise<NewKey> {
  if (!(await keys.revokeKey(code.id, nowMs))) {
    throw new AppError(
      'unauthorized',
      `the link was used already and works only once: create another one with ${publicCommand('open')}`,
    )
  }
  if (!(await keys.hasKeys())) {
    throw new AppError('invalid_request', 'this server no longer has API keys: call it without one')
  }
  const word = randomWord()
  const made = makeKey({ id: `${pageKeyPrefix}${word}`, name: `page ${word}`, scopes: ['admin'] }, nowMs, pageKeyLifeMs)
  await keys.createKey(made.key)
  await endOldPageKeys(keys, nowMs)
  return made
}

/** Expired ones would otherwise pile up, and each counts as a key until it is revoked. */
async function endOldPageKeys(keys: LoginLinkStore, nowMs: number): Promise<void> {
  for (const key of await keys.keys()) {
    const isOver = key.revokedAtMs === null && key.expiresAtMs !== null && key.expiresAtMs <= nowMs
    if (isPageKey(key) && isOver) await keys.revokeKey(key.id, nowMs)
  }
}
