// Sums of usage over many runs are made in a thread with a connection of its own, and are the same as those of the server's connection.
import assert from 'node:assert/strict'
import { copyFileSync, renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import type { UsageGroup, UsageQuery } from '../../src/core/store.ts'
import { shuttingDown } from '../../src/errors.ts'
import { RpcError } from '../../src/platform/worker-rpc.ts'
import { type Connection, connect } from '../../src/store/connection.ts'
import type { Prepare } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { hasMoreRuns, sumUsage } from '../../src/store/queries.ts'
import { type UsageThread, usageMethod, usageThread } from '../../src/store/usage-sums.ts'
import { endedRun, noonMs, runEnd, runRecord } from '../contract/store-records.ts'
import { describeUsage } from '../contract/store-usage-suite.ts'
import { makeStoreFolder, plansOf } from './scene.ts'

describe('in the thread', () => {
  describeUsage(async (t) => {
    const { open } = makeStoreFolder(t)
    const options = { usageAtOnceMax: 0 }
    const store = await open(options)
    return {
      store,
      async reopen() {
        await store.close()
        return open(options)
      },
    }
  })
})

const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER } as const
const byDay: UsageQuery = { ...always, groupBy: 'day' }

/** A connection to a database with `count` runs, which notes what it sums up itself, and a thread that answers as it is told. */
function withThread(t: TestContext, count: number, answer: () => Promise<unknown>) {
  const db = new DatabaseSync(':memory:')
  migrate(db)
  const noDisk = { urgent: true, onDisk: async () => {}, onClose: async () => db.close() }
  const connection = connect(db, noDisk)
  t.after(() => connection.close())
  const insert =
    db.prepare(`INSERT INTO runs (id, surface, owner, status, session_id, background, created_at_ms, ended_at_ms, cost_usd,
    metadata_json, pending_json) VALUES (?, 'native', 'key_1', 'succeeded', ?, 0, 0, ?, 0.25, '{}', '[]')`)
  for (let index = 0; index < count; index++) insert.run(`run_${index}`, `session-${index % 2}`, noonMs + index)
  const seen = { here: 0, calls: [] as unknown[], commits: 0 }
  const noting =
    (prepare: Prepare): Prepare =>
    (sql) => {
      if (sql.includes('sum(')) seen.here++
      return prepare(sql)
    }
  const noted: Pick<Connection, 'reads' | 'commit'> = {
    reads<Args extends unknown[], T>(query: (prepare: Prepare, ...args: Args) => T) {
      return connection.reads((prepare: Prepare, ...args: Args) => query(noting(prepare), ...args))
    },
    commit: () => void seen.commits++,
  }
  const call: UsageThread['call'] = (name, args) => {
    seen.calls.push([name, ...args])
    return answer()
  }
  const usage = usageMethod(noted, { call, close: async () => {} }, 4)
  return { usage, seen }
}

test('usage of many runs is left to the thread, after a commit, and the connection sums up nothing', async (t) => {
  const { usage, seen } = withThread(t, 5, async () => ['sums'])
  assert.deepEqual(await usage(byDay), ['sums'])
  assert.deepEqual(seen, { here: 0, calls: [['sumUsage', byDay]], commits: 1 })
})

test('usage of few runs is summed up at once: of a few in all, in the period, or in the session', async (t) => {
  const few = withThread(t, 4, async () => ['sums'])
  assert.equal((await few.usage(byDay))[0]?.runs, 4)
  const many = withThread(t, 8, async () => ['sums'])
  assert.equal((await many.usage({ ...byDay, fromMs: noonMs + 4 }))[0]?.runs, 4)
  assert.equal((await many.usage({ ...byDay, sessionId: 'session-1' }))[0]?.runs, 4)
  assert.deepEqual([few.seen.calls, many.seen.calls, many.seen.here], [[], [], 2])
})

test('if the thread fails, the connection sums up', async (t) => {
  for (const error of [new Error('the thread failed'), new RpcError('died'), new RpcError('memory')]) {
    const { usage, seen } = withThread(t, 5, async () => Promise.reject(error))
    assert.equal((await usage(byDay))[0]?.runs, 5)
    assert.equal(seen.here, 1)
  }
})

test('if the thread is too slow or the store is being closed, the connection does not sum up', async (t) => {
  for (const [error, code] of [
    [new RpcError('late'), 'overloaded'],
    [new RpcError('slow'), 'overloaded'],
    [shuttingDown(), 'shutting_down'],
  ] as const) {
    const { usage, seen } = withThread(t, 5, async () => Promise.reject(error))
    await assert.rejects(usage(byDay), { code })
    assert.equal(seen.here, 0)
  }
})

