// Turns a run's answer into a response, whole or as the events of a stream. Pure: ids and times are passed in.
import { type AnswerPiece, type AnswerStop, AnswerStream, type WholeAnswer } from '../../../compat/answer-stream.ts'
import type { RunEnd, RunEvent, Usage } from '../../../core/events.ts'
import { runFailure } from '../../../core/runs.ts'
import { AppError } from '../../../errors.ts'
import { toUsage } from '../chat/reply.ts'
import { openaiStatus, toErrorBody } from '../shared/errors.ts'
import { toListed } from './listed-items.ts'
import { type ItemEvent, ItemWriter } from './output-items.ts'
import type { CompactedResponse, Response, ResponseEvent, ResponseUsage } from './reply-schemas.ts'
import { conversationOf, isStored, isStreaming, type ResponsePlan } from './request.ts'
import type { InputItem } from './schemas.ts'

/** Facts about the run that produces the response. */
export type ResponseFacts = { runId: string; createdAtMs: number }

const seconds = (ms: number) => Math.floor(ms / 1000)

const nameOf = (runId: string) => runId.replace(/^run_/, '')

export const responseId = (runId: string): string => `resp_${nameOf(runId)}`

const runOf = (name: string | undefined) => (name === undefined ? null : `run_${name}`)

/** The run that produces a response; null if the id cannot be that of a response. */
export const runIdOf = (id: string): string | null => runOf(/^resp_([0-9a-f]{32})$/.exec(id)?.[1])

/** The run that produces the response an item belongs to; null if the id cannot be that of an item. */
export const runIdOfItem = (id: string): string | null =>
  runOf(/^(?:msg|rs|fc|ctc|tsc|cmp)_([0-9a-f]{32})_\d{1,6}$/.exec(id)?.[1])

function toResponseUsage(usage: Usage): ResponseUsage {
  const chatUsage = toUsage(usage)
  return {
    input_tokens: chatUsage.prompt_tokens,
    input_tokens_details: {
      cached_tokens: usage.cacheReadInputTokens,
      cache_write_tokens: usage.cacheCreationInputTokens,
    },
    output_tokens: chatUsage.completion_tokens,
    output_tokens_details: { reasoning_tokens: chatUsage.completion_tokens_details.reasoning_tokens },
    total_tokens: chatUsage.total_tokens,
  }
}

/** The fields that change while the run proceeds. */
type Progress = Pick<Response, 'status' | 'output' | 'error' | 'incomplete_details' | 'completed_at' | 'usage'>

const unfinished: Progress = {
  status: 'in_progress',
  output: [],
  error: null,
  incomplete_details: null,
  completed_at: null,
  usage: null,
}

/** OpenAI's API returns these fields of a function whether they were sent or not. */
function withEveryField(tool: Record<string, unknown>): Record<string, unknown> {
  return tool.type === 'function' ? { description: null, strict: null, ...tool } : tool
}

function formatOf({ text }: ResponsePlan['request']['body']): Record<string, unknown> {
  const format = text?.format ?? { type: 'text' }
  return format.type === 'json_schema' ? { description: null, ...format } : format
}

function toResponse({ request }: ResponsePlan, { runId, createdAtMs }: ResponseFacts, progress: Progress): Response {
  const { body, model } = request
  const conversation = conversationOf(body)
  return {
    id: responseId(runId),
    object: 'response',
    created_at: seconds(createdAtMs),
    ...(conversation === null ? {} : { conversation: { id: conversation } }),
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
    text: { format: formatOf(body), verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).map(withEveryField),
    top_logprobs: body.top_logprobs ?? 0,
    truncation: 'disabled',
    metadata: body.metadata ?? {},
    access_programs: null,
    ...progress,
  }
}

/** The id of an input item that was sent without one. */
export const itemId = (runId: string, index: number): string => `item_${nameOf(runId)}_${index}`

/** The answer to a request that only compacts a conversation. */
export function compactedResponse(
  plan: ResponsePlan,
  facts: ResponseFacts,
  answer: WholeAnswer,
  kept: readonly InputItem[],
): CompactedResponse {
  const { id, created_at, output } = endedResponse(plan, facts, answer)
  const messages = toListed(kept, (index) => itemId(facts.runId, index))
  return {
    id,
    object: 'response.compaction',
    created_at,
    output: [...messages, ...output],
    usage: toResponseUsage(answer.end.usage),
  }
}

/** A response that has not finished yet. */
export const openResponse = (plan: ResponsePlan, facts: ResponseFacts, status: 'queued' | 'in_progress'): Response =>
  toResponse(plan, facts, { ...unfinished, status })

/** A response that failed or was cancelled. */
export function failedResponse(plan: ResponsePlan, facts: ResponseFacts, error: AppError): Response {
  if (error.code === 'cancelled') return toResponse(plan, facts, { ...unfinished, status: 'cancelled' })
  const status = openaiStatus(error)
  const code = status === 429 ? 'rate_limit_exceeded' : status === 400 ? 'invalid_prompt' : 'server_error'
  return toResponse(plan, facts, { ...unfinished, status: 'failed', error: { code, message: error.message } })
}

