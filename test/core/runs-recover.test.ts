// How a server recovers the runs that a former one left unfinished: they fail or, if requested, restart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '../../src/core/events.ts'
import type { RunInput } from '../../src/core/runs.ts'
import type { RunRecord, Store } from '../../src/core/store.ts'
import { runRecord } from '../contract/store-records.ts'
import { goodRun, runEnd, runStart, ScriptedAgent, textBlock } from '../helpers/scripted-agent.ts'
import { endOf, follow, input, read, setUp, silent, stuck, textOf, withKey } from './runs-scene.ts'

const id = `run_${'a'.repeat(32)}`
const restartable = (fields: Partial<RunInput> = {}) => ({
  ...input({ background: true, onCrash: 'restart', ...fields }),
})

/** What a killed server leaves of a run. */
async function leave(store: Store, fields: Partial<RunRecord>, events = [runStart(id), ...textBlock(0, ['old'])]) {
  await store.createRun(runRecord(id, { background: true, createdAtMs: Date.now(), ...fields }))
  await store.appendEvents(
    id,
    events.map((event, index) => ({ seq: index + 1, event })),
  )
}

for (const status of ['running', 'waiting'] as const) {
  test(`a run that was ${status} fails with the code interrupted, after its stored events`, async (t) => {
    const { store, runs, agent } = await setUp(t)
    await leave(store, { status, pending: [{ requestId: 'ask_1' }], sessionId: 'session-1', model: 'sonnet' })
    assert.deepEqual(await runs.recover(Promise.resolve()), { failed: 1, restarted: 0 })
    const record = await runs.get(id)
    assert.deepEqual([record?.status, record?.end?.error?.code, record?.pending], ['failed', 'interrupted', []])
    assert.ok(record?.endedAtMs)
    assert.deepEqual([record.end?.sessionId, record.end?.model], ['session-1', 'sonnet'])
    const events = await read(follow(runs, id))
    assert.equal(textOf(events), 'old')
    assert.deepEqual(endOf(events), record.end)
    assert.equal(agent.requests.length, 0)
    assert.deepEqual(await runs.recover(Promise.resolve()), { failed: 0, restarted: 0 })
  })
}

test('a run that had not started fails, with a start and an end', async (t) => {
  const { store, runs } = await setUp(t)
  await leave(store, { status: 'queued' }, [])
  await runs.recover(Promise.resolve())
  const events = await read(follow(runs, id))
  assert.deepEqual(
    events.map(({ type }) => type),
    ['run-start', 'run-end'],
  )
  assert.equal(endOf(events).error?.code, 'interrupted')
})

test('a run that died again before its second start fails, with a start and an end after the mark', async (t) => {
  const { store, runs } = await setUp(t)
  await leave(store, { status: 'queued' }, [runStart(id), ...textBlock(0, ['old']), { type: 'restart' }])
  await runs.recover(Promise.resolve())
  const events = await read(follow(runs, id))
  assert.deepEqual(
    events.slice(-3).map(({ type }) => type),
    ['restart', 'run-start', 'run-end'],
  )
  assert.equal(endOf(events).error?.code, 'interrupted')
})

for (const restart of [false, true]) {
  test(`a run whose end was stored keeps it, ${restart ? 'even if it could restart' : 'exactly once'}`, async (t) => {
    const { store, runs, agent } = await setUp(t, { script: goodRun(['new']) })
    const events = [runStart(id), ...textBlock(0, ['old']), runEnd({ result: 'old' })]
    await leave(store, { status: 'running', restart: restart ? restartable() : null }, events)
    await runs.recover(Promise.resolve())
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(agent.requests.length, 0)
    assert.deepEqual(await read(follow(runs, id)), events)
    const record = await runs.get(id)
    assert.deepEqual([record?.status, record?.end?.result], ['succeeded', 'old'])
  })
}

