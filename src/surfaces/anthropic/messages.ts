// The messages of a request: which of them are the system prompt, which the conversation so far, which the prompt.

import { type CallErrors, ConversationBuilder, type EarlierCall } from '../../compat/conversation-builder.ts'
import type { PromptBlock } from '../../core/content.ts'
import type { AssistantBlock, ConversationMessage, UserBlock } from '../../core/conversation.ts'
import { AppError, invalidField } from '../../errors.ts'
import { isPlain, toPromptBlocks, toText, toTexts } from './content.ts'
import type { RequestBlock, RequestMessage } from './schemas.ts'
import type { Version } from './version.ts'

export type ReadMessages = {
  system: string[]
  history: ConversationMessage[]
  prompt: UserBlock[]
  /** Where blocks stand that could only be kept as text. */
  ignored: string[]
}

/** In the words of Anthropic's API, which programs look for. */
const callFaults: CallErrors = {
  orphan: (id, param) =>
    new AppError(
      'invalid_request',
      `${param}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${short(id)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      { field: param },
    ),
  unanswered: (id, param) =>
    new AppError(
      'invalid_request',
      `${param}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${short(id)}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      { field: param },
    ),
  sameId: (id, param) =>
    new AppError('invalid_request', `${param}: \`tool_use\` ids must be unique: ${short(id)}`, {
      field: `${param}.id`,
    }),
}

const short = (id: string) => id.slice(0, 80)

export function readMessages(messages: readonly RequestMessage[], version: Version): ReadMessages {
  const reader = new Reader(version)
  messages.forEach((message, at) => {
    reader.add(message, `messages[${at}].content`)
  })
  return reader.end()
}

class Reader {
  readonly #version: Version
  readonly #builder = new ConversationBuilder(callFaults)
  readonly #system: string[] = []
  readonly #ignored: string[] = []

  constructor(version: Version) {
    this.#version = version
  }

  add({ role, content }: RequestMessage, param: string): void {
    if (role === 'system') return this.#systemMessage(toTexts(content, param))
    const blocks: readonly RequestBlock[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content
    if (role === 'assistant') return this.#answer(blocks, param)
    blocks.forEach((block, at) => {
      this.#userBlock(block, `${param}[${at}]`)
    })
  }

  #systemMessage(texts: readonly string[]): void {
    if (this.#builder.isEmpty) this.#system.push(...texts)
    else this.#builder.system(texts)
  }

  #userBlock(block: RequestBlock, param: string): void {
    switch (block.type) {
      case 'text':
        if (this.#version.isStrict && block.citations?.length) {
          throw invalidField(`${param}.citations`, 'must be empty in a message of the user')
        }
        return this.#builder.user(toPromptBlocks(block, param))
      case 'image':
      case 'document':
      case 'search_result':
        return this.#builder.user(toPromptBlocks(block, param))
      case 'tool_result':
        return this.#builder.result({
          id: block.tool_use_id,
          content: this.#resultContent(block.content, `${param}.content`),
          isError: block.is_error === true,
          param,
        })
      case 'tool_use':
      case 'thinking':
      case 'redacted_thinking':
        throw invalidField(`${param}.type`, `cannot be ${block.type} in a message of the user`)
      default:
        return this.#builder.user(this.#asText(block, param))
    }
  }

  #resultContent(content: Extract<RequestBlock, { type: 'tool_result' }>['content'], param: string): PromptBlock[] {
    if (!content) return []
    if (typeof content === 'string') return toText(content)
    return content.flatMap((block, at) => {
      const where = `${param}[${at}]`
      return isPlain(block) ? toPromptBlocks(block, where) : this.#asText(block, where)
    })
  }

  #answer(blocks: readonly RequestBlock[], param: string): void {
    const calls: EarlierCall[] = []
    const said = blocks.flatMap((block, at) => {
      if (block.type !== 'tool_use') return this.#answerBlock(block, `${param}[${at}]`)
      calls.push({ id: block.id, name: block.name, input: block.input, param: `${param}[${at}]` })
      return []
    })
    this.#builder.assistant(said, calls)
  }

  #answerBlock(block: Exclude<RequestBlock, { type: 'tool_use' }>, param: string): AssistantBlock[] {
    switch (block.type) {
      case 'text':
        return toText(block.text)
      case 'thinking':
        // Only what the model's API has signed can be given back to it.
        return block.signature ? [{ type: 'thinking', thinking: block.thinking, signature: block.signature }] : []
      case 'redacted_thinking':
        return [{ type: 'redacted_thinking', data: block.data }]
      case 'image':
      case 'document':
      case 'search_result':
        return this.#shownByModel(block, param)
      case 'tool_result':
        throw invalidField(`${param}.type`, 'cannot be tool_result in a message of the assistant')
      default:
        return this.#asText(block, param)
    }
  }

  /** The older version of the API let a document stand in an answer. */
  #shownByModel(block: Extract<RequestBlock, { type: 'image' | 'document' | 'search_result' }>, param: string) {
    if (this.#version.isStrict || block.type === 'image') {
      throw invalidField(`${param}.type`, `cannot be ${block.type} in a message of the assistant`)
    }
    return toPromptBlocks(block, param).flatMap((each): AssistantBlock[] => {
      if (each.type === 'text') return [each]
      if (each.type === 'document' && each.source.type === 'text') return toText(each.source.data)
      throw invalidField(`${param}.source`, 'must be text in a message of the assistant')
    })
  }

  /** What a server's tool left behind is shown to the model as it is. */
  #asText(block: { type: string }, param: string) {
    this.#ignored.push(param)
    return toText(JSON.stringify(block))
  }

  end(): ReadMessages {
    const { history, prompt, endsWithAssistant } = this.#builder.end()
    if (endsWithAssistant) {
      const text =
        'messages: the conversation must end with a user message; this server does not support assistant message prefill'
      throw new AppError('invalid_request', text, { field: 'messages' })
    }
    if (prompt.length === 0) {
      throw new AppError('invalid_request', 'messages: the last user message must have content that is not empty', {
        field: 'messages',
      })
    }
    return { system: this.#system, history, prompt, ignored: this.#ignored }
  }
}
