// Authenticates requests: anonymous if there are no API keys, by key otherwise. Each route declares the scope that it
// requires; a server with a route that declares none does not start.
import type { IncomingMessage } from 'node:http'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { allows, isLoginCode, isMostlySpent, isUsable, type KeyRecord, type Scope } from '../core/key-record.ts'
import type { KeyStore } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { publicCommand } from '../platform/installation.ts'
import { isLoopbackHost } from '../platform/loopback.ts'
import { type BudgetUse, budgetUse, commonRoots } from './key-policy.ts'
import { hashOf, kindOfSecret } from './keys.ts'
import { type PeerUser, peerUser } from './peer-uid.ts'

/** `key` is null for an anonymous caller, who may do everything: no keys exist then. */
export type Caller = {
  key: KeyRecord | null
  may(scope: Scope): boolean
  /** Throws `budget_exceeded` if the key's budget of the present period is spent. */
  requireBudget(): Promise<void>
}

/**
 * `open`: no authentication; `any`: any accepted caller, whatever its scopes; `login`: only the code of a one-time
 * link, which is accepted nowhere else.
 */
export type RouteScope = 'open' | 'any' | 'login' | Scope

export const anonymousCaller: Caller = {
  key: null,
  may: () => true,
  requireBudget: async () => {},
}

/** Callers with a key see only their own runs. Anonymous callers and administrators see all runs. */
export const ownRuns = ({ key, may }: Caller): { owner?: string } =>
  key === null || may('admin') ? {} : { owner: key.id }

/** The parts of a request that identify its sender. */
export type IncomingCall = {
  readonly raw: IncomingMessage
  readonly headers: IncomingMessage['headers']
  readonly ip: string
}

export type CallerOptions = {
  keys: KeyStore
  /** Whether the server listens on loopback only. */
  isLoopback: boolean
  now(): number
  /** The folders within which those of a key must be; null: anywhere. */
  cwdRoots?: readonly string[] | null
  onWarning?(message: string, facts: Record<string, unknown>): void
}

/** Wrong keys that one address may try per minute. */
const wrongKeysMax = 10

const unauthorized = (text: string) => new AppError('unauthorized', text)

const invalidKeyText = 'the API key is not valid: it is incomplete, revoked or expired'

const howToSend = "send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'"

export class Authenticator {
  readonly #options: CallerOptions
  readonly #wrongKeys = new RateLimiterMemory({ points: wrongKeysMax, duration: 60 })
  readonly #byRate = new Map<number, RateLimiterMemory>()
  /** The period of each key's budget for which a warning was given. */
  readonly #warned = new Map<string, number>()
  /** Peer users, by connection. */
  readonly #peers = new WeakMap<object, Promise<PeerUser>>()

  constructor(options: CallerOptions) {
    this.#options = options
  }

  /**
   * `isPage`: the request comes from a web page of an allowed origin. Throws `unauthorized`, `insufficient_scope`,
   * `rate_limited`, and `invalid_request` if the request carries two different keys.
   */
  async identify(request: IncomingCall, scope: RouteScope, isPage: boolean): Promise<Caller> {
    if (scope === 'open') return anonymousCaller
    if (scope === 'login') return this.#byCode(request, isPage)
    const caller = (await this.#byKey(request)) ?? (await this.#withoutKey(request, isPage))
    if (scope !== 'any') requireScope(caller, scope)
    return caller
  }

  async #byKey(request: IncomingCall): Promise<Caller | null> {
    const key = await this.#findKey(request)
    const { keys, now } = this.#options
    if (key === null) return null
    // Reported like an unknown key, but not counted as a wrong one: a login code is not a guess.
    if (isLoginCode(key)) throw unauthorized(invalidKeyText)
    await this.#limitRate(key)
    void keys.recordKeyUse(key.id, now()).catch(() => {})
    return this.#withKey(key)
  }

  #withKey(key: KeyRecord): Caller {
    return { key, may: (scope) => allows(key, scope), requireBudget: () => this.#requireBudget(key) }
  }

