// How every error code appears in Anthropic's format: status, body, and the headers that its SDKs act on.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { createRuns } from '../../../src/core/run-registry.ts'
import { runFailure } from '../../../src/core/runs.ts'
import { AppError, type ErrorCode, type ErrorDetails, errorCodes } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { anthropicHeaders, anthropicStatus, toErrorBody } from '../../../src/surfaces/anthropic/errors.ts'
import { ErrorBody } from '../../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { batchOptions } from '../../helpers/batch-options.ts'
import { createInjectApp } from '../../helpers/inject-app.ts'
import { failedEnd, queueFull, refusing, runStart, type Script, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { assertFits, undeclaredIn } from '../../helpers/sdk-schemas.ts'

/** Written out here, so that a change visible to clients also changes this table. */
const vendorErrors: Record<ErrorCode, [status: number, type: string]> = {
  invalid_request: [400, 'invalid_request_error'],
  cwd_not_found: [400, 'invalid_request_error'],
  model_not_found: [404, 'not_found_error'],
  unauthorized: [401, 'authentication_error'],
  budget_exceeded: [402, 'billing_error'],
  extra_usage_required: [402, 'billing_error'],
  insufficient_scope: [403, 'permission_error'],
  host_not_allowed: [403, 'permission_error'],
  origin_not_allowed: [403, 'permission_error'],
  permission_mode_not_allowed: [403, 'permission_error'],
  blocked_by_hook: [403, 'permission_error'],
  cwd_not_allowed: [403, 'permission_error'],
  not_found: [404, 'not_found_error'],
  session_not_found: [404, 'not_found_error'],
  run_not_found: [404, 'not_found_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  request_timeout: [408, 'invalid_request_error'],
  conflict: [409, 'conflict_error'],
  body_too_large: [413, 'invalid_request_error'],
  url_too_long: [414, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  queue_full: [429, 'rate_limit_error'],
  quota_exhausted: [429, 'rate_limit_error'],
  rate_limited: [429, 'rate_limit_error'],
  headers_too_large: [431, 'invalid_request_error'],
  cancelled: [499, 'api_error'],
  internal: [500, 'api_error'],
  interrupted: [500, 'api_error'],
  sandbox_mismatch: [500, 'api_error'],
  not_implemented: [501, 'api_error'],
  claude_failed: [500, 'api_error'],
  claude_not_found: [500, 'api_error'],
  claude_not_logged_in: [401, 'authentication_error'],
  overloaded: [529, 'overloaded_error'],
  shutting_down: [503, 'api_error'],
  storage_full: [503, 'api_error'],
  storage_lost: [503, 'api_error'],
  timeout: [504, 'timeout_error'],
}

/** The SDK declares this error type but leaves it out of the union of error bodies. */
const missingInSdk = 'conflict_error'

for (const code of Object.keys(errorCodes) as ErrorCode[]) {
  const [status, type] = vendorErrors[code]
  test(`${code} maps to ${status} ${type}`, () => {
    const error = new AppError(code, 'What went wrong.')
    const body = ErrorBody.parse(toErrorBody(error, 'req_1'))
    assert.equal(anthropicStatus(error), status)
    assert.deepEqual(body, { type: 'error', error: { type, message: 'What went wrong.' }, request_id: 'req_1' })
    assertFits('anthropic', 'ErrorType', type)
    if (type !== missingInSdk) assertFits('anthropic', 'ErrorResponse', body)
    if (type !== missingInSdk) assert.deepEqual(undeclaredIn('anthropic', 'ErrorResponse', body), [])
  })
}

test('the status of an error does not depend on its details', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const bare = new AppError(code, 'No.')
    const rich = new AppError(code, 'No.', { field: 'model', retryAfterS: 3, upstreamStatus: 418, runId: 'run_1' })
    assert.equal(anthropicStatus(rich), anthropicStatus(bare))
  }
})

test('a billing problem is a billing_error under any code', () => {
  for (const code of ['claude_failed', 'rate_limited', 'invalid_request'] as const) {
    const error = new AppError(code, 'Your credit balance is too low.', {
      reason: 'billing_error',
      upstreamStatus: 400,
    })
    assert.equal(anthropicStatus(error), 402)
    assert.equal(toErrorBody(error, null).error.type, 'billing_error')
    assertFits('anthropic', 'ErrorResponse', toErrorBody(error, null))
  }
})

const spellings: [string, string][] = [
  ['Prompt is too long', 'prompt is too long'],
  ['PROMPT IS TOO LONG: 210000 tokens > 200000 maximum', 'prompt is too long: 210000 tokens > 200000 maximum'],
  ['API Error: 400 Prompt is too long. Compact it.', 'API Error: 400 prompt is too long. Compact it.'],
  ['prompt is too long', 'prompt is too long'],
  ['Prompt is too short', 'Prompt is too short'],
]
for (const [message, expected] of spellings) {
  test(`the message "${message}" becomes "${expected}"`, () => {
    assert.equal(toErrorBody(new AppError('invalid_request', message), null).error.message, expected)
  })
}

const headerCases: [ErrorCode, ErrorDetails, Record<string, string>][] = [
  ['invalid_request', {}, {}],
  ['model_not_found', {}, {}],
  ['unauthorized', {}, { 'www-authenticate': 'Bearer' }],
  ['not_found', {}, {}],
  ['body_too_large', {}, {}],
  ['queue_full', { retryAfterS: 2.5 }, { 'retry-after': '3' }],
  ['queue_full', { retryAfterS: 0 }, { 'retry-after': '0' }],
  ['rate_limited', {}, {}],
  ['rate_limited', { retryAfterS: 30 }, { 'retry-after': '30' }],
  ['rate_limited', { retryAfterS: 60 }, { 'retry-after': '60' }],
  ['rate_limited', { retryAfterS: 61 }, { 'retry-after': '61', 'x-should-retry': 'false' }],
  ['rate_limited', { retryAfterS: 3600 }, { 'retry-after': '3600', 'x-should-retry': 'false' }],
  ['rate_limited', { retryAfterS: 30, runId: 'run_1' }, { 'retry-after': '30', 'x-should-retry': 'false' }],
  ['shutting_down', { retryAfterS: 5 }, { 'retry-after': '5' }],
  ['overloaded', {}, {}],
  ['overloaded', { runId: 'run_1' }, { 'x-should-retry': 'false' }],
  ['request_timeout', {}, {}],
  ['claude_not_logged_in', {}, { 'x-should-retry': 'false' }],
  ['claude_not_found', {}, { 'x-should-retry': 'false' }],
  ['claude_failed', {}, { 'x-should-retry': 'false' }],
  ['internal', {}, { 'x-should-retry': 'false' }],
  ['not_implemented', {}, { 'x-should-retry': 'false' }],
  ['cancelled', {}, {}],
  ['conflict', {}, { 'x-should-retry': 'false' }],
  ['timeout', {}, { 'x-should-retry': 'false' }],
]
for (const [code, facts, expected] of headerCases) {
  test(`${code} with ${JSON.stringify(facts)} has the headers ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(anthropicHeaders(new AppError(code, 'No.', facts)), expected)
  })
}

test('x-should-retry: false stops the SDKs from retrying unless a retry is safe and useful', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const error = new AppError(code, 'No.')
    const status = anthropicStatus(error)
    // The statuses that the SDKs retry, according to their documentation.
    const isRetried = [408, 409, 429].includes(status) || status >= 500
    const isStopped = anthropicHeaders(error)['x-should-retry'] === 'false'
    if (isRetried) assert.equal(isStopped, !errorCodes[code].retry, code)
  }
})

test('a failed run keeps its code and is never retried', () => {
  const failure = runFailure(failedEnd(new AppError('overloaded', 'Busy.', { upstreamStatus: 529 })), 'run_1')
  assert.equal(anthropicStatus(failure), 529)
  assert.deepEqual(toErrorBody(failure, null).error, { type: 'overloaded_error', message: 'Busy.' })
  assert.equal(anthropicHeaders(failure)['x-should-retry'], 'false')
})

const hello = { model: 'sonnet', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] }
const headers = { host: 'localhost:5005', 'content-type': 'application/json' }

async function start(t: TestContext, script: Script, bodyBytesMax = 1024 ** 2) {
  const agent = new ScriptedAgent(script)
  const { inject } = await createInjectApp(t, {
    agent,
    bodyBytesMax,
    prepare: (app) => {
      void app.register(async (scope) =>
        registerAnthropic(scope, {
          ...batchOptions(),
          runs: createRuns({ agent, store: openMemoryStore() }),
          models: async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }],
          modelMap: {},
          requestTimeoutMs: 300_000,
          countTokens: () => 1,
        }),
      )
    },
  })
  return (payload: object | string = hello, more: Record<string, string> = {}, url = '/v1/messages') =>
    inject({ method: 'POST', url, headers: { ...headers, ...more }, payload })
}

/** The error that the SDK raises for an answer. */
function toSdkError({
  statusCode,
  headers: responseHeaders,
  body,
}: Awaited<ReturnType<Awaited<ReturnType<typeof start>>>>) {
  const parsed = ErrorBody.parse(JSON.parse(body))
  return Anthropic.APIError.generate(
    statusCode,
    parsed,
    undefined,
    new Headers(responseHeaders as Record<string, string>),
  )
}

/** The last column is the name of the SDK's error class. */
const failures: [string, AppError, number, string][] = [
  ['a missing login', new AppError('claude_not_logged_in', 'Not logged in.'), 401, 'AuthenticationError'],
  ['an exhausted budget', new AppError('budget_exceeded', 'Too dear.'), 402, 'PaymentRequiredError'],
  [
    'an unpaid plan',
    new AppError('claude_failed', 'Credit is too low.', { reason: 'billing_error' }),
    402,
    'PaymentRequiredError',
  ],
  ['a rate limit', new AppError('rate_limited', 'Too much.', { retryAfterS: 7200 }), 429, 'RateLimitError'],
  ['a failure of the CLI', new AppError('claude_failed', 'It broke.'), 500, 'InternalServerError'],
  ['an overload', new AppError('overloaded', 'Busy.', { upstreamStatus: 529 }), 529, 'OverloadedError'],
  ['a run that took too long', new AppError('timeout', 'Request timed out'), 504, 'GatewayTimeoutError'],
  ['a prompt that is too long', new AppError('invalid_request', 'Prompt is too long'), 400, 'BadRequestError'],
]
for (const [what, error, status, name] of failures) {
  for (const stream of [false, true]) {
    test(`the SDK raises ${what} as ${name}, ${stream ? 'before a stream' : 'for a whole answer'}`, async (t) => {
      const post = await start(t, [runStart(), failedEnd(error)])
      const answer = await post({ ...hello, stream })
      assert.equal(answer.statusCode, status)
      assert.match(String(answer.headers['content-type']), /^application\/json/)
      const raised = toSdkError(answer)
      assert.equal(raised.constructor.name, name)
      assert.equal(raised.requestID, answer.headers['request-id'])
      assert.ok(raised.message.includes(error.message.replace('Prompt', 'prompt')), raised.message)
      // The run has started and may have cost something.
      if (status === 429 || status >= 500) assert.equal(answer.headers['x-should-retry'], 'false')
    })
  }
}

test('the request id is in the headers and in the error body, and a valid id from the caller is used', async (t) => {
  const post = await start(t, refusing(queueFull()))
  for (const [sent, expected] of [
    [{}, /^req_[0-9a-f]{24}$/],
    [{ 'x-request-id': 'my-id.1' }, /^my-id\.1$/],
    [{ 'x-request-id': 'not an id' }, /^req_[0-9a-f]{24}$/],
  ] as const) {
    const answer = await post(hello, sent)
    const { request_id: requestId } = ErrorBody.parse(answer.json())
    assert.match(String(requestId), expected)
    assert.deepEqual([answer.headers['request-id'], answer.headers['x-request-id']], [requestId, requestId])
  }
})

test('a successful answer also has the request id in its headers', async (t) => {
  const post = await start(t, refusing(queueFull()))
  const answer = await post(hello, {}, '/v1/messages/count_tokens')
  assert.equal(answer.statusCode, 200)
  assert.match(String(answer.headers['request-id']), /^req_/)
})

test('a short wait is sent as retry-after and left to the SDK', async (t) => {
  const post = await start(t, refusing(queueFull()))
  const answer = await post()
  assert.equal(answer.statusCode, 429)
  assert.deepEqual([answer.headers['retry-after'], answer.headers['x-should-retry']], ['3', undefined])
})

const guardCases: [string, number, string, object | string, Record<string, string>][] = [
  ['a request from a foreign web page', 403, 'permission_error', hello, { origin: 'https://example.org' }],
  ['a request for another host', 403, 'permission_error', hello, { host: 'example.org' }],
  ['a body of another media type', 415, 'invalid_request_error', 'hi', { 'content-type': 'text/plain' }],
  ['a body that is too large', 413, 'invalid_request_error', { ...hello, system: 'x'.repeat(1024 ** 2) }, {}],
  ['an unknown model', 404, 'not_found_error', { ...hello, model: 'llama' }, {}],
]
for (const [what, status, type, body, more] of guardCases) {
  test(`${what} gets ${status} in Anthropic's format`, async (t) => {
    const post = await start(t, [])
    const answer = await post(body, more)
    assert.equal(answer.statusCode, status, answer.body)
    const sent = ErrorBody.parse(answer.json())
    assert.deepEqual([sent.error.type, sent.request_id], [type, answer.headers['request-id']])
    assertFits('anthropic', 'ErrorResponse', sent)
    assert.equal(answer.headers['x-should-retry'], undefined)
  })
}

test('an unexpected error reveals nothing and is not retried', async (t) => {
  const post = await start(t, () => {
    throw new Error('secret')
  })
  const answer = await post()
  assert.equal(answer.statusCode, 500)
  assert.equal(ErrorBody.parse(answer.json()).error.type, 'api_error')
  assert.doesNotMatch(answer.body, /secret/)
  assert.equal(answer.headers['x-should-retry'], 'false')
})
