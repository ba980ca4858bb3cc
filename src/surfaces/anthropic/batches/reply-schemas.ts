// Schemas of what the routes of message batches return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'
import { ErrorBody, Message } from '../reply-schemas.ts'

const time = z.string().describe('An ISO date.')

export const MessageBatch = strict('AnthropicMessageBatch', 'A batch of messages.', {
  id: z.string(),
  type: z.literal('message_batch'),
  processing_status: z.enum(['in_progress', 'canceling', 'ended']),
  request_counts: z.strictObject({
    processing: z.int(),
    succeeded: z.int(),
    errored: z.int(),
    canceled: z.int(),
    expired: z.int(),
  }),
  created_at: time,
  expires_at: time,
  ended_at: time.nullable(),
  cancel_initiated_at: time.nullable(),
  archived_at: z.null(),
  results_url: z.string().nullable(),
})
export type MessageBatch = z.output<typeof MessageBatch>

export const MessageBatchPage = strict('AnthropicMessageBatchPage', 'A page of batches, newest first.', {
  data: z.array(MessageBatch),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
})
export type MessageBatchPage = z.output<typeof MessageBatchPage>

export const MessageBatchDeleted = strict('AnthropicMessageBatchDeleted', 'Confirms that a batch was deleted.', {
  id: z.string(),
  type: z.literal('message_batch_deleted'),
})
export type MessageBatchDeleted = z.output<typeof MessageBatchDeleted>

export const MessageBatchResult = strict('AnthropicMessageBatchResult', 'One line of the results of a batch.', {
  custom_id: z.string(),
  result: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('succeeded'), message: Message }),
    z.strictObject({ type: z.literal('errored'), error: ErrorBody }),
    z.strictObject({ type: z.enum(['canceled', 'expired']) }),
  ]),
})
export type MessageBatchResult = z.output<typeof MessageBatchResult>
