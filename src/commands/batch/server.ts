// Sends one request as a background run with its own idempotency key, so that it is never started twice and outlives this process, and
// follows it to its end. Not for retries (see attempts.ts).
import { errorCodes } from '../../errors.ts'
import { isObject } from '../../platform/json.ts'
import { CommandError } from '../command.ts'
import { eventsOf } from '../run-events.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import type { AnswerError } from './answers.ts'
import type { Request } from './input.ts'

/** `isReplay`: an earlier request with the same idempotency key started the run. */
export type RunStart = { runId: string; isReplay: boolean }

export type RunEnd =
  | { kind: 'succeeded'; response: Record<string, unknown>; costUsd: number }
  | { kind: 'failed'; error: AnswerError; field: string | null; retryAfterS: number | null; costUsd: number }

/** The server rejected the request: there is no run. */
export type Refusal = Extract<RunEnd, { kind: 'failed' }>

/** No server responded, or the connection broke: what became of the run is unknown. */
export class Unreachable extends Error {
  /** How long the server requires to wait, if it does. */
  readonly retryAfterS: number | null

  constructor(message: string, options: ErrorOptions & { retryAfterS?: number | null } = {}) {
    super(message, options)
    this.retryAfterS = options.retryAfterS ?? null
  }
}

export class BatchServer {
  readonly #flags: ServerFlags
  #client: ServerClient | null = null

  constructor(flags: ServerFlags) {
    this.#flags = flags
  }

  /** Throws CommandError if there is no server, or it is not claude-serve. */
  async check(): Promise<void> {
    this.#client = await ServerClient.find(this.#flags)
    // A page in its place is no claude-serve that comes back. Any JSON will do: start() looks closer.
    await this.#client.json<object>('/livez', () => true)
  }

  /** Throws Unreachable. */
  async start(request: Request, idempotencyKey: string): Promise<RunStart | Refusal> {
    const response = await this.fetch('POST', '/v1/chat', {
      body: { ...request, background: true },
      headers: { 'idempotency-key': idempotencyKey },
    })
    const body = await response.json().catch((error) => this.#unreachable(error))
    if (!response.ok) return refusalOf(response, body)
    if (response.status !== 202 || !isObject(body) || typeof body.id !== 'string')
      throw new CommandError(`the server at ${response.url} does not respond like claude-serve: check --url`)
    return { runId: body.id, isReplay: response.headers.get('idempotent-replayed') === 'true' }
  }

  /** Throws Unreachable, and the signal's reason. */
  async follow(runId: string, signal: AbortSignal): Promise<RunEnd> {
    const response = await this.fetch('GET', `/v1/runs/${runId}/events`, { signal })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Unreachable(`the events of ${runId} cannot be read`, { retryAfterS: retryAfterOf(response) })
    }
    try {
      for await (const { type, ...body } of eventsOf(response.body)) {
        if (type === 'done') return { kind: 'succeeded', response: body, costUsd: costOf(body) }
        if (type === 'error') return failureOf(body, null)
      }
    } catch (error) {
      signal.throwIfAborted()
      return this.#unreachable(error)
    }
    return this.#unreachable(`the events of ${runId} ended early`)
  }

  /** Settles when the run has ended. Errors are ignored: an unreachable server takes its runs with it. */
  async cancel(runId: string): Promise<void> {
    await this.fetch('POST', `/v1/runs/${runId}/cancel`, { body: {} })
      .then((response) => response.arrayBuffer())
      .catch(() => {})
  }

  /** The response, whatever its status. Throws Unreachable, and the signal's reason. */
  async fetch(method: string, path: string, options: Parameters<ServerClient['fetch']>[2] = {}): Promise<Response> {
    try {
      // A restarted server may have another address.
      this.#client ??= await ServerClient.find(this.#flags)
      return await this.#client.fetch(method, path, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      return this.#unreachable(error)
    }
  }

  #unreachable(error: unknown): never {
    this.#client = null
    throw new Unreachable('the server cannot be reached', { cause: error })
  }
}

function refusalOf(response: Response, body: unknown): Refusal {
  const failure = failureOf(isObject(body) ? body : {}, response.status)
  return { ...failure, retryAfterS: retryAfterOf(response) }
}

/** How many seconds the server requires to wait; null if it does not. */
export function retryAfterOf({ headers }: Response): number | null {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null
}

/** What the body of a failed request says. */
export function failureOf(body: Record<string, unknown>, status: number | null): Refusal {
  const code = typeof body.code === 'string' ? body.code : 'unknown'
  const message = typeof body.error === 'string' ? body.error : `the server returned status ${status}`
  const details = isObject(body.details) ? body.details : {}
  const { field, retry_after_s: seconds } = details
  return {
    kind: 'failed',
    error: { code, message, status: status ?? statusOf(code) },
    field: typeof field === 'string' ? field : null,
    retryAfterS: typeof seconds === 'number' ? seconds : null,
    costUsd: costOf(details),
  }
}

function statusOf(code: string): number | null {
  const facts = Object.entries(errorCodes).find(([name]) => name === code)?.[1]
  return facts?.status ?? null
}

export const costOf = ({ cost_usd: cost }: Record<string, unknown>): number => (typeof cost === 'number' ? cost : 0)
