// One run at a time for each conversation, in order of arrival: two processes that continue the same conversation would both succeed,
// and one branch of it would be lost.

export class SessionLocks {
  /** The last waiter of each conversation's queue. */
  readonly #queues = new Map<string, Promise<void>>()

  /**
   * Waits for the session and resolves to the function that releases it, which is safe to call twice. An abort takes the caller out of
   * the queue.
   */
  async acquire(sessionId: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#queues.get(sessionId) ?? Promise.resolve()
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const last = before.then(() => released)
    this.#queues.set(sessionId, last)
    void last.then(() => {
      if (this.#queues.get(sessionId) === last) this.#queues.delete(sessionId)
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
