// The data folder: closed to other users, and of one server at a time. Not for what is kept in it.
import assert from 'node:assert/strict'
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from '../../src/store/folder-lock.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { runRecord } from '../contract/store-records.ts'
import { hasShell, makeStoreFolder, refusal, startProgram } from './scene.ts'

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)
const hasModes = { skip: process.platform === 'win32' && 'Windows has no such modes' }

test('under any umask the folder and every file in it are closed to others', hasModes, async (t) => {
  const { folder } = makeStoreFolder(t)
  const data = join(folder, 'new', 'data')
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  const store = await openSqliteStore({ folder: data })
  t.after(() => store.close())
  await store.createRun(runRecord('run_1'))
  assert.equal(modeOf(data), '700')
  const files = readdirSync(data).toSorted()
  assert.deepEqual(files, ['claude-serve.db', 'claude-serve.db-shm', 'claude-serve.db-wal', 'claude-serve.lock'])
  for (const name of files) assert.equal(modeOf(join(data, name)), '600', name)
  await store.close()
})

test('a folder and files that are there already and open to others are closed to them', hasModes, async (t) => {
  const { folder, file, open } = makeStoreFolder(t)
  const store = await open()
  await store.createRun(runRecord('run_1'))
  await store.close()
  for (const path of [file, join(folder, 'claude-serve.lock')]) chmodSync(path, 0o666)
  writeFileSync(`${file}-wal`, '', { mode: 0o666 })
  chmodSync(`${file}-wal`, 0o666)
  chmodSync(folder, 0o777)
  assert.ok(await (await open()).run('run_1'))
  assert.equal(modeOf(folder), '700')
  for (const name of readdirSync(folder)) assert.equal(modeOf(join(folder, name)), '600', name)
})

test('a folder that many users share is refused and left as it is', hasModes, async (t) => {
  const { folder, open } = makeStoreFolder(t)
  chmodSync(folder, 0o1777)
  assert.match(await refusal(open()), /is shared by many users.*--data-dir/)
  assert.equal(modeOf(folder), '1777')
  assert.deepEqual(readdirSync(folder), [])
})

test('a folder that cannot be made is refused with what to do', async (t) => {
  const { folder } = makeStoreFolder(t)
  writeFileSync(join(folder, 'file'), '')
  const impossible = join(folder, 'file', 'data')
  const message = await refusal(openSqliteStore({ folder: impossible }))
  assert.ok(message.includes(impossible), message)
  assert.match(message, /--data-dir/)
})

test('a second store of one process is refused, and the first goes on', async (t) => {
  const { folder, open } = makeStoreFolder(t)
  const store = await open()
  const message = await refusal(open())
  assert.ok(message.includes(folder), message)
  assert.ok(message.includes(`(process ${process.pid})`), message)
  await store.createRun(runRecord('run_1'))
  await store.close()
  assert.ok(await (await open()).run('run_1'))
})

test('a folder belongs to one process until that is killed, whoever has its number then', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const other = startProgram(t, 'writes-until-killed', storeFolder.folder)
  assert.equal(await other.line(), '1')
  const message = await refusal(storeFolder.open())
  assert.ok(message.includes(`${storeFolder.folder} is in use by another claude-serve (process ${other.pid})`), message)
  assert.match(message, /stop it.*--data-dir/)
  // The refused one must not have taken the lock from the first.
  await refusal(storeFolder.open())
  await other.kill()
  storeFolder.look((db) => db.exec(`UPDATE meta SET value = '${process.pid}' WHERE name = 'running_pid'`))
  assert.ok(await (await storeFolder.open()).run('run_1'))
})

test('a server that is still starting is not taken for the one that was killed before it', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const killed = startProgram(t, 'writes-until-killed', storeFolder.folder)
  assert.equal(await killed.line(), '1')
  await killed.kill()
  const starting = lockFolder(storeFolder.folder, assert.fail)
  assert.match(await refusal(storeFolder.open()), /is in use by another claude-serve: stop it/)
  starting?.release()
  assert.ok(await (await storeFolder.open()).run('run_1'))
})

test('a refused start in this process leaves the lock with the one that has it', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const store = await storeFolder.open()
  await refusal(storeFolder.open())
  await refusal(storeFolder.open())
  // What closes a file of this process must not have let go of the lock: another process is still kept out.
  const other = startProgram(t, 'tries-to-open', storeFolder.folder)
  assert.match((await other.line()) ?? '', /is in use by another claude-serve \(process/)
  await store.createRun(runRecord('run_1'))
})
