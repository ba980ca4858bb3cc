// How long ended runs are kept, and how much of them: tidied up in the background, a little at a time.
import type { Store } from './store.ts'

/** A week, and a gigabyte of what happened in the runs. */
const keptMs = 7 * 86_400_000
const bytesMax = 1024 ** 3

/** First after a minute, as a server that has just started has other things to do; then every hour. */
const firstAfterMs = 60_000
const everyMs = 3_600_000

/** Gives a function that ends it. */
export function scheduleRetention(
  store: Pick<Store, 'prune'>,
  now: () => number,
  onWarning: (message: string, facts: Record<string, unknown>) => void,
): () => void {
  let timer: NodeJS.Timeout
  const plan = (ms: number) => {
    timer = setTimeout(tidy, ms).unref()
  }
  const tidy = async () => {
    const nowMs = now()
    await store.prune({ endedBeforeMs: nowMs - keptMs, bytesMax, nowMs }).catch((fault: unknown) => {
      onWarning('old runs could not be removed', { reason: String(fault) })
    })
    plan(everyMs)
  }
  plan(firstAfterMs)
  return () => clearTimeout(timer)
}
