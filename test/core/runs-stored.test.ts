// What is kept of runs: their records in every state, background runs that are told of only when they are on disk, and runs that
// never began, of which nothing stays.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { RunRecord } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { goodRun, model, queueFull, refusing, runStart, type Script, sessionId } from '../helpers/scripted-agent.ts'
import { asking, endOf, follow, input, keeps, read, type Scene, setUp, silent, stuck, withOther } from './runs-scene.ts'

/** Waits for the run to have a status, which no event tells. */
async function reach({ runs }: Pick<Scene, 'runs'>, id: string, status: RunRecord['status']): Promise<RunRecord> {
  for (let turns = 0; turns < 100_000; turns++) {
    const record = await runs.get(id)
    if (record?.status === status) return structuredClone(record)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail(`the run did not come to be ${status}`)
}

/** A script that refuses after so many turns of the event loop. */
const refusingAfter = (turns: number): Script =>
  async function* () {
    for (let count = 0; count < turns; count++) await new Promise((resolve) => setImmediate(resolve))
    throw queueFull()
  }

for (const keep of keeps) {
  test(`a record tells each state of its run, and when it came; kept: ${keep}`, async (t) => {
    let nowMs = 1000
    const scene = await setUp(t, { keep, script: stuck, now: () => nowMs })
    const { runs, agent } = scene
    agent.script = asking(() => agent, 'ask_1')
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
    // Nothing is kept beyond the life of a run where there is no store.
    if (keep === 'nowhere') return assert.equal(ended, null)
    assert.partialDeepStrictEqual(ended, { status: 'succeeded', pending: [], end, endedAtMs: 3000, restart: null })
  })

  for (const background of [false, true]) {
    const kind = background ? 'in the background' : 'with its connection'
    test(`nothing stays of a run ${kind} that is refused; kept: ${keep}`, async (t) => {
      const { runs, store } = await setUp(t, { keep, script: refusing(queueFull()) })
      const starting = runs.start(input({ background }))
      if (background) await assert.rejects(starting, { code: 'queue_full' })
      else {
        const { id, events } = await starting
        await assert.rejects(read(events), { code: 'queue_full' })
        assert.equal(await runs.get(id), null)
        await assert.rejects(read(follow(runs, id)), { code: 'run_not_found' })
      }
      assert.deepEqual((await store?.runs({ limit: 9 }))?.items ?? [], [])
      assert.equal(runs.active(), 0)
    })
  }

  test(`a run in the background is refused, or is told of and kept, however late it is refused; kept: ${keep}`, async (t) => {
    const { runs, agent } = await setUp(t, { keep })
    for (let turns = 0; turns < 40; turns++) {
      agent.script = refusingAfter(turns)
      try {
        const { id } = await runs.start(input({ background: true }))
        const found = await runs.get(id)
        assert.ok(found, `told of after ${turns} turns, and not there`)
        const end = endOf(await read(follow(runs, id)))
        assert.equal(end.error?.code, 'queue_full', `after ${turns} turns`)
        if (keep === 'SQLite') assert.equal((await runs.get(id))?.status, 'failed', `after ${turns} turns`)
      } catch (fault) {
        assert.ok(fault instanceof AppError, `after ${turns} turns: ${String(fault)}`)
        assert.equal(fault.code, 'queue_full', `after ${turns} turns`)
      }
    }
  })
}

test('a run that is followed to its end is seen as ended at once', async (t) => {
  const { runs } = await setUp(t, { keep: 'SQLite', script: goodRun(['a']) })
  for (let count = 0; count < 20; count++) {
    const run = await runs.start(input())
    const events = await read(run.events)
    assert.equal((await runs.get(run.id))?.status, 'succeeded')
    assert.deepEqual(await read(follow(runs, run.id)), events)
    const { items } = await runs.list({ limit: 1 })
    assert.deepEqual([items[0]?.id, items[0]?.status], [run.id, 'succeeded'])
  }
})

test('a run in the background is in the database file when it is told of', async (t) => {
  const { runs, place } = await setUp(t, { keep: 'SQLite', script: silent })
  for (let count = 0; count < 20; count++) {
    const { id } = await runs.start(input({ background: true, onCrash: 'restart' }))
    // A connection of its own sees what was committed, and nothing else.
    const other = new DatabaseSync(place.file, { readOnly: true })
    const row = other.prepare('SELECT id, background FROM runs WHERE id = ?').get(id)
    other.close()
    assert.deepEqual({ ...row }, { id, background: 1 })
  }
})

test('a run in the background that cannot be kept is refused, and stopped', async (t) => {
  const { runs, agent, warnings } = await setUp(t, {
    keep: 'SQLite',
    script: silent,
    wrap: (store) => withOther(store, { createRun: () => Promise.reject(new Error('disk full')) }),
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

test('a run with its connection goes on where it cannot be kept', async (t) => {
  const { runs, warnings } = await setUp(t, {
    keep: 'SQLite',
    script: goodRun(['a', 'b']),
    wrap: (store) => withOther(store, { createRun: () => Promise.reject(new Error('disk full')) }),
  })
  const run = await runs.start(input())
  assert.equal(endOf(await read(run.events)).result, 'ab')
  assert.deepEqual(
    warnings.map(({ facts }) => [facts.run_id, facts.reason]),
    [[run.id, 'Error: disk full']],
  )
})

test('a run goes on where its events cannot be kept, is told of in the log, and its end is kept', async (t) => {
  const { runs, store, warnings } = await setUp(t, {
    keep: 'SQLite',
    script: goodRun(['a', 'b']),
    wrap: (store) => withOther(store, { appendEvents: () => Promise.reject(new Error('disk full')) }),
  })
  const run = await runs.start(input({ background: true }))
  assert.equal(endOf(await read(run.events)).result, 'ab')
  await runs.close(0)
  assert.ok(warnings.some(({ facts }) => facts.run_id === run.id && facts.reason === 'Error: disk full'))
  const kept = await store?.run(run.id)
  assert.deepEqual([kept?.status, kept?.end?.result], ['succeeded', 'ab'])
})

test('a list has runs that go on, and those that have just ended', async (t) => {
  const { runs, agent } = await setUp(t, { keep: 'SQLite', script: silent })
  const going = await runs.start(input({ background: true }))
  for await (const { type } of going.events) if (type === 'text-delta') break
  agent.script = goodRun(['a'])
  const gone = await runs.start(input())
  await read(gone.events)
  const { items } = await runs.list({ limit: 9 })
  assert.deepEqual(
    items.map(({ id, status }) => [id, status]).toSorted(),
    [
      [going.id, 'running'],
      [gone.id, 'succeeded'],
    ].toSorted(),
  )
  assert.equal(runs.holderOf(sessionId), going.id)
})

test('a background run whose agent fails in the middle has one beginning and one end', async (t) => {
  const { runs } = await setUp(t, {
    keep: 'SQLite',
    async *script() {
      yield runStart()
      throw new Error('secret')
    },
  })
  const run = await runs.start(input({ background: true }))
  assert.equal(endOf(await read(follow(runs, run.id))).error?.code, 'internal')
})
