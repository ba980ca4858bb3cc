// Access to a data folder's API keys for commands, whether a server is running or not. Not for the server (see
// sqlite.ts).
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import type { KeyStore, Store } from '../core/store.ts'
import { makePrivateFolder, type OnWarning } from '../platform/private-files.ts'
import { type Methods, openBeside, preparer } from './database.ts'
import { lockFolder } from './folder-lock.ts'
import { keyMethods } from './key-table.ts'
import { sqliteBusy, sqliteCode, toStoreError } from './store-error.ts'

export type KeyAccess = KeyStore & Pick<Store, 'close'>

const lockTimeoutMs = 10_000
const retryIntervalMs = 1

/** Creates the folder and the database if they are missing. Throws a StartupError that says what to do. */
export async function openKeyStore(folder: string, onWarning: OnWarning = () => {}): Promise<KeyAccess> {
  makePrivateFolder(folder, onWarning)
  const file = join(folder, 'claude-serve.db')
  const db = openBeside(file, onWarning, () => lockFolder(folder, onWarning))
  const prepare = preparer(db)
  const methods: Methods = {
    reads(query) {
      return async (...args) => query(prepare, ...args)
    },
    writes(change) {
      return (...args) => writeBeside(db, file, () => change(prepare, ...args))
    },
  }
  return {
    ...keyMethods(methods),
    close: async () => {
      if (db.isOpen) db.close()
    },
  }
}

/**
 * A busy server leaves only moments between its transactions, and SQLite itself retries at most ten times a second: so
 * the retries happen here.
 */
async function writeBeside<T>(db: DatabaseSync, file: string, apply: () => T): Promise<T> {
  const lastTryMs = performance.now() + lockTimeoutMs
  db.exec('PRAGMA busy_timeout = 0')
  while (!begin(db, file, performance.now() > lastTryMs)) await pause(retryIntervalMs)
  try {
    const value = apply()
    db.exec('COMMIT')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  } finally {
    db.exec('PRAGMA busy_timeout = 2000')
  }
}

function begin(db: DatabaseSync, file: string, isLastTry: boolean): boolean {
  try {
    db.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (!isLastTry && sqliteCode(error) === sqliteBusy) return false
    throw toStoreError(file, error)
  }
}
