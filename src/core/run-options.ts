// The table of native options: one row for each, from which everything else about it derives: the request's schema and
// its description in openapi.json and docs/native-api.md, what a run, a process and the Agent SDK get, the field of the
// page's form, and the flag of `claude-serve chat`. Not for the prompt, nor for what an option does.
import { z } from 'zod'
import { flag, jsonSchema, must, text, uuid } from './schema.ts'

export const permissionModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions'] as const
export const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const
export const settingSources = ['user', 'project', 'local'] as const
const crashActions = ['fail', 'restart'] as const

// Schemas are functions, because the commands load this table at every start, and only a server needs them.

/** Names, rules and paths become arguments of a process, so control characters are not allowed. */
const line = () =>
  text
    .min(1, must('a non-empty string'))
    .max(4096, must('at most 4096 characters'))
    .regex(/^\P{Cc}*$/u, must('free of control characters'))

const lines = () => z.array(line(), must('an array of strings')).max(500, must('at most 500 entries'))
const toolNames = () => z.array(line().regex(/^[\w.-]+$/, must('the name of a tool')), must('an array of tool names'))

/** The form of a model name; which names exist is checked by the route. */
const modelName = () =>
  text.regex(/^[A-Za-z0-9][A-Za-z0-9._:@/[\]-]{0,127}$/, must('the name of a model, such as sonnet'))

const positive = (what: string) => () => z.number(must(what)).positive(must(what))
const oneOf = <const T extends readonly string[]>(names: T) => z.enum(names, must(`one of ${names.join(', ')}`))

const serverName = () => text.regex(/^[\w-]{1,64}$/, { error: 'must be named with letters, digits, _ and - only' })
const stringMap = () => z.record(z.string(), text, must('an object of strings'))
const timeout = () =>
  z.number(must('a number of milliseconds')).optional().describe('How long a call may take, in milliseconds.')
const transport = 'The transport. Default: `stdio`.'

/** As in .mcp.json, a server without a type is a program to start (stdio). */
const isUntyped = (value: unknown) =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !('type' in value)

const program = () =>
  z.strictObject({
    type: z.literal('stdio').describe(transport),
    command: line().describe('The program.'),
    args: z.array(text, must('an array of strings')).optional().describe('Its arguments.'),
    env: stringMap().optional().describe('Its environment.'),
    timeout: timeout(),
  })

const remote = () =>
  z.strictObject({
    type: z.enum(['http', 'sse']).describe(transport),
    url: line().describe('The URL of the server.'),
    headers: stringMap().optional().describe('Headers sent with each request to it.'),
    timeout: timeout(),
  })

const mcpServer = () =>
  z.preprocess(
    (value) => (isUntyped(value) ? { ...(value as object), type: 'stdio' } : value),
    z.discriminatedUnion(
      'type',
      // A client need not send the type.
      [program().meta({ required: ['command'] }), remote()],
      must('stdio, http or sse, as in .mcp.json'),
    ),
  )

const agent = () =>
  z.looseObject(
    { description: text.describe('When to use the agent.'), prompt: text.describe("The agent's system prompt.") },
    must('an object with description and prompt'),
  )

const metadata = () =>
  z
    .record(
      z.string().max(64, must('an object whose names have at most 64 characters')),
      text.max(512, must('at most 512 characters long')),
      must('an object of strings'),
    )
    .refine((entries) => Object.keys(entries).length <= 16, must('an object of at most 16 entries'))

export type FormField = {
  /** The form is in this order, the table by subject. */
  position: number
  label: string
  control: 'text' | 'textarea' | 'number' | 'list' | 'json' | 'select' | 'checkbox'
  help?: string
  choices?: readonly string[]
  /** Suggests model names. */
  isModel?: true
}

type Uses = {
  /** The name in `RunOptions` (agent.ts). Absent if the option is about the run and not about Claude. */
  option?: string
  /** The option of the Agent SDK that gets the value as it is. Others have code of their own in claude/cli/. */
  sdk?: string
  /** With `sdk`: the value for plain models, if it is not null. */
  plain?: unknown
  form?: FormField
  /** The flag of `claude-serve chat`, for an option that is text, or (`isList`) a list of texts. */
  flag?: { name: string; short?: string; placeholder: string; description: string; isList?: true }
}

/** Null counts as absent. */
const row = <T extends z.ZodType, const U extends Uses>(schema: () => T, description: string, uses = {} as U) => ({
  schema: () => schema().nullish().describe(description),
  ...uses,
})

