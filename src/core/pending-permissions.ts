// What a run waits for a person to decide, and how long it does.
import type { ApprovalRequest } from './events.ts'

export class PendingPermissions {
  readonly #pending = new Map<
    string,
    { ask: ApprovalRequest; timer: NodeJS.Timeout; answered: PromiseWithResolvers<void> }
  >()
  readonly #timeoutMs: number
  readonly #onTimeout: (requestId: string) => void

  constructor(timeoutMs: number, onTimeout: (requestId: string) => void) {
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
  }

  get list(): ApprovalRequest[] {
    return [...this.#pending.values()].map(({ ask }) => ask)
  }

  /** Settles when the request does not wait any more. */
  async answered(requestId: string): Promise<void> {
    await this.#pending.get(requestId)?.answered.promise
  }

  add(ask: ApprovalRequest): void {
    const timer = setTimeout(() => this.#onTimeout(ask.requestId), this.#timeoutMs)
    this.#pending.set(ask.requestId, { ask, timer, answered: Promise.withResolvers() })
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
