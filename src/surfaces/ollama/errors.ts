// Maps errors to Ollama's form: the status, and a body that has nothing but a text. The texts are this server's own.
import type { AppError, ErrorCode } from '../../errors.ts'
import { errorHeaders, retryHeaders } from '../../http/request-errors.ts'
import type { ErrorBody } from './reply-schemas.ts'

const statuses: Record<ErrorCode, number> = {
  invalid_request: 400,
  cwd_not_found: 400,
  model_not_found: 404,
  unauthorized: 401,
  budget_exceeded: 402,
  extra_usage_required: 402,
  insufficient_scope: 403,
  host_not_allowed: 403,
  origin_not_allowed: 403,
  permission_mode_not_allowed: 403,
  cwd_not_allowed: 403,
  blocked_by_hook: 403,
  not_found: 404,
  session_not_found: 404,
  run_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  conflict: 409,
  body_too_large: 413,
  url_too_long: 414,
  unsupported_media_type: 415,
  queue_full: 429,
  rate_limited: 429,
  quota_exhausted: 429,
  headers_too_large: 431,
  cancelled: 499,
  internal: 500,
  interrupted: 500,
  sandbox_mismatch: 500,
  not_implemented: 501,
  claude_failed: 500,
  claude_not_found: 500,
  // 401 would make programs prompt for a key of this server.
  claude_not_logged_in: 503,
  overloaded: 503,
  shutting_down: 503,
  storage_full: 503,
  storage_lost: 503,
  timeout: 504,
}

export const ollamaStatus = ({ code }: AppError): number => statuses[code]

export const ollamaHeaders = (error: AppError): Record<string, string> => ({
  ...errorHeaders(error),
  ...retryHeaders(error, ollamaStatus(error)),
})

/** Programs that know only this API find the models elsewhere. */
export const toErrorBody = ({ code, message }: AppError): ErrorBody => ({
  error: code === 'model_not_found' ? message.replace('; GET /v1/models lists', '; GET /api/tags lists') : message,
})
