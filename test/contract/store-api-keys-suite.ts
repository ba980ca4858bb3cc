// The part of the Store suite about API keys: creating, listing and revoking them, and what their owners have spent.
// The rest is in store-suite.ts; idempotency keys are in store-keys-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KeyRecord, noPolicy } from '../../src/core/key-record.ts'
import { AppError } from '../../src/errors.ts'
import { endedRun, hourMs, noLimits, noonMs, type OpenStore, runEnd, runRecord } from './store-records.ts'

export function keyRecord(id: string, fields: Partial<KeyRecord> = {}): KeyRecord {
  return {
    id,
    name: `name of ${id}`,
    prefix: `csk_${id}`,
    hash: `hash of ${id}`,
    scopes: ['agent'],
    createdAtMs: noonMs,
    expiresAtMs: null,
    ratePerMinute: null,
    budgetUsd: null,
    policy: noPolicy,
    revokedAtMs: null,
    lastUsedAtMs: null,
    ...fields,
  }
}

const fullKey = keyRecord('key_full', {
  name: 'Büro 🦉',
  scopes: ['chat', 'admin'],
  expiresAtMs: noonMs + hourMs,
  ratePerMinute: 60,
  budgetUsd: 0.5,
  lastUsedAtMs: noonMs + 1,
})

const isConflict = (error: unknown) => error instanceof AppError && error.code === 'conflict'

export function describeApiKeys(open: OpenStore): void {
  describeKeyRecords(open)
  describeRevoking(open)
  describeSpending(open)
}

function describeKeyRecords(open: OpenStore): void {
  test('a key is read as it was created, by its hash and in the list, also after a restart', async (t) => {
    const { store, reopen } = await open(t)
    const bare = keyRecord('key_bare', { createdAtMs: noonMs + 1 })
    for (const key of [fullKey, bare]) await store.createKey(key)
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.keyByHash(fullKey.hash), fullKey)
      assert.deepEqual(await opened.keys(), [bare, fullKey])
      assert.equal(await opened.keyByHash('hash of none'), null)
    }
  })

  test('keys created at the same time are listed with the latest first', async (t) => {
    const { store } = await open(t)
    for (const id of ['key_b', 'key_c', 'key_a']) await store.createKey(keyRecord(id))
    assert.deepEqual(
      (await store.keys()).map(({ id }) => id),
      ['key_a', 'key_c', 'key_b'],
    )
  })

  test('of several keys with one name, only one is created; revoking it frees the name', async (t) => {
    const { store } = await open(t)
    const keys = [1, 2, 3].map((number) => keyRecord(`key_${number}`, { name: 'laptop', expiresAtMs: noonMs - 1 }))
    const created = await Promise.allSettled(keys.map((key) => store.createKey(key)))
    assert.deepEqual(
      created.map((each) => each.status === 'fulfilled' || isConflict(each.reason)),
      [true, true, true],
    )
    assert.equal((await store.keys()).length, 1)
    await assert.rejects(store.createKey(keyRecord('key_4', { name: 'laptop' })), isConflict)
    assert.equal(await store.revokeKey('laptop', noonMs), true)
    await store.createKey(keyRecord('key_5', { name: 'laptop' }))
    assert.equal((await store.keyByHash('hash of key_5'))?.name, 'laptop')
  })

  test('the last use is recorded to the minute, and not for an unknown key', async (t) => {
    const { store, reopen } = await open(t)
    await store.createKey(keyRecord('key_1'))
    await store.createKey(keyRecord('key_2'))
    await store.recordKeyUse('key_none', noonMs)
    for (const atMs of [0, 30_000, 59_999, 90_000, 200_000, 230_000]) await store.recordKeyUse('key_1', noonMs + atMs)
    const lastUsedAtMs = (await (await reopen()).keyByHash('hash of key_1'))?.lastUsedAtMs ?? 0
    assert.ok(lastUsedAtMs > noonMs + 170_000 && lastUsedAtMs <= noonMs + 230_000, `${lastUsedAtMs - noonMs}`)
  })
}

