// One line of the input to its end: which failures are the line's own, which are waited out and tried again, and which no line would
// get past. Each attempt has a name of its own at the server, and has the same one at the next start: so the runs of a batch that was
// killed are found, one after the other, and none is begun a second time.
import { createHash } from 'node:crypto'
import { CommandError } from '../command.ts'
import type { Item, Request } from './input.ts'
import { type Pace, Stopped } from './pace.ts'
import { type BatchServer, type RunEnd, Unreachable } from './server.ts'

export type Ended = { end: RunEnd; runId: string | null; attempt: number }

/** `isOld`: an earlier start of this batch has begun the run. */
type Outcome = { end: RunEnd; runId: string | null; isOld: boolean }

type Asked = Omit<Outcome, 'isOld'> & { isReplay: boolean }

type Failed = Extract<RunEnd, { kind: 'failed' }>

/** `isFresh`: the run is there and has ended, so that another one has to be begun. */
type Verdict = { kind: 'done' } | { kind: 'again'; isFresh: boolean; waitS: number } | { kind: 'away' }

/** How often a line is tried that the server puts off, or that takes the server down. */
const triesMax = 7

/** No line would get past these. */
const hopeless = new Set([
  'unauthorized',
  'insufficient_scope',
  'host_not_allowed',
  'claude_not_found',
  'claude_not_logged_in',
])

export type AttemptsOptions = {
  server: Pick<BatchServer, 'start' | 'follow' | 'cancel'>
  pace: Pace
  /** What the names of requests are made of. */
  batch: string
  defaults: Request
  /** Ends what runs. */
  abort: AbortSignal
}

export class Attempts {
  readonly #options: AttemptsOptions

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** Throws Stopped, and CommandError where no line would get any further. */
  async finish(item: Item, first: number): Promise<Ended> {
    let [attempt, tries] = [first, 1]
    for (;;) {
      const outcome = await this.#once(item, attempt)
      const { end, runId, isOld } = outcome
      const verdict = end.kind === 'succeeded' ? done : this.#judge(outcome, end, item)
      if (verdict.kind === 'done' || tries > triesMax) return { end, runId, attempt }
      if (!isOld) tries++
      if (verdict.kind === 'away') this.#options.pace.noteAway()
      else if (verdict.waitS > 0 && end.kind === 'failed') this.#options.pace.pause(verdict.waitS, end.error.message)
      if (verdict.kind === 'away' ? runId !== null : verdict.isFresh) attempt++
    }
  }

  /** Until the server has said how it ended, however often the connection breaks. */
  async #once(item: Item, attempt: number): Promise<Outcome> {
    const { pace } = this.#options
    for (let isFirst = true; ; isFirst = false) {
      await pace.ready()
      try {
        const { end, runId, isReplay } = await this.#ask(item, attempt)
        return { end, runId, isOld: isReplay && isFirst }
      } catch (fault) {
        if (!(fault instanceof Unreachable)) throw fault
        if (fault.retryAfterS === null) pace.noteAway()
        else pace.pause(fault.retryAfterS, fault.message)
      }
    }
  }

  async #ask({ id, hash, request }: Item, attempt: number): Promise<Asked> {
    const { server, pace, batch, abort } = this.#options
    const name = createHash('sha256')
      .update(JSON.stringify([batch, id, hash, attempt]))
      .digest('base64url')
    const start = await server.start(request, name)
    pace.noteAnswer()
    if ('kind' in start) return { end: start, runId: null, isReplay: false }
    const { runId, isReplay } = start
    try {
      return { end: await server.follow(runId, abort), runId, isReplay }
    } catch (fault) {
      if (!abort.aborted) throw fault
      await server.cancel(runId)
      throw new Stopped()
    }
  }

  /** Throws CommandError. */
  #judge({ runId, isOld }: Outcome, failed: Failed, item: Item): Verdict {
    const { error, retryAfterS } = failed
    const { code, status } = error
    const isPutOff = retryAfterS !== null && (status === 429 || status === 503)
    // What was in the way then may not be any more; and this batch itself has cancelled it when it was stopped.
    const isPast = isOld && (isPutOff || hopeless.has(code) || code === 'cancelled' || code === 'shutting_down')
    if (isPast || code === 'interrupted') return { kind: 'again', isFresh: true, waitS: 0 }
    this.#refuseHopeless(failed, runId, item)
    if (code === 'shutting_down') return { kind: 'away' }
    if (isPutOff) return { kind: 'again', isFresh: runId !== null, waitS: retryAfterS }
    // The name is that of a run which the server has forgotten.
    if (code === 'conflict' && runId === null) return { kind: 'again', isFresh: true, waitS: 0 }
    return done
  }

  #refuseHopeless({ error: { code, message }, field }: Failed, runId: string | null, { own }: Item): void {
    const isHopeless = hopeless.has(code) || (code === 'budget_exceeded' && runId === null)
    if (isHopeless) {
      const hint = code === 'unauthorized' ? '; CLAUDE_SERVE_API_KEY must hold a key of this server' : ''
      throw new CommandError(`${message}${hint}`)
    }
    const name = field?.split(/[.[]/)[0] ?? ''
    if (name in this.#options.defaults && !own.has(name))
      throw new CommandError(`what --model or --defaults gives to every line is refused: ${message}`)
  }
}

const done: Verdict = { kind: 'done' }
