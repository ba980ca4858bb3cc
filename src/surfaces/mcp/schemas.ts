// The schemas of what the tools take and return. Error texts end a sentence that starts with the field's name (http/validate.ts). Loaded
// with the first request. Not for the messages of MCP itself: its library checks them.
import { z } from 'zod'
import { runOptions } from '../../core/run-options.ts'
import { must, text, uuid } from '../../core/schema.ts'
import { runStatuses } from '../../core/store.ts'

const prompt = text.refine((value) => value.trim() !== '', { error: 'is required' })

const { model, effort, json_schema, timeout_s } = runOptions

const outputSchema = 'A JSON Schema of an object. The validated answer is in `structured_output`.'

export const AskInput = z.strictObject({
  prompt: prompt.describe('What to ask. The model sees nothing else: no files, no earlier messages.'),
  model: model.schema().describe("A model's name, such as sonnet, opus or haiku. Default: the server's own choice."),
  system_prompt: text.nullish().describe('The system prompt. Default: none.'),
  effort: effort.schema(),
  json_schema: json_schema.schema().describe(outputSchema),
  timeout_s: timeout_s.schema().describe('How long it may take, in seconds.'),
})
export type AskInput = z.output<typeof AskInput>

/** What both `run` and `continue` take. */
const agentFields = {
  model: model.schema().describe("A model's name, such as sonnet, opus or haiku. Default: Claude Code's own choice."),
  permission_mode: runOptions.permission_mode.schema(),
  allowed_tools: runOptions.allowed_tools.schema(),
  disallowed_tools: runOptions.disallowed_tools.schema(),
  tools: runOptions.tools.schema(),
  append_system_prompt: runOptions.append_system_prompt.schema(),
  max_turns: runOptions.max_turns.schema(),
  max_budget_usd: runOptions.max_budget_usd.schema(),
  effort: effort.schema(),
  json_schema: json_schema.schema().describe(outputSchema),
  timeout_s: timeout_s.schema().describe('How long it may take, in seconds; waiting for a person does not count.'),
  approvals: runOptions.approvals
    .schema()
    .describe(
      'Whether a person is asked for permission instead of denying. Default: true if this client can show the prompts (elicitation) and waits for the result.',
    ),
  background: runOptions.background
    .schema()
    .describe('Returns at once with a `run_id` for the tool run_status; the work goes on without this client.'),
  metadata: runOptions.metadata.schema(),
}

export const RunInput = z.strictObject({
  prompt: prompt.describe('The task, in full: Claude Code knows nothing of your conversation.'),
  cwd: runOptions.cwd
    .schema()
    .describe("The folder to work in, as an absolute path on the server's machine. Default: the server's."),
  add_dirs: runOptions.add_dirs.schema(),
  ...agentFields,
})
export type RunInput = z.output<typeof RunInput>

export const ContinueInput = z.strictObject({
  session_id: uuid.describe('The conversation, from the result of run or from the tool sessions.'),
  prompt: prompt.describe('The next message.'),
  ...agentFields,
})
export type ContinueInput = z.output<typeof ContinueInput>

const limitRule = must('an integer from 1 to 200')

export const SessionsInput = z.strictObject({
  cwd: runOptions.cwd.schema().describe('Only conversations in this folder.'),
  q: text
    .max(500, must('at most 500 characters'))
    .nullish()
    .describe('Only conversations with this text in their title or first prompt.'),
  limit: z.int(limitRule).min(1, limitRule).max(200, limitRule).nullish().describe('At most so many. Default: 20.'),
  cursor: text
    .max(1000, must('the next_cursor of a page of this list'))
    .nullish()
    .describe('The `next_cursor` of the previous page.'),
})
export type SessionsInput = z.output<typeof SessionsInput>

export const RunStatusInput = z.strictObject({
  run_id: text.regex(/^run_[0-9a-f]{32}$/, must('the id of a run')).describe('The `run_id` of the run.'),
})
export type RunStatusInput = z.output<typeof RunStatusInput>

const count = z.number()

export const RunResult = z.object({
  run_id: z.string().nullable().describe('The run; null if it was refused.'),
  status: z
    .enum(runStatuses as [string, ...string[]])
    .nullable()
    .describe('Null if the run was refused.'),
  session_id: z
    .string()
    .nullable()
    .describe('The conversation, for the tool continue; null if it cannot be continued.'),
  result: z.string().nullable().describe('The text of the answer.'),
  structured_output: z.unknown().describe('With `json_schema`: the validated answer.'),
  model: z.string().nullable().describe('The model that answered.'),
  cost_usd: z.number().nullable().describe('An estimate at list prices.'),
  usage: z
    .object({
      input_tokens: count.describe('Not read from the cache, nor written to it.'),
      output_tokens: count.describe('Generated.'),
      cache_read_input_tokens: count.describe('Read from the cache.'),
      cache_creation_input_tokens: count.describe('Written to the cache.'),
    })
    .nullable()
    .describe('The tokens of the run.'),
  num_turns: z.number().nullable().describe('Requests to the model.'),
  duration_ms: z.number().nullable().describe('How long it took.'),
  stop_reason: z.string().nullable().describe('Why the model stopped.'),
  permission_denials: z
    .array(z.object({ tool_name: z.string().describe('The tool.'), tool_input: z.unknown().describe('Its input.') }))
    .describe('What Claude Code was not allowed to do.'),
  pending: z
    .array(
      z.object({
        request_id: z.string().describe("Its id in the server's own API."),
        type: z.enum(['permission_request', 'question']).describe('What is needed.'),
        tool_name: z.string().describe('The tool.'),
        description: z.string().nullable().describe('What it would do.'),
        input: z.unknown().describe("The tool's input, or the questions."),
      }),
    )
    .describe('What the run waits for a person to decide.'),
  error: z
    .object({
      code: z.string().describe('The error code.'),
      message: z.string().describe('What happened.'),
      field: z.string().nullable().describe('The argument that is wrong.'),
      retry_after_s: z.number().nullable().describe('When to try again.'),
    })
    .nullable()
    .describe('Why there is no answer.'),
})
export type RunResult = z.output<typeof RunResult>

export const SessionsResult = z.object({
  sessions: z
    .array(
      z.object({
        session_id: z.string().describe('For the tool continue.'),
        title: z.string().describe('Its title.'),
        cwd: z.string().nullable().describe('Its folder.'),
        updated_at: z.string().describe('When it was last used.'),
        running: z.string().nullable().describe('The run that is using it now.'),
      }),
    )
    .describe('Most recently used first.'),
  next_cursor: z.string().nullable().describe('For the next page; null if there is none.'),
})
export type SessionsResult = z.output<typeof SessionsResult>
