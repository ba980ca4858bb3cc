// Turns a run's answer into a message, either whole or as stream events. Pure: the caller provides the ids.
import { type AnswerPiece, type AnswerStop, AnswerStream, type WholeAnswer } from '../../compat/answer-stream.ts'
import { noUsage, type RunEnd, type RunEvent, type Usage } from '../../core/events.ts'
import { BlockWriter, toBlocks } from './message-blocks.ts'
import type { DeltaUsage, Message, MessageEvent, MessageUsage } from './reply-schemas.ts'
import type { MessagePlan } from './request.ts'

const numberIn = (object: unknown, name: string): number | null => {
  const value = (object as Record<string, unknown> | null | undefined)?.[name]
  return typeof value === 'number' ? value : null
}

function toUsage({ inputTokens, outputTokens, raw, ...cache }: Usage): MessageUsage {
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

const noStop: Stop = { stop_reason: null, stop_sequence: null, stop_details: null, container: null }

const toStop = (stop: AnswerStop, { stopSequence }: RunEnd): Stop => ({
  ...noStop,
  stop_reason: stop,
  stop_sequence: stop === 'stop_sequence' ? stopSequence : null,
  // The CLI does not report which safeguard it was.
  stop_details: stop === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null,
})

const emptyMessage = (id: string, { model }: MessagePlan, usage: Usage): Message => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  ...noStop,
  diagnostics: null,
  usage: toUsage(usage),
})

export function toMessage(answer: WholeAnswer, plan: MessagePlan, id: string): Message {
  return {
    ...emptyMessage(id, plan, answer.end.usage),
    content: toBlocks(finalPieces(answer, plan)),
    ...toStop(answer.stop, answer.end),
  }
}

/** An agent's answer is its final text, without what it wrote along the way. */
function finalPieces({ pieces, end: { result } }: WholeAnswer, { isAgent, format }: MessagePlan): AnswerPiece[] {
  return !isAgent || format !== 'text' || result === '' ? pieces : [{ type: 'text', text: result }]
}

/** Turns the events of a run into stream events. A run that did not succeed has no final events. */
export class MessageEvents {
  readonly #plan: MessagePlan
  readonly #id: string
  readonly #reader: AnswerStream
  readonly #blocks = new BlockWriter()
  #isStarted = false

  constructor(plan: MessagePlan, id: string) {
    this.#plan = plan
    this.#id = id
    this.#reader = new AnswerStream(plan)
  }

  /** Throws if the run succeeded but its answer does not match what the request asked for. */
  encode(event: RunEvent): MessageEvent[] {
    if (event.type === 'usage') return this.#start(event.usage)
    if (event.type === 'run-end') return event.outcome === 'succeeded' ? this.#end(event) : []
    return this.#encodePieces(this.#reader.read(event))
  }

  /** A message starts with the first usage that the model's API reports, or with its first content. */
  #start(usage: Usage): MessageEvent[] {
    if (this.#isStarted) return []
    this.#isStarted = true
    return [{ type: 'message_start', message: emptyMessage(this.#id, this.#plan, usage) }]
  }

  #encodePieces(pieces: readonly AnswerPiece[]): MessageEvent[] {
    const events = pieces.flatMap((piece) => this.#blocks.encode(piece))
    return events.length === 0 ? [] : [...this.#start(noUsage), ...events]
  }

  #end(end: RunEnd): MessageEvent[] {
    const { pieces, stop } = this.#reader.end(end)
    return [
      ...this.#start(noUsage),
      ...this.#encodePieces(pieces),
      ...this.#blocks.close(),
      { type: 'message_delta', delta: toStop(stop, end), usage: toDeltaUsage(end.usage) },
      { type: 'message_stop' },
    ]
  }
}
