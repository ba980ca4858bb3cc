// The routes of the Responses API: create a response, whole, streamed or in the background; read, cancel or delete a
// stored one.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { requireScope } from '../../../auth/authenticate.ts'
import { checkToolSchemas } from '../../../compat/client-tools.ts'
import { checkAnswerSchema } from '../../../compat/json-schema-checks.ts'
import { resolveModel } from '../../../compat/models.ts'
import { type RunHandle, runFailure } from '../../../core/runs.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { nameIgnoredFields, reportIgnoredFields } from '../../../http/ignored-fields.ts'
import { allowEmptyBodies, spellings } from '../../../http/route-options.ts'
import type { Frame } from '../../../http/sse.ts'
import { startRun } from '../../../http/start-run.ts'
import { collectRun, followRun, streamRun } from '../../../http/stream-run.ts'
import { parseBody, parseQuery } from '../../../http/validate.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { openResponse, ResponseEvents, responseId, WholeResponse } from './reply.ts'
import type { Response, ResponseDeleted, ResponseEvent, ResponseItemList } from './reply-schemas.ts'
import { checkResponse, isStored, type ResponsePlan, type ResponseRun, toResponseRun } from './request.ts'
import { type InputItem, ItemsQuery, ResponseRequest, RetrieveQuery } from './schemas.ts'
import { StoredResponses } from './stored-responses.ts'

type Params = { Params: { id: string } }

export function registerResponses(app: FastifyInstance, options: OpenaiOptions): void {
  for (const path of spellings('/responses')) app.post(path, (request, reply) => create(options, request, reply))
  for (const path of spellings('/responses/input_tokens')) {
    app.post(path, (request, reply) => countTokens(options, request, reply))
  }
  for (const path of spellings('/responses/:id')) {
    app.get<Params>(path, (request, reply) => retrieve(options, request, reply))
  }
  for (const path of spellings('/responses/:id/input_items')) {
    app.get<Params>(path, (request) => listItems(options, request))
  }
  app.register(async (scope) => {
    allowEmptyBodies(scope)
    for (const path of spellings('/responses/:id')) scope.delete<Params>(path, (request) => remove(options, request))
    for (const path of spellings('/responses/:id/cancel')) {
      scope.post<Params>(path, (request) => cancel(options, request))
    }
  })
}

type Prepared = ResponseRun & { items: InputItem[] }

async function prepare(
  { runs, models, modelMap }: OpenaiOptions,
  body: ResponseRequest,
  { caller }: FastifyRequest,
): Promise<Prepared> {
  checkResponse(body)
  const resolved = resolveModel(body.model, await models(), modelMap)
  if (resolved.agent) requireScope(caller, 'agent')
  const stored = new StoredResponses(runs, caller)
  const items = await stored.resolveReferences(inputItems(body))
  const before = body.previous_response_id ? await stored.conversationUpTo(body.previous_response_id) : []
  const own = items.map((item, index) => ({
    item,
    param: typeof body.input === 'string' ? 'input' : `input[${index}]`,
  }))
  const response = toResponseRun(body, resolved, [...before, ...own])
  await checkAnswerSchema(response.run.options.jsonSchema, 'text.format.schema')
  await checkToolSchemas(response.tools)
  return { ...response, items }
}

function inputItems({ input, previous_response_id: previous }: ResponseRequest): InputItem[] {
  if (Array.isArray(input)) return input
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }]
  throw invalidField('input', previous ? 'is required: send what follows the previous response' : 'is required')
}

async function create(options: OpenaiOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ResponseRequest, request.body)
  const response = await prepare(options, body, request)
  reportIgnoredFields(reply, response.ignored)
  const { run: input, plan, items } = response
  // The input is stored as items with resolved references, next to the body.
  const requestSnapshot = isStored(body) ? { ...plan.request, body: { ...body, input: null }, items } : null
  const { requestTimeoutMs: timeoutMs } = options
  const run = await startRun(options.runs, { ...input, requestSnapshot, timeoutMs }, request, reply)
  if (!body.stream && body.background) return answerAccepted(options, run, plan, request)
  if (!body.stream) return answerWhole(run, response, reply)
  const events = new ResponseEvents(plan, factsOf(run))
  return streamRun(
    run,
    {
      toFrames: (event) => events.encode(event).map(toFrame),
      toErrorFrames: (error) => events.failure(error).map(toFrame),
    },
    request,
    reply,
  )
}

const factsOf = ({ id, createdAtMs }: RunHandle) => ({ runId: id, createdAtMs })

/** Frames carry the type of their event as a name. */
const toFrame = (event: ResponseEvent): Frame => ({ event: event.type, data: JSON.stringify(event) })

