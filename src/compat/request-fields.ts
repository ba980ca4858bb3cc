// How this server treats each request field of a compatible API. Each surface has one table: the code follows it, the
// reference page is generated from it, and the tests check against it.
import { invalidField } from '../errors.ts'
import { isObject } from '../platform/json.ts'

/**
 * `honored`: works as in the original API. `emulated`: the same by other means. `silent`: no effect, and nothing is
 * lost. `ignored`: no effect, and it is reported to the caller. `refused`: a 400.
 */
export type Treatment = 'honored' | 'emulated' | 'silent' | 'ignored' | 'refused'

export type Field = {
  treatment: Treatment
  /** For the reference page: the full rule, if the treatment alone does not state it. */
  note?: string
  /** Whether a value requests nothing, so that there is nothing to report. `owner` is the object whose field it is. */
  requestsNothing?: (value: unknown, owner: Owner) => boolean
  /** Has no effect for `agent/…` models. */
  plainOnly?: boolean
}

export type FieldTable = Readonly<Record<string, Field>>

/** The rows of fields that are honored, or without effect and loss. */
export const known = (...names: string[]): FieldTable =>
  Object.fromEntries(names.map((name) => [name, { treatment: 'honored' }]))

type Owner = Readonly<Record<string, unknown>>

/**
 * The fields of the objects inside a request. `path`: where they are; `messages[].content[]` stands for the parts of all
 * messages. `applies`: to which of the objects there, and `within`: in which entries of the first list; all if absent.
 */
export type NestedTable = {
  path: string
  fields: FieldTable
  applies?: (owner: Owner) => boolean
  within?: (entry: Owner) => boolean
}

export const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

export const isFalse = (value: unknown): boolean => value === false

/** Whether only the model itself may call a tool, and no program that it writes. */
export const isDirect = (value: unknown): boolean =>
  Array.isArray(value) && value.every((caller) => caller === 'direct')

const isAbsent = (value: unknown) => value === null || value === undefined

/** Names can be anything that a client sends, and they are listed in a header. */
const toSafeName = (name: string) => (/^[\w.[\]-]{1,64}$/.test(name) ? name : '(unknown)')

/** The fields of a request to report as ignored, including those that are not in the table. */
export function ignoredFields(body: object, table: FieldTable, isAgent: boolean): string[] {
  const isIgnored = ([name, value]: [string, unknown]) => {
    if (isAbsent(value)) return false
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field === undefined) return true
    if (field.treatment !== 'ignored' && !(isAgent && field.plainOnly)) return false
    return !(field.requestsNothing ?? isEmpty)(value, body as Owner)
  }
  const names = Object.entries(body).filter(isIgnored)
  return [...new Set(names.map(([name]) => toSafeName(name)))].slice(0, 30)
}

/**
 * The fields inside the request to report as ignored, each once, such as `messages[].name`. `reported`: fields that are
 * reported as a whole already.
 */
export function ignoredNestedFields(
  body: object,
  tables: readonly NestedTable[],
  reported: readonly string[],
): string[] {
  const names = tables.flatMap(({ path, fields, applies = isAny, within = isAny }) => {
    const [first = '', ...steps] = path.split('.')
    if (reported.includes(first.replace('[]', ''))) return []
    const owners = objectsAt(body, [first])
      .filter(within)
      .flatMap((entry) => objectsAt(entry, steps))
      .filter(applies)
    return owners.flatMap((owner) => ignoredFields(owner, fields, false)).map((name) => `${path}.${name}`)
  })
  return [...new Set(names)]
}

const isAny = () => true

function objectsAt(value: unknown, steps: readonly string[]): Owner[] {
  const [step, ...rest] = steps
  if (!isObject(value)) return []
  if (step === undefined) return [value]
  if (!step.endsWith('[]')) return objectsAt(value[step], rest)
  const entries = value[step.slice(0, -2)]
  return Array.isArray(entries) ? entries.flatMap((entry) => objectsAt(entry, rest)) : []
}

/** Throws `invalid_request` for the first field that the table refuses. */
export function refuseFields(body: object, table: FieldTable): void {
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field?.treatment !== 'refused' || isAbsent(value) || field.requestsNothing?.(value, body as Owner)) continue
    throw invalidField(name, field.note ?? 'is not supported', 'unsupported_value')
  }
}
