// Failures as OpenAI tells them: status, body and the headers that steer its SDKs' retries. One table; the texts are ours.
import type { RunEnd } from '../../core/events.ts'
import { AppError, type ErrorCode, errorCodes } from '../../errors.ts'
import { errorHeaders } from '../../http/faults.ts'
import type { ErrorBody } from './reply-schemas.ts'

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
  unsupported_media_type: refusal(415),
  queue_full: limit('server_busy'),
  rate_limited: limit('rate_limit_exceeded'),
  cancelled: fault(499, 'cancelled'),
  internal: fault(500, 'internal_error'),
  claude_failed: fault(500, 'cli_error'),
  claude_not_found: fault(500, 'cli_error'),
  claude_not_logged_in: { status: 401, type: 'authentication_error', code: 'upstream_not_authenticated' },
  overloaded: fault(503, 'overloaded'),
  shutting_down: fault(503, 'shutting_down'),
  timeout: fault(504, 'timeout'),
}

/** Longer waits than this, in seconds, would leave a program that follows `retry-after` hanging. */
const patientS = 60

/** Where an SDK would by itself try again; elsewhere it needs no telling. */
const isRetried = (status: number) => [408, 409, 429].includes(status) || status >= 500

/**
 * Whether the same request may be sent again without harm and with hope. Once a run has begun it may have done its work, or
 * part of it.
 */
function mayRetry({ code, details }: AppError): boolean {
  return errorCodes[code].retry && details.runId === undefined && (details.retryAfterS ?? 0) <= patientS
}

export function openaiHeaders(error: AppError): Record<string, string> {
  const isFinal = isRetried(openaiStatus(error)) || error.code === 'claude_not_logged_in'
  return { ...errorHeaders(error), ...(isFinal && !mayRetry(error) ? { 'x-should-retry': 'false' } : {}) }
}

export const openaiStatus = (error: AppError): number => toldAs[error.code].status

export function toErrorBody(error: AppError): ErrorBody {
  const { type, code } = toldAs[error.code]
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

/** How a run that did not succeed is told. That it had begun can be seen by its id. */
export function runFailure(end: RunEnd, runId: string): AppError {
  const { code, message, details } = end.error ?? {
    code: 'cancelled' as const,
    message: 'The run was cancelled.',
    details: {},
  }
  return new AppError(code, message, { ...details, runId })
}
