// Schema migrations: each is applied completely or not at all. Not for the contents of the tables.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Prepare } from '../../src/store/database.ts'
import { sumSpent } from '../../src/store/key-table.ts'
import { migrate, migrations, refuseNewerSchema, schemaVersion } from '../../src/store/migrations.ts'
import { endedRun, hourMs, noonMs, runEnd, textEvents } from '../contract/store-records.ts'
import { makeStoreFolder } from './scene.ts'

function openMemory(t: TestContext): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  t.after(() => db.close())
  return db
}

const tables = (db: DatabaseSync) =>
  db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map(({ name }) => name)

test('a new database gets all migrations, and none of them twice', (t) => {
  const db = openMemory(t)
  migrate(db)
  assert.equal(schemaVersion(db), migrations.length)
  assert.deepEqual(tables(db), [
    'batch_items',
    'batches',
    'conversation_items',
    'conversations',
    'dropped_runs',
    'events',
    'file_pieces',
    'files',
    'idempotency_keys',
    'keys',
    'meta',
    'run_documents',
    'run_requests',
    'runs',
    'sessions',
    'spent',
  ])
  migrate(db)
  assert.equal(schemaVersion(db), migrations.length)
})

test('an older database gets the migrations that it lacks', (t) => {
  const db = openMemory(t)
  migrate(db, ['CREATE TABLE a (x)'])
  migrate(db, ['CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'DROP TABLE a'])
  assert.deepEqual(tables(db), ['b'])
  assert.equal(schemaVersion(db), 3)
})

test('a migration that fails in the middle leaves the schema and the version number unchanged', (t) => {
  const db = openMemory(t)
  assert.throws(() => migrate(db, ['CREATE TABLE a (x)', 'CREATE TABLE b (x); CREATE TABLE a (x)']), /already exists/)
  assert.deepEqual(tables(db), ['a'])
  assert.equal(schemaVersion(db), 1)
  assert.equal(db.isTransaction, false)
})

test('a newer schema is refused', (t) => {
  const db = openMemory(t)
  migrate(db)
  refuseNewerSchema(db, 'a.db')
  db.exec(`PRAGMA user_version = ${migrations.length + 1}`)
  assert.throws(() => refuseNewerSchema(db, 'a.db'), { name: 'StartupError', message: /a\.db was created by a newer/ })
})

const schemaOf = (db: DatabaseSync) =>
  db
    .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map(({ name, sql }) => [name, sql])

/** As it was before the requests of runs were stored. */
function makeSecond(db: DatabaseSync): void {
  db.exec(
    'DROP TABLE batches; DROP TABLE batch_items; DROP TABLE files; DROP TABLE file_pieces; DROP TABLE conversations; DROP TABLE conversation_items; DROP TABLE run_requests; DROP TABLE spent; DROP TRIGGER runs_spent_at_insert; DROP TRIGGER runs_spent_at_update',
  )
  db.exec(`DROP TABLE keys; ${migrations[1]}; PRAGMA user_version = 2`)
  const second = new DatabaseSync(':memory:')
  migrate(second, migrations.slice(0, 2))
  assert.deepEqual(schemaOf(db), schemaOf(second))
  second.close()
}

test('a run to be restarted keeps its request when the fields of requests are renamed', (t) => {
  const db = openMemory(t)
  migrate(db, migrations.slice(0, 3))
  db.exec('PRAGMA foreign_keys = OFF')
  const insert = db.prepare('INSERT INTO run_documents (run, restart_json) VALUES (?, ?)')
  const request = {
    prompt: [{ type: 'text', text: 'hi' }],
    live: true,
    asks: false,
    isSide: false,
    options: { max: 1.0 },
  }
  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`
  insert.run(1, JSON.stringify(request))
  insert.run(2, null)
  insert.run(3, `{"live":true,"options":${deep}}`)
  migrate(db)
  const [migrated, none, unreadable] = db.prepare('SELECT restart_json FROM run_documents ORDER BY run').all()
  assert.deepEqual(JSON.parse(String(migrated?.restart_json)), {
    prompt: [{ type: 'text', text: 'hi' }],
    options: { max: 1 },
    streaming: true,
    approvals: false,
    isAuxiliary: false,
  })
  assert.deepEqual([none?.restart_json, unreadable?.restart_json], [null, null])
})

test('what owners have spent is taken over from stored and from pruned runs', (t) => {
  const db = openMemory(t)
  migrate(db, migrations.slice(0, 5))
  const key = db.prepare(`INSERT INTO keys (id, name, prefix, hash, scopes_json, created_at_ms, pruned_cost_usd)
    VALUES (?, ?, '', ?, '[]', 0, ?)`)
  // The first was pruned in part before costs were kept by day.
  for (const [id, prunedUsd] of [
    ['key_1', 7],
    ['key_2', 0],
  ] as const)
    key.run(id, id, id, prunedUsd)
  db.exec("INSERT INTO pruned_costs VALUES ('key_1', '2026-11-22', 2), ('key_gone', '2026-11-21', 16)")
  const run =
    db.prepare(`INSERT INTO runs (id, surface, owner, status, background, created_at_ms, ended_at_ms, cost_usd, metadata_json,
    pending_json) VALUES (?, 'native', ?, 'succeeded', 0, 0, ?, ?, '{}', '[]')`)
  const runs = [
    ['key_1', noonMs, 0.5],
    ['key_1', noonMs + 24 * hourMs, 0.25],
    ['key_2', noonMs, null],
    ['key_2', null, 32],
    ['key_3', noonMs, 64],
    [null, noonMs, 128],
  ] as const
  for (const [index, values] of runs.entries()) run.run(`run_${index}`, ...values)
  migrate(db)
  const prepare: Prepare = (sql) => db.prepare(sql)
  const spent = (owner: string) => [0, noonMs, noonMs + 24 * hourMs].map((sinceMs) => sumSpent(prepare, owner, sinceMs))
  assert.deepEqual(spent('key_1'), [7.75, 2.75, 0.25])
  assert.deepEqual(spent('key_2'), [0, 0, 0])
  assert.deepEqual(spent('key_3'), [64, 64, 0])
  assert.deepEqual(spent('key_gone'), [16, 0, 0])
})

test('a database with the second schema is migrated with its runs, events and keys unchanged', async (t) => {
  const { open, look } = makeStoreFolder(t)
  const now = () => noonMs
  const run = endedRun('run_1', noonMs, { owner: 'key_1', metadata: { a: 'b' }, end: runEnd() })
  const claim = { key: 'once', owner: 'key_1', bodyHash: 'hash-1', expiresAtMs: noonMs + hourMs }
  const before = await open({ now })
  await before.createRun(run, claim)
  await before.appendEvents('run_1', textEvents(1, 3))
  await before.close()
  look(makeSecond)
  const store = await open({ now })
  assert.deepEqual(await store.run('run_1'), run)
  assert.deepEqual(await store.events('run_1', 0, 9), textEvents(1, 3))
  assert.equal(await store.requestSnapshot('run_1'), null)
  const held = { kind: 'exists', runId: 'run_1', bodyHash: 'hash-1' }
  assert.deepEqual(await store.createRun(endedRun('run_2', noonMs), claim, 'x'), held)
  await store.createRun(endedRun('run_2', noonMs), null, ['request'])
  assert.deepEqual(await store.requestSnapshot('run_2'), ['request'])
  await store.eraseRun('run_1')
  assert.deepEqual(await store.events('run_1', 0, 9), [])
  await store.close()
  assert.equal(look(schemaVersion), migrations.length)
})
