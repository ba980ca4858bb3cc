// Translates a profile into options of the Agent SDK. A client's free text (prompts, schemas, servers, agents) goes to
// the CLI over stdin; only names, rules, numbers and paths are arguments of the process, each as `--flag=value`.
import type { Options } from '@anthropic-ai/claude-agent-sdk'
import { passedRows } from '../../core/run-options.ts'
import { toDraft07 } from '../../platform/json-schema.ts'
import { plainOptions, plainSettings } from './plain-mode-options.ts'
import type { Profile } from './profile.ts'
import { promptSettings } from './prompt-switch.ts'

/** The conversation that a process is spawned with. `sessionId` is its id from then on. */
export type SpawnMode =
  | { kind: 'new'; sessionId: string }
  | { kind: 'resume'; sessionId: string }
  | { kind: 'fork'; from: string; sessionId: string }
  /** With a past from a file that only it reads; afterward it is like a new one. */
  | { kind: 'load'; path: string; sessionId: string }

function systemPrompt({ prompt }: Profile, mode: SpawnMode): NonNullable<Options['systemPrompt']> {
  // A recorded prompt would take precedence over the one in this request.
  if (prompt.kind === 'fixed') return { type: 'custom', prompt: prompt.text, snapshot: mode.kind === 'new' }
  const append = prompt.kind === 'claude-code' ? prompt.append : null
  return { type: 'preset', preset: 'claude_code', ...(append === null ? {} : { append }) }
}

function conversation(mode: SpawnMode): Options {
  if (mode.kind === 'resume') return { resume: mode.sessionId }
  if (mode.kind === 'fork') return { resume: mode.from, forkSession: true, sessionId: mode.sessionId }
  return { sessionId: mode.sessionId }
}

const pastOf = (mode: SpawnMode): Options => (mode.kind === 'load' ? { resume: mode.path } : {})

/** The SDK distinguishes an absent option from every value, so those that are null are left out. */
function passedOptions(profile: Profile): Options {
  const names: readonly { option: keyof Profile; sdk: keyof Options }[] = passedRows
  return Object.fromEntries(
    names.flatMap(({ option, sdk }) => (profile[option] === null ? [] : [[sdk, profile[option]]])),
  )
}

/** Tools with which an agent has itself prompted at a later time, when there is no run for that. The others are off by environment. */
const laterTools = ['ScheduleWakeup']

const withoutLaterTools = ({ disallowedTools }: Profile): Options => ({
  disallowedTools: [...(disallowedTools ?? []), ...laterTools],
})

/** Beside those of its files. */
function settings({ plain, prompt }: Profile): Pick<Options, 'settings'> {
  const own = { ...(plain ? plainSettings : {}), ...(prompt.kind === 'by-turn' ? promptSettings : {}) }
  return Object.keys(own).length === 0 ? {} : { settings: own }
}

export function toSdkOptions(profile: Profile, mode: SpawnMode): Options {
  const { jsonSchema, permissionMode } = profile
  return {
    ...(profile.plain ? plainOptions(profile) : {}),
    ...passedOptions(profile),
    ...(profile.plain ? {} : withoutLaterTools(profile)),
    // The CLI ignores a schema with a keyword of another version, and one that names another.
    ...(jsonSchema === null
      ? {}
      : { outputFormat: { type: 'json_schema', schema: toDraft07(jsonSchema) as Record<string, unknown> } }),
    ...(permissionMode === 'bypassPermissions' ? { allowDangerouslySkipPermissions: true } : {}),
    cwd: profile.cwd,
    systemPrompt: systemPrompt(profile, mode),
    settingSources: profile.settingSources,
    permissionMode,
    includePartialMessages: true,
    mcpServersDelivery: 'initialize',
    ...settings(profile),
    // A reused process holds many conversations; each is written to a file of its own (claude/sessions/transcript.ts).
    ...(profile.reusable ? pastOf(mode) : conversation(mode)),
    ...(profile.persist ? {} : { persistSession: false }),
  }
}
