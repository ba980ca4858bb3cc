// Work whose result serves everyone who asked for it before it began: at any time at most one is done, and one waits.

export class SharedWork<T> {
  readonly #work: () => Promise<T>
  #current: Promise<T> | null = null
  #next: Promise<T> | null = null

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  /** The result of work that begins after this call. */
  done(): Promise<T> {
    if (this.#current === null) return this.#start()
    // What is in progress may have missed what happened since it began.
    this.#next ??= this.#current.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#next
  }

  #startNext(): Promise<T> {
    this.#next = null
    return this.#start()
  }

  #start(): Promise<T> {
    const current = this.#work().finally(() => {
      if (this.#current === current) this.#current = null
    })
    this.#current = current
    return current
  }
}
