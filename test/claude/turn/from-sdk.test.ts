// The SDK's messages of a turn, as recorded from the real CLI by test/fixtures/record.ts, and the events they become.
// The expected events are stored beside the recordings; the most important facts about each are repeated here by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk'
import { TurnTranslator } from '../../../src/claude/turn/from-sdk.ts'
import { endOfRun, type RunEnd, type RunEvent } from '../../../src/core/events.ts'
import { AppError, type ErrorCode } from '../../../src/errors.ts'
import { readings, readLines, replay } from '../../fixtures/record.ts'
import { OrderChecker } from '../../helpers/order-checker.ts'

const sessionId = '22222222-2222-4222-8222-222222222222'

const textsOf = (events: readonly RunEvent[]) =>
  events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')

/** The types of events in order, each row of deltas as one; usage is tested separately. */
function shapeOf(events: readonly RunEvent[]): string {
  const types = events.map((event) => event.type).filter((type) => type !== 'usage')
  return types.filter((type, index) => !(type.endsWith('-delta') && type === types[index - 1])).join(' ')
}

const block = (kind: string) => `${kind}-start ${kind}-delta ${kind}-end`
const shape = (...parts: string[]) => ['run-start', ...parts, 'run-end'].join(' ')
const [text, tool] = ['text', 'tool'].map(block) as [string, string]
const thinking = 'thinking-start thinking-delta thinking-signature thinking-end'
const redacted = 'thinking-start thinking-redacted thinking-end'
const result = 'tool-result'
const task = 'task-start task-progress task-end'

type Facts = {
  shape: string
  code?: ErrorCode
  result?: string
  stopReason: string | null
  text?: string
}

const expected: Record<string, Facts> = {
  text: { shape: shape(text), result: 'Hello from the model.', stopReason: 'end_turn' },
  thinking: { shape: shape(thinking, text), result: 'After some thought.', stopReason: 'end_turn' },
  'tool-loop': {
    shape: shape(text, tool, result, tool, tool, result, result, text),
    result: 'It is there.',
    text: 'I look.It is there.',
    stopReason: 'end_turn',
  },
  'denied-tool': { shape: shape(tool, result, text), result: 'I may not.', stopReason: 'end_turn' },
  'api-error': { shape: shape(), code: 'model_not_found', stopReason: 'stop_sequence' },
  'rate-limit': { shape: shape(), code: 'rate_limited', stopReason: 'stop_sequence' },
  'retry-then-success': { shape: shape('retry', text), result: 'At last.', stopReason: 'end_turn' },
  'cut-then-success': { shape: shape(text), code: 'claude_failed', stopReason: null, text: 'one two th' },
  'cut-then-success.whole': {
    shape: shape(text, 'retry', text),
    result: 'Whole again.',
    text: 'one two thWhole again.',
    stopReason: 'end_turn',
  },
  'cut-every-time': { shape: shape(text), code: 'claude_failed', stopReason: null, text: 'one two th' },
  'cut-every-time.whole': {
    shape: shape(text, 'retry', text, 'retry', text),
    code: 'claude_failed',
    stopReason: 'stop_sequence',
    text: 'one two th'.repeat(3),
  },
  'error-in-stream': { shape: shape(text), code: 'overloaded', stopReason: 'stop_sequence', text: 'one two th' },
  'error-in-stream.whole': { shape: shape(text), code: 'overloaded', stopReason: 'stop_sequence', text: 'one two th' },
  'output-limit-continued': {
    shape: shape(text, text),
    result: 'The first part, the second part.',
    stopReason: 'end_turn',
  },
  'output-limit-for-good': {
    shape: shape(text, text, text, text),
    result: 'part 1 part 2 part 3 part 4 ',
    stopReason: 'max_tokens',
  },
  'structured-output': {
    shape: shape(tool, result),
    result: '{"city":"Bern","people":134000}',
    text: '',
    stopReason: 'tool_use',
  },
  'structured-output-missing': {
    shape: shape(text, text),
    code: 'claude_failed',
    text: 'Just words.Just words.',
    stopReason: 'end_turn',
  },
  subagent: { shape: shape(tool, task, result, text), result: 'It told me.', stopReason: 'end_turn' },
  refusal: { shape: shape(text), code: 'invalid_request', stopReason: null, text: 'I must not.' },
  'turns-used-up': { shape: shape(tool, result), code: 'claude_failed', stopReason: 'tool_use' },
}

