// Keys as `claude-serve keys` prints them: as a table, or as JSON. Neither contains a secret. Pure.
import { isMostlySpent, isUsable, type KeyRecord } from '../../core/key-record.ts'
import { asTable } from '../table.ts'
import { showDollars } from '../terminal-text.ts'
import { describePolicy } from './policy.ts'

export type KeyState = 'active' | 'expired' | 'revoked'

/** A key with the cost of its runs. */
export type ShownKey = { key: KeyRecord; spentUsd: number; state: KeyState }

export function stateOf(key: KeyRecord, nowMs: number): KeyState {
  if (key.revokedAtMs !== null) return 'revoked'
  return isUsable(key, nowMs) ? 'active' : 'expired'
}

const toTime = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** Field by field, so that the hash is not included. */
export function keyAsJson({ key, spentUsd, state }: ShownKey) {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    state,
    scopes: key.scopes,
    created_at: toTime(key.createdAtMs),
    expires_at: toTime(key.expiresAtMs),
    last_used_at: toTime(key.lastUsedAtMs),
    revoked_at: toTime(key.revokedAtMs),
    rate_per_minute: key.ratePerMinute,
    budget_usd: key.budgetUsd,
    budget_period: key.policy.budgetPeriod,
    spent_usd: spentUsd,
    max_concurrency: key.policy.runsMax,
    models: key.policy.models,
    tools: key.policy.tools,
    cwd_roots: key.policy.cwdRoots,
    permission_modes: key.policy.permissionModes,
  }
}

type Column = { title: string; cell(shown: ShownKey): string }

const columns: readonly Column[] = [
  { title: 'name', cell: ({ key }) => key.name },
  { title: 'prefix', cell: ({ key }) => `${key.prefix}…` },
  { title: 'scopes', cell: ({ key }) => key.scopes.join(',') },
  { title: 'created', cell: ({ key }) => showTime(key.createdAtMs) },
  { title: 'expires', cell: ({ key }) => showTime(key.expiresAtMs) },
  { title: 'last used', cell: ({ key }) => showTime(key.lastUsedAtMs) },
  { title: 'rate', cell: ({ key }) => (key.ratePerMinute === null ? '-' : `${key.ratePerMinute}/min`) },
  { title: 'budget', cell: ({ key }) => (key.budgetUsd === null ? '-' : showBudget(key)) },
  { title: 'spent', cell: showSpent },
]

const limitsColumn: Column = { title: 'limits', cell: ({ key }) => describePolicy(key.policy).join('; ') || '-' }
const stateColumn: Column = { title: 'state', cell: ({ state }) => state }

/** The first line holds the titles. */
export function keysAsTable(shown: readonly ShownKey[], { withState }: { withState: boolean }): string[] {
  const isLimited = shown.some(({ key }) => describePolicy(key.policy).length > 0)
  const chosen = [...columns, ...(isLimited ? [limitsColumn] : []), ...(withState ? [stateColumn] : [])]
  const rows = shown.map((each) => chosen.map(({ cell }) => cell(each)))
  return asTable([chosen.map(({ title }) => title), ...rows], null, printable)
}

/** One sentence about a key that was just created. */
export function describeKey(key: KeyRecord): string {
  const { expiresAtMs, ratePerMinute, budgetUsd } = key
  const facts = [
    `scopes ${key.scopes.join(', ')}`,
    expiresAtMs === null ? 'never expires' : `expires ${showTime(expiresAtMs)}`,
    ...(ratePerMinute === null ? [] : [`${ratePerMinute} requests per minute`]),
    ...(budgetUsd === null ? [] : [`budget ${showBudget(key)}`]),
    ...describePolicy(key.policy),
  ]
  return `key ${key.name} (${key.id}): ${facts.join(', ')}`
}

const showBudget = ({ budgetUsd, policy: { budgetPeriod } }: KeyRecord) =>
  `${showDollars(budgetUsd ?? 0)}${budgetPeriod === null ? '' : ` a ${budgetPeriod}`}`

/** With the share of the budget, once that is worth a warning. */
function showSpent({ key: { budgetUsd }, spentUsd }: ShownKey): string {
  const isWarning = budgetUsd !== null && isMostlySpent(spentUsd, budgetUsd)
  return `${showDollars(spentUsd)}${isWarning ? ` (${Math.floor((100 * spentUsd) / budgetUsd)} %)` : ''}`
}

/** In UTC, as the Z indicates. */
function showTime(ms: number | null): string {
  return ms === null ? 'never' : `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}Z`
}

/** A name that was set over the API must not control a terminal. */
const printable = (text: string) => text.replace(/\p{C}/gu, '?')
