// Encodes the position where a page of runs ended as an opaque cursor for clients. Pure.
import { AppError } from '../errors.ts'

/** The last run of a page. Runs are ordered by both fields, the newest first. */
export type RunPosition = { createdAtMs: number; id: string }

export function toCursor({ createdAtMs, id }: RunPosition): string {
  return Buffer.from(JSON.stringify([createdAtMs, id])).toString('base64url')
}

/** Throws `invalid_request` for a cursor that `toCursor` did not create. */
export function fromCursor(cursor: string): RunPosition {
  const position = readPosition(cursor)
  if (position !== null && toCursor(position) === cursor) return position
  throw new AppError(
    'invalid_request',
    'cursor does not come from a page of this list; leave it out to start from the beginning',
    {
      field: 'cursor',
    },
  )
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
