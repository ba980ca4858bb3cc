// API keys that a command changes while a server has the same database open, and what a key costs per request. Not for
// the key store's contract (see test/contract/store-api-keys-suite.ts).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { hashOf } from '../../src/auth/keys.ts'
import { lockFolder } from '../../src/store/folder-lock.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { findKey, hasKeysInForce, shouldRecordUse, sumSpent } from '../../src/store/key-table.ts'
import { migrate, migrations, schemaVersion } from '../../src/store/migrations.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { noonMs, runRecord, textEvents } from '../contract/store-records.ts'
import { makeStoreFolder, plansOf, type StoreFolder, startupError } from './scene.ts'

const cli = join(import.meta.dirname, '../../src/cli.ts')

/** Runs the `keys` command in a process of its own; returns its stdout. */
async function runKeysCommand({ folder }: StoreFolder, home: StoreFolder, ...words: string[]): Promise<string> {
  const args = [cli, 'keys', ...words, '--data-dir', folder]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { HOME: home.folder } })
  return stdout.trim()
}

test('a change by another process is visible at the next read', async (t) => {
  const [storeFolder, home] = [makeStoreFolder(t), makeStoreFolder(t)]
  const store = await storeFolder.open()
  assert.equal(await store.hasKeys(), false)
  const secret = await runKeysCommand(storeFolder, home, 'create', 'laptop', '--quiet')
  assert.equal(await store.hasKeys(), true)
  assert.equal((await store.keyByHash(hashOf(secret)))?.name, 'laptop')
  // An open transaction here sees it too: it started after the other one.
  const writing = store.createRun(runRecord('run_1'))
  assert.equal((await store.keys()).length, 1)
  await writing
  await runKeysCommand(storeFolder, home, 'revoke', 'laptop')
  assert.equal(await store.hasKeys(), false)
  assert.notEqual((await store.keyByHash(hashOf(secret)))?.revokedAtMs, null)
})

test('another process can create and revoke keys while a server writes continuously', async (t) => {
  const [storeFolder, home] = [makeStoreFolder(t), makeStoreFolder(t)]
  const store = await storeFolder.open()
  let isBusy = true
  const write = async (writer: number) => {
    for (let count = 0; isBusy; count++) {
      const id = `run_${writer}_${count}`
      await store.createRun(runRecord(id))
      await store.appendEvents(id, textEvents(1, 10))
    }
  }
  const writing = Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(write))
  try {
    for (const name of ['a', 'b', 'c']) await runKeysCommand(storeFolder, home, 'create', name)
    await runKeysCommand(storeFolder, home, 'revoke', 'b')
  } finally {
    isBusy = false
  }
  // None of the server's own writes failed because of it.
  await writing
  assert.deepEqual(
    (await store.keys()).map(({ name, revokedAtMs }) => [name, revokedAtMs === null]),
    [
      ['c', true],
      ['b', false],
      ['a', true],
    ],
  )
})

const runningPid = ({ look }: StoreFolder) =>
  look((db) => db.prepare("SELECT value FROM meta WHERE name = 'running_pid'").get()?.value)

test('the command leaves the mark of a running server unchanged, and does not prevent a server from starting', async (t) => {
  const storeFolder = makeStoreFolder(t)
  const warnings: string[] = []
  const onWarning = (message: string) => warnings.push(message)
  const first = await openKeyStore(storeFolder.folder, onWarning)
  await first.createKey(keyRecord('key_1'))
  assert.equal(runningPid(storeFolder), undefined)
  const store = await storeFolder.open({ onWarning })
  const second = await openKeyStore(storeFolder.folder, onWarning)
  await second.createKey(keyRecord('key_2'))
  await Promise.all([first.close(), second.close()])
  await second.close()
  assert.equal(runningPid(storeFolder), String(process.pid))
  assert.equal((await store.keys()).length, 2)
  await store.close()
  await (await openKeyStore(storeFolder.folder, onWarning)).close()
  assert.equal((await (await storeFolder.open({ onWarning })).keys()).length, 2)
  assert.deepEqual(warnings, [])
})

const hasModes = { skip: process.platform === 'win32' && 'Windows has no such modes' }

