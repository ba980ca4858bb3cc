// An agent that plays a script from the test and records its requests, without a process or a model.
import { type Agent, type AgentStats, noQuota, type RunRequest } from '../../src/core/agent.ts'
import type { AnsweredBy, ApprovalAnswer, RunEnd, RunEvent } from '../../src/core/events.ts'
import { AppError, toAppError } from '../../src/errors.ts'

/** What happens in a run: always the same events, or those that a function returns for the request. */
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

/** The end of a run that failed, or was cancelled if that is the error's code. */
export function failedEnd(thrown: unknown, fields: Partial<RunEnd> = {}): RunEnd {
  const { code, message, details } = toAppError(thrown)
  const outcome = code === 'cancelled' ? 'cancelled' : 'failed'
  return runEnd({ outcome, stopReason: null, error: { code, message, details }, ...fields })
}

/** One block of text with `pieces` as its deltas. */
export function textBlock(index: number, pieces: readonly string[]): RunEvent[] {
  const deltas = pieces.map((text): RunEvent => ({ type: 'text-delta', index, text }))
  return [{ type: 'text-start', index }, ...deltas, { type: 'text-end', index }]
}

/** A run that succeeds: one block of text for each argument, which is its deltas. The last block is the result. */
export function goodRun(...blocks: readonly (readonly string[])[]): RunEvent[] {
  const result = blocks.at(-1)?.join('') ?? ''
  return [runStart(), ...blocks.flatMap((pieces, index) => textBlock(index, pieces)), runEnd({ result })]
}

/** Resolves when the signal is aborted, with its reason as an AppError. */
export async function aborted(signal: AbortSignal): Promise<AppError> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  return toAppError(signal.reason)
}

/** A run that emits `pieces`, then nothing more until it is aborted. */
export async function* untilAborted(signal: AbortSignal, pieces: readonly string[] = []): AsyncGenerator<RunEvent> {
  yield runStart()
  if (pieces.length > 0) yield* textBlock(0, pieces).slice(0, -1)
  yield failedEnd(await aborted(signal))
}

export class ScriptedAgent implements Agent {
  script: Script
  readonly requests: RunRequest[] = []
  readonly signals: AbortSignal[] = []
  /** For each run, how many of its events were read. */
  readonly taken: number[] = []
  /** For each run, whether it is over: its last event was read, or its reader left early. */
  readonly over: boolean[] = []
  readonly closedWith: number[] = []
  /** The answers to approvals, in order. A script that waits for one reads this, or awaits `answered`. */
  readonly answers: { runId: string; requestId: string; answer: ApprovalAnswer; by: AnsweredBy }[] = []
  /** The ids of pending approvals. */
  readonly open = new Set<string>()
  readonly unloaded: string[] = []
  #waiting: (() => void)[] = []

  constructor(script: Script = goodRun(['Hello', ' there'])) {
    this.script = script
  }

  async *run(request: RunRequest, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const index = this.requests.push(request) - 1
    this.signals.push(signal)
    this.taken.push(0)
    this.over.push(false)
    this.#notify()
    try {
      const events = typeof this.script === 'function' ? this.script(request, signal) : this.script
      for await (const event of events) {
        this.taken[index] = (this.taken[index] ?? 0) + 1
        yield event.type === 'run-start' && event.runId === '' ? { ...event, runId: request.runId } : event
      }
    } finally {
      this.over[index] = true
      this.#notify()
    }
  }

  /** Resolves once this many runs have been requested. */
  async requested(count: number): Promise<void> {
    await this.#until(() => this.requests.length >= count)
  }

  /** Resolves once the run with this index is over. */
  async ended(index: number): Promise<void> {
    await this.#until(() => this.over[index] === true)
  }

  stats(): AgentStats {
    const live = this.over.filter((isOver) => !isOver).length
    return {
      processes: { live, idle: 0, spare: 0, busy: live, starting: 0, max: 4 },
      queue: { waiting: 0, limit: 64 },
      quota: noQuota,
    }
  }

  answer(runId: string, requestId: string, answer: ApprovalAnswer, by: AnsweredBy = 'caller'): boolean {
    if (!this.open.delete(requestId)) return false
    this.answers.push({ runId, requestId, answer, by })
    this.#notify()
    return true
  }

  /** Resolves once this many approvals have been answered. */
  async answered(count: number): Promise<void> {
    await this.#until(() => this.answers.length >= count)
  }

  async unloadSession(sessionId: string): Promise<boolean> {
    this.unloaded.push(sessionId)
    return true
  }

  async close(deadlineMs: number): Promise<void> {
    this.closedWith.push(deadlineMs)
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #notify(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A script that throws before its first event, like an agent whose queue is full. */
export function refusing(error: AppError): Script {
  return () => {
    throw error
  }
}

export const queueFull = () => new AppError('queue_full', 'too many runs are waiting', { retryAfterS: 2.5 })
