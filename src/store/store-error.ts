// What is wrong with the store when a server starts: one sentence that names the file, the fault and what to do. Not for what
// a caller of the API can be told (see ../errors.ts).

/** The store cannot be opened. The message is for whoever starts the server. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
  }
}

/** SQLite's number for an error, without what makes it more precise; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isSqlite ? Number(error.errcode) & 0xff : null
}

export const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26

export function damaged(file: string, cause: unknown): StoreError {
  const said = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ')
  return new StoreError(
    `The database ${file} is damaged (${said}). Move it away, together with ${file}-wal if that is there, and start again: a new one is made. Nothing was deleted.`,
    { cause },
  )
}

/** Anything thrown while `file` was opened, as a StoreError. */
export function toStoreError(file: string, thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown
  const code = sqliteCode(thrown)
  if (code === sqliteCorrupt || code === sqliteNotDatabase) return damaged(file, thrown)
  const said = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === sqliteBusy) {
    return new StoreError(`The database ${file} is in use by another program (${said}): close that and start again.`, {
      cause: thrown,
    })
  }
  return new StoreError(
    `${file} cannot be used (${said}): see to it that its folder can be written to and has room, or give another with --data-dir.`,
    { cause: thrown },
  )
}
