// The contract of every Store, as the doc comments in src/core/store.ts state it: one suite for all implementations.
// Each passes a function that opens an empty store. What only one of them promises is tested elsewhere.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunQuery, SessionFacts, Store } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { describeApiKeys } from './store-api-keys-suite.ts'
import { describeBatches } from './store-batches-suite.ts'
import { describeConversations } from './store-conversations-suite.ts'
import { describeDeletion } from './store-deletion-suite.ts'
import { describeClaims, describePruning } from './store-keys-suite.ts'
import {
  endedRun,
  idsOf,
  noLimits,
  noonMs,
  type OpenStore,
  runEnd,
  runRecord,
  textEvent,
  textEvents,
} from './store-records.ts'
import { describeErasedRuns, describeRequestSnapshots } from './store-request-snapshot-suite.ts'
import { describeUsage } from './store-usage-suite.ts'

export function describeStore(name: string, open: OpenStore): void {
  describe(name, () => {
    describeRuns(open)
    describeLists(open)
    describeEvents(open)
    describeDeletion(open)
    describeRequestSnapshots(open)
    describeErasedRuns(open)
    describeClaims(open)
    describeSessions(open)
    describeConversations(open)
    describeBatches(open)
    describeUsage(open)
    describePruning(open)
    describeApiKeys(open)
    describeClosing(open)
  })
}

const fullRun = runRecord('run_full', {
  surface: 'openai',
  owner: 'key_1',
  status: 'waiting',
  sessionId: 'session-1',
  model: 'sonnet',
  cwd: '/home/ada/söme folder',
  background: true,
  metadata: { ticket: '42', 'mit Ümlaut': '🦉' },
  restart: { prompt: [{ type: 'text', text: 'a\u0000b \ud800' }], timeoutMs: 1000 },
  pending: [{ requestId: 'ask_1', tool: 'Bash' }],
  end: runEnd({ structuredOutput: { a: [1, null] }, costUsd: null }),
  startedAtMs: noonMs + 1,
  endedAtMs: noonMs + 2,
})

function describeRuns(open: OpenStore): void {
  test('a run is read as it was stored, also after a restart', async (t) => {
    const { store, reopen } = await open(t)
    const bare = runRecord('run_bare')
    assert.deepEqual(await store.createRun(fullRun), { kind: 'created' })
    await store.createRun(bare)
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.run('run_full'), fullRun)
      assert.deepEqual(await opened.run('run_bare'), bare)
      assert.equal(await opened.run('run_none'), null)
    }
  })

  test('a change affects only the fields in the patch', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(fullRun)
    await store.updateRun('run_full', { status: 'failed', restart: null })
    await store.updateRun('run_full', { pending: [], end: runEnd({ result: 'later' }), endedAtMs: noonMs + 9 })
    await store.updateRun('run_full', {})
    const expected = { status: 'failed', restart: null, pending: [], end: runEnd({ result: 'later' }) }
    assert.deepEqual(await (await reopen()).run('run_full'), { ...fullRun, ...expected, endedAtMs: noonMs + 9 })
  })

  test('a change of an unknown run does nothing', async (t) => {
    const { store } = await open(t)
    await store.updateRun('run_none', { status: 'failed', end: runEnd() })
    assert.equal(await store.run('run_none'), null)
    assert.deepEqual((await store.runs({ limit: 10 })).items, [])
  })

  test('writes take effect in the order in which they were requested, and can be read at once', async (t) => {
    const { store } = await open(t)
    const writes = [store.createRun(runRecord('run_1'))]
    const changes = ['running', 'waiting', 'running', 'succeeded'] as const
    const later = changes.map((status) => store.updateRun('run_1', { status }))
    assert.equal((await store.run('run_1'))?.status, 'succeeded')
    await Promise.all([...writes, ...later])
    assert.equal((await store.run('run_1'))?.status, 'succeeded')
  })

  test('a run whose id is taken is refused, without affecting other writes', async (t) => {
    const { store } = await open(t)
    const outcomes = await Promise.allSettled([
      store.createRun(runRecord('run_1', { model: 'first' })),
      store.createRun(runRecord('run_1', { model: 'second' })),
      store.createRun(runRecord('run_2')),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.equal((await store.run('run_1'))?.model, 'first')
    assert.ok(await store.run('run_2'))
  })

  test('unfinished runs are those without a final status, oldest first', async (t) => {
    const { store } = await open(t)
    const statuses = ['running', 'succeeded', 'queued', 'failed', 'waiting', 'cancelled'] as const
    for (const [index, status] of statuses.entries())
      await store.createRun(runRecord(`run_${status}`, { status, createdAtMs: noonMs - index }))
    assert.deepEqual(idsOf(await store.unfinished()), ['run_waiting', 'run_queued', 'run_running'])
  })
}

async function allPages(store: Store, query: RunQuery): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | null = null
  do {
    const page = await store.runs(cursor === null ? query : { ...query, cursor })
    pages.push(idsOf(page.items))
    cursor = page.nextCursor
  } while (cursor !== null)
  return pages
}

