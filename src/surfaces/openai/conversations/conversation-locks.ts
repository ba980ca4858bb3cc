// Who is working on which conversation: one response at a time, and while it is made nobody else changes the items, because
// a call of the model must be followed by its result. Of this server only. Not for who may see a conversation.
import type { Release } from '../../../core/runs.ts'
import { AppError } from '../../../errors.ts'

/** In OpenAI's words, for programs that look for them. */
export const locked = (field: string) =>
  new AppError(
    'invalid_request',
    'Another process is currently operating on this conversation. Please retry in a few seconds.',
    { field },
    { kind: 'conversation_locked' },
  )

export class ConversationLocks {
  readonly #responding = new Set<string>()
  /** How many changes of its items are being written. */
  readonly #changing = new Map<string, number>()

  /** For a response. Throws `invalid_request` if there is another one, or the items are being changed. */
  acquire(id: string): Release {
    if (this.#responding.has(id) || this.#changing.has(id)) throw locked('conversation')
    this.#responding.add(id)
    return () => void this.#responding.delete(id)
  }

  /** Changes items, beside other changes. Throws `invalid_request` during a response. */
  async change<T>(id: string, write: () => Promise<T>): Promise<T> {
    if (this.#responding.has(id)) throw locked('conversation_id')
    this.#changing.set(id, (this.#changing.get(id) ?? 0) + 1)
    try {
      return await write()
    } finally {
      const left = (this.#changing.get(id) ?? 1) - 1
      if (left === 0) this.#changing.delete(id)
      else this.#changing.set(id, left)
    }
  }
}
