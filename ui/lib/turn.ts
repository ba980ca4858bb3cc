// What is shown of a conversation: messages made of parts. A run's events, and the messages of Claude Code's own files, both become
// these. Holds no connection and draws nothing.
import { signal } from '@preact/signals'
import type { AskEvent } from '../../src/surfaces/native/events.ts'
import type { ChatEvent, ChatReply } from '../../src/surfaces/native/schemas.ts'
import type { MessageList, SessionBlock } from '../../src/surfaces/native/session-schemas.ts'
import { MarkdownBlocks, wholeMarkdown } from './markdown-blocks.ts'

export type ToolResult = { text: string; isError: boolean }
export type Answered = { behavior: 'allow' | 'deny'; by: 'caller' | 'timeout' | 'run' }

export type Part =
  | { kind: 'text'; blocks: MarkdownBlocks }
  | { kind: 'thinking'; text: string }
  | { kind: 'tool'; id: string; name: string; input: unknown; result: ToolResult | null }
  | { kind: 'ask'; ask: AskEvent; answered: Answered | null }
  | { kind: 'note'; text: string }

export type TurnEnd = { outcome: 'done'; reply: ChatReply } | { outcome: 'error'; code: string; text: string }

/** One message, which may still grow. */
export class Turn {
  readonly id: string
  readonly role: 'user' | 'assistant'
  /** Counts up with each change but those within a text, which has its own count. */
  readonly version = signal(0)
  readonly parts: Part[] = []
  /** Of a run only, once it is over. */
  end: TurnEnd | null = null
  runId: string | null = null

  constructor(id: string, role: 'user' | 'assistant') {
    this.id = id
    this.role = role
  }

  get text(): string {
    return this.parts.flatMap((part) => (part.kind === 'text' ? [part.blocks.text] : [])).join('\n\n')
  }

  /** What waits for the person who looks on. */
  get openAsk(): AskEvent | null {
    const open = this.parts.find((part) => part.kind === 'ask' && part.answered === null)
    return open?.kind === 'ask' && this.end === null ? open.ask : null
  }

  changed(): void {
    this.version.value++
  }

  findTool(id: string): Extract<Part, { kind: 'tool' }> | undefined {
    return this.parts.find((part) => part.kind === 'tool' && part.id === id) as Extract<Part, { kind: 'tool' }>
  }
}

export function userTurn(id: string, text: string, notes: readonly string[] = []): Turn {
  const turn = new Turn(id, 'user')
  if (text !== '') turn.parts.push({ kind: 'text', blocks: wholeMarkdown(text) })
  for (const note of notes) turn.parts.push({ kind: 'note', text: note })
  return turn
}

/** Puts a run's events into a turn. Texts are parsed when `update` is called: once for each picture that the screen shows. */
export class TurnWriter {
  readonly turn: Turn
  #open: MarkdownBlocks | null = null

  constructor(turn: Turn) {
    this.turn = turn
  }

  write(event: ChatEvent): void {
    if (event.type === 'delta') return this.#text(event.text)
    const { parts } = this.turn
    const last = parts.at(-1)
    if (event.type === 'thinking' && last?.kind === 'thinking') last.text += event.text
    else this.#other(event)
    this.turn.changed()
  }

  #text(text: string): void {
    if (this.#open === null) {
      this.#open = new MarkdownBlocks()
      this.turn.parts.push({ kind: 'text', blocks: this.#open })
      this.turn.changed()
    }
    this.#open.push(text)
  }

  #other(event: Exclude<ChatEvent, { type: 'delta' }>): void {
    const { turn } = this
    const { parts } = turn
    if (event.type !== 'start' && event.type !== 'status') this.#closeText()
    switch (event.type) {
      case 'thinking':
        return void parts.push({ kind: 'thinking', text: event.text })
      case 'tool_use':
        return void parts.push({ kind: 'tool', id: event.id, name: event.name, input: event.input, result: null })
      case 'tool_result': {
        const tool = turn.findTool(event.tool_use_id)
        if (tool !== undefined) tool.result = { text: event.text, isError: event.is_error }
        return
      }
      case 'permission_request':
      case 'question':
        return void parts.push({ kind: 'ask', ask: event, answered: null })
      case 'status':
        return this.#status(event)
      case 'done':
        turn.end = { outcome: 'done', reply: event }
        return
      case 'error':
        turn.end = { outcome: 'error', code: event.code, text: event.error }
    }
  }

  #status(event: Extract<ChatEvent, { type: 'status' }>): void {
    const { parts } = this.turn
    if (event.status === 'answered') {
      const ask = parts.find((part) => part.kind === 'ask' && part.ask.request_id === event.request_id)
      if (ask?.kind === 'ask') ask.answered = { behavior: event.behavior, by: event.by }
      return
    }
    const seconds = Math.round(event.delay_ms / 100) / 10
    const status = event.upstream_status === null ? 'could not be reached' : `answered ${event.upstream_status}`
    parts.push({
      kind: 'note',
      text: `The model’s API ${status}; trying again in ${seconds} s (attempt ${event.attempt}).`,
    })
  }

  #closeText(): void {
    this.#open?.update()
    this.#open = null
  }

  update(): void {
    if (this.turn.end === null) this.#open?.update()
    else this.#closeText()
  }
}

type Message = MessageList['messages'][number]

/** Messages of a file as turns: an answer in several messages, and the results of its tools, are one turn. */
export function turnsOf(messages: readonly Message[], turns: Turn[] = []): Turn[] {
  for (const message of messages) {
    const isResults = message.role === 'user' && message.content.some(({ type }) => type === 'tool_result')
    const last = turns.at(-1)
    const role = isResults ? 'assistant' : message.role
    const turn = last?.role === 'assistant' && role === 'assistant' ? last : new Turn(message.id, role)
    if (turn !== last) turns.push(turn)
    for (const block of message.content) addBlock(turn, block)
    turn.changed()
  }
  return turns
}

function addBlock(turn: Turn, block: SessionBlock): void {
  const { parts } = turn
  switch (block.type) {
    case 'text':
      return void parts.push({ kind: 'text', blocks: wholeMarkdown(block.text) })
    case 'thinking':
      return void (block.thinking && parts.push({ kind: 'thinking', text: block.thinking }))
    case 'tool_use':
      return void parts.push({ kind: 'tool', id: block.id, name: block.name, input: block.input, result: null })
    case 'tool_result': {
      const tool = turn.findTool(block.tool_use_id)
      const text = block.content.map((each) => (each.type === 'text' ? each.text : nameOf(each))).join('\n')
      if (tool !== undefined) tool.result = { text, isError: block.is_error }
      return
    }
    case 'image':
    case 'document':
    case 'other':
      parts.push({ kind: 'note', text: nameOf(block) })
  }
}

function nameOf(block: SessionBlock): string {
  if (block.type === 'other') return `[${block.name}]`
  if (block.type !== 'image' && block.type !== 'document') return `[${block.type}]`
  const size = block.bytes === null ? '' : `, ${Math.ceil(block.bytes / 1024)} KB`
  return `[${block.media_type ?? block.type}${size}]`
}
