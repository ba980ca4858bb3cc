// Files that clients upload, and those whose content is the results of a batch: the statements.
import type { FileQuery, FileStore, StoredFile } from '../../core/batches/batches.ts'
import { insertRow } from '../changes.ts'
import type { Methods, Prepare } from '../database.ts'
import type { Row } from '../rows.ts'
import { eraseSomeLines } from './batch-table.ts'
import { checkCount, checkRoom } from './stored-bytes.ts'

export function fileMethods({ reads, writes }: Methods): FileStore {
  const hide = writes((prepare, id: string) => void prepare('UPDATE files SET is_complete = 0 WHERE id = ?').run(id), {
    urgent: true,
  })
  const removeSome = writes(removeSomeContent)
  const remove = writes((prepare, id: string) => void prepare('DELETE FROM files WHERE id = ?').run(id), {
    urgent: true,
  })
  const incomplete = reads((prepare) => prepare('SELECT id FROM files WHERE is_complete = 0').all())
  const deleteFile = async (id: string) => {
    await hide(id)
    while (await removeSome(id));
    await remove(id)
  }
  return {
    createFile: writes(addFile, { urgent: true }),
    addFileBytes: writes(addPiece),
    completeFile: writes(completeFile, { urgent: true }),
    file: reads(findFile),
    files: reads(listFiles),
    filePieces: reads(listPieces),
    deleteFile,
    async deleteIncompleteFiles() {
      for (const { id } of await incomplete()) await deleteFile(String(id))
    },
  }
}

function addFile(prepare: Prepare, file: StoredFile): void {
  const { id, owner, name, purpose, bytes, lines, createdAtMs, expiresAtMs } = file
  const isThere = prepare('SELECT 1 FROM files WHERE id = ?').get(id) !== undefined
  if (isThere) return
  // The results of a batch are never refused: they are there already.
  if (lines === null) checkCount(prepare, 'files', owner)
  insertRow(prepare, 'files', {
    ...{ id, owner, name, purpose, created_at_ms: createdAtMs, expires_at_ms: expiresAtMs },
    // What it takes is counted as a part of the batch.
    bytes: 0,
    lines_json: lines === null ? null : JSON.stringify({ ...lines, bytes }),
    is_complete: Number(lines !== null),
  })
}

function completeFile(
  prepare: Prepare,
  id: string,
  { purpose, expiresAtMs }: Pick<StoredFile, 'purpose' | 'expiresAtMs'>,
): void {
  const sql = 'UPDATE files SET is_complete = 1, purpose = ?, expires_at_ms = ? WHERE id = ?'
  prepare(sql).run(purpose, expiresAtMs, id)
}

function addPiece(prepare: Prepare, id: string, bytes: Uint8Array): void {
  const { pk, owner } = prepare('SELECT pk, owner FROM files WHERE id = ?').get(id) ?? {}
  if (pk === undefined) return
  checkRoom(prepare, owner === undefined || owner === null ? null : String(owner), bytes.length)
  const sql = 'INSERT INTO file_pieces (file, number, bytes) SELECT ?, 1 + count(*), ? FROM file_pieces WHERE file = ?'
  prepare(sql).run(pk, bytes, pk)
  prepare('UPDATE files SET bytes = bytes + ? WHERE pk = ?').run(bytes.length, pk)
}

function toFile(row: Row): StoredFile {
  const lines = row.lines_json === null ? null : JSON.parse(String(row.lines_json))
  return {
    id: String(row.id),
    owner: row.owner === null ? null : String(row.owner),
    name: String(row.name),
    purpose: String(row.purpose),
    bytes: lines?.bytes ?? Number(row.bytes),
    lines: lines === null ? null : { batchId: lines.batchId, outcomes: lines.outcomes },
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: row.expires_at_ms === null ? null : Number(row.expires_at_ms),
  }
}

function findFile(prepare: Prepare, id: string): StoredFile | null {
  const row = prepare('SELECT * FROM files WHERE id = ? AND is_complete = 1').get(id)
  return row === undefined ? null : toFile(row)
}

function listFiles(prepare: Prepare, { owner, purpose, limit, order, after }: FileQuery): StoredFile[] {
  const isAscending = order === 'asc'
  const conditions: [string, string | null | undefined][] = [
    ['owner IS ?', owner],
    ['purpose = ?', purpose],
    [`pk ${isAscending ? '>' : '<'} (SELECT pk FROM files WHERE id = ?)`, after],
  ]
  const set = conditions.filter((each): each is [string, string | null] => each[1] !== undefined)
  const where = ['is_complete = 1', ...set.map(([sql]) => sql)].join(' AND ')
  const sql = `SELECT * FROM files WHERE ${where} ORDER BY pk ${isAscending ? 'ASC' : 'DESC'} LIMIT ?`
  return prepare(sql)
    .all(...set.map(([, value]) => value), limit)
    .map(toFile)
}

function listPieces(prepare: Prepare, id: string, after: number, limit: number) {
  const sql = `SELECT number, bytes FROM file_pieces
    WHERE file = (SELECT pk FROM files WHERE id = ?) AND number > ? ORDER BY number LIMIT ?`
  return prepare(sql)
    .all(id, after, limit)
    .map(({ number, bytes }) => ({ number: Number(number), bytes: bytes as Uint8Array }))
}

/** Its bytes, or the lines that are its content. True if there may be more. */
export function removeSomeContent(prepare: Prepare, id: string): boolean {
  const json = prepare('SELECT lines_json FROM files WHERE id = ?').get(id)?.lines_json
  if (typeof json !== 'string') return removeSomePieces(prepare, id)
  const { batchId, outcomes } = JSON.parse(json)
  return eraseSomeLines(prepare, batchId, outcomes)
}

function removeSomePieces(prepare: Prepare, id: string): boolean {
  const file = '(SELECT pk FROM files WHERE id = ?)'
  const some = `SELECT number FROM file_pieces WHERE file = ${file} LIMIT 4`
  return (
    Number(prepare(`DELETE FROM file_pieces WHERE file = ${file} AND number IN (${some})`).run(id, id).changes) === 4
  )
}
