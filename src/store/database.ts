// Opens and closes the database file: its modes, settings, schema, and the mark that shows the next start whether the
// last server stopped cleanly. Not for its contents (see sqlite.ts).
import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { StartupError } from '../errors.ts'
import { makePrivateFile, type OnWarning, tighten } from '../platform/private-files.ts'
import type { FolderLock } from './folder-lock.ts'
import { findDamage } from './integrity.ts'
import { migrate, migrations, refuseNewerSchema, schemaVersion } from './migrations.ts'
import { damaged, toStoreError } from './store-error.ts'

/**
 * Acknowledged writes survive a power cut: that takes synchronous=FULL, which the server's store replaces by its own
 * sync (sqlite.ts), and on macOS the two fullfsync settings, because a plain fsync leaves data in the drive. The lock
 * timeout is short, because waiting blocks the whole process; only another tool that has the file open can hold a lock.
 */
const settings = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA foreign_keys = ON;
  PRAGMA journal_size_limit = 67108864;
`

/**
 * The caller must hold the folder's lock. A database of up to `checkBytesMax` is checked for damage, and any that was
 * not closed properly. If it throws, which is a StartupError, the database is unchanged.
 */
export function openDatabase(file: string, onWarning: OnWarning, checkBytesMax: number): DatabaseSync {
  return open(file, onWarning, (db) => {
    bringUpToDate(db, file, onWarning, checkBytesMax)
    db.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('running_pid', ?)").run(String(process.pid))
  })
}

/**
 * For a command that runs beside a server. It leaves the server's mark alone, and holds the folder's lock only while it
 * migrates the schema, if that is necessary. Throws a StartupError.
 */
export function openBeside(file: string, onWarning: OnWarning, lock: () => FolderLock | null): DatabaseSync {
  return open(file, onWarning, (db) => {
    if (schemaVersion(db) === migrations.length) return db.exec(settings)
    const held = lock()
    try {
      if (held !== null) bringUpToDate(db, file, onWarning, 0)
      // The process that holds the lock may have migrated it already.
      else if (schemaVersion(db) < migrations.length) throw schemaInUse(db, file)
      else db.exec(settings)
    } finally {
      held?.release()
    }
  })
}

function open(file: string, onWarning: OnWarning, prepare: (db: DatabaseSync) => void): DatabaseSync {
  makePrivateFile(file, onWarning)
  // SQLite creates these with the mode of the database; this is for those that were left behind.
  for (const ending of ['-wal', '-shm']) tighten(`${file}${ending}`, 0o600, onWarning)
  const db = new DatabaseSync(file, { open: false })
  try {
    db.open()
    db.exec('PRAGMA busy_timeout = 2000')
    refuseNewerSchema(db, file)
    prepare(db)
    return db
  } catch (error) {
    if (db.isOpen) db.close()
    throw toStoreError(file, error)
  }
}

function bringUpToDate(db: DatabaseSync, file: string, onWarning: OnWarning, checkBytesMax: number): void {
  const isUnclean = wasLeftRunning(db)
  if (isUnclean) onWarning(`the last server did not stop cleanly: checking ${file}`)
  const damage = isUnclean || statSync(file).size <= checkBytesMax ? findDamage(db) : null
  if (damage !== null) throw damaged(file, damage)
  db.exec(settings)
  migrate(db)
}

function schemaInUse(db: DatabaseSync, file: string): StartupError {
  const versions = `its schema is ${schemaVersion(db)}, this version requires ${migrations.length}`
  return new StartupError(
    `The database ${file} is in use by an older claude-serve (${versions}): stop it, start this version, and try again.`,
  )
}

/** Removes the running mark. If that fails, the next start only checks the database's integrity. */
export function closeDatabase(db: DatabaseSync, onWarning: OnWarning): void {
  try {
    db.exec("DELETE FROM meta WHERE name = 'running_pid'")
  } catch (error) {
    onWarning(`the database could not be marked as closed: ${String(error)}`)
  }
  db.close()
}

/** The process that has the database open, as far as another process can see. */
export function runningPid(file: string): number | null {
  try {
    const db = new DatabaseSync(file, { readOnly: true })
    try {
      const pid = Number(readRunningPid(db))
      // The pid may be that of a server that was killed, while the one that holds the lock is still starting.
      return pid > 0 && process.kill(pid, 0) ? pid : null
    } finally {
      db.close()
    }
  } catch {
    return null
  }
}

/** Prepares each statement once. */
export type Prepare = (sql: string) => StatementSync

export function preparer(db: DatabaseSync): Prepare {
  const prepared = new Map<string, StatementSync>()
  return (sql) => {
    const statement = prepared.get(sql) ?? db.prepare(sql)
    prepared.set(sql, statement)
    return statement
  }
}

/** Makes a store's methods of functions that use the connection. */
export type Methods = {
  reads<Args extends unknown[], T>(query: (prepare: Prepare, ...args: Args) => T): (...args: Args) => Promise<T>
  /** `urgent`: a caller waits for it. */
  writes<Args extends unknown[], T>(
    change: (prepare: Prepare, ...args: Args) => T,
    how?: { urgent: boolean },
  ): (...args: Args) => Promise<T>
}

function readRunningPid(db: DatabaseSync): unknown {
  return db.prepare("SELECT value FROM meta WHERE name = 'running_pid'").get()?.value
}

function wasLeftRunning(db: DatabaseSync): boolean {
  return schemaVersion(db) > 0 && readRunningPid(db) !== undefined
}
