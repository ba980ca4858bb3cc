// What each field of a foreign API's request means here: one table per face, which the code goes by, the reference page is
// made of, and tests are held against.
import { invalidField } from '../errors.ts'

/**
 * `honoured`: does what it does there. `emulated`: the same by other means. `silent`: without effect, and nothing is lost.
 * `ignored`: without effect, and the caller is told. `refused`: a 400.
 */
export type Treatment = 'honoured' | 'emulated' | 'silent' | 'ignored' | 'refused'

export type Field = {
  treatment: Treatment
  /** For the reference page; the whole rule, where the treatment alone does not say it. */
  note?: string
  /** Whether a value asks for nothing, so that there is nothing to tell. */
  requestsNothing?: (value: unknown) => boolean
  /** Of no effect for `agent/…` models. */
  plainOnly?: boolean
}

export type FieldTable = Readonly<Record<string, Field>>

export const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

const isAbsent = (value: unknown) => value === null || value === undefined

/** Names can be anything a client sends, and the list of them goes into a header. */
const showable = (name: string) => (/^[\w.[\]-]{1,64}$/.test(name) ? name : '(unknown)')

/** The fields of a request that have no effect and are to be told so; those that are not in the table are among them. */
export function ignoredFields(body: object, table: FieldTable, isAgent: boolean): string[] {
  const isIgnored = ([name, value]: [string, unknown]) => {
    if (isAbsent(value)) return false
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field === undefined) return true
    if (field.treatment !== 'ignored' && !(isAgent && field.plainOnly)) return false
    return !(field.requestsNothing ?? isEmpty)(value)
  }
  const names = Object.entries(body).filter(isIgnored)
  return [...new Set(names.map(([name]) => showable(name)))].slice(0, 30)
}

/** Throws `invalid_request` for the first field that the table refuses. */
export function refuseFields(body: object, table: FieldTable): void {
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field?.treatment !== 'refused' || isAbsent(value) || field.requestsNothing?.(value)) continue
    throw invalidField(name, field.note ?? 'cannot be used here', 'unsupported_value')
  }
}
