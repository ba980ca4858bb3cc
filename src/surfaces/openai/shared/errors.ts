// Failures as OpenAI tells them: status, body and the headers that steer its SDKs' retries. One table; the texts are ours.
import type { AppError, ErrorCode } from '../../../errors.ts'
import { errorHeaders, retryHeaders } from '../../../http/request-errors.ts'
import type { ErrorBody } from '../chat/reply-schemas.ts'

type Told = { status: number; type: string; code: string | null }

const refusal = (status: number, code: string | null = null): Told => ({ status, type: 'invalid_request_error', code })
const limit = (code: string, type = 'rate_limit_error'): Told => ({ status: 429, type, code })
const fault = (status: number, code: string): Told => ({ status, type: 'server_error', code })

const toldAs: Record<ErrorCode, Told> = {
  invalid_request: refusal(400),
  cwd_not_found: refusal(400, 'cwd_not_found'),
  model_not_found: refusal(404, 'model_not_found'),
  unauthorized: refusal(401, 'invalid_api_key'),
  budget_exceeded: limit('insufficient_quota', 'insufficient_quota'),
  insufficient_scope: refusal(403, 'insufficient_scope'),
  host_not_allowed: refusal(403, 'host_not_allowed'),
  origin_not_allowed: refusal(403, 'origin_not_allowed'),
  permission_mode_not_allowed: refusal(403, 'permission_mode_not_allowed'),
  cwd_not_allowed: refusal(403, 'cwd_not_allowed'),
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
  headers_too_large: refusal(431),
  cancelled: fault(499, 'cancelled'),
  internal: fault(500, 'internal_error'),
  interrupted: fault(500, 'interrupted'),
  sandbox_mismatch: fault(500, 'sandbox_mismatch'),
  not_implemented: fault(501, 'not_implemented'),
  claude_failed: fault(500, 'cli_error'),
  claude_not_found: fault(500, 'cli_error'),
  claude_not_logged_in: { status: 401, type: 'authentication_error', code: 'upstream_not_authenticated' },
  overloaded: fault(503, 'overloaded'),
  shutting_down: fault(503, 'shutting_down'),
  timeout: fault(504, 'timeout'),
}

export const openaiHeaders = (error: AppError): Record<string, string> => ({
  ...errorHeaders(error),
  ...retryHeaders(error, openaiStatus(error)),
})

export const openaiStatus = (error: AppError): number => told(error).status

/** A plan's problem comes from the CLI among its other failures. */
const told = ({ code, details }: AppError): Told =>
  details.reason === 'billing_error' ? limit('insufficient_quota', 'insufficient_quota') : toldAs[code]

export function toErrorBody(error: AppError): ErrorBody {
  const { type, code } = told(error)
  const param = error.details.field ?? (error.code === 'model_not_found' ? 'model' : null)
  return { error: { message: error.message, type, param, code: narrower(error) ?? code } }
}

/** What OpenAI's own codes say more of than ours do. */
function narrower(error: AppError): string | null {
  if (error.code !== 'invalid_request') return null
  const { field, kind, upstreamStatus, reason } = error.details
  if (typeof kind === 'string') return kind
  if (field !== undefined && error.message === `${field} is required`) return 'missing_required_parameter'
  if (upstreamStatus !== undefined && /prompt is too long/i.test(error.message)) return 'context_length_exceeded'
  return reason === 'refusal' ? 'content_filter' : null
}
