// The schemas of the native API's bodies: one declaration each for validation and types. Error messages complete a
// sentence that starts with the field's name (http/validate.ts).
import { z } from 'zod'
import { mediaTypeOf } from '../../compat/media-blocks.ts'
import { optionSchemas } from '../../core/run-options.ts'
import { must, text } from '../../core/schema.ts'

export type { FormField } from '../../core/run-options.ts'

const base64 = text
  .min(1, must('base64 data'))
  .regex(/^[A-Za-z0-9+/\r\n]+(?:=[\r\n]*){0,2}$/, must('base64 data, without a data: prefix'))

const base64Source = (...mediaTypes: [string, ...string[]]) =>
  z
    .strictObject({
      type: z.literal('base64', must('"base64": this server does not fetch URLs')),
      media_type: z.enum(mediaTypes, must(`one of ${mediaTypes.join(', ')}`)),
      data: base64,
    })
    // A file that starts differently would later be dropped silently.
    .refine(({ media_type, data }) => mediaTypeOf(data) === media_type, {
      path: ['data'],
      error: 'does not match media_type',
    })

const promptBlock = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text'), text }),
    z.strictObject({
      type: z.literal('image'),
      source: base64Source('image/png', 'image/jpeg', 'image/gif', 'image/webp'),
    }),
    z.strictObject({
      type: z.literal('document'),
      source: z.discriminatedUnion(
        'type',
        [
          base64Source('application/pdf'),
          z.strictObject({
            type: z.literal('text'),
            media_type: z.literal('text/plain', must('text/plain')),
            data: text,
          }),
        ],
        must('"base64" or "text": this server does not fetch URLs'),
      ),
      title: text.nullish(),
      context: text.nullish(),
    }),
  ],
  must('a content block of type text, image or document'),
)

const prompt = z
  .union(
    [
      z.string().refine((value) => value.trim() !== '', { error: 'is required' }),
      z
        .array(promptBlock)
        .min(1, { error: 'is required' })
        .refine((blocks) => blocks.some((block) => block.type !== 'text' || block.text.trim() !== ''), {
          error: 'is required',
        }),
    ],
    must('a string, or an array of content blocks'),
  )
  .describe(
    'Text or content blocks, taken literally: nothing in it is a flag, a command or a file mention, unless `commands` is true.',
  )

/** `POST /v1/chat` and `POST /v1/chat/stream`. Null counts as absent. */
export const ChatRequest = z.strictObject({ prompt, ...optionSchemas() })
export type ChatRequest = z.output<typeof ChatRequest>
/** The body as a client sends it, before validation. */
export type ChatRequestInput = z.input<typeof ChatRequest>

const nullableString = z.string().nullable()

/** The 200 answer of `POST /v1/chat`, and the content of the `done` event. */
export const ChatReply = z.strictObject({
  result: z.string(),
  session_id: z.uuid(),
  cost_usd: z.number().nullable(),
  usage: z.record(z.string(), z.unknown()),
  model: z.string(),
  run_id: z.string(),
  num_turns: z.int(),
  duration_ms: z.number(),
  stop_reason: nullableString,
  structured_output: z.unknown(),
  permission_denials: z.array(
    z.strictObject({ tool_name: z.string(), tool_use_id: z.string(), tool_input: z.record(z.string(), z.unknown()) }),
  ),
})
export type ChatReply = z.output<typeof ChatReply>

/** Every error answer. The facts of a failed run are also at the top level, where the original server had them. */
export const ErrorBody = z.looseObject({
  error: z.string(),
  code: z.string(),
  request_id: z.string(),
  details: z.record(z.string(), z.unknown()),
})
export type ErrorBody = z.output<typeof ErrorBody>

/**
 * The events of a run's stream, by type, in the `data:` of each frame. `thinking`, `tool_use`, `tool_result` and
 * `status` are sent only with `"events": "full"`.
 */
export const eventSchemas = {
  start: z.strictObject({ type: z.literal('start'), session_id: z.string(), model: z.string(), run_id: z.string() }),
  delta: z.strictObject({ type: z.literal('delta'), text: z.string() }),
  done: z.strictObject({ type: z.literal('done'), ...ChatReply.shape }),
  error: z.looseObject({ type: z.literal('error'), error: z.string(), code: z.string() }),
  thinking: z.strictObject({ type: z.literal('thinking'), text: z.string() }),
  tool_use: z.strictObject({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
  tool_result: z.strictObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string(),
    is_error: z.boolean(),
    text: z.string(),
  }),
  permission_request: z.strictObject({
    type: z.literal('permission_request'),
    request_id: z.string(),
    tool_name: z.string(),
    tool_use_id: z.string(),
    input: z.record(z.string(), z.unknown()),
    description: nullableString,
    blocked_path: nullableString,
    suggestions: z.array(z.unknown()),
  }),
  question: z.strictObject({
    type: z.literal('question'),
    request_id: z.string(),
    tool_use_id: z.string(),
    questions: z.array(z.unknown()),
  }),
  status: z.discriminatedUnion('status', [
    z.strictObject({
      type: z.literal('status'),
      status: z.literal('retrying'),
      attempt: z.int(),
      delay_ms: z.number(),
      upstream_status: z.int().nullable(),
    }),
    z.strictObject({
      type: z.literal('status'),
      status: z.literal('answered'),
      request_id: z.string(),
      behavior: z.enum(['allow', 'deny']),
      by: z.enum(['caller', 'timeout', 'run']),
    }),
  ]),
}

export const ChatEvent = z.union(Object.values(eventSchemas))
export type ChatEvent = {
  [Type in keyof typeof eventSchemas]: z.output<(typeof eventSchemas)[Type]>
}[keyof typeof eventSchemas]

/** The answer of `GET /v1/health` if the CLI can be run. */
export const HealthReply = z.strictObject({
  status: z.literal('ok'),
  claude_version: z.string(),
  version: z.string(),
  uptime_s: z.number(),
  logged_in: z.boolean().nullable(),
  auth_method: nullableString,
  claude_path: z.string(),
  demo: z.boolean(),
  processes: z.strictObject({
    live: z.int(),
    idle: z.int(),
    spare: z.int(),
    busy: z.int(),
    starting: z.int(),
    max: z.int(),
  }),
  queue: z.strictObject({ waiting: z.int(), limit: z.int() }),
})
export type HealthReply = z.output<typeof HealthReply>
