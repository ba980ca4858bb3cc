// Who calls: nobody in particular where there are no keys, else whoever brings one. Which power a route needs is declared with
// the route; a server with a route that does not say so does not start.
import type { IncomingMessage } from 'node:http'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { allows, isLoginCode, isUsable, type KeyRecord, type Scope } from '../core/key-record.ts'
import type { Store } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { isLoopbackHost } from '../platform/loopback.ts'
import { hashOf, kindOfSecret } from './keys.ts'
import { type PeerUser, peerUser } from './peer-uid.ts'

/** `key` is null for a caller without one, who may do everything: there are no keys then. */
export type Caller = {
  key: KeyRecord | null
  may(scope: Scope): boolean
  /** Throws `budget_exceeded` where the key has spent what it may. */
  requireBudget(): Promise<void>
}

/**
 * `open`: for everybody; `any`: for whoever may do anything here at all; `login`: for whoever brings the code of a one-time link,
 * which opens nothing else.
 */
export type RouteScope = 'open' | 'any' | 'login' | Scope

export const anonymousCaller: Caller = {
  key: null,
  may: () => true,
  requireBudget: async () => {},
}

/** Callers with a key see their own runs; nobody's and everybody's are the operator's, and an administrator's. */
export const ownRuns = ({ key, may }: Caller): { owner?: string } =>
  key === null || may('admin') ? {} : { owner: key.id }

/** What of a request tells who sent it. */
export type IncomingCall = {
  readonly raw: IncomingMessage
  readonly headers: IncomingMessage['headers']
  readonly ip: string
}

export type KeyStore = Pick<Store, 'hasKeys' | 'keyByHash' | 'recordKeyUse' | 'spentBy'>

export type CallerOptions = {
  /** Null: there can be no keys. */
  keys: KeyStore | null
  /** Whether the server listens on loopback only. */
  isLoopback: boolean
  now(): number
}

/** Wrong keys that one address may try per minute. */
const wrongKeysMax = 10

const unauthorized = (text: string) => new AppError('unauthorized', text)

const notValid = 'the API key is not valid: it is not whole, was revoked, or its time is over'

const howToBring = "send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'"

export class Authenticator {
  readonly #options: CallerOptions
  readonly #wrong = new RateLimiterMemory({ points: wrongKeysMax, duration: 60 })
  readonly #byRate = new Map<number, RateLimiterMemory>()
  /** Users at the other end, by connection. */
  readonly #peers = new WeakMap<object, Promise<PeerUser>>()

  constructor(options: CallerOptions) {
    this.#options = options
  }

  /**
   * `isPage`: a web page of an origin that was allowed. Throws `unauthorized`, `insufficient_scope`, `rate_limited`, and
   * `invalid_request` for two keys at once.
   */
  async identify(request: IncomingCall, scope: RouteScope, isPage: boolean): Promise<Caller> {
    if (scope === 'open') return anonymousCaller
    if (scope === 'login') return this.#byCode(request, isPage)
    const caller = (await this.#byKey(request)) ?? (await this.#withoutKey(request, isPage))
    if (scope !== 'any') requireScope(caller, scope)
    return caller
  }

  async #byKey(request: IncomingCall): Promise<Caller | null> {
    const key = await this.#keyOf(request)
    const { keys, now } = this.#options
    if (key === null || keys === null) return null
    // Told as a key that is not there. It is not counted as such: nobody who brings it has to guess.
    if (isLoginCode(key)) throw unauthorized(notValid)
    await this.#slowDown(key)
    void keys.recordKeyUse(key.id, now()).catch(() => {})
    return { key, may: (scope) => allows(key, scope), requireBudget: () => requireBudget(key, keys) }
  }

