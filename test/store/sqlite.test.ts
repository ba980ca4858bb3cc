// What the SQLite store promises beyond the contract: starts after a crash or a newer version, full disks, and pruning
// while other work goes on. Not for the contract (see test/contract/store.test.ts), nor for the folder (see
// folder.test.ts).
import assert from 'node:assert/strict'
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Store } from '../../src/core/store.ts'
import { lockFolder } from '../../src/store/folder-lock.ts'
import { findDamageInBackground } from '../../src/store/integrity.ts'
import { listRuns, sumUsage } from '../../src/store/queries.ts'
import { endedRun, noonMs, runRecord, textEvents } from '../contract/store-records.ts'
import { hasShell, makeStoreFolder, plansOf, type StoreFolder, startProgram, startupError } from './scene.ts'

test('everything acknowledged before a kill is there afterwards, each run with its events', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const program = startProgram(t, 'writes-until-killed', storeFolder.folder)
  let promised = 0
  while (promised < 40) promised = Number(await program.line())
  await program.kill()
  for (let line = await program.line(); line !== null; line = await program.line()) promised = Number(line)
  const warnings: string[] = []
  const store = await storeFolder.open({ onWarning: (message) => warnings.push(message) })
  for (let index = 1; index <= promised; index++) {
    assert.equal((await store.run(`run_${index}`))?.id, `run_${index}`)
    assert.deepEqual(await store.events(`run_${index}`, 0, 9), textEvents(1, 3))
  }
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /did not stop cleanly/)
})

test('a start after a clean stop checks nothing', async (t) => {
  const { open } = makeStoreFolder(t)
  const warnings: string[] = []
  const onWarning = (message: string) => warnings.push(message)
  for (let starts = 0; starts < 2; starts++) await (await open({ onWarning })).close()
  assert.deepEqual(warnings, [])
})

test(
  'if a file must not grow, the current group of writes fails as a whole, and later writes succeed',
  hasShell,
  async (t) => {
    const { folder, open } = makeStoreFolder(t)
    const program = startProgram(t, 'writes-more-than-fits', folder, 'ulimit -f 8000;')
    assert.deepEqual(JSON.parse((await program.line()) ?? ''), ['rejected', 'rejected', 'rejected', 'fulfilled'])
    assert.deepEqual(JSON.parse((await program.line()) ?? ''), ['fulfilled', 'fulfilled', 'fulfilled'])
    assert.equal(await program.line(), null)
    const store = await open()
    assert.deepEqual(await store.events('run_1', 0, 99), textEvents(1, 3))
    assert.deepEqual(await store.run('run_1'), runRecord('run_1', { status: 'failed', cwd: '/kept' }))
    assert.ok(await store.run('run_2'))
  },
)

test('a database of a newer version is refused, and not one byte changes', async (t) => {
  const { file, open, look } = makeStoreFolder(t)
  await (await open()).close()
  look((db) => db.exec('PRAGMA user_version = 99'))
  const before = readFileSync(file)
  const message = await startupError(open())
  assert.ok(message.includes(file), message)
  assert.match(message, /newer claude-serve.*--data-dir/)
  assert.deepEqual(readFileSync(file), before)
})

const session = { id: 'session-1', owner: null, cwd: '/', model: null, createdAtMs: noonMs, lastUsedAtMs: noonMs }

async function leaveDamaged({ open, look, file }: StoreFolder, markUnclean: boolean): Promise<Buffer> {
  const store = await open()
  await store.createRun(runRecord('run_1'))
  await store.appendEvents('run_1', textEvents(1, 5000))
  await store.close()
  if (markUnclean) look((db) => db.exec("INSERT INTO meta VALUES ('running_pid', '1')"))
  const bytes = readFileSync(file)
  bytes.fill(0xff, bytes.length - 20 * 4096, bytes.length - 10 * 4096)
  writeFileSync(file, bytes)
  return bytes
}

for (const markUnclean of [false, true]) {
  const stop = markUnclean ? 'an unclean' : 'a clean'
  test(`damage is found when a server starts after ${stop} stop, and nothing is deleted`, async (t) => {
    const storeFolder = makeStoreFolder(t)
    const damaged = await leaveDamaged(storeFolder, markUnclean)
    const message = await startupError(storeFolder.open())
    assert.ok(message.includes(storeFolder.file), message)
    assert.match(message, /is damaged.*Move it away/)
    assert.deepEqual(readFileSync(storeFolder.file), damaged)
    // The lock is free again: the next attempt fails for the same reason.
    assert.equal(await startupError(storeFolder.open()), message)
  })
}

