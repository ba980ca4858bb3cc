// The Store in one SQLite file of the data folder, for one server at a time. Not for a database that several servers
// share.
import { existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Store } from '../core/store.ts'
import { type AppError, StartupError, storageFull } from '../errors.ts'
import { makePrivateFolder, type OnWarning } from '../platform/private-files.ts'
import { addEvents, addRun, clearEvents, eraseRun, patchRun, putSession, removeRun, removeSession } from './changes.ts'
import { type Connection, connect } from './connection.ts'
import { conversationMethods } from './conversation-table.ts'
import { closeDatabase, openDatabase, runningPid } from './database.ts'
import { DiskSync } from './disk-sync.ts'
import { FolderGuard } from './folder-guard.ts'
import { lockFileOf, lockFolder } from './folder-lock.ts'
import { keyMethods } from './key-table.ts'
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
import { emptied, toStoreError } from './store-error.ts'
import { batchMethods } from './tables/batch-table.ts'
import { fileMethods } from './tables/file-table.ts'
import { runsAtOnceMax, usageMethod, usageThread } from './usage-sums.ts'

export type SqliteOptions = {
  /** Created if missing, and closed to other users. */
  folder: string
  now?: () => number
  /** Receives warnings for the log about problems that do not stop the store from working. */
  onWarning?: OnWarning
  /** A larger database that was closed properly is checked for damage while the server already runs. */
  checkBytesMax?: number
  /** The usage of more runs than this is summed up in a thread. */
  usageAtOnceMax?: number
  /** How often, in milliseconds, the files are looked at: they may be deleted or replaced. */
  watchMs?: number
}

const defaults = { checkBytesMax: 32 * 1024 ** 2, watchMs: 2_000, usageAtOnceMax: runsAtOnceMax }

/** Throws a StartupError that says what to do. */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const { folder, now = Date.now, onWarning = () => {}, ...rest } = { ...defaults, ...options }
  const { checkBytesMax, watchMs, usageAtOnceMax } = rest
  makePrivateFolder(folder, onWarning)
  const file = join(folder, 'claude-serve.db')
  const wasUsed = existsSync(lockFileOf(folder))
  const lock = lockFolder(folder, onWarning)
  if (lock === null) throw inUse(folder, runningPid(file))
  try {
    if (wasUsed && statSync(file, { throwIfNoEntry: false })?.size === 0) throw emptied(file)
    const db = openDatabase(file, onWarning, checkBytesMax)
    const disk = await syncElsewhere(db, file)
    const thread = usageThread(file)
    const guard = new FolderGuard(lock, { folder, file, checkBytesMax, watchMs, onWarning })
    const onClose = async () => {
      try {
        await thread.close()
        await disk.close()
        closeDatabase(db, onWarning)
      } finally {
        guard.close()
      }
    }
    const connection = connect(db, { urgent: false, onDisk: () => disk.done(), onClose })
    const store = createStore(connection, now)
    return {
      ...store,
      usage: usageMethod(connection, thread, usageAtOnceMax),
      async createRun(run, claim = null, requestSnapshot = null) {
        // What is accepted for later must not be lost.
        if (guard.problem !== null && (run.background || claim !== null)) throw guard.problem
        return store.createRun(run, claim, requestSnapshot)
      },
      problem: async () => guard.problem ?? (await store.problem()) ?? (await problemOf(folder)),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** With less room than this, in bytes, the next write may fail. */
const roomMin = 1024 * 1024

async function problemOf(folder: string): Promise<AppError | null> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize < roomMin ? storageFull() : null
}

/** Nothing in it outlives the process: for tests. */
export function openMemoryStore(now: () => number = Date.now): Store {
  const db = new DatabaseSync(':memory:')
  migrate(db)
  const connection = connect(db, { urgent: true, onDisk: async () => {}, onClose: async () => db.close() })
  return createStore(connection, now)
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

function createStore(connection: Connection, now: () => number): Store {
  const { reads, writes } = connection
  // Urgent, because a caller waits for it before anything else starts.
  const create = writes(addRun, { urgent: true })
  const [append, appendUrgently] = [writes(addEvents), writes(addEvents, { urgent: true })]
  return {
    createRun: (run, claim = null, requestSnapshot = null) => create({ run, claim, requestSnapshot }, now()),
    updateRun: writes(patchRun),
    dropRun: writes(removeRun),
    eraseRun: writes(eraseRun),
    run: reads(findRun),
    runs: reads(listRuns),
    unfinished: reads(listUnfinished),
    requestSnapshot: reads(findRequestSnapshot),
    appendEvents: (id, events, { urgent = false } = {}) => (urgent ? appendUrgently : append)(id, events),
    clearEvents: writes(clearEvents),
    events: reads(listEvents),
    lastSeq: reads(findLastSeq),
    upsertSession: writes(putSession),
    sessions: reads(findSessions),
    deleteSession: writes(removeSession),
    ...keyMethods(connection),
    ...conversationMethods(connection),
    ...batchMethods(connection),
    ...fileMethods(connection),
    usage: reads(sumUsage),
    prune: (limits) => prune(limits, connection),
    problem: connection.problem,
    close: connection.close,
  }
}
