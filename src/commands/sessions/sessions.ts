// The command `sessions`: lists the conversations that a running server knows, including those started in a terminal, or shows one of
// them, with the commands that continue it.
import { resolve } from 'node:path'
import type { SessionList, SessionReply } from '../../surfaces/native/session-reply-schemas.ts'
import { type ExitCode, note, print, printJson, readCount, runCommand, UsageError } from '../command.ts'
import { terminalColumns } from '../output.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { asTable, withHeading } from '../table.ts'
import { sessionAsLines, sessionsAsRows } from './lines.ts'

export type SessionFlags = ServerFlags & { cwd?: string; query?: string; limit?: string }

export function showSessions(id: string | null, flags: SessionFlags): Promise<ExitCode> {
  return runCommand('sessions', () => (id === null ? list(flags) : showOne(id, flags)))
}

async function list(flags: SessionFlags): Promise<void> {
  const limit = readCount('--limit', flags.limit ?? '20', 200)
  const client = await ServerClient.find(flags)
  const query = new URLSearchParams({ limit: String(limit) })
  if (flags.cwd !== undefined) query.set('cwd', resolve(flags.cwd))
  if (flags.query !== undefined) query.set('q', flags.query)
  const { sessions, next_cursor } = await client.json<SessionList>(`/v1/sessions?${query}`, (body) =>
    Array.isArray(body.sessions),
  )
  if (flags.json === true) return printJson(sessions)
  if (sessions.length === 0) return note(describeNone(flags))
  print(withHeading(asTable(sessionsAsRows(sessions, Date.now()), terminalColumns())))
  if (next_cursor !== null) note(`there are more than these ${sessions.length}: use --limit, --cwd or --query`)
}

function describeNone({ cwd, query }: SessionFlags): string {
  const where = cwd === undefined ? '' : ` in ${resolve(cwd)}`
  const what = query === undefined ? '' : ` with ${JSON.stringify(query)}`
  return `there are no sessions${what}${where}`
}

async function showOne(id: string, flags: SessionFlags): Promise<void> {
  const filter = flags.cwd ?? flags.query ?? flags.limit
  if (filter !== undefined) throw new UsageError('pass either an id, or --cwd, --query and --limit, not both')
  const client = await ServerClient.find(flags)
  const isSession = (body: Partial<SessionReply>) => typeof body.session_id === 'string'
  const session = await client.json<SessionReply>(`/v1/sessions/${encodeURIComponent(id)}`, isSession)
  if (flags.json === true) return printJson(session)
  print(withHeading(sessionAsLines(session, Date.now())))
}
