// Splits the items of a Responses request, including those of the previous responses, into the system prompt, the
// conversation so far and the prompt. References must already be resolved (stored-responses.ts).

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

/** An item and the name of its parameter, for errors. */
export type LocatedItem = { item: InputItem; param: string }

/** The parameter of items that come from earlier requests. */
export const earlierParam = 'previous_response_id'

export type ReadItems = ReadMessages & { ignored: string[] }

const callErrors: CallErrors = {
  orphan: (_id, param) => invalidField(param, 'matches no open call in the preceding items'),
  unanswered: (_id, param) =>
    invalidField(param, 'has no output: each call must be followed by an item with its output'),
  sameId: (_id, param) => invalidField(`${param}.call_id`, 'is also the id of another call: ids must be unique'),
}

export function readItems(items: readonly LocatedItem[]): ReadItems {
  const reader = new ItemReader()
  for (const { item, param } of items) reader.read(item, param)
  return reader.end()
}

class ItemReader {
  readonly #builder = new ConversationBuilder(callErrors)
  readonly #system: string[] = []
  readonly #ignored: string[] = []
  /** Thinking that belongs to the model's next message or call. */
  #thinking: ThinkingBlock[] = []

  read(item: InputItem, param: string): void {
    switch (item.type) {
      case null:
      case undefined:
      case 'message':
        return this.#message(item, param)
      case 'function_call': {
        const { arguments: args, ...call } = parsePart(FunctionCallItem, item, param)
        return this.#call(call, parseArguments(args, `${param}.arguments`), param)
      }
      case 'custom_tool_call': {
        const { input, ...call } = parsePart(CustomCallItem, item, param)
        return this.#call(call, { input }, param)
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        return this.#output(item, param)
      case 'reasoning':
        return void this.#thinking.push(
          ...decodeThinking(parsePart(ReasoningItem, item, param).encrypted_content ?? ''),
        )
      default:
        // Ignored items of earlier requests were reported then.
        if (param !== earlierParam) this.#ignored.push(param)
    }
  }

  #message(item: InputItem, param: string): void {
    const { role, content } = parsePart(MessageItem, item, param)
    const where = `${param}.content`
    if (role === 'assistant') {
      const texts = toTextBlocks(content, where)
      if (texts.length === 0) return
      this.#builder.assistant([...this.#thinking, ...texts], [])
      this.#thinking = []
      return
    }
    this.#thinking = []
    if (role === 'user') return this.#builder.user(toBlocks(content, where))
    const texts = toTextBlocks(content, where).map(({ text }) => text)
    if (this.#builder.isEmpty) this.#system.push(...texts)
    else this.#builder.system(texts)
  }

  #call(
    { call_id: id, name, namespace }: { call_id: string; name: string; namespace?: string | null | undefined },
    input: Record<string, unknown>,
    param: string,
  ): void {
    const call: EarlierCall = { id, name: flatName({ name, namespace: namespace || null }), input, param }
    this.#builder.assistant(this.#thinking, [call])
    this.#thinking = []
  }

  #output(item: InputItem, param: string): void {
    const { call_id: id, output } = parsePart(CallOutputItem, item, param)
    this.#thinking = []
    this.#builder.result({ id, content: toBlocks(output, `${param}.output`), param: `${param}.call_id` })
  }

  end(): ReadItems {
    const { history, prompt, endsWithAssistant } = this.#builder.end({ answersInstructions: this.#system.length > 0 })
    if (endsWithAssistant) {
      throw invalidField(
        'input',
        "must end with a user message or the output of a call: prefilling the model's answer is not supported",
      )
    }
    if (prompt.length === 0) throw invalidField('input', 'must contain a user message that is not empty')
    return { system: this.#system, history, prompt, ignored: this.#ignored }
  }
}
