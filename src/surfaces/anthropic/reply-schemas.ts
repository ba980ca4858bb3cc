// The answers of the messages and models routes. The schemas are strict because the tests check every answer against
// them. Every key that the newest SDK's types require is present, though most may be null.
import { z } from 'zod'
import { strict } from '../../core/schema.ts'

const count = z.int()

const usage = strict('AnthropicUsage', "Tokens as the model's API counts them.", {
  input_tokens: count,
  output_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  cache_creation: z.strictObject({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count }).nullable(),
  output_tokens_details: z.strictObject({ thinking_tokens: count }).nullable(),
  server_tool_use: z.null(),
  service_tier: z.literal('standard'),
  inference_geo: z.string().nullable(),
  speed: z.null(),
})
export type MessageUsage = z.output<typeof usage>

/** The token counts at the end of a stream. */
const deltaUsage = usage.pick({
  input_tokens: true,
  output_tokens: true,
  cache_creation_input_tokens: true,
  cache_read_input_tokens: true,
  output_tokens_details: true,
  server_tool_use: true,
})
export type DeltaUsage = z.output<typeof deltaUsage>

const block = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text'), text: z.string(), citations: z.null() }),
    z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
    z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
    z.strictObject({
      type: z.literal('tool_use'),
      id: z.string(),
      name: z.string(),
      input: z.record(z.string(), z.unknown()),
      caller: z.strictObject({ type: z.literal('direct') }),
    }),
  ])
  .meta({ id: 'AnthropicBlock', description: 'A part of the answer.' })
export type Block = z.output<typeof block>

const stopReason = z.enum([
  'end_turn',
  'max_tokens',
  'model_context_window_exceeded',
  'stop_sequence',
  'tool_use',
  'refusal',
])

const stop = {
  stop_reason: stopReason.nullable(),
  stop_sequence: z.string().nullable(),
  stop_details: z
    .strictObject({ type: z.literal('refusal'), category: z.null(), explanation: z.string().nullable() })
    .nullable(),
  container: z.null(),
}

/** The 200 answer of `POST /v1/messages`. */
export const Message = strict('AnthropicMessage', "The answer, as Anthropic's API returns it.", {
  id: z.string().describe('The id of the run with another prefix.'),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string().describe('The full name of the model that answered.'),
  content: z.array(block),
  ...stop,
  diagnostics: z.null(),
  usage,
})
export type Message = z.output<typeof Message>

const delta = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text_delta'), text: z.string() }),
  z.strictObject({ type: z.literal('thinking_delta'), thinking: z.string() }),
  z.strictObject({ type: z.literal('signature_delta'), signature: z.string() }),
  z.strictObject({ type: z.literal('input_json_delta'), partial_json: z.string() }),
])

const error = z.strictObject({
  type: z.string().describe('The error class that the SDKs know.'),
  message: z.string().describe('What went wrong, as a sentence.'),
  details: z.record(z.string(), z.unknown()).optional().describe('Facts for programs.'),
})
const requestId = z.string().nullable().describe('The id of the request in the log.')

/** The events of a stream, in the API's order. */
export const MessageEvent = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('message_start'), message: Message }),
    z.strictObject({ type: z.literal('content_block_start'), index: count, content_block: block }),
    z.strictObject({ type: z.literal('content_block_delta'), index: count, delta }),
    z.strictObject({ type: z.literal('content_block_stop'), index: count }),
    z.strictObject({ type: z.literal('message_delta'), delta: z.strictObject(stop), usage: deltaUsage }),
    z.strictObject({ type: z.literal('message_stop') }),
    z.strictObject({ type: z.literal('ping') }),
    z.strictObject({ type: z.literal('error'), error, request_id: requestId }),
  ])
  .meta({
    id: 'AnthropicMessageEvent',
    description:
      'The `data:` of one server-sent event; the `event:` line has the same type. A stream that fails ends with `error`.',
  })
export type MessageEvent = z.output<typeof MessageEvent>

/** Every error answer, and the last event of a failed stream. */
export const ErrorBody = strict(
  'AnthropicError',
  "Every error answer of the Anthropic surface, in Anthropic's format.",
  { type: z.literal('error'), error, request_id: requestId },
)
export type ErrorBody = z.output<typeof ErrorBody>

export const TokenCount = strict('AnthropicTokenCount', 'How many tokens the request has.', {
  input_tokens: count.describe('An estimate.'),
})
export type TokenCount = z.output<typeof TokenCount>

export const ModelInfo = strict('AnthropicModel', 'A model that requests may name.', {
  type: z.literal('model'),
  id: z.string().describe('The name: `sonnet` is the plain model, `agent/sonnet` is Claude Code with it.'),
  display_name: z.string(),
  created_at: z.iso.datetime().describe('Always the same: unknown.'),
  lifecycle: z.literal('active'),
  line: z.enum(['haiku', 'sonnet', 'opus', 'fable', 'mythos']).nullable(),
  capabilities: z.null(),
  max_input_tokens: z.null(),
  max_tokens: z.null(),
  deprecated_at: z.null(),
  retires_at: z.null(),
})
export type ModelInfo = z.output<typeof ModelInfo>

export const ModelPage = strict('AnthropicModelPage', 'A page of the names that requests may use.', {
  data: z.array(ModelInfo),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
})
export type ModelPage = z.output<typeof ModelPage>
