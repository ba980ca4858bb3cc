// One batch that is being worked on: which of its items comes next. Not for answering them, nor for when (batch-engine.ts).
import type { Clock } from '../../platform/clock.ts'
import type { Batch, BatchItem, BatchStore } from './batches.ts'

/** An item and how often it was tried: `attempt` of all times, `failures` by this server. */
export type PendingItem = { item: BatchItem; attempt: number; failures: number }

/** How many items are read at once, if they are small. */
const pageSize = 16

/** Why the items of a batch that have not begun never will. */
export type Withdrawal = 'canceled' | 'expired'

export class ActiveBatch {
  batch: Batch
  /** How many items are being answered. */
  running = 0
  /** The number of the turn in which one of its items began last. */
  turn = 0
  readonly #store: Pick<BatchStore, 'pendingItems'>
  readonly #withdrawn = new AbortController()
  readonly #again: PendingItem[] = []
  #page: BatchItem[] = []
  #after = -1
  #isRead = false
  #withdrawal: Withdrawal | null = null
  #stopWaiting: (() => void) | null = null

  constructor(batch: Batch, store: Pick<BatchStore, 'pendingItems'>) {
    this.batch = batch
    this.#store = store
  }

  /** Why it takes no further items; null if it does. */
  get withdrawal(): Withdrawal | null {
    return this.#withdrawal
  }

  /** Aborted when no further item should begin. */
  get withdrawn(): AbortSignal {
    return this.#withdrawn.signal
  }

  withdraw(why: Withdrawal): void {
    this.#withdrawal ??= why
    this.stop()
  }

  /** The server stops: the items that have not begun are left to the next one. */
  stop(): void {
    this.#stopWaiting?.()
    this.#withdrawn.abort()
  }

  /** No item begins for that long, in milliseconds; then `onEnd` is called, unless the batch is stopped before. */
  pause(ms: number, clock: Clock, onEnd: () => void): void {
    this.#stopWaiting?.()
    const stop = clock.schedule(() => {
      this.#stopWaiting = null
      onEnd()
    }, ms)
    this.#stopWaiting = () => {
      stop()
      this.#stopWaiting = null
    }
  }

  /** The next item; null if there is none at present. Must not be called again before it settles. */
  async next(): Promise<PendingItem | null> {
    if (this.#withdrawn.signal.aborted || this.#stopWaiting !== null) return null
    const again = this.#again.shift()
    if (again !== undefined) return again
    if (this.#page.length === 0 && !this.#isRead) {
      this.#page = await this.#store.pendingItems(this.batch.id, this.#after, pageSize)
      this.#isRead = this.#page.length === 0
    }
    const item = this.#page.shift()
    if (item === undefined) return null
    this.#after = item.position
    return { item, attempt: 0, failures: 0 }
  }

  /** The item has no outcome yet. */
  tryAgain(pending: PendingItem): void {
    this.#again.push(pending)
  }

  /** Whether nothing is left to begin or to wait for. */
  get isDone(): boolean {
    if (this.running > 0) return false
    return this.#withdrawal !== null || (this.#isRead && this.#page.length === 0 && this.#again.length === 0)
  }
}