  /** Who may exchange a code for a key, and nothing else. */
  async #byCode(request: IncomingCall, isPage: boolean): Promise<Caller> {
    const key = await this.#keyOf(request)
    if (key === null) throw await this.#withoutCode(request, isPage)
    if (!isLoginCode(key)) {
      const text =
        'this API key lacks the scope login, which only the code of a one-time link has: use the key itself, or make a link'
      throw new AppError('insufficient_scope', `${text} with claude-serve open`, { scope: 'login' })
    }
    await this.#refuseReaders(request)
    return { key, may: (scope) => allows(key, scope), requireBudget: async () => {} }
  }

  async #withoutCode(request: IncomingCall, isPage: boolean): Promise<AppError> {
    if (!this.#options.isLoopback || (await this.#options.keys?.hasKeys())) {
      const text = 'this needs the code of a one-time link, which claude-serve open makes'
      return unauthorized(`${text}: send it as 'authorization: Bearer <code>'`)
    }
    await this.#withoutKey(request, isPage)
    return new AppError(
      'invalid_request',
      'this server has no API keys, so there is nothing to exchange: call it without',
    )
  }

  /** The key that the request brings, where it is in force; null where it brings none of ours. */
  async #keyOf(request: IncomingCall): Promise<KeyRecord | null> {
    const secret = secretOf(request)
    const { keys, now } = this.#options
    if (secret === null || keys === null) return null
    const key = kindOfSecret(secret) === 'ours' ? await keys.keyByHash(hashOf(secret)) : null
    if (key !== null && isUsable(key, now())) return key
    await this.#noteWrong(request)
    throw unauthorized(notValid)
  }

  async #withoutKey(request: IncomingCall, isPage: boolean): Promise<Caller> {
    const { keys, isLoopback } = this.#options
    if (isPage) {
      const text =
        'a web page needs an API key, also where its origin is allowed; make one with claude-serve keys create'
      throw unauthorized(`${text}, and ${howToBring}`)
    }
    if (!isLoopback || (await keys?.hasKeys())) throw unauthorized(`this server needs an API key: ${howToBring}`)
    if (isForwarded(request)) {
      const text = 'a request that was forwarded by a proxy needs an API key; make one with claude-serve keys create'
      throw unauthorized(`${text}, and ${howToBring}`)
    }
    await this.#refuseOtherUsers(request)
    return anonymousCaller
  }

  async #refuseOtherUsers(request: IncomingCall): Promise<void> {
    const uid = await this.#peerOf(request)
    if (uid === null || uid === process.getuid?.()) return
    // Who sends a request and is gone before it can be known who that was, does not want an answer.
    if (uid === 'gone') throw unauthorized('the connection was closed before it was known whose it is')
    throw unauthorized(describeOther(uid))
  }

  /**
   * A code stands among the arguments of the browser that opens its link, where other users of the machine can read it. Root may
   * bring it: what passes connections on, as from Windows into WSL, often runs as root, who could do everything here anyway.
   */
  async #refuseReaders(request: IncomingCall): Promise<void> {
    const uid = await this.#peerOf(request)
    if (uid === null || uid === 0 || uid === process.getuid?.()) return
    if (uid !== 'gone') throw unauthorized(describeOther(uid))
    // Of a connection from elsewhere the other end is not here.
    const address = request.raw.socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
    if (isLoopbackHost(address)) throw unauthorized('the connection was closed before it was known whose it is')
  }

  #peerOf({ raw: { socket } }: IncomingCall): Promise<PeerUser> {
    const known = this.#peers.get(socket) ?? peerUser(socket)
    this.#peers.set(socket, known)
    return known
  }

  async #slowDown({ id, ratePerMinute }: KeyRecord): Promise<void> {
    if (ratePerMinute === null) return
    const limiter = this.#byRate.get(ratePerMinute) ?? new RateLimiterMemory({ points: ratePerMinute, duration: 60 })
    this.#byRate.set(ratePerMinute, limiter)
    await limiter.consume(id).catch((limit: RateLimiterRes) => {
      throw tooMany(`this API key may make ${ratePerMinute} requests per minute`, limit)
    })
  }

  async #noteWrong({ ip }: IncomingCall): Promise<void> {
    await this.#wrong.consume(ip).catch((limit: RateLimiterRes) => {
      throw tooMany('too many wrong API keys were tried', limit)
    })
  }
}

function describeOther(uid: number): string {
  const text = `the server belongs to another user of this machine (you are ${uid}): its owner can make you an API key`
  return `${text} with claude-serve keys create`
}

const tooMany = (what: string, { msBeforeNext }: RateLimiterRes) =>
  new AppError('rate_limited', `${what}; try again later`, { retryAfterS: Math.max(1, Math.ceil(msBeforeNext / 1000)) })

/**
 * Either header may carry the key, whatever the API; programs often send both, one of them with a placeholder. Null where there
 * is no key of ours. Throws `invalid_request` where there are two.
 */
function secretOf({ raw: { headersDistinct: headers } }: IncomingCall): string | null {
  const bearers = headers.authorization?.map((value) => /^Bearer\s+(\S+)\s*$/i.exec(value)?.[1]) ?? []
  const given = [...bearers, ...(headers['x-api-key'] ?? []), ...(headers['api-key'] ?? [])].filter(
    (secret) => secret !== undefined,
  )
  const [first = null, ...others] = given.filter((secret) => kindOfSecret(secret) !== 'foreign')
  if (others.every((secret) => secret === first)) return first
  throw new AppError('invalid_request', 'the request brings two different API keys: send one')
}

const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

const isForwarded = ({ headers }: IncomingCall) => forwarding.some((name) => headers[name] !== undefined)

/** Throws `insufficient_scope`. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.may(scope)) return
  throw new AppError('insufficient_scope', `this API key lacks the scope ${scope}, which this needs`, { scope })
}

async function requireBudget(key: KeyRecord, store: Pick<Store, 'spentBy'>): Promise<void> {
  if (key.budgetUsd === null) return
  const spent = await store.spentBy(key.id)
  if (spent < key.budgetUsd) return
  const text = `the API key ${key.name} has spent $${spent.toFixed(4)} of its budget of $${key.budgetUsd}`
  throw new AppError('budget_exceeded', text, { costUsd: spent })
}
