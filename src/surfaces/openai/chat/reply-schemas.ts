// Schemas of what the chat completions and models routes return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'

const usage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.strictObject({ cached_tokens: z.int(), audio_tokens: z.literal(0) }),
  completion_tokens_details: z.strictObject({
    reasoning_tokens: z.int(),
    audio_tokens: z.literal(0),
    accepted_prediction_tokens: z.literal(0),
    rejected_prediction_tokens: z.literal(0),
  }),
})
export type ChatUsage = z.output<typeof usage>

const finishReason = z.enum(['stop', 'length', 'tool_calls', 'function_call', 'content_filter'])
export type FinishReason = z.output<typeof finishReason>

const madeCall = z.strictObject({ name: z.string(), arguments: z.string() })
const madeToolCall = z.discriminatedUnion('type', [
  z.strictObject({ id: z.string(), type: z.literal('function'), function: madeCall }),
  z.strictObject({
    id: z.string(),
    type: z.literal('custom'),
    custom: z.strictObject({ name: z.string(), input: z.string() }),
  }),
])
export type MadeToolCall = z.output<typeof madeToolCall>

const common = {
  id: z.string(),
  created: z.int(),
  model: z.string(),
  service_tier: z.literal('default'),
  system_fingerprint: z.string(),
}

/** The 200 response. */
export const ChatCompletion = z.strictObject({
  ...common,
  object: z.literal('chat.completion'),
  choices: z.tuple([
    z.strictObject({
      index: z.literal(0),
      message: z.strictObject({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z.string().nullable(),
        annotations: z.tuple([]),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(madeToolCall).optional(),
        function_call: madeCall.optional(),
      }),
      logprobs: z.null(),
      finish_reason: finishReason,
    }),
  ]),
  usage,
  metadata: z.record(z.string(), z.string()).optional(),
})
export type ChatCompletion = z.output<typeof ChatCompletion>

const delta = z.strictObject({
  role: z.literal('assistant').optional(),
  content: z.string().optional(),
  refusal: z.string().optional(),
  reasoning_content: z.string().optional(),
  tool_calls: z
    .tuple([
      z.strictObject({
        index: z.int(),
        id: z.string().optional(),
        type: z.enum(['function', 'custom']).optional(),
        function: z.strictObject({ name: z.string().optional(), arguments: z.string() }).optional(),
        custom: z.strictObject({ name: z.string().optional(), input: z.string() }).optional(),
      }),
    ])
    .optional(),
  function_call: z.strictObject({ name: z.string().optional(), arguments: z.string() }).optional(),
})
export type Delta = z.output<typeof delta>

const chunkChoice = z.strictObject({
  index: z.literal(0),
  delta,
  logprobs: z.null(),
  finish_reason: finishReason.nullable(),
})

/** The `data:` of a stream's frames, except for the last, which is `[DONE]`. */
export const ChatCompletionChunk = z.strictObject({
  ...common,
  object: z.literal('chat.completion.chunk'),
  choices: z.union([z.tuple([chunkChoice]), z.tuple([])]),
  usage: usage.nullish(),
})
export type ChatCompletionChunk = z.output<typeof ChatCompletionChunk>

/** The body of every error response, and the last frame of a stream that failed. */
export const ErrorBody = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
})
export type ErrorBody = z.output<typeof ErrorBody>

export const Model = z.strictObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
})
export type Model = z.output<typeof Model>

export const ModelList = z.strictObject({ object: z.literal('list'), data: z.array(Model) })
export type ModelList = z.output<typeof ModelList>