function describeLists(open: OpenStore): void {
  test('pages of runs go from newest to oldest, without gaps or repetitions if times are equal', async (t) => {
    const { store } = await open(t)
    for (const id of ['run_b', 'run_d', 'run_a', 'run_c']) await store.createRun(runRecord(id))
    await store.createRun(runRecord('run_old', { createdAtMs: noonMs - 1 }))
    await store.createRun(runRecord('run_new', { createdAtMs: noonMs + 1 }))
    const pages = [
      ['run_new', 'run_d'],
      ['run_c', 'run_b'],
      ['run_a', 'run_old'],
    ]
    assert.deepEqual(await allPages(store, { limit: 2 }), pages)
    assert.deepEqual(await allPages(store, { limit: 200 }), [pages.flat()])
  })

  test('a run that is added between two pages does not shift the second', async (t) => {
    const { store } = await open(t)
    for (const number of [1, 2, 3]) await store.createRun(runRecord(`run_${number}`, { createdAtMs: noonMs + number }))
    const { items, nextCursor } = await store.runs({ limit: 2 })
    await store.createRun(runRecord('run_4', { createdAtMs: noonMs + 4 }))
    assert.deepEqual(idsOf(items), ['run_3', 'run_2'])
    assert.ok(nextCursor)
    assert.deepEqual(idsOf((await store.runs({ limit: 2, cursor: nextCursor })).items), ['run_1'])
  })

  test('a list can be filtered by owner, status and session', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1', { owner: 'key_1', status: 'running', sessionId: 'session-1' }))
    await store.createRun(runRecord('run_2', { owner: 'key_2', status: 'running', sessionId: 'session-1' }))
    await store.createRun(runRecord('run_3', { owner: 'key_1', status: 'failed', sessionId: 'session-2' }))
    await store.createRun(runRecord('run_4'))
    const cases: [query: Omit<RunQuery, 'limit'>, ids: string[]][] = [
      [{}, ['run_4', 'run_3', 'run_2', 'run_1']],
      [{ owner: 'key_1' }, ['run_3', 'run_1']],
      [{ owner: null }, ['run_4']],
      [{ owner: 'key_9' }, []],
      [{ status: 'running' }, ['run_2', 'run_1']],
      [{ sessionId: 'session-1' }, ['run_2', 'run_1']],
      [{ owner: 'key_1', status: 'running', sessionId: 'session-1' }, ['run_1']],
    ]
    for (const [query, ids] of cases) {
      assert.deepEqual((await allPages(store, { ...query, limit: 1 })).flat(), ids, JSON.stringify(query))
    }
  })

  test('a cursor that no page returned is refused, and the error names the field', async (t) => {
    const { store } = await open(t)
    const words = ['', 'x', '%%', 'bnVsbA', Buffer.from('["1","a"]').toString('base64url'), 'WzEsImEiXQ==']
    for (const cursor of words) {
      await assert.rejects(store.runs({ limit: 1, cursor }), (error) => {
        assert.ok(error instanceof AppError, String(error))
        assert.deepEqual([error.code, error.details.field], ['invalid_request', 'cursor'], cursor)
        return true
      })
    }
  })
}

