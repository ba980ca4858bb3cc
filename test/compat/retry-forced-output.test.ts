// Plain answers that must be a call or a JSON object: which are retried, which events are emitted, and that nothing of
// the first answer appears if there is a second.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withForcedOutputRetry } from '../../src/compat/retry-forced-output.ts'
import { noOptions, noPlainOptions, type PlainOptions, type RunRequest } from '../../src/core/agent.ts'
import type { RunEnd, RunEvent, Usage } from '../../src/core/events.ts'
import { AppError } from '../../src/errors.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import {
  failedEnd,
  goodRun,
  queueFull,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  sessionId,
  textBlock,
  untilAborted,
} from '../helpers/scripted-agent.ts'

type RequiredOutput = PlainOptions['requiredOutput']

function requestOf(requiredOutput: RequiredOutput, more: Partial<RunRequest> = {}): RunRequest {
  return {
    runId: 'run_twice',
    prompt: [
      { type: 'text', text: 'Look' },
      { type: 'text', text: 'there.' },
    ],
    session: { kind: 'history', messages: [{ role: 'user', content: [{ type: 'text', text: 'Before.' }] }] },
    options: { ...noOptions, model: 'sonnet', systemPrompt: 'S' },
    streaming: true,
    plain: { ...noPlainOptions, requiredOutput, maxOutputTokens: 9 },
    approvals: false,
    isAuxiliary: false,
    ...more,
  }
}

const never = new AbortController().signal
const disconnected = () => new AppError('cancelled', 'The client disconnected.')

function callBlock(index: number): RunEvent[] {
  return [
    { type: 'tool-start', index, toolId: 'toolu_1', name: 'look' },
    { type: 'tool-delta', index, json: '{"at":' },
    { type: 'tool-delta', index, json: '1}' },
    { type: 'tool-end', index },
  ]
}

const usageOf = (inputTokens: number, outputTokens: number): Usage => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokens: 3,
  cacheCreationInputTokens: 4,
  raw: { output_tokens: outputTokens },
})

const prose = (words: string, fields: Partial<RunEnd> = {}): RunEvent[] => [
  runStart(),
  { type: 'usage', usage: usageOf(10, 1) },
  ...textBlock(0, [words]),
  runEnd({ result: words, usage: usageOf(10, 5), costUsd: 0.25, ...fields }),
]

const calling = (fields: Partial<RunEnd> = {}): RunEvent[] => [
  runStart(),
  { type: 'usage', usage: usageOf(20, 1) },
  ...callBlock(0),
  runEnd({ stopReason: 'tool_use', usage: usageOf(20, 7), costUsd: 0.5, ...fields }),
]

/** Plays the scripts one after another, one for each run. */
function inTurn(scripts: readonly Script[]): Script {
  let index = 0
  return (request, signal) => {
    const script = scripts[index++] ?? []
    return typeof script === 'function' ? script(request, signal) : script
  }
}

const typesOf = (events: readonly RunEvent[]) => events.map(({ type }) => type)
const withRunId = (events: readonly RunEvent[]) =>
  events.map((event) => (event.type === 'run-start' ? { ...event, runId: 'run_twice' } : event))

/** A whole run, in which the agent must receive exactly one request per script. */
async function play(
  scripts: readonly Script[],
  request: RunRequest,
  { signal = never, onEvent = () => {} }: { signal?: AbortSignal; onEvent?: (event: RunEvent) => void } = {},
): Promise<{ agent: ScriptedAgent; events: RunEvent[]; end: RunEnd }> {
  const agent = new ScriptedAgent(inTurn(scripts))
  const checker = new OrderChecker()
  const events: RunEvent[] = []
  for await (const event of withForcedOutputRetry(agent).run(request, signal)) {
    checker.accept(event)
    events.push(event)
    onEvent(event)
  }
  assert.equal(agent.requests.length, scripts.length)
  checker.finish()
  const end = events.at(-1)
  assert.ok(end?.type === 'run-end')
  return { agent, events, end }
}

