// Puts a conversation together from messages as they come: neighbours of one role become one message, results of tools stand
// first in theirs, calls and results are matched by ids that the model's API takes. Not for any shape of request.

import type { PromptBlock } from '../core/content.ts'
import type {
  AssistantBlock,
  ConversationMessage,
  ToolResultBlock,
  ToolUseBlock,
  UserBlock,
} from '../core/conversation.ts'
import type { AppError } from '../errors.ts'

/** A call in an earlier answer. `param` says where it stands in the request. */
export type EarlierCall = { id: string; name: string; input: Record<string, unknown>; param: string }
export type EarlierResult = { id: string; content: PromptBlock[]; isError?: boolean; param: string }

/** How a surface tells what is wrong with a conversation's calls and results. */
export type CallErrors = {
  orphan(id: string, param: string): AppError
  unanswered(id: string, param: string): AppError
  sameId(id: string, param: string): AppError
}

/** The model's API takes no conversation that begins with its own words, as those of programs with a greeting do. */
const opening: ConversationMessage = {
  role: 'user',
  content: [{ type: 'text', text: '(The assistant speaks first.)' }],
}

const goodId = /^[\w-]{1,64}$/

export class ConversationBuilder {
  #messages: ConversationMessage[] = []
  #assistant: AssistantBlock[] = []
  #results: ToolResultBlock[] = []
  #blocks: UserBlock[] = []
  /** Calls of the last answer that have no result yet: the request's ids to ours. */
  #open = new Map<string, { id: string; name: string; param: string }>()
  #ids = new Set<string>()
  readonly #errors: CallErrors

  constructor(faults: CallErrors) {
    this.#errors = faults
  }

  user(blocks: readonly PromptBlock[]): void {
    this.#endAssistant()
    this.#blocks.push(...blocks)
  }

  /** Instructions that come in the middle of a conversation stay where they are, in the user's name: there is no other. */
  system(texts: readonly string[]): void {
    this.user(texts.map((text) => ({ type: 'text', text: `<system-message>\n${text}\n</system-message>` })))
  }

  /** Whether anything was said yet: instructions before that are the system prompt. */
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

  /** Thinking that nothing follows was cut short, and is not part of the conversation. */
  assistant(blocks: readonly AssistantBlock[], calls: readonly EarlierCall[]): void {
    if (calls.length === 0 && blocks.every(({ type }) => type !== 'text')) return
    this.#endUser()
    this.#assistant.push(...blocks, ...calls.map((call) => this.#toolUse(call)))
  }

  /** The oldest call of that name without a result, for results that name no call. */
  openCallOf(name: string): string | null {
    return [...this.#open].find(([, call]) => call.name === name)?.[0] ?? null
  }

  /** The last user message is the prompt; it is empty where there is none. */
  end(): { history: ConversationMessage[]; prompt: UserBlock[]; endsWithAssistant: boolean } {
    const endsWithAssistant = this.#assistant.length > 0
    if (!endsWithAssistant) this.#refuseOpenCalls()
    const startsRight = this.#messages[0]?.role !== 'assistant'
    return {
      history: startsRight ? this.#messages : [opening, ...this.#messages],
      prompt: [...this.#results, ...this.#blocks],
      endsWithAssistant,
    }
  }

  #toolUse({ id, name, input, param }: EarlierCall): ToolUseBlock {
    if (this.#open.has(id)) throw this.#errors.sameId(id, param)
    const safe = this.#freshId(id)
    this.#open.set(id, { id: safe, name, param })
    return { type: 'tool_use', id: safe, name, input }
  }

  /** The same request always gets the same ids: a live process that holds the conversation is found by what was said. */
  #freshId(given: string): string {
    const base = goodId.test(given) ? given : given.slice(0, 56).replaceAll(/[^\w-]/g, '_')
    let id = base
    for (let count = 2; this.#ids.has(id); count++) id = `${base.slice(0, 56)}_${count}`
    this.#ids.add(id)
    return id
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
