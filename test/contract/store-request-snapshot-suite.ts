// The part of the Store suite about request snapshots, and about erased runs, of which only the record and the cost
// remain. The rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noPolicy } from '../../src/core/key-record.ts'
import { AppError } from '../../src/errors.ts'
import {
  endedRun,
  eventBytes,
  hourMs,
  idsOf,
  noLimits,
  noonMs,
  type OpenStore,
  runEnd,
  runRecord,
  textEvents,
} from './store-records.ts'

const snapshot = { body: { model: 'sonnet' }, items: [{ role: 'user', content: 'wörd 🦉' }] }
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
const claim = { key: 'once', owner: 'key_1', bodyHash: 'hash-1', expiresAtMs: noonMs + hourMs }
const allTime = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }

export function describeRequestSnapshots(open: OpenStore): void {
  test('a request snapshot is read as it was stored, also after a restart, and not in the record', async (t) => {
    const { store, reopen } = await open(t)
    const run = runRecord('run_1')
    await store.createRun(run, null, snapshot)
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.requestSnapshot('run_1'), snapshot)
      assert.deepEqual(await opened.run('run_1'), run)
      assert.deepEqual((await opened.runs({ limit: 9 })).items, [run])
    }
  })

  const values = ['', 0, false, [], {}, 'ä🦉'.repeat(1_000_000), '\u0000 "\\ \u2028', '\ud800 alone', [null, { a: 1 }]]
  test('a request snapshot can be any JSON value', async (t) => {
    const { store, reopen } = await open(t)
    for (const [index, value] of values.entries()) await store.createRun(runRecord(`run_${index}`), null, value)
    const opened = await reopen()
    for (const [index, value] of values.entries()) assert.deepEqual(await opened.requestSnapshot(`run_${index}`), value)
  })

  test('the snapshot of a run without one, or of an unknown run, is null', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'))
    await store.createRun(runRecord('run_2'), null)
    await store.createRun(runRecord('run_3'), null, null)
    for (const id of ['run_1', 'run_2', 'run_3', 'run_none', ''])
      assert.equal(await store.requestSnapshot(id), null, id)
  })

  test('a request snapshot can be read at once', async (t) => {
    const { store } = await open(t)
    const writing = store.createRun(runRecord('run_1'), null, snapshot)
    assert.deepEqual(await store.requestSnapshot('run_1'), snapshot)
    await writing
  })

  test('of many runs that claim one key, only the snapshot of the created one is stored', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    const ids = Array.from({ length: 10 }, (_, index) => `run_${index}`)
    const claimed = await Promise.all(ids.map((id) => store.createRun(runRecord(id), claim, { id })))
    const created = ids.filter((_, index) => claimed[index]?.kind === 'created')
    assert.equal(created.length, 1)
    const opened = await reopen()
    for (const id of ids) assert.deepEqual(await opened.requestSnapshot(id), created.includes(id) ? { id } : null)
  })

  test('a run that cannot be stored does not change the snapshot of another', async (t) => {
    const { store } = await open(t, () => noonMs)
    await store.createRun(runRecord('run_1'), null, snapshot)
    await assert.rejects(store.createRun(runRecord('run_1'), claim, 'other'))
    assert.deepEqual(await store.requestSnapshot('run_1'), snapshot)
  })

  test('a request snapshot survives changes of the run, its end and clearing its events', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'), null, snapshot)
    await store.appendEvents('run_1', textEvents(1, 3))
    await store.updateRun('run_1', { status: 'succeeded', end: runEnd(), endedAtMs: noonMs })
    await store.clearEvents('run_1', 0)
    assert.deepEqual(await store.requestSnapshot('run_1'), snapshot)
  })

  for (const [how, remove] of [
    ['pruned', (store) => store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 })],
    ['pruned to make room', (store) => store.prune({ ...noLimits, bytesMax: 0 })],
    ['dropped', (store) => store.dropRun('run_2')],
    ['erased', (store) => store.eraseRun('run_2')],
  ] as const satisfies [string, (store: Awaited<ReturnType<OpenStore>>['store']) => Promise<unknown>][]) {
    test(`the request snapshot is gone when its run is ${how}`, async (t) => {
      const { store, reopen } = await open(t)
      await store.createRun(runRecord('run_1'), null, snapshot)
      await store.createRun(endedRun('run_2', noonMs), null, 'secret')
      await remove(store)
      const opened = await reopen()
      assert.equal(await opened.requestSnapshot('run_2'), null)
      assert.deepEqual(await opened.requestSnapshot('run_1'), snapshot)
      // Later runs do not get it.
      if (how !== 'erased') await opened.createRun(runRecord('run_2'))
      await opened.createRun(runRecord('run_3'))
      for (const id of ['run_2', 'run_3']) assert.equal(await opened.requestSnapshot(id), null)
    })
  }

  test('request snapshots count toward the size, as events do', async (t) => {
    const { store } = await open(t)
    const events = textEvents(1, 3)
    await store.createRun(endedRun('run_1', noonMs), null, snapshot)
    await store.appendEvents('run_1', events)
    await store.createRun(endedRun('run_2', noonMs + 1), null, snapshot)
    const bytes = 2 * bytesOf(snapshot) + eventBytes(events)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes - 1 }), 1)
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_2'])
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytesOf(snapshot) }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytesOf(snapshot) - 1 }), 1)
  })

  test('clearing events does not change the size of the request snapshot', async (t) => {
    const { store } = await open(t)
    await store.createRun(endedRun('run_1', noonMs), null, snapshot)
    await store.appendEvents('run_1', textEvents(1, 100))
    await store.clearEvents('run_1', 0)
    await store.appendEvents('run_1', textEvents(1, 1))
    const bytes = bytesOf(snapshot) + eventBytes(textEvents(1, 1))
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes - 1 }), 1)
  })
}

