// Schemas of what the routes for chat and runs return, with the descriptions in openapi.json. Strict, so that tests
// catch any undeclared field. At run time only their types are used.
import { z } from 'zod'
import { strict } from '../../core/schema.ts'
import { runStatuses } from '../../core/store.ts'
import { groupings } from './run-schemas.ts'

const record = z.record(z.string(), z.unknown())
const nullableString = z.string().nullable()

/** The same field where it may be null. */
const orNull = <T extends z.ZodType>(field: T) => field.nullable().describe(field.description ?? '')

const tool = 'The tool, such as `Bash`.'
const callId = 'The id of the call.'
const taskId = z.string().describe('The id of the work.')
const callInput = 'The input of the call.'
const sentence = 'What went wrong, as a sentence.'
const code = 'The error code, for programs.'
const nextPart = 'The next part.'
export const nextCursor = 'Pass it as `cursor` to get the next page; null on the last page.'

const mcpServer = z.strictObject({
  name: z.string().describe('Its name.'),
  status: z.string().describe('Its state, in the words of the CLI.'),
})

/** The 200 answer of `POST /v1/chat`, and the content of the `done` event. */
export const ChatReply = strict('ChatReply', "Claude's answer.", {
  result: z.string().describe("Claude's answer, as text."),
  session_id: z
    .uuid()
    .describe('The conversation. Send it again to continue; `claude --resume` continues it in a terminal.'),
  cost_usd: z.number().nullable().describe('What the run cost in US dollars, as reported by the CLI; null if unknown.'),
  cost_is_estimated: z
    .boolean()
    .describe('Whether the CLI did not report the cost, and it was estimated at list prices.'),
  usage: record.describe("Tokens as the model's API counts them, under the API's own field names."),
  model: z.string().describe('The full name of the model that answered.'),
  run_id: z.string().describe('The run: see `/v1/runs/{id}`.'),
  num_turns: z.int().describe('How many requests the model answered, including those with tool results.'),
  duration_ms: z.number().describe('How long the run took, in milliseconds.'),
  stop_reason: nullableString.describe('Why the model stopped, as the API reports it: `end_turn`, `max_tokens` …'),
  structured_output: z.unknown().describe('The answer that matches `json_schema`; null if no schema was sent.'),
  mcp_servers: z
    .array(mcpServer)
    .describe('The MCP servers of the run, and whether each could be used: `connected`, `failed`, `needs-auth` …'),
  compactions: z.int().describe('How often the CLI has replaced the conversation by a summary of it.'),
  permission_denials: z
    .array(
      z.strictObject({
        tool_name: z.string().describe(tool),
        tool_use_id: z.string().describe(callId),
        tool_input: record.describe(callInput),
      }),
    )
    .describe('Tool calls that were denied.'),
})
export type ChatReply = z.output<typeof ChatReply>

/** Every error answer. The facts of a failed run are also at the top level, where the original server had them. */
export const ErrorBody = z
  .looseObject({
    error: z.string().describe('What went wrong and how to fix it.'),
    code: z.string().describe('The error code, for programs. Codes never change their meaning.'),
    request_id: z.string().describe('The id of the request in the log.'),
    details: record.describe('Facts for programs: `field`, `run_id`, `retry_after_s` and others.'),
    run_id: z.string().optional().describe('The run that the request has started: see `/v1/runs/{id}`.'),
    session_id: z.string().optional().describe('The conversation that the run belonged to.'),
    cost_usd: z.number().nullable().optional().describe('What the run had cost, in US dollars.'),
    stderr: z.string().optional().describe("The end of the CLI's stderr, with secrets masked."),
    returncode: z.int().nullable().optional().describe("The CLI's exit code."),
    upstream_status: z.int().optional().describe("The status that the model's API returned to the CLI."),
  })
  .meta({
    id: 'Error',
    description: 'Every error answer of the native API. Facts about a run are at the top level and in `details`.',
  })
export type ErrorBody = z.output<typeof ErrorBody>

const { session_id, run_id } = ChatReply.shape
const approvalId = z.string().describe('The id to answer to: the last part of the path.')

/**
 * The events of a run's stream, by type, in the `data:` of each frame. `start`, `delta`, approvals, `done`
 * and `error` are always sent, the others only with `"events": "full"`.
 */
