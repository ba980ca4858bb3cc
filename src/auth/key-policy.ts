// What a key's policy makes of a run: what the request leaves open is set, and what the key may not is refused; and
// what is spent of its budget. The policy itself is in core/key-record.ts.
import type { budgetPeriods, KeyPolicy, KeyRecord } from '../core/key-record.ts'
import type { RunInput } from '../core/runs.ts'
import type { KeyStore } from '../core/store.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import { isWithin } from '../platform/allowed-folders.ts'

/**
 * The run as the key may do it. Throws `insufficient_scope` for a model or a tool, and `permission_mode_not_allowed`;
 * each error names what is allowed. Folders that a request names are checked before (see `cwdRoots` of a caller).
 */
export function withinPolicy(input: RunInput, key: KeyRecord | null): RunInput {
  if (key === null) return input
  const { policy } = key
  const limited = {
    ...input,
    ownerRunsMax: policy.runsMax,
    options: { ...input.options, ...modelsWithin(input, policy) },
  }
  return input.plain === null ? agentWithin(limited, policy) : limited
}

function modelsWithin({ options }: RunInput, { models }: KeyPolicy): Pick<RunInput['options'], 'model'> {
  const { model, fallbackModel, agents } = options
  if (models === null) return { model }
  const check = (name: unknown, field: string) => {
    if (name === undefined || name === null || name === 'inherit') return
    if (typeof name === 'string' && models.some((each) => isModel(name, each))) return
    throw refused('insufficient_scope', field, `the model ${String(name)}`, models)
  }
  check(model, 'model')
  check(fallbackModel, 'fallback_model')
  for (const [name, agent] of Object.entries(agents ?? {})) check(agent.model, `agents.${name}.model`)
  return { model: model ?? models[0] ?? null }
}

/** Whether the key's runs may use the model of this name. */
export const mayUseModel = (key: KeyRecord | null, name: string): boolean =>
  key?.policy.models?.some((each) => isModel(name, each)) ?? true

/** Throws `insufficient_scope` for a model that the key's runs may not use. */
export function checkMayUse(key: KeyRecord | null, name: string): void {
  if (!mayUseModel(key, name))
    throw refused('insufficient_scope', 'model', `the model ${name}`, key?.policy.models ?? [])
}

const families = ['sonnet', 'opus', 'haiku', 'fable', 'mythos']

/** `allowed` is a model's name, or that of its family: `sonnet` stands for every Sonnet, with any length of context. */
function isModel(name: string, allowed: string): boolean {
  const base = name.replace(/\[\w+\]$/, '')
  const family = base.split(/[-.@:/]/).find((part) => families.includes(part))
  return name === allowed || base === allowed || family === allowed
}

function agentWithin(input: RunInput, policy: KeyPolicy): RunInput {
  const { tools, permissionModes, cwdRoots } = policy
  const { options, session } = input
  const modes = [
    ['permission_mode', options.permissionMode],
    ...Object.entries(options.agents ?? {}).map(([name, agent]) => [
      `agents.${name}.permissionMode`,
      agent.permissionMode,
    ]),
  ] as [string, string | null | undefined][]
  for (const [field, mode] of modes) {
    if (!mode || permissionModes === null || permissionModes.some((each) => each === mode)) continue
    throw refused('permission_mode_not_allowed', field, `the permission mode ${mode}`, permissionModes)
  }
  if (tools !== null) checkTools(options, tools)
  if ([policy.models, tools, permissionModes, cwdRoots].some((limit) => limit !== null)) refusePrograms(input)
  if (cwdRoots?.length === 0)
    throw new AppError('cwd_not_allowed', 'this API key may work in no folder that this server allows', {
      field: 'cwd',
    })
  const [root] = cwdRoots ?? []
  const isElsewhere = session.kind === 'continue' || session.kind === 'fork'
  return {
    ...input,
    ...(cwdRoots === null ? {} : { roots: cwdRoots }),
    options: {
      ...options,
      tools: options.tools ?? tools,
      permissionMode: options.permissionMode ?? permissionModes?.[0] ?? null,
      // An earlier conversation goes on in its own folder, which `roots` is held against.
      cwd: options.cwd ?? (isElsewhere ? null : (root ?? null)),
    },
  }
}

function checkTools({ tools, agents }: RunInput['options'], allowed: readonly string[]): void {
  const check = (names: readonly string[], field: string) => {
    const excluded = names.find((name) => !allowed.includes(name))
    if (excluded !== undefined) throw refused('insufficient_scope', field, `the tool ${excluded}`, allowed)
  }
  check(tools ?? [], 'tools')
  for (const [name, { tools: own = [] }] of Object.entries(agents ?? {}))
    check(Array.isArray(own) ? own.map(String) : String(own).split(/\s*,\s*/), `agents.${name}.tools`)
}

/** Programs and commands of a request do, with nobody's permission, what tools, models and folders are limited for. */
function refusePrograms({ options: { mcpServers, agents }, commands = false }: RunInput): void {
  const refuse = (field: string) => {
    const text = `the runs of this API key are limited, so its requests may not bring programs or commands (${field})`
    throw new AppError('insufficient_scope', text, { field })
  }
  if (commands) refuse('commands')
  for (const [name, server] of Object.entries(mcpServers ?? {})) if ('command' in server) refuse(`mcp_servers.${name}`)
  for (const [name, { hooks, mcpServers: servers }] of Object.entries(agents ?? {})) {
    if (hooks !== undefined) refuse(`agents.${name}.hooks`)
    if (servers !== undefined) refuse(`agents.${name}.mcpServers`)
  }
}

function refused(code: ErrorCode, field: string, what: string, allowed: readonly string[]): AppError {
  const text = `this API key may not use ${what}; it may use ${allowed.length === 0 ? 'none' : allowed.join(', ')}`
  return new AppError(code, text, { field, allowed })
}

/** The folders that are in both lists, or below one of each. */
export function commonRoots(ours: readonly string[], theirs: readonly string[]): string[] {
  const below = (folders: readonly string[], roots: readonly string[]) =>
    folders.filter((folder) => roots.some((root) => isWithin(folder, root)))
  return [...new Set([...below(ours, theirs), ...below(theirs, ours)])]
}

/** When the budget's present period began and when it ends, in milliseconds since 1970, by UTC; null without periods. */
export function periodAt(period: KeyPolicy['budgetPeriod'], nowMs: number): { startMs: number; endMs: number } | null {
  if (period === null) return null
  const now = new Date(nowMs)
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
  const monday = day - ((now.getUTCDay() + 6) % 7)
  const bounds: Record<(typeof budgetPeriods)[number], [startMs: number, endMs: number]> = {
    day: [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)],
    week: [Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7)],
    month: [Date.UTC(year, month), Date.UTC(year, month + 1)],
  }
  const [startMs, endMs] = bounds[period]
  return { startMs, endMs }
}

/** How much of its budget a key has spent in the present period; null if it has none. */
export type BudgetUse = { budgetUsd: number; spentUsd: number; period: { startMs: number; endMs: number } | null }

export async function budgetUse(
  { id, budgetUsd, policy }: KeyRecord,
  keys: Pick<KeyStore, 'spentBy'>,
  nowMs: number,
): Promise<BudgetUse | null> {
  if (budgetUsd === null) return null
  const period = periodAt(policy.budgetPeriod, nowMs)
  return { budgetUsd, spentUsd: await keys.spentBy(id, period?.startMs ?? 0), period }
}
