// The interfaces to what is stored on disk, or in a database that several servers share: runs, facts about sessions, API
// keys, usage. The implementations are in store/; one suite (test/contract/store-suite.ts) tests them all.

import type { AppError } from '../errors.ts'
import type { BatchStore, FileStore } from './batches/batches.ts'
import type { RunEnd, RunEvent } from './events.ts'
import type { KeyRecord } from './key-record.ts'

export type RunStatus = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled'

export const runStatuses: readonly RunStatus[] = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']

export const isFinal = (status: RunStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled'

/** One run, as it is stored. Times are milliseconds since 1970; null if there is none, or none yet. */
export type RunRecord = {
  id: string
  /** The surface that received it. */
  surface: string
  /** Whose run it is: the id of an API key; null if there are no keys. */
  owner: string | null
  status: RunStatus
  sessionId: string | null
  model: string | null
  cwd: string | null
  background: boolean
  metadata: Record<string, string>
  /** What is needed to restart it after a crash, as JSON. Null if it must not be restarted, and once it has ended. */
  restart: unknown
  /** The approvals that wait for an answer, as the surface shows them. */
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

/** `bodyHash` shows whether a second request with the key has the same body. */
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

/** What the CLI's own session files do not contain. */
export type SessionFacts = {
  id: string
  owner: string | null
  cwd: string
  model: string | null
  createdAtMs: number
  lastUsedAtMs: number
}

export type UsageGroup = 'day' | 'model' | 'session' | 'key'

export type UsageQuery = {
  fromMs: number
  toMs: number
  groupBy: UsageGroup
  owner?: string | null
  sessionId?: string
}

/**
 * Sums over ended runs. `group` is a day in UTC (`2026-11-22`), a model, a session's id or a key's id; null if it has
 * none.
 */
export type UsageSum = {
  group: string | null
  runs: number
  inputTokens: number
  outputTokens: number
  cacheReadInputTokens: number
  cacheCreationInputTokens: number
  costUsd: number
}

export type PruneLimits = { endedBeforeMs: number; bytesMax: number; nowMs: number }

/**
 * Runs, their events and the request snapshots that some are created with. Like every method of a store, these settle
 * when the change is durable: it survives a crash of the process and of the machine. Writes of one caller take effect in
 * the order in which they were requested. A write that fails rejects; nothing is half written. It rejects with `storage_full` if
 * the disk has no room, and may then succeed later.
 */
export interface RunStore {
  /**
   * Stores a new run; with a claim, only if no other run holds its key (an expired key is free). The run, its key and
   * the request snapshot are stored together.
   */
  createRun(run: RunRecord, claim?: IdempotencyClaim | null, requestSnapshot?: unknown): Promise<Claimed>
  /** Changes the fields in the patch. Does nothing if the run does not exist or was pruned. */
  updateRun(id: string, patch: RunPatch): Promise<void>
  /** Deletes a run that never started, and its key. */
  dropRun(id: string): Promise<void>
  /** Erases a run's request snapshot and its events. The record that it existed, and its cost, stay. */
  eraseRun(id: string): Promise<void>
  run(id: string): Promise<RunRecord | null>
  /** Newest first. Throws `invalid_request` (field `cursor`) if this list did not return the cursor. */
  runs(query: RunQuery): Promise<Page<RunRecord>>
  /** Runs that have not ended, oldest first. The ones that a server finds when it starts were interrupted. */
  unfinished(): Promise<RunRecord[]>
  /** The request snapshot that the run was created with; null if there was none, or it was erased. */
  requestSnapshot(runId: string): Promise<unknown>
  /**
   * Rejects if the run does not exist. `urgent`: does not wait for other writes.
   */
  appendEvents(runId: string, events: readonly StoredEvent[], how?: { urgent?: boolean }): Promise<void>
  /** Deletes the events of a run after the one numbered `afterSeq`. */
  clearEvents(runId: string, afterSeq: number): Promise<void>
  /** At most `limit` events after the one numbered `afterSeq`, in order. */
  events(runId: string, afterSeq: number, limit: number): Promise<StoredEvent[]>
  /** The number of a run's last event; 0 if there is none. */
  lastSeq(runId: string): Promise<number>
}

/** Facts about sessions, beside the CLI's own files. */
export interface SessionFactsStore {
  /** Inserts or updates; `createdAtMs` and `owner` keep their first values. */
  upsertSession(facts: SessionFacts): Promise<void>
  /** In any order; sessions without facts are left out. */
  sessions(ids: readonly string[]): Promise<SessionFacts[]>
  deleteSession(id: string): Promise<void>
}

/** What an operator may change of a key. */
export type KeyFields = Pick<KeyRecord, 'name' | 'scopes' | 'expiresAtMs' | 'ratePerMinute' | 'budgetUsd' | 'policy'>

/** API keys. Other processes may change them at any time: nothing that is read here may be remembered. */
export interface KeyStore {
  /** Throws `conflict` if a key that is not revoked already has the name. */
  createKey(key: KeyRecord): Promise<void>
  /** All keys, newest first, including revoked ones. */
  keys(): Promise<KeyRecord[]>
  /**
   * Whether any key exists that is not revoked: if so, every request needs one. An expired key counts; the code of a
   * one-time link does not.
   */
  hasKeys(): Promise<boolean>
  keyByHash(hash: string): Promise<KeyRecord | null>
  /** Changes the fields that are set. Throws `conflict` if the new name is taken. */
  updateKey(id: string, fields: Partial<KeyFields>): Promise<void>
  /** By id or name. False if the key does not exist or was already revoked. */
  revokeKey(idOrName: string, nowMs: number): Promise<boolean>
  /** To the minute. */
  recordKeyUse(id: string, nowMs: number): Promise<void>
  /**
   * The total cost of an owner's runs that ended at or after `sinceMs`, pruned ones included, in US dollars. `sinceMs`
   * is the start of a day by UTC, or 0.
   */
  spentBy(owner: string, sinceMs?: number): Promise<number>
}

export interface UsageStore {
  /** Sums over the runs that ended at or after `fromMs` and before `toMs`, ordered by the group's name; null last. */
  usage(query: UsageQuery): Promise<UsageSum[]>
}

/** A conversation that clients keep here, until they delete it. */
export type Conversation = {
  id: string
  /** The id of the key that it belongs to; null if there were no keys. */
  owner: string | null
  metadata: Record<string, string>
  createdAtMs: number
}

/** `item` is any JSON value. An id is unique within its conversation. */
export type NewItem = { id: string; item: unknown }

/** `seq` orders the items of a conversation. */
export type StoredItem = NewItem & { seq: number }

/** Which items of a conversation to return: at most `limit`, those after the one with the number `after`. */
export type ConversationItems = { after: number | null; limit: number; order: 'asc' | 'desc' }

/** Conversations and their items. Adding items throws `invalid_request` if there would be too many, and then adds none. */
export interface ConversationStore {
  createConversation(conversation: Conversation, items: readonly NewItem[]): Promise<void>
  conversation(id: string): Promise<Conversation | null>
  /** Replaces the metadata. Does nothing if the conversation does not exist. */
  updateConversation(id: string, metadata: Record<string, string>): Promise<void>
  /** With its items. */
  deleteConversation(id: string): Promise<void>
  /** Does nothing if the conversation does not exist. With `mayExceed` the limits do not count. */
  addItems(conversationId: string, items: readonly NewItem[], options?: { mayExceed?: boolean }): Promise<void>
  /** Throws `invalid_request` if items of this size would be too many. */
  requireRoom(conversationId: string, bytes: number): Promise<void>
  items(conversationId: string, query: ConversationItems): Promise<StoredItem[]>
  item(conversationId: string, id: string): Promise<StoredItem | null>
  /** False if there is no such item. */
  deleteItem(conversationId: string, id: string): Promise<boolean>
}

export interface Store
  extends RunStore,
    SessionFactsStore,
    KeyStore,
    UsageStore,
    ConversationStore,
    BatchStore,
    FileStore {
  /**
   * Deletes runs that ended before `endedBeforeMs`, with their events, then the oldest ended runs until the events take
   * at most `bytesMax` bytes. Also deletes expired idempotency keys and files, batches that ended 30 days ago, and what one-time links
   * have left behind. Works in small steps so that other writes are not held up. Returns the number of runs deleted.
   */
  prune(limits: PruneLimits): Promise<number>
  /** Why nothing can be stored at present; null if it can. */
  problem(): Promise<AppError | null>
  /** Writes everything that is pending, then closes the store. Later calls reject with `shutting_down`. */
  close(): Promise<void>
}
