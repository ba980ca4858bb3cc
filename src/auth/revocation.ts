// Ends the runs and event streams of keys that have been revoked or have expired.

import { isUsable, type KeyHolder } from '../core/key-record.ts'
import type { KeyStore } from '../core/store.ts'
import { AppError } from '../errors.ts'

/** How often keys are checked, in milliseconds. */
const checkIntervalMs = 2_000

/** Holders are checked in order. Returns a function that stops the watch. */
export function watchRevocations(holders: readonly KeyHolder[], store: KeyStore, now: () => number): () => void {
  const check = async () => {
    const owners = new Set(holders.flatMap((holder) => [...holder.owners()]))
    if (owners.size === 0) return
    const usable = new Set((await store.keys()).filter((key) => isUsable(key, now())).map(({ id }) => id))
    for (const owner of owners) {
      if (usable.has(owner)) continue
      const reason = new AppError('unauthorized', 'the API key was revoked or has expired')
      for (const holder of holders) holder.cancelOwnedBy(owner, reason)
    }
  }
  const timer = setInterval(() => void check().catch(() => {}), checkIntervalMs).unref()
  return () => clearInterval(timer)
}
