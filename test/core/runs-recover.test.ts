// What the next server makes of runs that a former one left unfinished: they have failed, or are begun anew where that was asked for.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunInput } from '../../src/core/runs.ts'
import type { RunRecord, Store } from '../../src/core/store.ts'
import { runRecord } from '../contract/store-records.ts'
import { goodRun, runEnd, runStart, ScriptedAgent, textBlock } from '../helpers/scripted-agent.ts'
import { endOf, follow, input, read, type Scene, setUp, silent, stuck, textOf, withKey } from './runs-scene.ts'

type Kept = Scene & { store: Store }

async function setUpKept(t: TestContext, given: Parameters<typeof setUp>[1] = {}): Promise<Kept> {
  const scene = await setUp(t, { keep: 'SQLite', ...given })
  assert.ok(scene.store)
  return { ...scene, store: scene.store }
}

const id = `run_${'a'.repeat(32)}`
const again = (fields: Partial<RunInput> = {}) => ({ ...input({ background: true, onCrash: 'restart', ...fields }) })

/** What a server that was killed has left of a run. */
async function leave(store: Store, fields: Partial<RunRecord>, events = [runStart(id), ...textBlock(0, ['old'])]) {
  await store.createRun(runRecord(id, { background: true, createdAtMs: Date.now(), ...fields }))
  await store.appendEvents(
    id,
    events.map((event, at) => ({ seq: at + 1, event })),
  )
}

for (const status of ['running', 'waiting'] as const) {
  test(`a run that was ${status} has failed with the code interrupted, after what it had said`, async (t) => {
    const { store, runs, agent } = await setUpKept(t)
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

test('a run that had not begun has failed, and is told from its beginning to its end', async (t) => {
  const { store, runs } = await setUpKept(t)
  await leave(store, { status: 'queued' }, [])
  await runs.recover(Promise.resolve())
  const events = await read(follow(runs, id))
  assert.deepEqual(
    events.map(({ type }) => type),
    ['run-start', 'run-end'],
  )
  assert.equal(endOf(events).error?.code, 'interrupted')
})

for (const restart of [false, true]) {
  test(`a run whose end was kept has ended so, ${restart ? 'though it might be begun anew' : 'and once'}`, async (t) => {
    const { store, runs, agent } = await setUpKept(t, { script: goodRun(['new']) })
    const events = [runStart(id), ...textBlock(0, ['old']), runEnd({ result: 'old' })]
    await leave(store, { status: 'running', restart: restart ? again() : null }, events)
    await runs.recover(Promise.resolve())
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(agent.requests.length, 0)
    assert.deepEqual(await read(follow(runs, id)), events)
    const record = await runs.get(id)
    assert.deepEqual([record?.status, record?.end?.result], ['succeeded', 'old'])
  })
}

test('a run that is begun anew is asked as it was, and tells nothing of the first time', async (t) => {
  const { store, runs, agent } = await setUpKept(t, { script: goodRun(['new']) })
  const given = again({ prompt: [{ type: 'text', text: 'ä\u0000"' }], timeoutMs: 5000 })
  await leave(store, { status: 'waiting', pending: [{ requestId: 'ask_1' }], restart: given })
  const clear = Promise.withResolvers<void>()
  assert.deepEqual(await runs.recover(clear.promise), { failed: 0, restarted: 1 })
  assert.equal(agent.requests.length, 0)
  clear.resolve()
  await agent.requested(1)
  const events = await read(follow(runs, id))
  assert.equal(textOf(events), 'new')
  assert.deepEqual(events[0], runStart(id))
  assert.partialDeepStrictEqual(agent.requests, [{ prompt: given.prompt, options: given.options, runId: id }])
  await runs.close(1000)
  const kept = await store.run(id)
  assert.deepEqual([kept?.status, kept?.end?.result, kept?.restart, kept?.pending], ['succeeded', 'new', null, []])
  assert.equal(await store.lastSeq(id), events.length)
})

test('a run is begun anew though the processes of the former server could not be ended', async (t) => {
  const { store, runs, agent } = await setUpKept(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: again() })
  await runs.recover(Promise.reject(new Error('no such folder')))
  await agent.requested(1)
})

test('a run that waits to be begun anew can be cancelled, and does not begin', async (t) => {
  const { store, runs, agent } = await setUpKept(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: again() })
  const clear = Promise.withResolvers<void>()
  await runs.recover(clear.promise)
  assert.equal((await runs.cancel(id)).status, 'cancelled')
  clear.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(agent.requests.length, 0)
  assert.equal((await runs.get(id))?.status, 'cancelled')
})

test('whoever follows a run that waits to be begun anew hears it to its end', async (t) => {
  const { store, runs } = await setUpKept(t, { script: goodRun(['new']) })
  await leave(store, { status: 'running', restart: again() }, [])
  const clear = Promise.withResolvers<void>()
  await runs.recover(clear.promise)
  const reading = read(follow(runs, id))
  await new Promise((resolve) => setImmediate(resolve))
  clear.resolve()
  assert.equal(textOf(await reading), 'new')
})

for (const [what, script] of [
  ['works', silent],
  ['waits for room', stuck],
] as const) {
  test(`a run that is to be begun anew and ${what} when the server is stopped is left to the next one`, async (t) => {
    const { store, runs, next } = await setUpKept(t, { script })
    const { id: own } = await runs.start(again())
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
    assert.equal(textOf(await read(follow(second.runs, own))), 'new')
  })
}

test('a run that was cancelled is not begun anew', async (t) => {
  const { store, runs, next } = await setUpKept(t, { script: silent })
  const { id: own } = await runs.start(again())
  await runs.cancel(own)
  await runs.close(0)
  assert.deepEqual(await next().runs.recover(Promise.resolve()), { failed: 0, restarted: 0 })
  assert.equal((await store.run(own))?.restart, null)
})

test('a key finds the run that was interrupted, or begun anew', async (t) => {
  const { runs, next, store } = await setUpKept(t, { script: silent })
  const failing = await runs.start(withKey('one', 'hash', { background: true }))
  const going = await runs.start(withKey('two', 'hash', { background: true, onCrash: 'restart' }))
  await runs.list({ limit: 1 })
  // The first server is as good as dead: nothing that it would still say is kept.
  const second = next(goodRun(['new']))
  assert.ok(second.agent instanceof ScriptedAgent)
  await store.updateRun(failing.id, { status: 'running' })
  await second.runs.recover(Promise.resolve())
  const one = await second.runs.start(withKey('one', 'hash', { background: true }))
  const two = await second.runs.start(withKey('two', 'hash', { background: true, onCrash: 'restart' }))
  assert.deepEqual([one.id, one.isReplay, two.id, two.isReplay], [failing.id, true, going.id, true])
  assert.equal(endOf(await read(one.events)).error?.code, 'interrupted')
})
