// The engine with a scripted API and a clock that a test moves: turns, pauses, ends and restarts.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BatchEngine } from '../../../src/core/batches/batch-engine.ts'
import type { Attempt, Batch, BatchApi, BatchItem, BatchStore, ItemAnswer } from '../../../src/core/batches/batches.ts'
import { AppError, type ErrorCode, type ErrorDetails } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { HandClock, settle } from '../../helpers/hand-clock.ts'

const dayMs = 86_400_000
const startMs = Date.UTC(2026, 10, 22)

type Call = {
  batch: Batch
  item: BatchItem
  attempt: Attempt
  /** It has a process, so that it does not end when it is withdrawn. */
  hasBegun: boolean
  answer(outcome: string | AppError, more?: Partial<ItemAnswer>): Promise<void>
}

const failure = (code: ErrorCode, details: ErrorDetails = {}) => new AppError(code, `${code}.`, details)

/** Each item waits until the test answers it. */
class Scene {
  readonly clock = new HandClock()
  readonly store: BatchStore
  readonly warnings: { message: string; [fact: string]: unknown }[] = []
  readonly open: Call[] = []
  /** The ids of all items that were begun, in order, with their attempts. */
  readonly begun: string[] = []
  readonly finished: string[] = []
  engine: BatchEngine

  constructor(store: BatchStore = openMemoryStore(), concurrency = 2) {
    this.store = store
    this.engine = this.next(concurrency)
  }

  next(concurrency = 2): BatchEngine {
    const engine = new BatchEngine({
      store: this.store,
      concurrency,
      clock: this.clock,
      now: () => startMs + this.clock.now(),
      onWarning: (message, facts) => void this.warnings.push({ message, ...facts }),
    })
    engine.serve('test', this.#api())
    this.engine = engine
    return engine
  }

  #api(): BatchApi {
    return {
      answer: (batch, item, attempt) =>
        new Promise((resolve) => {
          this.begun.push(`${item.customId}/${attempt.idempotency.key.split(' ').at(-1)}`)
          const call: Call = {
            ...{ batch, item, attempt, hasBegun: false },
            answer: async (outcome, more = {}) => {
              this.open.splice(this.open.indexOf(call), 1)
              const base = { runId: 'run_1', isReplay: false }
              const end = typeof outcome === 'string' ? { line: outcome } : { error: outcome }
              resolve({ ...base, ...end, ...more } as ItemAnswer)
              await settle()
            },
          }
          // As a run does that waits for a process.
          attempt.withdrawn.addEventListener('abort', () => {
            if (this.open.includes(call) && !call.hasBegun) void call.answer(failure('cancelled'))
          })
          this.open.push(call)
        }),
      lineWithout: (_batch, { customId }, outcome, error) => [customId, outcome, error?.code].filter(Boolean).join(' '),
      finish: async ({ id, details }) => {
        this.finished.push(id)
        return { ...details, isFinished: true }
      },
    }
  }

  async create(id: string, customIds: string[], owner: string | null = null): Promise<Batch> {
    const createdAtMs = startMs + this.clock.now()
    const batch = { id, api: 'test', owner, details: { note: id }, createdAtMs, expiresAtMs: createdAtMs + dayMs }
    async function* pages() {
      for (const customId of customIds) yield [{ customId, request: { ask: customId } }]
    }
    const created = await this.engine.create(batch, pages())
    await settle()
    return created
  }

  call(customId: string): Call {
    const call = this.open.find(({ item }) => item.customId === customId)
    assert.ok(call, `${customId} is not being answered: ${this.begun}`)
    return call
  }

  async lines(id: string): Promise<string[]> {
    const query = { outcomes: ['succeeded', 'errored', 'canceled', 'expired'], after: -1, limit: 1000 } as const
    return (await this.store.itemLines(id, query)).map(({ line }) => line)
  }

  async status(id: string) {
    return (await this.store.batch(id))?.status
  }
}

const ids = (count: number, prefix = 'i') => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

test('so many items are answered at once, the batches in turn, and each gets its line and its count', async () => {
  const scene = new Scene()
  await scene.create('a', ids(3, 'a'))
  await scene.create('b', ids(2, 'b'))
  assert.deepEqual(scene.begun, ['a0/0', 'a1/0'])
  await scene.call('a1').answer('A1')
  await scene.call('b0').answer(failure('invalid_request'))
  await scene.call('a0').answer('A0')
  assert.deepEqual(scene.begun, ['a0/0', 'a1/0', 'b0/0', 'a2/0', 'b1/0'])
  assert.equal(scene.open.length, 2)
  await scene.call('a2').answer('A2')
  assert.equal(await scene.status('a'), 'ended')
  assert.equal(await scene.status('b'), 'in_progress')
  await scene.call('b1').answer('B1')
  assert.deepEqual(await scene.lines('a'), ['A0', 'A1', 'A2'])
  assert.deepEqual(await scene.lines('b'), ['b0 errored invalid_request', 'B1'])
  const batch = await scene.store.batch('b')
  assert.deepEqual(batch?.counts, { succeeded: 1, errored: 1, canceled: 0, expired: 0 })
  assert.deepEqual(batch?.details, { note: 'b', isFinished: true })
  assert.equal(batch?.endedAtMs, startMs)
})

