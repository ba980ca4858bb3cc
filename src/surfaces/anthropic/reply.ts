// A run's answer as a message, whole or as the events of a stream. Pure: ids are given.
import { AnswerCollector, type AnswerPiece, type AnswerStop, AnswerStream } from '../../compat/answer-stream.ts'
import type { RunEnd, RunEvent, Usage } from '../../core/events.ts'
import { BlockWriter, toBlocks } from './message-blocks.ts'
import type { DeltaUsage, Message, MessageEvent, MessageUsage } from './reply-schemas.ts'
import type { MessagePlan } from './request.ts'

const nothing: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  raw: {},
}

const numberIn = (object: unknown, name: string): number | null => {
  const value = (object as Record<string, unknown> | null | undefined)?.[name]
  return typeof value === 'number' ? value : null
}

export function toUsage({ inputTokens, outputTokens, raw, ...cache }: Usage): MessageUsage {
  const thinking = numberIn(raw.output_tokens_details, 'thinking_tokens')
  const short = numberIn(raw.cache_creation, 'ephemeral_5m_input_tokens')
  const long = numberIn(raw.cache_creation, 'ephemeral_1h_input_tokens')
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cache_creation_input_tokens: cache.cacheCreationInputTokens,
    cache_read_input_tokens: cache.cacheReadInputTokens,
    cache_creation:
      short === null && long === null
        ? null
        : { ephemeral_5m_input_tokens: short ?? 0, ephemeral_1h_input_tokens: long ?? 0 },
    output_tokens_details: thinking === null ? null : { thinking_tokens: thinking },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: typeof raw.inference_geo === 'string' && raw.inference_geo !== '' ? raw.inference_geo : null,
    speed: null,
  }
}

function toDeltaUsage(usage: Usage): DeltaUsage {
  const { cache_creation: _c, service_tier: _t, inference_geo: _g, speed: _s, ...counted } = toUsage(usage)
  return counted
}

type Stop = Pick<Message, 'stop_reason' | 'stop_sequence' | 'stop_details' | 'container'>

const unstopped: Stop = { stop_reason: null, stop_sequence: null, stop_details: null, container: null }

const toStop = (stop: AnswerStop, { stopSequence }: RunEnd): Stop => ({
  ...unstopped,
  stop_reason: stop,
  stop_sequence: stop === 'stop_sequence' ? stopSequence : null,
  // The CLI does not pass on which of the safeguards it was.
  stop_details: stop === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null,
})

const emptyMessage = (id: string, { model }: MessagePlan, usage: Usage): Message => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  ...unstopped,
  diagnostics: null,
  usage: toUsage(usage),
})

/** Collects the answer of a run that nobody follows word by word. */
export class MessageAnswer {
  readonly #plan: MessagePlan
  readonly #answer: AnswerCollector

  constructor(shape: MessagePlan) {
    this.#plan = shape
    this.#answer = new AnswerCollector(shape)
  }

  accept(event: RunEvent): void {
    this.#answer.accept(event)
  }

  /** The answer of a run that succeeded. Throws where it is not what was asked for. */
  toMessage(end: RunEnd, id: string): Message {
    const { pieces, stop } = this.#answer.end(end)
    return {
      ...emptyMessage(id, this.#plan, end.usage),
      content: toBlocks(this.#plan.isAgent ? lastWords(pieces, end, this.#plan) : pieces),
      ...toStop(stop, end),
    }
  }
}

/** Of an agent, the text that holds in the end, whatever was said on the way there. */
function lastWords(pieces: AnswerPiece[], { result }: RunEnd, { format }: MessagePlan): AnswerPiece[] {
  return format !== 'text' || result === '' ? pieces : [{ type: 'text', text: result }]
}

/** The events of a stream, from the events of a run. Of a run that did not succeed there is no end. */
export class MessageEvents {
  readonly #plan: MessagePlan
  readonly #id: string
  readonly #reader: AnswerStream
  readonly #blocks = new BlockWriter()
  #isStarted = false

  constructor(shape: MessagePlan, id: string) {
    this.#plan = shape
    this.#id = id
    this.#reader = new AnswerStream(shape)
  }

  /** Throws where the run succeeded with an answer that is not what was asked for. */
  encode(event: RunEvent): MessageEvent[] {
    if (event.type === 'usage') return this.#start(event.usage)
    if (event.type === 'run-end') return event.outcome === 'succeeded' ? this.#end(event) : []
    return this.#encodePieces(this.#reader.read(event))
  }

  /** A message begins with what the model's API had counted by then, or with its first word. */
  #start(usage: Usage): MessageEvent[] {
    if (this.#isStarted) return []
    this.#isStarted = true
    return [{ type: 'message_start', message: emptyMessage(this.#id, this.#plan, usage) }]
  }

  #encodePieces(pieces: readonly AnswerPiece[]): MessageEvent[] {
    const events = pieces.flatMap((piece) => this.#blocks.encode(piece))
    return events.length === 0 ? [] : [...this.#start(nothing), ...events]
  }

  #end(end: RunEnd): MessageEvent[] {
    const { pieces, stop } = this.#reader.end(end)
    return [
      ...this.#start(nothing),
      ...this.#encodePieces(pieces),
      ...this.#blocks.close(),
      { type: 'message_delta', delta: toStop(stop, end), usage: toDeltaUsage(end.usage) },
      { type: 'message_stop' },
    ]
  }
}
