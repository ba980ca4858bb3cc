// Writes runs, their events, idempotency keys and sessions. Each function is called inside a write (see
// group-commit.ts), which is undone if it fails. Not for reading (see queries.ts), nor for deleting old data (see
// prune.ts).
import type { Claimed, IdempotencyClaim, RunPatch, RunRecord, SessionFacts, StoredEvent } from '../core/store.ts'
import type { Prepare } from './database.ts'
import { type Columns, toRunColumns, toSessionColumns } from './rows.ts'

export function insertRow(prepare: Prepare, table: string, columns: Columns, onConflict = '') {
  const names = Object.keys(columns)
  const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')}) ${onConflict}`
  return prepare(sql).run(...Object.values(columns))
}

function updateRow(prepare: Prepare, table: string, columns: Columns, where: string, id: string): void {
  const names = Object.keys(columns)
  if (names.length === 0) return
  const set = names.map((name) => `${name} = ?`).join(', ')
  prepare(`UPDATE ${table} SET ${set} WHERE ${where}`).run(...Object.values(columns), id)
}

export type NewRun = { run: RunRecord; claim: IdempotencyClaim | null; requestSnapshot: unknown }

export function addRun(prepare: Prepare, { run, claim, requestSnapshot }: NewRun, nowMs: number): Claimed {
  const holder = claim === null ? null : claimKey(prepare, claim, run.id, nowMs)
  if (holder !== null) return { kind: 'exists', ...holder }
  const { run: columns, documents } = toRunColumns(run)
  const { lastInsertRowid } = insertRow(prepare, 'runs', columns)
  const pk = Number(lastInsertRowid)
  insertRow(prepare, 'run_documents', { run: pk, ...documents })
  if (requestSnapshot !== null) insertRequestSnapshot(prepare, pk, JSON.stringify(requestSnapshot))
  return { kind: 'created' }
}

/** Its size counts like that of events. */
function insertRequestSnapshot(prepare: Prepare, pk: number, json: string): void {
  insertRow(prepare, 'run_requests', { run: pk, json })
  prepare('UPDATE runs SET event_bytes = event_bytes + ? WHERE pk = ?').run(Buffer.byteLength(json), pk)
}

/** Claims the key for the run, or returns the run that holds it. */
function claimKey(prepare: Prepare, claim: IdempotencyClaim, runId: string, nowMs: number) {
  const { key, owner, bodyHash, expiresAtMs } = claim
  const held = prepare(
    'SELECT run_id, body_hash FROM idempotency_keys WHERE key = ? AND owner IS ? AND expires_at_ms > ?',
  ).get(key, owner, nowMs)
  if (held !== undefined) return { runId: String(held.run_id), bodyHash: String(held.body_hash) }
  prepare('DELETE FROM idempotency_keys WHERE key = ? AND owner IS ?').run(key, owner)
  const columns = { key, owner, run_id: runId, body_hash: bodyHash, expires_at_ms: expiresAtMs }
  insertRow(prepare, 'idempotency_keys', columns)
  return null
}

export function patchRun(prepare: Prepare, id: string, patch: RunPatch): void {
  const { run, documents } = toRunColumns(patch)
  updateRow(prepare, 'runs', run, 'id = ?', id)
  updateRow(prepare, 'run_documents', documents, 'run = (SELECT pk FROM runs WHERE id = ?)', id)
}

export function removeRun(prepare: Prepare, id: string): void {
  removeEvents(prepare, id)
  prepare('DELETE FROM idempotency_keys WHERE run_id = ?').run(id)
  prepare('DELETE FROM runs WHERE id = ?').run(id)
}

export function clearEvents(prepare: Prepare, id: string, afterSeq: number): void {
  removeEvents(prepare, id, afterSeq)
  const bytesOf = (table: string) => `SELECT coalesce(sum(octet_length(json)), 0) FROM ${table} WHERE run = pk`
  prepare(`UPDATE runs SET event_bytes = (${bytesOf('run_requests')}) + (${bytesOf('events')}) WHERE id = ?`).run(id)
}

export function eraseRun(prepare: Prepare, id: string): void {
  prepare('DELETE FROM run_requests WHERE run = (SELECT pk FROM runs WHERE id = ?)').run(id)
  prepare(
    'UPDATE run_documents SET restart_json = NULL, end_json = NULL WHERE run = (SELECT pk FROM runs WHERE id = ?)',
  ).run(id)
  clearEvents(prepare, id, 0)
}

function removeEvents(prepare: Prepare, runId: string, afterSeq = 0): void {
  prepare('DELETE FROM events WHERE run = (SELECT pk FROM runs WHERE id = ?) AND seq > ?').run(runId, afterSeq)
}

export function addEvents(prepare: Prepare, runId: string, events: readonly StoredEvent[]): void {
  const run = prepare('SELECT pk FROM runs WHERE id = ?').get(runId)?.pk
  if (typeof run !== 'number') throw new Error(`The run ${runId} does not exist: its events cannot be stored.`)
  const insert = prepare('INSERT INTO events (run, seq, json) VALUES (?, ?, ?)')
  let bytes = 0
  for (const { seq, event } of events) {
    const json = JSON.stringify(event)
    insert.run(run, seq, json)
    bytes += Buffer.byteLength(json)
  }
  prepare('UPDATE runs SET event_bytes = event_bytes + ? WHERE pk = ?').run(bytes, run)
}

export function putSession(prepare: Prepare, facts: SessionFacts): void {
  insertRow(
    prepare,
    'sessions',
    toSessionColumns(facts),
    `ON CONFLICT (id) DO UPDATE
      SET cwd = excluded.cwd, model = excluded.model, last_used_at_ms = excluded.last_used_at_ms`,
  )
}

export function removeSession(prepare: Prepare, id: string): void {
  prepare('DELETE FROM sessions WHERE id = ?').run(id)
}
