// The messages of one live process on their way to the turn that reads them: a queue with one reader, which can be told to
// stop waiting. Says when it holds too much, so that the source is held back. Not a general-purpose channel.

/** Above `high` messages the source is told to wait, below `low` to go on. */
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

  /** Makes the waiting read, or the next one, fail with `reason` at once, whatever is still in the queue. */
  stop(reason: unknown): void {
    if (this.#reader === null) {
      this.#stopped ??= { reason }
      return
    }
    const { reject } = this.#reader
    this.#reader = null
    reject(reason)
  }

  /** Takes back an order to stop that nobody has heard yet. */
  resume(): void {
    this.#stopped = null
  }

  /** Nothing more will come: reads fail with `reason` once the queue is empty. */
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

  /** Forgets what is in the queue and any order to stop. */
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
