// Schemas of what the routes of the Responses API return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'

const status = z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled'])

const itemStatus = z.enum(['in_progress', 'completed', 'incomplete'])

const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.tuple([]),
  logprobs: z.tuple([]),
})
const refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const part = z.discriminatedUnion('type', [outputText, refusal])
export type OutputPart = z.output<typeof part>

const summaryText = z.strictObject({ type: z.literal('summary_text'), text: z.string() })

const outputMessage = z.strictObject({
  type: z.literal('message'),
  id: z.string(),
  status: itemStatus,
  role: z.literal('assistant'),
  content: z.array(part),
})
const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  id: z.string(),
  status: itemStatus,
  summary: z.array(summaryText),
  encrypted_content: z.string().optional(),
})
const functionCall = z.strictObject({
  type: z.literal('function_call'),
  id: z.string(),
  status: itemStatus,
  call_id: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
  arguments: z.string(),
})
const customCall = z.strictObject({
  type: z.literal('custom_tool_call'),
  id: z.string(),
  status: itemStatus,
  call_id: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
  input: z.string(),
})
const toolSearchCall = z.strictObject({
  type: z.literal('tool_search_call'),
  id: z.string(),
  status: itemStatus,
  call_id: z.string(),
  execution: z.literal('client'),
  arguments: z.unknown(),
})
const compaction = z.strictObject({ type: z.literal('compaction'), id: z.string(), encrypted_content: z.string() })
const outputItem = z
  .discriminatedUnion('type', [outputMessage, reasoning, functionCall, customCall, toolSearchCall, compaction])
  .meta({
    id: 'OpenAIOutputItem',
    description:
      'A part of a response: a message, thinking, a call of a client tool, or the summary of the conversation.',
  })
export type OutputItem = z.output<typeof outputItem>

