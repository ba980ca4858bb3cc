// A past answer of the model in the form in which the CLI keeps its own.
import { randomUUID } from 'node:crypto'
import type { ConversationMessage } from '../../core/conversation.ts'

/** `model` is the full id of the model that answers next: the thinking of any other would be left out. */
export function answerOfModel(message: ConversationMessage & { role: 'assistant' }, model: string) {
  const isCall = message.content.some((block) => block.type === 'tool_use')
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model,
    content: message.content,
    stop_reason: isCall ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  }
}
