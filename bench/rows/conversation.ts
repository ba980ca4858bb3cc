// A conversation on the OpenAI route as a client keeps it: each request carries all of it, with the answers verbatim.

import type { JsonRecord } from '../json.ts'
import { type Completion, complete } from '../openai-client.ts'
import type { Served } from '../systems.ts'

export class Conversation {
  readonly #options: JsonRecord
  readonly messages: JsonRecord[]

  /** `past`: its messages so far, the system prompt first. */
  constructor(past: readonly JsonRecord[], options: JsonRecord = {}) {
    this.messages = [...past]
    this.#options = options
  }

  /** The next turn. It does not matter which server had the earlier ones. */
  async send(server: Served, ...next: readonly JsonRecord[]): Promise<Completion> {
    this.messages.push(...next)
    const completion = await complete(server.client, { messages: this.messages, ...this.#options })
    this.messages.push(completion.message)
    return completion
  }

  /** The time to the first text of its answer. */
  async firstText(server: Served, prompt: string): Promise<number> {
    const { firstTextMs, message } = await this.send(server, user(prompt))
    if (Number.isNaN(firstTextMs)) throw new Error(`the answer has no text: ${JSON.stringify(message)}`)
    return firstTextMs
  }
}

export const user = (content: string): JsonRecord => ({ role: 'user', content })

/** A past of `count` messages after a system prompt, as if another server had answered. */
export function pastOf(name: string, count: number): JsonRecord[] {
  const messages = Array.from({ length: count }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: `${name}, message ${index + 1}: the quick brown fox jumps over the lazy dog, and nobody knows why it does.`,
  }))
  return [systemOf(name), ...messages]
}

export const systemOf = (name: string): JsonRecord => ({
  role: 'system',
  content: `You keep to the matter of "${name}" and answer briefly.`,
})
