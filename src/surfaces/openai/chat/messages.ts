// Splits the messages of a chat completions request into the system prompt, the conversation so far and the prompt.

import { type CallErrors, ConversationBuilder, type EarlierCall } from '../../../compat/conversation-builder.ts'
import type { ConversationMessage, UserBlock } from '../../../core/conversation.ts'
import { invalidField, missingField } from '../../../errors.ts'
import { parseArguments } from '../shared/call-arguments.ts'
import { toBlocks, toTextBlocks } from '../shared/content-parts.ts'
import type { ChatMessage } from './schemas.ts'

export type ReadMessages = { system: string[]; history: ConversationMessage[]; prompt: UserBlock[] }

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>

const callErrors: CallErrors = {
  orphan: (_id, param) => invalidField(param, 'matches no open tool call in the preceding message'),
  unanswered: (_id, param) =>
    invalidField(param, 'has no result: each tool call must be followed by a tool message with its id'),
  sameId: (_id, param) => invalidField(`${param}.id`, 'is also the id of another call: ids must be unique'),
}

export function readMessages(messages: readonly ChatMessage[]): ReadMessages {
  const system: string[] = []
  const builder = new ConversationBuilder(callErrors)
  messages.forEach((message, index) => {
    const param = `messages[${index}]`
    if (message.role === 'system' || message.role === 'developer') {
      const texts = toTextBlocks(message.content, `${param}.content`).map(({ text }) => text)
      if (builder.isEmpty) system.push(...texts)
      else builder.system(texts)
    } else {
      add(builder, message, param)
    }
  })
  const { history, prompt, endsWithAssistant } = builder.end({ answersInstructions: system.length > 0 })
  if (endsWithAssistant) {
    throw invalidField(
      'messages',
      "must end with a user or tool message: prefilling the model's answer is not supported",
    )
  }
  if (prompt.length === 0) throw nothingToAnswer(messages)
  return { system, history, prompt }
}

function nothingToAnswer(messages: readonly ChatMessage[]) {
  const index = messages.findLastIndex(({ role }) => role === 'user')
  return index === -1
    ? invalidField('messages', 'must contain a message with the role user')
    : invalidField(`messages[${index}].content`, 'must not be empty')
}

function add(
  builder: ConversationBuilder,
  message: Exclude<ChatMessage, { role: 'system' | 'developer' }>,
  param: string,
): void {
  switch (message.role) {
    case 'user':
      return builder.user(toBlocks(message.content, `${param}.content`))
    case 'assistant':
      return builder.assistant(assistantText(message, param), earlierCalls(message, param))
    case 'tool':
      return builder.result({
        id: message.tool_call_id,
        content: toBlocks(message.content, `${param}.content`),
        param: `${param}.tool_call_id`,
      })
    case 'function':
      return builder.result({
        id: builder.openCallOf(message.name) ?? '',
        content: toBlocks(message.content, `${param}.content`),
        param: `${param}.name`,
      })
  }
}

function assistantText({ content, refusal }: AssistantMessage, param: string) {
  const texts = toTextBlocks(content, `${param}.content`)
  return texts.length === 0 ? toTextBlocks(refusal, `${param}.refusal`) : texts
}

/**
 * Legacy function calls have no ids. The id is derived from the message's index, so that the next request gets the same
 * one.
 */
function earlierCalls({ tool_calls: calls, function_call: legacy }: AssistantMessage, param: string): EarlierCall[] {
  if (legacy) {
    const where = `${param}.function_call`
    const input = parseArguments(legacy.arguments, `${where}.arguments`)
    return [{ id: `call_${param.replaceAll(/\D/g, '')}`, name: legacy.name, input, param: where }]
  }
  return (calls ?? []).map(({ id, function: called, custom }, index) => {
    const where = `${param}.tool_calls[${index}]`
    if (called) {
      const input = parseArguments(called.arguments, `${where}.function.arguments`)
      return { id, name: called.name, input, param: where }
    }
    if (custom) return { id, name: custom.name, input: { input: custom.input }, param: where }
    throw missingField(`${where}.function`)
  })
}
