// Messages on their way to the CLI: the prompt of a turn, and what was said before it.
import { randomUUID } from 'node:crypto'
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { ConversationMessage, UserBlock } from '../../core/conversation.ts'

type Content = Extract<SDKUserMessage['message']['content'], unknown[]>

/** `isTyped`: slash commands and file mentions act as in the CLI. */
export function toPrompt(blocks: readonly UserBlock[], isTyped = false): SDKUserMessage {
  return {
    type: 'user',
    message: { role: 'user', content: blocks as Content },
    parent_tool_use_id: null,
    uuid: randomUUID(),
    // The text is what a program sent, not what a person typed.
    ...(isTyped ? {} : { client_composed: true as const }),
  }
}

/** A past message of the user: noted, not answered. */
export function toHistoryPrompt(message: ConversationMessage & { role: 'user' }): SDKUserMessage {
  return { ...toPrompt(message.content), shouldQuery: false }
}

/**
 * A past answer of the model; `model` is the full id of the one that goes on. The CLI takes such lines, which its types do not say; that it did shows in the next request,
 * and in the test that reads it.
 */
export function toHistoryAnswer(message: ConversationMessage & { role: 'assistant' }, model: string): SDKUserMessage {
  const isCall = message.content.some((block) => block.type === 'tool_use')
  const line = {
    type: 'assistant',
    message: {
      id: `msg_${randomUUID().replaceAll('-', '')}`,
      type: 'message',
      role: 'assistant',
      // Thoughts of another model than the one that is asked now would be left out.
      model,
      content: message.content,
      stop_reason: isCall ? 'tool_use' : 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    parent_tool_use_id: null,
    uuid: randomUUID(),
  }
  return line as unknown as SDKUserMessage
}