export const eventSchemas = {
  start: strict('StartEvent', 'The first event: the run has started. There is another one after `restart`.', {
    type: z.literal('start'),
    session_id: z.string().describe(session_id.description ?? ''),
    model: z.string().describe('The full name of the model.'),
    run_id,
  }),
  restart: strict(
    'RestartEvent',
    'The server died in the middle of the run, which begins again: what came before does not count. `start` follows, with the new session.',
    { type: z.literal('restart') },
  ),
  delta: strict('DeltaEvent', 'More of the answer, as it arrives from the model.', {
    type: z.literal('delta'),
    text: z.string().describe(nextPart),
  }),
  done: strict('DoneEvent', 'The last event of a run that succeeded, with the whole answer.', {
    type: z.literal('done'),
    ...ChatReply.shape,
  }),
  error: z
    .looseObject({ type: z.literal('error'), error: z.string().describe(sentence), code: z.string().describe(code) })
    .meta({
      id: 'ErrorEvent',
      description: 'The last event of a run that did not succeed, with the same fields as an error answer.',
    }),
  thinking: strict('ThinkingEvent', "More of the model's thinking.", {
    type: z.literal('thinking'),
    text: z.string().describe(nextPart),
  }),
  tool_use: strict('ToolUseEvent', 'The model calls a tool; the input is complete.', {
    type: z.literal('tool_use'),
    id: z.string().describe(callId),
    name: z.string().describe(tool),
    input: record.describe(callInput),
  }),
  tool_result: strict('ToolResultEvent', 'The result of a tool call.', {
    type: z.literal('tool_result'),
    tool_use_id: z.string().describe(callId),
    is_error: z.boolean().describe('Whether it failed.'),
    text: z.string().describe('The result as text.'),
  }),
  mcp_servers: strict('McpServersEvent', 'The MCP servers of the run, when it began.', {
    type: z.literal('mcp_servers'),
    servers: z.array(mcpServer).describe('Each server, and whether it can be used.'),
  }),
  task_started: strict('TaskStartedEvent', 'A tool call has started work that goes on beside the conversation.', {
    type: z.literal('task_started'),
    task_id: taskId,
    tool_use_id: nullableString.describe('The id of the call; null if no call started it.'),
    kind: nullableString.describe('What it is, in the words of the CLI, such as `local_agent` or `local_bash`.'),
    description: z.string().describe('What it does, in the words of the model.'),
    background: z.boolean().describe('Whether the conversation goes on meanwhile.'),
  }),
  task_progress: strict('TaskProgressEvent', 'What such work has done so far.', {
    type: z.literal('task_progress'),
    task_id: taskId,
    description: z.string().describe('What it is doing.'),
    last_tool: nullableString.describe('The tool that it used last.'),
    total_tokens: z.int().describe('The tokens that it has used.'),
    tool_uses: z.int().describe('The tools that it has called.'),
    duration_ms: z.number().describe('For how long it has worked, in milliseconds.'),
  }),
  task_ended: strict('TaskEndedEvent', 'Such work has ended. The run goes on until Claude has reacted to it.', {
    type: z.literal('task_ended'),
    task_id: taskId,
    status: z.string().describe('How it ended, in the words of the CLI: `completed`, `failed` or `stopped`.'),
    summary: z.string().describe('What it reported.'),
  }),
  permission_request: strict(
    'PermissionRequestEvent',
    'The run is waiting for a permission. Answer with `POST /v1/runs/{id}/permissions/{request_id}`.',
    {
      type: z.literal('permission_request'),
      request_id: approvalId,
      tool_name: z.string().describe(tool),
      tool_use_id: z.string().describe(callId),
      input: record.describe(callInput),
      description: nullableString.describe('What the call would do, as the tool describes it.'),
      blocked_path: nullableString.describe('The path outside the allowed folders, if that is the reason.'),
      suggestions: z.array(z.unknown()).describe('Rules that the CLI offers to remember.'),
    },
  ),
  question: strict(
    'QuestionEvent',
    "The run is waiting for answers to Claude's questions. Answer with `POST /v1/runs/{id}/answers/{request_id}`.",
    {
      type: z.literal('question'),
      request_id: approvalId,
      tool_use_id: z.string().describe(callId),
      questions: z.array(z.unknown()).describe("The questions with their options, as Claude Code's own tool has them."),
    },
  ),
  status: z
    .discriminatedUnion('status', [
      z.strictObject({
        type: z.literal('status'),
        status: z.literal('retrying'),
        attempt: z.int().describe('The number of the next attempt.'),
        delay_ms: z.number().describe('How long it waits before that, in milliseconds.'),
        upstream_status: z
          .int()
          .nullable()
          .describe("The status that the model's API returned; null if there was none."),
      }),
      z.strictObject({
        type: z.literal('status'),
        status: z.literal('compacting'),
      }),
      z.strictObject({
        type: z.literal('status'),
        status: z.literal('compacted'),
        trigger: z.string().describe('Why: `auto` if the conversation had become too long, `manual` for `/compact`.'),
        tokens_before: z.number().describe('How long the conversation was, in tokens.'),
      }),
      z.strictObject({
        type: z.literal('status'),
        status: z.literal('answered'),
        request_id: z.string().describe('The approval that was answered.'),
        behavior: z.enum(['allow', 'deny']).describe('The answer.'),
        by: z
          .enum(['caller', 'timeout', 'run'])
          .describe('Who answered: `caller`, `timeout` if nobody did, or `run` if the run ended first.'),
      }),
    ])
    .meta({
      id: 'StatusEvent',
      description:
        'The CLI is retrying a request to the API, replaces the conversation by a summary of it, or an approval was answered.',
    }),
}

