// Maps errors to OpenAI's form: the status, the body, and the headers that steer its SDKs' retries. One table; the
// messages are this server's own.
import type { AppError, ErrorCode } from '../../../errors.ts'
import { errorHeaders, retryHeaders } from '../../../http/request-errors.ts'
import type { ErrorBody } from '../chat/reply-schemas.ts'

type Mapping = { status: number; type: string; code: string | null }

const refusal = (status: number, code: string | null = null): Mapping => ({
  status,
  type: 'invalid_request_error',
  code,
})
const limit = (code: string, type = 'rate_limit_error'): Mapping => ({ status: 429, type, code })
const failure = (status: number, code: string): Mapping => ({ status, type: 'server_error', code })

const mappings: Record<ErrorCode, Mapping> = {
  invalid_request: refusal(400),
  cwd_not_found: refusal(400, 'cwd_not_found'),
  model_not_found: refusal(404, 'model_not_found'),
  unauthorized: refusal(401, 'invalid_api_key'),
  budget_exceeded: limit('insufficient_quota', 'insufficient_quota'),
  extra_usage_required: limit('insufficient_quota', 'insufficient_quota'),
  insufficient_scope: refusal(403, 'insufficient_scope'),
  host_not_allowed: refusal(403, 'host_not_allowed'),
  origin_not_allowed: refusal(403, 'origin_not_allowed'),
  permission_mode_not_allowed: refusal(403, 'permission_mode_not_allowed'),
  cwd_not_allowed: refusal(403, 'cwd_not_allowed'),
  blocked_by_hook: refusal(403, 'blocked_by_hook'),
  not_found: refusal(404),
  session_not_found: refusal(404),
  run_not_found: refusal(404),
  method_not_allowed: refusal(405, 'method_not_supported'),
  request_timeout: refusal(408),
  conflict: refusal(409, 'conflict'),
  body_too_large: refusal(413),
  url_too_long: refusal(414),
  unsupported_media_type: refusal(415),
  queue_full: limit('server_busy'),
  rate_limited: limit('rate_limit_exceeded'),
  quota_exhausted: limit('rate_limit_exceeded'),
  headers_too_large: refusal(431),
  cancelled: failure(499, 'cancelled'),
  internal: failure(500, 'internal_error'),
  interrupted: failure(500, 'interrupted'),
  sandbox_mismatch: failure(500, 'sandbox_mismatch'),
  not_implemented: failure(501, 'not_implemented'),
  claude_failed: failure(500, 'cli_error'),
  claude_not_found: failure(500, 'cli_error'),
  claude_not_logged_in: { status: 401, type: 'authentication_error', code: 'upstream_not_authenticated' },
  overloaded: failure(503, 'overloaded'),
  shutting_down: failure(503, 'shutting_down'),
  storage_full: failure(503, 'storage_full'),
  storage_lost: failure(503, 'storage_lost'),
  timeout: failure(504, 'timeout'),
}

export const openaiHeaders = (error: AppError): Record<string, string> => ({
  ...errorHeaders(error),
  ...retryHeaders(error, openaiStatus(error)),
})

export const openaiStatus = (error: AppError): number => mappingFor(error).status

/** The CLI reports a billing problem like any of its other failures; only the reason tells it apart. */
const mappingFor = ({ code, details }: AppError): Mapping =>
  details.reason === 'billing_error' ? limit('insufficient_quota', 'insufficient_quota') : mappings[code]

export function toErrorBody(error: AppError): ErrorBody {
  const { type, code } = mappingFor(error)
  const param = error.details.field ?? (error.code === 'model_not_found' ? 'model' : null)
  return { error: { message: error.message, type, param, code: specificCode(error) ?? code } }
}

/** A code of OpenAI's that is more specific than this server's own. */
function specificCode({ code, kind, details }: AppError): string | null {
  if (code !== 'invalid_request' || kind !== null) return kind
  if (details.reason === 'prompt_too_long') return 'context_length_exceeded'
  return details.reason === 'refusal' ? 'content_filter' : null
}
