// The items of a response from the pieces of an answer, and the events that tell of them. Pure; what tells of the response as a whole
// is reply.ts.
import type { AnswerPiece } from '../../../compat/answer-stream.ts'
import type { ThinkingBlock } from '../../../core/conversation.ts'
import { encodeThinking } from './encrypted-reasoning.ts'
import type { OutputItem, OutputPart, ResponseEvent } from './reply-schemas.ts'
import type { ResponsePlan } from './request.ts'

type Unnumbered<E> = E extends unknown ? Omit<E, 'sequence_number'> : never
/** An event that has not got its number yet. */
export type ItemEvent = Unnumbered<ResponseEvent>

type Of<T extends OutputItem['type']> = Extract<OutputItem, { type: T }>

const emptyText: OutputPart = { type: 'output_text', text: '', annotations: [], logprobs: [] }

/**
 * One item is open at a time. The items told so far are in `items`; the open one is among them, and grows. Their ids are the same
 * whether or not thinking is told.
 */
export class ItemWriter {
  readonly items: OutputItem[] = []
  readonly #counts = new Map<string, number>()
  readonly #plan: ResponsePlan
  /** What of a response's own id its items' ids are made of. */
  readonly #name: string
  #isOpen = false
  #thoughts: ThinkingBlock[] = []

  constructor(shape: ResponsePlan, name: string) {
    this.#plan = shape
    this.#name = name
  }

  encode(piece: AnswerPiece): ItemEvent[] {
    switch (piece.type) {
      case 'text':
      case 'refusal':
        return this.#say(piece.type, piece.text)
      case 'thinking':
      case 'signature':
      case 'redacted':
        return this.#think(piece.type, piece.text)
      case 'call':
        return this.#openCall(piece)
      case 'arguments':
        return this.#addArguments(piece.text)
    }
  }

