// Errors of the store: startup errors if it cannot be opened, whose message names the file, the reason and the fix, and
// the error that API clients see if nothing can be written.
import { AppError, isDiskFull, StartupError, storageFull, storageLost } from '../errors.ts'
import { cannotBeUsed } from '../platform/private-files.ts'

/** SQLite's primary error code, without the extended part; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isSqlite ? Number(error.errcode) & 0xff : null
}

export const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26
const sqliteIoError = 10
const sqliteFull = 13

/** What a failed write means for clients: `storage_full` if the disk does not accept it, otherwise the error itself. */
export function toWriteError(error: unknown): unknown {
  const code = sqliteCode(error)
  if (code === sqliteFull || isDiskFull(error)) return storageFull()
  if (code !== sqliteIoError) return toReadError(error)
  return new AppError(
    'storage_full',
    `The data folder cannot be written (${(error as Error).message}): check its disk, or start the server with another --data-dir.`,
    { retryAfterS: 10 },
    { cause: error },
  )
}

/** What a failed read means for clients: `storage_lost` if the content is unreadable, otherwise the error itself. */
export const toReadError = (error: unknown): unknown => (isDamage(error) ? storageLost('is damaged') : error)

/** Whether SQLite found the content of the file unreadable. */
export const isDamage = (error: unknown): boolean => [sqliteCorrupt, sqliteNotDatabase].includes(sqliteCode(error) ?? 0)

export function damaged(file: string, cause: unknown): StartupError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ')
  return new StartupError(
    `The database ${file} is damaged (${reason}). Move it away, together with ${file}-wal if that exists, and start again: a new database is created. Nothing was deleted.`,
    { cause },
  )
}

/** The lock file has been overwritten: its own content is always empty. */
export function damagedLock(file: string, cause: unknown): StartupError {
  return new StartupError(`The lock file ${file} is damaged: delete it, and start again. Nothing is stored in it.`, {
    cause,
  })
}

/** The file is of a server that has run, and there is nothing in it. */
export function emptied(file: string): StartupError {
  return new StartupError(
    `The database ${file} is empty, although a server has used its folder before. Put back a copy of it; or delete it, and start again: a new database is created.`,
  )
}

/** Anything thrown while opening `file`, as a StartupError. */
export function toStoreError(file: string, thrown: unknown): StartupError {
  if (thrown instanceof StartupError) return thrown
  if (isDamage(thrown)) return damaged(file, thrown)
  if (sqliteCode(thrown) !== sqliteBusy) return cannotBeUsed(file, thrown)
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new StartupError(`The database ${file} is in use by another program (${reason}): close it and start again.`, {
    cause: thrown,
  })
}
