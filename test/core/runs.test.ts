// Runs on a scripted agent: how they start, how timeouts, cancellation and shutdown end them, and that each end is
// reported once.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunEvent } from '../../src/core/events.ts'
import type { Runs } from '../../src/core/runs.ts'
import { AppError } from '../../src/errors.ts'
import { goodRun, queueFull, refusing, runStart, type Script } from '../helpers/scripted-agent.ts'
import { endOf, follow, input, read, setUp, silent, stuck } from './runs-scene.ts'

test(`a run's request is passed to the agent unchanged, with an id of its own`, async (t) => {
  const { runs, agent, ended } = await setUp(t, { script: goodRun(['a', 'b']) })
  const request = input({ streaming: true })
  const [one, two] = await Promise.all([runs.start(request), runs.start(request)])
  assert.match(one.id, /^run_[0-9a-f]{32}$/)
  assert.notEqual(one.id, two.id)
  assert.equal(one.isReplay, false)
  const events = await read(one.events)
  await read(two.events)
  for (const [index, { id }] of [one, two].entries()) {
    assert.partialDeepStrictEqual(agent.requests[index], { ...request, runId: id })
  }
  assert.deepEqual(events[0], runStart(one.id))
  assert.equal(endOf(events).result, 'ab')
  assert.equal(runs.active(), 0)
  assert.deepEqual(ended, [
    { runId: one.id, end: endOf(events), error: null },
    { runId: two.id, end: endOf(events), error: null },
  ])
})

test('a run continues to its end even if nobody follows it or all followers left', async (t) => {
  const { runs, agent, ended } = await setUp(t, { script: goodRun(['a', 'b', 'c']) })
  await runs.start(input())
  const left = await runs.start(input())
  for await (const event of left.events) if (event.type === 'text-delta') break
  await Promise.all([agent.ended(0), agent.ended(1)])
  assert.deepEqual(agent.over, [true, true])
  assert.deepEqual(
    agent.signals.map(({ aborted }) => aborted),
    [false, false],
  )
  while (ended.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    ended.map(({ end }) => end?.outcome),
    ['succeeded', 'succeeded'],
  )
})

