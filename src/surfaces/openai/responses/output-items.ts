// Builds the items of a response from the pieces of an answer, and the events that report them. Pure. The events that
// report the response as a whole are in reply.ts.
import type { AnswerPiece } from '../../../compat/answer-stream.ts'
import type { ThinkingBlock } from '../../../core/conversation.ts'
import { encodeThinking } from './encrypted-reasoning.ts'
import type { OutputItem, OutputPart, ResponseEvent } from './reply-schemas.ts'
import type { ResponsePlan } from './request.ts'
import { searchName } from './tools.ts'

type Unnumbered<E> = E extends unknown ? Omit<E, 'sequence_number'> : never
/** An event without its sequence number. */
export type ItemEvent = Unnumbered<ResponseEvent>

type ItemOf<T extends OutputItem['type']> = Extract<OutputItem, { type: T }>

const emptyText: OutputPart = { type: 'output_text', text: '', annotations: [], logprobs: [] }

/**
 * At most one item is open at a time. `items` holds the items so far, including the open one, which grows. Their ids
 * are the same whether or not thinking is shown.
 */
export class ItemWriter {
  readonly items: OutputItem[] = []
  readonly #counts = new Map<string, number>()
  readonly #plan: ResponsePlan
  /** The part of the response's id that the ids of its items contain. */
  readonly #name: string
  #isOpen = false
  #thinking: ThinkingBlock[] = []
  /** The summary that the open compaction will contain. */
  #summary = ''
  /** The arguments of the open search, as JSON. */
  #search = ''

  constructor(plan: ResponsePlan, name: string) {
    this.#plan = plan
    this.#name = name
  }

