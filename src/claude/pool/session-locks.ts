// One run at a time for each conversation, in order of arrival: two processes that go on with the same conversation would
// both succeed, and one branch of it would be lost.

export class SessionLocks {
  /** The end of the line for each conversation that has one. */
  readonly #lines = new Map<string, Promise<void>>()

  /**
   * Waits for its turn and resolves to the function that passes it on, which may be called twice. An abort takes the
   * caller out of the line.
   */
  async acquire(sessionId: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#lines.get(sessionId) ?? Promise.resolve()
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const line = before.then(() => released)
    this.#lines.set(sessionId, line)
    void line.then(() => {
      if (this.#lines.get(sessionId) === line) this.#lines.delete(sessionId)
    })
    try {
      await abortable(before, signal)
      return release
    } catch (reason) {
      release()
      throw reason
    }
  }
}

function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    void promise.then(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
