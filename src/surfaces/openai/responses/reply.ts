// A run's answer as a response, whole or as the events of a stream. Pure: ids and times are given.
import { AnswerCollector, type AnswerPiece, type AnswerStop, AnswerStream } from '../../../compat/answer-stream.ts'
import type { RunEnd, RunEvent, Usage } from '../../../core/events.ts'
import type { AppError } from '../../../errors.ts'
import { toUsage } from '../chat/reply.ts'
import { openaiStatus, toErrorBody } from '../shared/errors.ts'
import { type ItemEvent, ItemWriter } from './output-items.ts'
import type { Response, ResponseEvent, ResponseUsage } from './reply-schemas.ts'
import { isLive, isStored, type ResponsePlan } from './request.ts'

/** Of the run that makes the response. */
export type ResponseFacts = { runId: string; createdAtMs: number }

const seconds = (ms: number) => Math.floor(ms / 1000)

const nameOf = (runId: string) => runId.replace(/^run_/, '')

export const responseId = (runId: string): string => `resp_${nameOf(runId)}`

const runOf = (name: string | undefined) => (name === undefined ? null : `run_${name}`)

/** The run that makes a response; null for what cannot be the id of one. */
export const runIdOf = (id: string): string | null => runOf(/^resp_([0-9a-f]{32})$/.exec(id)?.[1])

/** The run that makes the response that an item belongs to; null for what cannot be the id of one. */
export const runIdOfItem = (id: string): string | null =>
  runOf(/^(?:msg|rs|fc|ctc)_([0-9a-f]{32})_\d{1,6}$/.exec(id)?.[1])

function toResponseUsage(usage: Usage): ResponseUsage {
  const told = toUsage(usage)
  return {
    input_tokens: told.prompt_tokens,
    input_tokens_details: {
      cached_tokens: usage.cacheReadInputTokens,
      cache_write_tokens: usage.cacheCreationInputTokens,
    },
    output_tokens: told.completion_tokens,
    output_tokens_details: { reasoning_tokens: told.completion_tokens_details.reasoning_tokens },
    total_tokens: told.total_tokens,
  }
}

type Changing = Pick<Response, 'status' | 'output' | 'error' | 'incomplete_details' | 'completed_at' | 'usage'>

const unfinished: Changing = {
  status: 'in_progress',
  output: [],
  error: null,
  incomplete_details: null,
  completed_at: null,
  usage: null,
}

