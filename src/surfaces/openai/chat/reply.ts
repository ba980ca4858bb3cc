// Turns a run's answer into a chat completion, whole or in chunks. Pure: ids and times are passed in.
import {
  type AnswerPiece,
  type AnswerStop,
  AnswerStream,
  type ToolKind,
  type WholeAnswer,
} from '../../../compat/answer-stream.ts'
import type { RunEnd, RunEvent, Usage } from '../../../core/events.ts'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatUsage,
  Delta,
  FinishReason,
  MadeToolCall,
} from './reply-schemas.ts'
import type { ChatPlan } from './request.ts'

/** `created` is in seconds since 1970. */
export type ReplyIds = { id: string; created: number }

const common = ({ id, created }: ReplyIds, { model }: ChatPlan) => ({
  id,
  created,
  model,
  service_tier: 'default' as const,
  system_fingerprint: 'fp_claude_serve',
})

export function toUsage({ inputTokens, outputTokens, cacheReadInputTokens, ...rest }: Usage): ChatUsage {
  const promptTokens = inputTokens + cacheReadInputTokens + rest.cacheCreationInputTokens
  const details = rest.raw.output_tokens_details as { thinking_tokens?: unknown } | null | undefined
  const thinking = details?.thinking_tokens
  return {
    prompt_tokens: promptTokens,
    completion_tokens: outputTokens,
    total_tokens: promptTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cacheReadInputTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: typeof thinking === 'number' ? thinking : 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

export function toCompletion({ pieces, stop, end }: WholeAnswer, plan: ChatPlan, ids: ReplyIds): ChatCompletion {
  const finishReason = toFinishReason(stop, plan)
  const message = toMessage(pieces, plan, finishReason, end.result)
  return {
    ...common(ids, plan),
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason }],
    usage: toUsage(end.usage),
    ...(plan.metadata === null ? {} : { metadata: plan.metadata }),
  }
}

function toFinishReason(stop: AnswerStop, { isLegacy }: ChatPlan): FinishReason {
  switch (stop) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'refusal':
      return 'content_filter'
    case 'tool_use':
      return isLegacy ? 'function_call' : 'tool_calls'
    case 'end_turn':
    case 'stop_sequence':
      return 'stop'
  }
}

/** OpenAI's type of a tool: one that takes a single text is `custom`. */
const typeOf = (kind: ToolKind) => (kind === 'text' ? 'custom' : 'function')

type Message = ChatCompletion['choices'][0]['message']

function toMessage(
  pieces: readonly AnswerPiece[],
  plan: ChatPlan,
  finishReason: FinishReason,
  result: string,
): Message {
  const textOf = (type: AnswerPiece['type']) =>
    pieces.flatMap((piece) => (piece.type === type && 'text' in piece ? [piece.text] : [])).join('')
  const reasoning = textOf('thinking')
  const calls = toCalls(pieces)
  // The run's result is the final text; an agent may have written other texts on the way.
  const text = (plan.format === 'text' ? result : '') || textOf('text')
  const isRefusal = finishReason === 'content_filter'
  return {
    role: 'assistant',
    content: isRefusal || (text === '' && calls.length > 0) ? null : text,
    refusal: isRefusal ? text || textOf('refusal') : null,
    annotations: [],
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...toCallFields(calls, plan),
  }
}

function toCallFields(calls: MadeToolCall[], { isLegacy }: ChatPlan): Partial<Message> {
  const [first] = calls
  if (first === undefined) return {}
  return isLegacy && first.type === 'function' ? { function_call: first.function } : { tool_calls: calls }
}

function toCalls(pieces: readonly AnswerPiece[]): MadeToolCall[] {
  return pieces.flatMap((piece): MadeToolCall[] => {
    if (piece.type !== 'call') return []
    const { index, id, name, kind } = piece
    const text = pieces
      .flatMap((each) => (each.type === 'arguments' && each.index === index ? [each.text] : []))
      .join('')
    return [
      kind === 'json'
        ? { id, type: 'function', function: { name, arguments: text } }
        : { id, type: 'custom', custom: { name, input: text } },
    ]
  })
}

/** Encodes the events of a run as the chunks of a stream. A run that did not succeed gets no final chunk. */
export class ChatChunks {
  readonly #plan: ChatPlan
  readonly #ids: ReplyIds
  readonly #reader: AnswerStream

  constructor(plan: ChatPlan, ids: ReplyIds) {
    this.#plan = plan
    this.#ids = ids
    this.#reader = new AnswerStream(plan)
  }

  /** Throws if the run succeeded with an answer that does not fit the requested format. */
  encode(event: RunEvent): ChatCompletionChunk[] {
    if (event.type === 'run-start') return [this.#chunk({ role: 'assistant', content: '' })]
    if (event.type === 'run-end') return event.outcome === 'succeeded' ? this.#end(event) : []
    return this.#encodePieces(this.#reader.read(event))
  }

  #encodePieces(pieces: readonly AnswerPiece[]): ChatCompletionChunk[] {
    return pieces.flatMap((piece) => toDeltas(piece, this.#plan)).map((delta) => this.#chunk(delta))
  }

  #end(end: RunEnd): ChatCompletionChunk[] {
    const { pieces, stop } = this.#reader.end(end)
    const chunks = [...this.#encodePieces(pieces), this.#chunk({}, toFinishReason(stop, this.#plan))]
    if (!this.#plan.includeUsage) return chunks
    return [...chunks, { ...this.#chunk({}), choices: [], usage: toUsage(end.usage) }]
  }

  #chunk(delta: Delta, finishReason: FinishReason | null = null): ChatCompletionChunk {
    return {
      ...common(this.#ids, this.#plan),
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(this.#plan.includeUsage ? { usage: null } : {}),
    }
  }
}

function toDeltas(piece: AnswerPiece, { isLegacy }: ChatPlan): Delta[] {
  switch (piece.type) {
    case 'text':
      return [{ content: piece.text }]
    case 'thinking':
      return [{ reasoning_content: piece.text }]
    case 'refusal':
      return [{ refusal: piece.text }]
    case 'signature':
    case 'redacted':
      return []
    case 'call': {
      const { index, id, name, kind } = piece
      if (isLegacy) return [{ function_call: { name, arguments: '' } }]
      const opened = kind === 'json' ? { function: { name, arguments: '' } } : { custom: { name, input: '' } }
      return [{ tool_calls: [{ index, id, type: typeOf(kind), ...opened }] }]
    }
    case 'arguments': {
      const { index, kind, text } = piece
      if (isLegacy) return [{ function_call: { arguments: text } }]
      const added = kind === 'json' ? { function: { arguments: text } } : { custom: { input: text } }
      return [{ tool_calls: [{ index, ...added }] }]
    }
  }
}
