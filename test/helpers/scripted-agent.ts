// An agent that plays what a test tells it to and notes what it was asked for; no process and no model stand behind it.
import type { Agent, AgentStats, RunRequest } from '../../src/core/agent.ts'
import type { AnsweredBy, ApprovalAnswer, RunEnd, RunEvent } from '../../src/core/events.ts'
import { AppError, toAppError } from '../../src/errors.ts'

/** What happens in a run: always the same events, or whatever a function makes of the request. */
export type Script =
  | readonly RunEvent[]
  | ((request: RunRequest, signal: AbortSignal) => AsyncIterable<RunEvent> | Iterable<RunEvent>)

export const sessionId = '11111111-2222-4333-8444-555555555555'
export const model = 'claude-scripted-1'

export const runStart = (runId = ''): RunEvent => ({ type: 'run-start', runId, sessionId, model })

export function runEnd(fields: Partial<RunEnd> = {}): RunEnd {
  return {
    type: 'run-end',
    outcome: 'succeeded',
    result: '',
    structuredOutput: null,
    stopReason: 'end_turn',
    stopSequence: null,
    numTurns: 1,
    durationMs: 5,
    usage: {
      inputTokens: 10,
      outputTokens: 2,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      raw: { input_tokens: 10, output_tokens: 2 },
    },
    costUsd: 0.01,
    model,
    sessionId,
    permissionDenials: [],
    error: null,
    ...fields,
  }
}

/** The end of a run that failed, or was cancelled where the code says so. */
export function failedEnd(thrown: unknown, fields: Partial<RunEnd> = {}): RunEnd {
  const { code, message, details } = toAppError(thrown)
  const outcome = code === 'cancelled' ? 'cancelled' : 'failed'
  return runEnd({ outcome, stopReason: null, error: { code, message, details }, ...fields })
}

/** One block of text, whose deltas are `pieces`. */
export function textBlock(index: number, pieces: readonly string[]): RunEvent[] {
  const deltas = pieces.map((text): RunEvent => ({ type: 'text-delta', index, text }))
  return [{ type: 'text-start', index }, ...deltas, { type: 'text-end', index }]
}

/** A run that goes well: a block of text for each argument, given as its deltas. The last one is the result. */
export function goodRun(...blocks: readonly (readonly string[])[]): RunEvent[] {
  const result = blocks.at(-1)?.join('') ?? ''
  return [runStart(), ...blocks.flatMap((pieces, index) => textBlock(index, pieces)), runEnd({ result })]
}

/** Resolves when the signal is aborted, with its reason as an AppError. */
export async function aborted(signal: AbortSignal): Promise<AppError> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  return toAppError(signal.reason)
}

/** A run that says `pieces` and then nothing more until it is ended from outside. */
export async function* untilAborted(signal: AbortSignal, pieces: readonly string[] = []): AsyncGenerator<RunEvent> {
  yield runStart()
  if (pieces.length > 0) yield* textBlock(0, pieces).slice(0, -1)
  yield failedEnd(await aborted(signal))
}

export class ScriptedAgent implements Agent {
  script: Script
  readonly requests: RunRequest[] = []
  readonly signals: AbortSignal[] = []
  /** For each run, how many events it was asked for and got. */
  readonly taken: number[] = []
  /** For each run, whether its last event was taken or it was left early. */
  readonly over: boolean[] = []
  readonly closedWith: number[] = []
  /** What was answered, in order. A script that asks looks here, or waits for `answered`. */
  readonly answers: { runId: string; requestId: string; answer: ApprovalAnswer; by: AnsweredBy }[] = []
  /** Requests that wait for an answer. */
  readonly open = new Set<string>()
  readonly released: string[] = []
  #waiting: (() => void)[] = []

  constructor(script: Script = goodRun(['Hello', ' there'])) {
    this.script = script
  }

  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const at = this.requests.push(request) - 1
    this.signals.push(signal)
    this.taken.push(0)
    this.over.push(false)
    this.#tell()
    try {
      const events = typeof this.script === 'function' ? this.script(request, signal) : this.script
      for await (const event of events) {
        this.taken[at] = (this.taken[at] ?? 0) + 1
        yield event.type === 'run-start' && event.runId === '' ? { ...event, runId: request.runId } : event
      }
    } finally {
      this.over[at] = true
      this.#tell()
    }
  }

  /** Resolves once the agent has been asked for so many runs. */
  async asked(count: number): Promise<void> {
    await this.#until(() => this.requests.length >= count)
  }

  /** Resolves once the n-th run, counted from 0, is over. */
  async ended(at: number): Promise<void> {
    await this.#until(() => this.over[at] === true)
  }

  stats(): AgentStats {
    const live = this.over.filter((isOver) => !isOver).length
    return { processes: { live, idle: 0, spare: 0, busy: live, starting: 0, max: 4 }, queue: { waiting: 0, limit: 64 } }
  }

  answer(runId: string, requestId: string, answer: ApprovalAnswer, by: AnsweredBy = 'caller'): boolean {
    if (!this.open.delete(requestId)) return false
    this.answers.push({ runId, requestId, answer, by })
    this.#tell()
    return true
  }

  /** Resolves once so many answers were given. */
  async answered(count: number): Promise<void> {
    await this.#until(() => this.answers.length >= count)
  }

  async unloadSession(sessionId: string): Promise<boolean> {
    this.released.push(sessionId)
    return true
  }

  async close(deadlineMs: number): Promise<void> {
    this.closedWith.push(deadlineMs)
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A script that throws before its first event, as an agent does that has no room. */
export function refusing(error: AppError): Script {
  return () => {
    throw error
  }
}

export const queueFull = () => new AppError('queue_full', 'too many runs are waiting', { retryAfterS: 2.5 })
