// The two versions of Anthropic's API that programs ask for, and what the newer one refuses that the older one took.
import { AppError, invalidField } from '../../errors.ts'

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

/**
 * The API can keep a conversation and take only what is new. Its SDK sends the whole again when it hears in these words that
 * this is not to be had.
 */
export function refuseThread({ thread }: Record<string, unknown>): void {
  if (thread === null || thread === undefined) return
  throw new AppError('invalid_request', 'thread cannot be used: send the whole conversation in messages', {
    field: 'thread',
    vendorDetails: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  })
}
