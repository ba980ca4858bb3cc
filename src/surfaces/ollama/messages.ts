// Splits the messages of a chat request into the system prompt, the conversation so far and the prompt.
import { type CallErrors, ConversationBuilder, type EarlierCall } from '../../compat/conversation-builder.ts'
import type { TextBlock } from '../../core/content.ts'
import type { ConversationMessage, UserBlock } from '../../core/conversation.ts'
import { invalidField } from '../../errors.ts'
import { toImages } from './images.ts'
import type { OllamaMessage } from './schemas.ts'

export type ReadMessages = { system: string; history: ConversationMessage[]; prompt: UserBlock[] }

type AssistantMessage = Extract<OllamaMessage, { role: 'assistant' }>
type ToolMessage = Extract<OllamaMessage, { role: 'tool' }>

const callErrors: CallErrors = {
  orphan: (_id, param) => invalidField(param, 'is the result of no open tool call of the preceding message'),
  unanswered: (_id, param) => invalidField(param, 'has no result: a tool message must follow for each tool call'),
  sameId: (_id, param) => invalidField(`${param}.id`, 'is also the id of another call: ids must be unique'),
}

/** Blank text is left out because the model's API refuses it. */
export const toText = (text: string | null | undefined): TextBlock[] =>
  (text ?? '').trim() === '' ? [] : [{ type: 'text', text: text ?? '' }]

export function readMessages(messages: readonly OllamaMessage[]): ReadMessages {
  const system: string[] = []
  const builder = new ConversationBuilder(callErrors)
  messages.forEach((message, index) => {
    const texts = toText(message.content)
    if (message.role === 'system' && builder.isEmpty) system.push(...texts.map(({ text }) => text))
    else add(builder, message, texts, `messages[${index}]`)
  })
  const { history, prompt, endsWithAssistant } = builder.end({ answersInstructions: system.length > 0 })
  if (endsWithAssistant) {
    const problem = "must end with a user or tool message: prefilling the model's answer is not supported"
    throw invalidField('messages', problem)
  }
  if (prompt.length === 0) throw invalidField('messages', 'must end with a message that is not empty')
  return { system: system.join('\n\n'), history, prompt }
}

function add(builder: ConversationBuilder, message: OllamaMessage, texts: TextBlock[], param: string): void {
  switch (message.role) {
    case 'system':
      return builder.system(texts.map(({ text }) => text))
    case 'user':
      return builder.user([...toImages(message.images, `${param}.images`), ...texts])
    case 'assistant':
      return builder.assistant(texts, earlierCalls(message, param))
    case 'tool': {
      const content = [...texts, ...toImages(message.images, `${param}.images`)]
      return builder.result({ id: answeredCall(builder, message), content, param })
    }
  }
}

/** An id is derived from the positions, so that the next request gets the same one. It must not end in `_` and a number. */
function earlierCalls({ tool_calls: calls }: AssistantMessage, param: string): EarlierCall[] {
  const message = param.replaceAll(/\D/g, '')
  return (calls ?? []).map(({ id, function: { name, arguments: input } }, index) => ({
    id: id || `call-${message}-${index}`,
    name,
    input: input ?? {},
    param: `${param}.tool_calls[${index}]`,
  }))
}

/** By the call's id, or its tool, or else the oldest: most programs send results in the order of the calls, without ids. */
function answeredCall(
  builder: ConversationBuilder,
  { tool_call_id: id, tool_name: toolName, name }: ToolMessage,
): string {
  if (id && builder.isOpen(id)) return id
  const tool = toolName || name
  return (tool ? builder.openCallOf(tool) : null) ?? builder.openCallOf(null) ?? ''
}
