// What is kept on disk, or in a database that several servers share: runs and their events, facts about sessions, idempotency
// keys. The interface only; store/ has the implementations, and one suite (test/contract/store-suite.ts) holds for all.

import type { RunEnd, RunEvent } from './events.ts'
import type { KeyRecord } from './key-record.ts'

export type RunStatus = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled'

export const runStatuses: readonly RunStatus[] = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']

export const isFinal = (status: RunStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled'

/** One run, as it is kept. Times are milliseconds since 1970; null where there is none, or none yet. */
export type RunRecord = {
  id: string
  /** The surface it came in by. */
  surface: string
  /** Whose run it is: the id of an API key, null where there are no keys. */
  owner: string | null
  status: RunStatus
  sessionId: string | null
  model: string | null
  cwd: string | null
  background: boolean
  metadata: Record<string, string>
  /** What is needed to run it again after a crash, as JSON; null where it must not be, and once it has ended. */
  restart: unknown
  /** What waits for a person's answer, as the surface shows it. */
  pending: unknown[]
  end: RunEnd | null
  createdAtMs: number
  startedAtMs: number | null
  endedAtMs: number | null
}

export type RunPatch = Partial<
  Pick<
    RunRecord,
    'status' | 'sessionId' | 'model' | 'cwd' | 'restart' | 'pending' | 'end' | 'startedAtMs' | 'endedAtMs'
  >
>

/** `seq` counts the events of a run from 1. */
export type StoredEvent = { seq: number; event: RunEvent }

/** `bodyHash` tells whether a second request with the key asks for the same. */
export type IdempotencyClaim = { key: string; owner: string | null; bodyHash: string; expiresAtMs: number }

export type Claimed = { kind: 'created' } | { kind: 'exists'; runId: string; bodyHash: string }

export type RunQuery = {
  owner?: string | null
  status?: RunStatus
  sessionId?: string
  /** 1 to 200. */
  limit: number
  /** A page's `nextCursor`. */
  cursor?: string
}

export type Page<T> = { items: T[]; nextCursor: string | null }

/** What the CLI's own session files do not tell. */
export type SessionFacts = {
  id: string
  owner: string | null
  cwd: string
  model: string | null
  createdAtMs: number
  lastUsedAtMs: number
}

export type UsageGroup = 'day' | 'model' | 'session' | 'key'

export type UsageQuery = { fromMs: number; toMs: number; groupBy: UsageGroup; owner?: string | null }

/** Sums over ended runs. `group` is a day in UTC (`2026-11-22`), a model, a session's id or a key's id; null for none. */
export type UsageSum = {
  group: string | null
  runs: number
  inputTokens: number
  outputTokens: number
  cacheReadInputTokens: number
  cacheCreationInputTokens: number
  costUsd: number
}

/**
 * Every promise settles when the change is durable: it survives the death of the process and of the machine. Writes of one
 * caller take effect in the order in which they were asked for. What cannot be written rejects; nothing is half written.
 */
export interface Store {
  /**
   * Keeps a new run; with a claim, only where nobody holds its key (a key whose time is over is free). Run and key come
   * into being together, and what was asked with them.
   */
  createRun(run: RunRecord, claim?: IdempotencyClaim | null, asked?: unknown): Promise<Claimed>
  /** Changes what is given. A run that is not there, or was pruned, is passed over. */
  updateRun(id: string, patch: RunPatch): Promise<void>
  /** Forgets a run that was never begun, with its key. */
  dropRun(id: string): Promise<void>
  /** What was given as `asked` with the run; null where there was nothing, or it was forgotten. */
  requestSnapshot(runId: string): Promise<unknown>
  /** Forgets what a run was asked and what happened in it. That it was there, and what it cost, stays. */
  eraseRun(id: string): Promise<void>
  /** Forgets what happened in a run that is to begin anew. */
  clearEvents(runId: string): Promise<void>
  appendEvents(runId: string, events: readonly StoredEvent[]): Promise<void>
  run(id: string): Promise<RunRecord | null>
  /** The newest first. Throws `invalid_request` (field `cursor`) for a cursor that is none of its own. */
  runs(query: RunQuery): Promise<Page<RunRecord>>
  /** At most `limit` events after the one numbered `afterSeq`, in order. */
  events(runId: string, afterSeq: number, limit: number): Promise<StoredEvent[]>
  /** The number of a run's last event; 0 where there is none. */
  lastSeq(runId: string): Promise<number>
  /** Runs that have not ended, the oldest first: what a server finds at its start was interrupted. */
  unfinished(): Promise<RunRecord[]>
  /** Keeps, or brings up to date; `createdAtMs` and `owner` stay as they were first. */
  upsertSession(facts: SessionFacts): Promise<void>
  sessions(ids: readonly string[]): Promise<SessionFacts[]>
  deleteSession(id: string): Promise<void>
  /** Runs that ended within the time, from `fromMs` on and before `toMs`. In order of the group's name. */
  usage(query: UsageQuery): Promise<UsageSum[]>
  /** Throws `conflict` where a key that is not revoked has the name already. */
  createKey(key: KeyRecord): Promise<void>
  /** All keys, the newest first; revoked ones too. */
  keys(): Promise<KeyRecord[]>
  /**
   * Whether any key exists that is not revoked: from then on every request needs one. An expired key counts, the code of a one-time
   * link does not.
   */
  hasKeys(): Promise<boolean>
  keyByHash(hash: string): Promise<KeyRecord | null>
  /** By id or name. False where there is no such key, or it was revoked before. */
  revokeKey(idOrName: string, nowMs: number): Promise<boolean>
  recordKeyUse(id: string, nowMs: number): Promise<void>
  /** What the ended runs of an owner have cost together, in US dollars. */
  spentBy(owner: string): Promise<number>
  /**
   * Drops ended runs, with their events, that ended before `endedBeforeMs`, then the oldest until the events take at most
   * `bytesMax` bytes; idempotency keys whose time is over, and what one-time links have left. Works in small steps that leave others room. Gives the number of runs dropped.
   */
  prune(limits: { endedBeforeMs: number; bytesMax: number; nowMs: number }): Promise<number>
  /** Writes what is still to be written and lets go. */
  close(): Promise<void>
}