/** A store that sums up in the thread, and one that does not, with the same runs. */
async function openBoth(t: TestContext, count: number) {
  const [threaded, plain] = [makeStoreFolder(t), makeStoreFolder(t)]
  const watchMs = 600_000
  const stores = [await threaded.open({ usageAtOnceMax: 0, watchMs }), await plain.open()] as const
  const costs = [0.1, 0.2, 0.7, null, 1e-9, 1e6]
  const runs = Array.from({ length: count }, (_, index) =>
    endedRun(`run_${index}`, noonMs + index * 7_000_000, {
      owner: index % 5 === 0 ? null : `key_${index % 3}`,
      sessionId: index % 4 === 0 ? null : `session-${index % 9}`,
      end: runEnd({ costUsd: costs[index % costs.length] ?? null, model: `claude-${index % 3}` }),
    }),
  )
  for (const store of stores) await Promise.all(runs.map((run) => store.createRun(run)))
  return { stores, threaded }
}

test('the thread sums up exactly as the connection does', async (t) => {
  const { stores } = await openBoth(t, 100)
  const groups: UsageGroup[] = ['day', 'model', 'session', 'key']
  const filters = [{}, { owner: 'key_1' }, { owner: null }, { sessionId: 'session-1' }, { fromMs: noonMs + 70_000_000 }]
  for (const groupBy of groups) {
    for (const filter of filters) {
      const [inThread, here] = await Promise.all(stores.map((store) => store.usage({ ...always, ...filter, groupBy })))
      assert.ok((here?.length ?? 0) > 0)
      assert.deepEqual(inThread, here)
    }
  }
})

test('a run that was written just before is counted, whether it is on the disk or not', async (t) => {
  const { open } = makeStoreFolder(t)
  const store = await open({ usageAtOnceMax: 0 })
  for (let count = 1; count <= 5; count++) {
    await store.createRun(runRecord(`run_${count}`, { status: 'running' }))
    const writing = store.updateRun(`run_${count}`, { status: 'succeeded', end: runEnd(), endedAtMs: noonMs })
    assert.equal((await store.usage(byDay))[0]?.runs, count)
    await writing
  }
})

test('the thread reads the database that the server has open, and no other file in its place', async (t) => {
  const { stores, threaded } = await openBoth(t, 10)
  const [store, plain] = stores
  const expected = await plain.usage(byDay)
  const thread = usageThread(threaded.file)
  t.after(() => thread.close())
  assert.deepEqual(await thread.call('sumUsage', [byDay]), expected)
  const other = makeStoreFolder(t)
  const otherStore = await other.open()
  await otherStore.createRun(endedRun('run_other', noonMs))
  await otherStore.close()
  renameSync(threaded.file, `${threaded.file}.moved`)
  await assert.rejects(thread.call('sumUsage', [byDay]))
  assert.deepEqual(await store.usage(byDay), expected)
  copyFileSync(other.file, threaded.file)
  await assert.rejects(thread.call('sumUsage', [byDay]))
  assert.deepEqual(await store.usage(byDay), expected)
})

test('a store can be closed while the thread is at work', async (t) => {
  const { stores } = await openBoth(t, 10)
  const [store] = stores
  const summing = store.usage(byDay)
  // The count of the runs comes first; then the thread has the call.
  await Promise.resolve()
  const closing = store.close()
  const [result] = await Promise.allSettled([summing, closing])
  if (result.status === 'rejected') assert.equal(result.reason.code, 'shutting_down')
  await assert.rejects(store.usage(byDay), { code: 'shutting_down' })
})

test('whether there are many runs, and the sum over few, are found by the period or the session, not by the owner', () => {
  const plans = plansOf((prepare) => {
    const query = { ...byDay, owner: 'key_1' }
    hasMoreRuns(prepare, query, 9)
    sumUsage(prepare, query, 'few')
    hasMoreRuns(prepare, { ...query, sessionId: 'session-1' }, 9)
    sumUsage(prepare, { ...query, sessionId: 'session-1' }, 'few')
    sumUsage(prepare, { ...query, sessionId: 'session-1' })
  })
  assert.deepEqual(plans, [
    'SEARCH runs USING COVERING INDEX runs_by_end (ended_at_ms>? AND ended_at_ms<?)',
    'SEARCH runs USING INDEX runs_by_end (ended_at_ms>? AND ended_at_ms<?)',
    'SEARCH runs USING COVERING INDEX runs_by_session (session_id=?)',
    'SEARCH runs USING INDEX runs_by_session (session_id=?)',
    'SEARCH runs USING INDEX runs_by_session (session_id=?)',
  ])
})
