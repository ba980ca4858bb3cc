// What is fixed when a process is born (Profile) and what a live one can still be told (Turn). Requests with equal
// profiles can be served by one process, so every field that moves from Profile to Turn makes more requests warm.
import { createHash } from 'node:crypto'
import {
  type Effort,
  noPlainOptions,
  type PermissionMode,
  type RunRequest,
  type SettingSource,
  type Thinking,
} from '../../core/agent.ts'
import type { ClientTool, ConversationMessage, UserBlock } from '../../core/conversation.ts'
import { canSwitchTo } from './prompt-switch.ts'

/**
 * Where the system prompt comes from: Claude Code's own, perhaps with an addition; a text that is fixed at birth; or a
 * text that each turn brings (see prompt-switch.ts). Claude Code's own prompt speaks of the model, so with it the model
 * is fixed as well.
 */
export type BasePrompt =
  | { kind: 'claude-code'; append: string | null }
  | { kind: 'fixed'; text: string }
  | { kind: 'by-turn' }

export type Profile = {
  /** Whether it is the model alone that answers; see plain-mode-options.ts. */
  plain: boolean
  cwd: string
  prompt: BasePrompt
  /** Fixed only where Claude Code's own prompt, or tools, go with it; null is the CLI's default, or comes with the turn. */
  model: string | null
  fallbackModel: string | null
  effort: Effort | null
  permissionMode: PermissionMode
  allowedTools: string[] | null
  disallowedTools: string[] | null
  tools: string[] | null
  addDirs: string[] | null
  mcpServers: Record<string, unknown> | null
  agents: Record<string, unknown> | null
  jsonSchema: Record<string, unknown> | null
  settingSources: SettingSource[]
  maxTurns: number | null
  maxBudgetUsd: number | null
  /** Whether what needs permission is asked over the API. */
  approvals: boolean
  /**
   * Whether unrelated conversations may follow one another in the process. Only where it has no tools: what tools,
   * servers and hooks leave behind (rules, shells, tasks, files) survives the emptying of a conversation.
   */
  reusable: boolean
}

export type Turn = {
  prompt: UserBlock[]
  systemPrompt: string | null
  model: string | null
  /** What was said before, where the request brings it along. */
  history: ConversationMessage[] | null
  clientTools: ClientTool[]
  /** Of plain models only; an agent's effort is fixed at birth. */
  effort: Effort | null
  thinking: Thinking
  maxOutputTokens: number | null
}

/** What the CLI in use is able to do beyond its documentation; see docs/decisions/0003-warm-processes.md. */
export type Abilities = { rewind: boolean; promptSwitch: boolean }

const allSources: SettingSource[] = ['user', 'project', 'local']

/** The CLI joins several prompts with a blank line; with a prompt of the caller's own there is one text to add to. */
const joinPrompts = (...texts: (string | null)[]) => texts.filter((text) => text !== null).join('\n\n')

function basePrompt({ systemPrompt, appendSystemPrompt }: RunRequest['options'], byTurn: boolean): BasePrompt {
  if (systemPrompt === null) return { kind: 'claude-code', append: appendSystemPrompt }
  const text = joinPrompts(systemPrompt, appendSystemPrompt)
  return byTurn && canSwitchTo(text) ? { kind: 'by-turn' } : { kind: 'fixed', text }
}

export type ProfileContext = {
  /** The folder that the run works in: resolved, checked. */
  cwd: string
  abilities: Abilities
  /** Whether the settings in force bring hooks or plugins, which may remember things. */
  hasHooks: boolean
}

/** The system prompt and model of a process can be chosen per turn: see BasePrompt. */
export const choosesModelByTurn = (profile: Profile) => profile.plain || profile.prompt.kind === 'by-turn'

const nothingElse = {
  permissionMode: 'dontAsk',
  allowedTools: null,
  disallowedTools: null,
  tools: [],
  addDirs: null,
  mcpServers: null,
  agents: null,
  settingSources: [],
  maxTurns: null,
  maxBudgetUsd: null,
  fallbackModel: null,
  effort: null,
  approvals: false,
} satisfies Partial<Profile>

/** The CLI cuts off what is longer in a tool's description. */
const descriptionLengthMax = 2000

/** The caller's system prompt, and what of its tools' descriptions would not reach the model otherwise. */
function plainSystemPrompt({ options, plain }: RunRequest): string {
  const long = (plain?.tools ?? []).filter(({ description }) => description.length > descriptionLengthMax)
  const notes = long.map(({ name, description }) => `The tool ${name}, described in full:\n\n${description.trim()}`)
  return [options.systemPrompt ?? '', ...notes].filter((text) => text !== '').join('\n\n')
}

