// A run while it runs, read by followers who come early and late, keep up or do not, while its events are written to the store.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RunLog } from '../../src/core/run-log.ts'
import type { Store, StoredEvent } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { runRecord, textEvent, textEvents } from '../contract/store-records.ts'
import { makeStoreFolder } from '../store/scene.ts'
import { keeps, withOther } from './runs-scene.ts'

type Parts = { live: RunLog; store: Store | null; faults: string[] }

async function setUp(t: TestContext, keep: (typeof keeps)[number], wrap = (store: Store) => store): Promise<Parts> {
  const store = keep === 'SQLite' ? await makeStoreFolder(t).open() : null
  await store?.createRun(runRecord('run_1'))
  const faults: string[] = []
  const live = new RunLog('run_1', store === null ? null : wrap(store), (fault) => faults.push(String(fault)))
  live.storeAfter(Promise.resolve(store !== null))
  return { live, store, faults }
}

const append = (live: RunLog, first: number, last: number) => {
  for (const { event } of textEvents(first, last)) live.append(event)
}

async function collect(events: AsyncIterable<StoredEvent>, pause = async (_seq: number) => {}): Promise<StoredEvent[]> {
  const all: StoredEvent[] = []
  for await (const event of events) {
    all.push(event)
    await pause(event.seq)
  }
  return all
}