for (const [what, words] of [
  ['a call at once', []],
  ['text and then a call', textBlock(0, ['I look.'])],
] as const) {
  test(`${what}: nothing is held back once the call begins`, async () => {
    const script = [runStart(), ...words, ...callBlock(1), ...textBlock(2, ['So.']), runEnd({ stopReason: 'tool_use' })]
    const agent = new ScriptedAgent(inTurn([script]))
    const checker = new OrderChecker()
    const events: RunEvent[] = []
    const callIndex = 1 + words.length
    for await (const event of withForcedOutputRetry(agent).run(requestOf('call'), never)) {
      checker.accept(event)
      // Each event is emitted as it is read, and nothing is read ahead.
      if (events.length >= callIndex) assert.equal(agent.taken[0], events.length + 1)
      events.push(event)
    }
    checker.finish()
    assert.deepEqual(events, withRunId(script))
    assert.equal(agent.requests.length, 1)
  })
}

test('the start of a run is emitted at once, whatever its answer will be', async () => {
  const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
  const events = withForcedOutputRetry(agent).run(requestOf('call'), never)[Symbol.asyncIterator]()
  assert.equal((await events.next()).value?.type, 'run-start')
  assert.deepEqual(agent.taken, [1])
  await events.return?.()
})

test('after a retry only the second answer is emitted, as one run with the usage and cost of both', async () => {
  const { agent, events, end } = await play([prose('No, thanks.'), calling()], requestOf('call'))
  assert.equal(agent.requests.length, 2)
  const [start, ...second] = withRunId(calling())
  assert.deepEqual(events.slice(0, -1), [start, ...second.slice(0, -1)])
  assert.equal(typesOf(events).filter((type) => type === 'run-start').length, 1)
  assert.equal(typesOf(events).filter((type) => type === 'run-end').length, 1)
  assert.deepEqual(end.usage, {
    inputTokens: 30,
    outputTokens: 12,
    cacheReadInputTokens: 6,
    cacheCreationInputTokens: 8,
    raw: { output_tokens: 12 },
  })
  assert.equal(end.costUsd, 0.75)
  assert.deepEqual([end.outcome, end.stopReason, end.result], ['succeeded', 'tool_use', ''])
})

test('the cost is null if one of the two is null', async () => {
  const costs: [number | null, number | null][] = [
    [null, 0.5],
    [0.25, null],
  ]
  for (const [first, second] of costs) {
    const script = [prose('No.', { costUsd: first }), calling({ costUsd: second })]
    assert.equal((await play(script, requestOf('call'))).end.costUsd, null)
  }
})

test('the run keeps the session that it started with', async () => {
  const other = '99999999-2222-4333-8444-555555555555'
  const script = [prose('No.'), calling({ sessionId: other })]
  const { events, end } = await play(script, requestOf('call'))
  const [start] = events
  assert.ok(start?.type === 'run-start')
  assert.deepEqual([start.sessionId, end.sessionId], [sessionId, sessionId])
})

test('the second request is the first with a reminder after its prompt', async () => {
  const request = requestOf('call')
  const original = structuredClone(request)
  const { agent } = await play([prose('No.'), calling()], request)
  const [first, second] = agent.requests
  assert.ok(first && second)
  assert.deepEqual(first, original)
  assert.deepEqual({ ...second, prompt: second.prompt.slice(0, -1) }, original)
  const reminder = second.prompt.at(-1)
  assert.ok(reminder?.type === 'text')
  assert.match(reminder.text, /call of one of the tools/)
})

test('the first run is over before the second is requested', async () => {
  const seen: boolean[][] = []
  const agent: ScriptedAgent = new ScriptedAgent((request) => {
    seen.push([...agent.over])
    return request.prompt.length === 2 ? prose('No.') : calling()
  })
  for await (const _event of withForcedOutputRetry(agent).run(requestOf('call'), never));
  assert.deepEqual(seen, [[false], [true, false]])
})

test('if both answers are text, the second is emitted and there is no third request', async () => {
  const { events, end } = await play([prose('First.'), prose('Second.')], requestOf('call'))
  assert.deepEqual(typesOf(events), ['run-start', 'usage', 'text-start', 'text-delta', 'text-end', 'run-end'])
  assert.ok(events.some((event) => event.type === 'text-delta' && event.text === 'Second.'))
  assert.deepEqual([end.result, end.usage.outputTokens, end.costUsd], ['Second.', 10, 0.5])
})

test('a second answer with text before its call is emitted in full', async () => {
  const second = [runStart(), ...textBlock(0, ['I look.']), ...callBlock(1), runEnd({ stopReason: 'tool_use' })]
  const { events } = await play([prose('No.'), second], requestOf('call'))
  assert.deepEqual(events.slice(0, -1), withRunId(second).slice(0, -1))
})

