// What is fixed when a process is spawned (Profile) and what can still be set in a live one (Turn). One process can
// serve requests with equal profiles, so every field that moves from Profile to Turn lets more requests find a warm
// process.
import { createHash } from 'node:crypto'
import {
  type Effort,
  noPlainOptions,
  type PermissionMode,
  type RunOptions,
  type RunRequest,
  type SettingSource,
  type Thinking,
} from '../../core/agent.ts'
import type { ClientTool, ConversationMessage, UserBlock } from '../../core/conversation.ts'
import { type PassedOption, type PassedRow, passedRows, settingSources } from '../../core/run-options.ts'
import type { HistoryFile } from '../sessions/history-file.ts'
import type { WrittenConversation } from '../sessions/written-conversation.ts'
import type { Abilities } from './abilities.ts'
import { canSwitchTo } from './prompt-switch.ts'

/** The CLI's own tool for an answer that follows a schema. */
export const answerTool = 'StructuredOutput'

/**
 * Where the system prompt comes from: Claude Code's own, with an optional addition; a text that is fixed when the
 * process is spawned; or a text that each turn brings (see prompt-switch.ts). Claude Code's own prompt mentions the
 * model, so the model is fixed with it.
 */
type BasePrompt = { kind: 'claude-code'; append: string | null } | { kind: 'fixed'; text: string } | { kind: 'by-turn' }

/** The options that the SDK gets as they are, and those that this file decides. */
export type Profile = Pick<RunOptions, PassedOption | 'jsonSchema'> & {
  /** Whether the model alone answers, without an agent; see plain-mode-options.ts. */
  plain: boolean
  cwd: string
  prompt: BasePrompt
  /**
   * Fixed only together with Claude Code's own prompt, or with tools, or if the CLI cannot switch it; null means the CLI's default, or
   * that the turn sets it.
   */
  model: string | null
  /** What each turn sets in the live process. */
  byTurn: { model: boolean; options: boolean; tools: boolean }
  /** A plain model's thinking, output limit and tools, if its turns do not set them; the effort stands in `effort` then. */
  fixed: FixedOptions
  /** Whether a conversation that comes with a request is opened with its first message; see claude/process/history-replay.ts. */
  opensHistory: boolean
  permissionMode: PermissionMode
  settingSources: SettingSource[]
  /** Whether permission prompts and questions go to the API's caller. */
  approvals: boolean
  /**
   * Whether unrelated conversations may follow one another in the process. Only if it has no tools: what tools, servers
   * and hooks leave behind (rules, shells, tasks, files) survives a rewind.
   */
  reusable: boolean
  /** Whether the CLI writes the conversation's file. In a reusable process it never does: see `Turn.persist`. */
  persist: boolean
}

type FixedOptions = { thinking: Thinking; maxOutputTokens: number | null; clientTools: readonly ClientTool[] }

export type Turn = {
  prompt: UserBlock[]
  systemPrompt: string | null
  model: string | null
  /** The earlier messages, if the request contains them. */
  history: ConversationMessage[] | null
  /** The conversation that is continued, if its file was written by this program alone, and no process holds it. */
  written?: WrittenConversation | null
  /** The history as a file, if the process is to read it as it starts. */
  loaded?: HistoryFile | null
  /** Whether this program writes the conversation's file, if the CLI does not. */
  persist: boolean
  clientTools: ClientTool[]
  /** For plain models only; an agent's effort is fixed when the process is spawned. */
  effort: Effort | null
  thinking: Thinking
  maxOutputTokens: number | null
}

/**
 * The CLI joins several prompts with a blank line; a caller's own prompt and its addition are joined in the same way.
 */
const joinPrompts = (...texts: (string | null)[]) => texts.filter((text) => text !== null).join('\n\n')

function basePrompt({ systemPrompt, appendSystemPrompt }: RunRequest['options'], byTurn: boolean): BasePrompt {
  if (systemPrompt === null) return { kind: 'claude-code', append: appendSystemPrompt }
  const text = joinPrompts(systemPrompt, appendSystemPrompt)
  return byTurn && canSwitchTo(text) ? { kind: 'by-turn' } : { kind: 'fixed', text }
}

export type ProfileContext = {
  /** The folder that the run works in, resolved and checked. */
  cwd: string
  abilities: Abilities
  /** Whether the settings in force bring hooks or plugins, which may store information. */
  hasHooks: boolean
  /** See Turn. */
  written?: WrittenConversation | null
}

/** The options that the SDK gets as they are, with a value for each row. */
function passedOptions(pick: (row: PassedRow) => unknown): Pick<RunOptions, PassedOption> {
  return Object.fromEntries(passedRows.map((row) => [row.option, pick(row)])) as Pick<RunOptions, PassedOption>
}

const nothingFixed: FixedOptions = { thinking: noPlainOptions.thinking, maxOutputTokens: null, clientTools: [] }

const plainDefaults = {
  ...passedOptions(({ plain = null }) => plain),
  permissionMode: 'dontAsk',
  settingSources: [],
  approvals: false,
} satisfies Partial<Profile>

/** The CLI truncates a tool's description at this length. */
const descriptionLengthMax = 2000

/** The caller's system prompt, and the tools' descriptions that would otherwise not reach the model in full. */
function plainSystemPrompt({ options, plain }: RunRequest): string {
  const long = (plain?.tools ?? []).filter(({ description }) => description.length > descriptionLengthMax)
  const notes = long.map(({ name, description }) => `The tool ${name}, described in full:\n\n${description.trim()}`)
  return [options.systemPrompt ?? '', ...notes].filter((text) => text !== '').join('\n\n')
}

