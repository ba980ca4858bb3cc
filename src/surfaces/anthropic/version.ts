// The two versions of Anthropic's API that programs ask for, and what the newer one refuses that the older one took.
import { invalidField } from '../../errors.ts'

/** `isStrict`: since version 2026-10-21, some fields and blocks are refused. */
export type Version = { isStrict: boolean }

const strictSince = '2026-10-21'

/** Programs need not say which version they mean: the older one is the more lenient. */
export function readVersion(header: string | string[] | undefined): Version {
  const given = typeof header === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(header) ? header : '2023-06-01'
  return { isStrict: given >= strictSince }
}

const samplingFields = ['temperature', 'top_p', 'top_k'] as const

/** Throws `invalid_request` for what the version has no more. */
export function refuseRemoved(body: Record<string, unknown>, { isStrict }: Version): void {
  if (!isStrict) return
  const found = samplingFields.find((name) => body[name] !== null && body[name] !== undefined)
  if (found === undefined) return
  throw invalidField(found, `is not a field of anthropic-version ${strictSince}; leave it out`, 'unsupported_parameter')
}
