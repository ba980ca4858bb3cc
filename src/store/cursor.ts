// Where a page of runs ended, as an opaque word for clients. Pure.
import { AppError } from '../errors.ts'

/** The last run of a page. Runs are in order of both, the newest first. */
export type RunPosition = { createdAtMs: number; id: string }

export function toCursor({ createdAtMs, id }: RunPosition): string {
  return Buffer.from(JSON.stringify([createdAtMs, id])).toString('base64url')
}

/** Throws `invalid_request` for what `toCursor` did not make. */
export function fromCursor(cursor: string): RunPosition {
  const position = readPosition(cursor)
  if (position !== null && toCursor(position) === cursor) return position
  throw new AppError('invalid_request', 'cursor is not one that a page of this list gave; leave it out to start anew', {
    field: 'cursor',
  })
}

function readPosition(cursor: string): RunPosition | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (!Array.isArray(value) || value.length !== 2) return null
    const [createdAtMs, id]: unknown[] = value
    return Number.isSafeInteger(createdAtMs) && typeof id === 'string' ? { createdAtMs: Number(createdAtMs), id } : null
  } catch {
    return null
  }
}
