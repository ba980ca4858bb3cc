// Schemas of what the routes about the server itself exchange, with the descriptions in openapi.json. At run time only
// their types are used.
import { z } from 'zod'
import { budgetPeriods, scopes } from '../../core/key-record.ts'
import { strict } from '../../core/schema.ts'

const claudeWarnings = z
  .array(
    z.strictObject({
      code: z
        .enum(['not_used', 'defect', 'newer_than_tested', 'not_examined', 'ability_missing'])
        .describe(
          '`not_used`: the wanted CLI does not work as it should, and the one that comes with the server is used. `defect`: the one in use does not, either.',
        ),
      message: z.string().describe('For people.'),
    }),
  )
  .describe('What to know about the CLI in use: why it is not the wanted one, and what it lacks. Empty if all is well.')

/** For routes without fields. */
export const Nothing = z.unknown().meta({
  id: 'Nothing',
  type: 'object',
  description: 'No fields. The request must still declare JSON, which a foreign web page cannot.',
})

/** The answer of `POST /v1/login`. */
export const LoginReply = strict('Login', 'A key in exchange for the code.', {
  key: z.string().describe('The key; it is shown only once.'),
  expires_at: z.iso.datetime().describe('When it expires.'),
})
export type LoginReply = z.output<typeof LoginReply>

const timeOrNull = z.iso.datetime().nullable()

/** The answer of `GET /v1/quota`. */
export const QuotaReply = strict('Quota', 'How far the plan is used that Claude Code is logged in with.', {
  windows: z
    .array(
      z.strictObject({
        name: z.string().describe('Its name, in the words of the CLI: `five_hour`, `seven_day` …'),
        utilization: z.number().nullable().describe('How much of it is used, from 0 to 1; null if not reported.'),
        status: z.string().describe('`allowed`, `allowed_warning` or `rejected`.'),
        resets_at: timeOrNull.describe('When it resets.'),
      }),
    )
    .describe('The windows of the plan; empty if none was reported.'),
  overage: z
    .strictObject({
      status: z.string().describe('`allowed`, `allowed_warning` or `rejected`.'),
      in_use: z.boolean().describe('Whether the plan is used up and this pays.'),
      reason: z.string().nullable().describe('Why it is off, in the words of the CLI.'),
      resets_at: timeOrNull.describe('When it resets.'),
    })
    .nullable()
    .describe('What may be used beyond the plan; null if nothing was reported.'),
  as_of: timeOrNull.describe('When the CLI reported this; null if it has not.'),
})
export type QuotaReply = z.output<typeof QuotaReply>

const listOrNull = z.array(z.string()).nullable()

/** The answer of `GET /v1/whoami`. */
export const WhoamiReply = strict('Whoami', 'Who the caller is, and what it may do.', {
  key: z
    .strictObject({
      id: z.string().describe('Its id.'),
      name: z.string().describe('Its name.'),
      prefix: z.string().describe('The first characters of its secret.'),
      created_at: z.iso.datetime().describe('When it was created.'),
      expires_at: timeOrNull.describe('When it expires; null: never.'),
    })
    .nullable()
    .describe('The API key; null if there are no keys.'),
  scopes: z.array(z.enum(scopes)).describe('What it is allowed, each scope with those that it includes.'),
  limits: z
    .strictObject({
      rate_per_minute: z.int().nullable().describe('Requests per minute.'),
      max_concurrency: z.int().nullable().describe('Runs at work at once; more wait.'),
      models: listOrNull.describe('Names of models or of their families; the first is the default.'),
      tools: listOrNull.describe('Built-in tools that a run may have.'),
      cwd_roots: listOrNull.describe('Folders within which runs work.'),
      permission_modes: z.array(z.string()).describe('Permission modes that a request may name.'),
    })
    .describe('Null: no limit.'),
  budget: z
    .strictObject({
      limit_usd: z.number().describe('The most that its runs may cost.'),
      spent_usd: z.number().describe('What they have cost, in the present period.'),
      period: z.enum(budgetPeriods).nullable().describe('How often it resets, by UTC; null: never.'),
      resets_at: timeOrNull.describe('When it resets.'),
    })
    .nullable()
    .describe('Null: no limit.'),
  warnings: z.array(z.string()).describe('What the caller should know, such as that most of the budget is spent.'),
})
export type WhoamiReply = z.output<typeof WhoamiReply>

