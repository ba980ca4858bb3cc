// Conversations as `claude-serve sessions` prints them: rows of a table, or one conversation with everything known about it. Pure.
import { ownCommand } from '../../platform/installation.ts'
import type { SessionReply, SessionSummary } from '../../surfaces/native/session-reply-schemas.ts'
import { asFacts } from '../table.ts'
import { showDollars, showSpan } from '../terminal-text.ts'

const ago = (time: string, nowMs: number) => `${showSpan(nowMs - Date.parse(time))} ago`

/** The first row holds the titles. Columns that can be long come last. */
export function sessionsAsRows(sessions: readonly SessionSummary[], nowMs: number): string[][] {
  const rows = sessions.map(({ session_id, updated_at, running, cwd, title }) => [
    session_id,
    running === null ? ago(updated_at, nowMs) : 'running',
    cwd ?? '-',
    title,
  ])
  return [['id', 'when', 'folder', 'title'], ...rows]
}

/** The first line is the conversation's title. */
export function sessionAsLines(session: SessionReply, nowMs: number): string[] {
  const { session_id, cwd, created_at, updated_at, model, running, resume_command } = session
  const facts: [string, string | null][] = [
    ['id', session_id],
    ['folder', cwd],
    ['started', created_at === null ? null : `${ago(created_at, nowMs)} (${created_at})`],
    ['last used', `${ago(updated_at, nowMs)} (${updated_at})`],
    ['model', model],
    ['cost', costOf(session)],
    ['compacted', compactionsOf(session)],
    ['running', running],
    ['continue here', ownCommand(`chat --session ${session_id}`)],
    ['in Claude Code', resume_command],
  ]
  return asFacts(session.title, facts)
}

function costOf({ cost_usd, cost_is_estimated, usage }: SessionReply): string | null {
  if (cost_usd === null || usage === null) return null
  if (cost_is_estimated) return `about ${showDollars(cost_usd)}, estimated at list prices`
  return `${showDollars(cost_usd)} in ${usage.runs} ${usage.runs === 1 ? 'run' : 'runs'} of this server`
}

function compactionsOf({ compactions }: SessionReply): string | null {
  if (!compactions) return null
  return `${compactions === 1 ? 'once' : `${compactions} times`}: Claude continues from a summary`
}
