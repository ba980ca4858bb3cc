// The routes of message batches: create, read, list, cancel and delete them, and read their results.
import { randomBytes } from 'node:crypto'
import { ownRuns } from '../../../auth/authenticate.ts'
import type { Batch } from '../../../core/batches/batches.ts'
import { itemOutcomes } from '../../../core/batches/batches.ts'
import { resultLines } from '../../../core/batches/result-lines.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { findOwnBatch } from '../../../http/own-run.ts'
import type { RouteRequest, RouteTable } from '../../../http/routes.ts'
import { sendPieces } from '../../../http/sse.ts'
import { parseBody, parseQuery } from '../../../http/validate.ts'
import type { AnthropicOptions } from '../options.ts'
import { type BatchDetails, batchApiName } from './batch-api.ts'
import type { MessageBatch, MessageBatchDeleted, MessageBatchPage } from './reply-schemas.ts'
import { BatchesQuery, BatchParams, BatchRequest } from './schemas.ts'

const path = '/v1/messages/batches'
const dayMs = 86_400_000

/** How many requests are stored at once. */
const pageSize = 200

const ofBatch = { params: BatchParams, errors: ['batch'] } as const
const oneBatch = { 200: { about: 'The batch.', json: 'AnthropicMessageBatch' } }

export const batchRoutes: RouteTable<AnthropicOptions> = {
  tag: 'anthropic',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path,
      id: 'createMessageBatch',
      summary: "Anthropic's message batches",
      about:
        'Each request is answered in the background, some at once (`--batch-concurrency`), and never before a request that somebody waits for. A plan that is used up pauses the batch. What has no answer after 24 hours expires. The results are kept for 29 days.',
      body: BatchRequest,
      answers: oneBatch,
      handler: createBatch,
    },
    {
      method: 'GET',
      path,
      id: 'listMessageBatches',
      summary: 'List message batches',
      query: BatchesQuery,
      answers: { 200: { about: 'A page.', json: 'AnthropicMessageBatchPage' } },
      handler: listBatches,
    },
    {
      ...ofBatch,
      method: 'GET',
      path: `${path}/:id`,
      id: 'getMessageBatch',
      summary: 'A message batch',
      about: 'As with the API, all its requests count as `processing` until it has ended.',
      answers: oneBatch,
      handler: async (options, request) => toReply(await find(options, request), request),
    },
    {
      ...ofBatch,
      method: 'POST',
      path: `${path}/:id/cancel`,
      id: 'cancelMessageBatch',
      summary: 'Cancel a message batch',
      about: 'Requests that have begun are still answered.',
      mayBeEmpty: true,
      answers: oneBatch,
      async handler(options, request) {
        const { id } = await find(options, request)
        const batch = await options.batches.cancel(id)
        return toReply(batch ?? (await find(options, request)), request)
      },
    },
    {
      ...ofBatch,
      method: 'GET',
      path: `${path}/:id/results`,
      id: 'getMessageBatchResults',
      summary: 'The results of a message batch',
      about: 'Lines of JSON, once the batch has ended.',
      answers: { 200: { about: 'The results.', lines: 'AnthropicMessageBatchResult' } },
      async handler(options, request, reply) {
        const batch = await find(options, request)
        if (batch.status !== 'ended') throw notEnded('it has no results yet')
        const pieces = resultLines(options.batchStore, batch.id, itemOutcomes)
        return sendPieces(reply, pieces, 'application/x-ndjson')
      },
    },
    {
      ...ofBatch,
      method: 'DELETE',
      path: `${path}/:id`,
      id: 'deleteMessageBatch',
      summary: 'Delete a message batch',
      about: 'With its results.',
      mayBeEmpty: true,
      errors: ['batch', 'held'],
      answers: { 200: { about: 'Deleted.', json: 'AnthropicMessageBatchDeleted' } },
      async handler(options, request): Promise<MessageBatchDeleted> {
        const { id, status } = await find(options, request)
        if (status !== 'ended') throw notEnded(`cancel it first, with POST ${path}/${id}/cancel`)
        await options.batchStore.deleteBatch(id)
        return { id, type: 'message_batch_deleted' }
      },
    },
  ],
}

const notEnded = (hint: string) => new AppError('conflict', `the batch has not ended: ${hint}`)

const kept = ['anthropic-version', 'anthropic-beta', 'x-claude-serve-strict']

async function createBatch({ batches }: AnthropicOptions, request: RouteRequest): Promise<MessageBatch> {
  const { requests } = parseBody(BatchRequest, request.body)
  refuseRepeated(requests)
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => kept.includes(name)))
  const createdAtMs = Date.now()
  const batch = {
    id: `msgbatch_${randomBytes(16).toString('hex')}`,
    api: batchApiName,
    owner: request.caller.key?.id ?? null,
    details: { headers: headers as Record<string, string> } satisfies BatchDetails,
    createdAtMs,
    expiresAtMs: createdAtMs + dayMs,
  }
  async function* pages() {
    for (let start = 0; start < requests.length; start += pageSize) {
      const page = requests.slice(start, start + pageSize)
      yield page.map(({ custom_id: customId, params }) => ({ customId, request: params }))
    }
  }
  return toReply(await batches.create(batch, pages()), request)
}

function refuseRepeated(requests: BatchRequest['requests']): void {
  const ids = new Set<string>()
  for (const [index, { custom_id: id }] of requests.entries()) {
    if (ids.has(id)) throw invalidField(`requests[${index}].custom_id`, `must be unique within the batch: ${id}`)
    ids.add(id)
  }
}

const find = ({ batchStore }: AnthropicOptions, { caller, params: { id } }: RouteRequest): Promise<Batch> =>
  findOwnBatch(batchStore, caller, { api: batchApiName, id, field: 'id' })

async function listBatches({ batchStore: store }: AnthropicOptions, request: RouteRequest): Promise<MessageBatchPage> {
  const { limit, after_id: after, before_id: before } = parseQuery(BatchesQuery, request.query)
  const position = after !== undefined ? { after } : before !== undefined ? { before } : {}
  // One more than requested, to find out whether there is a next page.
  const found = await store.batches({ api: batchApiName, ...ownRuns(request.caller), limit: limit + 1, ...position })
  const hasMore = found.length > limit
  const page = 'before' in position ? found.slice(-limit) : found.slice(0, limit)
  return {
    data: page.map((batch) => toReply(batch, request)),
    has_more: hasMore,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  }
}

const toTime = (ms: number) => new Date(ms).toISOString()
const orNull = (ms: number | null) => (ms === null ? null : toTime(ms))

function toReply(batch: Batch, { protocol, headers }: RouteRequest): MessageBatch {
  const { id, status, total, counts, endedAtMs } = batch
  const isEnded = status === 'ended'
  const none = { succeeded: 0, errored: 0, canceled: 0, expired: 0 }
  return {
    id,
    type: 'message_batch',
    processing_status: isEnded || status === 'canceling' ? status : 'in_progress',
    request_counts: isEnded ? { processing: 0, ...counts } : { processing: total, ...none },
    created_at: toTime(batch.createdAtMs),
    expires_at: toTime(batch.expiresAtMs),
    ended_at: orNull(endedAtMs),
    cancel_initiated_at: orNull(batch.cancelledAtMs),
    archived_at: null,
    results_url: isEnded ? `${protocol}://${headers.host}${path}/${id}/results` : null,
  }
}