test('a used up plan makes the batch wait until it is renewed; nothing of it fails', async () => {
  const scene = new Scene()
  await scene.create('a', ids(3))
  await scene.call('i0').answer(failure('quota_exhausted', { retryAfterS: 5 * 3600 }))
  await scene.call('i1').answer('I1')
  assert.deepEqual(scene.open, [])
  await scene.clock.advance(5 * 3600_000 - 1)
  assert.deepEqual(scene.open, [])
  await scene.clock.advance(1)
  assert.deepEqual(scene.begun.slice(2), ['i0/1', 'i2/0'])
  await scene.call('i0').answer('I0')
  await scene.call('i2').answer('I2')
  assert.deepEqual(await scene.lines('a'), ['I0', 'I1', 'I2'])
  assert.deepEqual(
    scene.warnings.map(({ message, batch, custom_id: id, seconds }) => [message, batch, id, seconds]),
    [['a batch waits', 'a', 'i0', 18_000]],
  )
})

test('a spent budget makes only the batches of its key wait, until its period ends; without a period the items fail', async () => {
  const scene = new Scene()
  await scene.create('a', ids(2, 'a'), 'key_1')
  await scene.call('a0').answer(failure('budget_exceeded', { resetsAtMs: startMs + 3600_000 }))
  await scene.call('a1').answer(failure('budget_exceeded', { resetsAtMs: startMs + 3600_000 }))
  await scene.create('b', ids(1, 'b'), 'key_2')
  await scene.call('b0').answer(failure('budget_exceeded'))
  assert.deepEqual(await scene.lines('b'), ['b0 errored budget_exceeded'])
  assert.deepEqual(scene.open, [])
  await scene.clock.advance(3600_000)
  assert.deepEqual(scene.begun.slice(3).sort(), ['a0/1', 'a1/1'])
})

test('an overloaded model is tried again some times', async () => {
  const scene = new Scene(openMemoryStore(), 1)
  await scene.create('a', ids(1))
  for (let attempt = 0; attempt < 5; attempt++) {
    await scene.call('i0').answer(failure('overloaded'))
    await scene.clock.advance(20_000)
  }
  await scene.call('i0').answer(failure('overloaded'))
  assert.deepEqual(
    scene.begun,
    ids(6).map((_, attempt) => `i0/${attempt}`),
  )
  assert.deepEqual(await scene.lines('a'), ['i0 errored overloaded'])
})

test('a canceled batch begins nothing more; what has begun is still answered', async () => {
  const scene = new Scene()
  await scene.create('a', ids(4))
  scene.call('i0').hasBegun = true
  const canceled = await scene.engine.cancel('a')
  assert.deepEqual([canceled?.status, canceled?.cancelledAtMs], ['canceling', startMs])
  await settle()
  assert.equal(await scene.status('a'), 'canceling')
  await scene.call('i0').answer('I0')
  assert.deepEqual(await scene.lines('a'), ['I0', 'i1 canceled', 'i2 canceled', 'i3 canceled'])
  assert.equal(await scene.status('a'), 'ended')
  assert.deepEqual(scene.begun, ['i0/0', 'i1/0'])
  assert.equal((await scene.engine.cancel('a'))?.status, 'ended')
  assert.equal(await scene.engine.cancel('x'), null)
})

test('what has no answer when the batch expires has expired, also while it waits for the plan', async () => {
  const scene = new Scene()
  await scene.create('a', ids(3))
  await scene.call('i0').answer(failure('quota_exhausted', { retryAfterS: 7 * 86_400 }))
  await scene.call('i1').answer('I1')
  await scene.clock.advance(dayMs - 1)
  assert.equal(await scene.status('a'), 'in_progress')
  await scene.clock.advance(1)
  assert.deepEqual(await scene.lines('a'), ['i0 expired', 'I1', 'i2 expired'])
})