/** The caller's system prompt alone, also where it is empty. */
function toPlainProfile(request: RunRequest, { cwd, abilities }: ProfileContext): Profile {
  const text = plainSystemPrompt(request)
  const prompt: BasePrompt =
    abilities.rewind && abilities.promptSwitch && canSwitchTo(text) ? { kind: 'by-turn' } : { kind: 'fixed', text }
  const { jsonSchema } = request.options
  return { ...nothingElse, plain: true, cwd, prompt, model: null, jsonSchema, reusable: abilities.rewind }
}

/** What a process must be born with to serve the request. */
export function toProfile(request: RunRequest, context: ProfileContext): Profile {
  return request.plain === null ? toAgentProfile(request, context) : toPlainProfile(request, context)
}

function toAgentProfile(request: RunRequest, { cwd, abilities, hasHooks }: ProfileContext): Profile {
  const options = request.options
  const settingSources = allSources.filter((source) => (options.settingSources ?? allSources).includes(source))
  const toolless = options.tools?.length === 0 && !options.mcpServers && !options.agents
  // What is added to Claude Code's own prompt is on record only where the CLI itself writes the conversation's file.
  const needsOwnFile = options.systemPrompt === null && options.appendSystemPrompt !== null
  const leavesNothing = toolless && !needsOwnFile && !(hasHooks && settingSources.length > 0)
  const reusable =
    abilities.rewind &&
    leavesNothing &&
    !request.approvals &&
    !request.commands &&
    request.session.kind === 'new' &&
    options.maxBudgetUsd === null
  const prompt = basePrompt(options, reusable && abilities.promptSwitch)
  return {
    plain: false,
    cwd,
    prompt,
    model: prompt.kind === 'by-turn' ? null : options.model,
    fallbackModel: options.fallbackModel,
    effort: options.effort,
    permissionMode: options.permissionMode ?? 'default',
    allowedTools: options.allowedTools,
    disallowedTools: options.disallowedTools,
    tools: options.tools,
    addDirs: options.addDirs,
    mcpServers: options.mcpServers,
    agents: options.agents,
    jsonSchema: options.jsonSchema,
    settingSources,
    maxTurns: options.maxTurns,
    maxBudgetUsd: options.maxBudgetUsd,
    approvals: request.approvals,
    reusable,
  }
}

/** What a process that is there is told for the request. */
export function toTurn(request: RunRequest): Turn {
  const { prompt, options, session, plain } = request
  const own = options.systemPrompt === null ? null : joinPrompts(options.systemPrompt, options.appendSystemPrompt)
  const systemPrompt = plain === null ? own : plainSystemPrompt(request)
  return {
    prompt,
    systemPrompt,
    model: options.model,
    history: session.kind === 'history' ? session.messages : null,
    clientTools: plain?.tools ?? [],
    effort: plain === null ? null : options.effort,
    thinking: plain?.thinking ?? noPlainOptions.thinking,
    maxOutputTokens: plain?.maxOutputTokens ?? null,
  }
}

/** The pool's key: equal for profiles whose processes can stand in for each other. */
export function profileKey(profile: Profile): string {
  return createHash('sha256').update(JSON.stringify(profile)).digest('base64url')
}

/**
 * Whether a process that holds a conversation can take its next turn. A turn that names no system prompt keeps the
 * conversation's own, as the CLI does when it resumes one. The model and prompt of a `by-turn` process are compared with
 * what it was last told: changing them inside a conversation would leave a trace in it.
 */
export function canContinue(
  held: { profile: Profile; turn: Pick<Turn, 'systemPrompt' | 'model'> },
  wanted: { profile: Profile; turn: Turn },
): boolean {
  if (wanted.profile.maxBudgetUsd !== null || wanted.turn.model !== held.turn.model) return false
  if (wanted.turn.systemPrompt !== null && wanted.turn.systemPrompt !== held.turn.systemPrompt) return false
  const keepsPrompt = wanted.profile.prompt.kind !== 'claude-code' || wanted.profile.prompt.append === null
  if (!keepsPrompt && JSON.stringify(wanted.profile.prompt) !== JSON.stringify(held.profile.prompt)) return false
  // The prompt and model were compared above; whether the process was meant to be reused does not matter here.
  const comparable = (profile: Profile) =>
    profileKey({ ...profile, prompt: { kind: 'by-turn' }, model: null, reusable: false })
  return comparable(held.profile) === comparable(wanted.profile)
}