function toResponse({ request }: ResponsePlan, { runId, createdAtMs }: ResponseFacts, changing: Changing): Response {
  const { body, model } = request
  return {
    id: responseId(runId),
    object: 'response',
    created_at: seconds(createdAtMs),
    background: body.background === true,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model,
    parallel_tool_calls: body.parallel_tool_calls !== false,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: isStored(body),
    temperature: body.temperature ?? 1,
    top_p: body.top_p ?? 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    text: { format: body.text?.format ?? { type: 'text' }, verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    truncation: 'disabled',
    metadata: body.metadata ?? {},
    access_programs: null,
    ...changing,
  }
}

/** A response that has not ended yet. */
export const openResponse = (shape: ResponsePlan, facts: ResponseFacts, status: 'queued' | 'in_progress'): Response =>
  toResponse(shape, facts, { ...unfinished, status })

/** A response that came to nothing. */
export function failedResponse(shape: ResponsePlan, facts: ResponseFacts, error: AppError): Response {
  if (error.code === 'cancelled') return toResponse(shape, facts, { ...unfinished, status: 'cancelled' })
  const status = openaiStatus(error)
  const code = status === 429 ? 'rate_limit_exceeded' : status === 400 ? 'invalid_prompt' : 'server_error'
  return toResponse(shape, facts, { ...unfinished, status: 'failed', error: { code, message: error.message } })
}

const cutReasons: Partial<Record<AnswerStop, 'max_output_tokens'>> = {
  max_tokens: 'max_output_tokens',
  model_context_window_exceeded: 'max_output_tokens',
}

/** What tells of the end. `waitedMs`: how long the run had no process. */
type Ended = { end: RunEnd; stop: AnswerStop; waitedMs: number }

function ended(writer: ItemWriter, { end, stop, waitedMs }: Ended, { createdAtMs }: ResponseFacts): Changing {
  const said = writer.items.some(
    (item) => item.type === 'message' && item.content.some(({ type }) => type === 'output_text'),
  )
  // Words that the model took back are not a refusal's own.
  const reason = stop === 'refusal' && said ? 'content_filter' : (cutReasons[stop] ?? null)
  return {
    status: reason === null ? 'completed' : 'incomplete',
    output: structuredClone(writer.items),
    error: null,
    incomplete_details: reason === null ? null : { reason },
    // By the run's own count, so that it is the same whenever it is told.
    completed_at: reason === null ? seconds(createdAtMs + waitedMs + end.durationMs) : null,
    usage: toResponseUsage(end.usage),
  }
}

const closingOf = (stop: AnswerStop) => (stop in cutReasons ? 'incomplete' : 'completed')

/** Collects the answer of a run that nobody follows word by word, or that is over. */
export class WholeResponse {
  readonly #plan: ResponsePlan
  readonly #answer: AnswerCollector
  #waitedMs = 0

  constructor(shape: ResponsePlan) {
    this.#plan = shape
    this.#answer = new AnswerCollector(shape)
  }

  accept(event: RunEvent): void {
    if (event.type === 'run-start') this.#waitedMs = event.waitedMs ?? 0
    this.#answer.accept(event)
  }

  /** The answer of a run that succeeded. Throws where it is not what was asked for. */
  toResponse(end: RunEnd, facts: ResponseFacts): Response {
    const { pieces, stop } = this.#answer.end(end)
    const writer = new ItemWriter(this.#plan, nameOf(facts.runId))
    for (const piece of this.#heldPieces(pieces, end)) writer.encode(piece)
    writer.close(closingOf(stop))
    return toResponse(this.#plan, facts, ended(writer, { end, stop, waitedMs: this.#waitedMs }, facts))
  }

  /** Of an agent that nobody listened to, the text that holds in the end, whatever it said on the way there. */
  #heldPieces(pieces: readonly AnswerPiece[], { result }: RunEnd): AnswerPiece[] {
    const { isAgent, format, request } = this.#plan
    if (!isAgent || format !== 'text' || result === '' || isLive(request.body)) return [...pieces]
    return [...pieces.filter(({ type }) => type !== 'text'), { type: 'text', text: result }]
  }
}

/** The events of a stream, from those of a run, numbered from 0. */
export class ResponseEvents {
  readonly #plan: ResponsePlan
  readonly #facts: ResponseFacts
  readonly #reader: AnswerStream
  readonly #writer: ItemWriter
  #waitedMs = 0
  #next = 0

  constructor(shape: ResponsePlan, facts: ResponseFacts) {
    this.#plan = shape
    this.#facts = facts
    this.#reader = new AnswerStream(shape)
    this.#writer = new ItemWriter(shape, nameOf(facts.runId))
  }

  /** Throws where the run succeeded with an answer that is not what was asked for. Of a run that did not, `failure` tells the end. */
  encode(event: RunEvent): ResponseEvent[] {
    if (event.type === 'run-start') {
      this.#waitedMs = event.waitedMs ?? 0
      const response = openResponse(this.#plan, this.#facts, 'in_progress')
      return this.#number([
        { type: 'response.created', response },
        { type: 'response.in_progress', response },
      ])
    }
    if (event.type === 'run-end') return event.outcome === 'succeeded' ? this.#end(event) : []
    return this.#number(this.#reader.read(event).flatMap((piece) => this.#writer.encode(piece)))
  }

  #end(end: RunEnd): ResponseEvent[] {
    const { pieces, stop } = this.#reader.end(end)
    const told = pieces.flatMap((piece) => this.#writer.encode(piece))
    const closed = this.#writer.close(closingOf(stop))
    const response = toResponse(
      this.#plan,
      this.#facts,
      ended(this.#writer, { end, stop, waitedMs: this.#waitedMs }, this.#facts),
    )
    const type = response.status === 'completed' ? ('response.completed' as const) : ('response.incomplete' as const)
    return this.#number([...told, ...closed, { type, response }])
  }

  /** Every client hears of a failure by one of the two. */
  failure(error: AppError): ResponseEvent[] {
    const begun = this.#next > 0 ? [] : this.encode({ type: 'run-start', runId: '', sessionId: '', model: '' })
    const response = failedResponse(this.#plan, this.#facts, error)
    const { error: told } = toErrorBody(error)
    const { code, message, param } = told
    const ended = this.#number([
      { type: 'response.failed', response },
      { type: 'error', code, message, param, error: told },
    ])
    return [...begun, ...ended]
  }

  #number(events: readonly ItemEvent[]): ResponseEvent[] {
    return events.map((event) => ({ ...event, sequence_number: this.#next++ }) as ResponseEvent)
  }
}