  encode(piece: AnswerPiece): ItemEvent[] {
    if (this.#plan.seal !== null) return piece.type === 'text' ? this.#addSummary(piece.text) : []
    switch (piece.type) {
      case 'text':
      case 'refusal':
        return this.#addText(piece.type, piece.text)
      case 'thinking':
      case 'signature':
      case 'redacted':
        return this.#addThinking(piece.type, piece.text)
      case 'call':
        return this.#openCall(piece)
      case 'arguments':
        return this.#addArguments(piece.text)
    }
  }

  /** Closes the open item, if there is one. A call that was cut short does not count as a call. */
  close(status: 'completed' | 'incomplete' = 'completed'): ItemEvent[] {
    const item = this.#open
    if (item === null) return []
    this.#isOpen = false
    if (item.type !== 'compaction') item.status = status
    const events = this.#encodeEnd(item)
    return [...events, { type: 'response.output_item.done', output_index: this.#index, item: structuredClone(item) }]
  }

  get #index(): number {
    return this.items.length - 1
  }

  get #open(): OutputItem | null {
    return (this.#isOpen && this.items.at(-1)) || null
  }

  #location(item: OutputItem) {
    return { item_id: item.id, output_index: this.#index }
  }

  #add(item: OutputItem): ItemEvent[] {
    const closed = this.close()
    this.items.push(item)
    this.#isOpen = true
    return [...closed, { type: 'response.output_item.added', output_index: this.#index, item: structuredClone(item) }]
  }

  #id(prefix: string): string {
    const count = this.#counts.get(prefix) ?? 0
    this.#counts.set(prefix, count + 1)
    return `${prefix}_${this.#name}_${count}`
  }

  #addSummary(text: string): ItemEvent[] {
    this.#summary += text
    if (this.#open !== null) return []
    const item: OutputItem = { type: 'compaction', id: this.#id('cmp'), encrypted_content: '' }
    return [...this.#add(item), { type: 'response.compaction.compacting', ...this.#location(item) }]
  }

  #addText(kind: 'text' | 'refusal', text: string): ItemEvent[] {
    const events: ItemEvent[] = []
    let message = this.#open
    if (message?.type !== 'message') {
      message = { type: 'message', id: this.#id('msg'), status: 'in_progress', role: 'assistant', content: [] }
      events.push(...this.#add(message))
      const part: OutputPart = kind === 'text' ? { ...emptyText } : { type: 'refusal', refusal: '' }
      message.content.push(part)
      events.push({
        type: 'response.content_part.added',
        ...this.#location(message),
        content_index: 0,
        part: { ...part },
      })
    }
    const delta = this.#withoutLeadingBreak(text, message)
    const fields = { ...this.#location(message), content_index: 0, delta }
    const [part] = message.content
    if (part?.type === 'refusal') {
      part.refusal += delta
      return [...events, { type: 'response.refusal.delta', ...fields }]
    }
    if (part !== undefined) part.text += delta
    return [...events, { type: 'response.output_text.delta', ...fields, logprobs: [] }]
  }

  /** An agent's text after a step starts with a paragraph break, which is dropped at the start of a message. */
  #withoutLeadingBreak(text: string, { content: [part] }: ItemOf<'message'>): string {
    const isFirst = part?.type === 'output_text' && part.text === ''
    return this.#plan.isAgent && this.items.length > 1 && isFirst ? text.replace(/^\n\n/, '') : text
  }

  #addThinking(kind: 'thinking' | 'signature' | 'redacted', text: string): ItemEvent[] {
    const { showsSummary, includesThinking } = this.#plan
    if (!showsSummary && !includesThinking) return this.close()
    const events: ItemEvent[] = []
    let reasoning = this.#open
    if (reasoning?.type !== 'reasoning') {
      this.#thinking = []
      reasoning = { type: 'reasoning', id: this.#id('rs'), status: 'in_progress', summary: [] }
      events.push(...this.#add(reasoning))
    }
    if (kind === 'redacted') {
      this.#thinking.push({ type: 'redacted_thinking', data: text })
      return events
    }
    const last = this.#thinking.at(-1)
    // The signature ends a block.
    const block =
      last?.type === 'thinking' && last.signature === ''
        ? last
        : { type: 'thinking' as const, thinking: '', signature: '' }
    if (block !== last) this.#thinking.push(block)
    block[kind] += text
    if (kind === 'signature' || !showsSummary) return events
    return [...events, ...this.#summarize(reasoning, text)]
  }

  #summarize(reasoning: ItemOf<'reasoning'>, text: string): ItemEvent[] {
    const location = { ...this.#location(reasoning), summary_index: 0 }
    const events: ItemEvent[] = []
    let [part] = reasoning.summary
    if (part === undefined) {
      part = { type: 'summary_text', text: '' }
      reasoning.summary.push(part)
      events.push({ type: 'response.reasoning_summary_part.added', ...location, part: { ...part } })
    }
    part.text += text
    return [...events, { type: 'response.reasoning_summary_text.delta', ...location, delta: text }]
  }

  #openCall({ id, name, kind }: Extract<AnswerPiece, { type: 'call' }>): ItemEvent[] {
    if (this.#plan.hasSearch && name === searchName) {
      this.#search = ''
      const common = { status: 'in_progress', call_id: id, execution: 'client' } as const
      return this.#add({ type: 'tool_search_call', id: this.#id('tsc'), ...common, arguments: {} })
    }
    const { name: ownName, namespace } = this.#plan.names.get(name) ?? { name, namespace: null }
    const common = {
      status: 'in_progress' as const,
      call_id: id,
      name: ownName,
      ...(namespace === null ? {} : { namespace }),
    }
    return this.#add(
      kind === 'json'
        ? { type: 'function_call', id: this.#id('fc'), ...common, arguments: '' }
        : { type: 'custom_tool_call', id: this.#id('ctc'), ...common, input: '' },
    )
  }

  #addArguments(text: string): ItemEvent[] {
    const call = this.#open
    if (call?.type === 'function_call') {
      call.arguments += text
      return [{ type: 'response.function_call_arguments.delta', ...this.#location(call), delta: text }]
    }
    // There are no events for parts of a search: its arguments are whole.
    if (call?.type === 'tool_search_call') this.#search += text
    if (call?.type !== 'custom_tool_call') return []
    call.input += text
    return [{ type: 'response.custom_tool_call_input.delta', ...this.#location(call), delta: text }]
  }

  #encodeEnd(item: OutputItem): ItemEvent[] {
    const location = this.#location(item)
    switch (item.type) {
      case 'message':
        return item.content.flatMap((part, index) => encodePartEnd(part, { ...location, content_index: index }))
      case 'reasoning':
        if (this.#plan.includesThinking) item.encrypted_content = encodeThinking(this.#thinking)
        return item.summary.flatMap((part, index): ItemEvent[] => [
          { type: 'response.reasoning_summary_text.done', ...location, summary_index: index, text: part.text },
          { type: 'response.reasoning_summary_part.done', ...location, summary_index: index, part: { ...part } },
        ])
      case 'function_call':
        return [
          { type: 'response.function_call_arguments.done', ...location, name: item.name, arguments: item.arguments },
        ]
      case 'custom_tool_call':
        return [{ type: 'response.custom_tool_call_input.done', ...location, input: item.input }]
      case 'compaction':
        item.encrypted_content = this.#plan.seal?.(this.#summary) ?? ''
        return []
      case 'tool_search_call':
        item.arguments = parseOrText(this.#search)
        return []
    }
  }
}

/** A search that was cut short has no whole JSON. */
function parseOrText(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

function encodePartEnd(
  part: OutputPart,
  location: { item_id: string; output_index: number; content_index: number },
): ItemEvent[] {
  return [
    part.type === 'refusal'
      ? { type: 'response.refusal.done', ...location, refusal: part.refusal }
      : { type: 'response.output_text.done', ...location, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...location, part: { ...part } },
  ]
}