test('each reading of a recording has expected facts', () => {
  assert.deepEqual(readings.map(({ name }) => name).sort(), Object.keys(expected).sort())
})

for (const reading of readings) {
  const facts = expected[reading.name]
  test(`${reading.name}: the recorded messages become the expected events`, () => {
    const events = replay(reading, readLines<SDKMessage>(reading.recording))
    checkOrder(events)
    assert.ok(facts)
    assert.equal(shapeOf(events), facts.shape)
    const end = events.at(-1)
    assert.ok(end?.type === 'run-end')
    assert.equal(end.outcome, facts.code === undefined ? 'succeeded' : 'failed')
    assert.equal(end.error?.code, facts.code)
    assert.equal(end.stopReason, facts.stopReason)
    if (facts.result !== undefined) assert.equal(end.result, facts.result)
    assert.equal(textsOf(events), facts.text ?? facts.result ?? '')
    assert.equal(end.sessionId, sessionId)
    assert.deepEqual(JSON.parse(JSON.stringify(events)), readLines(`${reading.name}.expected`))
  })
}

const messagesOf = (name: string) => readLines<SDKMessage>(name)
const contextOf = (more: Partial<TurnTranslator['context']> = {}) => ({
  runId: 'run_1',
  sessionId,
  streaming: true,
  answerCheck: null,
  plain: null,
  planSecondsLeft: () => null,
  ...more,
})

function translate(messages: readonly SDKMessage[], translator = new TurnTranslator(contextOf())): RunEvent[] {
  return messages.flatMap((message) => translator.accept(message))
}

/** Checks the order of a whole run's events. */
function checkOrder(events: readonly RunEvent[]): void {
  const checker = new OrderChecker()
  for (const event of events) checker.accept(event)
  checker.finish()
}

type MessageStart = Extract<Extract<SDKMessage, { type: 'stream_event' }>['event'], { type: 'message_start' }>

const messageStarts = (messages: readonly SDKMessage[]): MessageStart[] =>
  messages.flatMap((message) => {
    const isOwn = message.type === 'stream_event' && message.parent_tool_use_id === null
    return isOwn && message.event.type === 'message_start' ? [message.event] : []
  })

const usagesOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []))

for (const reading of readings) {
  test(`${reading.name}: the usage of each message of the model is emitted when the message starts`, () => {
    const messages = readLines<SDKMessage>(reading.recording)
    const events = replay(reading, messages)
    const starts = messageStarts(messages)
    const end = events.at(-1)
    assert.ok(end?.type === 'run-end')
    // A stream that broke, or was refused, ends the turn of a streaming caller before the CLI retries.
    const isCutShort = end.outcome === 'failed' && end.stopReason === null
    const usages = usagesOf(events)
    assert.equal(usages.length, isCutShort ? 1 : starts.length)
    assert.deepEqual(
      usages.map(({ raw }) => raw),
      starts.slice(0, usages.length).map(({ message }) => message.usage),
    )
  })
}

