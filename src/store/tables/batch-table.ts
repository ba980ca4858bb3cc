// Batches and their items: the statements. Not for working through them (core/batches/batch-engine.ts).
import {
  type Batch,
  type BatchItem,
  type BatchPatch,
  type BatchQuery,
  type BatchStore,
  type ItemEnd,
  type ItemHead,
  type ItemOutcome,
  itemOutcomes,
  type NewBatch,
} from '../../core/batches/batches.ts'
import { insertRow } from '../changes.ts'
import type { Methods, Prepare } from '../database.ts'
import type { Row } from '../rows.ts'
import { checkCount, checkRoom } from './stored-bytes.ts'

/** How many items are deleted at once, if they are small. */
const stepSize = 500

/** Items may be large. What is read or written at once keeps everything else waiting: about so many bytes, but one item at least. */
const stepBytes = 1_000_000

/** Freeing space takes a fraction of that time. */
const freedBytes = 8_000_000

/** How many bytes an item takes. */
const itemBytes = '(coalesce(octet_length(request_json), 0) + coalesce(octet_length(line), 0))'

export function batchMethods({ reads, writes }: Methods): BatchStore {
  const update = writes(changeBatch, { urgent: true })
  const addSome = writes(addItems)
  const removeItems = writes(removeSomeItems)
  const removeBatch = writes((prepare, id: string) => void prepare('DELETE FROM batches WHERE id = ?').run(id))
  return {
    createBatch: writes(addBatch, { urgent: true }),
    async addBatchItems(id, items) {
      for (const some of inSteps(items.map(toStored))) await addSome(id, some)
    },
    updateBatch: update,
    batch: reads(findBatch),
    batches: reads(listBatches),
    unfinishedBatches: reads(listUnfinished),
    pendingItems: reads(listPending),
    pendingHeads: reads(listHeads),
    endItems: writes(endItems, { urgent: true }),
    itemLines: reads(listLines),
    lineBytes: reads(sumLines),
    async deleteBatch(id) {
      await update(id, { status: 'deleting' })
      while (await removeItems(id));
      await removeBatch(id)
    },
  }
}

function addBatch(prepare: Prepare, { id, api, owner, details, createdAtMs, expiresAtMs }: NewBatch): void {
  checkCount(prepare, 'batches', owner)
  insertRow(prepare, 'batches', {
    ...{ id, api, owner, status: 'preparing', details_json: JSON.stringify(details) },
    ...{ created_at_ms: createdAtMs, expires_at_ms: expiresAtMs },
  })
}

type StoredItem = { position: number; customId: string; json: string; bytes: number }

function toStored({ position, customId, request }: BatchItem): StoredItem {
  const json = JSON.stringify(request)
  return { position, customId, json, bytes: Buffer.byteLength(json) }
}

function* inSteps(items: readonly StoredItem[]): Generator<StoredItem[]> {
  let [step, bytes]: [StoredItem[], number] = [[], 0]
  for (const item of items) {
    step.push(item)
    bytes += item.bytes
    if (bytes < stepBytes) continue
    yield step
    ;[step, bytes] = [[], 0]
  }
  if (step.length > 0) yield step
}

function addItems(prepare: Prepare, batchId: string, items: readonly StoredItem[]): void {
  const { pk, owner } = prepare('SELECT pk, owner FROM batches WHERE id = ?').get(batchId) ?? {}
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
  checkRoom(prepare, owner === undefined || owner === null ? null : String(owner), bytes)
  for (const { position, customId, json } of items)
    insertRow(prepare, 'batch_items', { batch: Number(pk), position, custom_id: customId, request_json: json })
  prepare('UPDATE batches SET total = total + ?, bytes = bytes + ? WHERE id = ?').run(items.length, bytes, batchId)
}

function changeBatch(prepare: Prepare, id: string, { status, details, cancelledAtMs, endedAtMs }: BatchPatch): void {
  const change = (column: string, value: string | number | null) =>
    prepare(`UPDATE batches SET ${column} = ? WHERE id = ?`).run(value, id)
  if (status !== undefined) change('status', status)
  if (details !== undefined) change('details_json', JSON.stringify(details))
  if (cancelledAtMs !== undefined) change('cancelled_at_ms', cancelledAtMs)
  if (endedAtMs !== undefined) change('ended_at_ms', endedAtMs)
}

const orNull = (value: unknown) => (value === null ? null : Number(value))

const toBatch = (row: Row): Batch => ({
  id: String(row.id),
  api: String(row.api),
  owner: row.owner === null ? null : String(row.owner),
  status: row.status as Batch['status'],
  details: JSON.parse(String(row.details_json)),
  total: Number(row.total),
  counts: Object.fromEntries(itemOutcomes.map((outcome) => [outcome, Number(row[outcome])])) as Batch['counts'],
  createdAtMs: Number(row.created_at_ms),
  expiresAtMs: Number(row.expires_at_ms),
  cancelledAtMs: orNull(row.cancelled_at_ms),
  endedAtMs: orNull(row.ended_at_ms),
})

function findBatch(prepare: Prepare, id: string): Batch | null {
  const row = prepare('SELECT * FROM batches WHERE id = ?').get(id)
  return row === undefined ? null : toBatch(row)
}

