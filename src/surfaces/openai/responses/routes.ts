// The routes of the Responses API: create a response, whole, streamed or in the background; read, cancel or delete a
// stored one.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { plainOrAgent } from '../../../compat/model-routes.ts'
import type { ResolvedModel } from '../../../compat/models.ts'
import {
  type CompatApi,
  type CompatOptions,
  countInputTokens,
  serveRun,
  type Translation,
} from '../../../compat/serve-run.ts'
import type { RunHandle } from '../../../core/runs.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { postOnly, type RouteRequest, type RouteTable } from '../../../http/routes.ts'
import { namedFrame } from '../../../http/sse.ts'
import { followRun } from '../../../http/stream-run.ts'
import { missingIn, parseBody, parseQuery } from '../../../http/validate.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { responseNestedFields } from './fields.ts'
import { endedResponse, openResponse, ResponseEvents, responseId } from './reply.ts'
import type { Response, ResponseDeleted, ResponseEvent, ResponseItemList } from './reply-schemas.ts'
import { checkResponse, isStored, type ResponsePlan, toResponseRun } from './request.ts'
import { type InputItem, ItemsQuery, ResponseParams, ResponseRequest, RetrieveQuery } from './schemas.ts'
import { StoredResponses } from './stored-responses.ts'

const ofResponse = { params: ResponseParams, errors: ['response'] } as const

export const responseRoutes: RouteTable<OpenaiOptions> = {
  tag: 'openai',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path: '/v1/responses',
      id: 'createResponse',
      summary: "OpenAI's responses",
      about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, each with its name in \`event:\`. Responses are stored for as long as runs are, unless \`store\` is false.`,
      body: ResponseRequest,
      answers: {
        200: {
          about: 'The response; with `background` in its current state.',
          json: 'OpenAIResponse',
          events: 'OpenAIResponseEvent',
        },
      },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => serveRun(responsesApi, options, request, reply),
    },
    {
      ...ofResponse,
      method: 'GET',
      path: '/v1/responses/:id',
      id: 'getResponse',
      summary: 'A stored response',
      about: 'In its current state, or with `stream` as events from the first one.',
      query: RetrieveQuery,
      answers: {
        200: {
          about: 'The response.',
          json: 'OpenAIResponse',
          events: 'OpenAIResponseEvent',
          headers: ['x-run-id'],
        },
      },
      handler: retrieve,
    },
    {
      ...ofResponse,
      method: 'DELETE',
      path: '/v1/responses/:id',
      id: 'deleteResponse',
      summary: 'Delete a response',
      about: 'Deletes the request and the answer; the cost still counts. A running response is cancelled.',
      mayBeEmpty: true,
      answers: { 200: { about: 'Deleted.', json: 'OpenAIResponseDeleted' } },
      handler: remove,
    },
    {
      ...ofResponse,
      method: 'POST',
      path: '/v1/responses/:id/cancel',
      id: 'cancelResponse',
      summary: 'Cancel a background response',
      mayBeEmpty: true,
      answers: { 200: { about: 'The response.', json: 'OpenAIResponse' } },
      handler: cancel,
    },
    {
      ...ofResponse,
      method: 'GET',
      path: '/v1/responses/:id/input_items',
      id: 'listResponseItems',
      summary: 'List the input items of a response',
      query: ItemsQuery,
      answers: { 200: { about: 'A page.', json: 'OpenAIResponseItemList' } },
      handler: listItems,
    },
    {
      method: 'POST',
      path: '/v1/responses/input_tokens',
      id: 'countResponseTokens',
      summary: "OpenAI's token counts",
      about: 'An estimate: no request is made to the model.',
      body: ResponseRequest,
      answers: {
        200: { about: 'The estimate.', json: 'OpenAIResponseTokens', headers: ['x-claude-serve-estimate'] },
      },
      reportsIgnoredFields: true,
      errors: ['model', 'cli'],
      handler: async (options, request, reply) => ({
        object: 'response.input_tokens',
        input_tokens: await countInputTokens(responsesApi, options, request, reply),
      }),
    },
  ],
  refusals: [postOnly('/v1/responses'), postOnly('/v1/responses/input_tokens')],
}