function describeEvents(open: OpenStore): void {
  test('events are read in order, from any position and up to the limit', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(runRecord('run_1'))
    await store.createRun(runRecord('run_2'))
    await store.appendEvents('run_1', textEvents(1, 3))
    await store.appendEvents('run_2', textEvents(1, 1, 'other'))
    await store.appendEvents('run_1', textEvents(4, 10))
    await store.appendEvents('run_1', [])
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.events('run_1', 0, 100), textEvents(1, 10))
      assert.deepEqual(await opened.events('run_1', 2, 3), textEvents(3, 5))
      assert.deepEqual(await opened.events('run_1', 10, 5), [])
      assert.deepEqual(await opened.events('run_2', 0, 5), textEvents(1, 1, 'other'))
      assert.deepEqual(await opened.events('run_none', 0, 5), [])
    }
  })

  test('events of several megabytes and with any text are read unchanged', async (t) => {
    const { store, reopen } = await open(t)
    const texts = ['ä🦉'.repeat(1_500_000), '\u0000 "\\ \u2028', '\ud800 alone', '']
    const events = texts.map((text, index) => ({ seq: index + 1, event: textEvent(text) }))
    await store.createRun(runRecord('run_1'))
    await store.appendEvents('run_1', events)
    assert.deepEqual(await (await reopen()).events('run_1', 0, 10), events)
  })

  test('a batch with a number that is taken is refused as a whole, without affecting other batches', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(runRecord('run_1'))
    const outcomes = await Promise.allSettled([
      store.appendEvents('run_1', textEvents(1, 2)),
      store.appendEvents('run_1', [...textEvents(5, 6), ...textEvents(2, 2)]),
      store.appendEvents('run_1', textEvents(3, 4)),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(await (await reopen()).events('run_1', 0, 10), textEvents(1, 4))
  })

  test('events of an unknown run are refused', async (t) => {
    const { store } = await open(t)
    await assert.rejects(store.appendEvents('run_none', textEvents(1, 1)))
    await store.createRun(runRecord('run_none'))
    assert.deepEqual(await store.events('run_none', 0, 10), [])
  })
}

function describeSessions(open: OpenStore): void {
  const facts = (id: string, fields: Partial<SessionFacts> = {}): SessionFacts => {
    return { id, owner: null, cwd: '/work', model: null, createdAtMs: noonMs, lastUsedAtMs: noonMs, ...fields }
  }

  test('later facts about a session replace everything except its owner and its creation time', async (t) => {
    const { store, reopen } = await open(t)
    await store.upsertSession(facts('session-1', { owner: 'key_1', model: 'sonnet' }))
    const later = { owner: 'key_2', cwd: '/else', model: 'opus', createdAtMs: 5, lastUsedAtMs: noonMs + 5 }
    await store.upsertSession(facts('session-1', later))
    const expected = { ...facts('session-1', later), owner: 'key_1', createdAtMs: noonMs }
    assert.deepEqual(await (await reopen()).sessions(['session-1']), [expected])
  })

  test('requested sessions are returned once each, without unknown and deleted ones', async (t) => {
    const { store } = await open(t)
    for (const id of ['session-1', 'session-2', 'session-3']) await store.upsertSession(facts(id))
    await store.deleteSession('session-2')
    await store.deleteSession('session-9')
    const found = await store.sessions(['session-3', 'session-9', 'session-1', 'session-2', 'session-1'])
    assert.deepEqual(
      found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      [facts('session-1'), facts('session-3')],
    )
    assert.deepEqual(await store.sessions([]), [])
  })
}

function describeClosing(open: OpenStore): void {
  test('writes requested before close are stored', async (t) => {
    const { store, reopen } = await open(t)
    const writes = [store.createRun(runRecord('run_1')), store.appendEvents('run_1', textEvents(1, 3))]
    const reopened = await reopen()
    assert.deepEqual(
      (await Promise.allSettled(writes)).map(({ status }) => status),
      ['fulfilled', 'fulfilled'],
    )
    assert.deepEqual(await reopened.events('run_1', 0, 9), textEvents(1, 3))
  })

  test('a closed store can be closed again, and refuses all other calls', async (t) => {
    const { store } = await open(t)
    await store.createRun(runRecord('run_1'))
    await Promise.all([store.close(), store.close()])
    await store.close()
    const calls = [store.createRun(runRecord('run_2')), store.updateRun('run_1', {}), store.run('run_1')]
    for (const call of calls) {
      await assert.rejects(call, (error) => error instanceof AppError && error.code === 'shutting_down')
    }
  })

  test('closing the store ends a pruning in progress without an error', async (t) => {
    const { store, reopen } = await open(t)
    await store.createRun(endedRun('run_1', noonMs))
    await store.appendEvents('run_1', textEvents(1, 100))
    const pruning = store.prune({ ...noLimits, endedBeforeMs: noonMs + 1 })
    const reopened = await reopen()
    const deleted = await pruning
    assert.equal(deleted, (await reopened.run('run_1')) === null ? 1 : 0)
    assert.equal(deleted + (await reopened.prune({ ...noLimits, endedBeforeMs: noonMs + 1 })), 1)
    assert.equal(await reopened.run('run_1'), null)
  })
}