test('the next server goes on: interrupted items begin again and are named, the others are only read', async () => {
  const scene = new Scene()
  await scene.create('a', ids(4))
  await scene.call('i0').answer('I0')
  await scene.create('b', ids(1, 'b'))
  scene.call('i2').hasBegun = true
  scene.engine.close()
  await scene.call('i2').answer(failure('shutting_down'))
  assert.deepEqual(scene.begun, ['i0/0', 'i1/0', 'i2/0'])
  const before = scene.begun.length
  scene.next()
  let clear = () => {}
  assert.equal(await scene.engine.recover(new Promise<void>((resolve) => (clear = resolve))), 2)
  await settle()
  assert.equal(scene.begun.length, before)
  clear()
  await settle()
  assert.deepEqual(scene.begun.slice(before), ['i1/0', 'b0/0'])
  await scene.call('i1').answer('I1', { isReplay: true })
  await scene.call('i2').answer(failure('interrupted'), { isReplay: true })
  await scene.call('b0').answer(failure('quota_exhausted', { retryAfterS: 9999 }), { isReplay: true })
  assert.deepEqual(
    scene.warnings.map(({ message, custom_id: id }) => [message, id]),
    [['an item of a batch was interrupted, and begins again', 'i2']],
  )
  while (scene.open.length > 0) await scene.open[0]?.answer('done')
  assert.deepEqual(await scene.lines('a'), ['I0', 'I1', 'done', 'done'])
  assert.deepEqual(await scene.lines('b'), ['done'])
  assert.deepEqual(scene.begun.filter((each) => each.endsWith('/1')).sort(), ['b0/1', 'i2/1'])
})

test('a batch that was not stored whole leaves nothing, whether it fails or the server dies', async () => {
  const scene = new Scene()
  const batch = { id: 'a', api: 'test', owner: null, details: {}, createdAtMs: startMs, expiresAtMs: startMs + dayMs }
  async function* broken() {
    yield [{ customId: 'i0', request: {} }]
    throw failure('invalid_request')
  }
  await assert.rejects(scene.engine.create(batch, broken()), { code: 'invalid_request' })
  assert.equal(await scene.store.batch('a'), null)
  await scene.store.createBatch({ ...batch, id: 'b' })
  await scene.store.addBatchItems('b', [{ position: 0, customId: 'i0', request: {} }])
  assert.equal(await scene.next().recover(Promise.resolve()), 0)
  await settle()
  assert.equal(await scene.store.batch('b'), null)
  assert.deepEqual(scene.begun, [])
})

test('an outcome that cannot be stored is not lost: the same attempt is made again', async (t: TestContext) => {
  const scene = new Scene()
  await scene.create('a', ids(1))
  const endItems = t.mock.method(scene.store, 'endItems')
  endItems.mock.mockImplementationOnce(async () => {
    throw failure('storage_full')
  })
  await scene.call('i0').answer('I0')
  assert.equal(await scene.status('a'), 'in_progress')
  await scene.clock.advance(30_000)
  await scene.call('i0').answer('I0', { isReplay: true })
  assert.deepEqual(scene.begun, ['i0/0', 'i0/0'])
  assert.deepEqual(await scene.lines('a'), ['I0'])
})

test('the items of a key that was revoked are canceled', async () => {
  const scene = new Scene()
  await scene.create('a', ids(4), 'key_1')
  await scene.call('i0').answer(failure('unauthorized'))
  await settle()
  assert.deepEqual(
    await scene.lines('a'),
    ids(4).map((id) => `${id} canceled`),
  )
  assert.equal(await scene.status('a'), 'ended')
})

test('a batch that a former server left can be cancelled before it is continued', async () => {
  const scene = new Scene()
  await scene.create('a', ids(3))
  scene.engine.close()
  const isClear = Promise.withResolvers<void>()
  const begun = scene.begun.length
  const engine = scene.next()
  await engine.recover(isClear.promise)
  const cancelled = await engine.cancel('a')
  assert.deepEqual([cancelled?.status, cancelled?.cancelledAtMs], ['canceling', startMs])
  isClear.resolve()
  await settle()
  assert.equal(scene.begun.length, begun)
  assert.deepEqual(await scene.lines('a'), ['i0 canceled', 'i1 canceled', 'i2 canceled'])
  assert.equal(await scene.status('a'), 'ended')
})

test('a batch that is cancelled while its end is being stored stays ended', async () => {
  const store = openMemoryStore()
  const isEnding = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  const scene = new Scene({
    ...store,
    async updateBatch(id, patch) {
      await store.updateBatch(id, patch)
      if (patch.status !== 'ended') return
      isEnding.resolve()
      await mayEnd.promise
    },
  })
  await scene.create('a', ['i0'])
  await scene.call('i0').answer('A')
  await isEnding.promise
  const cancelled = await scene.engine.cancel('a')
  mayEnd.resolve()
  await settle()
  assert.deepEqual([cancelled?.status, cancelled?.cancelledAtMs], ['ended', null])
  assert.equal(await scene.status('a'), 'ended')
})

test('after close nothing begins, and a new batch is refused', async () => {
  const scene = new Scene()
  await scene.create('a', ids(3))
  scene.engine.close()
  await settle()
  assert.deepEqual(scene.begun, ['i0/0', 'i1/0'])
  assert.equal(await scene.status('a'), 'in_progress')
  await assert.rejects(scene.create('b', ids(1)), { code: 'shutting_down' })
})
