// The Store in one SQLite file of the data folder, for one server at a time. Not for a database that several servers
// share.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { KeyRecord } from '../core/key-record.ts'
import type {
  Claimed,
  IdempotencyClaim,
  Page,
  RunPatch,
  RunQuery,
  RunRecord,
  SessionFacts,
  Store,
  StoredEvent,
  UsageQuery,
  UsageSum,
} from '../core/store.ts'
import { StartupError, shuttingDown } from '../errors.ts'
import { makePrivateFolder, type OnWarning } from '../platform/private-files.ts'
import { addEvents, addRun, clearEvents, eraseRun, patchRun, putSession, removeRun, removeSession } from './changes.ts'
import { closeDatabase, openDatabase, type Prepare, preparer, runningPid } from './database.ts'
import { DiskSync } from './disk-sync.ts'
import { lockFolder } from './folder-lock.ts'
import { GroupCommit } from './group-commit.ts'
import {
  addKey,
  findKey,
  hasKeysInForce,
  listKeys,
  recordUse,
  revokeKey,
  shouldRecordUse,
  sumSpent,
} from './key-table.ts'
import { migrate } from './migrations.ts'
import { prune } from './prune.ts'
import {
  findLastSeq,
  findRequestSnapshot,
  findRun,
  findSessions,
  listEvents,
  listRuns,
  listUnfinished,
  sumUsage,
} from './queries.ts'
import { toStoreError } from './store-error.ts'

export type SqliteOptions = {
  /** Created if missing, and closed to other users. */
  folder: string
  now?: () => number
  /** Receives warnings for the log about problems that do not stop the store from working. */
  onWarning?: OnWarning
}

