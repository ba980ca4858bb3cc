// The log of an active run: followers that join early and late and read at any pace, while events are written to the
// store.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '../../src/core/events.ts'
import { RunLog } from '../../src/core/run-log.ts'
import type { Store, StoredEvent } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { runRecord, textEvent, textEvents } from '../contract/store-records.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { withOverrides } from './runs-scene.ts'

type Parts = { log: RunLog; store: Store; errors: string[]; retryNow: () => void }

async function setUp(wrap = (store: Store) => store, clock?: HandClock): Promise<Parts> {
  const store = openMemoryStore()
  await store.createRun(runRecord('run_1'))
  const errors: string[] = []
  let retryNow = () => {}
  const untilRetry = () =>
    new Promise<void>((resolve) => {
      retryNow = resolve
    })
  const log = new RunLog({
    id: 'run_1',
    store: wrap(store),
    onStoreError: (error) => errors.push(String(error)),
    untilRetry,
    ...(clock ? { clock } : {}),
  })
  log.storeAfter(Promise.resolve(true))
  return { log, store, errors, retryNow: () => retryNow() }
}

const append = (log: RunLog, first: number, last: number) => {
  for (const { event } of textEvents(first, last)) log.append(event)
}

async function collect(events: AsyncIterable<StoredEvent>, pause = async (_seq: number) => {}): Promise<StoredEvent[]> {
  const all: StoredEvent[] = []
  for await (const event of events) {
    all.push(event)
    await pause(event.seq)
  }
  return all
}

