// How runs are stored: their records in every state, background runs, whose start returns only when they are on disk,
// and runs that never started, of which nothing is stored.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { RunRecord } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { goodRun, model, queueFull, refusing, runStart, type Script, sessionId } from '../helpers/scripted-agent.ts'
import {
  endOf,
  follow,
  input,
  read,
  type Scene,
  setUp,
  silent,
  stuck,
  waitingForAnswers,
  withOverrides,
} from './runs-scene.ts'

/** Waits until the run has this status, for which there is no event. */
async function reach({ runs }: Pick<Scene, 'runs'>, id: string, status: RunRecord['status']): Promise<RunRecord> {
  for (let turns = 0; turns < 100_000; turns++) {
    const record = await runs.get(id)
    if (record?.status === status) return structuredClone(record)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail(`the run never became ${status}`)
}

/** A script that refuses after this many turns of the event loop. */
const refusingAfter = (turns: number): Script =>
  async function* () {
    for (let count = 0; count < turns; count++) await new Promise((resolve) => setImmediate(resolve))
    throw queueFull()
  }

test('a record has each state of its run, and its time', async (t) => {
  let nowMs = 1000
  const scene = await setUp(t, { script: stuck, now: () => nowMs })
  const { runs, agent } = scene
  agent.script = waitingForAnswers(() => agent, 'ask_1')
  const options = { ...input().options, cwd: '/work', model: 'sonnet' }
  const run = await runs.start(input({ options, metadata: { ticket: '42' }, owner: 'key_1', background: true }))
  const queued = await runs.get(run.id)
  assert.partialDeepStrictEqual(queued, {
    id: run.id,
    surface: 'native',
    owner: 'key_1',
    background: true,
    metadata: { ticket: '42' },
    createdAtMs: 1000,
    endedAtMs: null,
  })
  nowMs = 3000
  const waiting = await reach(scene, run.id, 'waiting')
  assert.deepEqual([waiting.sessionId, waiting.model, waiting.endedAtMs], [sessionId, model, null])
  assert.partialDeepStrictEqual(waiting.pending, [{ requestId: 'ask_1', toolName: 'Bash' }])
  const events = read(follow(runs, run.id))
  await runs.answer(run.id, 'ask_1', { behavior: 'deny', message: null })
  const end = endOf(await events)
  const ended = await runs.get(run.id)
  assert.partialDeepStrictEqual(ended, { status: 'succeeded', pending: [], end, endedAtMs: 3000, restart: null })
})

for (const background of [false, true]) {
  const kind = background ? 'background' : 'foreground'
  test(`nothing is stored of a ${kind} run that is refused`, async (t) => {
    const { runs, store } = await setUp(t, { script: refusing(queueFull()) })
    const starting = runs.start(input({ background }))
    if (background) await assert.rejects(starting, { code: 'queue_full' })
    else {
      const { id, events } = await starting
      await assert.rejects(read(events), { code: 'queue_full' })
      assert.equal(await runs.get(id), null)
      await assert.rejects(read(follow(runs, id)), { code: 'run_not_found' })
    }
    assert.deepEqual((await store.runs({ limit: 9 })).items, [])
    assert.equal(runs.active(), 0)
  })
}

test('a background run is refused, or accepted and stored, however late the refusal', async (t) => {
  const { runs, agent } = await setUp(t)
  for (let turns = 0; turns < 40; turns++) {
    agent.script = refusingAfter(turns)
    try {
      const { id } = await runs.start(input({ background: true }))
      const found = await runs.get(id)
      assert.ok(found, `accepted after ${turns} turns, but not found`)
      const end = endOf(await read(follow(runs, id)))
      assert.equal(end.error?.code, 'queue_full', `after ${turns} turns`)
      assert.equal((await runs.get(id))?.status, 'failed', `after ${turns} turns`)
    } catch (error) {
      assert.ok(error instanceof AppError, `after ${turns} turns: ${String(error)}`)
      assert.equal(error.code, 'queue_full', `after ${turns} turns`)
    }
  }
})

test('a run has its final status as soon as a follower has read its end', async (t) => {
  let nowMs = 0
  // No two runs are created in the same millisecond: the list is in that order.
  const { runs } = await setUp(t, { script: goodRun(['a']), now: () => ++nowMs })
  for (let count = 0; count < 20; count++) {
    const run = await runs.start(input())
    const events = await read(run.events)
    assert.equal((await runs.get(run.id))?.status, 'succeeded')
    assert.deepEqual(await read(follow(runs, run.id)), events)
    const { items } = await runs.list({ limit: 1 })
    assert.deepEqual([items[0]?.id, items[0]?.status], [run.id, 'succeeded'])
  }
})

test('a background run is in the database file when its start returns', async (t) => {
  const { runs, database } = await setUp(t, { storage: 'file', script: silent })
  for (let count = 0; count < 20; count++) {
    const { id } = await runs.start(input({ background: true, onCrash: 'restart' }))
    // A separate connection sees only what was committed.
    const other = new DatabaseSync(database.file, { readOnly: true })
    const row = other.prepare('SELECT id, background FROM runs WHERE id = ?').get(id)
    other.close()
    assert.deepEqual({ ...row }, { id, background: 1 })
  }
})

test('a background run that cannot be stored is refused and stopped', async (t) => {
  const { runs, agent, warnings } = await setUp(t, {
    script: silent,
    wrap: (store) => withOverrides(store, { createRun: () => Promise.reject(new Error('disk full')) }),
  })
  await assert.rejects(runs.start(input({ background: true })), { code: 'internal' })
  await agent.ended(0)
  assert.equal(agent.signals[0]?.aborted, true)
  assert.deepEqual(
    warnings.map(({ facts }) => facts.reason),
    ['Error: disk full'],
  )
  assert.equal(runs.active(), 0)
})

test('a foreground run that cannot be stored continues', async (t) => {
  const { runs, warnings } = await setUp(t, {
    script: goodRun(['a', 'b']),
    wrap: (store) => withOverrides(store, { createRun: () => Promise.reject(new Error('disk full')) }),
  })
  const run = await runs.start(input())
  assert.equal(endOf(await read(run.events)).result, 'ab')
  assert.deepEqual(
    warnings.map(({ facts }) => [facts.run_id, facts.reason]),
    [[run.id, 'Error: disk full']],
  )
})

test('a run whose events cannot be stored continues, is reported in the log, and its end is stored', async (t) => {
  const { runs, store, warnings } = await setUp(t, {
    script: goodRun(['a', 'b']),
    wrap: (store) => withOverrides(store, { appendEvents: () => Promise.reject(new Error('disk full')) }),
  })
  const run = await runs.start(input({ background: true }))
  assert.equal(endOf(await read(run.events)).result, 'ab')
  await runs.close(0)
  assert.ok(warnings.some(({ facts }) => facts.run_id === run.id && facts.reason === 'Error: disk full'))
  const stored = await store.run(run.id)
  assert.deepEqual([stored?.status, stored?.end?.result], ['succeeded', 'ab'])
})

test('a list has active runs, and those that have just ended', async (t) => {
  const { runs, agent } = await setUp(t, { script: silent })
  const active = await runs.start(input({ background: true }))
  for await (const { type } of active.events) if (type === 'text-delta') break
  agent.script = goodRun(['a'])
  const ended = await runs.start(input())
  await read(ended.events)
  const { items } = await runs.list({ limit: 9 })
  assert.deepEqual(
    items.map(({ id, status }) => [id, status]).toSorted(),
    [
      [active.id, 'running'],
      [ended.id, 'succeeded'],
    ].toSorted(),
  )
  assert.equal(runs.holderOf(sessionId), active.id)
})

test('a background run whose agent fails halfway has one start and one end', async (t) => {
  const { runs } = await setUp(t, {
    async *script() {
      yield runStart()
      throw new Error('secret')
    },
  })
  const run = await runs.start(input({ background: true }))
  assert.equal(endOf(await read(follow(runs, run.id))).error?.code, 'internal')
})