/** Throws a StartupError that says what to do. */
export async function openSqliteStore({ folder, now = Date.now, onWarning = () => {} }: SqliteOptions): Promise<Store> {
  makePrivateFolder(folder, onWarning)
  const file = join(folder, 'claude-serve.db')
  const lock = lockFolder(folder, onWarning)
  if (lock === null) throw inUse(folder, runningPid(file))
  try {
    const db = openDatabase(file, onWarning)
    const disk = await syncElsewhere(db, file)
    const onClose = async () => {
      try {
        await disk.close()
        closeDatabase(db, onWarning)
      } finally {
        lock.release()
      }
    }
    return new SqliteStore({ db, now, urgent: false, onDisk: () => disk.done(), onClose })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Nothing in it outlives the process: for tests. */
export function openMemoryStore(now: () => number = Date.now): Store {
  const db = new DatabaseSync(':memory:')
  migrate(db)
  return new SqliteStore({ db, now, urgent: true, onDisk: async () => {}, onClose: async () => db.close() })
}

/** Waiting for the disk here would block everything: SQLite writes its log, and another thread syncs it. */
async function syncElsewhere(db: DatabaseSync, file: string): Promise<DiskSync> {
  try {
    const disk = await DiskSync.open(`${file}-wal`)
    db.exec('PRAGMA synchronous = NORMAL')
    return disk
  } catch (error) {
    db.close()
    throw toStoreError(file, error)
  }
}

function inUse(folder: string, pid: number | null): StartupError {
  const who = pid === null ? 'another claude-serve' : `another claude-serve (process ${pid})`
  return new StartupError(
    `The data folder ${folder} is in use by ${who}: stop it, or set another folder for this server with --data-dir.`,
  )
}

type Parts = {
  db: DatabaseSync
  now: () => number
  /** Whether every write is committed at once: there is no disk whose wait they could share. */
  urgent: boolean
  /** Resolves once all earlier commits are on the disk. */
  onDisk(): Promise<void>
  /** Closes everything, after the last commit. */
  onClose(): Promise<void>
}

/** Writes and reads share one connection, in the order of the calls: a read sees writes that are not durable yet. */
class SqliteStore implements Store {
  readonly #parts: Parts
  readonly #prepare: Prepare
  readonly #group: GroupCommit
  #isOpen = true

  constructor(parts: Parts) {
    this.#parts = parts
    this.#prepare = preparer(parts.db)
    this.#group = new GroupCommit(parts.db, parts.onDisk)
  }

  async createRun(
    run: RunRecord,
    claim: IdempotencyClaim | null = null,
    requestSnapshot: unknown = null,
  ): Promise<Claimed> {
    const { now } = this.#parts
    // Urgent, because a caller waits for it before anything else starts.
    return this.#write((prepare) => addRun(prepare, { run, claim, requestSnapshot }, now()), { urgent: true })
  }

  async requestSnapshot(runId: string): Promise<unknown> {
    return findRequestSnapshot(this.#reading(), runId)
  }

  async eraseRun(id: string): Promise<void> {
    return this.#write((prepare) => eraseRun(prepare, id))
  }

  async updateRun(id: string, patch: RunPatch): Promise<void> {
    return this.#write((prepare) => patchRun(prepare, id, patch))
  }

  async dropRun(id: string): Promise<void> {
    return this.#write((prepare) => removeRun(prepare, id))
  }

  async clearEvents(runId: string): Promise<void> {
    return this.#write((prepare) => clearEvents(prepare, runId))
  }

  async appendEvents(runId: string, events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return
    return this.#write((prepare) => addEvents(prepare, runId, events))
  }

  async run(id: string): Promise<RunRecord | null> {
    return findRun(this.#reading(), id)
  }

  async runs(query: RunQuery): Promise<Page<RunRecord>> {
    return listRuns(this.#reading(), query)
  }

  async events(runId: string, afterSeq: number, limit: number): Promise<StoredEvent[]> {
    return listEvents(this.#reading(), runId, afterSeq, limit)
  }

  async lastSeq(runId: string): Promise<number> {
    return findLastSeq(this.#reading(), runId)
  }

  async unfinished(): Promise<RunRecord[]> {
    return listUnfinished(this.#reading())
  }

  async upsertSession(facts: SessionFacts): Promise<void> {
    return this.#write((prepare) => putSession(prepare, facts))
  }

  async sessions(ids: readonly string[]): Promise<SessionFacts[]> {
    return findSessions(this.#reading(), ids)
  }

  async deleteSession(id: string): Promise<void> {
    return this.#write((prepare) => removeSession(prepare, id))
  }

  async usage(query: UsageQuery): Promise<UsageSum[]> {
    return sumUsage(this.#reading(), query)
  }

  async createKey(key: KeyRecord): Promise<void> {
    return this.#write((prepare) => addKey(prepare, key), { urgent: true })
  }

  async keys(): Promise<KeyRecord[]> {
    return listKeys(this.#reading())
  }

  async hasKeys(): Promise<boolean> {
    return hasKeysInForce(this.#reading())
  }

  async keyByHash(hash: string): Promise<KeyRecord | null> {
    return findKey(this.#reading(), hash)
  }

  async revokeKey(idOrName: string, nowMs: number): Promise<boolean> {
    return this.#write((prepare) => revokeKey(prepare, idOrName, nowMs), { urgent: true })
  }

  async recordKeyUse(id: string, nowMs: number): Promise<void> {
    if (shouldRecordUse(this.#reading(), id, nowMs)) await this.#write((prepare) => recordUse(prepare, id, nowMs))
  }

  async spentBy(owner: string): Promise<number> {
    return sumSpent(this.#reading(), owner)
  }

  async prune(limits: Parameters<Store['prune']>[0]): Promise<number> {
    return prune(limits, {
      prepare: this.#reading(),
      write: (apply) => this.#write(() => apply()),
      isOpen: () => this.#isOpen,
    })
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#group.commit()
    await this.#parts.onClose()
  }

  #write<T>(apply: (prepare: Prepare) => T, how: { urgent: boolean } = this.#parts): Promise<T> {
    if (!this.#isOpen) return Promise.reject(shuttingDown())
    return this.#group.write(() => apply(this.#prepare), how)
  }

  #reading(): Prepare {
    if (!this.#isOpen) throw shuttingDown()
    return this.#prepare
  }
}
