// The schemas of what clients send to the session routes: queries, parameters of paths, and bodies. Error messages complete a sentence that starts with the field's name (http/validate.ts).
import { z } from 'zod'
import { must, strict } from '../../core/schema.ts'

const text = z.string(must('a string and appear only once'))
const noControls = must('free of control characters')

const limitText = must('an integer from 1 to 200')
const limit = text
  .regex(/^\d{1,9}$/, limitText)
  .transform(Number)
  .refine((count) => count >= 1 && count <= 200, limitText)
  .meta({ integer: { minimum: 1, maximum: 200 } })
  .default(50)
  .describe('The maximum number of entries on a page.')

const cursor = text
  .max(1000, must('the next_cursor of a page of this list'))
  .optional()
  .describe('The `next_cursor` of the previous page.')

/** `GET /v1/sessions`. A parameter without a value counts as absent. */
export const SessionListQuery = z.strictObject({
  cwd: text
    .max(4096, must('at most 4096 characters'))
    .regex(/^\P{Cc}*$/u, noControls)
    .optional()
    .describe('Only conversations in this folder and below it.'),
  q: text
    .max(500, must('at most 500 characters'))
    .optional()
    .describe('Only conversations with this text in their title or first prompt.'),
  limit,
  cursor,
})

/** `GET /v1/sessions/{id}/messages`. */
export const MessageListQuery = z.strictObject({ limit, cursor })

export const SessionParams = z.strictObject({
  id: z
    .guid()
    .meta({ description: 'The id of a conversation in the CLI.', example: '4f203e9b-7c1d-4a58-9e06-2b8d5f1c7a30' }),
})

const titleMax = 200
const title = z
  .string(must('a string'))
  .regex(/^\P{Cc}*$/u, noControls)
  .trim()
  .refine((value) => value !== '', must('a non-empty string'))
  // Counts characters as a person does, not UTF-16 units.
  .refine((value) => [...value].length <= titleMax, must(`at most ${titleMax} characters`))

/** `PATCH /v1/sessions/{id}`. */
export const SessionPatch = strict('SessionPatch', 'What can be changed.', {
  title: title.describe('The new title, of at most 200 characters.'),
})

/** `POST /v1/sessions/{id}/fork`. */
export const SessionFork = strict('SessionFork', 'Options of the copy.', {
  title: title.nullish().describe('Its title. Default: a title that marks it as a copy.'),
})
