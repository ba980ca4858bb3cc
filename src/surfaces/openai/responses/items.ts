// Splits the items of a Responses request, including those of the previous responses, into the system prompt, the
// conversation so far and the prompt. References must already be resolved (stored-responses.ts).

import type { RequestedTool } from '../../../compat/client-tools.ts'
import { type CallErrors, ConversationBuilder, type EarlierCall } from '../../../compat/conversation-builder.ts'
import type { ThinkingBlock } from '../../../core/conversation.ts'
import { invalidField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import type { ReadMessages } from '../chat/messages.ts'
import { parseArguments } from '../shared/call-arguments.ts'
import { toBlocks, toTextBlocks } from '../shared/content-parts.ts'
import { summaryText } from './compaction.ts'
import { decodeThinking } from './encrypted-reasoning.ts'
import {
  AdditionalToolsItem,
  CallOutputItem,
  CompactionItem,
  CustomCallItem,
  FunctionCallItem,
  type InputItem,
  type LocatedItem,
  MessageItem,
  ReasoningItem,
  type Tool,
  ToolSearchCallItem,
  ToolSearchOutputItem,
} from './schemas.ts'
import { flatName, type ItemTools, readResponseTools, searchName } from './tools.ts'

/** The parameter of items that come from earlier requests. */
export const earlierParam = 'previous_response_id'
export const conversationParam = 'conversation'

const isEarlierParam = (param: string) => [earlierParam, conversationParam].includes(param.split('.')[0] ?? '')

/** The tools that items make available, in order: by themselves or as what a search has found. */
export function toolsOfItems(items: readonly LocatedItem[]): ItemTools[] {
  return items.flatMap(({ item, param }) => {
    if (item.type !== 'additional_tools' && item.type !== 'tool_search_output') return []
    const { tools } = parsePart(
      item.type === 'additional_tools' ? AdditionalToolsItem : ToolSearchOutputItem,
      item,
      param,
    )
    return [{ tools, param: `${param}.tools`, isEarlier: isEarlierParam(param) }]
  })
}

/** What the model reads as the result of a search: the names by which it can now call the tools. */
function foundTools(tools: readonly Tool[]): string {
  const names = tools.flatMap(({ type, name, tools: members }) =>
    type === 'namespace' && Array.isArray(members)
      ? members.map((member) => flatName({ name: String(member?.name), namespace: String(name) }))
      : typeof name === 'string'
        ? [name]
        : [],
  )
  return names.length === 0 ? 'No tools were found.' : `These tools are available now: ${names.join(', ')}`
}

type SearchItem = { call_id?: string | null | undefined; execution?: string | null | undefined }

/** A search that OpenAI made says so, or has no id of its own. */
const isOfServer = ({ call_id: id, execution }: SearchItem) => (execution ? execution === 'server' : !id)

export type ReadItems = ReadMessages & { ignored: string[] }

/** Of earlier items, the parameter does not say which one it is. */
const callIn = (id: string, param: string) => (isEarlierParam(param) ? ` (call ${id.slice(0, 80)})` : '')

const callErrors: CallErrors = {
  orphan: (id, param) => invalidField(param, `matches no open call in the preceding items${callIn(id, param)}`),
  unanswered: (id, param) =>
    invalidField(param, `has no output${callIn(id, param)}: each call must be followed by an item with its output`),
  sameId: (id, param) =>
    invalidField(`${param}.call_id`, `is also the id of another call${callIn(id, param)}: ids must be unique`),
}

/** `open`: reads the summary of a compacted conversation; null if this server did not write it. */
export type OpenSummary = (sealed: string) => string | null

export function readItems(items: readonly LocatedItem[], open: OpenSummary): ReadItems {
  const builder = new ConversationBuilder(callErrors)
  const reader = new ItemReader(open, builder)
  for (const { item, param } of items) reader.read(item, param)
  const { system, ignored } = reader
  const { history, prompt, endsWithAssistant } = builder.end({ answersInstructions: system.length > 0 })
  if (endsWithAssistant) {
    throw invalidField(
      'input',
      "must end with a user message or the output of a call: prefilling the model's answer is not supported",
    )
  }
  if (prompt.length === 0) throw invalidField('input', 'must contain a user message that is not empty')
  return { system, history, prompt, ignored }
}

/** What the items of a conversation are read into. */
type Target = Pick<ConversationBuilder, 'user' | 'system' | 'assistant' | 'result' | 'isEmpty' | 'openCallOf'>

/** Items that come before or after may still be missing. */
const anyConversation: Target = {
  user() {},
  system() {},
  assistant() {},
  result() {},
  isEmpty: true,
  openCallOf: () => null,
}

/**
 * Checks items that are kept for later responses, each by itself. Returns the parameters of those that have no effect, and the tools
 * that they bring. Throws `invalid_request`.
 */
export function checkItems(
  items: readonly LocatedItem[],
  open: OpenSummary,
): { ignored: string[]; tools: RequestedTool[] } {
  const reader = new ItemReader(open, anyConversation)
  for (const { item, param } of items) reader.read(item, param)
  const { requested: tools, ignored } = readResponseTools({ model: '' }, toolsOfItems(items))
  return { ignored: [...reader.ignored, ...ignored], tools }
}

class ItemReader {
  readonly system: string[] = []
  /** The parameters of items that have no effect. */
  readonly ignored: string[] = []
  readonly #builder: Target
  readonly #open: OpenSummary
  /** Thinking that belongs to the model's next message or call, and the items that it comes from. */
  #thinking: ThinkingBlock[] = []
  #thinkingParams: string[] = []

  constructor(open: OpenSummary, builder: Target) {
    this.#open = open
    this.#builder = builder
  }

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
      // Its tools are read with the others.
      case 'additional_tools':
        return
      case 'tool_search_call':
        return this.#search(item, param)
      case 'tool_search_output':
        return this.#found(item, param)
      case 'reasoning':
        return this.#reasoning(item, param)
      case 'compaction':
      case 'compaction_summary':
      case 'context_compaction':
        return this.#summary(item, param)
      default:
        this.#ignore(param)
    }
  }

  /** It stands where the items stood that it replaces. */
  #summary(item: InputItem, param: string): void {
    const { encrypted_content: sealed } = parsePart(CompactionItem, item, param)
    const summary = this.#open(sealed)
    if (summary === null) {
      const reason = 'was not written by this server for this caller, or is damaged: send the items that it stands for'
      throw invalidField(`${param}.encrypted_content`, reason)
    }
    this.#dropThinking()
    this.#builder.user([{ type: 'text', text: summaryText(summary) }])
  }

  #reasoning(item: InputItem, param: string): void {
    const blocks = decodeThinking(parsePart(ReasoningItem, item, param).encrypted_content ?? '')
    if (blocks.length === 0) return this.#ignore(param)
    this.#thinking.push(...blocks)
    this.#thinkingParams.push(param)
  }

  /** The thinking before a message or call of the model. */
  #takeThinking(): ThinkingBlock[] {
    const thinking = this.#thinking
    this.#thinking = []
    this.#thinkingParams = []
    return thinking
  }

  /** Thinking that led to nothing has no place in a conversation. */
  #dropThinking(): void {
    for (const param of this.#thinkingParams) this.#ignore(param)
    this.#takeThinking()
  }

  /** Ignored items of earlier requests were reported then. */
  #ignore(param: string): void {
    if (!isEarlierParam(param)) this.ignored.push(param)
  }

  #search(item: InputItem, param: string): void {
    const search = parsePart(ToolSearchCallItem, item, param)
    if (isOfServer(search)) return this.#ignore(param)
    const id = search.call_id || String(item.id ?? searchName)
    this.#call({ call_id: id, name: searchName }, parseArguments(search.arguments, `${param}.arguments`), param)
  }

  #found(item: InputItem, param: string): void {
    const output = parsePart(ToolSearchOutputItem, item, param)
    if (isOfServer(output)) return
    this.#dropThinking()
    const id = output.call_id || (this.#builder.openCallOf(searchName) ?? '')
    const content = toBlocks(foundTools(output.tools), `${param}.tools`)
    this.#builder.result({ id, content, param: `${param}.call_id` })
  }

  #message(item: InputItem, param: string): void {
    const { role, content } = parsePart(MessageItem, item, param)
    const where = `${param}.content`
    if (role === 'assistant') {
      const texts = toTextBlocks(content, where)
      if (texts.length === 0) return
      return this.#builder.assistant([...this.#takeThinking(), ...texts], [])
    }
    this.#dropThinking()
    if (role === 'user') return this.#builder.user(toBlocks(content, where))
    const texts = toTextBlocks(content, where).map(({ text }) => text)
    if (this.#builder.isEmpty) this.system.push(...texts)
    else this.#builder.system(texts)
  }

  #call(
    { call_id: id, name, namespace }: { call_id: string; name: string; namespace?: string | null | undefined },
    input: Record<string, unknown>,
    param: string,
  ): void {
    const call: EarlierCall = { id, name: flatName({ name, namespace: namespace || null }), input, param }
    this.#builder.assistant(this.#takeThinking(), [call])
  }

  #output(item: InputItem, param: string): void {
    const { call_id: id, output } = parsePart(CallOutputItem, item, param)
    this.#dropThinking()
    this.#builder.result({ id, content: toBlocks(output, `${param}.output`), param: `${param}.call_id` })
  }
}
