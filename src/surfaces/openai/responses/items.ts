// The items of a Responses request, with those of the responses before it: which of them are the system prompt, which the conversation so
// far, which the prompt. References must have been followed before (stored-responses.ts).

import { type CallErrors, ConversationBuilder, type EarlierCall } from '../../../compat/conversation-builder.ts'
import type { ThinkingBlock } from '../../../core/conversation.ts'
import { invalidField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import type { ReadMessages } from '../chat/messages.ts'
import { parseArguments } from '../shared/call-arguments.ts'
import { toBlocks, toTextBlocks } from '../shared/content-parts.ts'
import { decodeThinking } from './encrypted-reasoning.ts'
import {
  CallOutputItem,
  CustomCallItem,
  FunctionCallItem,
  type InputItem,
  MessageItem,
  ReasoningItem,
} from './schemas.ts'
import { flatName } from './tools.ts'

/** An item and where it stands in the request, or what it came from. */
export type PlacedItem = { item: InputItem; param: string }

/** Where items stand that came with earlier requests. */
export const earlierParam = 'previous_response_id'

export type ReadItems = ReadMessages & { ignored: string[] }

const callFaults: CallErrors = {
  orphan: (_id, param) => invalidField(param, 'answers no call of the items before it that is still open'),
  unanswered: (_id, param) =>
    invalidField(param, 'has no output: each call must be followed by an item with its output'),
  sameId: (_id, param) => invalidField(`${param}.call_id`, 'is the id of another call as well'),
}

export function readItems(items: readonly PlacedItem[]): ReadItems {
  const reader = new ItemReader()
  for (const { item, param } of items) reader.read(item, param)
  return reader.end()
}

class ItemReader {
  readonly #builder = new ConversationBuilder(callFaults)
  readonly #system: string[] = []
  readonly #ignored: string[] = []
  /** Thinking belongs to what the model says next. */
  #thoughts: ThinkingBlock[] = []

  read(item: InputItem, param: string): void {
    switch (item.type) {
      case null:
      case undefined:
      case 'message':
        return this.#message(item, param)
      case 'function_call': {
        const { arguments: given, ...call } = parsePart(FunctionCallItem, item, param)
        return this.#call(call, parseArguments(given, `${param}.arguments`), param)
      }
      case 'custom_tool_call': {
        const { input, ...call } = parsePart(CustomCallItem, item, param)
        return this.#call(call, { input }, param)
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        return this.#output(item, param)
      case 'reasoning':
        return void this.#thoughts.push(
          ...decodeThinking(parsePart(ReasoningItem, item, param).encrypted_content ?? ''),
        )
      default:
        // Of what came earlier it was told then.
        if (param !== earlierParam) this.#ignored.push(param)
    }
  }

  #message(item: InputItem, param: string): void {
    const { role, content } = parsePart(MessageItem, item, param)
    const where = `${param}.content`
    if (role === 'assistant') {
      const texts = toTextBlocks(content, where)
      if (texts.length === 0) return
      this.#builder.assistant([...this.#thoughts, ...texts], [])
      this.#thoughts = []
      return
    }
    this.#thoughts = []
    if (role === 'user') return this.#builder.user(toBlocks(content, where))
    const texts = toTextBlocks(content, where).map(({ text }) => text)
    if (this.#builder.isEmpty) this.#system.push(...texts)
    else this.#builder.system(texts)
  }

  #call(
    given: { call_id: string; name: string; namespace?: string | null | undefined },
    input: Record<string, unknown>,
    param: string,
  ): void {
    const name = flatName({ name: given.name, namespace: given.namespace || null })
    const call: EarlierCall = { id: given.call_id, name, input, param }
    this.#builder.assistant(this.#thoughts, [call])
    this.#thoughts = []
  }

  #output(item: InputItem, param: string): void {
    const { call_id: id, output } = parsePart(CallOutputItem, item, param)
    this.#thoughts = []
    this.#builder.result({ id, content: toBlocks(output, `${param}.output`), param: `${param}.call_id` })
  }

  end(): ReadItems {
    const { history, prompt, endsWithAssistant } = this.#builder.end()
    if (endsWithAssistant) {
      throw invalidField(
        'input',
        "must end with a user's message or a call's output: an answer cannot be begun for the model",
      )
    }
    if (prompt.length === 0) throw invalidField('input', 'must have a message of the user that is not empty')
    return { system: this.#system, history, prompt, ignored: this.#ignored }
  }
}
