// Builds a conversation from messages in order: adjacent messages of one role are merged, tool results come first in
// their message, and calls and results are matched by ids that the model's API accepts. Independent of any request
// format.

import type { PromptBlock } from '../core/content.ts'
import type {
  AssistantBlock,
  ConversationMessage,
  ToolResultBlock,
  ToolUseBlock,
  UserBlock,
} from '../core/conversation.ts'
import type { AppError } from '../errors.ts'

/** A tool call in an earlier answer. `param` is its location in the request. */
export type EarlierCall = { id: string; name: string; input: Record<string, unknown>; param: string }
export type EarlierResult = { id: string; content: PromptBlock[]; isError?: boolean; param: string }

/** The errors with which a surface reports invalid calls and results. */
export type CallErrors = {
  orphan(id: string, param: string): AppError
  unanswered(id: string, param: string): AppError
  sameId(id: string, param: string): AppError
}

/**
 * The model's API rejects a conversation that starts with the assistant, which programs with a greeting send, and one of
 * instructions alone. The same words for both: the second is how the first begins.
 */
const openingBlocks: UserBlock[] = [{ type: 'text', text: '(The assistant speaks first.)' }]
const opening: ConversationMessage = { role: 'user', content: openingBlocks }

/**
 * The CLI gives the parts of a call that it divides the id of the whole and a number: beside `call`, it takes `call_1` for such a part,
 * and loses its result.
 */
const wholeOf = (id: string) => id.replace(/_\d+$/, '')

const validId = /^[\w-]{1,64}$/

export class ConversationBuilder {
  #messages: ConversationMessage[] = []
  #assistant: AssistantBlock[] = []
  #results: ToolResultBlock[] = []
  #blocks: UserBlock[] = []
  /** Calls of the last answer that have no result yet, by their ids in the request. */
  #open = new Map<string, { id: string; name: string; param: string }>()
  #ids = new Set<string>()
  #wholes = new Set<string>()
  readonly #errors: CallErrors

  constructor(errors: CallErrors) {
    this.#errors = errors
  }

  user(blocks: readonly PromptBlock[]): void {
    this.#endAssistant()
    this.#blocks.push(...blocks)
  }

  /**
   * Instructions in the middle of a conversation stay where they are, as a user message: no other role is allowed
   * there.
   */
  system(texts: readonly string[]): void {
    this.user(texts.map((text) => ({ type: 'text', text: `<system-message>\n${text}\n</system-message>` })))
  }

  /** Whether there is no message yet: instructions before the first message are the system prompt. */
  get isEmpty(): boolean {
    const parts = [this.#messages, this.#assistant, this.#results, this.#blocks]
    return parts.every(({ length }) => length === 0)
  }

  result({ id, content, isError, param }: EarlierResult): void {
    const call = this.#open.get(id)
    if (call === undefined) throw this.#errors.orphan(id, param)
    this.#endAssistant()
    this.#open.delete(id)
    const error = isError === true ? { is_error: true } : {}
    this.#results.push({ type: 'tool_result', tool_use_id: call.id, content, ...error })
  }

  /** An answer of thinking alone was cut short, and is not part of the conversation. */
  assistant(blocks: readonly AssistantBlock[], calls: readonly EarlierCall[]): void {
    if (calls.length === 0 && blocks.every(({ type }) => type !== 'text')) return
    this.#endUser()
    this.#assistant.push(...blocks, ...calls.map((call) => this.#toolUse(call)))
  }

  /** Whether a call with this id in the request has no result yet. */
  isOpen(id: string): boolean {
    return this.#open.has(id)
  }

  /** The oldest call without a result, of this tool or of any, for results that contain no call id. */
  openCallOf(name: string | null): string | null {
    return [...this.#open].find(([, call]) => name === null || call.name === name)?.[0] ?? null
  }

  /**
   * The last user message is the prompt. It is empty if the conversation does not end with one. With
   * `answersInstructions`, a conversation without messages is one in which the assistant speaks first.
   */
  end({ answersInstructions = false } = {}): {
    history: ConversationMessage[]
    prompt: UserBlock[]
    endsWithAssistant: boolean
  } {
    if (answersInstructions && this.isEmpty) return { history: [], prompt: openingBlocks, endsWithAssistant: false }
    const endsWithAssistant = this.#assistant.length > 0
    if (!endsWithAssistant) this.#refuseOpenCalls()
    const needsOpening = this.#messages[0]?.role === 'assistant'
    return {
      history: needsOpening ? [opening, ...this.#messages] : this.#messages,
      prompt: [...this.#results, ...this.#blocks],
      endsWithAssistant,
    }
  }

  #toolUse({ id, name, input, param }: EarlierCall): ToolUseBlock {
    if (this.#open.has(id)) throw this.#errors.sameId(id, param)
    const uniqueId = this.#uniqueId(id)
    this.#open.set(id, { id: uniqueId, name, param })
    return { type: 'tool_use', id: uniqueId, name, input }
  }

  /** Deterministic, because the process with the conversation loaded is found by its content, ids included. */
  #uniqueId(requestedId: string): string {
    const base = validId.test(requestedId) ? requestedId : requestedId.slice(0, 56).replaceAll(/[^\w-]/g, '_')
    let id = base
    for (let count = 2; this.#isTaken(id); count++) id = `${base.slice(0, 56)}-${count}`
    this.#ids.add(id)
    this.#wholes.add(wholeOf(id))
    return id
  }

  #isTaken(id: string): boolean {
    return this.#ids.has(id) || this.#ids.has(wholeOf(id)) || this.#wholes.has(id)
  }

  #endAssistant(): void {
    if (this.#assistant.length > 0) this.#messages.push({ role: 'assistant', content: this.#assistant })
    this.#assistant = []
  }

  #endUser(): void {
    const content = [...this.#results, ...this.#blocks]
    if (content.length === 0) return
    this.#refuseOpenCalls()
    this.#messages.push({ role: 'user', content })
    this.#results = []
    this.#blocks = []
  }

  #refuseOpenCalls(): void {
    for (const [id, { param }] of this.#open) throw this.#errors.unanswered(id, param)
  }
}
