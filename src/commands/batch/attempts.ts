// Processes one input line until it has an outcome. Decides which failures belong to the line, which are retried after a wait, and which
// would fail every line. Each attempt has its own idempotency key, and the next invocation derives the same keys: it finds the runs of a
// batch that was killed, one after the other, and starts none of them twice.
import { createHash } from 'node:crypto'
import { CommandError } from '../command.ts'
import type { Item, Request } from './input.ts'
import { type Pace, Stopped } from './pace.ts'
import { type BatchServer, type RunEnd, Unreachable } from './server.ts'

export type LineOutcome = { end: RunEnd; runId: string | null; attempt: number }

/** `isEarlierRun`: an earlier invocation of this batch started the run. */
type Outcome = { end: RunEnd; runId: string | null; isEarlierRun: boolean }

type AttemptResult = Omit<Outcome, 'isEarlierRun'> & { isReplay: boolean }

type FailedEnd = Extract<RunEnd, { kind: 'failed' }>

/** `needsNewRun`: the run exists and has ended, so the next attempt must start another. */
type Verdict = { kind: 'done' } | { kind: 'retry'; needsNewRun: boolean; waitS: number } | { kind: 'unreachable' }

/** How often a line is retried if the server defers it, or goes down while running it. */
const triesMax = 7

/** Error codes that every line would fail with. */
const fatalCodes = new Set([
  'unauthorized',
  'insufficient_scope',
  'host_not_allowed',
  'claude_not_found',
  'claude_not_logged_in',
])

export type AttemptsOptions = {
  server: Pick<BatchServer, 'start' | 'follow' | 'cancel'>
  pace: Pace
  /** What idempotency keys are derived from. */
  batch: string
  defaults: Request
  /** Cancels the runs in progress. */
  abort: AbortSignal
}

export class Attempts {
  readonly #options: AttemptsOptions

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** Throws Stopped, and CommandError if every other line would fail too. */
  async finish(item: Item, first: number): Promise<LineOutcome> {
    let [attempt, tries] = [first, 1]
    for (;;) {
      const outcome = await this.#attemptOnce(item, attempt)
      const { end, runId, isEarlierRun } = outcome
      const verdict = end.kind === 'succeeded' ? done : this.#judge(outcome, end, item)
      if (verdict.kind === 'done' || tries > triesMax) return { end, runId, attempt }
      if (!isEarlierRun) tries++
      if (verdict.kind === 'unreachable') this.#options.pace.noteUnreachable()
      else if (verdict.waitS > 0 && end.kind === 'failed') this.#options.pace.pause(verdict.waitS, end.error.message)
      if (verdict.kind === 'unreachable' ? runId !== null : verdict.needsNewRun) attempt++
    }
  }

  /** Returns once the server has reported how the run ended, however often the connection breaks. */
  async #attemptOnce(item: Item, attempt: number): Promise<Outcome> {
    const { pace } = this.#options
    for (let isFirst = true; ; isFirst = false) {
      await pace.ready()
      try {
        const { end, runId, isReplay } = await this.#send(item, attempt)
        return { end, runId, isEarlierRun: isReplay && isFirst }
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error
        if (error.retryAfterS === null) pace.noteUnreachable()
        else pace.pause(error.retryAfterS, error.message)
      }
    }
  }

  async #send({ id, hash, request }: Item, attempt: number): Promise<AttemptResult> {
    const { server, pace, batch, abort } = this.#options
    const idempotencyKey = createHash('sha256')
      .update(JSON.stringify([batch, id, hash, attempt]))
      .digest('base64url')
    const start = await server.start(withoutTrace(request), idempotencyKey)
    pace.noteAnswer()
    if ('kind' in start) return { end: start, runId: null, isReplay: false }
    const { runId, isReplay } = start
    try {
      return { end: await server.follow(runId, abort), runId, isReplay }
    } catch (error) {
      if (!abort.aborted) throw error
      await server.cancel(runId)
      throw new Stopped()
    }
  }

  /** Throws CommandError. */
  #judge({ runId, isEarlierRun }: Outcome, failed: FailedEnd, item: Item): Verdict {
    const { error, retryAfterS } = failed
    const { code, status } = error
    const isDeferred = retryAfterS !== null && (status === 429 || status === 503)
    // That problem may be solved by now; and a cancelled run was cancelled by this batch itself when it was stopped.
    const isPast =
      isEarlierRun && (isDeferred || fatalCodes.has(code) || code === 'cancelled' || code === 'shutting_down')
    if (isPast || code === 'interrupted') return { kind: 'retry', needsNewRun: true, waitS: 0 }
    this.#throwIfFatal(failed, runId, item)
    if (code === 'shutting_down') return { kind: 'unreachable' }
    if (isDeferred) return { kind: 'retry', needsNewRun: runId !== null, waitS: retryAfterS }
    // The key belongs to a run that the server has deleted.
    if (code === 'conflict' && runId === null) return { kind: 'retry', needsNewRun: true, waitS: 0 }
    return done
  }

  #throwIfFatal({ error: { code, message }, field }: FailedEnd, runId: string | null, { own }: Item): void {
    const isFatal = fatalCodes.has(code) || (code === 'budget_exceeded' && runId === null)
    if (isFatal) {
      const hint = code === 'unauthorized' ? '; set CLAUDE_SERVE_API_KEY to a key of this server' : ''
      throw new CommandError(`${message}${hint}`)
    }
    const fieldName = field?.split(/[.[]/)[0] ?? ''
    if (fieldName in this.#options.defaults && !own.has(fieldName))
      throw new CommandError(
        `the server rejects a value from --model or --defaults, which applies to every line: ${message}`,
      )
  }
}

/** Hundreds of lines would be hundreds of conversations in the CLI's list; one that a line continues has its file already. */
export function withoutTrace(request: Request): Request {
  const isContinued = typeof request.session_id === 'string' && request.fork !== true
  return 'persist' in request || isContinued ? request : { ...request, persist: false }
}

const done: Verdict = { kind: 'done' }
