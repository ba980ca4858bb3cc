// Startup errors for a store that cannot be opened: each message names the file, the reason and the fix. Not for errors
// that API clients see (see AppError in ../errors.ts).
import { StartupError } from '../errors.ts'
import { cannotBeUsed } from '../platform/private-files.ts'

/** SQLite's primary error code, without the extended part; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isSqlite ? Number(error.errcode) & 0xff : null
}

export const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26

/** Whether SQLite found the content of the file unreadable. */
export const isDamage = (error: unknown): boolean => [sqliteCorrupt, sqliteNotDatabase].includes(sqliteCode(error) ?? 0)

export function damaged(file: string, cause: unknown): StartupError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ')
  return new StartupError(
    `The database ${file} is damaged (${reason}). Move it away, together with ${file}-wal if that exists, and start again: a new database is created. Nothing was deleted.`,
    { cause },
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
