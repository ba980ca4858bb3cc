// The two versions of Anthropic's API that programs request, and what the newer one no longer accepts.
import { AppError, invalidField } from '../../errors.ts'

/** `isStrict`: since version 2026-10-21, some fields and blocks are refused. */
export type Version = { isStrict: boolean }

const strictSince = '2026-10-21'

/** Without the header, the older version applies: it is more lenient. */
export function readVersion(header: string | string[] | undefined): Version {
  const version = typeof header === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(header) ? header : '2023-06-01'
  return { isStrict: version >= strictSince }
}

const samplingFields = ['temperature', 'top_p', 'top_k'] as const

/** Throws `invalid_request` for a field that the version has removed. */
export function refuseRemoved(body: Record<string, unknown>, { isStrict }: Version): void {
  if (!isStrict) return
  const found = samplingFields.find((name) => body[name] !== null && body[name] !== undefined)
  if (found === undefined) return
  throw invalidField(found, `is not a field of anthropic-version ${strictSince}; leave it out`, 'unsupported_parameter')
}

/**
 * Anthropic's API can store a conversation and take only what is new. With exactly these details in the error, its SDK
 * sends the whole conversation instead.
 */
export function refuseThread({ thread }: Record<string, unknown>): void {
  if (thread === null || thread === undefined) return
  throw new AppError('invalid_request', 'thread is not supported: send the whole conversation in messages', {
    field: 'thread',
    vendorDetails: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  })
}
