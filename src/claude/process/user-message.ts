// Messages for the CLI: the prompt of a turn and the conversation before it.
import { randomUUID } from 'node:crypto'
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { ConversationMessage, UserBlock } from '../../core/conversation.ts'
import { answerOfModel } from '../sessions/answer-of-model.ts'

type Content = Extract<SDKUserMessage['message']['content'], unknown[]>

/** `isTyped`: slash commands and file mentions work as in the CLI. */
export function toPrompt(blocks: readonly UserBlock[], isTyped = false): SDKUserMessage {
  return {
    type: 'user',
    message: { role: 'user', content: blocks as Content },
    parent_tool_use_id: null,
    uuid: randomUUID(),
    // The text was sent by a program, not typed by a person.
    ...(isTyped ? {} : { client_composed: true as const }),
  }
}

/** A past message of the user: recorded, not answered. */
export function toHistoryPrompt(message: ConversationMessage & { role: 'user' }): SDKUserMessage {
  return { ...toPrompt(message.content), shouldQuery: false }
}

/**
 * A past answer of the model; `model` is the full id of the model that continues. The CLI accepts such lines although
 * its types do not mention them; the next request shows that it did, and a test reads that request.
 */
export function toHistoryAnswer(message: ConversationMessage & { role: 'assistant' }, model: string): SDKUserMessage {
  const line = {
    type: 'assistant',
    message: answerOfModel(message, model),
    parent_tool_use_id: null,
    uuid: randomUUID(),
  }
  return line as unknown as SDKUserMessage
}
