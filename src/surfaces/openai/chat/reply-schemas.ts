// Schemas of what the chat completions and models routes return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'

const usage = strict('OpenAIUsage', "Tokens as the model's API counts them, including cache and thinking.", {
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
  id: z.string().describe('The id of the run with another prefix.'),
  created: z.int(),
  model: z.string().describe('The full name of the model that answered.'),
  service_tier: z.literal('default'),
  system_fingerprint: z.string(),
}

const choice = strict('OpenAIChoice', 'The answer itself.', {
  index: z.literal(0),
  message: z.strictObject({
    role: z.literal('assistant'),
    content: z.string().nullable(),
    refusal: z.string().nullable(),
    annotations: z.tuple([]),
    reasoning_content: z.string().optional().describe("The model's thinking, if it was requested."),
    tool_calls: z.array(madeToolCall).optional(),
    function_call: madeCall.optional(),
  }),
  logprobs: z.null(),
  finish_reason: finishReason,
})

/** The 200 response. */
export const ChatCompletion = strict('OpenAIChatCompletion', "The answer, as OpenAI's API returns it.", {
  ...common,
  object: z.literal('chat.completion'),
  choices: z.tuple([choice]).describe('Always exactly one.'),
  usage,
  metadata: z.record(z.string(), z.string()).optional().describe('As in the request.'),
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
export const ChatCompletionChunk = strict(
  'OpenAIChatCompletionChunk',
  'The `data:` of one server-sent event. A stream that succeeds ends with `[DONE]`; a stream that fails ends with an error instead.',
  {
    ...common,
    object: z.literal('chat.completion.chunk'),
    choices: z.union([z.tuple([chunkChoice]), z.tuple([])]),
    usage: usage.nullish().describe('In the last chunk, if `stream_options.include_usage` is true.'),
  },
)
export type ChatCompletionChunk = z.output<typeof ChatCompletionChunk>

/** The body of every error response, and the last frame of a stream that failed. */
export const ErrorBody = strict('OpenAIError', "Every error answer of the OpenAI surface, in OpenAI's format.", {
  error: z.strictObject({
    message: z.string().describe('What went wrong, as a sentence.'),
    type: z.string().describe('The error class that the SDKs know.'),
    param: z.string().nullable().describe('The field of the request that caused the error.'),
    code: z.string().nullable().describe('The error code, for programs.'),
  }),
})
export type ErrorBody = z.output<typeof ErrorBody>

export const Model = strict('OpenAIModel', 'A model that requests may name.', {
  id: z.string().describe('The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.'),
  object: z.literal('model'),
  created: z.int().describe('Always 0: unknown.'),
  owned_by: z.string(),
})
export type Model = z.output<typeof Model>

export const ModelList = strict('OpenAIModelList', 'All names that requests may use.', {
  object: z.literal('list'),
  data: z.array(Model),
})
export type ModelList = z.output<typeof ModelList>
