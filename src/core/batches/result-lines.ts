// Reads the results of a batch piece by piece, however many there are.
import type { BatchStore, ItemOutcome } from './batches.ts'

/** Lines may be large: so many are in memory at once. */
const pageSize = 32

/** The lines of the items that ended in one of these ways, each with a line break, in order. */
export async function* resultLines(
  store: Pick<BatchStore, 'itemLines'>,
  batchId: string,
  outcomes: readonly ItemOutcome[],
): AsyncGenerator<Uint8Array> {
  for (let after = -1; ; ) {
    const page = await store.itemLines(batchId, { outcomes, after, limit: pageSize })
    const last = page.at(-1)
    if (last === undefined) return
    yield Buffer.from(page.map(({ line }) => `${line}\n`).join(''))
    after = last.position
  }
}
