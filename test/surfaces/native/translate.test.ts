// Tests the native surface's translation in both directions as pure functions: fixtures in, fixtures out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noOptions } from '../../../src/core/agent.ts'
import type { RunEvent } from '../../../src/core/events.ts'
import { runFailure } from '../../../src/core/runs.ts'
import { AppError, type ErrorDetails, errorCodes } from '../../../src/errors.ts'
import { NativeEvents } from '../../../src/surfaces/native/events.ts'
import { ChatEvent, ChatReply, ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { ChatRequest } from '../../../src/surfaces/native/schemas.ts'
import { toErrorBody, toReply, toRunRequest } from '../../../src/surfaces/native/translate.ts'
import { failedEnd, model, runEnd, sessionId } from '../../helpers/scripted-agent.ts'

const unchecked = { permissionMode: null, cwd: null, addDirs: null, roots: null }

test('a prompt alone becomes a new conversation without options', () => {
  for (const streaming of [true, false]) {
    assert.deepEqual(toRunRequest({ prompt: '/help @file --flag' }, unchecked, streaming), {
      prompt: [{ type: 'text', text: '/help @file --flag' }],
      session: { kind: 'new' },
      options: noOptions,
      streaming,
      plain: null,
      approvals: false,
      isAuxiliary: false,
    })
  }
})

test('blocks are passed on unchanged', () => {
  const prompt = [
    { type: 'text' as const, text: 'What is this?' },
    {
      type: 'image' as const,
      source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'iVBORw0KGgo=' },
    },
    {
      type: 'document' as const,
      source: { type: 'text' as const, media_type: 'text/plain' as const, data: 'x' },
      title: 'T',
    },
  ]
  assert.deepEqual(toRunRequest({ prompt }, unchecked, false).prompt, prompt)
})

const sessions: [Partial<ChatRequest>, object][] = [
  [{}, { kind: 'new' }],
  [{ session_id: null, fork: null }, { kind: 'new' }],
  [{ session_id: sessionId }, { kind: 'continue', sessionId }],
  [
    { session_id: sessionId, fork: false },
    { kind: 'continue', sessionId },
  ],
  [
    { session_id: sessionId, fork: null },
    { kind: 'continue', sessionId },
  ],
  [
    { session_id: sessionId, fork: true },
    { kind: 'fork', sessionId },
  ],
]
for (const [fields, session] of sessions) {
  test(`${JSON.stringify(fields)} selects the session ${JSON.stringify(session)}`, () => {
    assert.deepEqual(toRunRequest({ prompt: 'hi', ...fields }, unchecked, false).session, session)
  })
}

test('every option is translated', () => {
  const body = ChatRequest.parse({
    prompt: 'hi',
    model: 'sonnet',
    fallback_model: 'haiku',
    system_prompt: 'S',
    append_system_prompt: 'A',
    max_budget_usd: 0.5,
    max_turns: 3,
    permission_mode: 'plan',
    allowed_tools: ['Read'],
    disallowed_tools: ['Bash'],
    tools: [],
    cwd: '/link',
    add_dirs: ['/link2'],
    effort: 'high',
    json_schema: { type: 'object' },
    mcp_servers: { a: { command: 'x' } },
    agents: { b: { description: 'd', prompt: 'p' } },
    setting_sources: [],
    timeout_s: 5,
    metadata: { team: 'x' },
  })
  const checked = { permissionMode: 'acceptEdits' as const, cwd: '/real', addDirs: ['/real2'], roots: null }
  assert.deepEqual(toRunRequest(body, checked, true).options, {
    model: 'sonnet',
    fallbackModel: 'haiku',
    systemPrompt: 'S',
    appendSystemPrompt: 'A',
    maxBudgetUsd: 0.5,
    maxTurns: 3,
    permissionMode: 'acceptEdits',
    allowedTools: ['Read'],
    disallowedTools: ['Bash'],
    tools: [],
    cwd: '/real',
    addDirs: ['/real2'],
    effort: 'high',
    jsonSchema: { type: 'object' },
    mcpServers: { a: { type: 'stdio', command: 'x' } },
    agents: { b: { description: 'd', prompt: 'p' } },
    settingSources: [],
  })
})

test('an empty system prompt differs from none', () => {
  const { options } = toRunRequest({ prompt: 'hi', system_prompt: '', append_system_prompt: '' }, unchecked, false)
  assert.deepEqual([options.systemPrompt, options.appendSystemPrompt], ['', ''])
})

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
