// How this server treats each request field of a compatible API. Each surface has one table: the code follows it, the
// reference page is generated from it, and the tests check against it.
import { invalidField } from '../errors.ts'

/**
 * `honored`: works as in the original API. `emulated`: the same by other means. `silent`: no effect, and nothing is
 * lost. `ignored`: no effect, and it is reported to the caller. `refused`: a 400.
 */
export type Treatment = 'honored' | 'emulated' | 'silent' | 'ignored' | 'refused'

type Field = {
  treatment: Treatment
  /** For the reference page: the full rule, if the treatment alone does not state it. */
  note?: string
  /** Whether a value requests nothing, so that there is nothing to report. */
  requestsNothing?: (value: unknown) => boolean
  /** Has no effect for `agent/…` models. */
  plainOnly?: boolean
}

export type FieldTable = Readonly<Record<string, Field>>

export const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

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
    return !(field.requestsNothing ?? isEmpty)(value)
  }
  const names = Object.entries(body).filter(isIgnored)
  return [...new Set(names.map(([name]) => toSafeName(name)))].slice(0, 30)
}

/** Throws `invalid_request` for the first field that the table refuses. */
export function refuseFields(body: object, table: FieldTable): void {
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field?.treatment !== 'refused' || isAbsent(value) || field.requestsNothing?.(value)) continue
    throw invalidField(name, field.note ?? 'is not supported', 'unsupported_value')
  }
}