  /**
   * The caller for whom something goes on without a request: the key of that id, null for what was accepted while there were no keys.
   * Throws `unauthorized` if the key was revoked or has expired.
   */
  async callerOf(owner: string | null): Promise<Caller> {
    if (owner === null) return anonymousCaller
    const { keys, now } = this.#options
    const key = (await keys.keys()).find(({ id }) => id === owner)
    if (key === undefined || !isUsable(key, now())) throw unauthorized('the API key was revoked or has expired')
    return this.#withKey(this.#withinServer(key))
  }

  /** A caller who may exchange a login code for a key, and do nothing else. */
  async #byCode(request: IncomingCall, isPage: boolean): Promise<Caller> {
    const key = await this.#findKey(request)
    if (key === null) throw await this.#withoutCode(request, isPage)
    if (!isLoginCode(key)) {
      const text = 'this API key lacks the scope login, which only the code of a one-time link has'
      const fix = `use the key itself, or create a link with ${publicCommand('open')}`
      throw new AppError('insufficient_scope', `${text}: ${fix}`, { scope: 'login' })
    }
    await this.#refuseReaders(request)
    return { key, may: (scope) => allows(key, scope), requireBudget: async () => {} }
  }

  async #withoutCode(request: IncomingCall, isPage: boolean): Promise<AppError> {
    if (!this.#options.isLoopback || (await this.#options.keys.hasKeys())) {
      const text = `this route requires the code of a one-time link, which ${publicCommand('open')} creates`
      return unauthorized(`${text}: send it as 'authorization: Bearer <code>'`)
    }
    await this.#withoutKey(request, isPage)
    return new AppError(
      'invalid_request',
      'this server has no API keys, so there is nothing to exchange: call it without a key',
    )
  }

  /** The key that the request carries, if it is usable; null if it carries none of ours. */
  async #findKey(request: IncomingCall): Promise<KeyRecord | null> {
    const secret = secretOf(request)
    const { keys, now } = this.#options
    if (secret === null) return null
    const key = kindOfSecret(secret) === 'ours' ? await keys.keyByHash(hashOf(secret)) : null
    if (key !== null && isUsable(key, now())) return this.#withinServer(key)
    await this.#countWrongKey(request)
    throw unauthorized(invalidKeyText)
  }

  /** The key with those of its folders that the server allows. */
  #withinServer(key: KeyRecord): KeyRecord {
    const { cwdRoots = null } = this.#options
    const { policy } = key
    if (policy.cwdRoots === null || cwdRoots === null) return key
    return { ...key, policy: { ...policy, cwdRoots: commonRoots(policy.cwdRoots, cwdRoots) } }
  }

  async #requireBudget(key: KeyRecord): Promise<void> {
    const { keys, now, onWarning } = this.#options
    const use = await budgetUse(key, keys, now())
    if (use === null) return
    const { spentUsd, budgetUsd, period } = use
    if (spentUsd >= budgetUsd) throw budgetExceeded(key, use)
    const startMs = period?.startMs ?? 0
    if (!isMostlySpent(spentUsd, budgetUsd) || this.#warned.get(key.id) === startMs) return
    this.#warned.set(key.id, startMs)
    onWarning?.('an API key has spent most of its budget', { key: key.id, spent_usd: spentUsd, budget_usd: budgetUsd })
  }

  async #withoutKey(request: IncomingCall, isPage: boolean): Promise<Caller> {
    const { keys, isLoopback } = this.#options
    if (isPage) {
      const text = `a web page needs an API key, even if its origin is allowed; create one with ${publicCommand('keys create <name>')}`
      throw unauthorized(`${text}, and ${howToSend}`)
    }
    if (!isLoopback || (await keys.hasKeys())) throw unauthorized(`this server needs an API key: ${howToSend}`)
    if (isForwarded(request)) {
      const text = `a request forwarded by a proxy needs an API key; create one with ${publicCommand('keys create <name>')}`
      throw unauthorized(`${text}, and ${howToSend}`)
    }
    await this.#refuseOtherUsers(request)
    return anonymousCaller
  }

  async #refuseOtherUsers(request: IncomingCall): Promise<void> {
    const uid = await this.#peerOf(request)
    if (uid === null || uid === process.getuid?.()) return
    // A client that disconnects before it can be identified does not want an answer.
    if (uid === 'gone') throw unauthorized('the connection was closed before its user could be identified')
    throw unauthorized(describeOther(uid))
  }

  /**
   * A code is visible in the arguments of the browser that opens its link, so other users of the machine can read it.
   * Root may use it: programs that forward connections, for example from Windows into WSL, often run as root, who could
   * do anything here anyway.
   */
  async #refuseReaders(request: IncomingCall): Promise<void> {
    const uid = await this.#peerOf(request)
    if (uid === null || uid === 0 || uid === process.getuid?.()) return
    if (uid !== 'gone') throw unauthorized(describeOther(uid))
    // For a connection from another machine the peer's socket is not in this machine's table.
    const address = request.raw.socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
    if (isLoopbackHost(address)) throw unauthorized('the connection was closed before its user could be identified')
  }

  #peerOf({ raw: { socket } }: IncomingCall): Promise<PeerUser> {
    const known = this.#peers.get(socket) ?? peerUser(socket)
    this.#peers.set(socket, known)
    return known
  }

  async #limitRate({ id, ratePerMinute }: KeyRecord): Promise<void> {
    if (ratePerMinute === null) return
    const limiter = this.#byRate.get(ratePerMinute) ?? new RateLimiterMemory({ points: ratePerMinute, duration: 60 })
    this.#byRate.set(ratePerMinute, limiter)
    await limiter.consume(id).catch((limit: RateLimiterRes) => {
      throw tooMany(`this API key is limited to ${ratePerMinute} requests per minute`, limit)
    })
  }

  async #countWrongKey({ ip }: IncomingCall): Promise<void> {
    await this.#wrongKeys.consume(ip).catch((limit: RateLimiterRes) => {
      throw tooMany('too many wrong API keys', limit)
    })
  }
}

