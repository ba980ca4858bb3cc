// What runs were asked, as long as they run and after, and runs that are forgotten: ended first, then without a word of what was said.
// Not for how a store keeps it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goodRun } from '../helpers/scripted-agent.ts'
import { asking, endOf, follow, input, keeps, read, setUp, silent, stuck, withKey, withOther } from './runs-scene.ts'

const asked = { items: [{ role: 'user', content: 'hi' }] }
const unknown = `run_${'0'.repeat(32)}`

for (const keep of keeps) {
  for (const [state, script] of [
    ['has not begun', stuck],
    ['goes on', silent],
  ] as const) {
    test(`what a run was asked is told while it ${state}; kept: ${keep}`, async (t) => {
      const { runs } = await setUp(t, { keep, script })
      const { id } = await runs.start(input({ requestSnapshot: asked }))
      assert.deepEqual(await runs.requestSnapshot(id), asked)
    })

    test(`forgetting a run that ${state} ends it; kept: ${keep}`, async (t) => {
      const { runs, agent, store } = await setUp(t, { keep, script })
      const { id, events } = await runs.start(input({ requestSnapshot: asked, background: true }))
      await agent.requested(1)
      const reading = read(events)
      await runs.erase(id)
      assert.equal(endOf(await reading).outcome, 'cancelled')
      await agent.ended(0)
      assert.equal(agent.signals[0]?.aborted, true)
      assert.deepEqual([runs.active(), await runs.requestSnapshot(id)], [0, null])
      if (store === null) return
      assert.partialDeepStrictEqual(await store.run(id), { status: 'cancelled', end: null })
      assert.deepEqual(await store.events(id, 0, 9), [])
    })
  }

  test(`a run that nothing was given with has null, as has one that is not there; kept: ${keep}`, async (t) => {
    const { runs } = await setUp(t, { keep, script: silent })
    const { id } = await runs.start(input())
    assert.deepEqual(
      [await runs.requestSnapshot(id), await runs.requestSnapshot(unknown), await runs.requestSnapshot('')],
      [null, null, null],
    )
  })

  test(`a run that is not there cannot be forgotten; kept: ${keep}`, async (t) => {
    const { runs } = await setUp(t, { keep })
    await assert.rejects(runs.erase(unknown), { code: 'run_not_found' })
  })
}

test('the agent is not told what the surface keeps for itself', async (t) => {
  const { runs, agent } = await setUp(t, { script: goodRun(['a']) })
  await read((await runs.start(input({ requestSnapshot: asked }))).events)
  assert.equal(agent.requests.length, 1)
  assert.doesNotMatch(JSON.stringify(agent.requests), /asked|items/)
})

test('what a run was asked is told after its end, also by the next server, where runs are kept', async (t) => {
  const { runs, next } = await setUp(t, { keep: 'SQLite', script: goodRun(['a']) })
  const { id, events } = await runs.start(input({ requestSnapshot: asked }))
  await read(events)
  assert.deepEqual(await runs.requestSnapshot(id), asked)
  await runs.saved()
  assert.deepEqual(await runs.requestSnapshot(id), asked)
  assert.deepEqual(await next().runs.requestSnapshot(id), asked)
})

test('what a run was asked is gone with its end where nothing is kept', async (t) => {
  const { runs } = await setUp(t, { script: goodRun(['a']) })
  const { id, events } = await runs.start(input({ requestSnapshot: asked }))
  await read(events)
  await runs.saved()
  assert.equal(await runs.requestSnapshot(id), null)
})

