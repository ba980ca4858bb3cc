// Whether a process is what it was meant to be: what the CLI says that it started with, held against what it was told. It says so
// twice: in the answer to `initialize`, before any prompt, and at the beginning of each turn, before the model's first word.
// A CLI that does not do what a switch says is not used.
import type { SDKControlInitializeResponse, SDKSystemMessage } from '@anthropic-ai/claude-agent-sdk'
import type { Profile, Turn } from '../cli/profile.ts'

/** Not all of it is in the SDK's types. */
export type ProcessInit = Pick<SDKControlInitializeResponse, 'commands'> & { current_permission_mode?: unknown }

type Said = Pick<SDKSystemMessage, 'tools' | 'mcp_servers' | 'slash_commands' | 'permissionMode' | 'cwd'>

/** What a process does not say of itself is not taken to be right. */
export type TurnInit = { [Name in keyof Said]?: Said[Name] | undefined }

/** What the CLI itself adds: the tool for an answer by a schema, and those that come with servers and with many tools. */
const answerTool = 'StructuredOutput'
const comesAlong = /^mcp__|Mcp|^ToolSearch$/

/** The CLI knows this tool under both names. */
const sameTool: Record<string, string> = { Task: 'Agent', Agent: 'Task' }

/** `names` are those that should not be there; undefined where nothing was said. */
function extra(what: string, names: readonly string[] | undefined): string | null {
  if (names === undefined) return `it does not say which ${what} it has`
  return names.length === 0 ? null : `it has ${what} that it should not have: ${names.slice(0, 5).join(', ')}`
}

/** Null where all is as it should be; otherwise the end of a sentence. */
export function startMismatch({ plain, permissionMode }: Profile, started: ProcessInit): string | null {
  const mode = started.current_permission_mode
  if (typeof mode === 'string' && mode !== permissionMode)
    return `its permission mode is ${mode}, not ${permissionMode}`
  return plain
    ? extra(
        'commands',
        started.commands?.map(({ name }) => name),
      )
    : null
}

/** The same at the beginning of a turn. */
export function turnMismatch(profile: Profile, turn: Turn, begun: TurnInit): string | null {
  if (begun.cwd !== profile.cwd) return `it works in ${begun.cwd}, not in ${profile.cwd}`
  if (!modesFor(profile).includes(begun.permissionMode ?? '')) {
    return `its permission mode is ${begun.permissionMode}, not ${profile.permissionMode}`
  }
  return profile.plain ? wrongInPlain(profile, turn, begun) : extra('tools', toolsBeyond(profile, begun.tools))
}

/** Leaving and entering plan mode is the model's, and a person who is asked may let it edit files from then on. */
function modesFor({ permissionMode, approvals }: Profile): string[] {
  const byModel = permissionMode === 'dontAsk' ? [] : ['plan', 'default']
  const byPerson = approvals ? ['acceptEdits', 'auto'] : []
  return [permissionMode, ...byModel, ...byPerson]
}

/** The client's tools, and nothing that would bring others. */
function wrongInPlain({ jsonSchema }: Profile, { clientTools }: Turn, begun: TurnInit): string | null {
  const offered = new Set(clientTools.map(({ name }) => name))
  if (jsonSchema !== null) offered.add(answerTool)
  const servers = begun.mcp_servers?.map(({ name }) => name).filter((name) => !/^tools\d+$/.test(name))
  return (
    extra(
      'tools',
      begun.tools?.filter((name) => !offered.has(name) && !offered.has(sameTool[name] ?? name)),
    ) ??
    extra('servers', servers) ??
    extra('commands', begun.slash_commands)
  )
}

/** Tools beside those that the request has named; none where it named none, as then there are Claude Code's own. */
function toolsBeyond({ tools, jsonSchema }: Profile, begun: readonly string[] | undefined): string[] | undefined {
  if (tools === null || tools.includes('default')) return []
  const named = new Set(tools.map((rule) => rule.split('(')[0]))
  const isNamed = (name: string) => named.has(name) || named.has(sameTool[name] ?? name)
  return begun?.filter(
    (name) => !isNamed(name) && !comesAlong.test(name) && !(jsonSchema !== null && name === answerTool),
  )
}
