// Schemas of what the session routes return, with the descriptions in openapi.json. Strict, so that tests catch any
// undeclared field. At run time only their types are used.
import { z } from 'zod'
import { strict } from '../../core/schema.ts'
import { nextCursor, tokenSums } from './reply-schemas.ts'

const nullableString = z.string().nullable()
const time = z.iso.datetime()

const summary = {
  session_id: z.guid().describe("The conversation's id in the CLI."),
  title: z.string().describe('Its title.'),
  /** Shortened if it is long. */
  first_prompt: nullableString.describe('The start of its first prompt.'),
  cwd: nullableString.describe('The folder that it belongs to.'),
  created_at: time.nullable().describe('When it started.'),
  updated_at: time.describe('When it was last continued.'),
  model: nullableString.describe('The model of its last answer, here or in a terminal; null if there is none.'),
  running: nullableString.describe('The id of the run that holds it now.'),
}

export const SessionSummary = strict('SessionSummary', 'A conversation in a list.', summary)
export type SessionSummary = z.output<typeof SessionSummary>

export const SessionUsage = strict(
  'SessionUsage',
  'What the conversation has used: in the runs of this server, and in a terminal as far as its file says.',
  { runs: z.int().describe('How many runs of this server.'), ...tokenSums },
)

/** The answer of `GET` and `PATCH /v1/sessions/{id}`, and of `POST /v1/sessions/{id}/fork`. */
export const SessionReply = strict('Session', 'A conversation.', {
  ...summary,
  cost_usd: z
    .number()
    .nullable()
    .describe('What it has cost, in US dollars; null if that is unknown, as for a model without a known price.'),
  cost_is_estimated: z
    .boolean()
    .describe('Whether part of the cost is estimated from list prices, as for answers in a terminal.'),
  usage: SessionUsage.nullable().describe('What it has used.'),
  compactions: z.int().describe('How often Claude Code put a summary in the place of what came before.'),
  /** A terminal would act on control characters in the folder's name. */
  resume_command: nullableString.describe(
    'Continues it in a terminal, for a POSIX shell; null if the folder name cannot be pasted safely.',
  ),
})
export type SessionReply = z.output<typeof SessionReply>

/** The answer of `GET /v1/sessions`. */
export const SessionList = strict('SessionList', 'A page of conversations, most recently used first.', {
  sessions: z.array(SessionSummary).describe('The conversations.'),
  next_cursor: nullableString.describe(nextCursor),
})
export type SessionList = z.output<typeof SessionList>

const type = 'The type of part.'
const name = z.string().describe('The name of the tool; for `other`, the type of the block.')
const callId = z.string().describe('The id of the call.')

export const SessionBlock = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text').describe(type), text: z.string().describe('The text.') }),
    z.strictObject({
      type: z.enum(['image', 'document']).describe(type),
      media_type: nullableString.describe('What kind of file it was.'),
      bytes: z.int().nullable().describe('Its size in bytes; the data itself is not included.'),
    }),
    z.strictObject({ type: z.literal('other').describe(type), name }),
    z.strictObject({
      type: z.literal('thinking').describe(type),
      thinking: z.string().describe('What the model thought.'),
    }),
    z.strictObject({
      type: z.literal('compact_boundary').describe(type),
      trigger: z.enum(['manual', 'auto']).nullable().describe('Whether a person or the CLI decided to compact.'),
      pre_tokens: z.int().nullable().describe('How many tokens the conversation had before.'),
      summary: nullableString.describe('What the model reads in the place of the messages above.'),
    }),
    z.strictObject({
      type: z.literal('tool_use').describe(type),
      id: callId,
      name,
      input: z.unknown().describe('The input of the call.'),
    }),
    z.strictObject({
      type: z.literal('tool_result').describe(type),
      tool_use_id: callId,
      is_error: z.boolean().describe('Whether it failed.'),
      get content() {
        return z.array(SessionBlock).describe('The result.')
      },
    }),
  ])
  .meta({ id: 'SessionBlock', description: 'A part of a message.' })
export type SessionBlock = z.output<typeof SessionBlock>

/** The answer of `GET /v1/sessions/{id}/messages`. */
export const MessageList = strict('MessageList', 'A page of the messages of a conversation, in order.', {
  messages: z
    .array(
      z.strictObject({
        id: z.string().describe("Its id in the CLI's file."),
        role: z
          .enum(['user', 'assistant', 'system'])
          .describe('Whose message it is; `system` is a place where Claude Code compacted the conversation.'),
        created_at: time.nullable().describe('When it was written.'),
        content: z.array(SessionBlock).describe('Its content.'),
      }),
    )
    .describe('The messages.'),
  next_cursor: nullableString.describe(nextCursor),
})
export type MessageList = z.output<typeof MessageList>
