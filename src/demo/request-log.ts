// The requests that reached the scripted upstream, and promises for those that have yet to arrive.
// Stores credentials only in masked form.
import type { IncomingHttpHeaders } from 'node:http'
import type { MessagesBody } from './messages-body.ts'
import type { Step } from './step.ts'

export type RecordedRequest = {
  /** Counts from 1, since the start or the last reset. */
  n: number
  receivedAtMs: number
  method: string
  url: string
  headers: Record<string, string | string[] | undefined>
  bytes: number
  raw: string
  body: MessagesBody | null
  step?: Step
  status?: number
  /** The client disconnected before the reply was complete. */
  aborted?: boolean
  /** The duration, set when the exchange is over. */
  ms?: number
  requestId: string
}

export type RequestPredicate = (request: RecordedRequest) => boolean

type Waiter = {
  matches: RequestPredicate
  resolve: (request: RecordedRequest) => void
  reject: (reason: Error) => void
}

const CREDENTIALS = ['x-api-key', 'authorization', 'proxy-authorization', 'cookie']

export function maskCredentials(headers: IncomingHttpHeaders): RecordedRequest['headers'] {
  const masked: RecordedRequest['headers'] = { ...headers }
  for (const name of CREDENTIALS) {
    const value = masked[name]
    if (typeof value === 'string') masked[name] = mask(value)
  }
  return masked
}

/** The scheme ("Bearer") and the last four characters; nothing of a value so short that these would reveal it. */
function mask(value: string): string {
  const [scheme, ...rest] = value.split(' ')
  const secret = rest.length > 0 ? rest.join(' ') : value
  const shown = secret.length > 8 ? secret.slice(-4) : ''
  return rest.length > 0 ? `${scheme} ...${shown}` : `...${shown}`
}

export class RequestLog {
  readonly requests: RecordedRequest[] = []
  readonly #requestsMax: number
  readonly #arrivals = new Set<Waiter>()
  readonly #aborts = new Set<Waiter>()
  /** The unfinished requests since the last reset: a late abort of an older one no longer matters. */
  #open = new Set<RecordedRequest>()
  #inFlight = 0
  #count = 0
  #aborted = 0

  constructor(requestsMax: number) {
    this.#requestsMax = requestsMax
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get aborted(): number {
    return this.#aborted
  }

  add(request: Omit<RecordedRequest, 'n'>): RecordedRequest {
    const recorded: RecordedRequest = { n: ++this.#count, ...request }
    this.requests.push(recorded)
    if (this.requests.length > this.#requestsMax) this.requests.shift()
    this.#inFlight++
    this.#open.add(recorded)
    settle(this.#arrivals, recorded)
    return recorded
  }

  finish(request: RecordedRequest, aborted: boolean): void {
    request.ms = Date.now() - request.receivedAtMs
    this.#inFlight--
    const isCurrent = this.#open.delete(request)
    if (!aborted) return
    request.aborted = true
    if (!isCurrent) return
    this.#aborted++
    settle(this.#aborts, request)
  }

  reset(): void {
    this.requests.length = 0
    this.#open = new Set()
    this.#count = 0
    this.#aborted = 0
  }

  waitForRequest(matches: RequestPredicate, fromIndex: number): Promise<RecordedRequest> {
    return this.#wait(this.#arrivals, (request) => request.n > fromIndex && matches(request))
  }

  waitForAbort(matches: RequestPredicate): Promise<RecordedRequest> {
    return this.#wait(this.#aborts, (request) => request.aborted === true && matches(request))
  }

  close(): void {
    for (const waiter of [...this.#arrivals, ...this.#aborts]) waiter.reject(new Error('The upstream was closed'))
    this.#arrivals.clear()
    this.#aborts.clear()
  }

  #wait(waiters: Set<Waiter>, matches: RequestPredicate): Promise<RecordedRequest> {
    const known = this.requests.find(matches)
    if (known) return Promise.resolve(known)
    const { promise, resolve, reject } = Promise.withResolvers<RecordedRequest>()
    waiters.add({ matches, resolve, reject })
    // The waiting test may be over long before the upstream is closed.
    promise.catch(() => {})
    return promise
  }
}

function settle(waiters: Set<Waiter>, request: RecordedRequest): void {
  for (const waiter of waiters) {
    if (!waiter.matches(request)) continue
    waiters.delete(waiter)
    waiter.resolve(request)
  }
}
