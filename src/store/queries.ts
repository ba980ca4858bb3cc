// Reads from the database: runs, their events, sessions and sums. Not for writes (see changes.ts), nor for keys (see
// key-table.ts).
import { fromCursor, toCursor } from '../core/cursor.ts'
import type {
  Page,
  RunQuery,
  RunRecord,
  SessionFacts,
  StoredEvent,
  UsageGroup,
  UsageQuery,
  UsageSum,
} from '../core/store.ts'
import type { Prepare } from './database.ts'
import { toRunRecord, toSessionFacts, toStoredEvent, toUsageSum } from './rows.ts'

type Value = string | number | null

const selectRun = 'SELECT * FROM runs LEFT JOIN run_documents ON run_documents.run = runs.pk'

export function findRun(prepare: Prepare, id: string): RunRecord | null {
  const row = prepare(`${selectRun} WHERE runs.id = ?`).get(id)
  return row === undefined ? null : toRunRecord(row)
}

/** Filters by the conditions that have a value. */
function filterBy(conditions: Record<string, Value | readonly Value[] | undefined>) {
  const used = Object.entries(conditions).filter(([, value]) => value !== undefined)
  return {
    where: used.length === 0 ? '' : `WHERE ${used.map(([condition]) => condition).join(' AND ')}`,
    values: used.flatMap(([, value]) => value ?? null),
  }
}

export function listRuns(prepare: Prepare, query: RunQuery): Page<RunRecord> {
  const { where, values } = filterBy({
    // `IS` holds for null too.
    'owner IS ?': query.owner,
    'status = ?': query.status,
    'session_id = ?': query.sessionId,
    '(created_at_ms, id) < (?, ?)': query.cursor === undefined ? undefined : fromCursor(query.cursor),
  })
  const sql = `${selectRun} ${where} ORDER BY created_at_ms DESC, id DESC LIMIT ?`
  // One more than requested, to find out whether there is a next page.
  const found = prepare(sql).all(...values, query.limit + 1)
  const items = found.slice(0, query.limit).map(toRunRecord)
  const last = items.at(-1)
  return {
    items,
    nextCursor: found.length > items.length && last !== undefined ? toCursor([last.createdAtMs, last.id]) : null,
  }
}

export function findRequestSnapshot(prepare: Prepare, runId: string): unknown {
  const sql = 'SELECT json FROM run_requests WHERE run = (SELECT pk FROM runs WHERE id = ?)'
  const json = prepare(sql).get(runId)?.json
  return typeof json === 'string' ? JSON.parse(json) : null
}

export function listUnfinished(prepare: Prepare): RunRecord[] {
  const sql = `${selectRun} WHERE status IN ('queued', 'running', 'waiting') ORDER BY created_at_ms, id`
  return prepare(sql).all().map(toRunRecord)
}

export function listEvents(prepare: Prepare, runId: string, afterSeq: number, limit: number): StoredEvent[] {
  const sql = `SELECT seq, json FROM events
    WHERE run = (SELECT pk FROM runs WHERE id = ?) AND seq > ? ORDER BY seq LIMIT ?`
  return prepare(sql).all(runId, afterSeq, limit).map(toStoredEvent)
}

export function findSessions(prepare: Prepare, ids: readonly string[]): SessionFacts[] {
  const sql = 'SELECT * FROM sessions WHERE id IN (SELECT value FROM json_each(?))'
  return prepare(sql).all(JSON.stringify(ids)).map(toSessionFacts)
}

const groupNames: Record<UsageGroup, string> = {
  day: "strftime('%Y-%m-%d', ended_at_ms / 1000, 'unixepoch')",
  // The requested model is known even if the run never got an answer.
  model: 'coalesce(end_model, model)',
  session: 'session_id',
  key: 'owner',
}

/** Whether there are more runs than `max` in the period, or in the session if the query names one. Reads no more of them than that. */
export function hasMoreRuns(prepare: Prepare, { fromMs, toMs, sessionId }: UsageQuery, max: number): boolean {
  const { where, values } = filterBy(
    sessionId === undefined ? { 'ended_at_ms >= ?': fromMs, 'ended_at_ms < ?': toMs } : { 'session_id = ?': sessionId },
  )
  const sql = `SELECT count(*) AS runs FROM (SELECT 1 FROM runs ${where} LIMIT ?)`
  return Number(prepare(sql).get(...values, max + 1)?.runs) > max
}

/** `few`: there are few runs in the period, or in the session: they are not looked for among all runs of the owner. */
export function sumUsage(prepare: Prepare, query: UsageQuery, among: 'few' | 'many' = 'many'): UsageSum[] {
  // With a plus, SQLite does not use the index on owners.
  const owner = among === 'few' || query.sessionId !== undefined ? '+owner IS ?' : 'owner IS ?'
  const { where, values } = filterBy({
    'ended_at_ms >= ?': query.fromMs,
    'ended_at_ms < ?': query.toMs,
    [owner]: query.owner,
    'session_id = ?': query.sessionId,
  })
  const sql = `SELECT ${groupNames[query.groupBy]} AS name, count(*) AS runs,
      coalesce(sum(input_tokens), 0) AS input_tokens,
      coalesce(sum(output_tokens), 0) AS output_tokens,
      coalesce(sum(cache_read_input_tokens), 0) AS cache_read_input_tokens,
      coalesce(sum(cache_creation_input_tokens), 0) AS cache_creation_input_tokens,
      total(cost_usd) AS cost_usd
    FROM runs ${where}
    GROUP BY 1 ORDER BY name IS NULL, name`
  return prepare(sql)
    .all(...values)
    .map(toUsageSum)
}

export function findLastSeq(prepare: Prepare, runId: string): number {
  const sql = 'SELECT MAX(seq) AS seq FROM events WHERE run = (SELECT pk FROM runs WHERE id = ?)'
  return Number(prepare(sql).get(runId)?.seq ?? 0)
}
