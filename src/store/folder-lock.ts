// Keeps two servers out of one data folder. The lock is the operating system's, taken through SQLite on an empty file of its
// own: it goes with its process, however that ends, and knows no process numbers that could be used again. Not for what lies
// in the folder.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateFile, type OnWarning } from '../platform/private-files.ts'
import { sqliteBusy, sqliteCode, toStoreError } from './store-error.ts'

export type FolderLock = { release(): void }

/** Null where another server has it, be it in this process. Throws a StartupError where nobody could. */
export function lockFolder(folder: string, onWarning: OnWarning): FolderLock | null {
  const file = join(folder, 'claude-serve.lock')
  makePrivateFile(file, onWarning)
  // The database has a lock to itself, so that people can look into it while a server runs.
  const held = new DatabaseSync(file, { open: false })
  try {
    held.open()
    // Nothing is ever written, so there need be no journal's file either.
    held.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    if (held.isOpen) held.close()
    if (sqliteCode(error) === sqliteBusy) return null
    throw toStoreError(file, error)
  }
  return {
    release() {
      if (held.isOpen) held.close()
    },
  }
}
