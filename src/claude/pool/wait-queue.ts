// Runs that wait for a process. Those who wait take turns, whoever they are; the runs of each are in order of arrival. Items of batches come
// after all others. Not for which of them gets one (see pool.ts).
import type { PoolWorker } from './pool-worker.ts'
import type { ResolvedRequest } from './resolve-request.ts'

export type Waiter = ResolvedRequest & {
  /** When it began to wait, on the pool's clock. */
  since: number
  failedStarts: number
  /** Takes the waiter out of the queue and gives it the worker. */
  assign(worker: PoolWorker): void
  /** Takes the waiter out of the queue and ends its wait. */
  reject(error: unknown): void
}

export class WaitQueue {
  readonly #waiters: Waiter[] = []
  /** By owner: the number of the turn in which it was last served. */
  readonly #served = new Map<string | null, number>()
  #turn = 0

  get size(): number {
    return this.#waiters.length
  }

  /** In the order in which they should be served. A copy: waiters may leave while it is read. */
  all(): Waiter[] {
    const [first, last] = [false, true].map((isLast) =>
      this.#waiters.filter(({ request }) => (request.isBatchItem ?? false) === isLast),
    )
    return [...this.#inTurns(first ?? []), ...this.#inTurns(last ?? [])]
  }

  #inTurns(waiters: Waiter[]): Waiter[] {
    const byOwner = [...Map.groupBy(waiters, ownerOf)]
    if (byOwner.length < 2) return waiters
    const lastTurn = (owner: string | null) => this.#served.get(owner) ?? 0
    // The sort is stable: owners that were never served come in order of arrival.
    const queues = byOwner.sort(([a], [b]) => lastTurn(a) - lastTurn(b)).map(([, waiters]) => waiters)
    const rounds = Math.max(...queues.map(({ length }) => length))
    return Array.from({ length: rounds }, (_, round) => queues.flatMap((waiters) => waiters[round] ?? [])).flat()
  }

  includes(waiter: Waiter): boolean {
    return this.#waiters.includes(waiter)
  }

  /**
   * Waits at the end of its owner's queue until a worker is assigned; rejects with the signal's reason. `onQueued` is called once the waiter is
   * in the queue; what it throws ends the wait.
   */
  wait(resolved: ResolvedRequest & { since: number }, signal: AbortSignal, onQueued: () => void): Promise<PoolWorker> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const { promise, resolve, reject } = Promise.withResolvers<PoolWorker>()
    const waiter: Waiter = {
      ...resolved,
      failedStarts: 0,
      assign: (worker) => {
        this.#leave(waiter)
        this.#served.set(ownerOf(waiter), ++this.#turn)
        resolve(worker)
      },
      reject: (error) => {
        this.#leave(waiter)
        reject(error)
      },
    }
    const onAbort = () => waiter.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiters.push(waiter)
    try {
      onQueued()
    } catch (error) {
      waiter.reject(error)
    }
    return promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  rejectAll(error: Error): void {
    for (const waiter of this.all()) waiter.reject(error)
  }

  #leave(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter)
    if (index !== -1) this.#waiters.splice(index, 1)
  }
}

export const ownerOf = ({ request }: Pick<ResolvedRequest, 'request'>): string | null => request.owner ?? null
