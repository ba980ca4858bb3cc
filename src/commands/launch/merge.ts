// Determines the changes that make a client's settings include ours. Pure, and careful with existing values: it adds what is missing,
// corrects the address, replaces a placeholder with the reference to a key, and leaves every other value unchanged.
import { type Json, placeholder } from './instructions.ts'

export type Path = readonly (string | number)[]

/** `before` is undefined for an addition. */
export type Change = { path: Path; before: Json | undefined; after: Json }

type JsonObject = { [key: string]: Json }

/** The settings do not have the structure that the client documents, so they are not changed. */
export class MergeConflict extends Error {}

export function changesTo(existing: Json | undefined, wanted: Json, path: Path = []): Change[] {
  if (existing === undefined || existing === null) return [{ path, before: undefined, after: wanted }]
  if (Array.isArray(wanted)) return changesToList(existing, wanted, path)
  if (isObject(wanted)) return changesToObject(existing, wanted, path)
  if (typeof existing === 'object') throw conflict(path, 'a single value')
  const after = correct(path.at(-1), existing, wanted)
  return after === existing ? [] : [{ path, before: existing, after }]
}

function changesToObject(existing: Json, wanted: JsonObject, path: Path): Change[] {
  if (!isObject(existing)) throw conflict(path, 'an object')
  return Object.entries(wanted).flatMap(([key, value]) =>
    changesTo(Object.hasOwn(existing, key) ? existing[key] : undefined, value, [...path, key]),
  )
}

/** Entries are matched by id or name; lists of plain values belong to the user. */
function changesToList(existing: Json, wanted: Json[], path: Path): Change[] {
  if (!Array.isArray(existing)) throw conflict(path, 'a list')
  let end = existing.length
  return wanted.filter(isObject).flatMap((entry) => {
    const index = existing.findIndex((other) => isSameEntry(entry, other))
    return index === -1
      ? changesTo(undefined, entry, [...path, end++])
      : changesTo(existing[index], entry, [...path, index])
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

/** The user's path stays: it may select one of the APIs. */
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

/** Returns a copy with the changes applied. */
export function withChanges(existing: Json | undefined, changes: readonly Change[]): Json {
  let root: Json = structuredClone(existing ?? null)
  for (const { path, after } of changes) {
    const key = path.at(-1)
    if (key === undefined) root = structuredClone(after)
    else Object.assign(containerAt(root, path.slice(0, -1)), { [key]: structuredClone(after) })
  }
  return root
}

/** The changes were computed for this value, so the path exists. */
function containerAt(root: Json, path: Path): JsonObject | Json[] {
  let value: Json | undefined = root
  for (const step of path) value = (value as JsonObject)[step]
  return value as JsonObject | Json[]
}