/** By the field's name in the API. */
export const runOptions = {
  commands: row(
    () => flag,
    'Lets a leading `/command` and mentions such as `@file` work as in the CLI. Default: false.',
    {
      form: { position: 190, label: 'Enable /commands and @files in the prompt', control: 'checkbox' },
    },
  ),
  session_id: row(() => uuid, 'Continues this conversation, in its own folder unless `cwd` names another.'),
  fork: row(() => flag, 'With `session_id`: starts a new conversation as a copy of it. Default: false.'),
  model: row(
    modelName,
    "A name from `GET /v1/models`, a full id, or one from `--model-map`; `agent/…` means the same. Default: the CLI's own choice.",
    {
      option: 'model',
      sdk: 'model',
      form: { position: 10, label: 'Model', control: 'text', isModel: true, help: 'empty: Claude Code’s default' },
      flag: { name: 'model', short: 'm', placeholder: '<name>', description: 'the model to use, such as sonnet' },
    },
  ),
  fallback_model: row(modelName, 'The model to use if the first one is overloaded.', {
    option: 'fallbackModel',
    sdk: 'fallbackModel',
    form: {
      position: 140,
      label: 'Fallback model',
      control: 'text',
      isModel: true,
      help: 'used if the model is overloaded',
    },
  }),
  system_prompt: row(() => text, "Replaces Claude Code's own system prompt.", {
    option: 'systemPrompt',
    form: { position: 90, label: 'System prompt', control: 'textarea', help: 'replaces Claude Code’s own' },
    flag: {
      name: 'system-prompt',
      placeholder: '<text>',
      description: "a system prompt that replaces Claude Code's own",
    },
  }),
  append_system_prompt: row(() => text, "Appended to Claude Code's own system prompt.", {
    option: 'appendSystemPrompt',
    form: { position: 100, label: 'Append to system prompt', control: 'textarea' },
  }),
  max_budget_usd: row(
    positive('a number above 0'),
    'The run ends with `budget_exceeded` once it has cost more than this, in US dollars.',
    {
      option: 'maxBudgetUsd',
      sdk: 'maxBudgetUsd',
      form: { position: 120, label: 'Maximum cost in US dollars', control: 'number' },
    },
  ),
  max_turns: row(
    () => z.int(must('an integer of at least 1')).min(1, must('an integer of at least 1')),
    'How many requests to the model the run may make.',
    {
      option: 'maxTurns',
      sdk: 'maxTurns',
      form: { position: 110, label: 'Maximum turns', control: 'number' },
    },
  ),
  // Which modes are allowed is a setting of the server.
  permission_mode: row(
    () => text,
    'What tools may do without permission: `default`, `acceptEdits`, `plan`, `dontAsk`, or another mode that the server allows.',
    {
      option: 'permissionMode',
      form: {
        position: 20,
        label: 'Permission mode',
        control: 'select',
        choices: permissionModes,
        help: 'bypassPermissions only if the server allows it',
      },
      flag: {
        name: 'permission-mode',
        placeholder: '<mode>',
        description: 'what tools may do without permission: default, acceptEdits, plan, dontAsk',
      },
    },
  ),
  allowed_tools: row(
    lines,
    'Rules for what needs no permission, in the syntax of the CLI: `Read`, `Bash(git log *)`.',
    {
      option: 'allowedTools',
      sdk: 'allowedTools',
      form: { position: 70, label: 'Allowed without asking', control: 'list', help: 'rules such as Bash(git status)' },
      flag: {
        name: 'allowed-tools',
        placeholder: '<rules>',
        description: "what needs no permission, such as 'Read,Bash(git log *)'; repeatable",
        isList: true,
      },
    },
  ),
  disallowed_tools: row(lines, 'Rules for what is denied.', {
    option: 'disallowedTools',
    sdk: 'disallowedTools',
    form: { position: 80, label: 'Never allowed', control: 'list' },
  }),
  tools: row(toolNames, 'The built-in tools that exist for the run; an empty list for none. Default: all.', {
    option: 'tools',
    sdk: 'tools',
    plain: [],
    form: { position: 60, label: 'Available tools', control: 'list', help: 'names, or none for no tools; empty: all' },
    flag: {
      name: 'tools',
      placeholder: '<names>',
      description: 'the tools that exist at all, such as Read,Grep; none for no tools (default: all)',
      isList: true,
    },
  }),
  cwd: row(
    line,
    "The folder that Claude works in, as an absolute path. Default: the conversation's folder, otherwise the server's.",
    {
      option: 'cwd',
      form: {
        position: 40,
        label: 'Folder',
        control: 'text',
        help: 'an absolute path; empty: the default of the server or the conversation',
      },
    },
  ),
  add_dirs: row(lines, 'Additional folders that tools may use.', {
    option: 'addDirs',
    sdk: 'additionalDirectories',
    form: { position: 50, label: 'Additional folders', control: 'list' },
  }),
  effort: row(() => oneOf(efforts), 'How much the model thinks.', {
    option: 'effort',
    sdk: 'effort',
    form: { position: 30, label: 'Effort', control: 'select', choices: efforts },
    flag: {
      name: 'effort',
      placeholder: '<level>',
      description: `how much the model thinks: ${efforts.join(', ')}`,
    },
  }),
  json_schema: row(() => jsonSchema, 'A JSON Schema. The validated answer is in `structured_output`.', {
    option: 'jsonSchema',
    form: { position: 150, label: 'JSON Schema for the answer', control: 'json' },
  }),
  mcp_servers: row(
    () => z.record(serverName(), mcpServer(), must('an object of servers, as in .mcp.json')),
    'MCP servers by name, as in `.mcp.json`. A server without a `type` is started as a program.',
    {
      option: 'mcpServers',
      sdk: 'mcpServers',
      form: { position: 160, label: 'MCP servers', control: 'json', help: 'as in .mcp.json' },
    },
  ),
  agents: row(
    () => z.record(text.regex(/^[\w-]{1,64}$/), agent(), must('an object of agents')),
    'Sub-agents by name, in the syntax of the CLI.',
    { option: 'agents', sdk: 'agents', form: { position: 170, label: 'Agents', control: 'json' } },
  ),
  setting_sources: row(
    () => z.array(oneOf(settingSources), must(`an array of ${settingSources.join(', ')}`)),
    'Which settings files apply. Default: all three, as with `claude -p`.',
    {
      option: 'settingSources',
      form: {
        position: 180,
        label: 'Setting sources',
        control: 'list',
        help: 'any of user, project, local; empty: all',
      },
    },
  ),
  timeout_s: row(
    positive('a number of seconds above 0'),
    'How long the run may take, in seconds. Default: `--request-timeout`, 300; at most `--max-request-timeout`.',
    { form: { position: 130, label: 'Time limit in seconds', control: 'number' } },
  ),
  approvals: row(
    () => flag,
    'Asks for permission over the API instead of denying: see `pending` of a run. Default: false.',
  ),
  background: row(
    () => flag,
    'Returns 202 and the run at once; the run continues without the connection. Default: false.',
  ),
  persist: row(
    () => flag,
    'Whether the conversation is kept: `false` leaves no file, and it cannot be continued once its process has ended. Default: true.',
  ),
  on_crash: row(
    () => z.enum(crashActions, must(crashActions.join(' or '))),
    'With `background`: `restart` starts the run again if the server dies. Default: `fail`.',
    { form: { position: 200, label: 'If the server crashes', control: 'select', choices: crashActions } },
  ),
  events: row(
    () => z.enum(['default', 'full'], must('default or full')),
    'For streams: `full` adds thinking, tools and other events. Default: `default`.',
  ),
  metadata: row(metadata, 'At most 16 strings under names of your own, stored with the run.'),
}

