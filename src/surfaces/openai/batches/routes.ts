// The routes of batches: create, read, list and cancel them. Their results are files.
import { randomBytes } from 'node:crypto'
import { ownRuns, requireScope } from '../../../auth/authenticate.ts'
import type { Batch, NewBatch } from '../../../core/batches/batches.ts'
import { AppError, invalidField } from '../../../errors.ts'
import { findOwnBatch, findOwnFile } from '../../../http/own-run.ts'
import type { RouteRequest, RouteTable } from '../../../http/routes.ts'
import { parseBody, parseQuery } from '../../../http/validate.ts'
import { contentOf, linesOf } from '../files/content.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { type BatchDetails, batchApiName, detailsOf } from './batch-api.ts'
import { BadFile, readItems } from './input-file.ts'
import type { BatchList, BatchReply } from './reply-schemas.ts'
import { BatchesQuery, BatchParams, BatchRequest, endpoints } from './schemas.ts'

const path = '/v1/batches'
const dayMs = 86_400_000
const ofBatch = { params: BatchParams, errors: ['batch'] } as const
const oneBatch = { 200: { about: 'The batch.', json: 'OpenAIBatch' } }

export const batchRoutes: RouteTable<OpenaiOptions> = {
  tag: 'openai',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path,
      id: 'createBatch',
      summary: "OpenAI's batches",
      about: `Each line of the file is a request to ${endpoints.join(' or ')}. They are answered in the background, some at once (\`--batch-concurrency\`), and never before a request that somebody waits for. A plan that is used up pauses the batch. What has no answer after 24 hours expires. A file with a wrong line makes a batch that has failed and names the line.`,
      body: BatchRequest,
      errors: ['storedFile'],
      answers: oneBatch,
      handler: createBatch,
    },
    {
      method: 'GET',
      path,
      id: 'listBatches',
      summary: 'List batches',
      query: BatchesQuery,
      answers: { 200: { about: 'A page.', json: 'OpenAIBatchList' } },
      handler: listBatches,
    },
    {
      ...ofBatch,
      method: 'GET',
      path: `${path}/:id`,
      id: 'getBatch',
      summary: 'A batch',
      answers: oneBatch,
      handler: async (options, request) => toReply(await find(options, request)),
    },
    {
      ...ofBatch,
      method: 'POST',
      path: `${path}/:id/cancel`,
      id: 'cancelBatch',
      summary: 'Cancel a batch',
      about: 'Requests that have begun are still answered.',
      mayBeEmpty: true,
      errors: ['batch', 'held'],
      answers: oneBatch,
      async handler(options, request) {
        const batch = await find(options, request)
        if (batch.status === 'ended')
          throw new AppError('conflict', `the batch cannot be cancelled: it is ${statusOf(batch)}`, {
            field: 'batch_id',
          })
        return toReply((await options.batches.cancel(batch.id)) ?? batch)
      },
    },
  ],
}

const find = ({ batchStore }: OpenaiOptions, { caller, params: { id } }: RouteRequest): Promise<Batch> =>
  findOwnBatch(batchStore, caller, { api: batchApiName, id, field: 'batch_id' })

async function createBatch(options: OpenaiOptions, request: RouteRequest): Promise<BatchReply> {
  const { store, batches } = options
  const body = parseBody(BatchRequest, request.body)
  const { endpoint, input_file_id: inputFileId, output_expires_after: expires } = body
  if (endpoint === '/v1/chat') requireScope(request.caller, 'agent')
  const createdAtMs = Date.now()
  const file = await findOwnFile(store, request.caller, { id: inputFileId, field: 'input_file_id', nowMs: createdAtMs })
  if (file.purpose !== 'batch') throw invalidField('input_file_id', 'must be the id of a file with the purpose batch')
  const strict = request.headers['x-claude-serve-strict']
  const details: BatchDetails = {
    ...{ endpoint, inputFileId, metadata: body.metadata ?? null },
    outputLifeMs: expires ? expires.seconds * 1000 : 30 * dayMs,
    headers: typeof strict === 'string' ? { 'x-claude-serve-strict': strict } : {},
  }
  const batch: NewBatch = {
    ...{ id: `batch_${randomBytes(16).toString('hex')}`, api: batchApiName, owner: request.caller.key?.id ?? null },
    ...{ details, createdAtMs, expiresAtMs: createdAtMs + dayMs },
  }
  try {
    return toReply(await batches.create(batch, readItems(linesOf(contentOf(store, file)), endpoint)))
  } catch (error) {
    if (!(error instanceof BadFile)) throw error
    return toReply(await batches.createFailed({ ...batch, details: { ...details, errors: error.errors } }))
  }
}

async function listBatches({ batchStore }: OpenaiOptions, { caller, query }: RouteRequest): Promise<BatchList> {
  const { limit, after } = parseQuery(BatchesQuery, query)
  const where = after === undefined ? {} : { after }
  // One more than requested, to find out whether there is a next page.
  const found = await batchStore.batches({ api: batchApiName, ...ownRuns(caller), ...where, limit: limit + 1 })
  const page = found.slice(0, limit)
  return {
    object: 'list',
    data: page.map(toReply),
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: found.length > limit,
  }
}

function statusOf(batch: Batch): BatchReply['status'] {
  if (batch.status === 'canceling') return 'cancelling'
  if (batch.status !== 'ended') return 'in_progress'
  if (detailsOf(batch).errors !== undefined) return 'failed'
  if (batch.cancelledAtMs !== null) return 'cancelled'
  return batch.counts.expired > 0 ? 'expired' : 'completed'
}

const toSeconds = (ms: number) => Math.floor(ms / 1000)

function toReply(batch: Batch): BatchReply {
  const { id, total, counts, createdAtMs, expiresAtMs, cancelledAtMs, endedAtMs } = batch
  const { endpoint, inputFileId, metadata, errors, outputFileId = null, errorFileId = null } = detailsOf(batch)
  const status = statusOf(batch)
  const end = endedAtMs === null ? null : toSeconds(endedAtMs)
  const endIf = (...ends: BatchReply['status'][]) => (ends.includes(status) ? end : null)
  return {
    id,
    object: 'batch',
    endpoint,
    errors: errors === undefined ? null : { object: 'list', data: errors },
    input_file_id: inputFileId,
    completion_window: '24h',
    status,
    output_file_id: outputFileId,
    error_file_id: errorFileId,
    created_at: toSeconds(createdAtMs),
    in_progress_at: status === 'failed' ? null : toSeconds(createdAtMs),
    expires_at: toSeconds(expiresAtMs),
    finalizing_at: endIf('completed', 'expired'),
    completed_at: endIf('completed'),
    failed_at: endIf('failed'),
    expired_at: endIf('expired'),
    cancelling_at: cancelledAtMs === null ? null : toSeconds(cancelledAtMs),
    cancelled_at: endIf('cancelled'),
    request_counts: { total, completed: counts.succeeded, failed: counts.errored },
    metadata,
  }
}
