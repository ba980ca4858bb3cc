// The content blocks of an answer as RunEvents: numbers them through the whole turn, and emits each piece of the model's stream, or a
// whole message that was not streamed. Pure. Which messages belong to the answer is decided in from-sdk.ts.
import type { SDKAssistantMessage, SDKPartialAssistantMessage } from '@anthropic-ai/claude-agent-sdk'
import type { RunEvent } from '../../core/events.ts'
import { parseInput } from '../../platform/json.ts'
import { wholeThinking } from './sdk-values.ts'
import { StopSequences } from './stop-sequences.ts'

type StreamEvent = SDKPartialAssistantMessage['event']
type Delta = Extract<StreamEvent, { type: 'content_block_delta' }>['delta']
type StartedBlock = { type: string; id?: string; name?: string; data?: string }
type WholeBlock = SDKAssistantMessage['message']['content'][number]

/** `json`: the input of a call, as far as it has arrived. */
type OpenBlock = { index: number; kind: 'text' | 'thinking' | 'tool'; json: string }

/** A message is at most so large, in bytes of memory, roughly: some 30 times as large as the longest answer of any model. */
const messageSizeMax = 32_000_000
const deltaSize = 64

export class AnswerBlocks {
  readonly #stops: StopSequences
  #nextIndex = 0
  /** Open blocks of the message that is being streamed: the API's index to ours. */
  #open = new Map<number, OpenBlock>()
  #hasBrokenCall = false
  #hit: string | null = null
  #hasText = false
  #text = ''
  #allText = ''
  #messageSize = 0

  constructor(stopSequences: readonly string[]) {
    this.#stops = new StopSequences(stopSequences)
  }

  /** The stop sequence at which the text ended; null if none was found. Nothing after it is emitted. */
  get hit(): string | null {
    return this.#hit
  }

  /** Whether the input of a call is something other than a JSON object. */
  get hasBrokenCall(): boolean {
    return this.#hasBrokenCall
  }

  /** Whether the message is longer than any model's answer. */
  get isTooLarge(): boolean {
    return this.#messageSize > messageSizeMax
  }

  get hasText(): boolean {
    return this.#hasText
  }

  /** The text of the message that is being streamed. */
  get text(): string {
    return this.#text
  }

  /** The text of all messages. */
  get allText(): string {
    return this.#allText
  }

  /** Call this when a message of the stream begins; ends what the last one left open. */
  startMessage(): RunEvent[] {
    this.#text = ''
    this.#messageSize = 0
    return this.closeAll()
  }

  /** Takes back the text of a message that turned out to be incomplete. */
  forgetText(): void {
    this.#text = ''
  }

  start(apiIndex: number, block: StartedBlock): RunEvent[] {
    const index = this.#nextIndex
    const open = (kind: OpenBlock['kind']) => {
      this.#open.set(apiIndex, { index, kind, json: '' })
      this.#nextIndex++
    }
    switch (block.type) {
      case 'text':
        open('text')
        return [{ type: 'text-start', index }]
      case 'thinking':
        open('thinking')
        return [{ type: 'thinking-start', index }]
      case 'redacted_thinking':
        open('thinking')
        return [
          { type: 'thinking-start', index },
          { type: 'thinking-redacted', index, data: block.data ?? '' },
        ]
      case 'tool_use':
        open('tool')
        return [{ type: 'tool-start', index, toolId: block.id ?? '', name: block.name ?? '' }]
      default:
        return []
    }
  }

  delta(apiIndex: number, delta: Delta): RunEvent[] {
    const block = this.#open.get(apiIndex)
    if (block === undefined) return []
    const { index } = block
    this.#messageSize += deltaSize + sizeOf(delta)
    switch (delta.type) {
      case 'text_delta':
        return this.#pieceOfText(index, delta.text)
      case 'thinking_delta':
        return [{ type: 'thinking-delta', index, text: delta.thinking }]
      case 'signature_delta':
        return [{ type: 'thinking-signature', index, signature: delta.signature }]
      case 'input_json_delta':
        block.json += delta.partial_json
        return [{ type: 'tool-delta', index, json: delta.partial_json }]
      default:
        return []
    }
  }

  end(apiIndex: number): RunEvent[] {
    const block = this.#open.get(apiIndex)
    if (block === undefined) return []
    this.#open.delete(apiIndex)
    this.#hasBrokenCall ||= block.kind === 'tool' && parseInput(block.json) === null
    const rest = block.kind === 'text' && this.#hit === null ? this.#emitText(block.index, this.#stops.flush()) : []
    return [...rest, { type: `${block.kind}-end`, index: block.index }]
  }

  /** Ends all open blocks. */
  closeAll(): RunEvent[] {
    return [...this.#open.keys()].flatMap((apiIndex) => this.end(apiIndex))
  }

  whole(block: WholeBlock): RunEvent[] {
    const index = this.#nextIndex++
    if (block.type === 'text') return this.wholeText(block.text, index)
    if (block.type === 'thinking' || block.type === 'redacted_thinking') return wholeThinking(index, block)
    if (block.type !== 'tool_use') return []
    const start: RunEvent = { type: 'tool-start', index, toolId: block.id, name: block.name }
    return [start, { type: 'tool-delta', index, json: JSON.stringify(block.input) }, { type: 'tool-end', index }]
  }

  wholeText(text: string, index = this.#nextIndex++): RunEvent[] {
    this.#hasText = true
    this.#allText += text
    return [
      { type: 'text-start', index },
      { type: 'text-delta', index, text },
      { type: 'text-end', index },
    ]
  }

  #pieceOfText(index: number, piece: string): RunEvent[] {
    if (this.#hit !== null) return []
    const { text, hit } = this.#stops.push(piece)
    this.#hit = hit
    return this.#emitText(index, text)
  }

  #emitText(index: number, text: string): RunEvent[] {
    if (text === '') return []
    this.#hasText = true
    this.#text += text
    this.#allText += text
    return [{ type: 'text-delta', index, text }]
  }
}

function sizeOf(delta: Delta): number {
  if (delta.type === 'text_delta') return delta.text.length
  if (delta.type === 'thinking_delta') return delta.thinking.length
  return delta.type === 'input_json_delta' ? delta.partial_json.length : 0
}