const overloaded = new AppError('overloaded', 'Too much.')
const final: [title: string, end: RunEnd][] = [
  ['fails', failedEnd(overloaded)],
  ['is cancelled', failedEnd(disconnected())],
  ['reaches the output limit', runEnd({ stopReason: 'max_tokens' })],
  ['fills the context', runEnd({ stopReason: 'model_context_window_exceeded' })],
  ['ends at a stop sequence', runEnd({ stopReason: 'stop_sequence', stopSequence: 'x' })],
  ['is a refusal', runEnd({ stopReason: 'refusal' })],
]
for (const requiredOutput of ['call', 'json-object'] as const) {
  for (const [title, end] of final) {
    test(`an answer that ${title} is not retried, although it is not a ${requiredOutput}`, async () => {
      const script = [runStart(), ...textBlock(0, ['Some ', 'words']), end]
      const { events } = await play([script], requestOf(requiredOutput, { streaming: false }))
      assert.deepEqual(events, withRunId(script))
    })
  }

  for (const stopReason of [null, 'end_turn', 'tool_use']) {
    test(`an answer that is not a ${requiredOutput} is retried if it ended with ${stopReason}`, async () => {
      const { agent } = await play(
        [prose('No.', { stopReason }), calling()],
        requestOf(requiredOutput, { streaming: false }),
      )
      assert.equal(agent.requests.length, 2)
    })
  }
}

for (const [title, more] of [
  ['an agent', { plain: null }],
  ['a plain model without a required output', { plain: noPlainOptions }],
] as const) {
  test(`${title} is prompted once`, async () => {
    const { events } = await play([prose('Words.')], requestOf(null, more))
    assert.deepEqual(events, withRunId(prose('Words.')))
  })
}

const object = goodRun(['{"a":', '1}'])

for (const [title, words] of [
  ['text', ['There is none.']],
  ['half an object', ['{"a":']],
  ['a list', ['[1]']],
  ['nothing', []],
] as const) {
  test(`${title} instead of a JSON object: the answer is retried, with a reminder about the object`, async () => {
    const { agent, events } = await play([goodRun([...words]), object], requestOf('json-object', { streaming: false }))
    assert.deepEqual(events.slice(0, -1), withRunId(object).slice(0, -1))
    const reminder = agent.requests[1]?.prompt.at(-1)
    assert.ok(reminder?.type === 'text')
    assert.match(reminder.text, /one JSON object/)
  })
}

for (const [title, words] of [
  ['alone', ['{"a":', '{"b":"}"}}']],
  ['in a code fence', ['```json\n{"a"', ':1}\n```']],
  ['among text', ['Here: {"a":1}', ' and so on {']],
] as const) {
  test(`a JSON object ${title} is emitted at its end, and not retried`, async () => {
    const { events } = await play([goodRun([...words])], requestOf('json-object', { streaming: false }))
    assert.deepEqual(events, withRunId(goodRun([...words])))
  })
}

test('a JSON object that follows a retry of the CLI is not retried again', async () => {
  const script: RunEvent[] = [
    runStart(),
    ...textBlock(0, ['{"a":']),
    { type: 'retry', attempt: 1, delayMs: 1, upstreamStatus: null },
    ...textBlock(1, ['{"a":1}']),
    runEnd({ result: '{"a":1}' }),
  ]
  const { events } = await play([script], requestOf('json-object', { streaming: false }))
  assert.deepEqual(events, withRunId(script))
})

test('a streamed answer without a JSON object is emitted as it arrives, and not retried', async () => {
  const agent = new ScriptedAgent(inTurn([goodRun(['No', ' object.'])]))
  const events: RunEvent[] = []
  for await (const event of withForcedOutputRetry(agent).run(requestOf('json-object'), never)) {
    events.push(event)
    assert.equal(agent.taken[0], events.length)
  }
  assert.deepEqual(events, withRunId(goodRun(['No', ' object.'])))
})

test('if the queue is full for the second run, the first answer is emitted in full', async () => {
  const refused = () => {
    throw queueFull()
  }
  const { agent, events } = await play([prose('No, thanks.'), refused], requestOf('call'))
  assert.equal(agent.requests.length, 2)
  assert.deepEqual(events, withRunId(prose('No, thanks.')))
})