const cutReasons: Partial<Record<AnswerStop, 'max_output_tokens'>> = {
  max_tokens: 'max_output_tokens',
  model_context_window_exceeded: 'max_output_tokens',
}

const noSummary = () =>
  new AppError('claude_failed', 'The model returned no whole summary of the conversation; try again.')

function toFinalProgress(
  plan: ResponsePlan,
  writer: ItemWriter,
  { end, stop, waitedMs }: Omit<WholeAnswer, 'pieces'>,
  { createdAtMs }: ResponseFacts,
): Progress {
  if (plan.seal !== null && (stop !== 'end_turn' || writer.items.length === 0)) throw noSummary()
  const hasText = writer.items.some(
    (item) => item.type === 'message' && item.content.some(({ type }) => type === 'output_text'),
  )
  // Text that the model wrote before it refused is not the refusal itself.
  const reason = stop === 'refusal' && hasText ? 'content_filter' : (cutReasons[stop] ?? null)
  return {
    status: reason === null ? 'completed' : 'incomplete',
    output: structuredClone(writer.items),
    error: null,
    incomplete_details: reason === null ? null : { reason },
    // Computed from the run's own durations, so that it is the same whenever the response is retrieved.
    completed_at: reason === null ? seconds(createdAtMs + waitedMs + end.durationMs) : null,
    usage: toResponseUsage(end.usage),
  }
}

const closingStatus = (stop: AnswerStop) => (stop in cutReasons ? 'incomplete' : 'completed')

/** The response of a run that succeeded. */
export function endedResponse(plan: ResponsePlan, facts: ResponseFacts, answer: WholeAnswer): Response {
  const writer = new ItemWriter(plan, nameOf(facts.runId))
  for (const piece of finalPieces(plan, answer)) writer.encode(piece)
  writer.close(closingStatus(answer.stop))
  return toResponse(plan, facts, toFinalProgress(plan, writer, answer, facts))
}

/** If an agent's answer was not streamed, only its final text counts, not what it wrote on the way. */
function finalPieces({ isAgent, format, request }: ResponsePlan, { pieces, end }: WholeAnswer): AnswerPiece[] {
  if (!isAgent || format !== 'text' || end.result === '' || isStreaming(request.body)) return pieces
  return [...pieces.filter(({ type }) => type !== 'text'), { type: 'text', text: end.result }]
}

/** Encodes the events of a run as the events of a stream, numbered from 0. */
export class ResponseEvents {
  readonly #plan: ResponsePlan
  readonly #facts: ResponseFacts
  readonly #reader: AnswerStream
  readonly #writer: ItemWriter
  #waitedMs = 0
  #next = 0

  constructor(plan: ResponsePlan, facts: ResponseFacts) {
    this.#plan = plan
    this.#facts = facts
    this.#reader = new AnswerStream(plan)
    this.#writer = new ItemWriter(plan, nameOf(facts.runId))
  }

  /** Throws if the run succeeded with an answer that does not fit the requested format. */
  encode(event: RunEvent): ResponseEvent[] {
    if (event.type === 'run-start') {
      this.#waitedMs = event.waitedMs ?? 0
      const response = openResponse(this.#plan, this.#facts, 'in_progress')
      return this.#number([
        { type: 'response.created', response },
        { type: 'response.in_progress', response },
      ])
    }
    if (event.type === 'run-end') {
      return event.outcome === 'succeeded' ? this.#end(event) : this.failure(runFailure(event, this.#facts.runId))
    }
    return this.#number(this.#reader.read(event).flatMap((piece) => this.#writer.encode(piece)))
  }

  #end(end: RunEnd): ResponseEvent[] {
    const { pieces, stop } = this.#reader.end(end)
    const added = pieces.flatMap((piece) => this.#writer.encode(piece))
    const closed = this.#writer.close(closingStatus(stop))
    const response = toResponse(
      this.#plan,
      this.#facts,
      toFinalProgress(this.#plan, this.#writer, { end, stop, waitedMs: this.#waitedMs }, this.#facts),
    )
    const type = response.status === 'completed' ? ('response.completed' as const) : ('response.incomplete' as const)
    return this.#number([...added, ...closed, { type, response }])
  }

  /** Sends both events that report a failure: every client understands at least one of them. */
  failure(error: AppError): ResponseEvent[] {
    const started = this.#next > 0 ? [] : this.encode({ type: 'run-start', runId: '', sessionId: '', model: '' })
    const response = failedResponse(this.#plan, this.#facts, error)
    const { error: details } = toErrorBody(error)
    const { code, message, param } = details
    const ended = this.#number([
      { type: 'response.failed', response },
      { type: 'error', code, message, param, error: details },
    ])
    return [...started, ...ended]
  }

  #number(events: readonly ItemEvent[]): ResponseEvent[] {
    return events.map((event) => ({ ...event, sequence_number: this.#next++ }) as ResponseEvent)
  }
}
