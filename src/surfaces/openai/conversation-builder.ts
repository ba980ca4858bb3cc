// Puts a conversation together from messages as they come: neighbours of one role become one message, results of tools stand
// first in theirs, calls and results are matched by ids that the model's API takes. Not for any shape of request.
import type { PromptBlock } from '../../core/content.ts'
import type {
  AssistantBlock,
  ConversationMessage,
  ToolResultBlock,
  ToolUseBlock,
  UserBlock,
} from '../../core/conversation.ts'
import { invalid } from './errors.ts'

/** A call in an earlier answer. `param` says where it stands in the request. */
export type EarlierCall = { id: string; name: string; input: Record<string, unknown>; param: string }
export type EarlierResult = { id: string; content: PromptBlock[]; param: string }

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

  user(blocks: readonly PromptBlock[]): void {
    this.#endAssistant()
    this.#blocks.push(...blocks)
  }

  result({ id, content, param }: EarlierResult): void {
    const call = this.#open.get(id)
    if (call === undefined) throw invalid(param, 'answers no tool call of the message before it that is still open')
    this.#endAssistant()
    this.#open.delete(id)
    this.#results.push({ type: 'tool_result', tool_use_id: call.id, content })
  }

  assistant(blocks: readonly AssistantBlock[], calls: readonly EarlierCall[]): void {
    if (blocks.length === 0 && calls.length === 0) return
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
    if (this.#open.has(id)) throw invalid(`${param}.id`, 'is the id of another call as well')
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
    for (const { param } of this.#open.values()) {
      throw invalid(param, 'has no result: each tool call must be followed by a tool message with its id')
    }
  }
}
