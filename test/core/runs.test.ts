// Runs on a scripted agent: how they start, how time, cancellation and shut-down end them, and that each end is told once.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { OrderChecker, type RunEnd, type RunEvent } from '../../src/core/events.ts'
import { createRuns, type RunInput, type Runs } from '../../src/core/runs.ts'
import { AppError } from '../../src/errors.ts'
import {
  goodRun,
  queueFull,
  refusing,
  runStart,
  type Script,
  ScriptedAgent,
  untilAborted,
} from '../helpers/scripted-agent.ts'

type Ended = { runId: string; end: RunEnd | null; error: AppError | null }

function setUp(script?: Script): { runs: Runs; agent: ScriptedAgent; ended: Ended[] } {
  const agent = new ScriptedAgent(script)
  const ended: Ended[] = []
  const runs = createRuns({ agent, onEnd: (runId, end, error) => ended.push({ runId, end, error }) })
  return { runs, agent, ended }
}

const silent: Script = (_request, signal) => untilAborted(signal, ['Hello'])

function input(fields: Partial<RunInput> = {}): RunInput {
  const options = {
    ...{ model: null, fallbackModel: null, systemPrompt: null, appendSystemPrompt: null, maxBudgetUsd: null },
    ...{ maxTurns: null, permissionMode: null, allowedTools: null, disallowedTools: null, tools: null, cwd: null },
    ...{ addDirs: null, effort: null, jsonSchema: null, mcpServers: null, agents: null, settingSources: null },
  }
  const prompt = [{ type: 'text' as const, text: 'hi' }]
  return { prompt, session: { kind: 'new' }, options, live: false, plain: null, isSide: false, timeoutMs: 60_000, ...fields }
}

/** All events of a run, held against the rules of their order. */
async function read(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const checker = new OrderChecker()
  const all: RunEvent[] = []
  for await (const event of events) {
    checker.accept(event)
    all.push(event)
  }
  checker.finish()
  return all
}

const endOf = (events: readonly RunEvent[]) => {
  const last = events.at(-1)
  assert.ok(last?.type === 'run-end')
  return last
}

test('a run is asked of the agent as it was given, under an id of its own', async () => {
  const { runs, agent, ended } = setUp(goodRun(['a', 'b']))
  const given = input({ live: true })
  const [one, two] = [runs.start(given), runs.start(given)]
  assert.match(one.id, /^run_[0-9a-f]{32}$/)
  assert.notEqual(one.id, two.id)
  assert.equal(runs.active(), 2)
  const events = await read(one.events)
  await read(two.events)
  const { timeoutMs: _, ...rest } = given
  assert.deepEqual(agent.requests, [
    { ...rest, runId: one.id },
    { ...rest, runId: two.id },
  ])
  assert.deepEqual(events[0], runStart(one.id))
  assert.equal(endOf(events).result, 'ab')
  assert.equal(runs.active(), 0)
  assert.deepEqual(ended, [
    { runId: one.id, end: endOf(events), error: null },
    { runId: two.id, end: endOf(events), error: null },
  ])
})

test('the agent is asked for one event at a time', async () => {
  const { runs, agent } = setUp(goodRun(['a', 'b', 'c']))
  const events = runs.start(input()).events[Symbol.asyncIterator]()
  assert.equal(agent.requests.length, 0)
  for (let count = 1; count <= 4; count++) {
    await events.next()
    assert.deepEqual(agent.taken, [count])
  }
  await events.return?.()
})

for (const [what, script, code] of [
  ['an AppError of the agent', refusing(queueFull()), 'queue_full'],
  [
    'anything else that the agent throws',
    () => {
      throw new Error('secret')
    },
    'internal',
  ],
  [
    'an error in the middle',
    async function* () {
      yield runStart()
      throw new Error('secret')
    },
    'internal',
  ],
] satisfies [string, Script, string][]) {
  test(`${what} is thrown to who follows the run, and told once`, async () => {
    const { runs, ended } = setUp(script)
    const run = runs.start(input())
    await assert.rejects(read(run.events), (error) => {
      assert.ok(error instanceof AppError)
      assert.equal(error.code, code)
      assert.doesNotMatch(error.message, /secret/)
      assert.deepEqual(ended, [{ runId: run.id, end: null, error }])
      return true
    })
    assert.equal(runs.active(), 0)
  })
}

/** Follows a run of a silent agent up to its first word, then lets `act` end it, and reads on. */
async function interrupt(
  t: TestContext,
  act: (parts: { runs: Runs; cancel: (reason: AppError) => void }) => void,
  timeoutMs = 60_000,
) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, agent, ended } = setUp(silent)
  const run = runs.start(input({ timeoutMs }))
  const events: RunEvent[] = []
  for await (const event of run.events) {
    events.push(event)
    if (event.type === 'text-delta') act({ runs, cancel: run.cancel })
  }
  const end = endOf(events)
  assert.deepEqual(ended, [{ runId: run.id, end, error: null }])
  assert.equal(runs.active(), 0)
  assert.equal(agent.signals[0]?.aborted, true)
  return { end, reason: agent.signals[0]?.reason as unknown, ended }
}