test('a restarted run has the same request; its events follow those of the first attempt, with a mark between them', async (t) => {
  const { store, runs, agent } = await setUp(t, { script: goodRun(['new']) })
  const request = restartable({ prompt: [{ type: 'text', text: 'ä\u0000"' }], timeoutMs: 5000 })
  await leave(store, { status: 'waiting', pending: [{ requestId: 'ask_1' }], restart: request })
  const clear = Promise.withResolvers<void>()
  assert.deepEqual(await runs.recover(clear.promise), { failed: 0, restarted: 1 })
  assert.equal(agent.requests.length, 0)
  clear.resolve()
  await agent.requested(1)
  const events = await read(follow(runs, id))
  const first = [runStart(id), ...textBlock(0, ['old'])]
  assert.deepEqual(events.slice(0, first.length + 2), [...first, { type: 'restart' }, runStart(id)])
  assert.equal(textOf(events.slice(first.length)), 'new')
  const later: RunEvent[] = []
  for await (const event of follow(runs, id, first.length)) later.push(event)
  assert.deepEqual(later, events.slice(first.length))
  assert.partialDeepStrictEqual(agent.requests, [{ prompt: request.prompt, options: request.options, runId: id }])
  await runs.close(1000)
  const stored = await store.run(id)
  assert.deepEqual(
    [stored?.status, stored?.end?.result, stored?.restart, stored?.pending],
    ['succeeded', 'new', null, []],
  )
  assert.equal(await store.lastSeq(id), events.length)
})

test('a run restarts even if the processes of the former server could not be ended', async (t) => {
  const { store, runs, agent } = await setUp(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: restartable() })
  await runs.recover(Promise.reject(new Error('no such folder')))
  await agent.requested(1)
})

test('a run that waits to restart can be cancelled, and does not start', async (t) => {
  const { store, runs, agent } = await setUp(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: restartable() })
  const clear = Promise.withResolvers<void>()
  await runs.recover(clear.promise)
  assert.equal((await runs.cancel(id)).status, 'cancelled')
  clear.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(agent.requests.length, 0)
  assert.equal((await runs.get(id))?.status, 'cancelled')
})

test('a follower of a run that waits to restart gets its events up to the end', async (t) => {
  const { store, runs } = await setUp(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: restartable() }, [])
  const clear = Promise.withResolvers<void>()
  await runs.recover(clear.promise)
  const reading = read(follow(runs, id))
  await new Promise((resolve) => setImmediate(resolve))
  clear.resolve()
  assert.equal(textOf(await reading), 'new')
})

for (const [what, script] of [
  ['is active', silent],
  ['is queued', stuck],
] as const) {
  test(`a restartable run that ${what} when the server stops is left to the next server`, async (t) => {
    const { store, runs, next } = await setUp(t, { script })
    const { id: own } = await runs.start(restartable())
    const failing = await runs.start(input({ background: true }))
    await runs.close(0)
    assert.deepEqual(
      (await store.unfinished()).map((run) => run.id),
      [own],
    )
    assert.equal((await store.run(failing.id))?.end?.error?.code, 'shutting_down')
    const second = next(goodRun(['new']))
    assert.deepEqual(await second.runs.recover(Promise.resolve()), { failed: 0, restarted: 1 })
    await second.agent.requested(1)
    const events = await read(follow(second.runs, own))
    const restarts = events.flatMap(({ type }, index) => (type === 'restart' ? [index] : []))
    assert.equal(restarts.length, 1)
    assert.equal(textOf(events.slice(restarts[0])), 'new')
    // The end that the stop gave it is not one.
    assert.equal(events.filter(({ type }) => type === 'run-end').length, 1)
  })
}

test('a cancelled run does not restart', async (t) => {
  const { store, runs, next } = await setUp(t, { script: silent })
  const { id: own } = await runs.start(restartable())
  await runs.cancel(own)
  await runs.close(0)
  assert.deepEqual(await next().runs.recover(Promise.resolve()), { failed: 0, restarted: 0 })
  assert.equal((await store.run(own))?.restart, null)
})

test('an idempotency key returns a run that was interrupted or restarted', async (t) => {
  const { runs, next, store } = await setUp(t, { script: silent })
  const failing = await runs.start(withKey('one', 'hash', { background: true }))
  const restarting = await runs.start(withKey('two', 'hash', { background: true, onCrash: 'restart' }))
  await runs.list({ limit: 1 })
  // The first server counts as dead: nothing that it would still write is stored.
  const second = next(goodRun(['new']))
  assert.ok(second.agent instanceof ScriptedAgent)
  await store.updateRun(failing.id, { status: 'running' })
  await second.runs.recover(Promise.resolve())
  const one = await second.runs.start(withKey('one', 'hash', { background: true }))
  const two = await second.runs.start(withKey('two', 'hash', { background: true, onCrash: 'restart' }))
  assert.deepEqual([one.id, one.isReplay, two.id, two.isReplay], [failing.id, true, restarting.id, true])
  assert.equal(endOf(await read(one.events)).error?.code, 'interrupted')
})