test('a first run that is refused throws, and is not retried', async () => {
  const agent = new ScriptedAgent(
    inTurn([
      () => {
        throw queueFull()
      },
    ]),
  )
  const events = withForcedOutputRetry(agent).run(requestOf('call'), never)[Symbol.asyncIterator]()
  await assert.rejects(events.next(), (thrown) => thrown instanceof AppError && thrown.code === 'queue_full')
  assert.equal(agent.requests.length, 1)
})

const reasons: [reason: AppError, outcome: RunEnd['outcome']][] = [
  [disconnected(), 'cancelled'],
  [new AppError('timeout', 'Request timed out'), 'failed'],
]
for (const [reason, outcome] of reasons) {
  test(`a run that is aborted with ${reason.code} between the two answers emits neither`, async () => {
    const controller = new AbortController()
    const first = function* () {
      yield* prose('No.').slice(0, -1)
      controller.abort(reason)
      yield* prose('No.').slice(-1)
    }
    const second: Script = (_request, signal) => {
      throw signal.reason
    }
    const { events, end } = await play([first, second], requestOf('call'), { signal: controller.signal })
    assert.deepEqual(typesOf(events), ['run-start', 'run-end'])
    assert.deepEqual([end.outcome, end.error?.code, end.error?.message], [outcome, reason.code, reason.message])
    // The first answer still counts.
    assert.deepEqual([end.usage, end.costUsd], [usageOf(10, 5), 0.25])
    assert.equal(end.result, '')
  })

  test(`a run that is aborted with ${reason.code} during the second answer ends with that`, async () => {
    const controller = new AbortController()
    const second: Script = (_request, signal) => untilAborted(signal, ['I'])
    const { agent, events, end } = await play([prose('No.'), second], requestOf('call'), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === 'text-delta') controller.abort(reason)
      },
    })
    assert.deepEqual(typesOf(events), ['run-start', 'text-start', 'text-delta', 'run-end'])
    assert.deepEqual([end.outcome, end.error?.code, end.result], [outcome, reason.code, ''])
    assert.deepEqual(agent.signals, [controller.signal, controller.signal])
  })

  test(`a run that is aborted with ${reason.code} during the first answer is not retried`, async () => {
    const controller = new AbortController()
    const first: Script = (_request, signal) => {
      setImmediate(() => controller.abort(reason))
      return untilAborted(signal, ['No'])
    }
    const { agent, events, end } = await play([first], requestOf('call'), { signal: controller.signal })
    assert.equal(agent.requests.length, 1)
    assert.deepEqual(typesOf(events), ['run-start', 'text-start', 'text-delta', 'run-end'])
    assert.deepEqual([end.outcome, end.error?.code], [outcome, reason.code])
  })
}

test('a second run that fails ends the run with its error, and with the usage of both', async () => {
  const second = [runStart(), failedEnd(overloaded, { usage: usageOf(20, 0), costUsd: null })]
  const { events, end } = await play([prose('No.'), second], requestOf('call'))
  assert.deepEqual(typesOf(events), ['run-start', 'run-end'])
  assert.deepEqual([end.outcome, end.error?.code, end.usage.inputTokens], ['failed', 'overloaded', 30])
})

test('leaving during the first answer ends its run, and there is no second', async () => {
  const agent = new ScriptedAgent(inTurn([(_request, signal) => untilAborted(signal, ['No'])]))
  const events = withForcedOutputRetry(agent).run(requestOf('call'), never)[Symbol.asyncIterator]()
  await events.next()
  await events.return?.()
  assert.deepEqual(agent.over, [true])
})

test('leaving during the second answer ends both runs', async () => {
  const agent = new ScriptedAgent(inTurn([prose('No.'), (_request, signal) => untilAborted(signal, ['I'])]))
  for await (const event of withForcedOutputRetry(agent).run(requestOf('call'), never))
    if (event.type === 'text-delta') break
  assert.deepEqual(agent.over, [true, true])
})

test('stats are those of the inner agent, and close passes the deadline on', async () => {
  const agent = new ScriptedAgent()
  const twice = withForcedOutputRetry(agent)
  assert.deepEqual(twice.stats(), agent.stats())
  await twice.close(123)
  assert.deepEqual(agent.closedWith, [123])
})
