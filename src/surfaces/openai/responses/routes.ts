// The routes of the Responses API: create a response, whole, streamed or in the background; read, cancel or delete a
// stored one.
import type { FastifyReply } from 'fastify'
import { plainOrAgent } from '../../../compat/model-routes.ts'
import { countInputTokens, serveRun } from '../../../compat/serve-run.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { postOnly, type RouteRequest, type RouteTable } from '../../../http/routes.ts'
import { namedFrame } from '../../../http/sse.ts'
import { followRun } from '../../../http/stream-run.ts'
import { parseQuery, ShapeScan } from '../../../http/validate.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { compactApi, responsesApi } from './api.ts'
import { serveConnection } from './connection.ts'
import { toListed } from './listed-items.ts'
import { itemId, ResponseEvents, responseId } from './reply.ts'
import type { ResponseDeleted, ResponseEvent, ResponseItemList } from './reply-schemas.ts'
import { CompactRequest, ItemsQuery, ResponseParams, ResponseRequest, RetrieveQuery } from './schemas.ts'
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
      handler: (options, request, reply) => serveRun(responsesApi(options), options, request, reply),
    },
    {
      method: 'GET',
      path: '/v1/responses',
      id: 'connectResponses',
      summary: 'Responses over a WebSocket',
      about:
        'Each message of the client has `"type": "response.create"` and the fields of a response. Its answer are the events of a stream, each as a message. Requests are answered one after the other; a closed connection cancels the one that is being answered.',
      answers: { 101: { about: 'The connection is a WebSocket from here on.' } },
      handler: connect,
    },
    {
      method: 'POST',
      path: '/v1/responses/compact',
      id: 'compactResponse',
      summary: 'Compact a conversation',
      about:
        'Replaces a conversation by a summary, which one request to the plain model writes. The output, sent as input later, continues the conversation; only this server can read the summary.',
      body: CompactRequest,
      answers: { 200: { about: 'The compacted conversation.', json: 'OpenAICompactedResponse' } },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => serveRun(compactApi(options), options, request, reply),
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
        input_tokens: await countInputTokens(responsesApi(options), options, request, reply),
      }),
    },
  ],
  refusals: [postOnly('/v1/responses/compact'), postOnly('/v1/responses/input_tokens')],
}

async function connect(options: OpenaiOptions, request: RouteRequest, reply: FastifyReply): Promise<unknown> {
  const { upgrade, server } = request
  if (upgrade === null) {
    reply.header('allow', 'POST')
    throw new AppError('method_not_allowed', '/v1/responses supports POST, not GET')
  }
  const reading = options.readers.enter(`connection ${request.id}`, request.caller.key?.id ?? null)
  const connection = await upgrade().catch((thrown: unknown) => {
    reading.leave()
    throw thrown
  })
  if (connection === null) {
    reading.leave()
    return reply
  }
  const parseJson = server.getDefaultJsonParser('error', 'error')
  const parse = (text: string) =>
    new Promise<unknown>((resolve, reject) => {
      const problem = new ShapeScan().add(Buffer.from(text))
      if (problem !== null) return reject(new AppError('invalid_request', problem))
      return parseJson(request, text, (error, value) => (error ? reject(error) : resolve(value)))
    })
  const bytesMax = server.initialConfig.bodyLimit ?? 0
  serveConnection({ options, request, bytesMax, parse, reading }, connection)
  return reply
}

async function retrieve(options: OpenaiOptions, request: RouteRequest, reply: FastifyReply): Promise<unknown> {
  const { stream, starting_after: after = -1 } = parseQuery(RetrieveQuery, request.query)
  const { runs, readers } = options
  const stored = new StoredResponses(options, request.caller)
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

async function listItems(options: OpenaiOptions, request: RouteRequest): Promise<ResponseItemList> {
  const { limit, order, after } = parseQuery(ItemsQuery, request.query)
  const stored = new StoredResponses(options, request.caller)
  const found = await stored.find(request.params.id)
  const all = toListed([...(await stored.itemsBefore(found)), ...found.snapshot.items], (index) =>
    itemId(found.facts.runId, index),
  )
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

async function remove(options: OpenaiOptions, request: RouteRequest): Promise<ResponseDeleted> {
  const { record } = await new StoredResponses(options, request.caller).find(request.params.id)
  await options.runs.erase(record.id)
  return { id: responseId(record.id), object: 'response', deleted: true }
}

async function cancel(options: OpenaiOptions, request: RouteRequest): Promise<unknown> {
  const stored = new StoredResponses(options, request.caller)
  const { record } = await stored.find(request.params.id)
  if (!record.background) {
    throw new AppError('invalid_request', 'only a background response can be cancelled; disconnect to stop any other', {
      field: 'response_id',
    })
  }
  await options.runs.cancel(record.id)
  return stored.response(await stored.find(request.params.id))
}