/** Waits for one turn of the event loop. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a follower gets all events after any position, before and after the end', async () => {
  const { log } = await setUp()
  append(log, 1, 10)
  const early = Array.from({ length: 13 }, (_, after) => collect(log.follow(after)))
  await log.save()
  append(log, 11, 20)
  log.end(null)
  const late = Array.from({ length: 22 }, (_, after) => collect(log.follow(after)))
  for (const [after, events] of early.entries()) assert.deepEqual(await events, textEvents(after + 1, 20))
  for (const [after, events] of late.entries()) {
    assert.deepEqual(await events, after < 20 ? textEvents(after + 1, 20) : [])
  }
})

test('followers at different paces each get 3,000 events once and in order', async () => {
  const { log } = await setUp()
  const everySoOften = (often: number) => async (seq: number) => {
    if (seq % often === 0) await turn()
  }
  const following = [1, 2, 3, 10, 100, 10_000].map((often) => collect(log.follow(0), everySoOften(often)))
  for (let first = 1; first <= 3000; first += 100) {
    append(log, first, first + 99)
    await (first % 500 === 1 ? log.save() : turn())
    if (first % 700 === 1) following.push(collect(log.follow(0), everySoOften(5)))
  }
  log.end(null)
  const expected = textEvents(1, 3000)
  for (const events of await Promise.all(following)) assert.deepEqual(events, expected)
})

test('followers of a refused run get its error, including those that join later', async () => {
  const { log } = await setUp()
  const refusal = new AppError('queue_full', 'no room')
  const waiting = [collect(log.follow(0)), collect(log.follow(5))].map((each) => assert.rejects(each, refusal))
  log.end(refusal)
  await Promise.all([...waiting, assert.rejects(collect(log.follow(0)), refusal), log.ended])
})

test('a follower that leaves takes nothing from the others', async () => {
  const { log } = await setUp()
  const staying = collect(log.follow(0))
  append(log, 1, 3)
  for await (const { seq } of log.follow(0)) if (seq === 2) break
  append(log, 4, 5)
  log.end(null)
  assert.deepEqual(await staying, textEvents(1, 5))
})

test('a follower that is behind the events in memory reads from the store', async () => {
  const reads: number[] = []
  const { log } = await setUp((store) =>
    withOverrides(store, {
      events(runId, afterSeq, limit) {
        reads.push(afterSeq)
        return store.events(runId, afterSeq, limit)
      },
    }),
  )
  const slow = log.follow(0)
  append(log, 1, 1)
  const first = await slow.next()
  append(log, 2, 2000)
  await log.save()
  log.end(null)
  assert.deepEqual([first.value, ...(await collect(slow))], textEvents(1, 2000))
  assert.ok(reads.length > 0 && reads.every((after) => after < 2000 - 512), reads.join())
  reads.length = 0
  assert.deepEqual(await collect(log.follow(2000 - 512)), textEvents(2000 - 511, 2000))
  assert.deepEqual(reads, [])
})

test('events that are not on disk yet stay in memory, however many there are', async () => {
  const { promise: open, resolve } = Promise.withResolvers<void>()
  const { log } = await setUp((store) =>
    withOverrides(store, { appendEvents: (runId, events) => open.then(() => store.appendEvents(runId, events)) }),
  )
  append(log, 1, 2000)
  const following = collect(log.follow(0))
  for (let count = 0; count < 20; count++) await turn()
  resolve()
  log.end(null)
  assert.deepEqual(await following, textEvents(1, 2000))
})

test('fewer events with long texts stay in memory, and none is lost', async () => {
  let reads = 0
  const { log } = await setUp((store) =>
    withOverrides(store, {
      events(...parameters) {
        reads++
        return store.events(...parameters)
      },
    }),
  )
  const text = 'ä'.repeat(100_000)
  for (let count = 0; count < 40; count++) log.append(textEvent(`${count} ${text}`))
  await log.save()
  log.end(null)
  const all = await collect(log.follow(0))
  assert.deepEqual(
    all.map(({ seq, event }) => [seq, event.type === 'text-delta' && event.text.split(' ')[0]]),
    Array.from({ length: 40 }, (_, index) => [index + 1, String(index)]),
  )
  assert.ok(reads > 0)
})

test('events are on disk before a later change of the record is', async () => {
  const { log, store } = await setUp()
  append(log, 1, 700)
  log.update({ status: 'succeeded' })
  while ((await store.run('run_1'))?.status !== 'succeeded') await turn()
  assert.equal(await store.lastSeq('run_1'), 700)
})

test('nothing is written about a run that is not in the store', async () => {
  const { log, store, errors } = await setUp()
  log.storeAfter(Promise.resolve(false))
  append(log, 1, 1000)
  log.update({ status: 'failed' })
  await log.save()
  log.end(null)
  assert.deepEqual(await collect(log.follow(0)), textEvents(1, 1000))
  assert.equal(await store.lastSeq('run_1'), 0)
  assert.equal((await store.run('run_1'))?.status, 'queued')
  assert.deepEqual(errors, [])
})

const question = { type: 'ask', requestId: 'ask_1', kind: 'tool', tool: 'Bash', input: {} } as unknown as RunEvent

test('the pieces of an answer are written together, and wait at most 250 ms', async () => {
  const clock = new HandClock()
  const writes: number[] = []
  const { log, store } = await setUp(
    (inner) =>
      withOverrides(inner, {
        appendEvents: (id, batch, options) => {
          writes.push(batch.length)
          return inner.appendEvents(id, batch, options)
        },
      }),
    clock,
  )
  const following = log.follow(0)
  append(log, 1, 10)
  assert.equal((await following.next()).value?.seq, 1, 'nobody waits for that')
  await clock.advance(249)
  append(log, 11, 12)
  assert.deepEqual(writes, [])
  await clock.advance(1)
  assert.deepEqual(writes, [12])
  append(log, 13, 15)
  await log.save()
  assert.deepEqual(writes, [12, 3], 'what is asked for is written')
  await clock.advance(1000)
  assert.deepEqual(writes, [12, 3])
  assert.deepEqual(await store.events('run_1', 0, 100), textEvents(1, 15))
})

test('an end, a wait for a person, a change of the record and much text are written at once', async () => {
  const long = textEvent('x'.repeat(70_000))
  const steps: ((log: RunLog) => void)[] = [
    (log) => log.append(question),
    (log) => log.append(long),
    (log) => log.update({ status: 'running' }),
    (log) => log.append(textEvent('end'), { held: true }),
  ]
  for (const step of steps) {
    const written = Promise.withResolvers<number>()
    const { log } = await setUp(
      (inner) =>
        withOverrides(inner, {
          appendEvents: (id, batch, options) => {
            written.resolve(batch.length)
            return inner.appendEvents(id, batch, options)
          },
        }),
      new HandClock(),
    )
    append(log, 1, 3)
    step(log)
    assert.ok((await written.promise) >= 3)
  }
})

test('a store that fails to write events is reported, and followers that keep up miss nothing', async () => {
  const { log, errors } = await setUp((store) =>
    withOverrides(store, { appendEvents: () => Promise.reject(new Error('disk full')) }),
  )
  const following = collect(log.follow(0))
  for (let first = 1; first <= 2000; first += 50) {
    append(log, first, first + 49)
    await turn()
  }
  log.end(null)
  assert.deepEqual(await following, textEvents(1, 2000))
  await log.save()
  assert.deepEqual(new Set(errors), new Set(['Error: disk full']))
})

test('a follower gets an error if events were lost, not a sequence with a gap', async () => {
  let count = 0
  const { log } = await setUp((store) =>
    withOverrides(store, {
      appendEvents: (runId, events) =>
        ++count === 1 ? Promise.reject(new Error('disk full')) : store.appendEvents(runId, events),
    }),
  )
  append(log, 1, 10)
  await log.save()
  append(log, 11, 1000)
  await log.save()
  log.end(null)
  await assert.rejects(collect(log.follow(0)), { code: 'internal' })
})

test('a held event is shown once it is on disk, and so is the end of the log', async () => {
  const written = Promise.withResolvers<void>()
  const { log } = await setUp((store) =>
    withOverrides(store, {
      appendEvents: async (...args) => {
        await written.promise
        await store.appendEvents(...args)
      },
    }),
  )
  append(log, 1, 2)
  const seen: number[] = []
  const following = collect(log.follow(0), async (seq) => void seen.push(seq))
  for (const { event } of textEvents(3, 3)) log.append(event, { held: true })
  log.end(null)
  await turn()
  assert.deepEqual(seen, [1, 2])
  const late = collect(log.follow(1))
  written.resolve()
  assert.deepEqual(await following, textEvents(1, 3))
  assert.deepEqual(await late, textEvents(2, 3))
})

test('a held event that cannot be written is shown all the same', async () => {
  const { log, errors } = await setUp((store) =>
    withOverrides(store, { appendEvents: () => Promise.reject(new Error('broken')) }),
  )
  for (const { event } of textEvents(1, 1)) log.append(event, { held: true })
  log.end(null)
  assert.deepEqual(await collect(log.follow(0)), textEvents(1, 1))
  assert.equal(errors.length, 1)
})

test('while the disk is full everything waits in order, held events are shown, and all is written when there is room', async () => {
  let isFull = true
  let tries = 0
  const { log, store, errors, retryNow } = await setUp((inner) =>
    withOverrides(inner, {
      appendEvents: async (...args) => {
        tries++
        if (isFull) throw new AppError('storage_full', 'full')
        await inner.appendEvents(...args)
      },
    }),
  )
  append(log, 1, 3)
  await log.save()
  for (const { event } of textEvents(4, 4)) log.append(event, { held: true })
  log.update({ status: 'succeeded' })
  log.end(null)
  await log.save()
  assert.deepEqual(await collect(log.follow(0)), textEvents(1, 4))
  assert.equal(tries, 1)
  let isFlushed = false
  const flushed = log.flushed().then(() => {
    isFlushed = true
  })
  retryNow()
  await log.save()
  await turn()
  // Reported once, however often it is tried.
  assert.deepEqual([tries, isFlushed, errors.length], [2, false, 1])
  assert.equal((await store.run('run_1'))?.status, runRecord('run_1').status)
  isFull = false
  retryNow()
  await flushed
  assert.deepEqual(await store.events('run_1', 0, 9), textEvents(1, 4))
  assert.equal((await store.run('run_1'))?.status, 'succeeded')
})

test('a log that goes on from earlier events numbers its own after them', async () => {
  const store = openMemoryStore()
  await store.createRun(runRecord('run_1'))
  await store.appendEvents('run_1', textEvents(1, 2))
  const log = new RunLog({ id: 'run_1', store, lastSeq: 2, onStoreError: assert.fail })
  log.storeAfter(Promise.resolve(true))
  append(log, 3, 4)
  log.end(null)
  assert.deepEqual(await collect(log.follow(0)), textEvents(1, 4))
  assert.deepEqual(await collect(log.follow(3)), textEvents(4, 4))
})
