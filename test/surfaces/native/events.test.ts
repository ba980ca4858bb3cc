// Translates a run's events into those of the native stream: which events each view has, and their numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '../../../src/core/events.ts'
import { AppError } from '../../../src/errors.ts'
import { NativeEvents, toApprovalEvent } from '../../../src/surfaces/native/events.ts'
import { type ChatEvent, eventSchemas } from '../../../src/surfaces/native/reply-schemas.ts'
import { failedEnd, model, runEnd, runStart, sessionId, textBlock } from '../../helpers/scripted-agent.ts'

const runId = `run_${'0'.repeat(32)}`

type Numbered = { id: number | undefined; event: ChatEvent }

/** The frames of the events in one view, each checked against its schema. */
function encodeAll(events: readonly RunEvent[], isFull: boolean): Numbered[] {
  const native = new NativeEvents({ runId, requestId: 'req_1', isFull })
  return events
    .flatMap((event) => native.toFrames(event))
    .map(({ id, data }) => {
      const event = JSON.parse(data) as ChatEvent
      assert.deepEqual(eventSchemas[event.type].parse(event), event)
      return { id, event }
    })
}

const toolCall = (index: number, toolId: string, json: readonly string[]): RunEvent[] => [
  { type: 'tool-start', index, toolId, name: 'Bash' },
  ...json.map((piece): RunEvent => ({ type: 'tool-delta', index, json: piece })),
  { type: 'tool-end', index },
]

const permission: RunEvent = {
  type: 'ask',
  requestId: 'ask_1',
  kind: 'permission',
  toolName: 'Bash',
  toolId: 'toolu_1',
  input: { command: 'touch x' },
  description: 'Make a file',
  blockedPath: '/etc',
  suggestions: [{ type: 'addRules' }],
}
const question: RunEvent = {
  ...permission,
  requestId: 'ask_2',
  kind: 'question',
  toolName: 'AskUserQuestion',
  toolId: 'toolu_2',
  input: { questions: [{ question: 'Which?' }] },
}

const usage = { inputTokens: 1, outputTokens: 1, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, raw: {} }

test('what the next server adds has a number that no event of the dead one can have had', () => {
  const first = [runStart(runId), ...textBlock(0, ['one ', 'two '])]
  const error = new AppError('interrupted', 'The server stopped.')
  const interrupted = encodeAll([...first, failedEnd(error)], false)
  assert.deepEqual(
    interrupted.map(({ id, event }) => [id, event.type]),
    [
      [1, 'start'],
      [2, 'delta'],
      [3, 'delta'],
      [1_000_001, 'error'],
    ],
  )
  const twice = encodeAll([...first, { type: 'restart' }, runStart(runId), failedEnd(error)], false)
  assert.deepEqual(
    twice.map(({ id }) => id),
    [1, 2, 3, 1_000_001, 1_000_002, 2_000_001],
  )
})

/** Every kind of event. */
const everything: RunEvent[] = [
  runStart(runId),
  { type: 'usage', usage },
  { type: 'retry', attempt: 2, delayMs: 500, upstreamStatus: 529 },
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'hm' },
  { type: 'thinking-signature', index: 0, signature: 'sig' },
  { type: 'thinking-end', index: 0 },
  { type: 'thinking-redacted', index: 1, data: 'xxxx' },
  ...textBlock(2, ['Hel', 'lo']),
  ...toolCall(3, 'toolu_1', ['{"comm', 'and":"touch x"}']),
  permission,
  { type: 'ask-answered', requestId: 'ask_1', behavior: 'deny', by: 'timeout' },
  { type: 'tool-result', toolId: 'toolu_1', isError: true, text: 'not allowed' },
  question,
  { type: 'ask-answered', requestId: 'ask_2', behavior: 'allow', by: 'caller' },
  runEnd({ result: 'Hello' }),
]

const typesOf = (frames: readonly Numbered[]) => frames.map(({ event }) => event.type)

