// Runs that wait for approvals: who may answer, how long that may take, and that the run's timeout is paused meanwhile.
// Also cancelling runs in each of their states.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunEvent } from '../../src/core/events.ts'
import { goodRun } from '../helpers/scripted-agent.ts'
import { endOf, follow, input, read, type SceneOptions, setUp, silent, stuck, waitingForAnswers } from './runs-scene.ts'

const allow = { behavior: 'allow' as const, updatedInput: null, remember: false }
const deny = { behavior: 'deny' as const, message: 'no' }
const unknown = `run_${'0'.repeat(32)}`

/** A run that has requested all its approvals. */
async function startWaitingRun(t: TestContext, ids: string[], options: SceneOptions = {}, timeoutMs = 60_000) {
  const scene = await setUp(t, options)
  const { runs, agent } = scene
  agent.script = waitingForAnswers(() => agent, ...ids)
  const run = await runs.start(input({ approvals: true, timeoutMs }))
  const events: RunEvent[] = []
  const allPending = Promise.withResolvers<void>()
  const reading = (async () => {
    for await (const event of run.events) {
      events.push(event)
      if (event.type === 'ask' && event.requestId === ids.at(-1)) allPending.resolve()
    }
    return events
  })()
  await allPending.promise
  return { ...scene, run, reading }
}

const answersIn = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === 'ask-answered' ? [[event.requestId, event.behavior, event.by]] : []))

test('a run waits for each of its approvals, and continues when all are answered', async (t) => {
  const { runs, run, reading, agent } = await startWaitingRun(t, ['ask_1', 'ask_2'])
  const pending = async () => {
    const record = await runs.get(run.id)
    return [record?.status, ...(record?.pending ?? []).map((each) => (each as { requestId: string }).requestId)]
  }
  assert.deepEqual(await pending(), ['waiting', 'ask_1', 'ask_2'])
  const following = follow(runs, run.id)
  await runs.answer(run.id, 'ask_2', allow)
  for await (const { type } of following) if (type === 'ask-answered') break
  assert.deepEqual(await pending(), ['waiting', 'ask_1'])
  await runs.answer(run.id, 'ask_1', deny)
  const events = await reading
  assert.equal(endOf(events).result, 'allowdeny')
  assert.deepEqual(answersIn(events), [
    ['ask_2', 'allow', 'caller'],
    ['ask_1', 'deny', 'caller'],
  ])
  assert.deepEqual(agent.answers[0], { runId: run.id, requestId: 'ask_2', answer: allow, by: 'caller' })
})

test('an answer to an unknown run or approval is refused with its field', async (t) => {
  const { runs, run, reading } = await startWaitingRun(t, ['ask_1', 'ask_2'])
  await assert.rejects(runs.answer(unknown, 'ask_1', allow), { code: 'run_not_found', details: { field: 'id' } })
  const notFound = { code: 'not_found', details: { field: 'request_id' } }
  await assert.rejects(runs.answer(run.id, 'ask_9', allow), notFound)
  await runs.answer(run.id, 'ask_1', allow)
  await assert.rejects(runs.answer(run.id, 'ask_1', allow), notFound)
  await runs.answer(run.id, 'ask_2', allow)
  await reading
  await assert.rejects(runs.answer(run.id, 'ask_2', allow), notFound)
})

test('cancelling a run that waits for an approval ends it at once', async (t) => {
  const { runs, run, reading } = await startWaitingRun(t, ['ask_1'])
  const [one, two] = await Promise.all([runs.cancel(run.id), runs.cancel(run.id)])
  for (const record of [one, two]) assert.deepEqual([record.status, record.pending], ['cancelled', []])
  assert.equal(endOf(await reading).outcome, 'cancelled')
  assert.equal((await runs.cancel(run.id)).status, 'cancelled')
})

test('cancelling an active run ends it, and returns its final record', async (t) => {
  const { runs } = await setUp(t, { script: silent })
  const run = await runs.start(input())
  for await (const { type } of follow(runs, run.id)) if (type === 'text-delta') break
  const record = await runs.cancel(run.id)
  assert.deepEqual([record.status, record.end?.error?.code], ['cancelled', 'cancelled'])
  assert.equal(endOf(await read(run.events)).outcome, 'cancelled')
})

for (const background of [false, true]) {
  const kind = background ? 'background' : 'foreground'
  test(`a queued ${kind} run that is cancelled never starts`, async (t) => {
    const { runs } = await setUp(t, { script: stuck })
    const run = await runs.start(input({ background }))
    const reading = read(run.events).then(
      (events) => endOf(events).outcome,
      ({ code }) => code,
    )
    assert.equal((await runs.cancel(run.id)).status, 'cancelled')
    assert.equal(await reading, 'cancelled')
    if (background) assert.equal((await runs.get(run.id))?.status, 'cancelled')
  })
}

test('cancelling an unknown run is refused', async (t) => {
  const { runs } = await setUp(t)
  await assert.rejects(runs.cancel(unknown), { code: 'run_not_found', details: { field: 'id' } })
})

test('cancelling a run that has ended changes nothing', async (t) => {
  const { runs } = await setUp(t, { script: goodRun(['a']) })
  const run = await runs.start(input())
  await read(run.events)
  assert.equal((await runs.cancel(run.id)).status, 'succeeded')
  assert.equal((await runs.cancel(run.id)).end?.result, 'a')
})

test('the time that a person takes to answer does not count', async (t) => {
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, run, reading, agent } = await startWaitingRun(t, ['ask_1'], { approvalTimeoutMs: 600_000 }, 1000)
  const pass = (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
  }
  pass(599_999)
  assert.deepEqual([agent.signals[0]?.aborted, agent.answers], [false, []])
  await runs.answer(run.id, 'ask_1', allow)
  assert.equal(endOf(await reading).outcome, 'succeeded')
})

test('an approval without an answer in time is denied with a message, and the run continues', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { reading, agent, run } = await startWaitingRun(t, ['ask_1', 'ask_2'], { approvalTimeoutMs: 120_000 })
  t.mock.timers.tick(119_999)
  assert.equal(agent.answers.length, 0)
  t.mock.timers.tick(1)
  const events = await reading
  assert.deepEqual(answersIn(events), [
    ['ask_1', 'deny', 'timeout'],
    ['ask_2', 'deny', 'timeout'],
  ])
  const [first] = agent.answers
  assert.deepEqual([first?.runId, first?.by, first?.answer.behavior], [run.id, 'timeout', 'deny'])
  assert.match(first?.answer.behavior === 'deny' ? (first.answer.message ?? '') : '', /2 minutes/)
  assert.equal(endOf(events).outcome, 'succeeded')
})

test('an approval that was answered in time is not denied later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { runs, run, reading, agent } = await startWaitingRun(t, ['ask_1'], { approvalTimeoutMs: 1000 })
  await runs.answer(run.id, 'ask_1', allow)
  await reading
  t.mock.timers.tick(10_000)
  assert.equal(agent.answers.length, 1)
})

test('a server that shuts down ends a run that waits for an approval', async (t) => {
  const { runs, reading } = await startWaitingRun(t, ['ask_1'])
  await runs.close(0)
  assert.equal(endOf(await reading).error?.code, 'shutting_down')
})
