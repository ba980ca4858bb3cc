// How long ended runs are stored, and how much of them. Old ones are removed in the background.
import type { Store } from './store.ts'

/** A week, and a gigabyte of events. */
const retentionMs = 7 * 86_400_000
const bytesMax = 1024 ** 3

/** First after a minute, because a server that has just started has other things to do; then every hour. */
const firstAfterMs = 60_000
const everyMs = 3_600_000

/** Returns a function that stops it. */
export function scheduleRetention(
  store: Pick<Store, 'prune'>,
  now: () => number,
  onWarning: (message: string, facts: Record<string, unknown>) => void,
): () => void {
  let timer: NodeJS.Timeout
  const schedule = (ms: number) => {
    timer = setTimeout(prune, ms).unref()
  }
  const prune = async () => {
    const nowMs = now()
    await store.prune({ endedBeforeMs: nowMs - retentionMs, bytesMax, nowMs }).catch((error: unknown) => {
      onWarning('old runs could not be removed', { reason: String(error) })
    })
    schedule(everyMs)
  }
  schedule(firstAfterMs)
  return () => clearTimeout(timer)
}