test('usage contains the counts of the message, both by name and raw', () => {
  const figures = { input_tokens: 7, output_tokens: 2, cache_read_input_tokens: 5, cache_creation_input_tokens: 3 }
  const usage = { ...figures, service_tier: 'standard' }
  const messages = structuredClone(messagesOf('text'))
  const [start] = messageStarts(messages)
  assert.ok(start)
  Object.assign(start.message.usage, usage)
  const events = translate(messages)
  assert.deepEqual(usagesOf(events), [
    { inputTokens: 7, outputTokens: 2, cacheReadInputTokens: 5, cacheCreationInputTokens: 3, raw: usage },
  ])
  assert.deepEqual(
    events.slice(0, 3).map(({ type }) => type),
    ['run-start', 'usage', 'text-start'],
  )
})

const signature = 'ZGVtby1zaWduYXR1cmU='
const hidden = 'c2VjcmV0IHRob3VnaHRz'

/** The recording of thinking of which the API shows only `data`. */
function redactedThinking(): SDKMessage[] {
  return structuredClone(messagesOf('thinking')).flatMap((message) => {
    if (message.type === 'assistant') {
      const { content } = message.message
      const blocks = content.map((each) =>
        each.type === 'thinking' ? { type: 'redacted_thinking', data: hidden } : each,
      )
      return [{ ...message, message: { ...message.message, content: blocks } } as SDKMessage]
    }
    if (message.type !== 'stream_event') return [message]
    const { event } = message
    if (event.type === 'content_block_start' && event.content_block.type === 'thinking') {
      return [
        { ...message, event: { ...event, content_block: { type: 'redacted_thinking', data: hidden } } } as SDKMessage,
      ]
    }
    return event.type === 'content_block_delta' && event.index === 0 ? [] : [message]
  })
}

const withoutStream = (messages: readonly SDKMessage[]) => messages.filter(({ type }) => type !== 'stream_event')

for (const [how, pick] of [
  ['streamed', (messages: readonly SDKMessage[]) => messages],
  ['whole', withoutStream],
] as const) {
  test(`signed thinking that arrives ${how} is emitted with its signature, inside its block`, () => {
    const events = translate(pick(messagesOf('thinking')))
    checkOrder(events)
    assert.equal(shapeOf(events), shape(thinking, text))
    const texts = events.flatMap((event) => (event.type === 'thinking-delta' ? [event.text] : []))
    assert.equal(texts.join(''), 'think0 think1 ')
    const signatures = events.filter((event) => event.type === 'thinking-signature')
    assert.deepEqual(signatures, [{ type: 'thinking-signature', index: 0, signature }])
  })

  test(`redacted thinking that arrives ${how} is emitted unchanged, inside its block`, () => {
    const events = translate(pick(redactedThinking()))
    checkOrder(events)
    assert.equal(shapeOf(events), shape(redacted, text))
    assert.deepEqual(
      events.filter((event) => event.type === 'thinking-redacted'),
      [{ type: 'thinking-redacted', index: 0, data: hidden }],
    )
    assert.equal(textsOf(events), 'After some thought.')
  })
}

test('structured output is returned as an object', () => {
  const end = replay(
    { name: 'x', recording: 'x', streaming: true, wantsSchema: true },
    messagesOf('structured-output'),
  ).at(-1)
  assert.ok(end?.type === 'run-end')
  assert.deepEqual(end.structuredOutput, { city: 'Bern', people: 134_000 })
})

test('a denied call is reported at the end', () => {
  const end = translate(messagesOf('denied-tool')).at(-1)
  assert.ok(end?.type === 'run-end')
  assert.deepEqual(
    end.permissionDenials.map(({ toolName, input }) => ({ toolName, input })),
    [{ toolName: 'Bash', input: { command: 'touch made', description: 'Make' } }],
  )
})

test('the messages of a subagent are not part of the answer', () => {
  const messages = messagesOf('subagent')
  const below = messages.filter((message) => 'parent_tool_use_id' in message && message.parent_tool_use_id !== null)
  assert.ok(below.length > 2, 'the recording holds messages of a subagent')
  assert.deepEqual(translate(below), [])
  assert.doesNotMatch(JSON.stringify(translate(messages)), /The subagent looks/)
})

