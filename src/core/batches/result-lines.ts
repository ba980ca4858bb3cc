// Reads the results of a batch piece by piece, however many there are.
import { AppError } from '../../errors.ts'
import type { BatchStore, ItemOutcome } from './batches.ts'

/** Lines may be large: so many are in memory at once. */
const pageSize = 32

/**
 * The lines of the items that ended in one of these ways, each with a line break, in order. Throws `not_found` if they are deleted
 * meanwhile: some of them must not be taken for all.
 */
export async function* resultLines(
  store: Pick<BatchStore, 'itemLines' | 'lineBytes'>,
  batchId: string,
  outcomes: readonly ItemOutcome[],
): AsyncGenerator<Uint8Array> {
  let left = await store.lineBytes(batchId, outcomes)
  for (let after = -1; left > 0; ) {
    const page = await store.itemLines(batchId, { outcomes, after, limit: pageSize })
    const last = page.at(-1)
    if (last === undefined)
      throw new AppError('not_found', `the results of ${batchId} were deleted while they were read`)
    const bytes = Buffer.from(page.map(({ line }) => `${line}\n`).join(''))
    yield bytes
    after = last.position
    left -= bytes.length
  }
}
