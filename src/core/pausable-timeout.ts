// The timeout of a run. It is paused while the run waits for a person.

/** Node fires longer timers immediately. */
const timerMsMax = 2 ** 31 - 1

export class PausableTimeout {
  #remainingMs: number
  #startedAt = performance.now()
  #timer: NodeJS.Timeout | null
  readonly #onTimeout: () => void

  /** Calls `onTimeout` once, after `timeoutMs` milliseconds, not counting pauses. */
  constructor(timeoutMs: number, onTimeout: () => void) {
    this.#remainingMs = timeoutMs
    this.#onTimeout = onTimeout
    this.#timer = this.#arm()
  }

  #arm(): NodeJS.Timeout {
    this.#startedAt = performance.now()
    return setTimeout(this.#onTimeout, Math.min(Math.max(this.#remainingMs, 0), timerMsMax))
  }

  pause(): void {
    if (this.#timer === null) return
    this.stop()
    this.#remainingMs -= performance.now() - this.#startedAt
  }

  resume(): void {
    this.#timer ??= this.#arm()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
