// The data folder: closed to other users, and used by one server at a time. Not for its contents.
import assert from 'node:assert/strict'
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from '../../src/store/folder-lock.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { runRecord } from '../contract/store-records.ts'
import { hasShell, makeStoreFolder, startProgram, startupError } from './scene.ts'

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)
const hasModes = { skip: process.platform === 'win32' && 'Windows has no such modes' }

test('the folder and every file in it are closed to other users under any umask', hasModes, async (t) => {
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

test('an existing folder and files that other users can access are closed to them', hasModes, async (t) => {
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

test('a folder that many users share is refused and left unchanged', hasModes, async (t) => {
  const { folder, open } = makeStoreFolder(t)
  chmodSync(folder, 0o1777)
  assert.match(await startupError(open()), /is shared by many users.*--data-dir/)
  assert.equal(modeOf(folder), '1777')
  assert.deepEqual(readdirSync(folder), [])
})

test('a folder that cannot be created is refused with a message that names the fix', async (t) => {
  const { folder } = makeStoreFolder(t)
  writeFileSync(join(folder, 'file'), '')
  const impossible = join(folder, 'file', 'data')
  const message = await startupError(openSqliteStore({ folder: impossible }))
  assert.ok(message.includes(impossible), message)
  assert.match(message, /--data-dir/)
})

test('a second store in the same process is refused, and the first continues to work', async (t) => {
  const { folder, open } = makeStoreFolder(t)
  const store = await open()
  const message = await startupError(open())
  assert.ok(message.includes(folder), message)
  assert.ok(message.includes(`(process ${process.pid})`), message)
  await store.createRun(runRecord('run_1'))
  await store.close()
  assert.ok(await (await open()).run('run_1'))
})

test(
  'a folder belongs to one process until it is killed, even if another process has its pid then',
  hasShell,
  async (t) => {
    const storeFolder = makeStoreFolder(t)
    const other = startProgram(t, 'writes-until-killed', storeFolder.folder)
    assert.equal(await other.line(), '1')
    const message = await startupError(storeFolder.open())
    assert.ok(
      message.includes(`${storeFolder.folder} is in use by another claude-serve (process ${other.pid})`),
      message,
    )
    assert.match(message, /stop it.*--data-dir/)
    // The refused attempt must not have released the lock of the first.
    await startupError(storeFolder.open())
    await other.kill()
    storeFolder.look((db) => db.exec(`UPDATE meta SET value = '${process.pid}' WHERE name = 'running_pid'`))
    assert.ok(await (await storeFolder.open()).run('run_1'))
  },
)

test('a server that is still starting is not mistaken for the one that was killed before it', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const killed = startProgram(t, 'writes-until-killed', storeFolder.folder)
  assert.equal(await killed.line(), '1')
  await killed.kill()
  const starting = lockFolder(storeFolder.folder, assert.fail)
  assert.match(await startupError(storeFolder.open()), /is in use by another claude-serve: stop it/)
  starting?.release()
  assert.ok(await (await storeFolder.open()).run('run_1'))
})

test('a refused start in the same process does not release the lock', hasShell, async (t) => {
  const storeFolder = makeStoreFolder(t)
  const store = await storeFolder.open()
  await startupError(storeFolder.open())
  await startupError(storeFolder.open())
  // Closing a file of this process must not have released the lock: another process is still refused.
  const other = startProgram(t, 'tries-to-open', storeFolder.folder)
  assert.match((await other.line()) ?? '', /is in use by another claude-serve \(process/)
  await store.createRun(runRecord('run_1'))
})
