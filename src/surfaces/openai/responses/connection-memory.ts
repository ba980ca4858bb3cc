// The conversations of one connection: what later requests on it may continue although it is not stored. Not for stored
// responses (stored-responses.ts).
import type { InputItem } from './schemas.ts'

/** The oldest are forgotten. Conversations that continue each other share their items. */
const responsesMax = 32

export class ConnectionMemory {
  readonly #conversations = new Map<string, readonly InputItem[]>()
  /** The conversation of the request that is being answered, up to its own items. */
  current: readonly InputItem[] = []

  /** The conversation up to and including a response; null if it is not known here. */
  conversationUpTo(responseId: string): readonly InputItem[] | null {
    return this.#conversations.get(responseId) ?? null
  }

  add(responseId: string, items: readonly InputItem[]): void {
    this.#conversations.set(responseId, items)
    const [oldest] = this.#conversations.keys()
    if (this.#conversations.size > responsesMax && oldest !== undefined) this.#conversations.delete(oldest)
  }

  /** A request that failed to continue a response leaves it in doubt: the client sends its items again. */
  forget(responseId: string | null | undefined): void {
    if (responseId) this.#conversations.delete(responseId)
  }
}