for (const [what, script, code] of [
  ['an AppError from the agent', refusing(queueFull()), 'queue_full'],
  [
    'anything else that the agent throws',
    () => {
      throw new Error('secret')
    },
    'internal',
  ],
] satisfies [string, Script, string][]) {
  test(`${what} is thrown to the run's follower, and reported once`, async (t) => {
    const { runs, ended } = await setUp(t, { script })
    const run = await runs.start(input())
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

test('an agent that fails halfway ends its run with that error, reported once', async (t) => {
  const { runs, ended } = await setUp(t, {
    async *script() {
      yield runStart()
      throw new Error('secret')
    },
  })
  const run = await runs.start(input())
  const end = endOf(await read(run.events))
  assert.deepEqual([end.outcome, end.error?.code], ['failed', 'internal'])
  assert.doesNotMatch(end.error?.message ?? '', /secret/)
  assert.deepEqual(
    ended.map(({ runId, error }) => [runId, error?.code]),
    [[run.id, 'internal']],
  )
  assert.deepEqual((await runs.get(run.id))?.end, end)
})

test('all followers of a run get the same events, by its id or by its handle', async (t) => {
  const { runs } = await setUp(t, { script: goodRun(['a', 'b'], ['c']) })
  const run = await runs.start(input())
  const following = [read(run.events), read(follow(runs, run.id)), read(follow(runs, run.id))]
  const [first, ...others] = await Promise.all(following)
  assert.equal(first?.length, 9)
  for (const events of others) assert.deepEqual(events, first)
})

/** Follows a run of a silent agent up to its first text, lets `act` end it, and reads the rest. */
async function interrupt(
  t: TestContext,
  act: (parts: { runs: Runs; cancel: (reason: AppError) => void }) => void,
  timeoutMs = 60_000,
) {
  const { runs, agent, ended } = await setUp(t, { script: silent })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const run = await runs.start(input({ timeoutMs }))
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

test('a run does not time out early', async (t) => {
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

test('the time of an item of a batch starts when it has a process', async (t) => {
  const started = Promise.withResolvers<void>()
  const script: Script = async function* (request, signal) {
    await started.promise
    yield* (silent as Extract<Script, (...args: never) => unknown>)(request, signal)
  }
  const { runs, agent } = await setUp(t, { script })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const run = await runs.start(input({ timeoutMs: 1500, isBatchItem: true }))
  t.mock.timers.tick(3_600_000)
  started.resolve()
  const events: RunEvent[] = []
  for await (const event of run.events) {
    events.push(event)
    if (event.type !== 'text-delta') continue
    assert.equal(agent.signals[0]?.aborted, false)
    t.mock.timers.tick(1500)
  }
  assert.equal(endOf(events).error?.code, 'timeout')
})

test('the timeout of a run stops when the run ends', async (t) => {
  const { runs, agent, ended } = await setUp(t)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await read((await runs.start(input({ timeoutMs: 10 }))).events)
  t.mock.timers.tick(1000)
  assert.equal(agent.signals[0]?.aborted, false)
  assert.equal(ended.length, 1)
})

test('a run that is cancelled twice ends with the first reason', async (t) => {
  const { end } = await interrupt(t, ({ cancel }) => {
    cancel(new AppError('cancelled', 'first'))
    cancel(new AppError('cancelled', 'second'))
  })
  assert.equal(end.outcome, 'cancelled')
  assert.equal(end.error?.message, 'first')
})

test('cancelling an ended run changes nothing', async (t) => {
  const { runs, ended } = await setUp(t)
  const run = await runs.start(input())
  await read(run.events)
  run.cancel(new AppError('cancelled', 'late'))
  assert.equal(ended.length, 1)
  assert.equal(ended[0]?.end?.outcome, 'succeeded')
})

test('new runs are refused after close', async (t) => {
  const { runs, agent } = await setUp(t)
  await runs.close(0)
  await assert.rejects(runs.start(input()), (error) => {
    assert.ok(error instanceof AppError)
    assert.deepEqual([error.code, error.status], ['shutting_down', 503])
    return error.details.retryAfterS !== undefined
  })
  assert.equal(agent.requests.length, 0)
})

test('close waits for runs that end by themselves, and refuses new ones meanwhile', async (t) => {
  const go = Promise.withResolvers<void>()
  const { runs, agent, ended } = await setUp(t, {
    async *script() {
      await go.promise
      yield* goodRun(['a'])
    },
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const started = [await runs.start(input()), await runs.start(input())]
  const order: string[] = []
  const reading = started.map((run) => read(run.events).then(() => order.push('ended')))
  const closings = [1000, 1].map((graceMs) => runs.close(graceMs).then(() => order.push('closed')))
  await assert.rejects(runs.start(input()), { code: 'shutting_down' })
  assert.deepEqual(order, [])
  go.resolve()
  await Promise.all([...closings, ...reading])
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

test('close cancels runs that have not ended in time, and waits for them', async (t) => {
  const { runs, agent, ended } = await setUp(t, { script: silent })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const started = [await runs.start(input()), await runs.start(input())]
  const reading = started.map((run) => read(run.events))
  await agent.requested(2)
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

test('close also ends queued runs', async (t) => {
  const { runs } = await setUp(t, { script: stuck })
  const run = await runs.start(input())
  const reading = assert.rejects(read(run.events), { code: 'shutting_down' })
  await runs.close(0)
  await reading
})

test('close without runs returns at once, and may be called again', async (t) => {
  const { runs } = await setUp(t)
  await Promise.all([runs.close(60_000), runs.close(60_000)])
  await runs.close(60_000)
})
