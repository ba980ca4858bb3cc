// What happens during a run, as a sequence of RunEvents. Every surface translates these into its own API, and none
// knows how they are produced. Tests check every stream against the rules for their order.

import type { AppError, ErrorCode, ErrorDetails } from '../errors.ts'
import { isObject } from '../platform/json.ts'

/**
 * Tokens, as the model's API counts them, summed over the requests of one run. `raw` is the usage object as the CLI
 * reported it, for surfaces that pass on more of its figures.
 */
export type Usage = {
  inputTokens: number
  outputTokens: number
  cacheReadInputTokens: number
  cacheCreationInputTokens: number
  raw: Record<string, unknown>
}

/** A tool call that was denied during a run. */
type PermissionDenial = { toolName: string; toolId: string; input: Record<string, unknown> }

/** An approval: a person must allow a tool, or answer Claude's question, before the run continues. */
export type ApprovalRequest = {
  requestId: string
  kind: 'permission' | 'question'
  toolName: string
  toolId: string
  /** For a question: `{ questions: [...] }`. */
  input: Record<string, unknown>
  /** What the tool would do, as the CLI describes it; null if it does not. */
  description: string | null
  /** The file outside the allowed folders, if that is the reason. */
  blockedPath: string | null
  /** Rules that would make the next such request unnecessary, in the CLI's format. */
  suggestions: unknown[]
}

/** `remember`: do not prompt again for similar requests while the conversation's process lives. */
export type ApprovalAnswer =
  | { behavior: 'allow'; updatedInput: Record<string, unknown> | null; remember: boolean }
  | { behavior: 'deny'; message: string | null }

/** `kind`: in the CLI's words, such as `local_agent` or `local_bash`. `toolId`: the call that started it, if one did. */
type TaskStart = {
  taskId: string
  toolId: string | null
  kind: string | null
  description: string
  background: boolean
}

/** An MCP server of a run, and its state in the CLI's words, such as `connected` or `failed`. */
export type McpServerState = { name: string; status: string }

/** `totalTokens`, `toolUses` and `durationMs`: so far. */
type TaskProgress = {
  taskId: string
  description: string
  lastTool: string | null
  totalTokens: number
  toolUses: number
  durationMs: number
}

/** `run`: the run continued or ended without an answer. */
export type AnsweredBy = 'caller' | 'timeout' | 'run'

/** How a run ended. */
type RunOutcome = 'succeeded' | 'failed' | 'cancelled'

/** The last event of every run. `costUsd` is an estimate at list prices; null if it is unknown. */
export type RunEnd = {
  type: 'run-end'
  outcome: RunOutcome
  /** The text of the last answer; empty if there is none. */
  result: string
  structuredOutput: unknown
  stopReason: string | null
  /** The stop sequence of the request that ended the answer. */
  stopSequence: string | null
  numTurns: number
  durationMs: number
  usage: Usage
  costUsd: number | null
  /** Set if the CLI did not report the cost. */
  costIsEstimated?: true
  model: string
  sessionId: string
  permissionDenials: PermissionDenial[]
  /** Absent if there are none. */
  mcpServers?: McpServerState[]
  /** How often the CLI has replaced the conversation by a summary of it; absent if it never did. */
  compactions?: number
  error: { code: ErrorCode; message: string; details: ErrorDetails } | null
}

/**
 * What happens during a run. `run-start` comes first and `run-end` last, once each. If the server died in between and the
 * run begins again, `restart` separates what it had emitted from a second such sequence. Blocks (text, thinking, tool) carry
 * an `index` that counts up from 0 within the run and is never used twice; a block's start, deltas and end share it.
 * Only the end of a run that did not succeed may cut a block short. The model's API signs its thinking and accepts it
 * back only with the signature; thinking that it does not show arrives as `thinking-redacted`. After an `ask` the run
 * waits for the answer. `waitedMs` is how long the run had no process, in milliseconds. `usage` is the usage of a
 * message of the model when the message began. `retry` means that the CLI repeats its request to the model's API. A task
 * is work that a tool call has started, such as a sub-agent or a shell; the run lasts until it has reported. With
 * `compact` the CLI begins to replace the conversation by a summary, and has done so; `tokensBefore` is its length until then.
 */
export type RunEvent =
  | { type: 'run-start'; runId: string; sessionId: string; model: string; cwd?: string; waitedMs?: number }
  | { type: 'restart' }
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
  | ({ type: 'task-start' } & TaskStart)
  | ({ type: 'task-progress' } & TaskProgress)
  | { type: 'task-end'; taskId: string; status: string; summary: string }
  | { type: 'mcp-servers'; servers: McpServerState[] }
  | { type: 'compact-start' }
  | { type: 'compact-end'; trigger: string; tokensBefore: number }
  | { type: 'retry'; attempt: number; delayMs: number; upstreamStatus: number | null }
  | RunEnd

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  raw: {},
}

/** The end of a run of which only the reason is known. */
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

/** Whether the event shows the caller something that cannot be taken back: text, thinking or a tool's work. */
export function isContent(event: RunEvent): boolean {
  return contentTypes.has(event.type)
}

type RunFigures = Pick<RunEnd, 'usage' | 'costUsd' | 'costIsEstimated' | 'numTurns' | 'durationMs'>

/** The figures of two parts of one run. */
export const figuresOfBoth = (a: RunEnd, b: RunEnd): RunFigures => ({
  usage: {
    inputTokens: a.usage.inputTokens + b.usage.inputTokens,
    outputTokens: a.usage.outputTokens + b.usage.outputTokens,
    cacheReadInputTokens: a.usage.cacheReadInputTokens + b.usage.cacheReadInputTokens,
    cacheCreationInputTokens: a.usage.cacheCreationInputTokens + b.usage.cacheCreationInputTokens,
    raw: sum(a.usage.raw, b.usage.raw) as Record<string, unknown>,
  },
  costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd,
  ...(a.costIsEstimated || b.costIsEstimated ? { costIsEstimated: true } : {}),
  numTurns: a.numTurns + b.numTurns,
  durationMs: a.durationMs + b.durationMs,
})

/** Adds the numbers of two objects at every depth. For everything else the second value wins. */
function sum(a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (!isObject(a) || !isObject(b)) return b ?? a
  return Object.fromEntries(Object.keys({ ...a, ...b }).map((name) => [name, sum(a[name], b[name])]))
}
