// Why the store cannot be opened: one sentence that names the file, the reason and the fix. Not for what a caller of the API can be
// told (see AppError in ../errors.ts).
import { StartupError } from '../errors.ts'

/** SQLite's number for an error, without what makes it more precise; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isSqlite ? Number(error.errcode) & 0xff : null
}

export const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26

export function damaged(file: string, cause: unknown): StartupError {
  const said = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ')
  return new StartupError(
    `The database ${file} is damaged (${said}). Move it away, together with ${file}-wal if that is there, and start again: a new one is made. Nothing was deleted.`,
    { cause },
  )
}

/** Anything thrown while `file` was opened, as a StartupError. */
export function toStoreError(file: string, thrown: unknown): StartupError {
  if (thrown instanceof StartupError) return thrown
  const code = sqliteCode(thrown)
  if (code === sqliteCorrupt || code === sqliteNotDatabase) return damaged(file, thrown)
  const said = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === sqliteBusy) {
    return new StartupError(
      `The database ${file} is in use by another program (${said}): close that and start again.`,
      {
        cause: thrown,
      },
    )
  }
  return new StartupError(
    `${file} cannot be used (${said}): see to it that its folder can be written to and has room, or give another with --data-dir.`,
    { cause: thrown },
  )
}