const responsesApi: CompatApi<ResponseRequest, ResponsePlan> = {
  parse: (body) => parseBody(ResponseRequest, body),
  translate,
  nestedFields: responseNestedFields,
  schemaParam: ({ formatParam }) => `${formatParam}.schema`,
  toReply: (answer, plan, run) => endedResponse(plan, factsOf(run), answer),
  toAcceptedReply,
  encoder(plan, run) {
    const events = new ResponseEvents(plan, factsOf(run))
    return {
      toFrames: (event) => events.encode(event).map(namedFrame),
      toErrorFrames: (error) => events.failure(error).map(namedFrame),
    }
  },
}

const factsOf = ({ id, createdAtMs }: RunHandle) => ({ runId: id, createdAtMs })

async function translate(
  body: ResponseRequest,
  resolved: ResolvedModel,
  { caller }: FastifyRequest,
  { runs }: CompatOptions,
): Promise<Translation<ResponsePlan>> {
  checkResponse(body)
  const stored = new StoredResponses(runs, caller)
  const items = await stored.resolveReferences(inputItems(body))
  const before = body.previous_response_id ? await stored.conversationUpTo(body.previous_response_id, items) : []
  const own = items.map((item, index) => ({
    item,
    param: typeof body.input === 'string' ? 'input' : `input[${index}]`,
  }))
  const response = toResponseRun(body, resolved, [...before, ...own])
  // The input is stored as items with resolved references, next to the body.
  const { request } = response.plan
  const requestSnapshot = isStored(body) ? { ...request, body: { ...body, input: null }, items } : null
  return { ...response, run: { ...response.run, requestSnapshot } }
}

function inputItems(body: ResponseRequest): InputItem[] {
  const { input, previous_response_id: previous } = body
  if (Array.isArray(input)) return input
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }]
  if (previous) throw invalidField('input', 'is required: send what follows the previous response')
  throw missingIn(ResponseRequest, body, 'input')
}

/** The run is stored by now; its record is gone only if it was refused since, as that of an earlier request can be. */
async function toAcceptedReply(
  plan: ResponsePlan,
  run: RunHandle,
  { caller }: FastifyRequest,
  { runs }: CompatOptions,
): Promise<Response> {
  const record = await runs.get(run.id)
  const facts = factsOf(run)
  if (record === null) return openResponse(plan, facts, 'queued')
  return new StoredResponses(runs, caller).response({ record, plan, facts })
}

async function retrieve(
  { runs, readers }: OpenaiOptions,
  request: RouteRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { stream, starting_after: after = -1 } = parseQuery(RetrieveQuery, request.query)
  const stored = new StoredResponses(runs, request.caller)
  const found = await stored.find(request.params.id)
  if (stream !== 'true') return stored.response(found)
  const events = new ResponseEvents(found.plan, found.facts)
  const toFrames = (encoded: readonly ResponseEvent[]) =>
    encoded.filter(({ sequence_number: number }) => number > after).map(namedFrame)
  return followRun(
    { runs, readers, id: found.record.id },
    {
      toFrames: (event) => toFrames(events.encode(event)),
      toErrorFrames: (error) => toFrames(events.failure(error)),
    },
    request,
    reply,
  )
}

async function listItems({ runs }: OpenaiOptions, request: RouteRequest): Promise<ResponseItemList> {
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

async function remove({ runs }: OpenaiOptions, request: RouteRequest): Promise<ResponseDeleted> {
  const { record } = await new StoredResponses(runs, request.caller).find(request.params.id)
  await runs.erase(record.id)
  return { id: responseId(record.id), object: 'response', deleted: true }
}

async function cancel({ runs }: OpenaiOptions, request: RouteRequest): Promise<unknown> {
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
