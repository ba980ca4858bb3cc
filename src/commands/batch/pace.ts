// When the next request may be sent: a server that is busy, or away for a moment, is waited for by all lines alike, but not for ever.
// Not for what is a reason to wait (see attempts.ts).
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../command.ts'

/** The batch ends before this line was done; its answer is still to come. */
export class Stopped extends Error {}

/** How long nothing may come to an end, because the server says to wait. */
export const patienceMs = 600_000

/** How long a server that was there may be away. */
export const awayMaxMs = 120_000

const awayStepsMs = [250, 500, 1000, 2000, 5000]

/** Settles when the time is over, or sooner where the signal is aborted. */
type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>

const sleepReally: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => {})

export type PaceOptions = {
  stop: AbortSignal
  onWait?: (reason: string | null) => void
  /** Milliseconds on a clock that never goes back. */
  now?: () => number
  sleep?: Sleep
}

export class Pace {
  readonly #now: () => number
  readonly #sleep: Sleep
  readonly #stop: AbortSignal
  readonly #onWait: (reason: string | null) => void
  #waitsUntil = 0
  #lastEndAt: number
  #away: { since: number; tries: number } | null = null

  constructor({ stop, onWait = () => {}, now = () => performance.now(), sleep = sleepReally }: PaceOptions) {
    this.#now = now
    this.#sleep = sleep
    this.#stop = stop
    this.#onWait = onWait
    this.#lastEndAt = now()
  }

  /** Settles when a request may be sent. Throws Stopped. */
  async ready(): Promise<void> {
    for (;;) {
      if (this.#stop.aborted) throw new Stopped()
      const waitMs = this.#waitsUntil - this.#now()
      if (waitMs <= 0) return
      await this.#sleep(waitMs, this.#stop)
    }
  }

  /** A line came to its end. */
  noteEnd(): void {
    this.#lastEndAt = this.#now()
    this.#onWait(null)
  }

  /** The server has answered something. */
  noteAnswer(): void {
    this.#away = null
  }

  /** Nothing is sent for so long. Throws CommandError where that takes too long. */
  pause(seconds: number, reason: string): void {
    const until = this.#now() + seconds * 1000
    if (until - this.#lastEndAt > patienceMs)
      throw new CommandError(`the server says to wait ${showSeconds(seconds)}: ${reason}`)
    this.#waitUntil(until, `waiting ${showSeconds(seconds)}: ${reason}`)
  }

  /** The server is not there. Throws CommandError where it was away for too long. */
  noteAway(): void {
    this.#away ??= { since: this.#now(), tries: 0 }
    const { since, tries } = this.#away
    if (this.#now() - since > awayMaxMs)
      throw new CommandError('the server is gone: start it, or give its address with --url')
    this.#away.tries++
    const stepMs = awayStepsMs[Math.min(tries, awayStepsMs.length - 1)] ?? 0
    this.#waitUntil(this.#now() + stepMs, 'waiting for the server to come back')
  }

  #waitUntil(until: number, reason: string): void {
    this.#waitsUntil = Math.max(this.#waitsUntil, until)
    this.#onWait(reason)
  }
}

export function showSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 120) return `${whole} s`
  return whole < 7200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3600)} h`
}
