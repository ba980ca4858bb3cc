// Reads the results of a batch piece by piece, however many there are.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '../../errors.ts'
import type { BatchStore, ItemOutcome } from './batches.ts'

/** Lines may be large: so many are in memory at once. */
const pageSize = 32

/**
 * The lines of the items that ended in one of these ways, each with a line break, in order: so many `bytes`, if that is known. Throws
 * `not_found` if they are deleted meanwhile: some of them must not be taken for all.
 */
export async function* resultLines(
  store: Pick<BatchStore, 'itemLines' | 'lineBytes'>,
  batchId: string,
  outcomes: readonly ItemOutcome[],
  bytes?: number,
): AsyncGenerator<Uint8Array> {
  let left = bytes ?? (await store.lineBytes(batchId, outcomes))
  for (let after = -1; left > 0; ) {
    // The store answers at once, and so may the reader: nobody else would have a turn before the end.
    await nextTurn()
    const page = await store.itemLines(batchId, { outcomes, after, limit: pageSize })
    const last = page.at(-1)
    if (last === undefined)
      throw new AppError('not_found', `the results of ${batchId} were deleted while they were read`)
    const piece = Buffer.from(page.map(({ line }) => `${line}\n`).join(''))
    yield piece
    after = last.position
    left -= piece.length
  }
}
