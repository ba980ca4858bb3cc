// Opens and closes the database file: its modes, settings, schema, and the mark by which the next start sees whether the last
// server stopped as it should. Not for what is kept in it (see sqlite.ts).
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { StartupError } from '../errors.ts'
import { makePrivateFile, type OnWarning, tighten } from '../platform/private-files.ts'
import type { FolderLock } from './folder-lock.ts'
import { migrate, migrations, refuseNewerSchema, schemaVersion } from './migrations.ts'
import { damaged, toStoreError } from './store-error.ts'

/**
 * FULL, for which the server's store has a way of its own (sqlite.ts), and the two for macOS, where a plain fsync leaves data in the drive:
 * what was promised survives a power cut. The time
 * to wait for a lock is short, as waiting holds up the whole process; only a person with a tool of their own can hold one.
 */
const settings = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA foreign_keys = ON;
  PRAGMA journal_size_limit = 67108864;
`

/** The folder's lock must be held. Throws a StartupError; then the database is as it was. */
export function openDatabase(file: string, onWarning: OnWarning): DatabaseSync {
  return open(file, onWarning, (db) => {
    bringUpToDate(db, file, onWarning)
    db.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('running_pid', ?)").run(String(process.pid))
  })
}

/**
 * For a command, beside a server that may have the database open: leaves the server's mark alone, and takes the folder's lock only
 * for as long as the schema is brought up to date, if that must be. Throws a StartupError.
 */
export function openBeside(file: string, onWarning: OnWarning, lock: () => FolderLock | null): DatabaseSync {
  return open(file, onWarning, (db) => {
    if (schemaVersion(db) === migrations.length) return db.exec(settings)
    const held = lock()
    try {
      if (held !== null) bringUpToDate(db, file, onWarning)
      // Whoever has the lock may have been faster.
      else if (schemaVersion(db) < migrations.length) throw schemaInUse(db, file)
      else db.exec(settings)
    } finally {
      held?.release()
    }
  })
}

function open(file: string, onWarning: OnWarning, prepare: (db: DatabaseSync) => void): DatabaseSync {
  makePrivateFile(file, onWarning)
  // SQLite gives these the mode of the database when it makes them; here are those that were left behind.
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

function bringUpToDate(db: DatabaseSync, file: string, onWarning: OnWarning): void {
  if (wasLeftRunning(db)) checkWhole(db, file, onWarning)
  db.exec(settings)
  migrate(db)
}

function schemaInUse(db: DatabaseSync, file: string): StartupError {
  const versions = `its schema is ${schemaVersion(db)}, this version needs ${migrations.length}`
  return new StartupError(
    `The database ${file} is in use by an older claude-serve (${versions}): stop that one, start this version, and try again.`,
  )
}

/** Leaves the mark of a clean stop. Where that fails the next start looks closely, and that is all. */
export function closeDatabase(db: DatabaseSync, onWarning: OnWarning): void {
  try {
    db.exec("DELETE FROM meta WHERE name = 'running_pid'")
  } catch (error) {
    onWarning(`the database could not be marked as closed: ${String(error)}`)
  }
  db.close()
}

/** The process that has the database open, as far as that can be told from outside. */
export function runningPid(file: string): number | null {
  try {
    const db = new DatabaseSync(file, { readOnly: true })
    try {
      const pid = Number(readRunningPid(db))
      // The number may be that of a server that was killed, while the one that has the lock is still starting.
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

function readRunningPid(db: DatabaseSync): unknown {
  return db.prepare("SELECT value FROM meta WHERE name = 'running_pid'").get()?.value
}

function wasLeftRunning(db: DatabaseSync): boolean {
  return schemaVersion(db) > 0 && readRunningPid(db) !== undefined
}

function checkWhole(db: DatabaseSync, file: string, onWarning: OnWarning): void {
  onWarning(`the last server was not stopped properly: checking ${file}`)
  const said = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (said !== 'ok') throw damaged(file, said)
}
