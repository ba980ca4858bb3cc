// The Agent interface, through which the core runs Claude, and its request. The pool of CLI processes is one
// implementation; tests have others. Storing, following and cancelling runs is in runs.ts.
import type { ClientTool, ConversationMessage, UserBlock } from './conversation.ts'
import type { AnsweredBy, ApprovalAnswer, RunEvent } from './events.ts'
import {
  type efforts,
  type OptionValues,
  optionRows,
  type permissionModes,
  type settingSources,
} from './run-options.ts'

export type PermissionMode = (typeof permissionModes)[number]
export type Effort = (typeof efforts)[number]
export type SettingSource = (typeof settingSources)[number]

/**
 * The conversation a run belongs to: a new one, an earlier one, a copy of an earlier one, or one that the request
 * contains in full (`history`: all its messages except the prompt). The last kind leaves no file behind.
 */
export type SessionChoice =
  | { kind: 'new' }
  | { kind: 'continue'; sessionId: string }
  | { kind: 'fork'; sessionId: string }
  | { kind: 'history'; messages: ConversationMessage[] }

/** How Claude is configured for a run. Null means the behavior of `claude -p` without that option. */
export type RunOptions = Omit<OptionValues, 'permissionMode'> & {
  /** One that the server allows. */
  permissionMode: PermissionMode | null
}

/** The options of a request that sets none. */
export const noOptions = Object.fromEntries(
  optionRows.flatMap(({ option }) => (option === undefined ? [] : [[option, null]])),
) as Readonly<RunOptions>

/** One prompt and everything needed to answer it. */
export type RunRequest = {
  runId: string
  prompt: UserBlock[]
  session: SessionChoice
  options: RunOptions
  /**
   * Whether the caller receives text as it is generated. If so, an answer whose stream breaks after its first word
   * cannot be taken back and the run fails. If not, the CLI's second attempt silently replaces the first.
   */
  streaming: boolean
  /** Set for a plain model: no Claude Code, just the model; `null` for an agent. */
  plain: PlainOptions | null
  /** Whether a leading slash command and file mentions in the prompt work as if a person had typed them. */
  commands?: boolean
  /** False: a conversation that begins with the run leaves no file. Absent: it does. */
  persist?: boolean
  /** Real paths of the folders that an earlier conversation must be in. Absent: anywhere. */
  roots?: readonly string[]
  /** The id of the caller's key. Callers take turns. Absent or null: the caller has none. */
  owner?: string | null
  /** How many runs of the owner may have a process at once; the others wait. Absent or null: any number. */
  ownerRunsMax?: number | null
  /** Called when a run that may have waited gets a process; rejects if it must not begin any more. */
  mayBegin?: () => Promise<void>
  /** It was accepted before the server started: it waits, however many do. */
  isAccepted?: boolean
  /** The trace that the request is part of, in W3C Trace Context format. */
  traceparent?: string
  /** Whether a person can be prompted for permission. If not, whatever requires permission is denied. */
  approvals: boolean
  /** An item of a batch: it waits behind all others, leaves the last process to them, and its time starts when it begins. */
  isBatchItem?: boolean
  /** A small request that a program sends alongside a conversation. It waits instead of taking the last process. */
  isAuxiliary: boolean
}

/**
 * A request to the plain model: only the caller's system prompt, none of Claude Code's tools, settings or files. The
 * run is one answer of the model. It ends when that answer first ends: also at a limit (`stopReason` `max_tokens`), a
 * stop sequence (`stop_sequence`), a refusal (`refusal`) or a call of client tools (`tool_use`). All of these are
 * successes.
 */
export type PlainOptions = {
  tools: ClientTool[]
  maxOutputTokens: number | null
  stopSequences: string[]
  thinking: Thinking
  /** What the answer must contain. The CLI cannot force it: see compat/retry-forced-output.ts. */
  requiredOutput: 'call' | 'json-object' | null
}

/**
 * How the plain model thinks. `budgetTokens` has an effect on older models only. `display` is how much of its thinking
 * the model's API shows; null leaves that to the CLI.
 */
export type Thinking = { isOff: boolean; budgetTokens: number | null; display: 'summarized' | 'omitted' | null }

export const noPlainOptions: Readonly<PlainOptions> = {
  tools: [],
  maxOutputTokens: null,
  stopSequences: [],
  thinking: { isOff: false, budgetTokens: null, display: null },
  requiredOutput: null,
}

/**
 * How many processes exist and what they do. Of the idle ones, `spare` can take a new conversation without losing one.
 * `waiting` counts runs that have no process yet.
 */
/**
 * How far the plan is used that the CLI is logged in with, in the form in which it is reported to clients. `utilization` is from 0 to 1;
 * times are ISO dates. Empty with `as_of` null if nothing was reported.
 */
export type Quota = {
  windows: { name: string; utilization: number | null; status: string; resets_at: string | null }[]
  /** What may be used beyond the plan; null if nothing was reported. */
  overage: { status: string; in_use: boolean; reason: string | null; resets_at: string | null } | null
  as_of: string | null
}

export const noQuota: Quota = { windows: [], overage: null, as_of: null }

export type AgentStats = {
  processes: { live: number; idle: number; spare: number; busy: number; starting: number; max: number }
  queue: { waiting: number; limit: number }
  quota: Quota
}

/** A model as the CLI reports it: the name to request it by, the model it resolves to, and its display name. */
export type ModelFact = { value: string; resolvedModel: string; displayName: string }

/**
 * Something that runs Claude.
 *
 * `run` throws an AppError only before its first event (no room in the queue, an unknown session, a process that cannot
 * be started). After that the first event is `run-start` and the last is `run-end`, exactly once each, even if the run
 * fails or is cancelled. Aborting `signal` also ends a silent wait; its reason, if it is an AppError, becomes the run's
 * error. A caller that stops iterating early cancels the run. While the caller does not request the next event, the
 * source is paused instead of buffered.
 *
 * `close` ends everything within `deadlineMs` milliseconds and may be called twice.
 */
export interface Agent {
  run(request: RunRequest, signal: AbortSignal): AsyncIterable<RunEvent>
  stats(): AgentStats
  /** Answers an approval of a run; false if no approval with that id is pending. */
  answer(runId: string, requestId: string, answer: ApprovalAnswer, by?: AnsweredBy): boolean
  /**
   * Ends the process that has an idle conversation loaded, so that its file can be changed. False while a run uses it.
   */
  unloadSession(sessionId: string): Promise<boolean>
  close(deadlineMs: number): Promise<void>
}

/** Wraps an agent with another `run`; everything else is passed through. */
export function withRun(agent: Agent, run: Agent['run']): Agent {
  return {
    run,
    stats: () => agent.stats(),
    answer: (runId, requestId, answer, by) => agent.answer(runId, requestId, answer, by),
    unloadSession: (sessionId) => agent.unloadSession(sessionId),
    close: (deadlineMs) => agent.close(deadlineMs),
  }
}