test('what a run was asked is told between its end and the disk, and it is forgotten only after that', async (t) => {
  const written = Promise.withResolvers<void>()
  const forgotten: string[] = []
  const { runs, store } = await setUp(t, {
    keep: 'SQLite',
    script: goodRun(['a']),
    wrap: (kept) =>
      withOther(kept, {
        appendEvents: async (id, events) => {
          await written.promise
          await kept.appendEvents(id, events)
        },
        requestSnapshot: () => Promise.reject(new Error('the store was asked')),
        eraseRun: async (id) => {
          forgotten.push(id)
          await kept.eraseRun(id)
        },
      }),
  })
  const { id, events } = await runs.start(input({ requestSnapshot: asked, background: true }))
  await read(events)
  assert.equal(runs.active(), 0)
  assert.deepEqual(await runs.requestSnapshot(id), asked)
  const forgetting = runs.erase(id)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(forgotten, [])
  written.resolve()
  await forgetting
  assert.deepEqual(forgotten, [id])
  assert.deepEqual([await store?.requestSnapshot(id), await store?.events(id, 0, 9)], [null, []])
})

test('what a run in the background was asked is on disk when it is told of', async (t) => {
  const { runs, place } = await setUp(t, { keep: 'SQLite', script: silent })
  await runs.start(input({ requestSnapshot: asked, background: true }))
  const rows = place.look((db) => db.prepare('SELECT json FROM run_requests').all())
  assert.deepEqual(
    rows.map(({ json }) => JSON.parse(String(json))),
    [asked],
  )
})

test('of runs with one key it is what the first was asked that is kept', async (t) => {
  const { runs, store } = await setUp(t, { keep: 'SQLite', script: goodRun(['a']) })
  const first = await runs.start(withKey('k', 'hash', { requestSnapshot: asked }))
  const again = await runs.start(withKey('k', 'hash', { requestSnapshot: 'other' }))
  assert.equal(again.id, first.id)
  await read(again.events)
  await runs.saved()
  assert.deepEqual([await runs.requestSnapshot(first.id), await store?.requestSnapshot(first.id)], [asked, asked])
})

test('a run that has ended is forgotten, and that it was there is not', async (t) => {
  const { runs, store } = await setUp(t, { keep: 'SQLite', script: goodRun(['a secret']) })
  const { id, events } = await runs.start(input({ requestSnapshot: asked, metadata: { a: 'b' } }))
  await read(events)
  for (let count = 0; count < 2; count++) await runs.erase(id)
  assert.equal(await runs.requestSnapshot(id), null)
  assert.partialDeepStrictEqual(await runs.get(id), { id, status: 'succeeded', metadata: { a: 'b' }, end: null })
  assert.deepEqual(await store?.events(id, 0, 9), [])
  const told: unknown[] = []
  for await (const event of follow(runs, id)) told.push(event)
  assert.deepEqual(told, [])
})

test('a run that waits for an answer is ended where it is forgotten', async (t) => {
  const scene = await setUp(t, { keep: 'SQLite' })
  const { runs, agent } = scene
  agent.script = asking(() => agent, 'ask_1')
  const { id } = await runs.start(input({ requestSnapshot: asked, approvals: true, background: true }))
  for await (const { event } of runs.follow(id, 0)) if (event.type === 'ask') break
  await runs.erase(id)
  assert.partialDeepStrictEqual(await runs.get(id), { status: 'cancelled', pending: [], end: null })
})

test('a run that was forgotten is not begun anew by the next server', async (t) => {
  const { runs, next } = await setUp(t, { keep: 'SQLite', script: silent })
  const { id } = await runs.start(input({ requestSnapshot: asked, background: true, onCrash: 'restart' }))
  await runs.erase(id)
  const other = next()
  assert.deepEqual(await other.runs.recover(Promise.resolve()), { failed: 0, restarted: 0 })
  assert.equal(other.agent.requests.length, 0)
})

test('a run beside one that is forgotten goes on', async (t) => {
  const { runs, agent } = await setUp(t, { keep: 'SQLite', script: silent })
  const one = await runs.start(input({ requestSnapshot: asked, background: true }))
  const other = await runs.start(input({ requestSnapshot: asked, background: true }))
  await agent.requested(2)
  await runs.erase(one.id)
  assert.deepEqual([runs.active(), await runs.requestSnapshot(other.id)], [1, asked])
  assert.equal(agent.signals[1]?.aborted, false)
})