function listBatches(prepare: Prepare, { api, owner, limit, after, before }: BatchQuery): Batch[] {
  const isNewer = before !== undefined
  const conditions: [string, string | null | undefined][] = [
    ['api = ?', api],
    ['owner IS ?', owner],
    ['pk < (SELECT pk FROM batches WHERE id = ?)', after],
    ['pk > (SELECT pk FROM batches WHERE id = ?)', before],
  ]
  const set = conditions.filter((each): each is [string, string | null] => each[1] !== undefined)
  const where = ["status NOT IN ('preparing', 'deleting')", ...set.map(([sql]) => sql)].join(' AND ')
  const sql = `SELECT * FROM batches WHERE ${where} ORDER BY pk ${isNewer ? 'ASC' : 'DESC'} LIMIT ?`
  const found = prepare(sql)
    .all(...set.map(([, value]) => value), limit)
    .map(toBatch)
  return isNewer ? found.reverse() : found
}

const listUnfinished = (prepare: Prepare): Batch[] =>
  prepare("SELECT * FROM batches WHERE status <> 'ended' ORDER BY pk").all().map(toBatch)

const pkOf = '(SELECT pk FROM batches WHERE id = ?)'

/** The first of these rows, until they have that many bytes together. The others are not read. */
function take(rows: Iterable<Row>, bytesMax: number): Row[] {
  const taken: Row[] = []
  let bytes = 0
  for (const row of rows) {
    taken.push(row)
    bytes += Number(row.bytes)
    if (bytes >= bytesMax) break
  }
  return taken
}

function listPending(prepare: Prepare, batchId: string, after: number, limit: number): BatchItem[] {
  const sql = `SELECT position, custom_id, request_json, ${itemBytes} AS bytes FROM batch_items
    WHERE batch = ${pkOf} AND outcome IS NULL AND position > ? ORDER BY position LIMIT ?`
  return take(prepare(sql).iterate(batchId, after, limit), stepBytes).map((row) => ({
    position: Number(row.position),
    customId: String(row.custom_id),
    request: JSON.parse(String(row.request_json)),
  }))
}

function listHeads(prepare: Prepare, batchId: string, after: number, limit: number): ItemHead[] {
  const sql = `SELECT position, custom_id, ${itemBytes} AS bytes FROM batch_items
    WHERE batch = ${pkOf} AND outcome IS NULL AND position > ? ORDER BY position LIMIT ?`
  return take(prepare(sql).iterate(batchId, after, limit), freedBytes).map((row) => ({
    position: Number(row.position),
    customId: String(row.custom_id),
  }))
}

function endItems(prepare: Prepare, batchId: string, ends: readonly ItemEnd[]): void {
  for (const { position, outcome, line } of ends) {
    const where = `WHERE batch = ${pkOf} AND position = ? AND outcome IS NULL`
    const bytes = prepare(`SELECT octet_length(request_json) AS bytes FROM batch_items ${where}`).get(batchId, position)
    if (bytes === undefined) continue
    prepare(`UPDATE batch_items SET outcome = ?, line = ?, request_json = NULL ${where}`).run(
      outcome,
      line,
      batchId,
      position,
    )
    const added = Buffer.byteLength(line) - Number(bytes.bytes)
    prepare(`UPDATE batches SET ${outcome} = ${outcome} + 1, bytes = bytes + ? WHERE id = ?`).run(added, batchId)
  }
}

const oneOf = (outcomes: readonly ItemOutcome[]) =>
  `outcome IN (${outcomes.map((outcome) => `'${outcome}'`).join(', ')})`

function listLines(
  prepare: Prepare,
  batchId: string,
  { outcomes, after, limit }: { outcomes: readonly ItemOutcome[]; after: number; limit: number },
): { position: number; line: string }[] {
  const sql = `SELECT position, line, octet_length(line) AS bytes FROM batch_items
    WHERE batch = ${pkOf} AND position > ? AND line IS NOT NULL AND ${oneOf(outcomes)} ORDER BY position LIMIT ?`
  return take(prepare(sql).iterate(batchId, after, limit), stepBytes).map(({ position, line }) => ({
    position: Number(position),
    line: String(line),
  }))
}

function sumLines(prepare: Prepare, batchId: string, outcomes: readonly ItemOutcome[]): number {
  const sql = `SELECT total(octet_length(line) + 1) AS bytes FROM batch_items WHERE batch = ${pkOf} AND ${oneOf(outcomes)}`
  return Number(prepare(sql).get(batchId)?.bytes)
}

/** The lines of the items that ended in one of these ways become empty. True if there may be more. */
export function eraseSomeLines(prepare: Prepare, batchId: string, outcomes: readonly ItemOutcome[]): boolean {
  const where = `WHERE batch = ${pkOf} AND line IS NOT NULL AND ${oneOf(outcomes)}`
  const sql = `SELECT position, octet_length(line) AS bytes FROM batch_items ${where} LIMIT ?`
  const found = take(prepare(sql).iterate(batchId, stepSize), freedBytes)
  for (const { position, bytes } of found) {
    prepare(`UPDATE batch_items SET line = NULL WHERE batch = ${pkOf} AND position = ?`).run(batchId, Number(position))
    prepare('UPDATE batches SET bytes = bytes - ? WHERE id = ?').run(Number(bytes), batchId)
  }
  return found.length > 0
}

/** True if there may be more. */
export function removeSomeItems(prepare: Prepare, batchId: string): boolean {
  const sql = `SELECT position, ${itemBytes} AS bytes FROM batch_items WHERE batch = ${pkOf} ORDER BY position LIMIT ?`
  const last = take(prepare(sql).iterate(batchId, stepSize), freedBytes).at(-1)
  if (last === undefined) return false
  prepare(`DELETE FROM batch_items WHERE batch = ${pkOf} AND position <= ?`).run(batchId, Number(last.position))
  return true
}
