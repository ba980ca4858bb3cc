// Schemas of what the routes of batches return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'
import { ErrorBody } from '../chat/reply-schemas.ts'

const lineError = z.strictObject({
  code: z.string(),
  line: z.int().nullable(),
  message: z.string(),
  param: z.string().nullable(),
})
export type LineError = z.output<typeof lineError>

const time = z.int().nullable().describe('In seconds since 1970.')

export const BatchReply = strict('OpenAIBatch', 'A batch.', {
  id: z.string(),
  object: z.literal('batch'),
  endpoint: z.string(),
  errors: z.strictObject({ object: z.literal('list'), data: z.array(lineError) }).nullable(),
  input_file_id: z.string(),
  completion_window: z.literal('24h'),
  status: z.enum(['failed', 'in_progress', 'completed', 'expired', 'cancelling', 'cancelled']),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: time,
  expires_at: time,
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
  request_counts: z.strictObject({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: z.record(z.string(), z.string()).nullable(),
})
export type BatchReply = z.output<typeof BatchReply>

export const BatchList = strict('OpenAIBatchList', 'A page of batches, newest first.', {
  object: z.literal('list'),
  data: z.array(BatchReply),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type BatchList = z.output<typeof BatchList>

/** A line of the files of results. */
export const BatchResult = strict('OpenAIBatchResult', 'One line of the results of a batch.', {
  id: z.string(),
  custom_id: z.string(),
  response: z
    .strictObject({
      status_code: z.int(),
      request_id: z.string(),
      body: z.union([ErrorBody, z.record(z.string(), z.unknown())]),
    })
    .nullable(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
})
export type BatchResult = z.output<typeof BatchResult>