export type ChatEvent = {
  [Type in keyof typeof eventSchemas]: z.output<(typeof eventSchemas)[Type]>
}[keyof typeof eventSchemas]
export const ChatEvent = z
  .union(Object.values(eventSchemas))
  .meta({ id: 'ChatEvent', description: 'What the `data:` of one server-sent event holds.' })

const time = z.iso.datetime()
const { result, structured_output, cost_usd, usage, num_turns, duration_ms, stop_reason } = ChatReply.shape

/** A run, alone or in a list. */
export const RunReply = strict('Run', 'A run: one prompt and everything that came of it. Stored for a week.', {
  id: z.string().describe('Its id.'),
  surface: z.string().describe('The API that the request used: `native`, `openai` or `anthropic`.'),
  status: z
    .enum(runStatuses as [string, ...string[]])
    .describe('The status; `waiting` means that something `pending` needs an answer.'),
  session_id: nullableString.describe(session_id.description ?? ''),
  model: nullableString.describe('The full name of the model; until the run has started, the requested name.'),
  cwd: nullableString.describe('The folder that Claude works in; until the run has started, the requested one.'),
  background: z.boolean().describe('Whether it continues without its connection.'),
  metadata: z.record(z.string(), z.string()).describe('As in the request.'),
  created_at: time.describe('When it was accepted.'),
  started_at: time.nullable().describe('When it got a process.'),
  ended_at: time.nullable().describe('When it ended.'),
  pending: z
    .array(z.union([eventSchemas.permission_request, eventSchemas.question]))
    .describe('Permissions and questions that are waiting for an answer, as in the stream.'),
  result: orNull(result),
  structured_output,
  cost_usd,
  usage: orNull(usage),
  num_turns: orNull(num_turns),
  duration_ms: orNull(duration_ms),
  stop_reason,
  error: z
    .looseObject({
      message: z.string().describe(sentence),
      error: z.string().describe('The same as `message`.'),
      code: z.string().describe(code),
      details: record.describe('Facts for programs.'),
    })
    .nullable()
    .describe('Why it did not succeed; null otherwise.'),
})
export type RunReply = z.output<typeof RunReply>

export const RunList = strict('RunList', 'A page of runs, the newest first.', {
  runs: z.array(RunReply).describe('The runs.'),
  next_cursor: nullableString.describe(nextCursor),
})
export type RunList = z.output<typeof RunList>

/** Counts of tokens, wherever runs are summed up. */
export const tokenSums = {
  input_tokens: z.int().describe('Tokens of the prompt that were not read from the cache.'),
  output_tokens: z.int().describe('Tokens that the model wrote.'),
  cache_read_input_tokens: z.int().describe('Tokens of the prompt that were read from the cache.'),
  cache_creation_input_tokens: z.int().describe('Tokens of the prompt that were written to the cache.'),
  cache_read_share: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe(
      'The share of all tokens of the prompt, cached or not, that was read from the cache; null if there were none.',
    ),
}

const sums = {
  runs: z.int().describe('How many runs ended.'),
  ...tokenSums,
  cost_usd: z.number().describe('What they cost, in US dollars.'),
}

export const UsageReply = strict('Usage', 'What runs have used and cost.', {
  from: time.describe('Runs that ended at or after this time are counted.'),
  to: time.describe('Runs that ended before this time are counted.'),
  group_by: z.enum(groupings).describe('The grouping.'),
  groups: z
    .array(
      z.strictObject({
        group: nullableString.describe('A day in UTC, a model, a session id or a key id; null for none.'),
        ...sums,
      }),
    )
    .describe('The totals of each group.'),
  total: z.strictObject(sums).describe('The total of all groups.'),
})
export type UsageReply = z.output<typeof UsageReply>
