// The routes that start runs: the checks a request must pass beyond its schema, and how a run becomes an answer.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../../auth/authenticate.ts'
import { checkAnswerSchema } from '../../compat/json-schema-checks.ts'
import { resolveModel } from '../../compat/models.ts'
import type { ModelFact, PermissionMode } from '../../core/agent.ts'
import type { RunHandle, RunInput, Runs } from '../../core/runs.ts'
import { AppError, invalidField } from '../../errors.ts'
import type { RouteTable } from '../../http/routes.ts'
import { startRun } from '../../http/start-run.ts'
import { collectRun, streamRun } from '../../http/stream-run.ts'
import { parseBody } from '../../http/validate.ts'
import { resolveFolder } from '../../platform/allowed-folders.ts'
import { NativeEvents } from './events.ts'
import { toRunReply } from './run-reply.ts'
import { ChatRequest } from './schemas.ts'
import { type Checked, toReply, toRunRequest } from './translate.ts'

export type ChatOptions = {
  runs: Runs
  permissionModes: readonly PermissionMode[]
  /** Real paths of the folders that a caller may use; null allows any. */
  cwdRoots(caller: Caller): readonly string[] | null
  requestTimeoutMs: number
  maxRequestTimeoutMs: number
  /** The models that the CLI reports. Called for names that only it can know. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and the models they stand for. */
  modelMap: Readonly<Record<string, string>>
}

const shared = {
  method: 'POST',
  body: ChatRequest,
  startsRun: true,
  errors: ['mode', 'model', 'session'],
} as const

export const chatRoutes: RouteTable<ChatOptions> = {
  tag: 'native',
  scope: 'agent',
  routes: [
    {
      ...shared,
      path: '/v1/chat',
      id: 'chat',
      summary: 'Send a prompt and get the whole answer',
      about:
        'A prompt without options works as with `claude -p`: the system prompt, tools and settings of Claude Code apply, and anything that would prompt for permission is denied. A client that disconnects cancels the run, unless it is a background run.',
      answers: {
        200: { about: 'The answer.', json: 'ChatReply' },
        202: { about: 'With `background`: the run, which continues.', json: 'Run', headers: ['location'] },
      },
      handler: chat,
    },
    {
      ...shared,
      path: '/v1/chat/stream',
      id: 'chatStream',
      summary: 'Send a prompt and stream the answer',
      about:
        'Server-sent events: `id:` counts up from 1, `data:` holds one event as JSON. `start` comes first, then `delta` for each part of the text, and finally `done` or `error`. `approvals` adds `permission_request` and `question`; `"events": "full"` adds all others. A comment line is sent after every 15 seconds of silence. A run that fails before its first content returns an HTTP status instead.',
      answers: { 200: { about: 'The events.', events: 'ChatEvent' } },
      handler: chatStream,
    },
  ],
}

async function chat(options: ChatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const run = await start(options, body, { streaming: false, request, reply })
  if (body.background) return replyAccepted(options, run, reply)
  return reply.send(toReply(await collectRun(run), run.id))
}

/** Answers 202: a background run is already stored on disk. */
async function replyAccepted({ runs }: ChatOptions, run: RunHandle, reply: FastifyReply): Promise<unknown> {
  reply.header('location', `/v1/runs/${run.id}`)
  const record = await runs.get(run.id)
  if (record === null) throw new Error('an accepted run is missing from the store')
  return reply.code(202).send(toRunReply(record))
}

async function chatStream(options: ChatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const run = await start(options, body, { streaming: true, request, reply })
  const native = new NativeEvents({ runId: run.id, requestId: request.id, isFull: body.events === 'full' })
  return streamRun(run, native, request, reply)
}

type Exchange = { streaming: boolean; request: FastifyRequest; reply: FastifyReply }

