// The body of a request of `claude-serve chat`, from its flags: options, session and folder. Not for the prompt (see prompt.ts and
// attachments.ts).
import { resolve } from 'node:path'
import { camelCase } from '../../config/sources.ts'
import { type OptionFlags, optionRows } from '../../core/run-options.ts'
import { ownCommand } from '../../platform/installation.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import type { SessionList } from '../../surfaces/native/session-reply-schemas.ts'
import { CommandError, notAccepted, UsageError } from '../command.ts'
import type { ServerClient, ServerFlags } from '../server-client.ts'
import type { AttachmentFlags, Prompt } from './attachments.ts'

export type ChatFlags = ServerFlags &
  OptionFlags &
  AttachmentFlags & {
    /** The former name of `--system-prompt`. */
    system?: string
    session?: string
    continue?: boolean
    /** False: the server's default folder. */
    cwd?: string | false
    verbose?: boolean
  }

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

export const isSessionId = (text: string): boolean => uuid.test(text)

export function checkFlags({ session, continue: continues, system, systemPrompt }: ChatFlags): void {
  if (system !== undefined && systemPrompt !== undefined)
    throw new UsageError('pass --system-prompt or --system, not both: they mean the same')
  if (session === undefined) return
  if (continues === true) throw new UsageError('pass --session or --continue, not both')
  if (isSessionId(session)) return
  throw notAccepted('--session', session, `give the id of a session (${ownCommand('sessions')} lists them)`)
}

/** The session that the flags name; null for a new one. */
export async function firstSession(client: ServerClient, flags: ChatFlags): Promise<string | null> {
  if (flags.continue !== true) return flags.session ?? null
  if (flags.cwd === false) throw new UsageError('--continue requires a folder: remove --no-cwd')
  const folder = resolve(flags.cwd ?? '.')
  const id = (await listSessions(client, { cwd: folder, limit: '1' }))[0]?.session_id
  if (id === undefined) throw new CommandError(`there is no session in ${folder} yet: remove --continue`)
  return id
}

export async function listSessions(client: ServerClient, query: Record<string, string>) {
  const isList = (body: Partial<SessionList>) => Array.isArray(body.sessions)
  return (await client.json<SessionList>(`/v1/sessions?${new URLSearchParams(query)}`, isList)).sessions
}

/** The folder that a new session works in; null for the server's default. */
export function newSessionFolder(client: ServerClient, { cwd }: ChatFlags): string | null {
  if (cwd === false) return null
  return cwd === undefined && !isLocal(client) ? null : resolve(cwd ?? '.')
}

/** Whether the server has the same folders as this process. */
const isLocal = ({ url }: ServerClient) => isLoopbackHost(new URL(url).hostname)

export function chatBody(
  prompt: Prompt,
  session: string | null,
  client: ServerClient,
  flags: ChatFlags,
): Record<string, unknown> {
  // A session continues in its own folder unless another is set.
  const isSet = flags.cwd !== undefined && flags.cwd !== false
  const cwd = session === null || isSet ? newSessionFolder(client, flags) : null
  return {
    prompt,
    // Needed even if tools are not shown: they mark where one text of the answer ends and the next begins.
    events: 'full',
    ...optionsOf(flags),
    ...(session === null ? {} : { session_id: session }),
    ...(cwd === null ? {} : { cwd }),
  }
}

function optionsOf(flags: ChatFlags): Record<string, unknown> {
  const values = Object.fromEntries(
    optionRows.flatMap(({ field, flag }) => {
      const value = flag === undefined ? undefined : flags[camelCase(flag.name) as keyof OptionFlags]
      return value === undefined ? [] : [[field, Array.isArray(value) ? readList(value) : value]]
    }),
  )
  if (flags.system !== undefined) values.system_prompt = flags.system
  // A name of the compatible APIs, where it tells the agent from the plain model.
  if (flags.model !== undefined) values.model = flags.model.replace(/^agent\//, '')
  return values
}

/** Entries are separated by commas, except within parentheses: `Read,Bash(git log --format=%h,%s)`. */
function readList(values: readonly string[]): string[] {
  const entries = values.flatMap((value) => value.match(/(?:\([^)]*\)|[^,(])+/g) ?? [])
  const names = entries.map((entry) => entry.trim()).filter((entry) => entry !== '')
  return names.length === 1 && names[0] === 'none' ? [] : names
}
