// Detects a CLI that goes silent in the middle of a turn, or never reacts to it. The CLI itself gives up on a silent
// upstream after five minutes at the earliest.
import type { Clock } from '../../platform/clock.ts'

export type IdleLimits = {
  /** From the prompt to the first message of any kind, in milliseconds. */
  firstMessageMs: number
  /** Between two messages, in milliseconds. */
  silenceMs: number
  /** The same while a tool is running. */
  toolSilenceMs: number
}

export type IdleTimeoutOptions = {
  limits: IdleLimits
  clock: Clock
  isToolRunning: () => boolean
  /** Whether messages are waiting for a slow reader, which the CLI is not to blame for. */
  isReaderSlow: () => boolean
  /** Whether an approval is waiting for a person. */
  isAwaitingApproval: () => boolean
  /** Called once. `isFirst`: no message has arrived at all. */
  onSilence: (limitMs: number, isFirst: boolean) => void
}

export class IdleTimeout {
  readonly #options: IdleTimeoutOptions
  readonly #startedAt: number
  #lastAt: number | null = null
  #stopTimer: () => void

  constructor(options: IdleTimeoutOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
    this.#stopTimer = this.#arm(Math.min(options.limits.firstMessageMs, options.limits.silenceMs))
  }

  /** Call this for each message. */
  refresh(): void {
    this.#lastAt = this.#options.clock.now()
  }

  stop(): void {
    this.#stopTimer()
  }

  #arm(ms: number): () => void {
    return this.#options.clock.schedule(() => this.#check(), Math.max(ms, 10))
  }

  #check(): void {
    const { limits, clock, isToolRunning, isReaderSlow, isAwaitingApproval, onSilence } = this.#options
    if (isReaderSlow() || isAwaitingApproval()) this.refresh()
    const isFirst = this.#lastAt === null
    const limitMs = isFirst ? limits.firstMessageMs : isToolRunning() ? limits.toolSilenceMs : limits.silenceMs
    const leftMs = (this.#lastAt ?? this.#startedAt) + limitMs - clock.now()
    if (leftMs > 0) this.#stopTimer = this.#arm(leftMs)
    else onSilence(limitMs, isFirst)
  }
}