/** Checks the body and starts its run. */
async function start(
  options: ChatOptions,
  body: ChatRequest,
  { streaming, request, reply }: Exchange,
): Promise<RunHandle> {
  const timeoutMs = checkTimeout(body, options)
  if (body.fork && !body.session_id) throw invalidField('fork', 'requires a session_id to copy')
  if (body.on_crash === 'restart' && !body.background) throw invalidField('on_crash', 'requires "background": true')
  await checkAnswerSchema(body.json_schema ?? null, 'json_schema')
  const input: RunInput = {
    ...toRunRequest(await withModels(body, options), await checkRequest(body, options, request.caller), streaming),
    timeoutMs,
    surface: 'native',
    metadata: body.metadata ?? {},
    background: body.background === true,
    onCrash: body.on_crash ?? 'fail',
  }
  return startRun(options.runs, input, request, reply)
}

async function checkRequest(
  body: ChatRequest,
  { permissionModes, cwdRoots }: ChatOptions,
  caller: Caller,
): Promise<Checked> {
  const roots = cwdRoots(caller)
  checkAgents(body, permissionModes)
  return {
    roots,
    permissionMode: checkPermissionMode(body.permission_mode ?? null, permissionModes),
    cwd: body.cwd ? await resolveFolder(body.cwd, roots, 'cwd') : null,
    addDirs: body.add_dirs
      ? await Promise.all(body.add_dirs.map((dir, index) => resolveFolder(dir, roots, `add_dirs[${index}]`)))
      : null,
  }
}

/** The body with the names that the CLI has for its models. */
async function withModels(body: ChatRequest, options: ChatOptions): Promise<ChatRequest> {
  const { model, fallback_model: fallback, agents } = body
  const resolvedAgents = Object.entries(agents ?? {}).map(async ([name, agent]) =>
    typeof agent.model === 'string' && agent.model !== 'inherit'
      ? [name, { ...agent, model: await cliModel(agent.model, options, `agents.${name}.model`) }]
      : [name, agent],
  )
  return {
    ...body,
    ...(model ? { model: await cliModel(model, options, 'model') } : {}),
    ...(fallback ? { fallback_model: await cliModel(fallback, options, 'fallback_model') } : {}),
    ...(agents ? { agents: Object.fromEntries(await Promise.all(resolvedAgents)) } : {}),
  }
}

/** Every model is Claude Code itself here, with or without `agent/`. Throws `model_not_found`. */
async function cliModel(name: string, { models, modelMap }: ChatOptions, field: string): Promise<string> {
  const resolve = (facts: readonly ModelFact[]) => resolveModel(name, facts, modelMap, field).model ?? 'default'
  try {
    return resolve([])
  } catch {
    // Asking the CLI may start a process, which most names do not need.
    return resolve(await models())
  }
}

function checkTimeout(body: ChatRequest, { requestTimeoutMs, maxRequestTimeoutMs }: ChatOptions): number {
  if (!body.timeout_s) return requestTimeoutMs
  const timeoutMs = body.timeout_s * 1000
  if (timeoutMs > maxRequestTimeoutMs) {
    throw invalidField('timeout_s', `must be at most ${maxRequestTimeoutMs / 1000} (--max-request-timeout)`)
  }
  return timeoutMs
}

const knownModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions', 'auto']

/** The agents that a request defines are limited to the same permission modes as the request. */
function checkAgents({ agents }: ChatRequest, allowed: readonly PermissionMode[]): void {
  for (const { permissionMode: mode } of Object.values(agents ?? {})) {
    if (mode !== undefined) checkPermissionMode(String(mode), allowed)
  }
}

function checkPermissionMode(mode: string | null, allowed: readonly PermissionMode[]): PermissionMode | null {
  if (mode === null) return null
  const granted = allowed.find((each) => each === mode)
  if (granted === 'bypassPermissions' && process.getuid?.() === 0) {
    const text = 'permission_mode bypassPermissions is not allowed while the server runs as root'
    throw new AppError('permission_mode_not_allowed', text, { field: 'permission_mode' })
  }
  if (granted !== undefined) return granted
  const list = allowed.join(', ')
  if (!knownModes.includes(mode)) {
    throw invalidField('permission_mode', `must be one of ${list}, not ${JSON.stringify(mode.slice(0, 80))}`)
  }
  const text = `permission_mode ${mode} is not allowed; this server allows ${list} (--permission-modes)`
  throw new AppError('permission_mode_not_allowed', text, { field: 'permission_mode' })
}
