// The state of one worker, and the only way to change it: starting → idle ⇄ busy → ending → gone. Who works on what is decided in the
// pool; what is done to the process, in worker.ts.
import type { Clock } from '../../platform/clock.ts'

export type WorkerPhase = 'starting' | 'idle' | 'busy' | 'ending' | 'gone'

export class WorkerState {
  readonly #clock: Pick<Clock, 'now'>
  #phase: WorkerPhase = 'starting'
  #lastUsedAt: number
  #idleMs = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#lastUsedAt = clock.now()
  }

  get phase(): WorkerPhase {
    return this.#phase
  }

  /** When it became ready, was acquired or was released: the latest of these, on the clock. */
  get lastUsedAt(): number {
    return this.#lastUsedAt
  }

  /** How long it had been idle when it was acquired last. */
  get idleMs(): number {
    return this.#idleMs
  }

  /** The process has started. Has no effect if it is to end already. */
  ready(): void {
    if (this.#phase === 'starting') this.#become('idle')
  }

  /** Throws unless the worker is idle: two turns on one process would mix their messages. */
  acquire(): void {
    if (this.#phase !== 'idle') throw new Error(`a worker that is ${this.#phase} was acquired`)
    this.#idleMs = this.#clock.now() - this.#lastUsedAt
    this.#become('busy')
  }

  /** False if the worker has ended, or is to end, in the meantime. */
  release(): boolean {
    if (this.#phase !== 'busy') return false
    this.#become('idle')
    return true
  }

  retire(): void {
    if (this.#phase !== 'gone') this.#phase = 'ending'
  }

  end(): void {
    this.#phase = 'gone'
  }

  #become(phase: 'idle' | 'busy'): void {
    this.#phase = phase
    this.#lastUsedAt = this.#clock.now()
  }
}
