// The part of the Store suite about idempotency keys and pruning. The rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdempotencyClaim } from '../../src/core/store.ts'
import {
  endedRun,
  eventBytes,
  hourMs,
  idsOf,
  noLimits,
  noonMs,
  type OpenStore,
  runRecord,
  textEvents,
} from './store-records.ts'

const claim = (fields: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
  key: 'once',
  owner: null,
  bodyHash: 'hash-1',
  expiresAtMs: noonMs + hourMs,
  ...fields,
})

export function describeClaims(open: OpenStore): void {
  test('of many runs that claim one key at the same time, one is created and the others get its id', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    const ids = Array.from({ length: 20 }, (_, index) => `run_${index}`)
    const claimed = await Promise.all(
      ids.map((id, index) => store.createRun(runRecord(id), claim({ bodyHash: `hash-${index}` }))),
    )
    const created = claimed.findIndex(({ kind }) => kind === 'created')
    const exists = { kind: 'exists', runId: `run_${created}`, bodyHash: `hash-${created}` }
    const others = claimed.filter((_, index) => index !== created)
    assert.deepEqual(others, Array(19).fill(exists))
    const reopened = await reopen()
    assert.deepEqual(idsOf((await reopened.runs({ limit: 50 })).items), [`run_${created}`])
    assert.deepEqual(await reopened.createRun(runRecord('run_late'), claim()), exists)
  })

  test('each owner has keys of their own', async (t) => {
    const { store } = await open(t, () => noonMs)
    for (const owner of [null, 'key_1', 'key_2', '']) {
      assert.deepEqual(await store.createRun(runRecord(`run_${owner}`), claim({ owner })), { kind: 'created' })
    }
    const again = await store.createRun(runRecord('run_again'), claim({ owner: 'key_1' }))
    assert.deepEqual(again, { kind: 'exists', runId: 'run_key_1', bodyHash: 'hash-1' })
  })

  test('an expired key is free', async (t) => {
    let nowMs = noonMs
    const { store } = await open(t, () => nowMs)
    await store.createRun(runRecord('run_1'), claim({ expiresAtMs: noonMs + 1 }))
    assert.equal((await store.createRun(runRecord('run_2'), claim())).kind, 'exists')
    nowMs = noonMs + 1
    assert.equal((await store.createRun(runRecord('run_3'), claim())).kind, 'created')
    const held = await store.createRun(runRecord('run_4'), claim())
    assert.deepEqual(held, { kind: 'exists', runId: 'run_3', bodyHash: 'hash-1' })
  })

  test('a run that cannot be stored leaves its key free', async (t) => {
    const { store } = await open(t, () => noonMs)
    await store.createRun(runRecord('run_1'))
    await assert.rejects(store.createRun(runRecord('run_1'), claim()))
    assert.deepEqual(await store.createRun(runRecord('run_2'), claim()), { kind: 'created' })
  })
}

export function describePruning(open: OpenStore): void {
  test('runs that ended before the limit are deleted with their events, and no others', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(endedRun('run_old', noonMs - 1))
    await store.createRun(endedRun('run_young', noonMs))
    await store.createRun(runRecord('run_running', { status: 'running', createdAtMs: 0 }))
    const ids = ['run_old', 'run_young', 'run_running']
    for (const id of ids) await store.appendEvents(id, textEvents(1, 3))
    assert.equal(await store.prune({ ...noLimits, endedBeforeMs: noonMs }), 1)
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      const counts = await Promise.all(ids.map(async (id) => (await opened.events(id, 0, 9)).length))
      assert.deepEqual(counts, [0, 3, 3])
      assert.equal(await opened.run('run_old'), null)
      assert.deepEqual(idsOf((await opened.runs({ limit: 9 })).items), ['run_young', 'run_running'])
    }
  })

  test('the oldest ended runs are deleted until the events fit the limit', async (t) => {
    const { store } = await open(t)
    const events = textEvents(1, 10, 'wörd')
    await store.createRun(runRecord('run_running', { status: 'running', createdAtMs: 0 }))
    await store.appendEvents('run_running', events)
    for (const number of [3, 1, 4, 2]) {
      await store.createRun(endedRun(`run_${number}`, noonMs + number))
      await store.appendEvents(`run_${number}`, events)
    }
    const bytes = eventBytes(events)
    assert.equal(await store.prune({ ...noLimits, bytesMax: 5 * bytes }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: 4 * bytes - 1 }), 2)
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_4', 'run_3', 'run_running'])
    assert.equal(await store.prune({ ...noLimits, bytesMax: 0 }), 2)
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_running'])
    assert.deepEqual(await store.events('run_running', 0, 99), events)
  })

  test('one call can delete many runs', async (t) => {
    const { store } = await open(t)
    const ids = Array.from({ length: 450 }, (_, index) => `run_${index}`)
    await Promise.all(ids.map((id) => store.createRun(endedRun(id, noonMs))))
    assert.equal(await store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 }), 450)
    assert.deepEqual((await store.runs({ limit: 9 })).items, [])
  })

  test('a change of a deleted run does nothing, and its id can be reused without its events', async (t) => {
    const { store } = await open(t)
    await store.createRun(endedRun('run_1', noonMs))
    await store.appendEvents('run_1', textEvents(1, 3))
    await store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 })
    await store.updateRun('run_1', { status: 'failed' })
    assert.equal(await store.run('run_1'), null)
    await store.createRun(runRecord('run_1'))
    assert.deepEqual(await store.events('run_1', 0, 9), [])
  })

  test('keys are deleted when they expire, and outlive their run until then', async (t) => {
    const { store } = await open(t, () => noonMs)
    await store.createRun(endedRun('run_1', noonMs), claim({ expiresAtMs: noonMs + 2 }))
    await store.prune({ endedBeforeMs: noonMs + 1, bytesMax: 0, nowMs: noonMs + 1 })
    assert.equal(await store.run('run_1'), null)
    const held = { kind: 'exists', runId: 'run_1', bodyHash: 'hash-1' }
    assert.deepEqual(await store.createRun(runRecord('run_2'), claim()), held)
    await store.prune({ ...noLimits, nowMs: noonMs + 2 })
    assert.deepEqual(await store.createRun(runRecord('run_2'), claim()), { kind: 'created' })
  })
}