test('by default the stream has text, approvals and the end', () => {
  const frames = encodeAll(everything, false)
  assert.deepEqual(typesOf(frames), ['start', 'delta', 'delta', 'permission_request', 'question', 'done'])
  assert.deepEqual(frames[0]?.event, { type: 'start', session_id: sessionId, model, run_id: runId })
})

test('with the full view the stream also has thinking, tools and status events', () => {
  const events = encodeAll(everything, true).map(({ event }) => event)
  assert.deepEqual(events.slice(1, -1), [
    { type: 'status', status: 'retrying', attempt: 2, delay_ms: 500, upstream_status: 529 },
    { type: 'thinking', text: 'hm' },
    { type: 'delta', text: 'Hel' },
    { type: 'delta', text: 'lo' },
    { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'touch x' } },
    {
      type: 'permission_request',
      request_id: 'ask_1',
      tool_name: 'Bash',
      tool_use_id: 'toolu_1',
      input: { command: 'touch x' },
      description: 'Make a file',
      blocked_path: '/etc',
      suggestions: [{ type: 'addRules' }],
    },
    { type: 'status', status: 'answered', request_id: 'ask_1', behavior: 'deny', by: 'timeout' },
    { type: 'tool_result', tool_use_id: 'toolu_1', is_error: true, text: 'not allowed' },
    { type: 'question', request_id: 'ask_2', tool_use_id: 'toolu_2', questions: [{ question: 'Which?' }] },
    { type: 'status', status: 'answered', request_id: 'ask_2', behavior: 'allow', by: 'caller' },
  ])
})

for (const isFull of [false, true]) {
  test(`events count up from 1 without gaps, the same each time; ${isFull ? 'full' : 'default'}`, () => {
    const frames = encodeAll(everything, isFull)
    assert.deepEqual(
      frames.map(({ id }) => id),
      frames.map((_, index) => index + 1),
    )
    assert.deepEqual(encodeAll(everything, isFull), frames)
  })
}

test('a failed run ends with a numbered error event that has the body of an error answer', () => {
  const error = new AppError('claude_failed', 'it fell over', { returncode: 3 })
  const frames = encodeAll([runStart(runId), failedEnd(error)], false)
  assert.partialDeepStrictEqual(frames, [
    { id: 1, event: { type: 'start' } },
    { id: 2, event: { type: 'error', error: 'it fell over', code: 'claude_failed', request_id: 'req_1' } },
  ])
})

test('interleaved calls are each sent whole, once they are complete', () => {
  const [startA, a1, a2, endA] = toolCall(0, 'toolu_a', ['{"n":', '1}'])
  const [startB, b1, b2, endB] = toolCall(1, 'toolu_b', ['{"n":', '2}'])
  const mixed = [startA, startB, a1, b1, b2, endB, a2, endA].filter((event) => event !== undefined)
  assert.deepEqual(
    encodeAll(mixed, true).map(({ event }) => event),
    [
      { type: 'tool_use', id: 'toolu_b', name: 'Bash', input: { n: 2 } },
      { type: 'tool_use', id: 'toolu_a', name: 'Bash', input: { n: 1 } },
    ],
  )
})

test('a call without input, or with input that is not JSON, is sent with an empty input', () => {
  for (const json of [[], [''], ['{"a":'], ['']]) {
    const [frame] = encodeAll(toolCall(0, 'toolu_1', json), true)
    assert.deepEqual(frame?.event, { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} })
  }
})

test('a call whose input is JSON but not an object is sent with an empty input', () => {
  for (const json of ['5', '"x"', 'null', '[1]']) {
    const [frame] = encodeAll(toolCall(0, 'toolu_1', [json]), true)
    assert.deepEqual(frame?.event, { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} }, json)
  }
})

test('a question without a list of questions is sent with an empty list', () => {
  assert.ok(question.type === 'ask')
  const sent = toApprovalEvent({ ...question, input: { questions: 'Which?' } })
  assert.deepEqual(eventSchemas.question.parse(sent).questions, [])
})
