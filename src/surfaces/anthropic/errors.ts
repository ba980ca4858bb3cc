// Maps errors to the form of Anthropic's API: status, body, and the headers that control its SDKs' retries. The texts
// are ours.
import type { AppError, ErrorCode } from '../../errors.ts'
import { errorHeaders, retryHeaders } from '../../http/request-errors.ts'
import type { ErrorBody } from './reply-schemas.ts'

type VendorError = { status: number; type: string }

const invalid = (status: number): VendorError => ({ status, type: 'invalid_request_error' })
const forbidden: VendorError = { status: 403, type: 'permission_error' }
const missing: VendorError = { status: 404, type: 'not_found_error' }
const limited: VendorError = { status: 429, type: 'rate_limit_error' }
const apiError = (status: number): VendorError => ({ status, type: 'api_error' })

const vendorErrors: Record<ErrorCode, VendorError> = {
  invalid_request: invalid(400),
  cwd_not_found: invalid(400),
  model_not_found: missing,
  unauthorized: { status: 401, type: 'authentication_error' },
  budget_exceeded: { status: 402, type: 'billing_error' },
  extra_usage_required: { status: 402, type: 'billing_error' },
  insufficient_scope: forbidden,
  host_not_allowed: forbidden,
  origin_not_allowed: forbidden,
  permission_mode_not_allowed: forbidden,
  cwd_not_allowed: forbidden,
  blocked_by_hook: forbidden,
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
  quota_exhausted: limited,
  headers_too_large: invalid(431),
  cancelled: apiError(499),
  internal: apiError(500),
  interrupted: apiError(500),
  sandbox_mismatch: apiError(500),
  not_implemented: apiError(501),
  claude_failed: apiError(500),
  claude_not_found: apiError(500),
  claude_not_logged_in: { status: 401, type: 'authentication_error' },
  overloaded: { status: 529, type: 'overloaded_error' },
  shutting_down: apiError(503),
  storage_full: apiError(503),
  storage_lost: apiError(503),
  timeout: { status: 504, type: 'timeout_error' },
}

/** A billing problem arrives as one of the CLI's failures, so its reason decides. */
const toVendorError = ({ code, details }: AppError): VendorError =>
  details.reason === 'billing_error' ? { status: 402, type: 'billing_error' } : vendorErrors[code]

export const anthropicStatus = (error: AppError): number => toVendorError(error).status

export const anthropicHeaders = (error: AppError): Record<string, string> => ({
  ...errorHeaders(error),
  ...retryHeaders(error, anthropicStatus(error)),
})

/** Programs look for this exact phrase. */
const tooLong = /prompt is too long/i

export function toErrorBody(error: AppError, requestId: string | null): ErrorBody {
  const message = error.message.replace(tooLong, 'prompt is too long')
  const details = error.details.vendorDetails as Record<string, unknown> | undefined
  const body = { type: toVendorError(error).type, message, ...(details === undefined ? {} : { details }) }
  return { type: 'error', error: body, request_id: requestId }
}
