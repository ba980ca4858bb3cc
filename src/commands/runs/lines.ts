// Runs as `claude-serve runs` prints them: rows of a table, or one run with everything known about it. Pure.
import type { RunReply } from '../../surfaces/native/reply-schemas.ts'
import { asFacts, cut } from '../table.ts'
import { inert, oneLine, showDollars, showSpan } from '../terminal-text.ts'
import { approvalAsLines } from './approval-lines.ts'

const ago = (time: string, nowMs: number) => `${showSpan(nowMs - Date.parse(time))} ago`
const when = (time: string | null, nowMs: number) => (time === null ? null : `${ago(time, nowMs)} (${time})`)

const resultColumnsMax = 80

/** The first row holds the titles. The column that can be long comes last. */
export function runsAsRows(runs: readonly RunReply[], nowMs: number): string[][] {
  const rows = runs.map(({ id, status, created_at, model, cost_usd, result, error }) => [
    id,
    status,
    ago(created_at, nowMs),
    model ?? '-',
    cost_usd === null ? '-' : showDollars(cost_usd),
    cut(oneLine(error?.error ?? result ?? ''), resultColumnsMax),
  ])
  return [['id', 'status', 'created', 'model', 'cost', 'result'], ...rows]
}

/** The first line is the heading. */
export function runAsLines(run: RunReply, nowMs: number): string[] {
  const facts: [string, string | null][] = [
    ['status', run.status],
    ['error', run.error === null ? null : `${run.error.error} (${run.error.code})`],
    ['session', run.session_id],
    ['model', run.model],
    ['folder', run.cwd],
    ['API', run.surface],
    ['background', run.background ? 'yes' : null],
    ['created', when(run.created_at, nowMs)],
    ['started', when(run.started_at, nowMs)],
    ['ended', when(run.ended_at, nowMs)],
    ['took', run.duration_ms === null ? null : `${(run.duration_ms / 1000).toFixed(1)} s`],
    ['cost', run.cost_usd === null ? null : showDollars(run.cost_usd)],
    ['model requests', run.num_turns === null ? null : String(run.num_turns)],
    ...Object.entries(run.metadata).map(([name, value]): [string, string] => [`metadata ${name}`, value]),
  ]
  const pending = run.pending.flatMap((approval) => ['', ...approvalAsLines(approval, run.id)])
  const result = run.result === null || run.result === '' ? [] : ['', inert(run.result)]
  return [...asFacts(run.id, facts), ...pending, ...result]
}
