// The timeouts of the approvals that a run is waiting for. What they are is in the phase of the run (run-lifecycle.ts).

export class PendingPermissions {
  readonly #pending = new Map<string, { timer: NodeJS.Timeout; answered: PromiseWithResolvers<void> }>()
  readonly #timeoutMs: number
  readonly #onTimeout: (requestId: string) => void

  constructor(timeoutMs: number, onTimeout: (requestId: string) => void) {
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
  }

  /** Settles when the request is no longer pending. */
  async answered(requestId: string): Promise<void> {
    await this.#pending.get(requestId)?.answered.promise
  }

  add(requestId: string): void {
    const timer = setTimeout(() => this.#onTimeout(requestId), this.#timeoutMs)
    this.#pending.set(requestId, { timer, answered: Promise.withResolvers() })
  }

  remove(requestId: string): void {
    const pending = this.#pending.get(requestId)
    clearTimeout(pending?.timer)
    this.#pending.delete(requestId)
    pending?.answered.resolve()
  }

  clear(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    this.#pending.clear()
  }
}
