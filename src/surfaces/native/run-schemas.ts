// The schemas of what clients send to the routes for runs: queries, parameters of paths, and bodies.
import { z } from 'zod'
import { flag, must, strict, text, uuid } from '../../core/schema.ts'
import { runStatuses } from '../../core/store.ts'
import { queryInteger } from '../../http/validate.ts'

const statuses = runStatuses as [string, ...string[]]

export const RunsQuery = z.strictObject({
  status: z
    .enum(statuses, must(`one of ${statuses.join(', ')}`))
    .optional()
    .describe('Only runs with this status.'),
  session_id: uuid.optional().describe('Only runs of this conversation.'),
  limit: queryInteger(1, 200).default(50).describe('The maximum number of entries on a page.'),
  cursor: text
    .max(512, must('the next_cursor of a page'))
    .optional()
    .describe('The `next_cursor` of the previous page.'),
})

export const EventsQuery = z.strictObject({
  after: queryInteger(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Continues after the event with this number; takes precedence over `last-event-id`.'),
  events: z
    .enum(['default', 'full'], must('default or full'))
    .default('default')
    .describe('`full` adds thinking, tools and more. Events are numbered as sent: use the same value as before.'),
})

export const RunParams = z.strictObject({
  id: text
    .regex(/^run_[0-9a-f]{32}$/, must('the id of a run'))
    .meta({ description: 'The id of a run.', example: 'run_6f1d0c2b9a8e4d7f8b3a5c1e0d9f7a42' }),
})

export const ApprovalParams = RunParams.extend({
  request_id: text.meta({
    description: 'What the run is waiting for: see `pending` of the run.',
    example: 'ask_0b7e4d5c92f14a6e8d3b1f6a5c7e9d20',
  }),
})

/** `POST /v1/runs/{id}/permissions/{request_id}`. */
export const PermissionAnswer = strict('PermissionAnswer', 'Whether the tool may be used.', {
  behavior: z.enum(['allow', 'deny'], must('allow or deny')).describe('`allow` or `deny`.'),
  updated_input: z
    .record(z.string(), z.unknown(), must("an object with the tool's whole input"))
    .nullish()
    .describe('With `allow`: the complete input to use instead of the requested one.'),
  message: text
    .max(4000, must('at most 4000 characters long'))
    .nullish()
    .describe('With `deny`: the reason that Claude gets.'),
  remember: flag
    .nullish()
    .describe(
      "With `allow`: the same call, and those that the `suggestions` of its prompt cover, need no permission for as long as the conversation's process lives. Default: false.",
    ),
})
export type PermissionAnswer = z.output<typeof PermissionAnswer>

const answer = z.union([text, z.array(text)], must('the label of an option, an array of them, or a text'))

/** `POST /v1/runs/{id}/answers/{request_id}`; the keys are the texts of the questions. */
export const QuestionAnswer = strict('QuestionAnswer', "Answers to Claude's questions.", {
  answers: z
    .record(z.string(), answer, must('an object with an answer for each question'))
    .describe(
      "One answer per question, under the question's own text: the label of an option, several labels if several may be chosen, or your own words.",
    ),
})
export type QuestionAnswer = z.output<typeof QuestionAnswer>

const timeFormat = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/
const timeRule = must('a day such as 2026-11-22, in UTC, or a time such as 2026-11-22T10:00:00Z')

/** Whether the day exists: JavaScript reads February 31 as March 3. */
const isRealTime = (value: string) => {
  const day = new Date(`${value.slice(0, 10)}T00:00:00Z`)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value.slice(0, 10))
  return isDay && !Number.isNaN(Date.parse(value))
}
const time = text.regex(timeFormat, timeRule).refine(isRealTime, timeRule)

export const groupings = ['day', 'model', 'session', 'key'] as const

export const UsageQuery = z.strictObject({
  from: time.optional().describe('A day in UTC, or a time. Default: 30 days before `to`.'),
  to: time.optional().describe('A day in UTC, or a time. Default: now.'),
  group_by: z
    .enum(groupings, must(`one of ${groupings.join(', ')}`))
    .default('day')
    .describe('What to group by.'),
})
