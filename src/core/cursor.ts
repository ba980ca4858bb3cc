// The opaque cursors of lists: the last item of a page, by a number and an id, so that items added or deleted in the
// meantime shift nothing. Pure.
import { type AppError, invalidField } from '../errors.ts'

export type Position = readonly [number, string]

export const toCursor = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url')

/** Throws `invalid_request` for anything that `toCursor` did not produce. */
export function fromCursor(cursor: string): Position {
  const position = parse(cursor)
  if (position !== null && toCursor(position) === cursor) return position
  throw unknownCursor()
}

export const unknownCursor = (): AppError =>
  invalidField('cursor', 'is not a cursor that this list returned; omit it to start from the beginning')

function parse(cursor: string): Position | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (!Array.isArray(value) || value.length !== 2) return null
    const [number, id]: unknown[] = value
    return Number.isSafeInteger(number) && typeof id === 'string' ? [Number(number), id] : null
  } catch {
    return null
  }
}
