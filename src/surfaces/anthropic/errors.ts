// Failures as Anthropic tells them: status, body and the headers that steer its SDKs' retries. One table; the texts are ours.
import type { AppError, ErrorCode } from '../../errors.ts'
import { errorHeaders, retryHeaders } from '../../http/request-errors.ts'
import type { ErrorBody } from './reply-schemas.ts'

type Told = { status: number; type: string }

const invalid = (status: number): Told => ({ status, type: 'invalid_request_error' })
const forbidden: Told = { status: 403, type: 'permission_error' }
const missing: Told = { status: 404, type: 'not_found_error' }
const limited: Told = { status: 429, type: 'rate_limit_error' }
const fault = (status: number): Told => ({ status, type: 'api_error' })

const toldAs: Record<ErrorCode, Told> = {
  invalid_request: invalid(400),
  cwd_not_found: invalid(400),
  model_not_found: missing,
  unauthorized: { status: 401, type: 'authentication_error' },
  budget_exceeded: { status: 402, type: 'billing_error' },
  insufficient_scope: forbidden,
  host_not_allowed: forbidden,
  origin_not_allowed: forbidden,
  permission_mode_not_allowed: forbidden,
  cwd_not_allowed: forbidden,
  not_found: missing,
  session_not_found: missing,
  run_not_found: missing,
  method_not_allowed: invalid(405),
  request_timeout: invalid(408),
  conflict: { status: 409, type: 'conflict_error' },
  body_too_large: invalid(413),
  url_too_long: invalid(414),
  unsupported_media_type: invalid(415),
  queue_full: limited,
  rate_limited: limited,
  headers_too_large: invalid(431),
  cancelled: fault(499),
  internal: fault(500),
  interrupted: fault(500),
  sandbox_mismatch: fault(500),
  not_implemented: fault(501),
  claude_failed: fault(500),
  claude_not_found: fault(500),
  claude_not_logged_in: { status: 401, type: 'authentication_error' },
  overloaded: { status: 529, type: 'overloaded_error' },
  shutting_down: fault(503),
  timeout: { status: 504, type: 'timeout_error' },
}

/** A plan's problem comes from the CLI among its other failures. */
const told = ({ code, details }: AppError): Told =>
  details.reason === 'billing_error' ? { status: 402, type: 'billing_error' } : toldAs[code]

export const anthropicStatus = (error: AppError): number => told(error).status

export const anthropicHeaders = (error: AppError): Record<string, string> => ({
  ...errorHeaders(error),
  ...retryHeaders(error, anthropicStatus(error)),
})

/** Programs look for this phrase, in this spelling. */
const tooLong = /prompt is too long/i

export function toErrorBody(error: AppError, requestId: string | null): ErrorBody {
  const message = error.message.replace(tooLong, 'prompt is too long')
  const details = error.details.vendorDetails as Record<string, unknown> | undefined
  const fault = { type: told(error).type, message, ...(details === undefined ? {} : { details }) }
  return { type: 'error', error: fault, request_id: requestId }
}