test('what the command creates is closed to other users under any umask', hasModes, async (t) => {
  const data = join(makeStoreFolder(t).folder, 'new', 'data')
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  const keyStore = await openKeyStore(data)
  t.after(() => keyStore.close())
  await keyStore.createKey(keyRecord('key_1'))
  const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)
  assert.equal(modeOf(data), '700')
  const files = readdirSync(data)
  assert.ok(files.includes('claude-serve.db-wal'))
  for (const name of files) assert.equal(modeOf(join(data, name)), '600', name)
  await keyStore.close()
})

function makeOlder({ file }: StoreFolder): void {
  const db = new DatabaseSync(file)
  migrate(db, migrations.slice(0, 1))
  db.close()
}

test('an older database is migrated with its contents if no server uses it', async (t) => {
  const storeFolder = makeStoreFolder(t)
  makeOlder(storeFolder)
  storeFolder.look((db) => db.exec("INSERT INTO meta VALUES ('old', 'yes')"))
  const keyStore = await openKeyStore(storeFolder.folder)
  await keyStore.createKey(keyRecord('key_1'))
  await keyStore.close()
  assert.equal(storeFolder.look(schemaVersion), migrations.length)
  assert.equal(
    storeFolder.look((db) => db.prepare("SELECT value FROM meta WHERE name = 'old'").get()?.value),
    'yes',
  )
})

test('an older database that a server uses is refused and left unchanged', async (t) => {
  const storeFolder = makeStoreFolder(t)
  makeOlder(storeFolder)
  const before = readFileSync(storeFolder.file)
  const lock = lockFolder(storeFolder.folder, assert.fail)
  t.after(() => lock?.release())
  const message = await startupError(openKeyStore(storeFolder.folder))
  assert.ok(message.includes(storeFolder.file), message)
  assert.match(message, /in use by an older claude-serve \(its schema is 1, .*: stop it/)
  assert.deepEqual(readFileSync(storeFolder.file), before)
})

test('a database of a newer version is refused', async (t) => {
  const storeFolder = makeStoreFolder(t)
  await (await openKeyStore(storeFolder.folder)).close()
  storeFolder.look((db) => db.exec('PRAGMA user_version = 99'))
  assert.match(await startupError(openKeyStore(storeFolder.folder)), /was created by a newer claude-serve/)
})

test('each lookup that every request makes is one statement with an index', () => {
  const plans = plansOf((prepare) => {
    hasKeysInForce(prepare)
    findKey(prepare, 'hash')
    shouldRecordUse(prepare, 'key_1', noonMs)
    sumSpent(prepare, 'key_1')
    sumSpent(prepare, 'key_1', noonMs)
  })
  assert.deepEqual(
    plans.map((plan) => plan.replace(/ \(.*$/, '')),
    [
      'SCAN keys USING INDEX keys_in_force',
      'SEARCH keys USING INDEX sqlite_autoindex_keys_2',
      'SEARCH keys USING INDEX sqlite_autoindex_keys_1',
      'SEARCH spent USING PRIMARY KEY',
      'SEARCH spent USING PRIMARY KEY',
    ],
  )
})

test('the last use of a busy key is written once a minute', async (t) => {
  const storeFolder = makeStoreFolder(t)
  const store = await storeFolder.open()
  await store.createKey(keyRecord('key_1'))
  const changes = () => storeFolder.look((db) => db.prepare('PRAGMA data_version').get()?.data_version)
  const walBytes = () => statSync(`${storeFolder.file}-wal`).size
  await store.recordKeyUse('key_1', noonMs)
  const [before, bytesBefore] = [changes(), walBytes()]
  for (let atMs = 100; atMs < 60_000; atMs += 100) await store.recordKeyUse('key_1', noonMs + atMs)
  assert.deepEqual([changes(), walBytes()], [before, bytesBefore])
  assert.equal((await store.keys())[0]?.lastUsedAtMs, noonMs)
  await store.recordKeyUse('key_1', noonMs + 60_000)
  assert.equal((await store.keys())[0]?.lastUsedAtMs, noonMs + 60_000)
})
