// Converts between database rows and the records of core/store.ts. Pure; not for SQL.
import type { SQLOutputValue } from 'node:sqlite'
import type { RunEnd } from '../core/events.ts'
import { type KeyPolicy, type KeyRecord, noPolicy } from '../core/key-record.ts'
import type { RunRecord, SessionFacts, StoredEvent, UsageSum } from '../core/store.ts'

export type Columns = Record<string, string | number | null>

/** A row as a statement returns it. SQLite's tables are strict, so its values have the types of their columns. */
export type Row = Record<string, SQLOutputValue>

/** The columns of fields that are stored unchanged. */
type ColumnNames<Field extends string> = Readonly<Record<Field, string>>

const runColumns = {
  id: 'id',
  surface: 'surface',
  owner: 'owner',
  status: 'status',
  sessionId: 'session_id',
  model: 'model',
  cwd: 'cwd',
  createdAtMs: 'created_at_ms',
  startedAtMs: 'started_at_ms',
  endedAtMs: 'ended_at_ms',
} as const satisfies Partial<ColumnNames<keyof RunRecord>>

const sessionColumns: ColumnNames<keyof SessionFacts> = {
  id: 'id',
  owner: 'owner',
  cwd: 'cwd',
  model: 'model',
  createdAtMs: 'created_at_ms',
  lastUsedAtMs: 'last_used_at_ms',
}

const usageColumns: ColumnNames<keyof UsageSum> = {
  group: 'name',
  runs: 'runs',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadInputTokens: 'cache_read_input_tokens',
  cacheCreationInputTokens: 'cache_creation_input_tokens',
  costUsd: 'cost_usd',
}

const keyColumns: ColumnNames<Exclude<keyof KeyRecord, 'scopes' | 'policy'>> = {
  id: 'id',
  name: 'name',
  prefix: 'prefix',
  hash: 'hash',
  createdAtMs: 'created_at_ms',
  expiresAtMs: 'expires_at_ms',
  ratePerMinute: 'rate_per_minute',
  budgetUsd: 'budget_usd',
  revokedAtMs: 'revoked_at_ms',
  lastUsedAtMs: 'last_used_at_ms',
}

/** The columns of the fields that are set. */
function toColumns<Field extends string>(
  names: ColumnNames<Field>,
  fields: Partial<Record<NoInfer<Field>, string | number | null>>,
): Columns {
  const columns: Columns = {}
  for (const field of Object.keys(names) as Field[]) {
    const value = fields[field]
    if (value !== undefined) columns[names[field]] = value
  }
  return columns
}

function toFields<Fields>(names: ColumnNames<keyof Fields & string>, row: Row): Fields {
  return Object.fromEntries(Object.entries<string>(names).map(([field, name]) => [field, row[name]])) as Fields
}

/** The columns of the tables `runs` and `run_documents` for the fields that are set. */
export function toRunColumns(fields: Partial<RunRecord>): { run: Columns; documents: Columns } {
  const run = toColumns(runColumns, fields)
  const documents: Columns = {}
  if (fields.background !== undefined) run.background = Number(fields.background)
  if (fields.metadata !== undefined) run.metadata_json = JSON.stringify(fields.metadata)
  if (fields.pending !== undefined) run.pending_json = JSON.stringify(fields.pending)
  if (fields.restart !== undefined) documents.restart_json = toJson(fields.restart)
  if (fields.end !== undefined) {
    documents.end_json = toJson(fields.end)
    Object.assign(run, toUsageColumns(fields.end))
  }
  return { run, documents }
}

/** The columns that usage sums read. A run that failed early may have no model. */
function toUsageColumns(end: RunEnd | null): Columns {
  return {
    end_model: end?.model || null,
    input_tokens: end?.usage.inputTokens ?? null,
    output_tokens: end?.usage.outputTokens ?? null,
    cache_read_input_tokens: end?.usage.cacheReadInputTokens ?? null,
    cache_creation_input_tokens: end?.usage.cacheCreationInputTokens ?? null,
    cost_usd: end?.costUsd ?? null,
  }
}

export const toRunRecord = (row: Row): RunRecord => ({
  ...toFields<Pick<RunRecord, keyof typeof runColumns>>(runColumns, row),
  background: row.background !== 0,
  metadata: fromJson(row.metadata_json) as RunRecord['metadata'],
  restart: fromJson(row.restart_json),
  pending: fromJson(row.pending_json) as unknown[],
  end: fromJson(row.end_json) as RunEnd | null,
})

export const toStoredEvent = ({ seq, json }: Row): StoredEvent => ({
  seq: Number(seq),
  event: fromJson(json) as StoredEvent['event'],
})

export const toSessionColumns = (facts: SessionFacts): Columns => toColumns(sessionColumns, facts)

export const toSessionFacts = (row: Row): SessionFacts => toFields(sessionColumns, row)

export const toUsageSum = (row: Row): UsageSum => toFields(usageColumns, row)

export const toKeyColumns = ({ scopes, policy, ...fields }: Partial<KeyRecord>): Columns => ({
  ...toColumns(keyColumns, fields),
  ...(scopes === undefined ? {} : { scopes_json: JSON.stringify(scopes) }),
  ...(policy === undefined ? {} : { policy_json: JSON.stringify(policy) }),
})

export const toKeyRecord = (row: Row): KeyRecord => ({
  ...toFields<Omit<KeyRecord, 'scopes' | 'policy'>>(keyColumns, row),
  policy: { ...noPolicy, ...(fromJson(row.policy_json) as Partial<KeyPolicy>) },
  scopes: fromJson(row.scopes_json) as KeyRecord['scopes'],
})

function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function fromJson(json: SQLOutputValue | undefined): unknown {
  return typeof json === 'string' ? JSON.parse(json) : null
}