export function describeErasedRuns(open: OpenStore): void {
  const run = endedRun('run_1', noonMs, {
    surface: 'openai',
    owner: 'key_1',
    sessionId: 'session-1',
    model: 'sonnet',
    metadata: { ticket: '42' },
    restart: { prompt: ['secret'] },
    end: runEnd({ result: 'secret' }),
    startedAtMs: noonMs - 1,
  })

  test('an erased run keeps its record, and nothing of its content', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    await store.createRun(run, claim, 'secret')
    await store.createRun(runRecord('run_other'), null, snapshot)
    for (const id of ['run_1', 'run_other']) await store.appendEvents(id, textEvents(1, 3))
    await store.eraseRun('run_1')
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.run('run_1'), { ...run, restart: null, end: null })
      assert.deepEqual([await opened.events('run_1', 0, 9), await opened.lastSeq('run_1')], [[], 0])
      assert.equal(await opened.requestSnapshot('run_1'), null)
      // The other run is unchanged.
      assert.deepEqual(await opened.events('run_other', 0, 9), textEvents(1, 3))
      assert.deepEqual(await opened.requestSnapshot('run_other'), snapshot)
      const held = { kind: 'exists', runId: 'run_1', bodyHash: 'hash-1' }
      assert.deepEqual(await opened.createRun(runRecord('run_next'), claim), held)
    }
  })

  test('usage and what an owner has spent still include an erased run', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(run)
    await store.createRun(endedRun('run_2', noonMs, { owner: 'key_1', end: runEnd() }))
    const sums = async (from: typeof store) => {
      const groups = ['day', 'model', 'session', 'key'] as const
      const usage = await Promise.all(groups.map((groupBy) => from.usage({ ...allTime, groupBy })))
      return [usage, await from.spentBy('key_1')]
    }
    const before = await sums(store)
    await store.eraseRun('run_1')
    assert.deepEqual(await sums(store), before)
    assert.deepEqual(await sums(await reopen()), before)
  })

  test('an erased run no longer counts toward the size, and is deleted when it is old', async (t) => {
    const { store } = await open(t)
    const limits = {
      expiresAtMs: null,
      ratePerMinute: null,
      budgetUsd: null,
      policy: noPolicy,
      revokedAtMs: null,
      lastUsedAtMs: null,
    }
    const key = { id: 'key_1', name: 'a', prefix: 'csk_a', hash: 'h', scopes: ['chat' as const] }
    await store.createKey({ ...key, ...limits, createdAtMs: noonMs })
    await store.createRun(run, null, snapshot)
    await store.appendEvents('run_1', textEvents(1, 100))
    await store.eraseRun('run_1')
    assert.equal(await store.prune({ ...noLimits, bytesMax: 0 }), 0)
    assert.equal(await store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 }), 1)
    assert.equal(await store.run('run_1'), null)
    assert.equal(await store.spentBy('key_1'), 0.25)
  })

  test('erasing an unknown or erased run does nothing', async (t) => {
    const { store } = await open(t)
    await store.createRun(run)
    await store.eraseRun('run_none')
    await Promise.all([store.eraseRun('run_1'), store.eraseRun('run_1')])
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_1'])
  })

  test('a closed store refuses to read a snapshot or erase a run', async (t) => {
    const { store } = await open(t)
    await store.createRun(run, null, snapshot)
    await store.close()
    for (const call of [store.requestSnapshot('run_1'), store.eraseRun('run_1')]) {
      await assert.rejects(call, (error) => error instanceof AppError && error.code === 'shutting_down')
    }
  })
}
