// Lets processes start one at a time, with a pause between them. Not for which process is needed (see pool.ts).
import type { Clock } from '../../platform/clock.ts'

export type StartPacerOptions = {
  /** The shortest time between two starts, in milliseconds. */
  spacingMs: number
  clock: Clock
  /** Called when a start that had to wait is possible. */
  onReady: () => void
}

export class StartPacer {
  readonly #options: StartPacerOptions
  #nextStartAt = Number.NEGATIVE_INFINITY
  #sparesAfter = Number.NEGATIVE_INFINITY
  #cancel = () => {}

  constructor(options: StartPacerOptions) {
    this.#options = options
  }

  /** Whether a process may start now; if not, `onReady` is called when it may be tried again. */
  mayStart(isSpare: boolean): boolean {
    const notBefore = isSpare ? Math.max(this.#nextStartAt, this.#sparesAfter) : this.#nextStartAt
    if (this.#options.clock.now() >= notBefore) return true
    this.#readyAt(notBefore)
    return false
  }

  noteStart(): void {
    this.#nextStartAt = this.#options.clock.now() + this.#options.spacingMs
  }

  /** A spare that starts beside a turn slows down its first word: spares wait a moment. */
  delaySpares(): void {
    this.#sparesAfter = this.#options.clock.now() + this.#options.spacingMs
  }

  /** Acts now, or has `onReady` called when spares may start again. */
  whenSparesMayStart(act: () => void): void {
    if (this.#options.clock.now() >= this.#sparesAfter) act()
    else this.#readyAt(this.#sparesAfter)
  }

  stop(): void {
    this.#cancel()
  }

  #readyAt(time: number): void {
    this.stop()
    const { clock, onReady } = this.#options
    this.#cancel = clock.schedule(onReady, time - clock.now() + 1)
  }
}
