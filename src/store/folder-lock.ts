// Prevents two servers from using one data folder. The lock is the operating system's, taken through SQLite on an empty
// file of its own: it ends with its process, however that ends, and does not depend on process ids, which are reused.
// Not for the folder's contents.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateFile, type OnWarning } from '../platform/private-files.ts'
import { damagedLock, isDamage, sqliteBusy, sqliteCode, toStoreError } from './store-error.ts'

export type FolderLock = { release(): void }

export const lockFileOf = (folder: string): string => join(folder, 'claude-serve.lock')

/**
 * Null if another server holds the lock, even one in this process. Throws a StartupError if the file cannot be locked
 * at all.
 */
export function lockFolder(folder: string, onWarning: OnWarning): FolderLock | null {
  const file = lockFileOf(folder)
  makePrivateFile(file, onWarning)
  // Not the database itself, so that people can open it while a server runs.
  const held = new DatabaseSync(file, { open: false })
  try {
    held.open()
    // Nothing is ever written, so no journal file is needed either.
    held.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    if (held.isOpen) held.close()
    if (sqliteCode(error) === sqliteBusy) return null
    if (isDamage(error)) throw damagedLock(file, error)
    throw toStoreError(file, error)
  }
  return {
    release() {
      if (held.isOpen) held.close()
    },
  }
}
