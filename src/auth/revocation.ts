// Ends what goes on with keys that were revoked, or whose time is over: their runs, and the streams that they read.

import { isUsable } from '../core/key-record.ts'
import type { Store } from '../core/store.ts'
import { AppError } from '../errors.ts'

/** How often it is looked, in milliseconds. */
const everyMs = 2_000

/** Where something goes on in the name of keys. */
export type KeyHolder = {
  /** The ids of those keys. */
  owners(): ReadonlySet<string>
  /** Ends all that goes on in the name of one. */
  cancelOwnedBy(owner: string, reason: AppError): void
}

/** The holders are asked in their order. Gives a function that ends the watch. */
export function watchRevocations(
  holders: readonly KeyHolder[],
  store: Pick<Store, 'keys'>,
  now: () => number,
): () => void {
  const look = async () => {
    const owners = new Set(holders.flatMap((holder) => [...holder.owners()]))
    if (owners.size === 0) return
    const usable = new Set((await store.keys()).filter((key) => isUsable(key, now())).map(({ id }) => id))
    for (const owner of owners) {
      if (usable.has(owner)) continue
      const reason = new AppError('unauthorized', 'the API key was revoked, or its time is over')
      for (const holder of holders) holder.cancelOwnedBy(owner, reason)
    }
  }
  const timer = setInterval(() => void look().catch(() => {}), everyMs).unref()
  return () => clearInterval(timer)
}