function describeRevoking(open: OpenStore): void {
  test('a revoked key is still stored, with the time, and cannot be revoked again', async (t) => {
    const { store, reopen } = await open(t)
    await store.createKey(keyRecord('key_1'))
    await store.createKey(keyRecord('key_2', { name: 'laptop' }))
    assert.equal(await store.revokeKey('key_1', noonMs + 5), true)
    assert.equal(await store.revokeKey('laptop', noonMs + 6), true)
    const again = ['key_1', 'key_2', 'laptop', 'name of key_1', 'key_none', ''].map((word) => store.revokeKey(word, 1))
    assert.deepEqual(await Promise.all(again), Array(6).fill(false))
    const reopened = await reopen()
    assert.equal((await reopened.keyByHash('hash of key_1'))?.revokedAtMs, noonMs + 5)
    assert.equal((await reopened.keyByHash('hash of key_2'))?.revokedAtMs, noonMs + 6)
    assert.equal((await reopened.keys()).length, 2)
  })

  test('a name that is the id of another key revokes the other key, and a reused name revokes the active key', async (t) => {
    const { store } = await open(t)
    await store.createKey(keyRecord('key_1', { name: 'laptop' }))
    await store.createKey(keyRecord('key_2', { name: 'key_1' }))
    await store.revokeKey('key_1', noonMs)
    await store.createKey(keyRecord('key_3', { name: 'laptop' }))
    assert.equal(await store.revokeKey('key_1', noonMs), false)
    assert.equal(await store.revokeKey('laptop', noonMs), true)
    const active = (await store.keys()).filter(({ revokedAtMs }) => revokedAtMs === null)
    assert.deepEqual(
      active.map(({ id }) => id),
      ['key_2'],
    )
  })

  test('keys exist as long as one is not revoked, expired or not', async (t) => {
    const { store, reopen } = await open(t)
    assert.equal(await store.hasKeys(), false)
    const creating = store.createKey(keyRecord('key_1', { expiresAtMs: noonMs - 1 }))
    assert.equal(await store.hasKeys(), true)
    await creating
    await store.createKey(keyRecord('key_2'))
    await store.revokeKey('key_2', noonMs)
    const reopened = await reopen()
    assert.equal(await reopened.hasKeys(), true)
    await reopened.revokeKey('key_1', noonMs)
    assert.equal(await reopened.hasKeys(), false)
  })

  test('the codes of one-time links do not count as keys, and are deleted when they expire', async (t) => {
    const { store, reopen } = await open(t)
    const code = { scopes: [], expiresAtMs: noonMs + 1 }
    await store.createKey(keyRecord('key_1', code))
    await store.createKey(keyRecord('key_2', code))
    await store.revokeKey('key_2', noonMs)
    await store.createKey(keyRecord('key_3', { ...code, expiresAtMs: noonMs + 2 }))
    assert.equal(await store.hasKeys(), false)
    assert.deepEqual((await store.keyByHash('hash of key_1'))?.scopes, [])
    await store.createKey(keyRecord('key_own', { expiresAtMs: noonMs }))
    await store.createKey(keyRecord('key_page_1', { expiresAtMs: noonMs }))
    await store.createKey(keyRecord('key_page_2', { expiresAtMs: noonMs }))
    await store.createKey(keyRecord('key_page_3', { expiresAtMs: noonMs + 2 }))
    for (const id of ['key_own', 'key_page_2', 'key_page_3']) await store.revokeKey(id, noonMs)
    assert.equal(await store.hasKeys(), true)
    await store.prune({ ...noLimits, nowMs: noonMs + 1 })
    const left = (await (await reopen()).keys()).map(({ id }) => id)
    assert.deepEqual(left.toSorted(), ['key_3', 'key_own', 'key_page_1', 'key_page_3'])
  })

  test('a key is changed in the fields that are set, and in no others', async (t) => {
    const { store, reopen } = await open(t)
    for (const key of [fullKey, keyRecord('key_1', { name: 'laptop' })]) await store.createKey(key)
    const policy = { ...noPolicy, models: ['sonnet'], budgetPeriod: 'week' as const, runsMax: 3 }
    await store.updateKey(fullKey.id, { policy, budgetUsd: null })
    await store.updateKey(fullKey.id, {})
    await store.updateKey('key_none', { budgetUsd: 1 })
    const changed = { ...fullKey, policy, budgetUsd: null }
    assert.deepEqual(await store.keyByHash(fullKey.hash), changed)
    await assert.rejects(store.updateKey(fullKey.id, { name: 'laptop', ratePerMinute: 1 }), isConflict)
    await store.updateKey(fullKey.id, { name: fullKey.name, scopes: ['admin'], expiresAtMs: null, ratePerMinute: 7 })
    assert.deepEqual(await (await reopen()).keyByHash(fullKey.hash), {
      ...changed,
      scopes: ['admin'],
      expiresAtMs: null,
      ratePerMinute: 7,
    })
  })

  test('a closed store refuses calls about keys', async (t) => {
    const { store } = await open(t)
    await store.close()
    const calls = [store.hasKeys(), store.keyByHash(''), store.createKey(fullKey), store.recordKeyUse('key_1', 1)]
    for (const call of calls) {
      await assert.rejects(call, (error) => error instanceof AppError && error.code === 'shutting_down')
    }
  })
}

