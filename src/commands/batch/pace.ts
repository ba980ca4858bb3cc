// Decides when the next request may be sent. While the server is busy or unreachable, all lines wait, but not forever. Not for the reasons
// to wait (see attempts.ts).
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../command.ts'

/** The batch stopped before this line was answered. */
export class Stopped extends Error {}

/** How long no line may finish because the server requires waiting. */
const waitMaxMs = 600_000

/** How long a server that was reachable may be unreachable. */
export const unreachableMaxMs = 120_000

const retryStepsMs = [250, 500, 1000, 2000, 5000]

/** Settles after the time, or as soon as the signal is aborted. */
type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>

const realSleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => {})

export type PaceOptions = {
  stop: AbortSignal
  onWait?: (reason: string | null) => void
  /** Milliseconds of a monotonic clock. */
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
  #unreachable: { since: number; tries: number } | null = null

  constructor({ stop, onWait = () => {}, now = () => performance.now(), sleep = realSleep }: PaceOptions) {
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

  /** Sends nothing for this long, without a reason to tell. Throws Stopped. */
  async rest(seconds: number): Promise<void> {
    await this.#sleep(seconds * 1000, this.#stop)
    await this.ready()
  }

  /** A line has finished. */
  noteEnd(): void {
    this.#lastEndAt = this.#now()
    this.#onWait(null)
  }

  /** The server has responded. */
  noteAnswer(): void {
    this.#unreachable = null
  }

  /** Sends nothing for this long. Throws CommandError if that is too long. */
  pause(seconds: number, reason: string): void {
    const until = this.#now() + seconds * 1000
    if (until - this.#lastEndAt > waitMaxMs)
      throw new CommandError(`the server requires a wait of ${showSeconds(seconds)}: ${reason}`)
    this.#waitUntil(until, `waiting ${showSeconds(seconds)}: ${reason}`)
  }

  /** The server cannot be reached. Throws CommandError if that has lasted too long. */
  noteUnreachable(): void {
    this.#unreachable ??= { since: this.#now(), tries: 0 }
    const { since, tries } = this.#unreachable
    if (this.#now() - since > unreachableMaxMs)
      throw new CommandError('the server is no longer reachable: start it, or pass its address with --url')
    this.#unreachable.tries++
    const stepMs = retryStepsMs[Math.min(tries, retryStepsMs.length - 1)] ?? 0
    this.#waitUntil(this.#now() + stepMs, 'waiting for the server to come back')
  }

  #waitUntil(until: number, reason: string): void {
    this.#waitsUntil = Math.max(this.#waitsUntil, until)
    this.#onWait(reason)
  }
}

function showSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 120) return `${whole} s`
  return whole < 7200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3600)} h`
}