/** The answer of `GET /v1/health` if the CLI can be run. */
export const HealthReply = strict('Health', 'The state of the server and of the CLI, without starting a process.', {
  status: z.literal('ok'),
  claude_version: z.string().describe("The CLI's version."),
  version: z.string().describe("This server's version."),
  uptime_s: z.number().describe('How long the server has been running, in seconds.'),
  logged_in: z.boolean().nullable().describe('Whether the CLI is logged in; null if not known yet.'),
  auth_method: z
    .string()
    .nullable()
    .describe('The login method, as reported by the CLI; `demo` for a server that needs none.'),
  claude_path: z.string().describe('The executable.'),
  claude_tested_up_to: z.string().describe('The newest version of the CLI that this server was tested with.'),
  claude_warnings: claudeWarnings,
  command: z
    .string()
    .describe('How this claude-serve is called in a terminal of its machine, in front of a command such as `login`.'),
  demo: z.boolean().describe('Whether a scripted model answers instead of Claude.'),
  processes: z
    .strictObject({
      live: z.int().describe('All processes.'),
      idle: z.int().describe('Processes that wait for a next turn.'),
      spare: z.int().describe('Processes that are ready for a new conversation.'),
      busy: z.int().describe('Processes that are working.'),
      starting: z.int().describe('Processes that are not ready yet.'),
      max: z.int().describe('The limit.'),
    })
    .describe('The CLI processes.'),
  queue: z
    .strictObject({ waiting: z.int().describe('How many.'), limit: z.int().describe('The limit.') })
    .describe('Runs that wait for a process.'),
  quota: QuotaReply.describe('How far the plan is used: see `/v1/quota`.'),
})
export type HealthReply = z.output<typeof HealthReply>

/** The answer of `GET /v1/health` with status 503. */
export const Unhealthy = strict('Unhealthy', 'The CLI cannot be run.', {
  status: z.literal('error'),
  error: z.string().describe('Why, and what to do.'),
})

/** The answer of `GET /livez`. */
export const Liveness = strict('Liveness', 'The server answers.', { status: z.literal('ok') })

const ability = z.enum(['not_checked', 'in_use', 'not_available'])

/** The answer of `GET /readyz`. */
export const Readiness = strict(
  'Readiness',
  'Whether the server can accept runs, and which undocumented abilities of the CLI are in use. Without them requests are served all the same, but slower.',
  {
    status: z
      .enum(['ready', 'not_ready'])
      .describe('`not_ready` if the CLI cannot be run, the disk is full, or the server is being stopped.'),
    logged_in: z.boolean().nullable().describe('Whether the CLI is logged in; null if not known yet.'),
    abilities: z
      .strictObject({
        reuse_processes: ability.describe('Processes without tools serve unrelated conversations.'),
        switch_system_prompts: ability.describe('They do so with different system prompts.'),
        switch_models: ability.describe('They do so with different models.'),
        switch_model_options: ability.describe('They do so with different effort, thinking and output limits.'),
        switch_client_tools: ability.describe('They do so with different tools of clients.'),
        keep_prompt_cache: ability.describe(
          'A conversation that comes with a request is handed to another process so that the model finds everything where it was.',
        ),
        read_long_conversations: ability.describe('A process reads a long one of these from a file as it starts.'),
      })
      .describe('What the CLI can do. `not_checked` and `not_available` ones are done without, which takes longer.'),
    claude_warnings: claudeWarnings,
    error: z.string().optional().describe('Why it is not ready, and what to do.'),
    code: z.string().optional().describe('The reason, as a code of an error: `storage_full`, `shutting_down` …'),
  },
)

export type ReadinessReply = z.output<typeof Readiness>

/** The answer of `GET /openapi.json`. */
export const ApiDocument = z.unknown().meta({ id: 'Document', type: 'object', description: 'An OpenAPI document.' })
