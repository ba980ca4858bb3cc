// How much callers may store in batches and files.
import { AppError } from '../../errors.ts'
import type { Prepare } from '../database.ts'

/** How much one owner, and all owners, may store in batches and files together, in bytes; and how many of each one may have. */
const ownerBytesMax = 2_000_000_000
const allBytesMax = 10_000_000_000
const countMax = 10_000

type Table = 'batches' | 'files'

/** Throws `invalid_request` if the owner would store too much. What is stored already is never refused. */
export function checkRoom(prepare: Prepare, owner: string | null, bytes: number): void {
  const own = 'owner IS ?'
  if (sumOf(prepare, own, [owner]) + bytes > ownerBytesMax)
    throw tooMuch(`the files and batches of one owner may take ${ownerBytesMax} bytes`)
  if (sumOf(prepare, 'true', []) + bytes > allBytesMax)
    throw tooMuch(`all files and batches may take ${allBytesMax} bytes`)
}

export function checkCount(prepare: Prepare, table: Table, owner: string | null): void {
  const { count } = prepare(`SELECT count(*) AS count FROM ${table} WHERE owner IS ?`).get(owner) ?? {}
  if (Number(count) >= countMax) throw tooMuch(`one owner may have ${countMax} ${table}`)
}

function sumOf(prepare: Prepare, where: string, values: (string | null)[]): number {
  const sum = (table: Table) => `(SELECT total(bytes) FROM ${table} WHERE ${where})`
  return Number(prepare(`SELECT ${sum('batches')} + ${sum('files')} AS bytes`).get(...values, ...values)?.bytes)
}

const tooMuch = (limit: string) => new AppError('invalid_request', `${limit}: delete some first`)
