// Splits the messages of a request into system prompt, conversation history and prompt.

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
  /** Positions of the blocks that were left out, or could only be passed on as text. */
  ignored: string[]
}

/** In the wording of Anthropic's API, which programs look for. */
const callErrors: CallErrors = {
  orphan: (id, param) =>
    new AppError(
      'invalid_request',
      `${param}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${shorten(id)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      { field: param },
    ),
  unanswered: (id, param) =>
    new AppError(
      'invalid_request',
      `${param}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${shorten(id)}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      { field: param },
    ),
  sameId: (id, param) =>
    new AppError('invalid_request', `${param}: \`tool_use\` ids must be unique: ${shorten(id)}`, {
      field: `${param}.id`,
    }),
}

const shorten = (id: string) => id.slice(0, 80)

export function readMessages(messages: readonly RequestMessage[], version: Version): ReadMessages {
  const reader = new Reader(version)
  messages.forEach((message, index) => {
    reader.add(message, `messages[${index}].content`)
  })
  return reader.end()
}

class Reader {
  readonly #version: Version
  readonly #builder = new ConversationBuilder(callErrors)
  readonly #system: string[] = []
  readonly #ignored: string[] = []

  constructor(version: Version) {
    this.#version = version
  }

  add({ role, content }: RequestMessage, param: string): void {
    if (role === 'system') return this.#systemMessage(toTexts(content, param))
    const blocks: readonly RequestBlock[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content
    if (role === 'assistant') return this.#answer(blocks, param)
    blocks.forEach((block, index) => {
      this.#userBlock(block, `${param}[${index}]`)
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
          throw invalidField(`${param}.citations`, 'must be empty in a user message')
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
        throw invalidField(`${param}.type`, `cannot be ${block.type} in a user message`)
      default:
        return this.#builder.user(this.#asText(block, param))
    }
  }

  #resultContent(content: Extract<RequestBlock, { type: 'tool_result' }>['content'], param: string): PromptBlock[] {
    if (!content) return []
    if (typeof content === 'string') return toText(content)
    return content.flatMap((block, index) => {
      const blockParam = `${param}[${index}]`
      if (isPlain(block)) return toPromptBlocks(block, blockParam)
      // The tool itself is offered: see tool-search.ts.
      if (block.type === 'tool_reference') return toText(JSON.stringify(block))
      return this.#asText(block, blockParam)
    })
  }

  #answer(blocks: readonly RequestBlock[], param: string): void {
    const calls: EarlierCall[] = []
    const answered = blocks.flatMap((block, index) => {
      const blockParam = `${param}[${index}]`
      if (block.type !== 'tool_use') return this.#answerBlock(block, blockParam)
      calls.push({ id: block.id, name: block.name, input: block.input, param: blockParam })
      return []
    })
    // The thinking of an answer that was cut short.
    const isLeftOut = answered.length > 0 && calls.length === 0 && answered.every(({ type }) => type !== 'text')
    if (isLeftOut) this.#ignored.push(param)
    this.#builder.assistant(answered, calls)
  }

  #answerBlock(block: Exclude<RequestBlock, { type: 'tool_use' }>, param: string): AssistantBlock[] {
    switch (block.type) {
      case 'text':
        return toText(block.text)
      case 'thinking':
        if (block.signature) return [{ type: 'thinking', thinking: block.thinking, signature: block.signature }]
        // The model's API accepts only thinking that it has signed.
        this.#ignored.push(param)
        return []
      case 'redacted_thinking':
        return [{ type: 'redacted_thinking', data: block.data }]
      case 'image':
      case 'document':
      case 'search_result':
        return this.#assistantDocument(block, param)
      case 'tool_result':
        throw invalidField(`${param}.type`, 'cannot be tool_result in an assistant message')
      default:
        return this.#asText(block, param)
    }
  }

  /** The older version of the API accepts documents in an answer. */
  #assistantDocument(block: Extract<RequestBlock, { type: 'image' | 'document' | 'search_result' }>, param: string) {
    if (this.#version.isStrict || block.type === 'image') {
      throw invalidField(`${param}.type`, `cannot be ${block.type} in an assistant message`)
    }
    return toPromptBlocks(block, param).flatMap((each): AssistantBlock[] => {
      if (each.type === 'text') return [each]
      if (each.type === 'document' && each.source.type === 'text') return toText(each.source.data)
      throw invalidField(`${param}.source`, 'must be text in an assistant message')
    })
  }

  /** Blocks left by a server tool are shown to the model as JSON. */
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
      throw new AppError('invalid_request', 'messages: the last user message must have non-empty content', {
        field: 'messages',
      })
    }
    return { system: this.#system, history, prompt, ignored: this.#ignored }
  }
}