function describeOther(uid: number): string {
  const text = `the server belongs to another user of this machine (you are ${uid})`
  return `${text}: its owner can create an API key for you with ${publicCommand('keys create <name>')}`
}

const tooMany = (what: string, { msBeforeNext }: RateLimiterRes) =>
  new AppError('rate_limited', `${what}; try again later`, { retryAfterS: Math.max(1, Math.ceil(msBeforeNext / 1000)) })

/**
 * Either header may carry the key, on every surface; programs often send both, one of them with a placeholder. Null if
 * neither carries a key of ours. Throws `invalid_request` if there are two different ones.
 */
function secretOf({ raw: { headersDistinct: headers } }: IncomingCall): string | null {
  const bearers = headers.authorization?.map((value) => /^Bearer\s+(\S+)\s*$/i.exec(value)?.[1]) ?? []
  const secrets = [...bearers, ...(headers['x-api-key'] ?? []), ...(headers['api-key'] ?? [])].filter(
    (secret) => secret !== undefined,
  )
  const [first = null, ...others] = secrets.filter((secret) => kindOfSecret(secret) !== 'foreign')
  if (others.every((secret) => secret === first)) return first
  throw new AppError('invalid_request', 'the request carries two different API keys: send one')
}

const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

const isForwarded = ({ headers }: IncomingCall) => forwarding.some((name) => headers[name] !== undefined)

/** Throws `insufficient_scope`. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.may(scope)) return
  throw new AppError('insufficient_scope', `this API key lacks the scope ${scope}, which this request requires`, {
    scope,
  })
}

function budgetExceeded({ name, policy }: KeyRecord, { budgetUsd, spentUsd, period }: BudgetUse): AppError {
  const budget = `its budget of $${budgetUsd}${policy.budgetPeriod === null ? '' : ` a ${policy.budgetPeriod}`}`
  const again = period === null ? '' : `; it resets at ${new Date(period.endMs).toISOString()}`
  const text = `the API key ${name} has spent $${spentUsd.toFixed(4)} of ${budget}${again}`
  const resets = period === null ? {} : { resetsAtMs: period.endMs }
  return new AppError('budget_exceeded', text, { costUsd: spentUsd, ...resets })
}
