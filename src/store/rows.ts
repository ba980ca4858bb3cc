// Converts between database rows and the records of core/store.ts. Pure; not for SQL.

import type { RunEnd } from '../core/events.ts'
import type { KeyRecord } from '../core/key-record.ts'
import type { RunRecord, SessionFacts, StoredEvent, UsageSum } from '../core/store.ts'

export type Columns = Record<string, string | number | null>

export type RunRow = {
  id: string
  surface: string
  owner: string | null
  status: RunRecord['status']
  session_id: string | null
  model: string | null
  cwd: string | null
  background: number
  created_at_ms: number
  started_at_ms: number | null
  ended_at_ms: number | null
  metadata_json: string
  pending_json: string
  restart_json: string | null
  end_json: string | null
}

export type EventRow = { seq: number; json: string }

export type SessionRow = {
  id: string
  owner: string | null
  cwd: string
  model: string | null
  created_at_ms: number
  last_used_at_ms: number
}

export type UsageRow = {
  name: string | null
  runs: number
  input_tokens: number
  output_tokens: number
  cache_read_input_tokens: number
  cache_creation_input_tokens: number
  cost_usd: number
}

export type KeyRow = {
  id: string
  name: string
  prefix: string
  hash: string
  scopes_json: string
  created_at_ms: number
  expires_at_ms: number | null
  rate_per_minute: number | null
  budget_usd: number | null
  revoked_at_ms: number | null
  last_used_at_ms: number | null
}

/** Fields of a run that are stored unchanged. */
const plainColumns = {
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
} as const satisfies Partial<Record<keyof RunRecord, string>>

/** The columns of the tables `runs` and `run_documents` for the fields that are set. */
export function toRunColumns(fields: Partial<RunRecord>): { run: Columns; documents: Columns } {
  const run: Columns = {}
  const documents: Columns = {}
  for (const field of Object.keys(plainColumns) as (keyof typeof plainColumns)[]) {
    const value = fields[field]
    if (value !== undefined) run[plainColumns[field]] = value
  }
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

export function toRunRecord(row: RunRow): RunRecord {
  return {
    id: row.id,
    surface: row.surface,
    owner: row.owner,
    status: row.status,
    sessionId: row.session_id,
    model: row.model,
    cwd: row.cwd,
    background: row.background !== 0,
    metadata: JSON.parse(row.metadata_json),
    restart: fromJson(row.restart_json),
    pending: JSON.parse(row.pending_json),
    end: fromJson(row.end_json) as RunEnd | null,
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
  }
}

export function toStoredEvent({ seq, json }: EventRow): StoredEvent {
  return { seq, event: JSON.parse(json) }
}

export function toSessionFacts(row: SessionRow): SessionFacts {
  return {
    id: row.id,
    owner: row.owner,
    cwd: row.cwd,
    model: row.model,
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  }
}

export function toUsageSum(row: UsageRow): UsageSum {
  return {
    group: row.name,
    runs: row.runs,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadInputTokens: row.cache_read_input_tokens,
    cacheCreationInputTokens: row.cache_creation_input_tokens,
    costUsd: row.cost_usd,
  }
}

export function toKeyColumns(key: KeyRecord): Columns & KeyRow {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    hash: key.hash,
    scopes_json: JSON.stringify(key.scopes),
    created_at_ms: key.createdAtMs,
    expires_at_ms: key.expiresAtMs,
    rate_per_minute: key.ratePerMinute,
    budget_usd: key.budgetUsd,
    revoked_at_ms: key.revokedAtMs,
    last_used_at_ms: key.lastUsedAtMs,
  }
}

export function toKeyRecord(row: KeyRow): KeyRecord {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    hash: row.hash,
    scopes: JSON.parse(row.scopes_json),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    ratePerMinute: row.rate_per_minute,
    budgetUsd: row.budget_usd,
    revokedAtMs: row.revoked_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  }
}

function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function fromJson(json: string | null): unknown {
  return json === null ? null : JSON.parse(json)
}
