// Tests the native surface's replies and errors as pure functions: fixtures in, fixtures out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '../../../src/core/events.ts'
import { runFailure } from '../../../src/core/runs.ts'
import { AppError, type ErrorDetails, errorCodes } from '../../../src/errors.ts'
import { NativeEvents } from '../../../src/surfaces/native/events.ts'
import { ChatEvent, ChatReply, ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { toErrorBody, toReply } from '../../../src/surfaces/native/translate.ts'
import { failedEnd, model, runEnd, sessionId } from '../../helpers/scripted-agent.ts'

const end = runEnd({
  result: 'Hello',
  structuredOutput: { a: [1] },
  numTurns: 2,
  durationMs: 900,
  permissionDenials: [{ toolName: 'Bash', toolId: 'toolu_1', input: { command: 'ls', runInBackground: true } }],
})
const reply = {
  result: 'Hello',
  session_id: sessionId,
  cost_usd: 0.01,
  cost_is_estimated: false,
  usage: { input_tokens: 10, output_tokens: 2 },
  model,
  run_id: 'run_1',
  num_turns: 2,
  duration_ms: 900,
  stop_reason: 'end_turn',
  structured_output: { a: [1] },
  mcp_servers: [],
  compactions: 0,
  permission_denials: [
    { tool_name: 'Bash', tool_use_id: 'toolu_1', tool_input: { command: 'ls', runInBackground: true } },
  ],
}

test('the end of a successful run becomes the reply', () => {
  assert.deepEqual(toReply(end, 'run_1'), reply)
  assert.deepEqual(ChatReply.parse(toReply(end, 'run_1')), reply)
})

test('unknown values are null in the reply, and no field is missing', () => {
  const bare = toReply(runEnd({ costUsd: null, stopReason: null }), 'run_1')
  assert.deepEqual(
    [bare.cost_usd, bare.stop_reason, bare.structured_output, bare.permission_denials],
    [null, null, null, []],
  )
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(bare))), Object.keys(reply))
})

const failure = failedEnd(new AppError('claude_failed', 'It broke.', { stderr: 'oops', returncode: 7 }))
const events: [RunEvent, object[]][] = [
  [
    { type: 'run-start', runId: 'run_1', sessionId, model },
    [{ type: 'start', session_id: sessionId, model, run_id: 'run_1' }],
  ],
  [{ type: 'text-start', index: 0 }, []],
  [{ type: 'text-delta', index: 0, text: 'a\n\ndata: [DONE]' }, [{ type: 'delta', text: 'a\n\ndata: [DONE]' }]],
  [{ type: 'text-end', index: 0 }, []],
  [{ type: 'thinking-start', index: 1 }, []],
  [{ type: 'thinking-delta', index: 1, text: 'hm' }, []],
  [{ type: 'thinking-end', index: 1 }, []],
  [{ type: 'tool-start', index: 2, toolId: 't', name: 'Read' }, []],
  [{ type: 'tool-delta', index: 2, json: '{}' }, []],
  [{ type: 'tool-end', index: 2 }, []],
  [{ type: 'tool-result', toolId: 't', isError: true, text: 'x' }, []],
  [{ type: 'retry', attempt: 1, delayMs: 5, upstreamStatus: null }, []],
  [end, [{ type: 'done', ...reply }]],
  [
    failure,
    [
      {
        type: 'error',
        error: 'It broke.',
        code: 'claude_failed',
        request_id: 'req_1',
        details: { stderr: 'oops', returncode: 7, session_id: sessionId, cost_usd: 0.01, run_id: 'run_1' },
        ...{ run_id: 'run_1', session_id: sessionId, cost_usd: 0.01, stderr: 'oops', returncode: 7 },
      },
    ],
  ],
]
for (const [event, expected] of events) {
  const outcome = event.type === 'run-end' ? ` of a run that ${event.outcome}` : ''
  test(`${event.type}${outcome} becomes ${expected.length === 0 ? 'nothing' : 'one event'} of the stream`, () => {
    const native = new NativeEvents({ runId: 'run_1', requestId: 'req_1', isFull: false })
    const sent: object[] = native.toFrames(event).map(({ data }) => JSON.parse(data))
    assert.deepEqual(sent, expected)
    assert.deepEqual(
      sent.map((each) => ChatEvent.parse(each)),
      expected,
    )
  })
}

test('a cancelled run becomes an error, with or without a reason', () => {
  const reason = new AppError('cancelled', 'The client disconnected.')
  for (const [each, message] of [
    [failedEnd(reason), 'The client disconnected.'],
    [runEnd({ outcome: 'cancelled' }), 'The run was cancelled.'],
  ] as const) {
    const error = runFailure(each, 'run_1')
    assert.deepEqual([error.code, error.status, error.message], ['cancelled', 499, message])
    assert.deepEqual(error.details, { sessionId, costUsd: 0.01, runId: 'run_1' })
  }
})

test('a run without a session has no session_id in its error', () => {
  const error = runFailure(
    failedEnd(new AppError('timeout', 'Request timed out'), { sessionId: '', costUsd: null }),
    'run_1',
  )
  assert.deepEqual(error.details, { costUsd: null, runId: 'run_1' })
  assert.deepEqual(toErrorBody(error, 'req_1'), {
    error: 'Request timed out',
    code: 'timeout',
    request_id: 'req_1',
    details: { cost_usd: null, run_id: 'run_1' },
    run_id: 'run_1',
    cost_usd: null,
  })
})

const details: [ErrorDetails, details: object, topLevel: object][] = [
  [{}, {}, {}],
  [{ field: 'cwd' }, { field: 'cwd' }, {}],
  [{ retryAfterS: 2.5 }, { retry_after_s: 2.5 }, {}],
  [{ timeoutS: 300 }, { timeout_s: 300 }, {}],
  [{ sessionId: 's' }, { session_id: 's' }, { session_id: 's' }],
  [{ costUsd: 0 }, { cost_usd: 0 }, { cost_usd: 0 }],
  [{ costUsd: null }, { cost_usd: null }, { cost_usd: null }],
  [{ stderr: '' }, { stderr: '' }, { stderr: '' }],
  [{ returncode: null }, { returncode: null }, { returncode: null }],
  [{ upstreamStatus: 529 }, { upstream_status: 529 }, { upstream_status: 529 }],
  [{ runId: 'r', someOtherFact: { keptAsIs: 1 } }, { run_id: 'r', some_other_fact: { keptAsIs: 1 } }, { run_id: 'r' }],
]
for (const [errorDetails, inDetails, topLevel] of details) {
  test(`details ${JSON.stringify(errorDetails)} are sent in snake case, with ${JSON.stringify(topLevel)} repeated at the top level`, () => {
    const body = toErrorBody(new AppError('claude_failed', 'It broke.', errorDetails), 'req_1')
    assert.deepEqual(body, {
      error: 'It broke.',
      code: 'claude_failed',
      request_id: 'req_1',
      details: inDetails,
      ...topLevel,
    })
    assert.deepEqual(ErrorBody.parse(body), body)
  })
}

test('every error code is sent unchanged', () => {
  for (const code of Object.keys(errorCodes) as (keyof typeof errorCodes)[])
    assert.equal(toErrorBody(new AppError(code, 'x'), 'req_1').code, code)
})
