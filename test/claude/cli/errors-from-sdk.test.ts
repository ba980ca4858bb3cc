// How failures reported by the CLI map to our codes: the table, row by row.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk'
import {
  type FailureClues,
  processFailure,
  resultFailure,
  upstreamFailure,
} from '../../../src/claude/cli/errors-from-sdk.ts'
import type { ErrorCode } from '../../../src/errors.ts'

const noClues: FailureClues = { kind: null, upstreamStatus: null, retryAfterS: null }

/** A result of the CLI with the fields that matter here. */
function resultOf(fields: Record<string, unknown>): SDKResultMessage {
  return {
    type: 'result',
    subtype: 'success',
    is_error: true,
    result: 'API Error',
    errors: [],
    ...fields,
  } as unknown as SDKResultMessage
}

type Row = [title: string, kind: FailureClues['kind'], status: number | null, code: ErrorCode, http: number]

const upstream: Row[] = [
  ['a bad request', 'unknown', 400, 'invalid_request', 400],
  ['a prompt that is too long', 'invalid_request', 400, 'invalid_request', 400],
  ['no credit', 'billing_error', 400, 'claude_failed', 502],
  ['a wrong key', 'authentication_failed', 401, 'claude_not_logged_in', 503],
  ['a refused key', 'authentication_failed', 403, 'claude_not_logged_in', 503],
  ['a refused organization', 'oauth_org_not_allowed', 403, 'claude_not_logged_in', 503],
  ['no login', 'authentication_failed', null, 'claude_not_logged_in', 503],
  ['no cloud login', 'cloud_credential_error', null, 'claude_not_logged_in', 503],
  ['an unknown model', 'model_not_found', 404, 'model_not_found', 400],
  ['a body that is too large', 'invalid_request', 413, 'body_too_large', 413],
  ['a rate limit', 'rate_limit', 429, 'rate_limited', 429],
  ['a rate limit without a class', null, 429, 'rate_limited', 429],
  ['an overloaded API', 'server_error', 529, 'overloaded', 503],
  ['an overloaded API, by its class alone', 'overloaded', null, 'overloaded', 503],
  ['an error of the API', 'server_error', 500, 'claude_failed', 502],
  ['a bad gateway', 'server_error', 502, 'claude_failed', 502],
  ['a refused connection', 'server_error', null, 'claude_failed', 502],
  ['a refusal of the model', 'invalid_request', null, 'invalid_request', 400],
  ['the output limit', 'max_output_tokens', null, 'claude_failed', 502],
  ['nothing known', null, null, 'claude_failed', 502],
]
for (const [title, kind, status, code, http] of upstream) {
  test(`${title} is ${code}`, () => {
    const error = resultFailure(resultOf({ result: 'The text.', api_error_status: status }), { ...noClues, kind })
    assert.equal(error?.code, code)
    assert.equal(error?.status, http)
    assert.match(error?.message ?? '', /^The text\./)
    assert.equal(error?.details.upstreamStatus, status ?? undefined)
  })
}

for (const [text, kind, status, code] of [
  ['You are out of extra usage. Add more at claude.ai/settings/usage.', 'invalid_request', 400, 'extra_usage_required'],
  [
    'Third-party apps now draw from your extra usage, not your plan limits.',
    'authentication_failed',
    403,
    'extra_usage_required',
  ],
  ['Your extra usage of tools is fine.', 'server_error', 500, 'claude_failed'],
  ["You've hit your limit; extra usage is off.", 'rate_limit', 429, 'rate_limited'],
] as const) {
  test(`${JSON.stringify(text)} with status ${status} is ${code}`, () => {
    const { code: actual, message } = upstreamFailure(text, { ...noClues, kind, upstreamStatus: status })
    assert.equal(actual, code)
    assert.equal(message.includes('ANTHROPIC_API_KEY'), code === 'extra_usage_required')
  })
}