test('a run that takes too long ends with a timeout', async (t) => {
  const { end, reason } = await interrupt(t, () => t.mock.timers.tick(1500), 1500)
  assert.equal(end.outcome, 'failed')
  assert.deepEqual(end.error, { code: 'timeout', message: 'Request timed out', details: { timeoutS: 1.5 } })
  assert.ok(reason instanceof AppError)
  assert.equal(reason.status, 504)
})

test('a run is not ended a moment before its time', async (t) => {
  const reason = new AppError('cancelled', 'by the test')
  const { end } = await interrupt(
    t,
    ({ cancel }) => {
      t.mock.timers.tick(1499)
      cancel(reason)
    },
    1500,
  )
  assert.equal(end.error?.code, 'cancelled')
})

test('the clock of a run stops with the run', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, agent, ended } = setUp()
  await read(runs.start(input({ timeoutMs: 10 })).events)
  t.mock.timers.tick(1000)
  assert.equal(agent.signals[0]?.aborted, false)
  assert.equal(ended.length, 1)
})

test('a time longer than timers can be does not end the run at once', async (t) => {
  const { end } = await interrupt(
    t,
    ({ cancel }) => {
      t.mock.timers.tick(2 ** 31 - 2)
      cancel(new AppError('cancelled', 'by the test'))
    },
    2 ** 40,
  )
  assert.equal(end.error?.code, 'cancelled')
})

test('a cancelled run ends with the reason that was given first', async (t) => {
  const { end } = await interrupt(t, ({ cancel }) => {
    cancel(new AppError('cancelled', 'first'))
    cancel(new AppError('cancelled', 'second'))
  })
  assert.equal(end.outcome, 'cancelled')
  assert.equal(end.error?.message, 'first')
})

test('a run that is cancelled before it is followed ends as soon as it is', async () => {
  const { runs, ended } = setUp(silent)
  const run = runs.start(input())
  run.cancel(new AppError('cancelled', 'early'))
  assert.equal(endOf(await read(run.events)).error?.message, 'early')
  assert.equal(ended.length, 1)
})

test('cancelling a run that is over changes nothing', async () => {
  const { runs, ended } = setUp()
  const run = runs.start(input())
  await read(run.events)
  run.cancel(new AppError('cancelled', 'late'))
  assert.equal(ended.length, 1)
  assert.equal(ended[0]?.end?.outcome, 'succeeded')
})

test('whoever leaves a run early ends it', async () => {
  const { runs, agent, ended } = setUp(goodRun(['a', 'b', 'c']))
  const run = runs.start(input())
  for await (const event of run.events) if (event.type === 'text-delta') break
  assert.deepEqual(agent.over, [true])
  assert.deepEqual(agent.taken, [3])
  assert.deepEqual(ended, [{ runId: run.id, end: null, error: null }])
  assert.equal(runs.active(), 0)
})

test('after close new runs are refused', async () => {
  const { runs, agent } = setUp()
  await runs.close(0)
  assert.throws(
    () => runs.start(input()),
    (error) =>
      error instanceof AppError &&
      error.code === 'shutting_down' &&
      error.status === 503 &&
      error.details.retryAfterS !== undefined,
  )
  assert.equal(agent.requests.length, 0)
})

test('close waits for runs that end by themselves, and refuses new ones meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, agent, ended } = setUp(goodRun(['a']))
  const events = [runs.start(input()), runs.start(input())].map((run) => run.events[Symbol.asyncIterator]())
  for (const each of events) await each.next()
  const order: string[] = []
  const closings = [1000, 1].map((graceMs) => runs.close(graceMs).then(() => order.push('closed')))
  assert.throws(() => runs.start(input()), { code: 'shutting_down' })
  for (const each of events) {
    while (!(await each.next()).done) assert.ok(!order.includes('closed'))
    order.push('ended')
  }
  await Promise.all(closings)
  assert.deepEqual(order, ['ended', 'ended', 'closed', 'closed'])
  t.mock.timers.tick(1000)
  assert.deepEqual(
    agent.signals.map(({ aborted }) => aborted),
    [false, false],
  )
  assert.deepEqual(
    ended.map(({ end }) => end?.outcome),
    ['succeeded', 'succeeded'],
  )
})

test('close cancels what has not ended in time, and waits for it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, agent, ended } = setUp(silent)
  const reading = [runs.start(input()), runs.start(input())].map((run) => read(run.events))
  await agent.asked(2)
  const closing = runs.close(1000)
  t.mock.timers.tick(999)
  assert.deepEqual(
    agent.signals.map(({ aborted }) => aborted),
    [false, false],
  )
  t.mock.timers.tick(1)
  await closing
  assert.deepEqual(
    ended.map(({ end }) => end?.error?.code),
    ['shutting_down', 'shutting_down'],
  )
  for (const events of await Promise.all(reading)) assert.equal(endOf(events).outcome, 'failed')
  assert.equal(runs.active(), 0)
})

test('close without runs is over at once, and may be called again', async () => {
  const { runs } = setUp()
  await Promise.all([runs.close(60_000), runs.close(60_000)])
  await runs.close(60_000)
})