function describeSpending(open: OpenStore): void {
  test('what an owner has spent since the start of a day includes runs that were pruned since', async (t) => {
    const { store } = await open(t)
    await store.createKey(keyRecord('key_1'))
    const day = 24 * hourMs
    const midnight = noonMs - (noonMs % day)
    for (const [index, endedAtMs] of [midnight - 1, midnight, midnight + 1, midnight + day].entries()) {
      await store.createRun(
        endedRun(`run_${index}`, endedAtMs, { owner: 'key_1', end: runEnd({ costUsd: 2 ** index }) }),
      )
    }
    await store.createRun(endedRun('run_other', midnight, { owner: 'key_2', end: runEnd({ costUsd: 100 }) }))
    const spent = async () => [
      await store.spentBy('key_1'),
      await store.spentBy('key_1', midnight),
      await store.spentBy('key_1', midnight + day),
      await store.spentBy('key_1', midnight + 2 * day),
    ]
    assert.deepEqual(await spent(), [15, 14, 8, 0])
    for (const endedBeforeMs of [midnight + 1, midnight + 2, midnight + 2 * day]) {
      await store.prune({ ...noLimits, endedBeforeMs })
      assert.deepEqual(await spent(), [15, 14, 8, 0])
    }
  })

  test('what an owner has spent is exactly the sum of their costs, however small, in whatever order and after changes', async (t) => {
    const { store, reopen } = await open(t)
    for (const id of ['key_1', 'key_2']) await store.createKey(keyRecord(id))
    const costs = [0.1, 0.2, 0.3, 1e9, 1e-9, 0.7, 0.0020196, 123.456, 1e-12, 0.1]
    const day = 24 * hourMs
    const ends: { owner: string; endedAtMs: number; costUsd: number }[] = []
    for (let index = 0; index < 60; index++) {
      const costUsd = costs[index % costs.length] ?? 0
      ends.push({ owner: index % 7 === 0 ? 'key_2' : 'key_1', endedAtMs: noonMs + (index % 3) * day + index, costUsd })
    }
    for (const [index, { owner, endedAtMs, costUsd }] of ends.entries()) {
      await store.createRun(runRecord(`run_${index}`, { owner, status: 'running' }))
      // Some ends are written twice: the last one counts, with its cost and its day.
      if (index % 4 === 0) await store.updateRun(`run_${index}`, { end: runEnd({ costUsd: 7.7 }), endedAtMs: noonMs })
      await store.updateRun(`run_${index}`, { status: 'succeeded', end: runEnd({ costUsd }), endedAtMs })
    }
    const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, groupBy: 'key' } as const
    const midnight = noonMs - (noonMs % day)
    const opened = await reopen()
    for (const owner of ['key_1', 'key_2']) {
      for (const sinceMs of [0, midnight, midnight + day, midnight + 2 * day, midnight + 3 * day]) {
        const [sum] = await opened.usage({ ...always, fromMs: sinceMs, owner })
        assert.equal(await opened.spentBy(owner, sinceMs), sum?.costUsd ?? 0, `${owner} since ${sinceMs}`)
      }
    }
    await opened.updateRun('run_1', { end: runEnd({ costUsd: null }) })
    const [sum] = await opened.usage({ ...always, owner: 'key_1' })
    const spent = await opened.spentBy('key_1')
    assert.equal(spent, sum?.costUsd)
    assert.ok((await opened.prune({ ...noLimits, endedBeforeMs: midnight + 2 * day })) > 20)
    assert.equal(await opened.spentBy('key_1'), spent)
  })

  test('an owner has spent the cost of their ended runs', async (t) => {
    const { store, reopen } = await open(t)
    assert.equal(await store.spentBy('key_1'), 0)
    await store.createRun(endedRun('run_1', noonMs, { owner: 'key_1', end: runEnd({ costUsd: 0.5 }) }))
    await store.createRun(endedRun('run_2', noonMs, { owner: 'key_1', end: runEnd({ costUsd: null }) }))
    await store.createRun(endedRun('run_3', noonMs, { owner: 'key_2', end: runEnd({ costUsd: 4 }) }))
    await store.createRun(endedRun('run_4', noonMs, { end: runEnd({ costUsd: 8 }) }))
    await store.createRun(runRecord('run_5', { owner: 'key_1' }))
    assert.equal(await store.spentBy('key_1'), 0.5)
    await store.updateRun('run_5', { status: 'failed', end: runEnd({ costUsd: 0.25 }), endedAtMs: noonMs })
    assert.equal(await (await reopen()).spentBy('key_1'), 0.75)
  })

  test('what a key has spent outlives its runs', async (t) => {
    const { store, reopen } = await open(t)
    for (const id of ['key_1', 'key_2']) await store.createKey(keyRecord(id))
    for (const [index, costUsd] of [0.5, null, 0.25, 0.125].entries()) {
      await store.createRun(endedRun(`run_${index}`, noonMs + index, { owner: 'key_1', end: runEnd({ costUsd }) }))
    }
    await store.createRun(endedRun('run_other', noonMs, { owner: 'key_2', end: runEnd({ costUsd: 2 }) }))
    assert.equal(await store.prune({ ...noLimits, endedBeforeMs: noonMs + 3 }), 4)
    assert.deepEqual([await store.spentBy('key_1'), await store.spentBy('key_2')], [0.875, 2])
    const reopened = await reopen()
    assert.equal(await reopened.prune({ ...noLimits, endedBeforeMs: noonMs + 9 }), 1)
    assert.equal(await reopened.spentBy('key_1'), 0.875)
  })
}
