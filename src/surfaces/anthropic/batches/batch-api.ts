// What the items of a message batch are: requests to /v1/messages, answered by lines with a result each.
import { answerItem } from '../../../compat/serve-run.ts'
import type { BatchApi, ItemHead } from '../../../core/batches/batches.ts'
import type { AppError } from '../../../errors.ts'
import { invalidField } from '../../../errors.ts'
import { messagesApi } from '../api.ts'
import { toErrorBody } from '../errors.ts'
import type { AnthropicOptions } from '../options.ts'
import type { Message } from '../reply-schemas.ts'
import type { MessageBatchResult } from './reply-schemas.ts'

/** Their name in the store. */
export const batchApiName = 'anthropic'

/** Headers of the request that created a batch: they apply to each item. */
export type BatchDetails = { headers: Record<string, string> }

/** Null counts as absent. */
const itemApi: typeof messagesApi = {
  ...messagesApi,
  parse(body) {
    const parsed = messagesApi.parse(body)
    if (parsed.stream) throw invalidField('stream', 'must be false in a batch', 'unsupported_value')
    return parsed
  },
}

export const messageBatches = (options: AnthropicOptions): BatchApi => ({
  answer: (batch, item, attempt) =>
    answerItem(
      itemApi,
      options,
      {
        body: item.request,
        headers: (batch.details as BatchDetails).headers,
        caller: () => options.callerOf(batch.owner),
        attempt,
        metadata: { batch_id: batch.id, custom_id: item.customId },
      },
      (message) => toLine(item, { type: 'succeeded', message: message as Message }),
    ),
  lineWithout: (_batch, item, outcome, error) =>
    toLine(
      item,
      outcome === 'errored' ? { type: outcome, error: toErrorBody(error as AppError, null) } : { type: outcome },
    ),
})

const toLine = ({ customId }: ItemHead, result: MessageBatchResult['result']): string =>
  JSON.stringify({ custom_id: customId, result } satisfies MessageBatchResult)
