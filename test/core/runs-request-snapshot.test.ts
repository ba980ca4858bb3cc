// The request snapshots of runs, while they are active and afterwards, and erasing runs: they end first, then their
// content is deleted. How stores do this is tested elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goodRun } from '../helpers/scripted-agent.ts'
import {
  endOf,
  follow,
  input,
  read,
  setUp,
  silent,
  stuck,
  waitingForAnswers,
  withKey,
  withOverrides,
} from './runs-scene.ts'

const snapshot = { items: [{ role: 'user', content: 'hi' }] }
const unknown = `run_${'0'.repeat(32)}`

for (const [state, script] of [
  ['has not started', stuck],
  ['is active', silent],
] as const) {
  test(`the request snapshot of a run that ${state} is available`, async (t) => {
    const { runs } = await setUp(t, { script })
    const { id } = await runs.start(input({ requestSnapshot: snapshot }))
    assert.deepEqual(await runs.requestSnapshot(id), snapshot)
  })

  test(`erasing a run that ${state} ends it`, async (t) => {
    const { runs, agent, store } = await setUp(t, { script })
    const { id, events } = await runs.start(input({ requestSnapshot: snapshot, background: true }))
    await agent.requested(1)
    const reading = read(events)
    await runs.erase(id)
    assert.equal(endOf(await reading).outcome, 'cancelled')
    await agent.ended(0)
    assert.equal(agent.signals[0]?.aborted, true)
    assert.deepEqual([runs.active(), await runs.requestSnapshot(id)], [0, null])
    assert.partialDeepStrictEqual(await store.run(id), { status: 'cancelled', end: null })
    assert.deepEqual(await store.events(id, 0, 9), [])
  })
}

test('the snapshot of a run without one, or of an unknown run, is null', async (t) => {
  const { runs } = await setUp(t, { script: silent })
  const { id } = await runs.start(input())
  assert.deepEqual(
    [await runs.requestSnapshot(id), await runs.requestSnapshot(unknown), await runs.requestSnapshot('')],
    [null, null, null],
  )
})

test('an unknown run cannot be erased', async (t) => {
  const { runs } = await setUp(t)
  await assert.rejects(runs.erase(unknown), { code: 'run_not_found' })
})

test('the agent does not receive the request snapshot', async (t) => {
  const { runs, agent } = await setUp(t, { script: goodRun(['a']) })
  await read((await runs.start(input({ requestSnapshot: snapshot }))).events)
  assert.equal(agent.requests.length, 1)
  assert.doesNotMatch(JSON.stringify(agent.requests), /requestSnapshot|items/)
})

test('the snapshot is available after the end of a run, also from the next server', async (t) => {
  const { runs, next } = await setUp(t, { script: goodRun(['a']) })
  const { id, events } = await runs.start(input({ requestSnapshot: snapshot }))
  await read(events)
  assert.deepEqual(await runs.requestSnapshot(id), snapshot)
  await runs.saved()
  assert.deepEqual(await runs.requestSnapshot(id), snapshot)
  assert.deepEqual(await next().runs.requestSnapshot(id), snapshot)
})

test('the snapshot is available until an ended run is on disk, and erasing waits for that', async (t) => {
  const written = Promise.withResolvers<void>()
  const erased: string[] = []
  const { runs, store } = await setUp(t, {
    script: goodRun(['a']),
    wrap: (inner) =>
      withOverrides(inner, {
        appendEvents: async (id, events) => {
          await written.promise
          await inner.appendEvents(id, events)
        },
        requestSnapshot: () => Promise.reject(new Error('the store was read')),
        eraseRun: async (id) => {
          erased.push(id)
          await inner.eraseRun(id)
        },
      }),
  })
  const { id, events } = await runs.start(input({ requestSnapshot: snapshot }))
  const reading = read(events)
  // Its end is shown once it is on disk.
  while (runs.active() > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await runs.requestSnapshot(id), snapshot)
  const erasing = runs.erase(id)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(erased, [])
  written.resolve()
  await reading
  await erasing
  assert.deepEqual(erased, [id])
  assert.deepEqual([await store.requestSnapshot(id), await store.events(id, 0, 9)], [null, []])
})

test('the snapshot of a background run is on disk when its start returns', async (t) => {
  const { runs, database } = await setUp(t, { storage: 'file', script: silent })
  await runs.start(input({ requestSnapshot: snapshot, background: true }))
  const rows = database.look((db) => db.prepare('SELECT json FROM run_requests').all())
  assert.deepEqual(
    rows.map(({ json }) => JSON.parse(String(json))),
    [snapshot],
  )
})

test('of several requests with one key, the snapshot of the first is stored', async (t) => {
  const { runs, store } = await setUp(t, { script: goodRun(['a']) })
  const first = await runs.start(withKey('k', 'hash', { requestSnapshot: snapshot }))
  const again = await runs.start(withKey('k', 'hash', { requestSnapshot: 'other' }))
  assert.equal(again.id, first.id)
  await read(again.events)
  await runs.saved()
  assert.deepEqual([await runs.requestSnapshot(first.id), await store.requestSnapshot(first.id)], [snapshot, snapshot])
})

test('erasing an ended run deletes its content but not its record', async (t) => {
  const { runs, store } = await setUp(t, { script: goodRun(['a secret']) })
  const { id, events } = await runs.start(input({ requestSnapshot: snapshot, metadata: { a: 'b' } }))
  await read(events)
  for (let count = 0; count < 2; count++) await runs.erase(id)
  assert.equal(await runs.requestSnapshot(id), null)
  assert.partialDeepStrictEqual(await runs.get(id), { id, status: 'succeeded', metadata: { a: 'b' }, end: null })
  assert.deepEqual(await store.events(id, 0, 9), [])
  const remaining: unknown[] = []
  for await (const event of follow(runs, id)) remaining.push(event)
  assert.deepEqual(remaining, [])
})

test('erasing a run that waits for an approval ends it', async (t) => {
  const scene = await setUp(t)
  const { runs, agent } = scene
  agent.script = waitingForAnswers(() => agent, 'ask_1')
  const { id } = await runs.start(input({ requestSnapshot: snapshot, approvals: true, background: true }))
  for await (const { event } of runs.follow(id, 0)) if (event.type === 'ask') break
  await runs.erase(id)
  assert.partialDeepStrictEqual(await runs.get(id), { status: 'cancelled', pending: [], end: null })
})

test('the next server does not restart an erased run', async (t) => {
  const { runs, next } = await setUp(t, { script: silent })
  const { id } = await runs.start(input({ requestSnapshot: snapshot, background: true, onCrash: 'restart' }))
  await runs.erase(id)
  const other = next()
  assert.deepEqual(await other.runs.recover(Promise.resolve()), { failed: 0, restarted: 0 })
  assert.equal(other.agent.requests.length, 0)
})

test('erasing one run does not affect another', async (t) => {
  const { runs, agent } = await setUp(t, { script: silent })
  const one = await runs.start(input({ requestSnapshot: snapshot, background: true }))
  const other = await runs.start(input({ requestSnapshot: snapshot, background: true }))
  await agent.requested(2)
  await runs.erase(one.id)
  assert.deepEqual([runs.active(), await runs.requestSnapshot(other.id)], [1, snapshot])
  assert.equal(agent.signals[1]?.aborted, false)
})
