// The messages of one live process on their way to the turn that reads them: a queue with one reader, whose wait can be
// stopped. Reports when it is too full, so that the source can be paused. Not a general-purpose channel.

/** The source is paused above `high` messages and resumed below `low`. */
const high = 256
const low = 64

export class MessageQueue<T> {
  #items: T[] = []
  #reader: { resolve: (item: T) => void; reject: (reason: unknown) => void } | null = null
  #stopped: { reason: unknown } | null = null
  #ended: { reason: unknown } | null = null
  #isFull = false
  readonly #onFull: (isFull: boolean) => void

  constructor(onFull: (isFull: boolean) => void) {
    this.#onFull = onFull
  }

  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    if (this.#reader !== null) {
      const { resolve } = this.#reader
      this.#reader = null
      return resolve(item)
    }
    this.#items.push(item)
    if (this.#items.length > high) this.#setFull(true)
  }

  /** Makes the pending read, or the next one, fail with `reason` at once, whatever is still in the queue. */
  stop(reason: unknown): void {
    if (this.#reader === null) {
      this.#stopped ??= { reason }
      return
    }
    const { reject } = this.#reader
    this.#reader = null
    reject(reason)
  }

  /** Cancels a stop that no read has seen yet. */
  resume(): void {
    this.#stopped = null
  }

  /** No more messages will come: reads fail with `reason` once the queue is empty. */
  end(reason: unknown): void {
    this.#ended ??= { reason }
    if (this.#reader !== null) this.stop(reason)
  }

  take(): Promise<T> {
    const stopped = this.#stopped
    if (stopped !== null) {
      this.#stopped = null
      return Promise.reject(stopped.reason)
    }
    const [item] = this.#items.splice(0, 1)
    if (this.#items.length < low) this.#setFull(false)
    if (item !== undefined) return Promise.resolve(item)
    if (this.#ended !== null) return Promise.reject(this.#ended.reason)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  /** Drops all queued messages and any pending stop. */
  clear(): void {
    this.#items = []
    this.#stopped = null
    this.#setFull(false)
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return
    this.#isFull = isFull
    this.#onFull(isFull)
  }
}
