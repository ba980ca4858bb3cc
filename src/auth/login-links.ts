// The one-time link that opens the web page where API keys exist: a code that can do nothing but be exchanged, once and within a
// minute, for a key that the page keeps. Both are records like any key's. Not for who may exchange one (see ../auth/authenticate.ts).
import { randomBytes } from 'node:crypto'
import type { KeyRecord } from '../core/key-record.ts'
import type { Store } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { newSecret } from './keys.ts'

/** Enough for a browser to start, and for a person to follow a link. */
const codeLifeMs = 60_000
const pageKeyLifeMs = 12 * 3_600_000

/** By it the page's keys are known for ours; no person can give a key its id. */
export const pageKeyPrefix = 'key_page_'

const isPageKey = ({ id }: KeyRecord) => id.startsWith(pageKeyPrefix)

type Made = { secret: string; key: KeyRecord }

function makeKey(wanted: Pick<KeyRecord, 'id' | 'name' | 'scopes'>, nowMs: number, lifeMs: number): Made {
  const { secret, prefix, hash } = newSecret()
  const times = { createdAtMs: nowMs, expiresAtMs: nowMs + lifeMs, revokedAtMs: null, lastUsedAtMs: null }
  return { secret, key: { ...wanted, prefix, hash, ...times, ratePerMinute: null, budgetUsd: null } }
}

const newWord = () => randomBytes(8).toString('hex')

/** The code is in the fragment, which a browser sends to nobody. */
export type LoginLink = { address: string; expiresAtMs: number }

/** `url` is where the server is reached, without a slash at its end. Null where there are no keys: the page needs no link then. */
export async function createLoginLink(
  url: string,
  keys: Pick<Store, 'hasKeys' | 'createKey'>,
  nowMs: number,
): Promise<LoginLink | null> {
  if (!(await keys.hasKeys())) return null
  const word = newWord()
  const { secret, key } = makeKey({ id: `key_${word}`, name: `login ${word}`, scopes: [] }, nowMs, codeLifeMs)
  await keys.createKey(key)
  return { address: `${url}/#code=${secret}`, expiresAtMs: nowMs + codeLifeMs }
}

export type LoginLinkStore = Pick<Store, 'hasKeys' | 'keys' | 'createKey' | 'revokeKey'>

/**
 * A key for the page in place of the code, which is over before anything else is done. Throws `unauthorized` where somebody else was
 * faster, and `invalid_request` where no key is needed any more: one that was made now would shut everybody else out.
 */
export async function exchangeCode(code: KeyRecord, keys: LoginLinkStore, nowMs: number): Promise<Made> {
  if (!(await keys.revokeKey(code.id, nowMs))) {
    throw new AppError('unauthorized', 'the link was used before, and works once: claude-serve open makes another one')
  }
  if (!(await keys.hasKeys())) {
    throw new AppError('invalid_request', 'this server has no API keys any more: call it without one')
  }
  const word = newWord()
  const made = makeKey({ id: `${pageKeyPrefix}${word}`, name: `page ${word}`, scopes: ['admin'] }, nowMs, pageKeyLifeMs)
  await keys.createKey(made.key)
  await endOldPageKeys(keys, nowMs)
  return made
}

/** Those whose time is over would otherwise pile up, and each of them counts as a key until somebody revokes it. */
async function endOldPageKeys(keys: LoginLinkStore, nowMs: number): Promise<void> {
  for (const key of await keys.keys()) {
    const isOver = key.revokedAtMs === null && key.expiresAtMs !== null && key.expiresAtMs <= nowMs
    if (isPageKey(key) && isOver) await keys.revokeKey(key.id, nowMs)
  }
}