test('the translator knows when a tool is running', () => {
  const translator = new TurnTranslator(contextOf())
  const seen = messagesOf('tool-loop').map((message) => {
    translator.accept(message)
    return translator.toolIsRunning
  })
  const changes = seen.filter((isRunning, index) => isRunning !== (seen[index - 1] ?? false))
  assert.deepEqual(changes, [true, false, true, false])
})

test('a CLI that sends deltas without end breaks its run before they fill the memory', () => {
  const messages = messagesOf('text')
  const index = messages.findIndex(
    (message) => message.type === 'stream_event' && message.event.type === 'content_block_delta',
  )
  const delta = messages[index]
  assert.ok(delta)
  const translator = new TurnTranslator(contextOf())
  for (const message of messages.slice(0, index)) translator.accept(message)
  let count = 0
  while (translator.broken === null) {
    translator.accept(delta)
    assert.ok(count++ < 1_000_000)
  }
  assert.deepEqual([translator.broken.code, count > 100_000], ['claude_failed', true])
})

test('an answer that does not arrive as a stream is emitted whole', () => {
  const messages = messagesOf('tool-loop').filter((message) => message.type !== 'stream_event')
  const events = translate(messages)
  assert.equal(shapeOf(events), expected['tool-loop']?.shape)
  assert.equal(textsOf(events), 'I look.It is there.')
})

test('an answer that is only in the result is emitted', () => {
  const messages = messagesOf('text').filter(
    (message) => message.type !== 'stream_event' && message.type !== 'assistant',
  )
  assert.equal(shapeOf(translate(messages)), shape(text))
  assert.equal(textsOf(translate(messages)), 'Hello from the model.')
})

test('a stream that is cut off at any point is in order once it ends', () => {
  for (const { recording } of readings) {
    const messages = messagesOf(recording)
    const start = messages.findIndex((message) => message.type === 'system' && message.subtype === 'init')
    for (let length = start + 1; length < messages.length; length++) {
      const translator = new TurnTranslator(contextOf({ streaming: false }))
      const events = translate(messages.slice(0, length), translator)
      checkOrder([...events, translator.endWithout(new AppError('cancelled', 'Enough.'))])
    }
  }
})

test('a turn in which the process reports its setup twice starts once', () => {
  const messages = messagesOf('text')
  const init = messages.find((message) => message.type === 'system' && message.subtype === 'init')
  assert.ok(init)
  assert.equal(shapeOf(translate([init, ...messages])), shape(text))
})

test('unknown types of messages are ignored', () => {
  const unknown = [{ type: 'invented' }, { type: 'system', subtype: 'invented' }] as unknown as SDKMessage[]
  assert.deepEqual(translate(unknown), [])
})

function retryAfter(delayMs: number): SDKMessage {
  const fields = { attempt: 1, max_retries: 2, retry_delay_ms: delayMs, error_status: 429, error: 'rate_limit' }
  return { type: 'system', subtype: 'api_retry', ...fields } as unknown as SDKMessage
}

test('a retry delay of the CLI that is too long ends the turn with an error that names the delay', () => {
  const short = new TurnTranslator(contextOf())
  translate([retryAfter(10_000)], short)
  assert.equal(short.broken, null)
  const long = new TurnTranslator(contextOf())
  translate([retryAfter(10_001)], long)
  assert.equal(long.broken?.code, 'rate_limited')
  assert.equal(long.broken?.details.retryAfterS, 11)
})

test("the end of a subscription's limit is returned as a retry delay", () => {
  const translator = new TurnTranslator(contextOf({ planSecondsLeft: () => 100 }))
  const events = translate(messagesOf('rate-limit'), translator)
  const end = events.at(-1)
  assert.ok(end?.type === 'run-end')
  assert.equal(end.error?.details.retryAfterS, 100)
})

