// Starts CLI processes, one at a time with a pause between them. Not for which process is needed (see pool.ts).
import type { Observer } from '../../core/observer.ts'
import { AppError, toAppError } from '../../errors.ts'
import type { SpawnMode } from '../cli/sdk-options.ts'
import { Worker, type WorkerContext } from '../process/worker.ts'
import type { SpawnSpec } from './recent-profiles.ts'
import { checkSpawn } from './spawn-precheck.ts'

export type SpawnerOptions = {
  /** The shortest time between two starts, in milliseconds. */
  spacingMs: number
  context: Omit<WorkerContext, 'claude'>
  observer: Pick<Observer, 'onProcessStart'> | undefined
  /** Called when a start that had to wait is possible. */
  onReady: () => void
}

export class Spawner {
  readonly #options: SpawnerOptions
  #nextStartAt = 0
  #sparesAfter = 0
  #timer: NodeJS.Timeout | null = null

  constructor(options: SpawnerOptions) {
    this.#options = options
  }

  /**
   * Starts a process, or returns null if another one was started a moment ago: `onReady` is called when it may be tried again. Throws
   * if the system refuses at once; what it refuses later rejects the worker's `ready`.
   */
  spawn(spec: SpawnSpec, mode: SpawnMode, isSpare: boolean): Worker | null {
    const now = performance.now()
    const notBefore = isSpare ? Math.max(this.#nextStartAt, this.#sparesAfter) : this.#nextStartAt
    if (now < notBefore) {
      this.#readyAt(notBefore)
      return null
    }
    const worker = this.#create(spec, mode)
    this.#nextStartAt = now + this.#options.spacingMs
    const report = (code: string | null) => this.#options.observer?.onProcessStart(performance.now() - now, code)
    worker.ready.then(
      () => report(null),
      (error) => report(toAppError(error).code),
    )
    return worker
  }

  #create({ profile, fingerprint, claude }: SpawnSpec, mode: SpawnMode): Worker {
    try {
      checkSpawn(claude, profile.cwd)
      return new Worker(profile, mode, fingerprint, { ...this.#options.context, claude })
    } catch (error) {
      throw toSpawnError(error)
    }
  }

  /** A spare that starts beside a turn slows down its first word: spares wait a moment. */
  delaySpares(): void {
    this.#sparesAfter = performance.now() + this.#options.spacingMs
  }

  /** Acts now, or has `onReady` called when spares may start again. */
  whenSparesMayStart(act: () => void): void {
    if (performance.now() >= this.#sparesAfter) act()
    else this.#readyAt(this.#sparesAfter)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #readyAt(time: number): void {
    this.stop()
    this.#timer = setTimeout(this.#options.onReady, time - performance.now() + 1)
  }
}

function toSpawnError(error: unknown): unknown {
  const isTooLong = error instanceof Error && 'code' in error && error.code === 'E2BIG'
  if (!isTooLong) return error
  const text = 'the lists of tools, rules and folders are longer than this system allows for starting a program'
  return new AppError('invalid_request', text)
}