  /** Ends the item that is open, if there is one. A call that was cut short is no call. */
  close(status: 'completed' | 'incomplete' = 'completed'): ItemEvent[] {
    const item = this.#open
    if (item === null) return []
    this.#isOpen = false
    item.status = status
    const ended = this.#endOf(item)
    return [...ended, { type: 'response.output_item.done', output_index: this.#at, item: structuredClone(item) }]
  }

  get #at(): number {
    return this.items.length - 1
  }

  get #open(): OutputItem | null {
    return (this.#isOpen && this.items.at(-1)) || null
  }

  #place(item: OutputItem) {
    return { item_id: item.id, output_index: this.#at }
  }

  #add(item: OutputItem): ItemEvent[] {
    const closed = this.close()
    this.items.push(item)
    this.#isOpen = true
    return [...closed, { type: 'response.output_item.added', output_index: this.#at, item: structuredClone(item) }]
  }

  #id(prefix: string): string {
    const count = this.#counts.get(prefix) ?? 0
    this.#counts.set(prefix, count + 1)
    return `${prefix}_${this.#name}_${count}`
  }

  #say(kind: 'text' | 'refusal', text: string): ItemEvent[] {
    const events: ItemEvent[] = []
    let message = this.#open
    if (message?.type !== 'message') {
      message = { type: 'message', id: this.#id('msg'), status: 'in_progress', role: 'assistant', content: [] }
      events.push(...this.#add(message))
      const part: OutputPart = kind === 'text' ? { ...emptyText } : { type: 'refusal', refusal: '' }
      message.content.push(part)
      events.push({ type: 'response.content_part.added', ...this.#place(message), content_index: 0, part: { ...part } })
    }
    const delta = this.#asBeginning(text, message)
    const place = { ...this.#place(message), content_index: 0, delta }
    const [part] = message.content
    if (part?.type === 'refusal') {
      part.refusal += delta
      return [...events, { type: 'response.refusal.delta', ...place }]
    }
    if (part !== undefined) part.text += delta
    return [...events, { type: 'response.output_text.delta', ...place, logprobs: [] }]
  }

  /** What an agent says after a step begins a paragraph, but not where it begins a message. */
  #asBeginning(text: string, { content: [part] }: Of<'message'>): string {
    const isFirst = part?.type === 'output_text' && part.text === ''
    return this.#plan.isAgent && this.items.length > 1 && isFirst ? text.replace(/^\n\n/, '') : text
  }

  #think(kind: 'thinking' | 'signature' | 'redacted', text: string): ItemEvent[] {
    const { showsSummary, includesThinking } = this.#plan
    if (!showsSummary && !includesThinking) return this.close()
    const events: ItemEvent[] = []
    let reasoning = this.#open
    if (reasoning?.type !== 'reasoning') {
      this.#thoughts = []
      reasoning = { type: 'reasoning', id: this.#id('rs'), status: 'in_progress', summary: [] }
      events.push(...this.#add(reasoning))
    }
    if (kind === 'redacted') {
      this.#thoughts.push({ type: 'redacted_thinking', data: text })
      return events
    }
    const last = this.#thoughts.at(-1)
    // The signature ends a thought.
    const thought =
      last?.type === 'thinking' && last.signature === ''
        ? last
        : { type: 'thinking' as const, thinking: '', signature: '' }
    if (thought !== last) this.#thoughts.push(thought)
    thought[kind] += text
    if (kind === 'signature' || !showsSummary) return events
    return [...events, ...this.#summarize(reasoning, text)]
  }

  #summarize(reasoning: Of<'reasoning'>, text: string): ItemEvent[] {
    const place = { ...this.#place(reasoning), summary_index: 0 }
    const events: ItemEvent[] = []
    let [part] = reasoning.summary
    if (part === undefined) {
      part = { type: 'summary_text', text: '' }
      reasoning.summary.push(part)
      events.push({ type: 'response.reasoning_summary_part.added', ...place, part: { ...part } })
    }
    part.text += text
    return [...events, { type: 'response.reasoning_summary_text.delta', ...place, delta: text }]
  }

  #openCall({ id, name, kind }: Extract<AnswerPiece, { type: 'call' }>): ItemEvent[] {
    const told = this.#plan.names.get(name) ?? { name, namespace: null }
    const common = {
      status: 'in_progress' as const,
      call_id: id,
      name: told.name,
      ...(told.namespace === null ? {} : { namespace: told.namespace }),
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
      return [{ type: 'response.function_call_arguments.delta', ...this.#place(call), delta: text }]
    }
    if (call?.type !== 'custom_tool_call') return []
    call.input += text
    return [{ type: 'response.custom_tool_call_input.delta', ...this.#place(call), delta: text }]
  }

  #endOf(item: OutputItem): ItemEvent[] {
    const place = this.#place(item)
    switch (item.type) {
      case 'message':
        return item.content.flatMap((part, at) => endOfPart(part, { ...place, content_index: at }))
      case 'reasoning':
        if (this.#plan.includesThinking) item.encrypted_content = encodeThinking(this.#thoughts)
        return item.summary.flatMap((part, at): ItemEvent[] => [
          { type: 'response.reasoning_summary_text.done', ...place, summary_index: at, text: part.text },
          { type: 'response.reasoning_summary_part.done', ...place, summary_index: at, part: { ...part } },
        ])
      case 'function_call':
        return [{ type: 'response.function_call_arguments.done', ...place, name: item.name, arguments: item.arguments }]
      case 'custom_tool_call':
        return [{ type: 'response.custom_tool_call_input.done', ...place, input: item.input }]
    }
  }
}

function endOfPart(
  part: OutputPart,
  place: { item_id: string; output_index: number; content_index: number },
): ItemEvent[] {
  return [
    part.type === 'refusal'
      ? { type: 'response.refusal.done', ...place, refusal: part.refusal }
      : { type: 'response.output_text.done', ...place, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...place, part: { ...part } },
  ]
}
