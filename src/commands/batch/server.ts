// One request as a run of the server's: begun in the background under a name of its own, so that it is never begun twice and outlives
// this process, then followed to its end. Not for what is tried again (see attempts.ts).
import { processEnvironment } from '../../config/load.ts'
import { errorCodes } from '../../errors.ts'
import { CommandError } from '../command.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import type { AnswerError } from './answers.ts'
import { isObject, type Request } from './input.ts'
import { linesOf } from './lines.ts'

/** `isReplay`: an earlier request of this name had begun the run. */
export type RunStart = { runId: string; isReplay: boolean }

export type RunEnd =
  | { kind: 'succeeded'; response: Record<string, unknown>; costUsd: number }
  | { kind: 'failed'; error: AnswerError; field: string | null; retryAfterS: number | null; costUsd: number }

/** The server said no: there is no run. */
export type Refusal = Extract<RunEnd, { kind: 'failed' }>

/** No server answered, or it went away in the middle: nothing is known of what became of the run. */
export class Unreachable extends Error {
  /** How long the server asks to wait, if it does. */
  readonly retryAfterS: number | null

  constructor(message: string, options: ErrorOptions & { retryAfterS?: number | null } = {}) {
    super(message, options)
    this.retryAfterS = options.retryAfterS ?? null
  }
}

export class BatchServer {
  readonly #flags: ServerFlags
  readonly #headers: Record<string, string>
  #client: ServerClient | null = null

  constructor(flags: ServerFlags) {
    this.#flags = flags
    const key = processEnvironment().CLAUDE_SERVE_API_KEY || null
    this.#headers = key === null ? {} : { authorization: `Bearer ${key}` }
  }

  /** Throws CommandError where there is no server, or one that is not ours. */
  async check(): Promise<void> {
    this.#client = await ServerClient.find(this.#flags)
    await this.#client.send('GET', '/livez')
  }

  /** Throws Unreachable. */
  async start(request: Request, name: string): Promise<RunStart | Refusal> {
    const response = await this.#fetch('/v1/chat', { body: { ...request, background: true }, name })
    const body = await response.json().catch((fault) => this.#lost(fault))
    if (!response.ok) return refusalOf(response, body)
    if (response.status !== 202 || !isObject(body) || typeof body.id !== 'string')
      throw new CommandError(`${response.url} does not answer as claude-serve does: see --url`)
    return { runId: body.id, isReplay: response.headers.get('idempotent-replayed') === 'true' }
  }

  /** Throws Unreachable, and the signal's reason. */
  async follow(runId: string, signal: AbortSignal): Promise<RunEnd> {
    const response = await this.#fetch(`/v1/runs/${runId}/events`, { signal })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Unreachable(`the events of ${runId} cannot be read`, { retryAfterS: retryAfterOf(response) })
    }
    try {
      for await (const { bytes } of linesOf(response.body)) {
        const end = bytes === null ? null : endOf(bytes.toString())
        if (end !== null) return end
      }
    } catch (fault) {
      signal.throwIfAborted()
      return this.#lost(fault)
    }
    return this.#lost(`the events of ${runId} broke off`)
  }

  /** Settles when the run has ended. One that cannot be reached is gone by itself. */
  async cancel(runId: string): Promise<void> {
    await this.#fetch(`/v1/runs/${runId}/cancel`, { body: {} })
      .then((response) => response.arrayBuffer())
      .catch(() => {})
  }

  async #fetch(path: string, { body, name, signal }: { body?: object; name?: string; signal?: AbortSignal }) {
    try {
      // A server that was started anew may have another address.
      this.#client ??= await ServerClient.find(this.#flags)
      return await fetch(`${this.#client.url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...this.#headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(name === undefined ? {} : { 'idempotency-key': name }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (fault) {
      signal?.throwIfAborted()
      return this.#lost(fault)
    }
  }

  #lost(fault: unknown): never {
    this.#client = null
    throw new Unreachable('the server cannot be reached', { cause: fault })
  }
}

/** The end that a line of the stream tells; null for any other line. */
function endOf(line: string): RunEnd | null {
  if (!/^data: \{"type":"(?:done|error)"/.test(line)) return null
  const { type, ...body } = JSON.parse(line.slice('data: '.length)) as Record<string, unknown>
  return type === 'done' ? { kind: 'succeeded', response: body, costUsd: costOf(body) } : failureOf(body, null)
}

function refusalOf(response: Response, body: unknown): Refusal {
  const failure = failureOf(isObject(body) ? body : {}, response.status)
  return { ...failure, retryAfterS: retryAfterOf(response) }
}

function retryAfterOf({ headers }: Response): number | null {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null
}

function failureOf(body: Record<string, unknown>, status: number | null): Refusal {
  const code = typeof body.code === 'string' ? body.code : 'unknown'
  const message = typeof body.error === 'string' ? body.error : `the server answered with status ${status}`
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

const costOf = ({ cost_usd: cost }: Record<string, unknown>): number => (typeof cost === 'number' ? cost : 0)
