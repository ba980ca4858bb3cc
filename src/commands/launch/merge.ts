// What has to change in a client's settings so that they hold ours: pure, and careful with what is there. It adds what is missing,
// corrects the address, puts the reference to a key in the place of a placeholder, and leaves every other value as it is.
import { type Json, placeholder } from './instructions.ts'

export type Path = readonly (string | number)[]

/** `before` is undefined for what is added. */
export type Change = { path: Path; before: Json | undefined; after: Json }

type JsonObject = { [key: string]: Json }

/** The settings are of another shape than the client's documentation has them: they are left alone. */
export class MergeConflict extends Error {}

export function changesTo(existing: Json | undefined, wanted: Json, path: Path = []): Change[] {
  if (existing === undefined || existing === null) return [{ path, before: undefined, after: wanted }]
  if (Array.isArray(wanted)) return changesToList(existing, wanted, path)
  if (isObject(wanted)) return changesToObject(existing, wanted, path)
  if (typeof existing === 'object') throw conflict(path, 'one value')
  const after = correct(path.at(-1), existing, wanted)
  return after === existing ? [] : [{ path, before: existing, after }]
}

function changesToObject(existing: Json, wanted: JsonObject, path: Path): Change[] {
  if (!isObject(existing)) throw conflict(path, 'an object')
  return Object.entries(wanted).flatMap(([key, value]) =>
    changesTo(Object.hasOwn(existing, key) ? existing[key] : undefined, value, [...path, key]),
  )
}

/** An entry is known by its id or name; lists of plain values are the user's own. */
function changesToList(existing: Json, wanted: Json[], path: Path): Change[] {
  if (!Array.isArray(existing)) throw conflict(path, 'a list')
  let end = existing.length
  return wanted.filter(isObject).flatMap((entry) => {
    const at = existing.findIndex((other) => isSameEntry(entry, other))
    return at === -1 ? changesTo(undefined, entry, [...path, end++]) : changesTo(existing[at], entry, [...path, at])
  })
}

const namingKeys = ['id', 'model_id', 'name']

function isSameEntry(entry: JsonObject, other: Json): boolean {
  const key = namingKeys.find((name) => Object.hasOwn(entry, name))
  return key !== undefined && isObject(other) && Object.hasOwn(other, key) && other[key] === entry[key]
}

function correct(key: string | number | undefined, existing: Json, wanted: Json): Json {
  const name = String(key).toLowerCase().replaceAll('_', '')
  if (/^(url|apiurl|apibase|baseurl)$/.test(name)) return withOrigin(existing, wanted)
  return name === 'apikey' && existing === placeholder ? wanted : existing
}

/** The user's own path stays: it may say which of the APIs is meant. */
function withOrigin(existing: Json, wanted: Json): Json {
  if (typeof existing !== 'string' || typeof wanted !== 'string' || !URL.canParse(existing)) return wanted
  const [old, { origin }] = [new URL(existing), new URL(wanted)]
  return old.origin === origin ? existing : `${origin}${old.pathname}${old.search}`
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const conflict = (path: Path, expected: string) =>
  new MergeConflict(`${path.length === 0 ? 'it' : showPath(path)} is not ${expected}`)

export const showPath = (path: Path) => path.join('.')

/** A copy with the changes made. */
export function withChanges(existing: Json | undefined, changes: readonly Change[]): Json {
  let root: Json = structuredClone(existing ?? null)
  for (const { path, after } of changes) {
    const key = path.at(-1)
    if (key === undefined) root = structuredClone(after)
    else Object.assign(containerAt(root, path.slice(0, -1)), { [key]: structuredClone(after) })
  }
  return root
}

/** The changes were made for this very value, so the way is there. */
function containerAt(root: Json, path: Path): JsonObject | Json[] {
  let at: Json | undefined = root
  for (const step of path) at = (at as JsonObject)[step]
  return at as JsonObject | Json[]
}
