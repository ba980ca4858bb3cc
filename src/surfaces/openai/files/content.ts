// Reads a file piece by piece, however large it is: its own bytes, or the results of a batch.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BatchStore, FileStore, StoredFile } from '../../../core/batches/batches.ts'
import { resultLines } from '../../../core/batches/result-lines.ts'
import { AppError } from '../../../errors.ts'

export type ContentStore = Pick<FileStore, 'filePieces'> & Pick<BatchStore, 'itemLines' | 'lineBytes'>

/** Throws `not_found` if the file is deleted meanwhile: a part of it must not be taken for the whole. */
export async function* contentOf(store: ContentStore, { id, bytes, lines }: StoredFile): AsyncGenerator<Uint8Array> {
  if (lines !== null) return yield* resultLines(store, lines.batchId, lines.outcomes, bytes)
  for (let [left, after] = [bytes, 0]; left > 0; ) {
    // The store answers at once: nobody else would have a turn before the end.
    await nextTurn()
    const [piece] = await store.filePieces(id, after, 1)
    if (piece?.number !== after + 1) throw new AppError('not_found', `file ${id} was deleted while it was read`)
    yield piece.bytes
    after = piece.number
    left -= piece.bytes.length
  }
}

/** As long as a request may be by default, in bytes. */
const lineBytesMax = 32 * 1024 * 1024

/** A line without its line break; null if it is too long. `number` counts from 1. */
export type FileLine = { number: number; bytes: Uint8Array | null }

const isBlank = (bytes: Uint8Array) => bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)

/** Lines of white space are left out, and counted. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<FileLine> {
  let [parts, length, number]: [Uint8Array[], number, number] = [[], 0, 0]
  const add = (part: Uint8Array) => {
    length += part.length
    if (length > lineBytesMax) parts = []
    else if (part.length > 0) parts.push(part)
  }
  const end = (): FileLine | null => {
    const [first, ...others] = parts
    const bytes = others.length === 0 ? first : Buffer.concat(parts)
    const isLong = length > lineBytesMax
    parts = []
    length = 0
    number++
    if (isLong) return { number, bytes: null }
    return bytes === undefined || isBlank(bytes) ? null : { number, bytes }
  }
  for await (const piece of pieces) {
    let start = 0
    for (let next = piece.indexOf(10); next !== -1; next = piece.indexOf(10, start)) {
      add(piece.subarray(start, next))
      start = next + 1
      const line = end()
      if (line !== null) yield line
    }
    add(piece.subarray(start))
  }
  const last = length > 0 ? end() : null
  if (last !== null) yield last
}
