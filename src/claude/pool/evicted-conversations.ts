// The conversations whose processes were lately given to others: whether one comes back, and what its answers held that clients do not
// send back. In memory only, within bounds.
import type { ConversationMessage } from '../../core/conversation.ts'
import type { Turn } from '../cli/profile.ts'
import type { LoadedConversation } from '../process/loaded-conversation.ts'
import { conversationFingerprint } from '../sessions/conversation-fingerprint.ts'
import { joinAnswers } from '../sessions/join-answers.ts'
import type { RequestMatch } from './worker-selection.ts'

const rememberedMax = 500

/** How much of their content is kept, in characters. */
const charsMax = 16 * 1024 * 1024

type Content = { messages: readonly ConversationMessage[]; chars: number }

const hasThinking = (messages: readonly ConversationMessage[]): boolean =>
  messages.some(({ content }) => content.some(({ type }) => type === 'thinking' || type === 'redacted_thinking'))

export class EvictedConversations {
  /** By fingerprint or id, the latest last. Null: nothing that the client will not send. */
  readonly #conversations = new Map<string, Content | null>()
  #chars = 0

  note({
    contentFingerprint,
    sessionId,
    messages,
  }: Pick<LoadedConversation, 'contentFingerprint' | 'sessionId' | 'messages'>): void {
    const key = contentFingerprint ?? sessionId
    this.#remove(key)
    const isWorthKeeping = contentFingerprint !== null && hasThinking(messages)
    const content = isWorthKeeping ? { messages, chars: JSON.stringify(messages).length } : null
    this.#conversations.set(key, content)
    this.#chars += content?.chars ?? 0
    for (const oldest of this.#conversations.keys()) {
      if (this.#conversations.size <= rememberedMax && this.#chars <= charsMax) break
      this.#remove(oldest)
    }
  }

  /** Whether the request goes on with one of them. */
  has({ request: { session } }: Pick<RequestMatch, 'request'>): boolean {
    if (session.kind === 'continue') return this.#conversations.has(session.sessionId)
    return session.kind === 'history' && this.#conversations.has(conversationFingerprint(session.messages))
  }

  /** The turn with the thinking in its past answers, as the process that gave them would send it to the model. */
  complete(turn: Turn): Turn {
    if (turn.history === null) return turn
    const content = this.#conversations.get(conversationFingerprint(turn.history)) ?? null
    return content === null ? turn : { ...turn, history: joinAnswers(content.messages) }
  }

  #remove(key: string): void {
    this.#chars -= this.#conversations.get(key)?.chars ?? 0
    this.#conversations.delete(key)
  }
}
