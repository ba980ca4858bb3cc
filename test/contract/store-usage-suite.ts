// The part of the Store suite about usage: sums over ended runs. The rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunRecord, UsageGroup, UsageSum } from '../../src/core/store.ts'
import { endedRun, hourMs, noonMs, type OpenStore, runEnd, runRecord } from './store-records.ts'

/** The sum over `count` runs with the default end of store-records.ts. */
function sum(group: string | null, count: number, fields: Partial<UsageSum> = {}): UsageSum {
  return {
    group,
    runs: count,
    inputTokens: 10 * count,
    outputTokens: 20 * count,
    cacheReadInputTokens: 30 * count,
    cacheCreationInputTokens: 40 * count,
    costUsd: 0.25 * count,
    ...fields,
  }
}

const midnightMs = noonMs + 12 * hourMs
const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }
const opus = runEnd({ model: 'claude-opus-4-5' })

const runs: RunRecord[] = [
  endedRun('run_1', noonMs, { owner: 'key_1', sessionId: 'session-1', model: 'sonnet', end: runEnd() }),
  endedRun('run_2', midnightMs - 1, { owner: 'key_2', sessionId: 'session-1', end: opus }),
  endedRun('run_3', midnightMs, { owner: 'key_1', sessionId: 'session-2', end: runEnd({ costUsd: null }) }),
  endedRun('run_4', midnightMs + hourMs, { end: opus }),
  runRecord('run_5', { status: 'running', owner: 'key_1', model: 'sonnet' }),
]

export function describeUsage(open: OpenStore): void {
  async function openFilled(t: Parameters<OpenStore>[0]) {
    const { store } = await open(t)
    for (const run of runs) await store.createRun(run)
    return store
  }

  test('usage is summed over ended runs by UTC day, model, session and key, in order, with null last', async (t) => {
    const store = await openFilled(t)
    const expected: Record<UsageGroup, UsageSum[]> = {
      day: [sum('2026-11-22', 2), sum('2026-11-23', 2, { costUsd: 0.25 })],
      model: [sum('claude-opus-4-5', 2), sum('claude-sonnet-4-5', 2, { costUsd: 0.25 })],
      session: [sum('session-1', 2), sum('session-2', 1, { costUsd: 0 }), sum(null, 1)],
      key: [sum('key_1', 2, { costUsd: 0.25 }), sum('key_2', 1), sum(null, 1)],
    }
    for (const groupBy of Object.keys(expected) as UsageGroup[]) {
      assert.deepEqual(await store.usage({ ...always, groupBy }), expected[groupBy], groupBy)
    }
  })

  test('usage is limited to the period, start included and end excluded, to the owner and to the session', async (t) => {
    const store = await openFilled(t)
    const groups = async (query: { fromMs?: number; toMs?: number; owner?: string | null; sessionId?: string }) =>
      (await store.usage({ ...always, ...query, groupBy: 'day' })).map(({ group, runs }) => [group, runs])
    assert.deepEqual(await groups({ fromMs: noonMs, toMs: midnightMs }), [['2026-11-22', 2]])
    assert.deepEqual(await groups({ fromMs: noonMs + 1, toMs: midnightMs + 1 }), [
      ['2026-11-22', 1],
      ['2026-11-23', 1],
    ])
    assert.deepEqual(await groups({ fromMs: midnightMs + 2 * hourMs }), [])
    assert.deepEqual(await groups({ owner: 'key_2' }), [['2026-11-22', 1]])
    assert.deepEqual(await groups({ owner: null }), [['2026-11-23', 1]])
    assert.deepEqual(await groups({ owner: 'key_9' }), [])
    assert.deepEqual(await groups({ sessionId: 'session-1' }), [['2026-11-22', 2]])
    assert.deepEqual(await groups({ sessionId: 'session-1', owner: 'key_2', fromMs: noonMs + 1 }), [['2026-11-22', 1]])
    assert.deepEqual(await groups({ sessionId: 'session-9' }), [])
  })

  test('a run that ended without an answer counts for the model that it requested', async (t) => {
    const { store } = await open(t)
    await store.createRun(endedRun('run_1', noonMs, { status: 'failed', model: 'sonnet' }))
    const nothing = {
      inputTokens: 0,
      outputTokens: 0,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      costUsd: 0,
    }
    assert.deepEqual(await store.usage({ ...always, groupBy: 'model' }), [sum('sonnet', 1, nothing)])
  })

  test('if an end is written twice, the last one counts', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(runRecord('run_1', { owner: 'key_1' }))
    await store.updateRun('run_1', { status: 'succeeded', end: runEnd({ costUsd: 9 }), endedAtMs: noonMs })
    await store.updateRun('run_1', { end: runEnd() })
    assert.deepEqual(await (await reopen()).usage({ ...always, groupBy: 'key' }), [sum('key_1', 1)])
  })
}
