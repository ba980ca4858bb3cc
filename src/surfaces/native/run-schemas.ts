// The schemas of the bodies, queries and answers of the routes for runs.
import { z } from 'zod'
import { must, text, uuid } from '../../core/schema.ts'
import { runStatuses } from '../../core/store.ts'
import { queryInteger } from '../../http/validate.ts'
import { ErrorBody, eventSchemas } from './schemas.ts'

const statuses = runStatuses as [string, ...string[]]

export const RunsQuery = z.strictObject({
  status: z.enum(statuses, must(`one of ${statuses.join(', ')}`)).optional(),
  session_id: uuid.optional(),
  limit: queryInteger(1, 200).default(50),
  cursor: text.max(512, must('the next_cursor of a page')).optional(),
})

export const EventsQuery = z.strictObject({
  after: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
  events: z.enum(['default', 'full'], must('default or full')).default('default'),
})

export const RunParams = z.strictObject({ id: text.regex(/^run_[0-9a-f]{32}$/, must('the id of a run')) })

/** `POST /v1/runs/{id}/permissions/{request_id}`. */
export const PermissionAnswer = z.strictObject({
  behavior: z.enum(['allow', 'deny'], must('allow or deny')),
  updated_input: z.record(z.string(), z.unknown(), must("an object with the tool's whole input")).nullish(),
  message: text.max(4000, must('at most 4000 characters long')).nullish(),
  remember: z.boolean(must('true or false')).nullish(),
})
export type PermissionAnswer = z.output<typeof PermissionAnswer>

const answer = z.union([text, z.array(text)], must('the label of an option, an array of them, or a text'))

/** `POST /v1/runs/{id}/answers/{request_id}`; the keys are the texts of the questions. */
export const QuestionAnswer = z.strictObject({
  answers: z.record(z.string(), answer, must('an object with an answer for each question')),
})
export type QuestionAnswer = z.output<typeof QuestionAnswer>

/** A run, alone or in a list. */
export const RunReply = z.strictObject({
  id: z.string(),
  surface: z.string(),
  status: z.enum(statuses),
  session_id: z.string().nullable(),
  model: z.string().nullable(),
  cwd: z.string().nullable(),
  background: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  created_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  ended_at: z.iso.datetime().nullable(),
  /** Approvals that wait for an answer. */
  pending: z.array(z.union([eventSchemas.permission_request, eventSchemas.question])),
  result: z.string().nullable(),
  structured_output: z.unknown(),
  cost_usd: z.number().nullable(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  num_turns: z.int().nullable(),
  duration_ms: z.number().nullable(),
  stop_reason: z.string().nullable(),
  error: ErrorBody.omit({ request_id: true }).nullable(),
})
export type RunReply = z.output<typeof RunReply>

export const RunList = z.strictObject({ runs: z.array(RunReply), next_cursor: z.string().nullable() })
export type RunList = z.output<typeof RunList>

const timeFormat = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/
const timeRule = must('a day such as 2026-11-22, in UTC, or a time such as 2026-11-22T10:00:00Z')

/** Whether the day exists: JavaScript reads February 31 as March 3. */
const isRealTime = (value: string) => {
  const day = new Date(`${value.slice(0, 10)}T00:00:00Z`)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value.slice(0, 10))
  return isDay && !Number.isNaN(Date.parse(value))
}
const time = text.regex(timeFormat, timeRule).refine(isRealTime, timeRule)
const groups = ['day', 'model', 'session', 'key'] as const

export const UsageQuery = z.strictObject({
  from: time.optional(),
  to: time.optional(),
  group_by: z.enum(groups, must(`one of ${groups.join(', ')}`)).default('day'),
})

const sums = {
  runs: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  cache_creation_input_tokens: z.int(),
  cost_usd: z.number(),
}

export const UsageReply = z.strictObject({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  group_by: z.enum(groups),
  groups: z.array(z.strictObject({ group: z.string().nullable(), ...sums })),
  total: z.strictObject(sums),
})
export type UsageReply = z.output<typeof UsageReply>
