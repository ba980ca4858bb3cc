// Turns a run's answer into that of Ollama's chat or generate, whole or line by line. Pure: times are passed in.
import { type AnswerPiece, type AnswerStop, AnswerStream, type WholeAnswer } from '../../compat/answer-stream.ts'
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { parseInput } from '../../platform/json.ts'
import type { ChatReply, DoneReason, GenerateReply, MadeCall } from './reply-schemas.ts'
import type { OllamaPlan } from './request.ts'

type Reply = ChatReply | GenerateReply

/** What an answer, or a line of one, has of the model's words. */
type Content = { text?: string; thinking?: string; calls?: MadeCall[] }

/** `createdAtMs` is in milliseconds since 1970. */
type Head = { plan: Pick<OllamaPlan, 'model' | 'route'>; createdAtMs: number }

function write({ plan, createdAtMs }: Head, { text = '', thinking = '', calls = [] }: Content, end: object): Reply {
  const head = { model: plan.model, created_at: new Date(createdAtMs).toISOString() }
  const thought = thinking === '' ? {} : { thinking }
  const rest = end as Pick<Reply, 'done'>
  if (plan.route === 'generate') return { ...head, response: text, ...thought, ...rest }
  const called = calls.length === 0 ? {} : { tool_calls: calls }
  return { ...head, message: { role: 'assistant', content: text, ...thought, ...called }, ...rest }
}

const toNanoseconds = (ms: number) => Math.round(ms * 1e6)

function toEnd(stop: AnswerStop, { usage, durationMs }: RunEnd, waitedMs: number) {
  const { inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens } = usage
  return {
    done: true,
    done_reason: toReason(stop),
    total_duration: toNanoseconds(waitedMs + durationMs),
    load_duration: toNanoseconds(waitedMs),
    prompt_eval_count: inputTokens + cacheReadInputTokens + cacheCreationInputTokens,
    prompt_eval_duration: 0,
    eval_count: outputTokens,
    eval_duration: toNanoseconds(durationMs),
  }
}

/** Ollama has two reasons: its programs expect `stop` after calls, too. */
const toReason = (stop: AnswerStop): DoneReason =>
  stop === 'max_tokens' || stop === 'model_context_window_exceeded' ? 'length' : 'stop'

export function toReply({ pieces, stop, end, waitedMs }: WholeAnswer, plan: OllamaPlan, createdAtMs: number): Reply {
  const textOf = (...types: AnswerPiece['type'][]) =>
    pieces.flatMap((piece) => (types.includes(piece.type) && 'text' in piece ? [piece.text] : [])).join('')
  // The run's result is the final text; an agent may have written other texts on the way.
  const text = (plan.format === 'text' ? end.result : '') || textOf('text', 'refusal')
  const content = { text, thinking: textOf('thinking'), calls: toCalls(pieces) }
  return write({ plan, createdAtMs }, content, toEnd(stop, end, waitedMs))
}

/** The calls that begin among these pieces: a call is held until it is whole, and its arguments follow it. */
const toCalls = (pieces: readonly AnswerPiece[]): MadeCall[] =>
  pieces.flatMap((piece, position) => {
    if (piece.type !== 'call') return []
    const next = pieces[position + 1]
    const input = next?.type === 'arguments' ? parseInput(next.text) : null
    return [{ id: piece.id, function: { index: piece.index, name: piece.name, arguments: input ?? {} } }]
  })

/** The answer to a request that only loads or unloads a model. */
export const toLoadReply = (head: Head, reason: 'load' | 'unload'): Reply =>
  write(head, {}, { done: true, done_reason: reason })

/** Encodes the events of a run as the lines of a stream. A run that did not succeed gets no last line. */
export class ReplyLines {
  readonly #head: Head
  readonly #reader: AnswerStream
  #waitedMs = 0

  constructor(plan: OllamaPlan, createdAtMs: number) {
    this.#head = { plan, createdAtMs }
    this.#reader = new AnswerStream(plan)
  }

  /** Says nothing: a stream of lines has no comments that could keep its connection alive. */
  get silence(): Reply {
    return this.#line({})
  }

  /** Throws if the run succeeded with an answer that does not fit the requested format. */
  encode(event: RunEvent): Reply[] {
    if (event.type === 'run-start') this.#waitedMs = event.waitedMs ?? 0
    if (event.type === 'run-end') return event.outcome === 'succeeded' ? this.#end(event) : []
    return this.#lines(this.#reader.read(event))
  }

  #end(end: RunEnd): Reply[] {
    const { pieces, stop } = this.#reader.end(end)
    return [...this.#lines(pieces), write(this.#head, {}, toEnd(stop, end, this.#waitedMs))]
  }

  #lines(pieces: readonly AnswerPiece[]): Reply[] {
    const calls = toCalls(pieces)
    const texts = pieces.flatMap((piece): Content[] => {
      if (piece.type === 'text' || piece.type === 'refusal') return [{ text: piece.text }]
      return piece.type === 'thinking' ? [{ thinking: piece.text }] : []
    })
    return [...texts, ...(calls.length === 0 ? [] : [{ calls }])].map((content) => this.#line(content))
  }

  #line(content: Content): Reply {
    return write(this.#head, content, { done: false })
  }
}