/** The run is stored by now; its record is gone only if it was refused since, as that of an earlier request can be. */
async function answerAccepted(
  { runs }: OpenaiOptions,
  run: RunHandle,
  plan: ResponsePlan,
  { caller }: FastifyRequest,
): Promise<Response> {
  const record = await runs.get(run.id)
  const facts = factsOf(run)
  if (record === null) return openResponse(plan, facts, 'queued')
  return new StoredResponses(runs, caller).response({ record, plan, facts })
}

async function answerWhole(run: RunHandle, { plan, ignored }: ResponseRun, reply: FastifyReply): Promise<FastifyReply> {
  const whole = new WholeResponse(plan)
  const end = await collectRun(run, (event) => whole.accept(event))
  const response = whole.toResponse(end, factsOf(run))
  // Only now is it known whether the model followed a forced choice.
  const hasCalled = response.output.some(({ type }) => type === 'function_call' || type === 'custom_tool_call')
  if (plan.wantsCall && !hasCalled && response.status === 'completed') {
    nameIgnoredFields(reply, ['tool_choice', ...ignored])
  }
  return reply.send(response)
}

async function retrieve(
  { runs, readers }: OpenaiOptions,
  request: FastifyRequest<Params>,
  reply: FastifyReply,
): Promise<unknown> {
  const { stream, starting_after: after = -1 } = parseQuery(RetrieveQuery, request.query)
  const stored = new StoredResponses(runs, request.caller)
  const found = await stored.find(request.params.id)
  if (stream !== 'true') return stored.response(found)
  const events = new ResponseEvents(found.plan, found.facts)
  const toFrames = (encoded: readonly ResponseEvent[]) =>
    encoded.filter(({ sequence_number: number }) => number > after).map(toFrame)
  return followRun(
    { runs, readers, id: found.record.id },
    {
      toFrames: (event) =>
        event.type === 'run-end' && event.outcome !== 'succeeded'
          ? toFrames(events.failure(runFailure(event, found.record.id)))
          : toFrames(events.encode(event)),
      toErrorFrames: (error) => toFrames(events.failure(error)),
    },
    request,
    reply,
  )
}

async function listItems({ runs }: OpenaiOptions, request: FastifyRequest<Params>): Promise<ResponseItemList> {
  const { limit, order, after } = parseQuery(ItemsQuery, request.query)
  const stored = new StoredResponses(runs, request.caller)
  const found = await stored.find(request.params.id)
  const all = toListed([...(await stored.itemsBefore(found)), ...found.snapshot.items], found.facts.runId)
  if (order === 'desc') all.reverse()
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && from === 0) throw invalidField('after', 'must be the id of an item of this response')
  const data = all.slice(from, from + limit)
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < all.length,
  }
}

type ListedItem = InputItem & { id: string }

/** Listed items have a unique id, a type, a status and parts, even if they were sent without them. */
function toListed(items: readonly InputItem[], runId: string): ListedItem[] {
  const ids = new Set<unknown>()
  return items.map((item, index) => {
    const hasUniqueId = typeof item.id === 'string' && !ids.has(item.id)
    const id = hasUniqueId ? String(item.id) : runId.replace('run', 'item').concat(`_${index}`)
    ids.add(id)
    return withParts({ ...item, type: item.type ?? 'message', status: item.status ?? 'completed', id })
  })
}

function withParts(item: ListedItem): ListedItem {
  if (item.type !== 'message') return item
  const type = item.role === 'assistant' ? 'output_text' : 'input_text'
  const parts = typeof item.content === 'string' ? [{ type, text: item.content }] : (item.content as { type: string }[])
  return { ...item, content: parts.map((part) => (part.type === 'output_text' ? { annotations: [], ...part } : part)) }
}

async function remove({ runs }: OpenaiOptions, request: FastifyRequest<Params>): Promise<ResponseDeleted> {
  const { record } = await new StoredResponses(runs, request.caller).find(request.params.id)
  await runs.erase(record.id)
  return { id: responseId(record.id), object: 'response', deleted: true }
}

async function cancel({ runs }: OpenaiOptions, request: FastifyRequest<Params>): Promise<unknown> {
  const stored = new StoredResponses(runs, request.caller)
  const { record } = await stored.find(request.params.id)
  if (!record.background) {
    throw new AppError('invalid_request', 'only a background response can be cancelled; disconnect to stop any other', {
      field: 'response_id',
    })
  }
  await runs.cancel(record.id)
  return stored.response(await stored.find(request.params.id))
}

async function countTokens(options: OpenaiOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ResponseRequest, request.body)
  const { run, plan, ignored } = await prepare(options, body, request)
  reportIgnoredFields(reply, ignored)
  reply.header('x-claude-serve-estimate', 'input_tokens')
  return { object: 'response.input_tokens', input_tokens: options.countTokens(run, plan.request.model) }
}