const usage = z.strictObject({
  input_tokens: z.int(),
  input_tokens_details: z.strictObject({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
})
export type ResponseUsage = z.output<typeof usage>

/** The 200 response. */
export const Response = strict('OpenAIResponse', "A response, as OpenAI's API returns it.", {
  id: z.string().describe('The id of the run with another prefix.'),
  object: z.literal('response'),
  created_at: z.int(),
  conversation: z.strictObject({ id: z.string() }).optional().describe('Absent if the response is part of none.'),
  completed_at: z.int().nullable(),
  status,
  background: z.boolean(),
  error: z
    .strictObject({ code: z.enum(['server_error', 'rate_limit_exceeded', 'invalid_prompt']), message: z.string() })
    .nullable(),
  incomplete_details: z.strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  model: z.string().describe('The full name of the model that answered.'),
  output: z.array(outputItem),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable().describe('As in the request.'),
  prompt_cache_key: z.string().nullable(),
  reasoning: z.strictObject({ effort: z.string().nullable(), summary: z.string().nullable() }),
  safety_identifier: z.string().nullable(),
  service_tier: z.literal('default'),
  store: z.boolean(),
  temperature: z.number().nullable(),
  top_p: z.number().nullable(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  text: z.strictObject({ format: z.record(z.string(), z.unknown()), verbosity: z.string() }),
  tool_choice: z.union([z.string(), z.record(z.string(), z.unknown())]),
  tools: z.array(z.record(z.string(), z.unknown())),
  top_logprobs: z.int().nullable(),
  truncation: z.literal('disabled'),
  usage: usage.nullable(),
  metadata: z.record(z.string(), z.string()),
  access_programs: z.null(),
})
export type Response = z.output<typeof Response>

const numbered = { sequence_number: z.int().describe('Counts up from 0.') }
const ofItem = { ...numbered, item_id: z.string(), output_index: z.int() }
const ofPart = { ...ofItem, content_index: z.int() }
const ofSummary = { ...ofItem, summary_index: z.int() }

const phases = [
  'response.created',
  'response.in_progress',
  'response.completed',
  'response.incomplete',
  'response.failed',
] as const

/** The events of a stream. */
export const ResponseEvent = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.enum(phases), ...numbered, response: Response }),
    z.strictObject({
      type: z.enum(['response.output_item.added', 'response.output_item.done']),
      ...numbered,
      output_index: z.int(),
      item: outputItem,
    }),
    z.strictObject({ type: z.enum(['response.content_part.added', 'response.content_part.done']), ...ofPart, part }),
    z.strictObject({
      type: z.literal('response.output_text.delta'),
      ...ofPart,
      delta: z.string(),
      logprobs: z.tuple([]),
    }),
    z.strictObject({
      type: z.literal('response.output_text.done'),
      ...ofPart,
      text: z.string(),
      logprobs: z.tuple([]),
    }),
    z.strictObject({ type: z.literal('response.refusal.delta'), ...ofPart, delta: z.string() }),
    z.strictObject({ type: z.literal('response.refusal.done'), ...ofPart, refusal: z.string() }),
    z.strictObject({
      type: z.enum(['response.reasoning_summary_part.added', 'response.reasoning_summary_part.done']),
      ...ofSummary,
      part: summaryText,
    }),
    z.strictObject({ type: z.literal('response.reasoning_summary_text.delta'), ...ofSummary, delta: z.string() }),
    z.strictObject({ type: z.literal('response.reasoning_summary_text.done'), ...ofSummary, text: z.string() }),
    z.strictObject({
      type: z.enum(['response.function_call_arguments.delta', 'response.custom_tool_call_input.delta']),
      ...ofItem,
      delta: z.string(),
    }),
    z.strictObject({
      type: z.literal('response.function_call_arguments.done'),
      ...ofItem,
      name: z.string(),
      arguments: z.string(),
    }),
    z.strictObject({ type: z.literal('response.custom_tool_call_input.done'), ...ofItem, input: z.string() }),
    z.strictObject({ type: z.literal('response.compaction.compacting'), ...ofItem }),
    // The details appear twice because older and newer clients read different ones.
    z.strictObject({
      type: z.literal('error'),
      ...numbered,
      code: z.string().nullable(),
      message: z.string(),
      param: z.string().nullable(),
      error: z.strictObject({
        type: z.string(),
        code: z.string().nullable(),
        message: z.string(),
        param: z.string().nullable(),
      }),
    }),
  ])
  .meta({
    id: 'OpenAIResponseEvent',
    description:
      'The `data:` of one server-sent event; the `event:` line has the same type. A stream that fails ends with `response.failed` and `error`.',
  })
export type ResponseEvent = z.output<typeof ResponseEvent>

export const ResponseDeleted = strict('OpenAIResponseDeleted', 'Confirms that a response was deleted.', {
  id: z.string(),
  object: z.literal('response'),
  deleted: z.literal(true),
})
export type ResponseDeleted = z.output<typeof ResponseDeleted>

/** A page of the input items of a response. */
export const ResponseItemList = strict(
  'OpenAIResponseItemList',
  'A page of the input items of a response, including those of previous responses.',
  {
    object: z.literal('list'),
    data: z.array(z.record(z.string(), z.unknown())),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  },
)
export type ResponseItemList = z.output<typeof ResponseItemList>

/** `POST /v1/responses/compact`. */
export const CompactedResponse = strict('OpenAICompactedResponse', 'A conversation, compacted.', {
  id: z.string(),
  object: z.literal('response.compaction'),
  created_at: z.int(),
  output: z
    .array(z.record(z.string(), z.unknown()))
    .describe('The messages that are kept, then one item of the type `compaction`. Send them as input to continue.'),
  usage,
})
export type CompactedResponse = z.output<typeof CompactedResponse>

/** `POST /v1/responses/input_tokens`. */
export const ResponseTokens = strict('OpenAIResponseTokens', 'How many tokens the request has.', {
  object: z.literal('response.input_tokens'),
  input_tokens: z.int().describe('An estimate.'),
})