type Rows = typeof runOptions
export type OptionField = keyof Rows

/** The fields whose rows have this use. */
type FieldWith<Use extends keyof Uses> = {
  [Field in OptionField]: Rows[Field] extends Record<Use, unknown> ? Field : never
}[OptionField]

/** The value of each option, by its name in `RunOptions`. */
export type OptionValues = {
  [Field in FieldWith<'option'> as Rows[Field]['option']]: NonNullable<
    z.output<ReturnType<Rows[Field]['schema']>>
  > | null
}

type OptionRow = { field: OptionField; schema(): z.ZodType } & Uses

export const optionRows: readonly OptionRow[] = Object.entries(runOptions).map(([field, each]) => ({
  field: field as OptionField,
  ...each,
}))

/** The fields of a request's body, besides the prompt. */
export const optionSchemas = () =>
  Object.fromEntries(optionRows.map(({ field, schema }) => [field, schema()])) as {
    [Field in OptionField]: ReturnType<Rows[Field]['schema']>
  }

/** The fields of a request's body, validated. */
export type OptionBody = { [Field in OptionField]?: z.output<ReturnType<Rows[Field]['schema']>> }

type CamelCase<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name

/** The values of the flags of `claude-serve chat`, by their names in camel case. */
export type OptionFlags = {
  [Field in FieldWith<'flag'> as CamelCase<Rows[Field]['flag']['name']>]?: Rows[Field]['flag'] extends { isList: true }
    ? string[]
    : string
}

type PassedField = FieldWith<'sdk'>
/** An option that the Agent SDK gets as it is. */
export type PassedOption = Rows[PassedField]['option']
export type PassedRow = { option: PassedOption; sdk: Rows[PassedField]['sdk']; plain?: unknown }

export const passedRows = optionRows.filter(
  ({ sdk }) => sdk !== undefined,
) as readonly unknown[] as readonly PassedRow[]