/** Uses only the caller's system prompt, even if it is empty. */
function toPlainProfile(request: RunRequest, { cwd, abilities }: ProfileContext): Profile {
  const text = plainSystemPrompt(request)
  const prompt: BasePrompt =
    abilities.rewind && abilities.promptSwitch && canSwitchTo(text) ? { kind: 'by-turn' } : { kind: 'fixed', text }
  const { jsonSchema, model, effort } = request.options
  const { modelSwitch, optionSwitch, toolSwitch } = abilities
  const { thinking, maxOutputTokens, tools } = request.plain ?? noPlainOptions
  return {
    ...plainDefaults,
    plain: true,
    cwd,
    prompt,
    jsonSchema,
    reusable: abilities.rewind,
    persist: false,
    opensHistory: abilities.opening,
    model: modelSwitch ? null : model,
    effort: optionSwitch ? null : effort,
    byTurn: { model: modelSwitch, options: optionSwitch, tools: toolSwitch },
    fixed: { ...(optionSwitch ? nothingFixed : { thinking, maxOutputTokens }), clientTools: toolSwitch ? [] : tools },
  }
}

/** What a process must be spawned with to serve the request. */
export function toProfile(request: RunRequest, context: ProfileContext): Profile {
  return request.plain === null ? toAgentProfile(request, context) : toPlainProfile(request, context)
}

function toAgentProfile(request: RunRequest, { cwd, abilities, hasHooks, written = null }: ProfileContext): Profile {
  const options = request.options
  // Their order means nothing.
  const sources = settingSources.filter((source) => (options.settingSources ?? settingSources).includes(source))
  const toolless = options.tools?.length === 0 && !options.mcpServers && !options.agents
  // An addition to Claude Code's own prompt is recorded only if the CLI itself writes the conversation's file.
  const needsOwnFile = options.systemPrompt === null && options.appendSystemPrompt !== null
  const leavesNothing = toolless && !needsOwnFile && !(hasHooks && sources.length > 0)
  const reusable =
    abilities.rewind &&
    leavesNothing &&
    !request.approvals &&
    !request.commands &&
    (request.session.kind === 'new' || written !== null) &&
    options.maxBudgetUsd === null
  const prompt = basePrompt(options, reusable && abilities.promptSwitch)
  const modelByTurn = prompt.kind === 'by-turn' && abilities.modelSwitch
  return {
    ...passedOptions(({ option }) => options[option]),
    plain: false,
    cwd,
    prompt,
    model: modelByTurn ? null : options.model,
    byTurn: { model: modelByTurn, options: false, tools: false },
    fixed: nothingFixed,
    // A hook would take the first message for a new prompt.
    opensHistory: abilities.opening && !(hasHooks && sources.length > 0),
    permissionMode: options.permissionMode ?? 'default',
    jsonSchema: options.jsonSchema,
    settingSources: sources,
    approvals: request.approvals,
    reusable,
    persist: !reusable && request.persist !== false,
  }
}

/** What is set in a live process for the request. */
export function toTurn(request: RunRequest): Turn {
  const { prompt, options, session, plain } = request
  const own = options.systemPrompt === null ? null : joinPrompts(options.systemPrompt, options.appendSystemPrompt)
  const systemPrompt = plain === null ? own : plainSystemPrompt(request)
  return {
    prompt,
    systemPrompt,
    model: options.model,
    history: session.kind === 'history' ? session.messages : null,
    persist: request.persist !== false,
    clientTools: plain?.tools ?? [],
    effort: plain === null ? null : options.effort,
    thinking: plain?.thinking ?? noPlainOptions.thinking,
    maxOutputTokens: plain?.maxOutputTokens ?? null,
  }
}

/** Whether a process of it does what only some executables can do, besides reading a past from a file. */
export const usesAbilities = ({ reusable, prompt, opensHistory, byTurn }: Profile): boolean =>
  reusable || prompt.kind === 'by-turn' || opensHistory || Object.values(byTurn).includes(true)

/** The pool's key: equal for profiles whose processes are interchangeable. */
export function profileKey(profile: Profile): string {
  return createHash('sha256').update(JSON.stringify(profile)).digest('base64url')
}

/**
 * Whether a process that holds a conversation can take its next turn. A turn that names no system prompt keeps the
 * conversation's own, as the CLI does when it resumes one. The model and prompt of a `by-turn` process are compared
 * with those last set: changing them within a conversation would leave a trace in it.
 */
export function canContinue(
  held: { profile: Profile; turn: Pick<Turn, 'systemPrompt' | 'model'> },
  wanted: { profile: Profile; turn: Turn },
): boolean {
  if (wanted.profile.maxBudgetUsd !== null || wanted.turn.model !== held.turn.model) return false
  if (wanted.turn.systemPrompt !== null && wanted.turn.systemPrompt !== held.turn.systemPrompt) return false
  const keepsPrompt = wanted.profile.prompt.kind !== 'claude-code' || wanted.profile.prompt.append === null
  if (!keepsPrompt && JSON.stringify(wanted.profile.prompt) !== JSON.stringify(held.profile.prompt)) return false
  // The prompt and model were compared above; whether the process is reusable or writes a file, how it takes a
  // history, and what its turns set, does not matter here.
  const byTurn = { model: false, options: false, tools: false }
  const usual = { byTurn, reusable: false, persist: false, opensHistory: false }
  const comparable = (profile: Profile) =>
    profileKey({ ...profile, ...usual, prompt: { kind: 'by-turn' }, model: null })
  return comparable(held.profile) === comparable(wanted.profile)
}
