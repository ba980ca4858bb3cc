// The steps of the database's schema: each whole or not at all. Not for what the tables hold.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { migrate, migrations, refuseNewerSchema, schemaVersion } from '../../src/store/migrations.ts'

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

test('a new database takes all steps, and none of them twice', (t) => {
  const db = openMemory(t)
  migrate(db)
  assert.equal(schemaVersion(db), migrations.length)
  assert.deepEqual(tables(db), [
    'dropped_runs',
    'events',
    'idempotency_keys',
    'keys',
    'meta',
    'run_documents',
    'runs',
    'sessions',
  ])
  migrate(db)
  assert.equal(schemaVersion(db), migrations.length)
})

test('an older database takes the steps that it lacks', (t) => {
  const db = openMemory(t)
  migrate(db, ['CREATE TABLE a (x)'])
  migrate(db, ['CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'DROP TABLE a'])
  assert.deepEqual(tables(db), ['b'])
  assert.equal(schemaVersion(db), 3)
})

test('a step that fails in the middle leaves the schema and the number before it', (t) => {
  const db = openMemory(t)
  assert.throws(() => migrate(db, ['CREATE TABLE a (x)', 'CREATE TABLE b (x); CREATE TABLE a (x)']), /already exists/)
  assert.deepEqual(tables(db), ['a'])
  assert.equal(schemaVersion(db), 1)
  assert.equal(db.isTransaction, false)
})

test('a schema that is not known yet is refused', (t) => {
  const db = openMemory(t)
  migrate(db)
  refuseNewerSchema(db, 'a.db')
  db.exec(`PRAGMA user_version = ${migrations.length + 1}`)
  assert.throws(() => refuseNewerSchema(db, 'a.db'), { name: 'StoreError', message: /a\.db was made by a newer/ })
})
