// How many may read the events of runs at once: each reader holds a connection and a place in the run's memory.
import { AppError } from '../../errors.ts'

const perRunMax = 16
const inAllMax = 1024

export class StreamReaders {
  readonly #readers = new Map<string, number>()
  #all = 0

  /** Counts one more reader until the function that it gives is called. Throws `rate_limited`. */
  enter(runId: string): () => void {
    const readers = this.#readers.get(runId) ?? 0
    if (readers >= perRunMax) throw tooMany(`run ${runId} has ${perRunMax} readers already`)
    if (this.#all >= inAllMax) throw tooMany(`${inAllMax} streams are being read already`)
    this.#all++
    this.#readers.set(runId, readers + 1)
    return () => this.#leave(runId)
  }

  #leave(runId: string): void {
    const readers = (this.#readers.get(runId) ?? 0) - 1
    this.#all--
    if (readers > 0) this.#readers.set(runId, readers)
    else this.#readers.delete(runId)
  }
}

const tooMany = (what: string) =>
  new AppError('rate_limited', `${what}; close one, or try again later`, { retryAfterS: 5 })
