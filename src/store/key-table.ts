// API keys in the database: the statements that the server's store and the `keys` command share. Not for what a key may
// do (see ../core/key-record.ts).

import { type KeyRecord, pageKeyPrefix } from '../core/key-record.ts'
import type { KeyFields, KeyStore } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { insertRow } from './changes.ts'
import type { Methods, Prepare } from './database.ts'
import { toKeyColumns, toKeyRecord } from './rows.ts'

export function keyMethods({ reads, writes }: Methods): KeyStore {
  const [isDue, record] = [reads(shouldRecordUse), writes(recordUse)]
  return {
    createKey: writes(addKey, { urgent: true }),
    keys: reads(listKeys),
    hasKeys: reads(hasKeysInForce),
    keyByHash: reads(findKey),
    updateKey: writes(changeKey, { urgent: true }),
    revokeKey: writes(revokeKey, { urgent: true }),
    recordKeyUse: async (id, nowMs) => {
      if (await isDue(id, nowMs)) await record(id, nowMs)
    },
    spentBy: reads(sumSpent),
  }
}

/** The precision of a key's last use. Storing every use would mean a write per request. */
const useStepMs = 60_000

/** Throws `conflict` if a key that is not revoked has the same name. */
function addKey(prepare: Prepare, key: KeyRecord): void {
  refuseTakenName(prepare, key)
  insertRow(prepare, 'keys', toKeyColumns(key))
}

/** Throws `conflict` if another key that is not revoked has the same name. */
function changeKey(prepare: Prepare, id: string, fields: Partial<KeyFields>): void {
  if (fields.name !== undefined) refuseTakenName(prepare, { id, name: fields.name })
  const columns = toKeyColumns(fields)
  const names = Object.keys(columns)
  if (names.length === 0) return
  prepare(`UPDATE keys SET ${names.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`).run(
    ...Object.values(columns),
    id,
  )
}

function refuseTakenName(prepare: Prepare, { id, name }: Pick<KeyRecord, 'id' | 'name'>): void {
  const sql = 'SELECT 1 FROM keys WHERE name = ? AND id != ? AND revoked_at_ms IS NULL'
  if (prepare(sql).get(name, id) === undefined) return
  const text = `a key named ${JSON.stringify(name)} already exists: choose another name, or revoke that key first`
  throw new AppError('conflict', text, { field: 'name' })
}

export function listKeys(prepare: Prepare): KeyRecord[] {
  return prepare('SELECT * FROM keys ORDER BY created_at_ms DESC, rowid DESC').all().map(toKeyRecord)
}

export function hasKeysInForce(prepare: Prepare): boolean {
  const sql = "SELECT 1 FROM keys WHERE revoked_at_ms IS NULL AND scopes_json != '[]' LIMIT 1"
  return prepare(sql).get() !== undefined
}

export function findKey(prepare: Prepare, hash: string): KeyRecord | null {
  const row = prepare('SELECT * FROM keys WHERE hash = ?').get(hash)
  return row === undefined ? null : toKeyRecord(row)
}

/** An id wins over a name, so that no key's name can stand for another key's id. */
function revokeKey(prepare: Prepare, idOrName: string, nowMs: number): boolean {
  const sql = `UPDATE keys SET revoked_at_ms = ? WHERE revoked_at_ms IS NULL AND id = coalesce(
    (SELECT id FROM keys WHERE id = ?), (SELECT id FROM keys WHERE name = ? AND revoked_at_ms IS NULL))`
  return Number(prepare(sql).run(nowMs, idOrName, idOrName).changes) > 0
}

/** Drops expired login codes, and page keys that are both revoked and expired: neither counts as an existing key. */
export function dropPageKeys(prepare: Prepare, nowMs: number): void {
  const sql = `DELETE FROM keys WHERE expires_at_ms <= ? AND (scopes_json = '[]' OR
    (revoked_at_ms IS NOT NULL AND id GLOB '${pageKeyPrefix}*'))`
  prepare(sql).run(nowMs)
}

/** Whether enough time has passed since the last recorded use. */
export function shouldRecordUse(prepare: Prepare, id: string, nowMs: number): boolean {
  const sql = 'SELECT 1 FROM keys WHERE id = ? AND (last_used_at_ms IS NULL OR last_used_at_ms <= ?)'
  return prepare(sql).get(id, nowMs - useStepMs) !== undefined
}

function recordUse(prepare: Prepare, id: string, nowMs: number): void {
  prepare('UPDATE keys SET last_used_at_ms = ? WHERE id = ?').run(nowMs, id)
}

/** The cost of stored runs and of pruned ones. Triggers keep it up to date (see migrations.ts). */
export function sumSpent(prepare: Prepare, owner: string, sinceMs = 0): number {
  // One sum of both, which is rounded only once.
  const sql = `SELECT total(usd) AS spent FROM (
    SELECT cost_usd AS usd FROM spent WHERE owner = ?1 AND day >= ?2
    UNION ALL SELECT lost_usd FROM spent WHERE owner = ?1 AND day >= ?2)`
  const day = sinceMs > 0 ? new Date(sinceMs).toISOString().slice(0, 10) : ''
  return Number(prepare(sql).get(owner, day)?.spent)
}
