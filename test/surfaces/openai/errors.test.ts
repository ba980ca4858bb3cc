// Every error code in OpenAI's form: status, body, and the headers that its SDKs act on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFailure } from '../../../src/core/runs.ts'
import {
  AppError,
  type ErrorCode,
  type ErrorDetails,
  errorCodes,
  invalidField,
  missingField,
} from '../../../src/errors.ts'
import { ErrorBody } from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import { openaiHeaders, openaiStatus, toErrorBody } from '../../../src/surfaces/openai/shared/errors.ts'
import { failedEnd } from '../../helpers/scripted-agent.ts'

/** Written out here, so that a change of what clients see also requires a change of this table. */
const mappings: Record<ErrorCode, [status: number, type: string, code: string | null]> = {
  invalid_request: [400, 'invalid_request_error', null],
  cwd_not_found: [400, 'invalid_request_error', 'cwd_not_found'],
  model_not_found: [404, 'invalid_request_error', 'model_not_found'],
  unauthorized: [401, 'invalid_request_error', 'invalid_api_key'],
  budget_exceeded: [429, 'insufficient_quota', 'insufficient_quota'],
  extra_usage_required: [429, 'insufficient_quota', 'insufficient_quota'],
  insufficient_scope: [403, 'invalid_request_error', 'insufficient_scope'],
  host_not_allowed: [403, 'invalid_request_error', 'host_not_allowed'],
  origin_not_allowed: [403, 'invalid_request_error', 'origin_not_allowed'],
  permission_mode_not_allowed: [403, 'invalid_request_error', 'permission_mode_not_allowed'],
  blocked_by_hook: [403, 'invalid_request_error', 'blocked_by_hook'],
  cwd_not_allowed: [403, 'invalid_request_error', 'cwd_not_allowed'],
  not_found: [404, 'invalid_request_error', null],
  session_not_found: [404, 'invalid_request_error', null],
  run_not_found: [404, 'invalid_request_error', null],
  method_not_allowed: [405, 'invalid_request_error', 'method_not_supported'],
  request_timeout: [408, 'invalid_request_error', null],
  conflict: [409, 'invalid_request_error', 'conflict'],
  body_too_large: [413, 'invalid_request_error', null],
  url_too_long: [414, 'invalid_request_error', null],
  unsupported_media_type: [415, 'invalid_request_error', null],
  queue_full: [429, 'rate_limit_error', 'server_busy'],
  quota_exhausted: [429, 'rate_limit_error', 'rate_limit_exceeded'],
  rate_limited: [429, 'rate_limit_error', 'rate_limit_exceeded'],
  headers_too_large: [431, 'invalid_request_error', null],
  cancelled: [499, 'server_error', 'cancelled'],
  internal: [500, 'server_error', 'internal_error'],
  interrupted: [500, 'server_error', 'interrupted'],
  sandbox_mismatch: [500, 'server_error', 'sandbox_mismatch'],
  not_implemented: [501, 'server_error', 'not_implemented'],
  claude_failed: [500, 'server_error', 'cli_error'],
  claude_not_found: [500, 'server_error', 'cli_error'],
  claude_not_logged_in: [401, 'authentication_error', 'upstream_not_authenticated'],
  overloaded: [503, 'server_error', 'overloaded'],
  shutting_down: [503, 'server_error', 'shutting_down'],
  storage_full: [503, 'server_error', 'storage_full'],
  storage_lost: [503, 'server_error', 'storage_lost'],
  timeout: [504, 'server_error', 'timeout'],
}

for (const name of Object.keys(errorCodes) as ErrorCode[]) {
  const [status, type, code] = mappings[name]
  test(`${name} is mapped to ${status} ${code ?? type}`, () => {
    const error = new AppError(name, 'What went wrong.')
    const param = name === 'model_not_found' ? 'model' : null
    assert.equal(openaiStatus(error), status)
    assert.deepEqual(ErrorBody.parse(toErrorBody(error)), { error: { message: error.message, type, param, code } })
  })
}

const refused = (message: string, details: ErrorDetails = {}) => new AppError('invalid_request', message, details)
const invalidRequests: [error: AppError, param: string | null, code: string | null][] = [
  [refused('stop must be a string', { field: 'stop' }), 'stop', null],
  [missingField('messages'), 'messages', 'missing_required_parameter'],
  [invalidField('n', 'must be 1', 'unsupported_value'), 'n', 'unsupported_value'],
  [refused('Prompt is too long', { upstreamStatus: 400, reason: 'prompt_too_long' }), null, 'context_length_exceeded'],
  [refused('The safeguards stopped it.', { reason: 'refusal' }), null, 'content_filter'],
  // Wording decides nothing.
  [refused('messages is required', { field: 'messages' }), 'messages', null],
  [refused('Prompt is too long', { upstreamStatus: 400 }), null, null],
]
for (const [error, param, code] of invalidRequests) {
  test(`"${error.message}" with ${JSON.stringify(error.details)} has the param ${param} and the code ${code}`, () => {
    const body = toErrorBody(error)
    assert.deepEqual([body.error.param, body.error.code], [param, code])
  })
}

test('what a surface makes of an invalid field is not among the details, which clients of the native API see', () => {
  for (const error of [missingField('n'), invalidField('n', 'must be 1', 'unsupported_value')])
    assert.deepEqual(error.details, { field: 'n' })
})

const headers: [ErrorCode, ErrorDetails, Record<string, string>][] = [
  ['invalid_request', {}, {}],
  ['queue_full', { retryAfterS: 2.5 }, { 'retry-after': '3' }],
  ['rate_limited', { retryAfterS: 30 }, { 'retry-after': '30' }],
  ['rate_limited', { retryAfterS: 3600 }, { 'retry-after': '3600', 'x-should-retry': 'false' }],
  ['rate_limited', { retryAfterS: 30, runId: 'run_1' }, { 'retry-after': '30', 'x-should-retry': 'false' }],
  ['shutting_down', { retryAfterS: 5 }, { 'retry-after': '5' }],
  ['overloaded', {}, {}],
  ['overloaded', { runId: 'run_1' }, { 'x-should-retry': 'false' }],
  ['claude_not_logged_in', {}, { 'x-should-retry': 'false' }],
  ['claude_failed', {}, { 'x-should-retry': 'false' }],
  ['budget_exceeded', {}, { 'x-should-retry': 'false' }],
  ['conflict', {}, { 'x-should-retry': 'false' }],
  ['timeout', {}, { 'x-should-retry': 'false' }],
]
for (const [name, facts, expected] of headers) {
  test(`${name} with ${JSON.stringify(facts)} has the headers ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(openaiHeaders(new AppError(name, 'No.', facts)), expected)
  })
}

test('a failed run keeps its code and details and tells clients not to retry', () => {
  const failure = runFailure(failedEnd(new AppError('overloaded', 'Busy.', { upstreamStatus: 529 })), 'run_1')
  assert.deepEqual([failure.code, failure.message, failure.details.upstreamStatus], ['overloaded', 'Busy.', 529])
  assert.equal(openaiHeaders(failure)['x-should-retry'], 'false')
})

test('a run that was cancelled without an error is reported as cancelled', () => {
  const end = { ...failedEnd(new AppError('cancelled', 'x')), error: null }
  assert.equal(runFailure(end, 'run_1').code, 'cancelled')
})
