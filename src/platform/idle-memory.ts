// Gives memory back that a flood has cost. V8 collects garbage when it needs room, and after a flood it has plenty: a server that is idle
// then would keep all of it. Not a limit on memory: those are on what requests may cost.
import * as v8 from 'node:v8'
import type { Clock } from './clock.ts'

/** How often it is looked at, in milliseconds. */
const everyMs = 5_000

/** Garbage is collected above so many times of what was left after the last time, or was in use at the start. */
const factor = 1.15

/** A collection that leaves more than this of what was in use has brought all that there was. */
const enough = 0.9

export type IdleMemoryOptions = {
  clock: Pick<Clock, 'schedule'>
  isIdle: () => boolean
  /** Resident memory, in bytes. */
  residentBytes?: () => number
  collect?: () => void
}

class NeverMade {}

/**
 * Nothing else happens meanwhile: 0.04 to 0.2 s were measured. V8 collects all garbage before it counts objects; the function
 * `gc` exists only in programs that were started with a flag.
 */
function collectGarbage(): void {
  const { emitWarning } = process
  // Node calls this function experimental: without it, garbage is collected later.
  process.emitWarning = () => {}
  try {
    v8.queryObjects?.(NeverMade)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Collects garbage when the server has been idle from one look to the next. Returns a function that stops it. */
export function collectWhenIdle({
  clock,
  isIdle,
  residentBytes = () => process.memoryUsage.rss(),
  collect = collectGarbage,
}: IdleMemoryOptions): () => void {
  let usualBytes = residentBytes()
  let wasIdle = false
  const look = () => {
    const isIdleNow = isIdle()
    if (isIdleNow && wasIdle && residentBytes() > usualBytes * factor) {
      const before = residentBytes()
      collect()
      const after = residentBytes()
      // What one collection frees may keep more alive until the next: it goes on until nothing more comes back.
      if (after > before * enough) usualBytes = after
    }
    wasIdle = isIdleNow
    cancel = clock.schedule(look, everyMs)
  }
  let cancel = clock.schedule(look, everyMs)
  return () => cancel()
}
