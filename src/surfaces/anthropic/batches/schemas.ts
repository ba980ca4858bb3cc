// Schemas of what clients send to the routes of message batches. The parameters of each request are checked when its turn comes, as
// Anthropic's API does.
import { z } from 'zod'
import { must, object, text } from '../../../core/schema.ts'

const requestsMax = 10_000

const request = z.looseObject(
  {
    custom_id: text.regex(/^[a-zA-Z0-9_-]{1,64}$/, must('1 to 64 letters, digits, hyphens or underscores')),
    params: object,
  },
  must('an object with custom_id and params'),
)

/** `POST /v1/messages/batches`. */
export const BatchRequest = z
  .looseObject({
    requests: z
      .array(request, must('an array of requests'))
      .min(1, must('at least one request'))
      .max(requestsMax, must(`at most ${requestsMax} requests: send several batches`)),
  })
  .meta({ id: 'AnthropicBatchRequest', description: 'Requests to be answered in the background.' })
export type BatchRequest = z.output<typeof BatchRequest>

export const BatchParams = z.looseObject({
  id: text.meta({ description: 'The id of a batch.', example: 'msgbatch_0b1c2d3e4f5a69788796a5b4c3d2e1f0' }),
})

/** `GET /v1/messages/batches`. */
export const BatchesQuery = z.looseObject({
  limit: z.coerce
    .number(must('an integer from 1 to 1000'))
    .int(must('an integer from 1 to 1000'))
    .min(1, must('an integer from 1 to 1000'))
    .max(1000, must('an integer from 1 to 1000'))
    .default(20)
    .meta({
      description: 'The maximum number of batches on a page.',
      integer: { minimum: 1, maximum: 1000, default: 20 },
    }),
  after_id: text.optional().describe('Continues after the batch with this id.'),
  before_id: text.optional().describe('Ends before the batch with this id.'),
})