/** Lets everything else that is ready go first. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

for (const keep of keeps) {
  test(`a follower gets what happened after any event, before and after the end; kept: ${keep}`, async (t) => {
    const { live } = await setUp(t, keep)
    append(live, 1, 10)
    const early = Array.from({ length: 13 }, (_, after) => collect(live.follow(after)))
    await live.saved
    append(live, 11, 20)
    live.end(null)
    const late = Array.from({ length: 22 }, (_, after) => collect(live.follow(after)))
    for (const [after, events] of early.entries()) assert.deepEqual(await events, textEvents(after + 1, 20))
    for (const [after, events] of late.entries()) {
      assert.deepEqual(await events, after < 20 ? textEvents(after + 1, 20) : [])
    }
  })

  test(`many followers at different paces each get three thousand events once and in order; kept: ${keep}`, async (t) => {
    const { live } = await setUp(t, keep)
    const everySoOften = (often: number) => async (seq: number) => {
      if (seq % often === 0) await turn()
    }
    const following = [1, 2, 3, 10, 100, 10_000].map((often) => collect(live.follow(0), everySoOften(often)))
    for (let first = 1; first <= 3000; first += 100) {
      append(live, first, first + 99)
      await (first % 500 === 1 ? live.saved : turn())
      if (first % 700 === 1) following.push(collect(live.follow(0), everySoOften(5)))
    }
    live.end(null)
    const expected = textEvents(1, 3000)
    for (const events of await Promise.all(following)) assert.deepEqual(events, expected)
  })

  test(`followers of a run that was refused are told why, those too who come later; kept: ${keep}`, async (t) => {
    const { live } = await setUp(t, keep)
    const refusal = new AppError('queue_full', 'no room')
    const waiting = [collect(live.follow(0)), collect(live.follow(5))].map((each) => assert.rejects(each, refusal))
    live.end(refusal)
    await Promise.all([...waiting, assert.rejects(collect(live.follow(0)), refusal), live.ended])
  })

  test(`a follower who leaves takes nothing from the others; kept: ${keep}`, async (t) => {
    const { live } = await setUp(t, keep)
    const staying = collect(live.follow(0))
    append(live, 1, 3)
    for await (const { seq } of live.follow(0)) if (seq === 2) break
    append(live, 4, 5)
    live.end(null)
    assert.deepEqual(await staying, textEvents(1, 5))
  })
}

test('who is further behind than what is held in memory reads from the store', async (t) => {
  const asked: number[] = []
  const { live } = await setUp(t, 'SQLite', (store) =>
    withOther(store, {
      events(runId, afterSeq, limit) {
        asked.push(afterSeq)
        return store.events(runId, afterSeq, limit)
      },
    }),
  )
  const slow = live.follow(0)
  append(live, 1, 1)
  const first = await slow.next()
  append(live, 2, 2000)
  await live.saved
  live.end(null)
  assert.deepEqual([first.value, ...(await collect(slow))], textEvents(1, 2000))
  assert.ok(asked.length > 0 && asked.every((after) => after < 2000 - 512), asked.join())
  asked.length = 0
  assert.deepEqual(await collect(live.follow(2000 - 512)), textEvents(2000 - 511, 2000))
  assert.deepEqual(asked, [])
})

test('events that are not on disk yet are held however many they are', async (t) => {
  const { promise: open, resolve } = Promise.withResolvers<void>()
  const { live } = await setUp(t, 'SQLite', (store) =>
    withOther(store, { appendEvents: (runId, events) => open.then(() => store.appendEvents(runId, events)) }),
  )
  append(live, 1, 2000)
  const following = collect(live.follow(0))
  for (let count = 0; count < 20; count++) await turn()
  resolve()
  live.end(null)
  assert.deepEqual(await following, textEvents(1, 2000))
})

test('of long texts fewer are held, and none is lost', async (t) => {
  let reads = 0
  const { live } = await setUp(t, 'SQLite', (store) =>
    withOther(store, {
      events(...given) {
        reads++
        return store.events(...given)
      },
    }),
  )
  const text = 'ä'.repeat(100_000)
  for (let count = 0; count < 40; count++) live.append(textEvent(`${count} ${text}`))
  await live.saved
  live.end(null)
  const all = await collect(live.follow(0))
  assert.deepEqual(
    all.map(({ seq, event }) => [seq, event.type === 'text-delta' && event.text.split(' ')[0]]),
    Array.from({ length: 40 }, (_, at) => [at + 1, String(at)]),
  )
  assert.ok(reads > 0)
})

test('all that happened is on disk before what comes after it changes the record', async (t) => {
  const { live, store } = await setUp(t, 'SQLite')
  append(live, 1, 700)
  live.update({ status: 'succeeded' })
  while ((await store?.run('run_1'))?.status !== 'succeeded') await turn()
  assert.equal(await store?.lastSeq('run_1'), 700)
})

test('nothing is written of a run that is not in the store', async (t) => {
  const { live, store, faults } = await setUp(t, 'SQLite')
  live.storeAfter(Promise.resolve(false))
  append(live, 1, 1000)
  live.update({ status: 'failed' })
  await live.saved
  live.end(null)
  assert.deepEqual(await collect(live.follow(0)), textEvents(1, 1000))
  assert.equal(await store?.lastSeq('run_1'), 0)
  assert.equal((await store?.run('run_1'))?.status, 'queued')
  assert.deepEqual(faults, [])
})

test('a store that takes no events is told of, and followers who keep up miss nothing', async (t) => {
  const { live, faults } = await setUp(t, 'SQLite', (store) =>
    withOther(store, { appendEvents: () => Promise.reject(new Error('disk full')) }),
  )
  const following = collect(live.follow(0))
  for (let first = 1; first <= 2000; first += 50) {
    append(live, first, first + 49)
    await turn()
  }
  live.end(null)
  assert.deepEqual(await following, textEvents(1, 2000))
  assert.deepEqual(new Set(faults), new Set(['Error: disk full']))
})

test('a follower is told that events were lost rather than given others in their place', async (t) => {
  let count = 0
  const { live } = await setUp(t, 'SQLite', (store) =>
    withOther(store, {
      appendEvents: (runId, events) =>
        ++count === 1 ? Promise.reject(new Error('disk full')) : store.appendEvents(runId, events),
    }),
  )
  append(live, 1, 10)
  await live.saved
  append(live, 11, 1000)
  await live.saved
  live.end(null)
  await assert.rejects(collect(live.follow(0)), { code: 'internal' })
})
