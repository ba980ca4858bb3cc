// Whether a process started as requested: compares what the CLI reports about itself with what was requested. It
// reports this twice: in the answer to `initialize`, before any prompt, and at the start of each turn, before the
// model's first word. A CLI that does not honor a switch is not used.
import type { SDKControlInitializeResponse, SDKSystemMessage } from '@anthropic-ai/claude-agent-sdk'
import { answerTool, type Profile, type Turn } from '../cli/profile.ts'

/** Not all of it is in the SDK's types. */
export type ProcessInit = Pick<SDKControlInitializeResponse, 'commands'> & { current_permission_mode?: unknown }

type Reported = Pick<
  SDKSystemMessage,
  'tools' | 'mcp_servers' | 'slash_commands' | 'permissionMode' | 'cwd' | 'model' | 'session_id'
>

/** A fact that the process does not report is not assumed to be right. */
export type TurnInit = { [Name in keyof Reported]?: Reported[Name] | undefined }

/** Tools that the CLI itself adds, besides the one for an answer: those that come with servers and with many tools. */
const comesAlong = /^mcp__|Mcp|^ToolSearch$/

/** The CLI knows this tool by both names. */
const sameTool: Record<string, string> = { Task: 'Agent', Agent: 'Task' }

/** What another CLI reports may have another form: then it counts as not reported. */
const list = <T>(reported: readonly T[] | null | undefined): readonly T[] | undefined =>
  Array.isArray(reported) ? reported : undefined

/** `names` are those that should not be there; undefined if the CLI reported nothing. */
function extra(what: string, names: readonly string[] | undefined): string | null {
  if (names === undefined) return `it does not report which ${what} it has`
  return names.length === 0 ? null : `it has ${what} that it should not have: ${names.slice(0, 5).join(', ')}`
}

/** Null if everything matches; otherwise the mismatch, as the end of a sentence. */
export function startMismatch({ plain, permissionMode }: Profile, init: ProcessInit): string | null {
  const mode = init.current_permission_mode
  if (typeof mode === 'string' && mode !== permissionMode)
    return `its permission mode is ${mode}, not ${permissionMode}`
  return plain
    ? extra(
        'commands',
        list(init.commands)?.map(({ name }) => name),
      )
    : null
}

/** The same at the start of a turn. */
export function turnMismatch(profile: Profile, turn: Turn, init: TurnInit): string | null {
  if (init.cwd !== profile.cwd) return `it works in ${init.cwd}, not in ${profile.cwd}`
  if (!modesFor(profile).includes(init.permissionMode ?? '')) {
    return `its permission mode is ${init.permissionMode}, not ${profile.permissionMode}`
  }
  return profile.plain ? plainMismatch(profile, turn, init) : extra('tools', toolsBeyond(profile, list(init.tools)))
}

/** The model may enter and leave plan mode, and a person who answers an approval may let it edit files from then on. */
function modesFor({ permissionMode, approvals }: Profile): string[] {
  const byModel = permissionMode === 'dontAsk' ? [] : ['plan', 'default']
  const byPerson = approvals ? ['acceptEdits', 'auto'] : []
  return [permissionMode, ...byModel, ...byPerson]
}

/** Allows the client's tools, and nothing that would bring others. */
function plainMismatch({ jsonSchema }: Profile, { clientTools }: Turn, init: TurnInit): string | null {
  const offered = new Set(clientTools.map(({ name }) => name))
  if (jsonSchema !== null) offered.add(answerTool)
  const servers = list(init.mcp_servers)
    ?.map(({ name }) => name)
    .filter((name) => !/^tools\d+$/.test(name))
  return (
    extra(
      'tools',
      list(init.tools)?.filter((name) => !offered.has(name) && !offered.has(sameTool[name] ?? name)),
    ) ??
    extra('servers', servers) ??
    extra('commands', list(init.slash_commands))
  )
}

/** Tools other than those that the request names; empty if it names none, because it then gets Claude Code's own. */
function toolsBeyond({ tools, jsonSchema }: Profile, reported: readonly string[] | undefined): string[] | undefined {
  if (tools === null || tools.includes('default')) return []
  const named = new Set(tools.map((rule) => rule.split('(')[0]))
  const isNamed = (name: string) => named.has(name) || named.has(sameTool[name] ?? name)
  return reported?.filter(
    (name) => !isNamed(name) && !comesAlong.test(name) && !(jsonSchema !== null && name === answerTool),
  )
}
