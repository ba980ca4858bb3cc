// API keys in the database: the server's store and the command `keys` share these statements. Not for who may do what (see
// ../auth/keys.ts).

import { pageKeyPrefix } from '../auth/login-links.ts'
import type { KeyRecord } from '../core/key-record.ts'
import { AppError } from '../errors.ts'
import { insertRow } from './changes.ts'
import type { Prepare } from './database.ts'
import { type KeyRow, toKeyColumns, toKeyRecord } from './rows.ts'

/** A key's last use is kept as exactly as this; each time would be a write for every request. */
const useStepMs = 60_000

/** Throws `conflict` where a key that is not revoked has the name. */
export function addKey(prepare: Prepare, key: KeyRecord): void {
  const isTaken = prepare('SELECT 1 FROM keys WHERE name = ? AND revoked_at_ms IS NULL').get(key.name) !== undefined
  if (isTaken) {
    const text = `there is a key named ${JSON.stringify(key.name)} already: give another name, or revoke that one first`
    throw new AppError('conflict', text, { field: 'name' })
  }
  insertRow(prepare, 'keys', toKeyColumns(key))
}

export function listKeys(prepare: Prepare): KeyRecord[] {
  const rows = prepare('SELECT * FROM keys ORDER BY created_at_ms DESC, rowid DESC').all()
  return (rows as unknown as KeyRow[]).map(toKeyRecord)
}

export function hasKeysInForce(prepare: Prepare): boolean {
  const sql = "SELECT 1 FROM keys WHERE revoked_at_ms IS NULL AND scopes_json != '[]' LIMIT 1"
  return prepare(sql).get() !== undefined
}

export function findKey(prepare: Prepare, hash: string): KeyRecord | null {
  const row = prepare('SELECT * FROM keys WHERE hash = ?').get(hash)
  return row === undefined ? null : toKeyRecord(row as unknown as KeyRow)
}

/** What is a key's id is no other key's name. */
export function endKey(prepare: Prepare, idOrName: string, nowMs: number): boolean {
  const sql = `UPDATE keys SET revoked_at_ms = ? WHERE revoked_at_ms IS NULL AND id = coalesce(
    (SELECT id FROM keys WHERE id = ?), (SELECT id FROM keys WHERE name = ? AND revoked_at_ms IS NULL))`
  return Number(prepare(sql).run(nowMs, idOrName, idOrName).changes) > 0
}

/** Drops codes of links that are over, and keys of pages that are revoked and over: neither counts as a key that exists. */
export function dropPageKeys(prepare: Prepare, nowMs: number): void {
  const sql = `DELETE FROM keys WHERE expires_at_ms <= ? AND (scopes_json = '[]' OR
    (revoked_at_ms IS NOT NULL AND id GLOB '${pageKeyPrefix}*'))`
  prepare(sql).run(nowMs)
}

/** Whether a use is long enough after the one that was noted last to be noted. */
export function isNewUse(prepare: Prepare, id: string, nowMs: number): boolean {
  const sql = 'SELECT 1 FROM keys WHERE id = ? AND (last_used_at_ms IS NULL OR last_used_at_ms <= ?)'
  return prepare(sql).get(id, nowMs - useStepMs) !== undefined
}

export function noteUse(prepare: Prepare, id: string, nowMs: number): void {
  prepare('UPDATE keys SET last_used_at_ms = ? WHERE id = ?').run(nowMs, id)
}

/** What was spent by runs that are there, and by those that were dropped. */
export function sumSpent(prepare: Prepare, owner: string): number {
  const sql = `SELECT total(cost_usd) + coalesce((SELECT pruned_cost_usd FROM keys WHERE id = ?), 0) AS spent FROM runs
    WHERE owner = ? AND ended_at_ms IS NOT NULL AND cost_usd IS NOT NULL`
  return Number(prepare(sql).get(owner, owner)?.spent)
}

/** Keeps what a run has cost, which is about to be dropped. */
export function noteLostCost(prepare: Prepare, runPk: number): void {
  const sql = `UPDATE keys SET pruned_cost_usd = pruned_cost_usd + run.cost_usd
    FROM (SELECT owner, cost_usd FROM runs WHERE pk = ? AND cost_usd IS NOT NULL) AS run WHERE keys.id = run.owner`
  prepare(sql).run(runPk)
}
