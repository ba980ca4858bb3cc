// The routes for existing runs: list, follow and cancel them, answer their approvals, and sum up their usage.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ownRuns } from '../../auth/authenticate.ts'
import type { Runs } from '../../core/runs.ts'
import type { RunStatus, UsageStore } from '../../core/store.ts'
import { invalidField } from '../../errors.ts'
import { findOwnRun } from '../../http/own-run.ts'
import type { ReaderLimits } from '../../http/reader-limits.ts'
import type { RouteRequest, RouteTable } from '../../http/routes.ts'
import { followRun } from '../../http/stream-run.ts'
import { parseBody, parseQuery } from '../../http/validate.ts'
import { NativeEvents } from './events.ts'
import type { RunList, RunReply, UsageReply } from './reply-schemas.ts'
import { toRunReply, toUsageReply } from './run-reply.ts'
import {
  ApprovalParams,
  EventsQuery,
  PermissionAnswer,
  QuestionAnswer,
  RunParams,
  RunsQuery,
  UsageQuery,
} from './run-schemas.ts'

export type RunOptions = { runs: Runs; readers: ReaderLimits; store: UsageStore; now(): number }

const ofRun = { params: RunParams, errors: ['oneRun'] } as const
const ofApproval = { method: 'POST', params: ApprovalParams, errors: ['oneRun', 'ask'] } as const
const theRun = { 200: { about: 'The run.', json: 'Run' } }

export const runRoutes: RouteTable<RunOptions> = {
  tag: 'native',
  scope: 'agent',
  routes: [
    {
      method: 'GET',
      path: '/v1/runs',
      id: 'listRuns',
      summary: 'List runs',
      about: 'Newest first. Callers with a key see their own runs; administrators and callers without a key see all.',
      query: RunsQuery,
      answers: { 200: { about: 'A page.', json: 'RunList' } },
      handler: list,
    },
    {
      ...ofRun,
      method: 'GET',
      path: '/v1/runs/:id',
      id: 'getRun',
      summary: 'One run',
      answers: theRun,
      handler: async ({ runs }, request) => toRunReply(await find(runs, request)),
    },
    {
      ...ofRun,
      method: 'GET',
      path: '/v1/runs/:id/events',
      id: 'followRun',
      summary: 'Follow the events of a run',
      about:
        'The stream of the run from its beginning, or from where a reader left off; live if the run has not ended. At most 16 readers per run.',
      query: EventsQuery,
      headers: ['last-event-id'],
      answers: { 200: { about: 'The events.', events: 'ChatEvent', headers: ['x-run-id'] } },
      handler: follow,
    },
    {
      ...ofRun,
      method: 'POST',
      path: '/v1/runs/:id/cancel',
      id: 'cancelRun',
      summary: 'Cancel a run',
      about: 'Works in any state; a run that has ended stays as it is.',
      mayBeEmpty: true,
      answers: theRun,
      handler: async ({ runs }, request) => toRunReply(await runs.cancel((await find(runs, request)).id)),
    },
    {
      ...ofApproval,
      path: '/v1/runs/:id/permissions/:request_id',
      id: 'answerPermission',
      summary: 'Allow or deny what a run requests',
      about: 'For runs with `approvals`. No answer within `--approval-timeout` counts as a denial.',
      body: PermissionAnswer,
      answers: theRun,
      handler: answerPermission,
    },
    {
      ...ofApproval,
      path: '/v1/runs/:id/answers/:request_id',
      id: 'answerQuestion',
      summary: "Answer Claude's questions",
      about: 'For runs with `approvals`.',
      body: QuestionAnswer,
      answers: theRun,
      handler: answerQuestion,
    },
    {
      method: 'GET',
      path: '/v1/usage',
      id: 'getUsage',
      summary: 'What runs have used and cost',
      about: 'Callers with a key see their own usage; administrators and callers without a key see all.',
      query: UsageQuery,
      answers: { 200: { about: 'The sums.', json: 'Usage' } },
      handler: usage,
    },
  ],
}