test("the messages are retained for a conversation file, without the CLI's synthetic ones", () => {
  const roles = (name: string) => {
    const translator = new TurnTranslator(contextOf())
    translate(messagesOf(name), translator)
    return translator.messages.map((message) => message.role).join(' ')
  }
  assert.equal(roles('text'), 'assistant')
  assert.equal(roles('structured-output'), 'assistant user')
  assert.equal(roles('api-error'), '')
  assert.equal(roles('output-limit-continued'), 'assistant assistant')
})

const ends: [error: AppError | null, outcome: RunEnd['outcome']][] = [
  [null, 'succeeded'],
  [new AppError('cancelled', 'x'), 'cancelled'],
  [new AppError('timeout', 'x'), 'failed'],
]
for (const [error, outcome] of ends) {
  test(`a run of which only ${error?.code ?? 'its success'} is known has the outcome ${outcome}`, () => {
    const end = endOfRun({ sessionId, model: 'm' }, error)
    assert.equal(end.outcome, outcome)
    assert.equal(end.error?.code, error?.code)
  })
}

/** As a CLI sends it that does not report what a turn cost. */
const withoutCost = (messages: readonly SDKMessage[]) =>
  messages.map((message) => {
    if (message.type !== 'result') return message
    const { model_usage_since_last_result: _, ...result } = message as SDKMessage & Record<string, unknown>
    return result as unknown as SDKMessage
  })

test('a cost that the CLI does not report is estimated from the usage, and marked', () => {
  const reported = translate(messagesOf('text')).at(-1)
  const estimated = translate(withoutCost(messagesOf('text'))).at(-1)
  assert.ok(reported?.type === 'run-end' && estimated?.type === 'run-end')
  assert.equal(reported.costIsEstimated, undefined)
  assert.ok(reported.costUsd !== null && reported.costUsd > 0)
  assert.ok(Math.abs((estimated.costUsd ?? 0) - reported.costUsd) < 1e-9)
  assert.equal(estimated.costIsEstimated, true)
})

for (const costUSD of ['0.5', -0.5, null, undefined]) {
  test(`a cost of ${JSON.stringify(costUSD)} counts as one that is not reported`, () => {
    const odd = messagesOf('text').map((message) =>
      message.type === 'result' ? { ...message, model_usage_since_last_result: { 'claude-x': { costUSD } } } : message,
    )
    const end = translate(odd).at(-1)
    const estimated = translate(withoutCost(messagesOf('text'))).at(-1)
    assert.ok(end?.type === 'run-end' && estimated?.type === 'run-end')
    assert.deepEqual([end.costUsd, end.costIsEstimated], [estimated.costUsd, true])
  })
}

test('a result without usage and denials is one with none of them', () => {
  const bare = messagesOf('text').map((message) => {
    if (message.type !== 'result') return message
    const { usage: _, permission_denials: __, ...rest } = message
    return rest as SDKMessage
  })
  const end = translate(bare).at(-1)
  assert.ok(end?.type === 'run-end')
  assert.deepEqual([end.error, end.usage.outputTokens, end.permissionDenials], [null, 0, []])
})

test('the cost of a model without a known price is unknown', () => {
  const other = withoutCost(messagesOf('text')).map((message) => {
    const json = JSON.stringify(message).replaceAll(/claude-[a-z]+-[\d-]+\d/g, 'claude-nobody-9')
    return JSON.parse(json) as SDKMessage
  })
  const end = translate(other).at(-1)
  assert.ok(end?.type === 'run-end')
  assert.deepEqual([end.costUsd, end.costIsEstimated], [null, undefined])
})

test('a CLI that does not report its MCP servers is one without any', () => {
  const messages = messagesOf('text').map((message) => {
    if (message.type !== 'system' || message.subtype !== 'init') return message
    const { mcp_servers: _, ...init } = message
    return init as unknown as SDKMessage
  })
  assert.deepEqual(translate(messages), translate(messagesOf('text')))
})