test('after a clean stop a large database is checked while the server already runs', async (t) => {
  const storeFolder = makeStoreFolder(t)
  await leaveDamaged(storeFolder, false)
  const { warning, onWarning } = firstWarning()
  const store = await storeFolder.open({ checkBytesMax: 1000, onWarning })
  assert.ok(await store.run('run_1'))
  assert.match(await warning, /^the database .* is damaged \(/)
  await assertLost(store, /is damaged/)
})

test('a database without damage is not reported, however it is checked', async (t) => {
  const storeFolder = makeStoreFolder(t)
  await (await storeFolder.open()).close()
  const store = await storeFolder.open({ checkBytesMax: 0, onWarning: assert.fail })
  assert.equal(await findDamageInBackground(storeFolder.file), null)
  assert.equal(await store.problem(), null)
})

test('a database that was emptied is refused', async (t) => {
  const { file, open } = makeStoreFolder(t)
  await (await open()).close()
  truncateSync(file)
  assert.match(await startupError(open()), /is empty, although a server has used its folder before.*delete it/)
  rmSync(file)
  assert.equal(await (await open()).problem(), null)
})

function firstWarning() {
  const { promise: warning, resolve: onWarning } = Promise.withResolvers<string>()
  return { warning, onWarning }
}

/** What must not be lost is refused; other runs are accepted. */
async function assertLost(store: Store, text: RegExp): Promise<void> {
  const lost = { code: 'storage_lost', message: text }
  assert.equal((await store.problem())?.code, 'storage_lost')
  await assert.rejects(store.createRun(runRecord('run_background', { background: true })), lost)
  const claim = { key: 'k', owner: null, bodyHash: 'h', expiresAtMs: noonMs }
  await assert.rejects(store.createRun(runRecord('run_keyed'), claim), lost)
  await store.createRun(runRecord('run_other'))
}

const fates: Record<string, (file: string) => void> = {
  deleted: (file) => rmSync(file),
  replaced(file) {
    renameSync(file, `${file}.old`)
    writeFileSync(file, 'something else')
  },
  emptied: (file) => truncateSync(file),
  cut: (file) => truncateSync(file, 100),
}

for (const [fate, act] of Object.entries(fates)) {
  test(`a database that is ${fate} while the server runs is noticed`, async (t) => {
    const { file, open } = makeStoreFolder(t)
    const { warning, onWarning } = firstWarning()
    const store = await open({ watchMs: 10, onWarning })
    assert.equal(await store.problem(), null)
    act(file)
    assert.equal(await warning, `the database ${file} was ${fate}`)
    const problem = await store.problem()
    assert.match(problem?.message ?? '', new RegExp(`^The server's database was ${fate}: .*Stop it`))
  })
}

test('a database whose newest part is deleted while the server runs is noticed', async (t) => {
  const { file, open } = makeStoreFolder(t)
  const { warning, onWarning } = firstWarning()
  const store = await open({ watchMs: 10, onWarning })
  rmSync(`${file}-wal`)
  assert.match(await warning, /-wal was deleted$/)
  await assertLost(store, /lost its newest part/)
})

test('a database that was deleted takes no run that must not be lost', async (t) => {
  const { file, open } = makeStoreFolder(t)
  const { warning, onWarning } = firstWarning()
  const store = await open({ watchMs: 10, onWarning })
  rmSync(file)
  await warning
  await assertLost(store, /was deleted/)
})

test('a lock whose file is deleted is taken again, so that a second server is refused', async (t) => {
  const { folder, open } = makeStoreFolder(t)
  const { warning, onWarning } = firstWarning()
  const store = await open({ watchMs: 10, onWarning })
  rmSync(join(folder, 'claude-serve.lock'))
  assert.match(await warning, /^the lock of .* was deleted, and taken again$/)
  assert.match(await startupError(open()), /is in use by another claude-serve/)
  assert.equal(await store.problem(), null)
})

test('a server that lost its lock to another one says so', async (t) => {
  const { folder, open } = makeStoreFolder(t)
  const { warning, onWarning } = firstWarning()
  const store = await open({ watchMs: 10, onWarning })
  rmSync(join(folder, 'claude-serve.lock'))
  const other = lockFolder(folder, assert.fail)
  assert.ok(other)
  assert.match(await warning, /is in use by another server, because the lock of its folder was deleted/)
  await assertLost(store, /in use by another server/)
  other.release()
})

test('a file that is not a database is refused and left in place', async (t) => {
  const { file, open } = makeStoreFolder(t)
  writeFileSync(file, 'these are somebody’s notes\n'.repeat(100), { mode: 0o600 })
  assert.match(await startupError(open()), /is damaged \(file is not a database\)/)
  assert.match(readFileSync(file, 'utf8'), /^these are/)
})

test('a new run is committed at once, together with earlier writes', async (t) => {
  const { open, look } = makeStoreFolder(t)
  const store = await open()
  const writes = [store.upsertSession(session), store.createRun(runRecord('run_1'))]
  // The commit was scheduled for this turn of the event loop, before this.
  await new Promise(setImmediate)
  const count = 'SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM sessions) AS sessions'
  assert.deepEqual({ ...look((db) => db.prepare(count).get()) }, { runs: 1, sessions: 1 })
  await Promise.all(writes)
})

test('the runs of one session, and their usage, are found by an index', () => {
  const plans = plansOf((prepare) => {
    listRuns(prepare, { sessionId: 'session-1', limit: 9 })
    sumUsage(prepare, { sessionId: 'session-1', fromMs: 0, toMs: noonMs, groupBy: 'session' })
  })
  assert.deepEqual(plans, Array(2).fill('SEARCH runs USING INDEX runs_by_session (session_id=?)'))
})

test('people can read the database while a server runs', async (t) => {
  const { open, look } = makeStoreFolder(t)
  const store = await open()
  await store.createRun(runRecord('run_1'))
  const seen = look((db) => [db.prepare('PRAGMA journal_mode').get(), db.prepare('SELECT id FROM runs').get()])
  assert.deepEqual(
    seen.map((row) => ({ ...row })),
    [{ journal_mode: 'wal' }, { id: 'run_1' }],
  )
  await store.createRun(runRecord('run_2'))
})

async function storeLongRuns(t: TestContext) {
  const storeFolder = makeStoreFolder(t)
  const store = await storeFolder.open()
  for (const index of [1, 2, 3]) {
    await store.createRun(endedRun(`run_${index}`, noonMs))
    await store.appendEvents(`run_${index}`, textEvents(1, 5000))
  }
  const limits = { endedBeforeMs: noonMs + 1, bytesMax: 0, nowMs: 0 }
  return { storeFolder, store, limits }
}

const countEvents = ({ look }: StoreFolder) =>
  look((db) => Number(db.prepare('SELECT count(*) AS count FROM events').get()?.count))

test('pruning lets other work happen in between, and removes everything', async (t) => {
  const { storeFolder, store, limits } = await storeLongRuns(t)
  let isPruning = true
  const pruning = store.prune(limits).finally(() => {
    isPruning = false
  })
  const written: string[] = []
  while (isPruning) {
    const id = `run_between_${written.length}`
    await store.createRun(runRecord(id))
    assert.ok(await store.run(id))
    written.push(id)
  }
  assert.equal(await pruning, 3)
  assert.ok(written.length >= 5, `${written.length} runs were written meanwhile`)
  assert.equal(countEvents(storeFolder), 0)
})

test('pruning that was interrupted is finished by the next call', async (t) => {
  const { storeFolder, store, limits } = await storeLongRuns(t)
  const pruning = store.prune(limits)
  while ((await store.run('run_1')) !== null) await new Promise(setImmediate)
  await store.close()
  await pruning
  const left = countEvents(storeFolder)
  assert.ok(left > 0, 'it was not interrupted')
  const reopened = await storeFolder.open()
  assert.equal(await reopened.prune({ ...limits, endedBeforeMs: 0 }), 0)
  assert.equal(countEvents(storeFolder), 0)
})

test('one key cannot take the conversations of all, and all together have a limit', async (t) => {
  const folder = makeStoreFolder(t)
  const store = await folder.open()
  const create = (id: string, owner: string | null) =>
    store.createConversation({ id, owner, metadata: {}, createdAtMs: 1 }, [{ id: 'a', item: 'x' }])
  const fill = (count: number, bytes: number, owner: string | null) =>
    folder.look((db) => {
      db.exec('DELETE FROM conversations')
      const sql = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
        INSERT INTO conversations (id, owner, metadata_json, created_at_ms, bytes) SELECT 'conv_' || n, ?, '{}', 1, ? FROM numbers`
      db.prepare(sql).run(owner, bytes)
    })
  const refused = (pattern: RegExp) => ({ code: 'invalid_request', message: pattern })

  fill(9_999, 1, 'key_1')
  await create('last', 'key_1')
  await assert.rejects(create('more', 'key_1'), refused(/^one API key may have at most 10000 conversations: delete/))
  await create('other', 'key_2')
  await create('unowned', null)

  fill(10, 50_000_000, 'key_1')
  const message = /^the conversations of one API key may have at most 500 MB: delete/
  await assert.rejects(create('more', 'key_1'), refused(message))
  assert.equal(await store.conversation('more'), null)
  await create('other', 'key_2')
  await create('unowned', null)

  fill(100_000, 1, null)
  await assert.rejects(create('more', 'key_1'), refused(/^all API keys together may have at most 100000 conv/))
  fill(40, 50_000_000, null)
  await assert.rejects(create('more', null), refused(/of all API keys together may have at most 2000 MB/))
})
