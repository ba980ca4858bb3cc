// The Store in one SQLite file of the data folder, for one server at a time. Not for a database that several servers share.
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
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
import { shuttingDown } from '../errors.ts'
import { closeDatabase, openDatabase, type Prepare, preparer, runningPid } from './database.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { GroupCommit } from './group-commit.ts'
import { makePrivateFolder, type OnWarning } from './private-files.ts'
import { prune } from './prune.ts'
import { findLastSeq, findRun, findSessions, listEvents, listRuns, listUnfinished, sumUsage } from './queries.ts'
import { type Columns, toRunColumns } from './rows.ts'
import { StoreError } from './store-error.ts'

export type SqliteOptions = {
  /** Made where it is missing, and closed to other users. */
  folder: string
  now?: () => number
  /** Told, in a sentence for the log, what does not keep the store from working. */
  onWarning?: OnWarning
}

/** Throws a StoreError that says what to do. */
export async function openSqliteStore({ folder, now = Date.now, onWarning = () => {} }: SqliteOptions): Promise<Store> {
  makePrivateFolder(folder, onWarning)
  const file = join(folder, 'claude-serve.db')
  const lock = lockFolder(folder, onWarning)
  if (lock === null) throw inUse(folder, runningPid(file))
  try {
    return new SqliteStore({ db: openDatabase(file, onWarning), lock, now, onWarning })
  } catch (error) {
    lock.release()
    throw error
  }
}

function inUse(folder: string, pid: number | null): StoreError {
  const who = pid === null ? 'another claude-serve' : `another claude-serve (process ${pid})`
  return new StoreError(
    `The data folder ${folder} is in use by ${who}: stop that, or give this one a folder of its own with --data-dir.`,
  )
}

type Parts = { db: DatabaseSync; lock: FolderLock; now: () => number; onWarning: OnWarning }

/** Writes and reads go through one connection, in the order of the calls: what was written is seen before it is durable. */
class SqliteStore implements Store {
  readonly #parts: Parts
  readonly #prepare: Prepare
  readonly #group: GroupCommit
  #isOpen = true

  constructor(parts: Parts) {
    this.#parts = parts
    this.#prepare = preparer(parts.db)
    this.#group = new GroupCommit(parts.db)
  }

  async createRun(run: RunRecord, claim?: IdempotencyClaim): Promise<Claimed> {
    const apply = (): Claimed => {
      const holder = claim === undefined ? null : this.#claim(claim, run.id)
      if (holder !== null) return { kind: 'exists', ...holder }
      const { run: columns, documents } = toRunColumns(run)
      const { lastInsertRowid } = this.#insert('runs', columns)
      this.#insert('run_documents', { run: Number(lastInsertRowid), ...documents })
      return { kind: 'created' }
    }
    // A caller waits for this one before anything else begins.
    return this.#write(apply, { urgent: true })
  }

  async updateRun(id: string, patch: RunPatch): Promise<void> {
    return this.#write(() => {
      const { run, documents } = toRunColumns(patch)
      this.#update('runs', run, 'id = ?', id)
      this.#update('run_documents', documents, 'run = (SELECT pk FROM runs WHERE id = ?)', id)
    })
  }

  async dropRun(id: string): Promise<void> {
    return this.#write(() => {
      this.#removeEvents(id)
      this.#prepare('DELETE FROM idempotency_keys WHERE run_id = ?').run(id)
      this.#prepare('DELETE FROM runs WHERE id = ?').run(id)
    })
  }

  async clearEvents(runId: string): Promise<void> {
    return this.#write(() => {
      this.#removeEvents(runId)
      this.#prepare('UPDATE runs SET event_bytes = 0 WHERE id = ?').run(runId)
    })
  }

  async appendEvents(runId: string, events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return
    return this.#write(() => {
      const run = this.#prepare('SELECT pk FROM runs WHERE id = ?').get(runId)?.pk
      if (typeof run !== 'number') throw new Error(`There is no run ${runId} to keep events of.`)
      const insert = this.#prepare('INSERT INTO events (run, seq, json) VALUES (?, ?, ?)')
      let bytes = 0
      for (const { seq, event } of events) {
        const json = JSON.stringify(event)
        insert.run(run, seq, json)
        bytes += Buffer.byteLength(json)
      }
      this.#prepare('UPDATE runs SET event_bytes = event_bytes + ? WHERE pk = ?').run(bytes, run)
    })
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

  async noteSession(facts: SessionFacts): Promise<void> {
    const sql = `INSERT INTO sessions (id, owner, cwd, model, created_at_ms, last_used_at_ms) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE
      SET cwd = excluded.cwd, model = excluded.model, last_used_at_ms = excluded.last_used_at_ms`
    const { id, owner, cwd, model, createdAtMs, lastUsedAtMs } = facts
    return this.#write(() => void this.#prepare(sql).run(id, owner, cwd, model, createdAtMs, lastUsedAtMs))
  }

  async sessions(ids: readonly string[]): Promise<SessionFacts[]> {
    return findSessions(this.#reading(), ids)
  }

  async forgetSession(id: string): Promise<void> {
    return this.#write(() => void this.#prepare('DELETE FROM sessions WHERE id = ?').run(id))
  }

  async usage(query: UsageQuery): Promise<UsageSum[]> {
    return sumUsage(this.#reading(), query)
  }

  async prune(limits: Parameters<Store['prune']>[0]): Promise<number> {
    return prune(limits, {
      prepare: this.#reading(),
      write: (apply) => this.#write(apply),
      isOpen: () => this.#isOpen,
    })
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { db, lock, onWarning } = this.#parts
    try {
      this.#group.commit()
      closeDatabase(db, onWarning)
    } finally {
      lock.release()
    }
  }

  #write<T>(apply: () => T, how?: { urgent: boolean }): Promise<T> {
    return this.#isOpen ? this.#group.write(apply, how) : Promise.reject(shuttingDown())
  }

  #reading(): Prepare {
    if (!this.#isOpen) throw shuttingDown()
    return this.#prepare
  }

  /** Takes the key for the run, or tells who has it. */
  #claim({ key, owner, bodyHash, expiresAtMs }: IdempotencyClaim, runId: string) {
    const held = this.#prepare(
      'SELECT run_id, body_hash FROM idempotency_keys WHERE key = ? AND owner IS ? AND expires_at_ms > ?',
    ).get(key, owner, this.#parts.now())
    if (held !== undefined) return { runId: String(held.run_id), bodyHash: String(held.body_hash) }
    this.#prepare('DELETE FROM idempotency_keys WHERE key = ? AND owner IS ?').run(key, owner)
    this.#insert('idempotency_keys', { key, owner, run_id: runId, body_hash: bodyHash, expires_at_ms: expiresAtMs })
    return null
  }

  #removeEvents(runId: string): void {
    this.#prepare('DELETE FROM events WHERE run = (SELECT pk FROM runs WHERE id = ?)').run(runId)
  }

  #insert(table: string, columns: Columns) {
    const names = Object.keys(columns)
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
    return this.#prepare(sql).run(...Object.values(columns))
  }

  #update(table: string, columns: Columns, where: string, id: string): void {
    const names = Object.keys(columns)
    if (names.length === 0) return
    const set = names.map((name) => `${name} = ?`).join(', ')
    this.#prepare(`UPDATE ${table} SET ${set} WHERE ${where}`).run(...Object.values(columns), id)
  }
}
