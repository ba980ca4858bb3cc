// The command `runs`: lists the runs of a running server, shows, follows and cancels one. Not for answering what a run waits for (see
// answer.ts).

import { ownCommand } from '../../platform/installation.ts'
import type { RunList, RunReply } from '../../surfaces/native/reply-schemas.ts'
import { readEvents } from '../chat/events.ts'
import { ChatView } from '../chat/view.ts'
import { type ExitCode, notAccepted, note, print, printJson, readCount, runCommand, UsageError } from '../command.ts'
import { terminalColumns } from '../output.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { asTable, withHeading } from '../table.ts'
import { inert } from '../terminal-text.ts'
import { approvalAsLines, isApproval } from './approval-lines.ts'
import { runAsLines, runsAsRows } from './lines.ts'

export type ListFlags = ServerFlags & { status?: string; session?: string; limit?: string }
export type FollowFlags = ServerFlags & { verbose?: boolean }

export const isRun = (body: Partial<RunReply>): boolean => typeof body.id === 'string' && Array.isArray(body.pending)

/** The path of a run. Throws UsageError if it cannot be one. */
export function runPath(id: string): string {
  if (/^run_[0-9a-f]{32}$/.test(id)) return `/v1/runs/${id}`
  throw notAccepted('<run>', id, `give the id of a run (${ownCommand('runs')} lists them)`)
}

/** `claude-serve runs <id>` shows that run, as `sessions <id>` does. */
export function listRuns(word: string | null, flags: ListFlags): Promise<ExitCode> {
  if (word?.startsWith('run_')) return showRun(word, flags)
  return runCommand('runs', async () => {
    if (word !== null) throw new UsageError(`there is no command runs ${word}`)
    const limit = readCount('--limit', flags.limit ?? '20', 200)
    const client = await ServerClient.find(flags)
    const query = new URLSearchParams({ limit: String(limit) })
    if (flags.status !== undefined) query.set('status', flags.status)
    if (flags.session !== undefined) query.set('session_id', flags.session)
    const { runs, next_cursor } = await client.json<RunList>(`/v1/runs?${query}`, (body) => Array.isArray(body.runs))
    if (flags.json === true) return printJson(runs)
    if (runs.length === 0) return note(describeNone(flags))
    print(withHeading(asTable(runsAsRows(runs, Date.now()), terminalColumns())))
    if (next_cursor !== null) note(`there are more than these ${runs.length}: use --limit, --status or --session`)
  })
}

function describeNone({ status, session }: ListFlags): string {
  const which = status === undefined ? '' : ` that are ${status}`
  const where = session === undefined ? '' : ` of session ${session}`
  return `there are no runs${which}${where}; runs are stored for a week`
}

export function showRun(id: string, flags: ServerFlags): Promise<ExitCode> {
  return runCommand('runs show', async () => {
    const path = runPath(id)
    const client = await ServerClient.find(flags)
    printRun(await client.json<RunReply>(path, isRun), flags)
  })
}

export function printRun(run: RunReply, { json }: ServerFlags): void {
  if (json === true) printJson(run)
  else print(withHeading(runAsLines(run, Date.now())))
}

export function cancelRun(id: string, flags: ServerFlags): Promise<ExitCode> {
  return runCommand('runs cancel', async () => {
    const path = runPath(id)
    const client = await ServerClient.find(flags)
    const run = (await (await client.send('POST', `${path}/cancel`, { body: {} })).json()) as RunReply
    if (flags.json === true) return printJson(run)
    if (run.status === 'cancelled') return print(`cancelled ${id}`)
    note(`${id} had ended before: it has ${run.status}`)
  })
}

/** Ctrl-C ends the command, not the run. */
export function followRun(id: string, flags: FollowFlags): Promise<ExitCode> {
  return runCommand('runs follow', async () => {
    const path = runPath(id)
    const client = await ServerClient.find(flags)
    const response = await client.send('GET', `${path}/events?events=full`)
    const view = new ChatView({ isJson: flags.json === true, isVerbose: flags.verbose === true })
    try {
      for await (const event of readEvents(response, client)) {
        if (isApproval(event)) {
          await view.pause()
          // The events of the past are among these.
          const { pending } = await client.json<RunReply>(path, isRun)
          if (!pending.some(({ request_id }) => request_id === event.request_id)) continue
          process.stderr.write(`${inert(approvalAsLines(event, id).join('\n'))}\n`)
        }
        if (!(await view.show(event))) return
      }
    } finally {
      await view.end()
    }
  })
}
