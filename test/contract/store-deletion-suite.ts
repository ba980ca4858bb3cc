// The part of the Store suite about dropping runs, with their keys, and clearing the events of a run that restarts. The
// rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
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

const run = runRecord('run_dropped', {
  owner: 'key_1',
  status: 'queued',
  metadata: { ticket: '42' },
  restart: { prompt: [] },
  pending: [{ requestId: 'ask_1' }],
})

export function describeDeletion(open: OpenStore): void {
  test('nothing is left of a dropped run, and its key and its id are free again', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    const claim = { key: 'once', owner: 'key_1', bodyHash: 'hash-1', expiresAtMs: noonMs + hourMs }
    await store.createRun(run, claim)
    await store.createRun(runRecord('run_other'), { ...claim, owner: null })
    for (const id of [run.id, 'run_other']) await store.appendEvents(id, textEvents(1, 3))
    await store.dropRun(run.id)
    const opened = await reopen()
    assert.equal(await opened.run(run.id), null)
    assert.deepEqual(idsOf((await opened.runs({ limit: 9 })).items), ['run_other'])
    assert.deepEqual(idsOf(await opened.unfinished()), ['run_other'])
    assert.deepEqual([await opened.events(run.id, 0, 9), await opened.lastSeq(run.id)], [[], 0])
    assert.deepEqual(await opened.createRun(runRecord('run_next'), claim), { kind: 'created' })
    await opened.createRun(runRecord(run.id))
    assert.deepEqual(await opened.events(run.id, 0, 9), [])
    await opened.appendEvents(run.id, textEvents(1, 2))
    // The other run is unchanged.
    const held = { kind: 'exists', runId: 'run_other', bodyHash: 'hash-1' }
    assert.deepEqual(await opened.createRun(runRecord('run_more'), { ...claim, owner: null }), held)
    assert.deepEqual(await opened.events('run_other', 0, 9), textEvents(1, 3))
  })

  test('dropping a run does not free a key that another run now holds', async (t) => {
    let nowMs = noonMs
    const { store } = await open(t, () => nowMs)
    const claim = { key: 'once', owner: null, bodyHash: 'hash-1', expiresAtMs: noonMs + 1 }
    await store.createRun(runRecord('run_1'), claim)
    nowMs = noonMs + 2
    await store.createRun(runRecord('run_2'), { ...claim, expiresAtMs: noonMs + hourMs })
    await store.dropRun('run_1')
    assert.equal((await store.createRun(runRecord('run_3'), claim)).kind, 'exists')
  })

  test('dropping an unknown or dropped run does nothing', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'))
    await store.dropRun('run_none')
    await Promise.all([store.dropRun('run_1'), store.dropRun('run_1')])
    await store.updateRun('run_1', { status: 'failed' })
    assert.deepEqual((await store.runs({ limit: 9 })).items, [])
  })

  test('clearing the events of a run leaves its record, and numbering starts at 1 again', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    const claim = { key: 'once', owner: null, bodyHash: 'hash-1', expiresAtMs: noonMs + hourMs }
    await store.createRun(run, claim)
    await store.createRun(runRecord('run_other'))
    for (const id of [run.id, 'run_other']) await store.appendEvents(id, textEvents(1, 5))
    await store.clearEvents(run.id, 0)
    await store.clearEvents('run_none', 0)
    assert.deepEqual([await store.events(run.id, 0, 9), await store.lastSeq(run.id)], [[], 0])
    await store.appendEvents(run.id, textEvents(1, 2, 'again'))
    const opened = await reopen()
    assert.deepEqual(await opened.events(run.id, 0, 9), textEvents(1, 2, 'again'))
    assert.deepEqual(await opened.events('run_other', 0, 9), textEvents(1, 5))
    assert.deepEqual(await opened.run(run.id), run)
    assert.equal((await opened.createRun(runRecord('run_next'), claim)).kind, 'exists')
  })

  test('cleared events no longer count toward the size', async (t) => {
    const { store } = await open(t)
    await store.createRun(endedRun('run_1', noonMs))
    await store.appendEvents('run_1', textEvents(1, 100))
    await store.clearEvents('run_1', 0)
    await store.appendEvents('run_1', textEvents(1, 1))
    assert.equal(await store.prune({ ...noLimits, bytesMax: eventBytes(textEvents(1, 1)) }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: eventBytes(textEvents(1, 1)) - 1 }), 1)
  })

  test('the number of the last event is the highest one, and 0 without events', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(runRecord('run_1'))
    assert.deepEqual([await store.lastSeq('run_1'), await store.lastSeq('run_none')], [0, 0])
    const writing = store.appendEvents('run_1', textEvents(1, 12))
    assert.equal(await store.lastSeq('run_1'), 12)
    await writing
    await store.appendEvents('run_1', textEvents(13, 13))
    assert.equal(await (await reopen()).lastSeq('run_1'), 13)
  })
}
