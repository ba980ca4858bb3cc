// Ends the runs of keys that were revoked, or whose time is over, while the runs go on.
import { AppError } from '../errors.ts'
import { isUsable } from './keys.ts'
import type { Runs } from './runs.ts'
import type { Store } from './store.ts'

/** How often it is looked, in milliseconds. */
const everyMs = 2_000

/** Gives a function that ends it. */
export function watchKeys(runs: Runs, store: Pick<Store, 'keys'>, now: () => number): () => void {
  const look = async () => {
    const owners = runs.owners()
    if (owners.size === 0) return
    const usable = new Set((await store.keys()).filter((key) => isUsable(key, now())).map(({ id }) => id))
    for (const owner of owners) {
      if (!usable.has(owner))
        runs.cancelOf(owner, new AppError('unauthorized', 'the API key was revoked, or its time is over'))
    }
  }
  const timer = setInterval(() => void look().catch(() => {}), everyMs).unref()
  return () => clearInterval(timer)
}
