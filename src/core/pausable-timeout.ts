// How long a run may still take. The clock stands while a person is being waited for.

/** Timers above this fire at once in Node. */
const timerMsMax = 2 ** 31 - 1

export class PausableTimeout {
  #leftMs: number
  #startedAt = performance.now()
  #timer: NodeJS.Timeout | null
  readonly #onTime: () => void

  /** Calls `onTime` once, after `timeoutMs` milliseconds that were not paused. */
  constructor(timeoutMs: number, onTime: () => void) {
    this.#leftMs = timeoutMs
    this.#onTime = onTime
    this.#timer = this.#arm()
  }

  #arm(): NodeJS.Timeout {
    this.#startedAt = performance.now()
    return setTimeout(this.#onTime, Math.min(Math.max(this.#leftMs, 0), timerMsMax))
  }

  pause(): void {
    if (this.#timer === null) return
    this.stop()
    this.#leftMs -= performance.now() - this.#startedAt
  }

  resume(): void {
    this.#timer ??= this.#arm()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
