// The CLI reports each block of an answer as a message. As one again, because it drops a message that is nothing but thinking.
import type { ConversationMessage } from '../../core/conversation.ts'

/** Adjacent messages of the model become one; the given ones are left as they are. */
export function joinAnswers(messages: Iterable<ConversationMessage>): ConversationMessage[] {
  const joined: ConversationMessage[] = []
  for (const message of messages) {
    const last = joined.at(-1)
    if (last?.role === 'assistant' && message.role === 'assistant') {
      joined[joined.length - 1] = { role: 'assistant', content: [...last.content, ...message.content] }
    } else {
      joined.push(message)
    }
  }
  return joined
}
