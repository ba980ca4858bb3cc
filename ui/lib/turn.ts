// The messages of a conversation, made of parts, built from the events of a run or from the messages in Claude Code's
// own files. No network and no rendering here.
import { signal } from '@preact/signals'
import type { ApprovalEvent } from '../../src/surfaces/native/events.ts'
import type { ChatEvent, ChatReply } from '../../src/surfaces/native/reply-schemas.ts'
import type { MessageList, SessionBlock } from '../../src/surfaces/native/session-reply-schemas.ts'
import { MarkdownBlocks, parseMarkdown } from './markdown-blocks.ts'

type ToolResult = { text: string; isError: boolean }
export type Decision = { behavior: 'allow' | 'deny'; by: 'caller' | 'timeout' | 'run' }

export type Part =
  | { kind: 'text'; blocks: MarkdownBlocks }
  | { kind: 'thinking'; text: string }
  | { kind: 'tool'; id: string; name: string; input: unknown; result: ToolResult | null }
  | { kind: 'approval'; approval: ApprovalEvent; decision: Decision | null }
  | { kind: 'compaction'; tokens: number | null; summary: string | null }
  | { kind: 'note'; text: string }

export type TurnEnd = { outcome: 'done'; reply: ChatReply } | { outcome: 'error'; code: string; text: string }

/** A message, which may still grow. */
export class Turn {
  readonly id: string
  /** `system`: a place where Claude Code compacted the conversation. */
  readonly role: 'user' | 'assistant' | 'system'
  /** Increases with each change, except changes within a text, which has its own version. */
  readonly version = signal(0)
  readonly parts: Part[] = []
  /** Only set for runs, when they end. */
  end: TurnEnd | null = null
  runId: string | null = null

  constructor(id: string, role: Turn['role']) {
    this.id = id
    this.role = role
  }

  get text(): string {
    return this.parts.flatMap((part) => (part.kind === 'text' ? [part.blocks.text] : [])).join('\n\n')
  }

  /** The approval that waits for an answer. */
  get openApproval(): ApprovalEvent | null {
    const open = this.parts.find((part) => part.kind === 'approval' && part.decision === null)
    return open?.kind === 'approval' && this.end === null ? open.approval : null
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
  if (text !== '') turn.parts.push({ kind: 'text', blocks: parseMarkdown(text) })
  for (const note of notes) turn.parts.push({ kind: 'note', text: note })
  return turn
}

/** Adds a run's events to a turn. Texts are parsed when `update` is called, once per animation frame. */
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
      case 'restart':
        return void parts.splice(0, parts.length, {
          kind: 'note',
          text: 'The server was restarted: Claude begins again.',
        })
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
        return void parts.push({ kind: 'approval', approval: event, decision: null })
      case 'status':
        return this.#status(event)
      case 'mcp_servers':
        return this.#mcpServers(event)
      case 'done':
        turn.end = { outcome: 'done', reply: event }
        return
      case 'error':
        turn.end = { outcome: 'error', code: event.code, text: event.error }
    }
  }

  #mcpServers({ servers }: Extract<ChatEvent, { type: 'mcp_servers' }>): void {
    const failed = servers.filter(({ status }) => status === 'failed').map(({ name }) => name)
    if (failed.length === 0) return
    this.turn.parts.push({ kind: 'note', text: `These MCP servers could not be started: ${failed.join(', ')}.` })
  }

  #status(event: Extract<ChatEvent, { type: 'status' }>): void {
    const { parts } = this.turn
    if (event.status === 'answered') {
      const part = parts.find((each) => each.kind === 'approval' && each.approval.request_id === event.request_id)
      if (part?.kind === 'approval') part.decision = { behavior: event.behavior, by: event.by }
      return
    }
    if (event.status === 'compacting') return
    if (event.status === 'compacted') {
      const text = 'Claude Code has replaced the conversation until here by a summary, as it had become too long.'
      return void parts.push({ kind: 'note', text })
    }
    const seconds = Math.round(event.delay_ms / 100) / 10
    const status = event.upstream_status === null ? 'could not be reached' : `returned ${event.upstream_status}`
    parts.push({
      kind: 'note',
      text: `The model API ${status}; retrying in ${seconds} s (attempt ${event.attempt}).`,
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

/**
 * Converts the messages of a file into turns. An answer that spans several messages, and its tool results, become one
 * turn.
 */
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
      return void parts.push({ kind: 'text', blocks: parseMarkdown(block.text) })
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
    case 'compact_boundary':
      return void parts.push({ kind: 'compaction', tokens: block.pre_tokens, summary: block.summary })
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
