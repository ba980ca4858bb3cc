// Idempotency keys: one run per key, whenever and however often it is requested. How keys are stored is tested
// elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goodRun, queueFull, refusing } from '../helpers/scripted-agent.ts'
import { endOf, read, setUp, silent, stuck, withKey, withOverrides } from './runs-scene.ts'

for (const background of [false, true]) {
  const kind = background ? 'in the background' : 'in the foreground'

  test(`a repeated key returns the first run and its events, ${kind}`, async (t) => {
    const { runs, agent } = await setUp(t, { script: goodRun(['a', 'b']) })
    const first = await runs.start(withKey('k', 'hash', { background }))
    const during = await runs.start(withKey('k', 'hash', { background }))
    const [events, same] = await Promise.all([read(first.events), read(during.events)])
    const after = await runs.start(withKey('k', 'hash', { background }))
    for (const { id, isReplay, createdAtMs } of [during, after]) {
      assert.deepEqual([id, isReplay, createdAtMs], [first.id, true, first.createdAtMs])
    }
    assert.deepEqual(same, events)
    assert.deepEqual(await read(after.events), events)
    assert.equal(agent.requests.length, 1)
  })

  test(`twenty requests with one key at the same time start one run, ${kind}`, async (t) => {
    const { runs, agent } = await setUp(t, { script: goodRun(['a', 'b']) })
    const all = await Promise.all(Array.from({ length: 20 }, () => runs.start(withKey('k', 'hash', { background }))))
    assert.equal(new Set(all.map(({ id }) => id)).size, 1)
    assert.equal(all.filter(({ isReplay }) => !isReplay).length, 1)
    for (const { events } of all) assert.equal(endOf(await read(events)).result, 'ab')
    assert.equal(agent.requests.length, 1)
  })

  test(`a key that was used for another request is a conflict that names the header, ${kind}`, async (t) => {
    const { runs, agent } = await setUp(t, { script: goodRun(['a']) })
    await read((await runs.start(withKey('k', 'hash-1', { background }))).events)
    await assert.rejects(runs.start(withKey('k', 'hash-2', { background })), {
      code: 'conflict',
      details: { field: 'idempotency-key' },
    })
    assert.equal(agent.requests.length, 1)
  })

  test(`a refused run leaves its key free, ${kind}`, async (t) => {
    const { runs, agent, store } = await setUp(t, { script: refusing(queueFull()) })
    const refused = async () => read((await runs.start(withKey('k', 'hash', { background }))).events)
    for (let count = 0; count < 3; count++) await assert.rejects(refused, { code: 'queue_full' })
    assert.deepEqual((await store.runs({ limit: 9 })).items, [])
    agent.script = goodRun(['a'])
    const run = await runs.start(withKey('k', 'other', { background }))
    assert.equal(run.isReplay, false)
    assert.equal(endOf(await read(run.events)).result, 'a')
  })

  test(`if the run is refused, all of several requests with its key are, ${kind}`, async (t) => {
    const { runs, store } = await setUp(t, { script: refusing(queueFull()) })
    const refused = async () => read((await runs.start(withKey('k', 'hash', { background }))).events)
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, refused))
    const codes = outcomes.map((each) => (each.status === 'rejected' ? each.reason.code : 'accepted'))
    assert.deepEqual(codes, Array(5).fill('queue_full'))
    assert.deepEqual((await store.runs({ limit: 9 })).items, [])
  })
}

test('a request with the key of a run that is being refused is refused, too', async (t) => {
  const dropping = Promise.withResolvers<void>()
  const drop = Promise.withResolvers<void>()
  const { runs, agent } = await setUp(t, {
    script: refusing(queueFull()),
    wrap: (store) =>
      withOverrides(store, {
        async dropRun(id) {
          dropping.resolve()
          await drop.promise
          await store.dropRun(id)
        },
      }),
  })
  const refused = async () => read((await runs.start(withKey('k'))).events)
  const first = assert.rejects(refused, { code: 'queue_full' })
  await dropping.promise
  const second = assert.rejects(refused, { code: 'queue_full' })
  drop.resolve()
  await Promise.all([first, second])
  assert.equal(agent.requests.length, 1)
})

test('the handle of a repeated request cannot cancel the run', async (t) => {
  const { runs, agent } = await setUp(t, { script: silent })
  await runs.start(withKey('k'))
  const again = await runs.start(withKey('k'))
  again.cancel(queueFull())
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(agent.signals[0]?.aborted, false)
})

test('a run that is cancelled in the queue leaves its key free', async (t) => {
  const { runs, agent } = await setUp(t, { script: stuck })
  const first = await runs.start(withKey('k'))
  const reading = assert.rejects(read(first.events), { code: 'queue_full' })
  first.cancel(queueFull())
  await reading
  agent.script = goodRun(['a'])
  assert.equal((await runs.start(withKey('k'))).isReplay, false)
})

test('each owner has keys of their own', async (t) => {
  const { runs } = await setUp(t, { script: goodRun(['a']) })
  const owners = [null, 'key_1', 'key_2']
  const all = await Promise.all(owners.map((owner) => runs.start(withKey('k', `hash of ${owner}`, { owner }))))
  assert.equal(new Set(all.map(({ id }) => id)).size, 3)
})

test('a key is free again after a day', async (t) => {
  const { runs, database, next } = await setUp(t, { storage: 'file', script: goodRun(['a']) })
  const first = await runs.start(withKey('k'))
  await read(first.events)
  const expiresAtMs = database.look((db) => db.prepare('SELECT expires_at_ms AS ms FROM idempotency_keys').get()?.ms)
  assert.equal(Number(expiresAtMs) - first.createdAtMs, 86_400_000)
  assert.equal((await next().runs.start(withKey('k'))).id, first.id)
})

test('a key whose run was pruned is a conflict', async (t) => {
  const { runs, store } = await setUp(t, { script: goodRun(['a']) })
  await read((await runs.start(withKey('k'))).events)
  await runs.list({ limit: 1 })
  await store.prune({ endedBeforeMs: Number.MAX_SAFE_INTEGER, bytesMax: 0, nowMs: 0 })
  await assert.rejects(runs.start(withKey('k')), { code: 'conflict' })
})

test('a run whose key is looked up while the server shuts down does not start', async (t) => {
  const { runs, agent, store } = await setUp(t, { script: silent })
  const starting = runs.start(withKey('k')).then(
    () => 'started',
    ({ code }) => code,
  )
  await runs.close(0)
  const outcome = await starting
  assert.deepEqual([outcome, agent.requests.length, runs.active()], ['shutting_down', 0, 0])
  assert.deepEqual(await store.unfinished(), [])
})
