// The approvals that a run is waiting for, each with its timeout.
import type { ApprovalRequest } from './events.ts'

export class PendingPermissions {
  readonly #pending = new Map<
    string,
    { request: ApprovalRequest; timer: NodeJS.Timeout; answered: PromiseWithResolvers<void> }
  >()
  readonly #timeoutMs: number
  readonly #onTimeout: (requestId: string) => void

  constructor(timeoutMs: number, onTimeout: (requestId: string) => void) {
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
  }

  get list(): ApprovalRequest[] {
    return [...this.#pending.values()].map(({ request }) => request)
  }

  /** Settles when the request is no longer pending. */
  async answered(requestId: string): Promise<void> {
    await this.#pending.get(requestId)?.answered.promise
  }

  add(request: ApprovalRequest): void {
    const timer = setTimeout(() => this.#onTimeout(request.requestId), this.#timeoutMs)
    this.#pending.set(request.requestId, { request, timer, answered: Promise.withResolvers() })
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
