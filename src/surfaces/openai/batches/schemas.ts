// Schemas of what clients send to the routes of batches, and of the lines of their files.
import { z } from 'zod'
import { must, object, text } from '../../../core/schema.ts'
import { metadata } from '../conversations/schemas.ts'
import { ExpiresAfter } from '../files/schemas.ts'

/** The last is the native API's, which OpenAI's batches do not have. */
export const endpoints = ['/v1/chat/completions', '/v1/responses', '/v1/chat'] as const
export type Endpoint = (typeof endpoints)[number]

/** `POST /v1/batches`. */
export const BatchRequest = z
  .looseObject({
    input_file_id: text.describe('The id of a file of requests, one on each line.'),
    endpoint: z.enum(endpoints, must(`one of ${endpoints.join(', ')}`)),
    completion_window: z.literal('24h', must('24h')),
    metadata: metadata.nullish(),
    output_expires_after: ExpiresAfter.nullish().describe(
      'When the files of results expire; after 30 days by default.',
    ),
  })
  .meta({ id: 'OpenAIBatchRequest', description: 'A batch of requests.' })

/** A line of the file. */
export const BatchLine = z.looseObject({
  custom_id: text.min(1, must('1 to 512 characters')).max(512, must('1 to 512 characters')),
  method: z.literal('POST', must('POST')),
  url: text,
  body: object,
})

export const BatchParams = z.looseObject({
  id: text.meta({ description: 'The id of a batch.', example: 'batch_5c1e9a7b3d2f4860b4a6d8e0f2c4a6b8' }),
})

const limitText = must('an integer from 1 to 100')

/** `GET /v1/batches`. */
export const BatchesQuery = z.looseObject({
  limit: z.coerce
    .number(limitText)
    .int(limitText)
    .min(1, limitText)
    .max(100, limitText)
    .default(20)
    .meta({
      description: 'The maximum number of batches on a page.',
      integer: { minimum: 1, maximum: 100, default: 20 },
    }),
  after: text.optional().describe('Continues after the batch with this id.'),
})
