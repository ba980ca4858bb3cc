// A request to Claude Code itself, with the options of the native API, as a run: the checks that it must pass beyond its schema, and
// its translation. Not for starting the run (http/start-run.ts), nor for requests to plain models.
import type { ModelFact, PermissionMode, RunOptions, RunRequest, SessionChoice } from '../core/agent.ts'
import type { PromptBlock } from '../core/content.ts'
import { type OptionBody, optionRows } from '../core/run-options.ts'
import type { RunInput } from '../core/runs.ts'
import { AppError, invalidField } from '../errors.ts'
import { resolveFolder } from '../platform/allowed-folders.ts'
import { checkAnswerSchema } from './json-schema-checks.ts'
import { resolveModel } from './models.ts'

/** Null counts as absent. */
export type AgentRequest = OptionBody & { prompt: string | PromptBlock[] }

/** What the server allows. */
export type AgentRunOptions = {
  permissionModes: readonly PermissionMode[]
  requestTimeoutMs: number
  maxRequestTimeoutMs: number
  /** The models that the CLI reports. Called for names that only it can know. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and the models they stand for. */
  modelMap: Readonly<Record<string, string>>
}

/** `roots`: real paths of the folders that the caller may use; null allows any. Throws an AppError if anything is not allowed. */
export async function toAgentRun(
  body: AgentRequest,
  { streaming, roots }: { streaming: boolean; roots: readonly string[] | null },
  options: AgentRunOptions,
): Promise<Omit<RunInput, 'surface'>> {
  const timeoutMs = checkTimeout(body, options)
  if (body.fork && !body.session_id) throw invalidField('fork', 'requires a session_id to copy')
  if (body.on_crash === 'restart' && !body.background) throw invalidField('on_crash', 'requires "background": true')
  await checkAnswerSchema(body.json_schema ?? null, 'json_schema')
  const named = await withModels(body, options)
  const checked = await checkRequest(body, options.permissionModes, roots)
  return {
    ...toRunRequest(named, checked, streaming),
    timeoutMs,
    metadata: body.metadata ?? {},
    background: body.background === true,
    onCrash: body.on_crash ?? 'fail',
  }
}

/** The parts of a request that were checked beyond its schema. */
type Checked = {
  permissionMode: PermissionMode | null
  cwd: string | null
  addDirs: string[] | null
  roots: readonly string[] | null
}

export function toRunRequest(body: AgentRequest, checked: Checked, streaming: boolean): Omit<RunRequest, 'runId'> {
  const prompt = typeof body.prompt === 'string' ? [{ type: 'text' as const, text: body.prompt }] : body.prompt
  return {
    prompt,
    session: toSessionChoice(body),
    options: toRunOptions(body, checked),
    streaming,
    plain: null,
    ...(body.commands ? { commands: true } : {}),
    ...(body.persist === false ? { persist: false } : {}),
    ...(checked.roots === null ? {} : { roots: checked.roots }),
    approvals: body.approvals === true,
    isAuxiliary: false,
  }
}

function toSessionChoice({ session_id: sessionId, fork }: AgentRequest): SessionChoice {
  if (!sessionId) return { kind: 'new' }
  return { kind: fork ? 'fork' : 'continue', sessionId }
}

function toRunOptions(body: AgentRequest, { permissionMode, cwd, addDirs }: Checked): RunOptions {
  const values = optionRows.flatMap(({ field, option }) =>
    option === undefined ? [] : [[option, body[field] ?? null]],
  )
  return { ...(Object.fromEntries(values) as RunOptions), permissionMode, cwd, addDirs }
}

async function checkRequest(
  body: AgentRequest,
  permissionModes: readonly PermissionMode[],
  roots: readonly string[] | null,
): Promise<Checked> {
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
async function withModels(body: AgentRequest, options: AgentRunOptions): Promise<AgentRequest> {
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
async function cliModel(name: string, { models, modelMap }: AgentRunOptions, field: string): Promise<string> {
  const resolve = (facts: readonly ModelFact[]) => resolveModel(name, facts, modelMap, field).model ?? 'default'
  try {
    return resolve([])
  } catch {
    // Asking the CLI may start a process, which most names do not need.
    return resolve(await models())
  }
}

/** The time limit of a request, in milliseconds. Throws `invalid_request`. */
export function checkTimeout(
  body: Pick<AgentRequest, 'timeout_s'>,
  { requestTimeoutMs, maxRequestTimeoutMs }: AgentRunOptions,
): number {
  if (!body.timeout_s) return requestTimeoutMs
  const timeoutMs = body.timeout_s * 1000
  if (timeoutMs > maxRequestTimeoutMs) {
    throw invalidField('timeout_s', `must be at most ${maxRequestTimeoutMs / 1000} (--max-request-timeout)`)
  }
  return timeoutMs
}

const knownModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions', 'auto']

/** The agents that a request defines are limited to the same permission modes as the request. */
function checkAgents({ agents }: AgentRequest, allowed: readonly PermissionMode[]): void {
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