const tooLong: [text: string, status: number | null, kind: FailureClues['kind'], reason: string | undefined][] = [
  ['Prompt is too long', 400, 'invalid_request', 'prompt_too_long'],
  ['prompt is too long: 300000 tokens > 200000 maximum', 400, null, 'prompt_too_long'],
  ['API Error: 400 Prompt is too long. Compact it.', 400, 'unknown', 'prompt_too_long'],
  ['Prompt is too long', null, 'invalid_request', undefined],
  ['Prompt is too long', 413, 'invalid_request', undefined],
  ['Prompt is too long', 500, 'server_error', undefined],
  ['max_tokens is too long', 400, 'invalid_request', undefined],
]
for (const [text, status, kind, reason] of tooLong) {
  test(`"${text}" with status ${status} and class ${kind} has the reason ${reason}`, () => {
    assert.equal(upstreamFailure(text, { ...noClues, kind, upstreamStatus: status }).details.reason, reason)
  })
}

test('a success is not a failure', () => {
  assert.equal(resultFailure(resultOf({ is_error: false }), noClues), null)
})

test('the status of an earlier try counts if the result names none', () => {
  const clues: FailureClues = { kind: 'server_error', upstreamStatus: 529, retryAfterS: null }
  assert.equal(resultFailure(resultOf({ api_error_status: null }), clues)?.code, 'overloaded')
  assert.equal(resultFailure(resultOf({ api_error_status: 500 }), clues)?.code, 'claude_failed')
})

const results: [subtype: string, fields: Record<string, unknown>, code: ErrorCode, text: RegExp][] = [
  [
    'error_max_budget_usd',
    { errors: ['Reached maximum budget ($0.01)'] },
    'budget_exceeded',
    /^Reached maximum budget/,
  ],
  ['error_max_budget_usd', {}, 'budget_exceeded', /budget of this request is used up/],
  [
    'error_max_turns',
    { errors: ['Reached maximum number of turns (1)'] },
    'claude_failed',
    /turns \(1\)\. Set a higher max_turns/,
  ],
  ['error_max_structured_output_retries', {}, 'claude_failed', /matches the requested JSON Schema/],
  ['error_during_execution', { errors: ['No conversation found'] }, 'claude_failed', /^No conversation found$/],
  [
    'error_during_execution',
    { errors: ['[ede_diagnostic] x'] },
    'claude_failed',
    /stopped in the middle of the answer/,
  ],
]
for (const [subtype, fields, code, text] of results) {
  test(`the result ${subtype} ${JSON.stringify(fields)} is ${code}`, () => {
    const error = resultFailure(resultOf({ subtype, ...fields }), noClues)
    assert.equal(error?.code, code)
    assert.match(error?.message ?? '', text)
  })
}

const waits: [title: string, clues: Partial<FailureClues>, expected: number | undefined][] = [
  ['a limit that names its end', { upstreamStatus: 429, retryAfterS: 3600 }, 3600],
  ['a limit that does not', { upstreamStatus: 429 }, 30],
  ['an overload', { upstreamStatus: 529 }, 5],
  [
    'a failure for which a retry does not help',
    { upstreamStatus: 401, kind: 'authentication_failed', retryAfterS: 9 },
    undefined,
  ],
]
for (const [title, clues, expected] of waits) {
  test(`how long to wait after ${title}: ${expected ?? 'not specified'}`, () => {
    assert.equal(upstreamFailure('x', { ...noClues, ...clues }).details.retryAfterS, expected)
  })
}

test('the error for a missing login says what to do', () => {
  assert.match(
    upstreamFailure('Not logged in', { ...noClues, kind: 'authentication_failed' }).message,
    /claude-serve login .*ANTHROPIC_API_KEY/,
  )
})

test('a failure without a text gets one, and secrets in a text are masked', () => {
  assert.match(upstreamFailure('', noClues).message, /without giving a reason/)
  assert.equal(upstreamFailure('key sk-ant-api03-abcdef is bad', noClues).message, 'key sk-ant-*** is bad')
})

test('the error for a dead process has its exit code and the end of its stderr output', () => {
  const error = processFailure('ended', { code: 3, stderr: `${'x'.repeat(5000)}the end` })
  assert.equal(error.code, 'claude_failed')
  assert.equal(error.message, 'Claude Code ended.')
  assert.equal(error.details.returncode, 3)
  assert.equal(error.details.stderr?.length, 2000)
  assert.ok(error.details.stderr?.endsWith('the end'))
})
