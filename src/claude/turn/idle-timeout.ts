// Notices that a CLI has gone silent in the middle of a turn, or has never reacted to it. The CLI itself gives up on a
// silent upstream after five minutes at the earliest.

export type IdleLimits = {
  /** From the prompt to the first message of any kind, in milliseconds. */
  firstMessageMs: number
  /** Between two messages, in milliseconds. */
  silenceMs: number
  /** The same while a tool is at work. */
  toolSilenceMs: number
}

export type IdleTimeoutOptions = {
  limits: IdleLimits
  isToolRunning: () => boolean
  /** Whether messages wait for a reader that takes its time, which is no fault of the CLI. */
  isReaderSlow: () => boolean
  /** Whether a person is being asked. */
  isAsking: () => boolean
  /** Called once. `isFirst`: there was no message at all. */
  onSilence: (limitMs: number, isFirst: boolean) => void
}

export class IdleTimeout {
  readonly #options: IdleTimeoutOptions
  readonly #begunAt = performance.now()
  #lastAt: number | null = null
  #timer: NodeJS.Timeout

  constructor(options: IdleTimeoutOptions) {
    this.#options = options
    this.#timer = this.#arm(Math.min(options.limits.firstMessageMs, options.limits.silenceMs))
  }

  /** There was a message. */
  refresh(): void {
    this.#lastAt = performance.now()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.max(ms, 10))
  }

  #look(): void {
    const { limits, isToolRunning, isReaderSlow, isAsking, onSilence } = this.#options
    if (isReaderSlow() || isAsking()) this.refresh()
    const isFirst = this.#lastAt === null
    const limitMs = isFirst ? limits.firstMessageMs : isToolRunning() ? limits.toolSilenceMs : limits.silenceMs
    const leftMs = (this.#lastAt ?? this.#begunAt) + limitMs - performance.now()
    if (leftMs > 0) this.#timer = this.#arm(leftMs)
    else onSilence(limitMs, isFirst)
  }
}
