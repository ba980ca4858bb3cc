// The part of every Store's suite about what runs were asked, and about runs that are forgotten but for what they cost. Not for the
// rest (see store-suite.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import {
  endedRun,
  eventBytes,
  hourMs,
  idsOf,
  noLimits,
  noonMs,
  runEnd,
  runRecord,
  textEvents,
} from './store-records.ts'
import type { OpenStore } from './store-suite.ts'

const asked = { body: { model: 'sonnet' }, items: [{ role: 'user', content: 'wörd 🦉' }] }
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
const claim = { key: 'once', owner: 'key_1', bodyHash: 'hash-1', expiresAtMs: noonMs + hourMs }
const usageOf = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }

export function describeAsked(open: OpenStore): void {
  test('what a run was asked comes back as it was given, also after a restart, and is not in its record', async (t) => {
    const { store, reopen } = await open(t)
    const run = runRecord('run_1')
    await store.createRun(run, null, asked)
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.requestSnapshot('run_1'), asked)
      assert.deepEqual(await opened.run('run_1'), run)
      assert.deepEqual((await opened.runs({ limit: 9 })).items, [run])
    }
  })

  const values = ['', 0, false, [], {}, 'ä🦉'.repeat(1_000_000), '\u0000 "\\ \u2028', '\ud800 alone', [null, { a: 1 }]]
  test('what a run was asked may be anything that JSON can hold', async (t) => {
    const { store, reopen } = await open(t)
    for (const [at, value] of values.entries()) await store.createRun(runRecord(`run_${at}`), null, value)
    const opened = await reopen()
    for (const [at, value] of values.entries()) assert.deepEqual(await opened.requestSnapshot(`run_${at}`), value)
  })

  test('a run that nothing is kept of what it was asked has null, as has one that is not there', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'))
    await store.createRun(runRecord('run_2'), null)
    await store.createRun(runRecord('run_3'), null, null)
    for (const id of ['run_1', 'run_2', 'run_3', 'run_none', ''])
      assert.equal(await store.requestSnapshot(id), null, id)
  })

  test('what was asked is seen at once', async (t) => {
    const { store } = await open(t)
    const writing = store.createRun(runRecord('run_1'), null, asked)
    assert.deepEqual(await store.requestSnapshot('run_1'), asked)
    await writing
  })

  test('of many runs that claim one key it is what the one that is created was asked that is kept', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    const ids = Array.from({ length: 10 }, (_, at) => `run_${at}`)
    const claimed = await Promise.all(ids.map((id) => store.createRun(runRecord(id), claim, { id })))
    const created = ids.filter((_, at) => claimed[at]?.kind === 'created')
    assert.equal(created.length, 1)
    const opened = await reopen()
    for (const id of ids) assert.deepEqual(await opened.requestSnapshot(id), created.includes(id) ? { id } : null)
  })

  test('a run that cannot be kept changes nothing of what another was asked', async (t) => {
    const { store } = await open(t, () => noonMs)
    await store.createRun(runRecord('run_1'), null, asked)
    await assert.rejects(store.createRun(runRecord('run_1'), claim, 'other'))
    assert.deepEqual(await store.requestSnapshot('run_1'), asked)
  })

  test('what was asked outlives a change of the run, its end and the clearing of its events', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'), null, asked)
    await store.appendEvents('run_1', textEvents(1, 3))
    await store.updateRun('run_1', { status: 'succeeded', end: runEnd(), endedAtMs: noonMs })
    await store.clearEvents('run_1')
    assert.deepEqual(await store.requestSnapshot('run_1'), asked)
  })

  for (const [how, drop] of [
    ['pruned', (store) => store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 })],
    ['pruned to make room', (store) => store.prune({ ...noLimits, bytesMax: 0 })],
    ['dropped', (store) => store.dropRun('run_2')],
    ['forgotten', (store) => store.eraseRun('run_2')],
  ] as const satisfies [string, (store: Awaited<ReturnType<OpenStore>>['store']) => Promise<unknown>][]) {
    test(`what was asked is gone with its run where that is ${how}`, async (t) => {
      const { store, reopen } = await open(t)
      await store.createRun(runRecord('run_1'), null, asked)
      await store.createRun(endedRun('run_2', noonMs), null, 'secret')
      await drop(store)
      const opened = await reopen()
      assert.equal(await opened.requestSnapshot('run_2'), null)
      assert.deepEqual(await opened.requestSnapshot('run_1'), asked)
      // A run that comes later has nothing of it.
      if (how !== 'forgotten') await opened.createRun(runRecord('run_2'))
      await opened.createRun(runRecord('run_3'))
      for (const id of ['run_2', 'run_3']) assert.equal(await opened.requestSnapshot(id), null)
    })
  }

  test('what was asked takes room as events do', async (t) => {
    const { store } = await open(t)
    const events = textEvents(1, 3)
    await store.createRun(endedRun('run_1', noonMs), null, asked)
    await store.appendEvents('run_1', events)
    await store.createRun(endedRun('run_2', noonMs + 1), null, asked)
    const bytes = 2 * bytesOf(asked) + eventBytes(events)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes - 1 }), 1)
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_2'])
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytesOf(asked) }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytesOf(asked) - 1 }), 1)
  })

  test('events that were cleared leave the room that is taken by what was asked', async (t) => {
    const { store } = await open(t)
    await store.createRun(endedRun('run_1', noonMs), null, asked)
    await store.appendEvents('run_1', textEvents(1, 100))
    await store.clearEvents('run_1')
    await store.appendEvents('run_1', textEvents(1, 1))
    const bytes = bytesOf(asked) + eventBytes(textEvents(1, 1))
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes }), 0)
    assert.equal(await store.prune({ ...noLimits, bytesMax: bytes - 1 }), 1)
  })
}