async function list({ runs }: RunOptions, { query, caller }: FastifyRequest): Promise<RunList> {
  const { status, session_id: sessionId, limit, cursor } = parseQuery(RunsQuery, query)
  const page = await runs.list({
    limit,
    ...ownRuns(caller),
    ...(status === undefined ? {} : { status: status as RunStatus }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  return { runs: page.items.map(toRunReply), next_cursor: page.nextCursor }
}

async function usage({ runs, store, now }: RunOptions, { query, caller }: FastifyRequest): Promise<UsageReply> {
  const { from, to, group_by: groupBy } = parseQuery(UsageQuery, query)
  await runs.saved()
  const toMs = to === undefined ? now() : Date.parse(to)
  const fromMs = from === undefined ? toMs - 30 * 86_400_000 : Date.parse(from)
  if (fromMs > toMs) throw invalidField('from', 'must not be later than to')
  // A run that ended in this very millisecond counts.
  const untilMs = to === undefined ? toMs + 1 : toMs
  return toUsageReply(
    { fromMs, toMs, groupBy },
    await store.usage({ fromMs, toMs: untilMs, groupBy, ...ownRuns(caller) }),
  )
}

async function answerPermission({ runs }: RunOptions, request: RouteRequest): Promise<RunReply> {
  const answer = parseBody(PermissionAnswer, request.body)
  const { params } = request
  const approvalId = await findApproval(runs, request, 'permission_request')
  if (answer.behavior === 'deny') {
    if (answer.updated_input) throw invalidField('updated_input', 'is only allowed with "behavior": "allow"')
    const message = answer.message ?? null
    return toRunReply(await runs.answer(params.id, approvalId, { behavior: 'deny', message }))
  }
  const updatedInput = answer.updated_input ?? null
  const remember = answer.remember === true
  return toRunReply(await runs.answer(params.id, approvalId, { behavior: 'allow', updatedInput, remember }))
}

async function answerQuestion({ runs }: RunOptions, request: RouteRequest): Promise<RunReply> {
  const { answers } = parseBody(QuestionAnswer, request.body)
  const { params } = request
  const record = await find(runs, request)
  const approvalId = await findApproval(runs, request, 'question')
  const approval = toRunReply(record).pending.find(({ request_id: id }) => id === approvalId)
  const questions = approval?.type === 'question' ? approval.questions : []
  // If nothing is pending, the run reports the error.
  const updatedInput = { questions, answers: approval === undefined ? {} : checkAnswers(questions, answers) }
  return toRunReply(await runs.answer(params.id, approvalId, { behavior: 'allow', updatedInput, remember: false }))
}

/** Requires one answer to each question; the keys are the texts of the questions. */
function checkAnswers(questions: readonly unknown[], answers: Record<string, string | string[]>) {
  const texts = questions.map((each) => String((each as { question?: unknown }).question ?? ''))
  const unknown = Object.keys(answers).find((name) => !texts.includes(name))
  if (unknown !== undefined) {
    throw invalidField('answers', `has an answer to ${JSON.stringify(unknown.slice(0, 80))}, which was not asked`)
  }
  const unanswered = texts.find((text) => answers[text] === undefined)
  if (unanswered !== undefined)
    throw invalidField('answers', `lacks an answer to ${JSON.stringify(unanswered.slice(0, 200))}`)
  return Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, [answer].flat().join(', ')]))
}

const idOf = (id: string): string => parseQuery(RunParams, { id }).id

const find = (runs: Runs, { params, caller }: RouteRequest) => findOwnRun(runs, caller, idOf(params.id), 'id')

/** The id of the approval that the run waits for. Throws if it is of the other type. */
async function findApproval(
  runs: Runs,
  request: RouteRequest,
  type: 'permission_request' | 'question',
): Promise<string> {
  const { params } = request
  const { pending } = toRunReply(await find(runs, request))
  const approval = pending.find(({ request_id: id }) => id === params.request_id)
  if (approval === undefined || approval.type === type) return params.request_id
  const path = approval.type === 'question' ? 'answers' : 'permissions'
  throw invalidField('request_id', `is a ${approval.type}: answer it at /v1/runs/{id}/${path}/{request_id}`)
}

/** The number of the last event that a reconnecting reader has received. */
function readAfter(request: FastifyRequest, after: number | undefined): number {
  const last = request.headers['last-event-id']
  if (after !== undefined || last === undefined) return after ?? 0
  if (typeof last !== 'string' || !/^\d{1,15}$/.test(last)) throw invalidField('last-event-id', 'must be an integer')
  return Number(last)
}

async function follow({ runs, readers }: RunOptions, request: RouteRequest, reply: FastifyReply): Promise<unknown> {
  const query = parseQuery(EventsQuery, request.query)
  const after = readAfter(request, query.after)
  const { id } = await find(runs, request)
  const native = new NativeEvents({ runId: id, requestId: request.id, isFull: query.events === 'full' })
  return followRun(
    { runs, readers, id },
    {
      toFrames: (event) => native.toFrames(event).filter((frame) => (frame.id ?? 0) > after),
      toErrorFrames: (error) => native.toErrorFrames(error),
    },
    request,
    reply,
  )
}
