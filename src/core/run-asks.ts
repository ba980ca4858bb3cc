// What a run waits for a person to decide, and how long it does.
import type { Ask } from './events.ts'

export class RunAsks {
  readonly #pending = new Map<string, { ask: Ask; timer: NodeJS.Timeout }>()
  readonly #timeoutMs: number
  readonly #onTimeout: (requestId: string) => void

  constructor(timeoutMs: number, onTimeout: (requestId: string) => void) {
    this.#timeoutMs = timeoutMs
    this.#onTimeout = onTimeout
  }

  get list(): Ask[] {
    return [...this.#pending.values()].map(({ ask }) => ask)
  }

  add(ask: Ask): void {
    const timer = setTimeout(() => this.#onTimeout(ask.requestId), this.#timeoutMs)
    this.#pending.set(ask.requestId, { ask, timer })
  }

  remove(requestId: string): void {
    clearTimeout(this.#pending.get(requestId)?.timer)
    this.#pending.delete(requestId)
  }

  clear(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    this.#pending.clear()
  }
}