export function describeForgottenRuns(open: OpenStore): void {
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

  test('of a run that is forgotten stays that it was there, and nothing of what was said', async (t) => {
    const { store, reopen } = await open(t, () => noonMs)
    await store.createRun(run, claim, 'secret')
    await store.createRun(runRecord('run_other'), null, asked)
    for (const id of ['run_1', 'run_other']) await store.appendEvents(id, textEvents(1, 3))
    await store.eraseRun('run_1')
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.run('run_1'), { ...run, restart: null, end: null })
      assert.deepEqual([await opened.events('run_1', 0, 9), await opened.lastSeq('run_1')], [[], 0])
      assert.equal(await opened.requestSnapshot('run_1'), null)
      // What was not forgotten is as it was.
      assert.deepEqual(await opened.events('run_other', 0, 9), textEvents(1, 3))
      assert.deepEqual(await opened.requestSnapshot('run_other'), asked)
      const held = { kind: 'exists', runId: 'run_1', bodyHash: 'hash-1' }
      assert.deepEqual(await opened.createRun(runRecord('run_next'), claim), held)
    }
  })

  test('sums over runs and what an owner has spent count a run that is forgotten as before', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(run)
    await store.createRun(endedRun('run_2', noonMs, { owner: 'key_1', end: runEnd() }))
    const sums = async (from: typeof store) => {
      const groups = ['day', 'model', 'session', 'key'] as const
      const usage = await Promise.all(groups.map((groupBy) => from.usage({ ...usageOf, groupBy })))
      return [usage, await from.spentBy('key_1')]
    }
    const before = await sums(store)
    await store.eraseRun('run_1')
    assert.deepEqual(await sums(store), before)
    assert.deepEqual(await sums(await reopen()), before)
  })

  test('a run that is forgotten takes no room any more, and goes when it is old', async (t) => {
    const { store } = await open(t)
    const limits = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }
    const named = { id: 'key_1', name: 'a', prefix: 'csk_a', hash: 'h', scopes: ['chat' as const] }
    await store.createKey({ ...named, ...limits, createdAtMs: noonMs })
    await store.createRun(run, null, asked)
    await store.appendEvents('run_1', textEvents(1, 100))
    await store.eraseRun('run_1')
    assert.equal(await store.prune({ ...noLimits, bytesMax: 0 }), 0)
    assert.equal(await store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 }), 1)
    assert.equal(await store.run('run_1'), null)
    assert.equal(await store.spentBy('key_1'), 0.25)
  })

  test('forgetting a run that is not there, or was forgotten, does nothing', async (t) => {
    const { store } = await open(t)
    await store.createRun(run)
    await store.eraseRun('run_none')
    await Promise.all([store.eraseRun('run_1'), store.eraseRun('run_1')])
    assert.deepEqual(idsOf((await store.runs({ limit: 9 })).items), ['run_1'])
  })

  test('a closed store neither tells what was asked nor forgets', async (t) => {
    const { store } = await open(t)
    await store.createRun(run, null, asked)
    await store.close()
    for (const call of [store.requestSnapshot('run_1'), store.eraseRun('run_1')]) {
      await assert.rejects(call, (error) => error instanceof AppError && error.code === 'shutting_down')
    }
  })
}
