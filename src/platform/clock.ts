// The time as schedulers see it: a monotonic clock and timers. Tests drive one by hand. Not for times that are shown or stored, which
// are wall-clock times.

export type Clock = {
  /** Milliseconds since an arbitrary moment; never goes back. */
  now(): number
  /** Calls `act` once, after `ms` milliseconds. Returns the function that cancels this. Does not keep the program alive. */
  schedule(act: () => void, ms: number): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(act, ms) {
    const timer = setTimeout(act, ms).unref()
    return () => clearTimeout(timer)
  },
}
