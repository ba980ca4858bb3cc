// The schemas of the bodies, queries and answers of the session routes: one declaration each for validation and types.
// Error messages complete a sentence that starts with the field's name (http/validate.ts).
import { z } from 'zod'
import { must } from '../../core/schema.ts'

const text = z.string(must('a string and appear only once'))
const noControls = must('free of control characters')

const limitText = must('an integer from 1 to 200')
const limit = text
  .regex(/^\d{1,9}$/, limitText)
  .transform(Number)
  .refine((count) => count >= 1 && count <= 200, limitText)
  .default(50)

const cursor = text.max(1000, must('the next_cursor of a page of this list')).optional()

/** `GET /v1/sessions`. A parameter without a value counts as absent. */
export const SessionListQuery = z.strictObject({
  cwd: text
    .max(4096, must('at most 4096 characters'))
    .regex(/^\P{Cc}*$/u, noControls)
    .optional(),
  q: text.max(500, must('at most 500 characters')).optional(),
  limit,
  cursor,
})

/** `GET /v1/sessions/{id}/messages`. */
export const MessageListQuery = z.strictObject({ limit, cursor })

const titleMax = 200
const title = z
  .string(must('a string'))
  .regex(/^\P{Cc}*$/u, noControls)
  .trim()
  .refine((value) => value !== '', must('a non-empty string'))
  // Counts characters as a person does, not UTF-16 units.
  .refine((value) => [...value].length <= titleMax, must(`at most ${titleMax} characters`))

/** `PATCH /v1/sessions/{id}`. */
export const SessionPatch = z.strictObject({ title })

/** `POST /v1/sessions/{id}/fork`. */
export const SessionFork = z.strictObject({ title: title.nullish() })

const nullableString = z.string().nullable()
const time = z.iso.datetime()

const summary = {
  session_id: z.guid(),
  title: z.string(),
  /** Shortened if it is long. */
  first_prompt: nullableString,
  cwd: nullableString,
  created_at: time.nullable(),
  updated_at: time,
  model: nullableString,
  /** The id of the run that is using it. */
  running: nullableString,
}

export const SessionSummary = z.strictObject(summary)
export type SessionSummary = z.output<typeof SessionSummary>

/** The usage of this server's own runs; turns in a terminal do not count. */
export const SessionUsage = z.strictObject({
  runs: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  cache_creation_input_tokens: z.int(),
})

/** The answer of `GET` and `PATCH /v1/sessions/{id}`, and of `POST /v1/sessions/{id}/fork`. */
export const SessionReply = z.strictObject({
  ...summary,
  cost_usd: z.number().nullable(),
  usage: SessionUsage.nullable(),
  /** For a POSIX shell. Null if the folder's name contains control characters, which a terminal would act on. */
  resume_command: nullableString,
})
export type SessionReply = z.output<typeof SessionReply>

/** The answer of `GET /v1/sessions`. */
export const SessionList = z.strictObject({ sessions: z.array(SessionSummary), next_cursor: nullableString })
export type SessionList = z.output<typeof SessionList>

const textBlock = z.strictObject({ type: z.literal('text'), text: z.string() })
const mediaBlock = z.strictObject({
  type: z.enum(['image', 'document']),
  media_type: nullableString,
  bytes: z.int().nullable(),
})
const otherBlock = z.strictObject({ type: z.literal('other'), name: z.string() })

export const SessionBlock = z.discriminatedUnion('type', [
  textBlock,
  mediaBlock,
  otherBlock,
  z.strictObject({ type: z.literal('thinking'), thinking: z.string() }),
  z.strictObject({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() }),
  z.strictObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string(),
    is_error: z.boolean(),
    get content() {
      return z.array(SessionBlock)
    },
  }),
])
export type SessionBlock = z.output<typeof SessionBlock>

/** The answer of `GET /v1/sessions/{id}/messages`. */
export const MessageList = z.strictObject({
  messages: z.array(
    z.strictObject({
      id: z.string(),
      role: z.enum(['user', 'assistant']),
      created_at: time.nullable(),
      content: z.array(SessionBlock),
    }),
  ),
  next_cursor: nullableString,
})
export type MessageList = z.output<typeof MessageList>
