// What the core asks of whatever runs Claude: the Agent interface and its request. The pool of CLI processes is one
// implementation; tests bring others. Not for how a run is kept, followed and cancelled (see runs.ts).
import type { ClientTool, ConversationMessage, UserBlock } from './conversation.ts'
import type { AnsweredBy, ApprovalAnswer, RunEvent } from './events.ts'

export type PermissionMode = 'default' | 'acceptEdits' | 'plan' | 'dontAsk' | 'bypassPermissions'
export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max'
export type SettingSource = 'user' | 'project' | 'local'

/**
 * The conversation a run belongs to: a new one, an earlier one, a copy of an earlier one, or one that the request brings
 * along whole (`history`: all its messages but the prompt). The latter leaves no file behind.
 */
export type SessionChoice =
  | { kind: 'new' }
  | { kind: 'continue'; sessionId: string }
  | { kind: 'fork'; sessionId: string }
  | { kind: 'history'; messages: ConversationMessage[] }

/** How Claude is set up for a run; null or absent means what `claude -p` without that option would do. */
export type RunOptions = {
  model: string | null
  fallbackModel: string | null
  systemPrompt: string | null
  appendSystemPrompt: string | null
  maxBudgetUsd: number | null
  maxTurns: number | null
  permissionMode: PermissionMode | null
  allowedTools: string[] | null
  disallowedTools: string[] | null
  tools: string[] | null
  /** Absolute path, already checked against the allowed folders; null for the session's own or the server's. */
  cwd: string | null
  addDirs: string[] | null
  effort: Effort | null
  jsonSchema: Record<string, unknown> | null
  mcpServers: Record<string, unknown> | null
  agents: Record<string, unknown> | null
  settingSources: SettingSource[] | null
}

/** The options of a request that names none. */
export const noOptions: Readonly<RunOptions> = {
  model: null,
  fallbackModel: null,
  systemPrompt: null,
  appendSystemPrompt: null,
  maxBudgetUsd: null,
  maxTurns: null,
  permissionMode: null,
  allowedTools: null,
  disallowedTools: null,
  tools: null,
  cwd: null,
  addDirs: null,
  effort: null,
  jsonSchema: null,
  mcpServers: null,
  agents: null,
  settingSources: null,
}

/** One prompt and everything needed to answer it. */
export type RunRequest = {
  runId: string
  prompt: UserBlock[]
  session: SessionChoice
  options: RunOptions
  /**
   * Whether the caller hears words as they come. If so, an answer whose stream broke after its first word cannot be
   * taken back and the run fails; if not, the CLI's second try replaces the first one unseen.
   */
  streaming: boolean
  /** Set for a plain model: no Claude Code, just the model; `null` for an agent. */
  plain: PlainOptions | null
  /** Whether a leading slash command and file mentions in the prompt act as if a person had typed them. */
  commands?: boolean
  /** Real paths of the folders within which an earlier conversation must live; absent: anywhere. */
  roots?: readonly string[]
  /** Of which trace it is a part, as W3C Trace Context writes it. */
  traceparent?: string
  /** Whether a person can be asked what needs permission; it is denied otherwise. */
  approvals: boolean
  /** A small request that a program makes beside a conversation, which waits rather than take the last process. */
  isAuxiliary: boolean
}

/**
 * A request to the plain model: the caller's system prompt alone, none of Claude Code's tools, settings or files. The run is
 * one answer of the model: it ends where that answer first ends, be it at a limit (`stopReason` `max_tokens`), a stop
 * sequence (`stop_sequence`), a refusal (`refusal`) or a call of client tools (`tool_use`), all of which are successes.
 */
export type PlainOptions = {
  tools: ClientTool[]
  maxOutputTokens: number | null
  stopSequences: string[]
  thinking: Thinking
  /** What the answer has to have, which the CLI cannot force: see compat/retry-forced-output.ts. */
  requiredOutput: 'call' | 'json-object' | null
}

/**
 * How the plain model thinks. `budgetTokens` is of use with older models only. `display` is what the model's API shows of it;
 * null is the CLI's own choice.
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
 * How many processes there are and what they do. Of the idle ones, `spare` are ready for a new conversation at no loss.
 * `waiting` counts runs that have no process yet.
 */
export type AgentStats = {
  processes: { live: number; idle: number; spare: number; busy: number; starting: number; max: number }
  queue: { waiting: number; limit: number }
}

/** A model as the CLI reports it: how it may be asked for, what that stands for, and its name for people. */
export type ModelFact = { value: string; resolvedModel: string; displayName: string }

/**
 * Something that runs Claude.
 *
 * `run` throws an AppError only before its first event (no room in the queue, no such session, a process that cannot be
 * started). After that the first event is `run-start` and the last `run-end`, once each, whatever happens: failing and
 * being cancelled included. Aborting `signal` ends a silent wait too; its reason, if an AppError, becomes the run's
 * error. A caller that stops iterating early cancels the run. While the caller does not ask for the next event, the
 * source is held back rather than buffered.
 *
 * `close` ends everything within `deadlineMs` milliseconds and may be called twice.
 */
export interface Agent {
  run(request: RunRequest, signal: AbortSignal): AsyncIterable<RunEvent>
  stats(): AgentStats
  /** Answers what a run has asked; false where nothing of that id waits for an answer. */
  answer(runId: string, requestId: string, answer: ApprovalAnswer, by?: AnsweredBy): boolean
  /** Ends what holds an idle conversation, whose file can be changed then; false while a run has it. */
  unloadSession(sessionId: string): Promise<boolean>
  close(deadlineMs: number): Promise<void>
}

/** An agent that runs in its own way, and is the given one in all else. */
export function withRun(agent: Agent, run: Agent['run']): Agent {
  return {
    run,
    stats: () => agent.stats(),
    answer: (runId, requestId, answer, by) => agent.answer(runId, requestId, answer, by),
    unloadSession: (sessionId) => agent.unloadSession(sessionId),
    close: (deadlineMs) => agent.close(deadlineMs),
  }
}
