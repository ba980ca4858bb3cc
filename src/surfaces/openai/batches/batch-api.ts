// What the items of a batch are: requests to one of the endpoints, answered by lines of two files, one for answers and one for everything
// else.
import type { AnswerPlan } from '../../../compat/answer-stream.ts'
import type { ItemApi } from '../../../compat/batch-items.ts'
import { answerItem, type CompatApi } from '../../../compat/serve-run.ts'
import type { Batch, BatchApi, ItemHead, ItemOutcome } from '../../../core/batches/batches.ts'
import type { AppError } from '../../../errors.ts'
import { invalidField } from '../../../errors.ts'
import { chatApi } from '../chat/api.ts'
import { responsesApi } from '../responses/api.ts'
import { openaiStatus, toErrorBody } from '../shared/errors.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import type { BatchResult, LineError } from './reply-schemas.ts'
import type { Endpoint } from './schemas.ts'

/** Their name in the store. */
export const batchApiName = 'openai'

export type BatchDetails = {
  endpoint: Endpoint
  inputFileId: string
  metadata: Record<string, string> | null
  /** How long the files of results are kept, in milliseconds. */
  outputLifeMs: number
  /** Headers of the request that created the batch: they apply to each item. */
  headers: Record<string, string>
  /** Why the batch was not begun. */
  errors?: LineError[]
  outputFileId?: string | null
  errorFileId?: string | null
}

export const detailsOf = ({ details }: Pick<Batch, 'details'>) => details as BatchDetails

const errorOutcomes: ItemOutcome[] = ['errored', 'canceled', 'expired']

const unanswered = {
  canceled: { code: 'batch_cancelled', message: 'The batch was cancelled before this request was executed.' },
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
}

type AnyBody = { model: string; stream?: boolean | null | undefined; background?: boolean | null | undefined }

/** As the endpoint, but for whole answers only. */
function wholeAnswers<Body extends AnyBody, Plan extends AnswerPlan>(
  api: CompatApi<Body, Plan>,
): CompatApi<Body, Plan> {
  return {
    ...api,
    parse(body) {
      const parsed = api.parse(body)
      for (const field of ['stream', 'background'] as const) {
        if (parsed[field]) throw invalidField(field, 'must be false in a batch', 'unsupported_value')
      }
      return parsed
    },
  }
}

const itemApis = (options: OpenaiOptions): Record<Endpoint, ItemApi> => {
  const toError = (error: AppError) => ({ status: openaiStatus(error), body: toErrorBody(error) })
  return {
    '/v1/chat/completions': {
      answer: (request, toLine) => answerItem(wholeAnswers(chatApi), options, request, toLine),
      toError,
    },
    '/v1/responses': {
      answer: (request, toLine) => answerItem(wholeAnswers(responsesApi(options)), options, request, toLine),
      toError,
    },
    '/v1/chat': options.chatItems,
  }
}

export const openaiBatches = (options: OpenaiOptions, now: () => number): BatchApi => ({
  answer(batch, item, attempt) {
    const { endpoint, headers } = detailsOf(batch)
    const request = {
      ...{ body: item.request, headers, attempt },
      caller: () => options.callerOf(batch.owner),
      metadata: { batch_id: batch.id, custom_id: item.customId },
    }
    return itemApis(options)[endpoint].answer(request, (body, runId) =>
      toLine(batch, item, { response: { status_code: 200, request_id: runId, body: body as never }, error: null }),
    )
  },
  lineWithout(batch, item, outcome, error) {
    if (outcome !== 'errored') return toLine(batch, item, { response: null, error: unanswered[outcome] })
    const failure = error as AppError
    const { status, body } = itemApis(options)[detailsOf(batch).endpoint].toError(failure)
    const requestId = typeof failure.details.runId === 'string' ? failure.details.runId : ''
    const response = { status_code: status, request_id: requestId, body: body as never }
    return toLine(batch, item, { response, error: null })
  },
  async finish(batch) {
    const outputFileId = await createResults(options, batch, { kind: 'output', outcomes: ['succeeded'], nowMs: now() })
    const errorFileId = await createResults(options, batch, { kind: 'error', outcomes: errorOutcomes, nowMs: now() })
    return { ...detailsOf(batch), outputFileId, errorFileId }
  },
})

const toLine = ({ id }: Batch, { customId, position }: ItemHead, result: Pick<BatchResult, 'response' | 'error'>) =>
  JSON.stringify({
    id: `${id.replace(/^batch_/, 'batch_req_')}_${position}`,
    custom_id: customId,
    ...result,
  } satisfies BatchResult)

type Results = { kind: 'output' | 'error'; outcomes: ItemOutcome[]; nowMs: number }

/** Null if there are no such results. Creates the same file if it is called again. */
async function createResults({ store, batchStore }: OpenaiOptions, batch: Batch, { kind, outcomes, nowMs }: Results) {
  const bytes = await batchStore.lineBytes(batch.id, outcomes)
  if (bytes === 0) return null
  const id = `file-${batch.id.replace(/^batch_/, '')}-${kind}`
  await store.createFile({
    ...{ id, owner: batch.owner, name: `${batch.id}_${kind}.jsonl`, purpose: 'batch_output', bytes },
    ...{ lines: { batchId: batch.id, outcomes }, createdAtMs: nowMs },
    expiresAtMs: nowMs + detailsOf(batch).outputLifeMs,
  })
  return id
}
