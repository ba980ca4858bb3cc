// The tools of the MCP endpoint: who may call each, what it takes, and what it does. What MCP shows of them is made from the same table
// (tool-server.ts).
import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import type { z } from 'zod'
import { checkTimeout, toAgentRun } from '../../compat/agent-run.ts'
import { checkAnswerSchema } from '../../compat/json-schema-checks.ts'
import { resolveModel, systemOptions } from '../../compat/models.ts'
import { noPlainOptions } from '../../core/agent.ts'
import type { Scope } from '../../core/key-record.ts'
import type { RunInput as CoreRunInput } from '../../core/runs.ts'
import { listSessions } from '../../core/sessions.ts'
import { invalidField } from '../../errors.ts'
import { findOwnRun } from '../../http/own-run.ts'
import { startRunFor } from '../../http/start-run.ts'
import { parseBody } from '../../http/validate.ts'
import { followCall } from './follow-call.ts'
import type { McpOptions } from './options.ts'
import { toAccepted, toAnswer, toSessions, toStatus } from './results.ts'
import {
  AskInput,
  ContinueInput,
  RunInput,
  RunResult,
  RunStatusInput,
  SessionsInput,
  SessionsResult,
} from './schemas.ts'
import type { ToolCall } from './tool-call.ts'

export type Tool = {
  name: string
  title: string
  description: string
  /** The scope that a key needs for it, as for the native API's routes. */
  scope: Scope
  input: z.ZodObject
  output: z.ZodObject
  /** Whether its conversations can be continued. */
  keepsSession: boolean
  annotations: ToolAnnotations
  /** `args` are not validated yet. Throws an AppError if the call fails. */
  call(args: unknown, call: ToolCall, options: McpOptions): Promise<CallToolResult>
}

/** An agent may change files and run commands, as far as it is permitted to. */
const acting: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
}
const reading: ToolAnnotations = { readOnlyHint: true, openWorldHint: false }

export const tools: readonly Tool[] = [
  {
    name: 'ask',
    title: 'Ask a Claude model',
    description:
      'Asks a Claude model one question and returns its answer. The model has no tools, no files and no memory: put everything it needs into the prompt. For work on files, use run.',
    scope: 'chat',
    input: AskInput,
    output: RunResult,
    keepsSession: false,
    annotations: { readOnlyHint: true, openWorldHint: true },
    call: ask,
  },
  {
    name: 'run',
    title: 'Give Claude Code a task',
    description:
      'Starts Claude Code in a folder with a task and returns its final answer. It reads and edits files, runs commands and uses its other tools, as far as they are permitted: what needs a permission that nobody gives is denied. Takes seconds to many minutes; for long tasks use background, then run_status. Continue the conversation with continue.',
    scope: 'agent',
    input: RunInput,
    output: RunResult,
    keepsSession: true,
    annotations: acting,
    call: async (args, call, options) => runAgent({ ...parseBody(RunInput, args) }, call, options),
  },
  {
    name: 'continue',
    title: 'Continue a conversation with Claude Code',
    description:
      'Sends the next message to a conversation with Claude Code, in its own folder, and returns the final answer. Takes a session_id from run or sessions.',
    scope: 'agent',
    input: ContinueInput,
    output: RunResult,
    keepsSession: true,
    annotations: acting,
    call: async (args, call, options) => runAgent({ ...parseBody(ContinueInput, args) }, call, options),
  },
  {
    name: 'sessions',
    title: "List Claude Code's conversations",
    description:
      "Lists Claude Code's conversations on the server's machine, also those that were begun in a terminal, most recently used first.",
    scope: 'agent',
    input: SessionsInput,
    output: SessionsResult,
    keepsSession: false,
    annotations: reading,
    call: sessions,
  },
  {
    name: 'run_status',
    title: 'Look at a run',
    description:
      'Returns the status of a run, its result once it has ended, and what it waits for a person to decide. For runs in the background.',
    scope: 'agent',
    input: RunStatusInput,
    output: RunResult,
    keepsSession: true,
    annotations: reading,
    call: status,
  },
]

async function ask(args: unknown, call: ToolCall, options: McpOptions): Promise<CallToolResult> {
  const body = parseBody(AskInput, args)
  const timeoutMs = checkTimeout(body, options)
  const resolved = await plainModel(body, options)
  await checkAnswerSchema(body.json_schema ?? null, 'json_schema')
  const input: CoreRunInput = {
    prompt: [{ type: 'text', text: body.prompt }],
    session: { kind: 'history', messages: [] },
    options: {
      ...systemOptions(body.system_prompt ?? '', false),
      model: resolved,
      effort: body.effort ?? null,
      jsonSchema: body.json_schema ?? null,
    },
    streaming: false,
    plain: noPlainOptions,
    persist: false,
    approvals: false,
    isAuxiliary: false,
    timeoutMs,
    surface: 'mcp',
  }
  const run = await startRunFor(call.request, options.runs, input)
  return toAnswer(await followCall(run, call, options), run.id, false)
}

/** Null: the CLI's default. */
async function plainModel({ model }: AskInput, { models, modelMap }: McpOptions): Promise<string | null> {
  if (!model) return null
  const resolved = resolveModel(model, await models(), modelMap)
  if (resolved.agent) throw invalidField('model', 'names Claude Code itself: use the tool run, or leave out agent/')
  return resolved.model
}

type AgentBody = Omit<RunInput, 'cwd' | 'add_dirs'> & Partial<RunInput> & Partial<ContinueInput>

async function runAgent(body: AgentBody, call: ToolCall, options: McpOptions): Promise<CallToolResult> {
  const background = body.background === true
  const approvals = body.approvals ?? (call.canElicit && !background)
  const roots = options.cwdRoots(call.request.caller)
  const input = await toAgentRun({ ...body, approvals }, { streaming: false, roots }, options)
  const run = await startRunFor(call.request, options.runs, { ...input, surface: 'mcp' })
  if (!background) return toAnswer(await followCall(run, call, options), run.id, true)
  const record = await options.runs.get(run.id)
  if (record === null) throw new Error('an accepted run is missing from the store')
  return toAccepted(record)
}

async function sessions(args: unknown, call: ToolCall, options: McpOptions): Promise<CallToolResult> {
  const { cwd, q, limit, cursor } = parseBody(SessionsInput, args)
  const query = { cwd: cwd || undefined, q: q || undefined, limit: limit ?? 20, cursor: cursor || null }
  const page = await listSessions(options.files, query, options.cwdRoots(call.request.caller))
  return toSessions(page, (id) => options.runs.holderOf(id))
}

async function status(args: unknown, { request }: ToolCall, { runs }: McpOptions): Promise<CallToolResult> {
  const { run_id: id } = parseBody(RunStatusInput, args)
  return toStatus(await findOwnRun(runs, request.caller, id, 'run_id'))
}
