// The one internal language: what happens during a run, as a sequence of RunEvents. Every surface translates from these
// and none knows how they are made. Also the rules of their order, which every stream in every test is held against.
import type { AppError, ErrorCode, ErrorDetails } from '../errors.ts'

/**
 * Tokens, as the model's API counts them, summed over the requests of one run. `raw` is the usage object as the CLI
 * reported it, for surfaces that pass further figures through.
 */
export type Usage = {
  inputTokens: number
  outputTokens: number
  cacheReadInputTokens: number
  cacheCreationInputTokens: number
  raw: Record<string, unknown>
}

/** A tool call that was refused during a run. */
export type PermissionDenial = { toolName: string; toolId: string; input: Record<string, unknown> }

/** What a person has to decide before the run goes on: whether a tool may be used, or what Claude wants to know. */
export type ApprovalRequest = {
  requestId: string
  kind: 'permission' | 'question'
  toolName: string
  toolId: string
  /** Of a question: `{ questions: [...] }`. */
  input: Record<string, unknown>
  /** What it would do, in the CLI's words; null where it says nothing. */
  description: string | null
  /** The file outside the allowed folders, where that is the reason. */
  blockedPath: string | null
  /** Rules that would spare the next such request, as the CLI writes them. */
  suggestions: unknown[]
}

/** `remember`: do not ask again for the like, as long as the conversation's process lives. */
export type ApprovalAnswer =
  | { behavior: 'allow'; updatedInput: Record<string, unknown> | null; remember: boolean }
  | { behavior: 'deny'; message: string | null }

/** `run`: the run went on or ended without an answer. */
export type AnsweredBy = 'caller' | 'timeout' | 'run'

/** How a run ended. */
export type RunOutcome = 'succeeded' | 'failed' | 'cancelled'

/** The last event of every run. `costUsd` is an estimate at list prices, null where it is not known. */
export type RunEnd = {
  type: 'run-end'
  outcome: RunOutcome
  /** The text of the last answer; empty where there is none. */
  result: string
  structuredOutput: unknown
  stopReason: string | null
  /** Which of the request's stop sequences ended the answer. */
  stopSequence: string | null
  numTurns: number
  durationMs: number
  usage: Usage
  costUsd: number | null
  model: string
  sessionId: string
  permissionDenials: PermissionDenial[]
  error: { code: ErrorCode; message: string; details: ErrorDetails } | null
}

/**
 * What happens during a run. Blocks (text, thinking, tool) carry an `index` that counts up from 0 within the run and is
 * never used twice; a block's start, deltas and end share it. Thinking is signed by the model's API, which takes it back only
 * so; what it will not show comes as `thinking-redacted`. After an `ask` the run waits until it is answered. `waitedMs` is how long the run had no process, in milliseconds. `usage` is what a message of the model had counted when it began;
 * `retry` says that the CLI asks the model's API again.
 */
export type RunEvent =
  | { type: 'run-start'; runId: string; sessionId: string; model: string; cwd?: string; waitedMs?: number }
  | { type: 'text-start' | 'text-end'; index: number }
  | { type: 'text-delta'; index: number; text: string }
  | { type: 'thinking-start' | 'thinking-end'; index: number }
  | { type: 'thinking-delta'; index: number; text: string }
  | { type: 'thinking-signature'; index: number; signature: string }
  | { type: 'thinking-redacted'; index: number; data: string }
  | { type: 'tool-start'; index: number; toolId: string; name: string }
  | { type: 'tool-delta'; index: number; json: string }
  | { type: 'tool-end'; index: number }
  | { type: 'tool-result'; toolId: string; isError: boolean; text: string }
  | ({ type: 'ask' } & ApprovalRequest)
  | { type: 'ask-answered'; requestId: string; behavior: 'allow' | 'deny'; by: AnsweredBy }
  | { type: 'usage'; usage: Usage }
  | { type: 'retry'; attempt: number; delayMs: number; upstreamStatus: number | null }
  | RunEnd

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  raw: {},
}

/** A run's end of which nothing is known but why. */
export function endOfRun({ sessionId, model }: { sessionId: string; model: string }, error: AppError | null): RunEnd {
  return {
    type: 'run-end',
    outcome: error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed',
    result: '',
    structuredOutput: null,
    stopReason: null,
    stopSequence: null,
    numTurns: 0,
    durationMs: 0,
    usage: noUsage,
    costUsd: null,
    model,
    sessionId,
    permissionDenials: [],
    error: error === null ? null : { code: error.code, message: error.message, details: error.details },
  }
}

const contentTypes: ReadonlySet<RunEvent['type']> = new Set([
  'ask',
  'text-delta',
  'thinking-delta',
  'tool-start',
  'tool-result',
])

/** Whether the event shows the caller something that cannot be taken back: words, thoughts or a tool's work. */
export function isContent(event: RunEvent): boolean {
  return contentTypes.has(event.type)
}

const blockless: ReadonlySet<RunEvent['type']> = new Set(['tool-result', 'retry', 'usage', 'ask', 'ask-answered'])

const kindOf = (type: RunEvent['type']) => type.slice(0, type.indexOf('-'))

/**
 * Checks the order of a run's events: first `run-start`, last `run-end`, once each, and blocks that open, go on and
 * close under an index of their own. A block may be cut short only by the end of a run that did not succeed.
 */
export class OrderChecker {
  #started = false
  #ended = false
  #open = new Map<number, string>()
  #used = new Set<number>()

  /** Takes the next event; throws an Error that names the broken rule. */
  accept(event: RunEvent): void {
    if (this.#ended) throw new Error(`${event.type} after run-end`)
    if (event.type === 'run-start') return this.#start()
    if (!this.#started) throw new Error(`${event.type} before run-start`)
    if (event.type === 'run-end') return this.#end(event)
    if (blockless.has(event.type)) return
    this.#block(event)
  }

  /** Call when the stream is over; throws where `run-end` is missing. */
  finish(): void {
    if (!this.#ended) throw new Error('the stream is over without run-end')
  }

  #start(): void {
    if (this.#started) throw new Error('run-start twice')
    this.#started = true
  }

  #end(event: RunEnd): void {
    if (event.outcome === 'succeeded' && this.#open.size > 0) throw new Error('run-end with an open block')
    if ((event.outcome === 'failed') !== (event.error !== null && event.error.code !== 'cancelled')) {
      throw new Error(`run-end with outcome ${event.outcome} and error ${event.error?.code ?? 'null'}`)
    }
    this.#ended = true
  }

  #block(event: RunEvent): void {
    if (!('index' in event)) throw new Error(`${event.type} belongs to no block`)
    const kind = kindOf(event.type)
    if (event.type.endsWith('-start')) {
      if (this.#used.has(event.index)) throw new Error(`block ${event.index} started twice`)
      this.#used.add(event.index)
      this.#open.set(event.index, kind)
      return
    }
    if (this.#open.get(event.index) !== kind)
      throw new Error(`${event.type} for block ${event.index}, which is not open`)
    if (event.type.endsWith('-end')) this.#open.delete(event.index)
  }
}
