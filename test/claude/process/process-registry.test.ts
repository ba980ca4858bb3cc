// What a server's folder contains while it runs, and that nothing is left of it. Which processes the next server ends is
// tested with real servers (test/faults/server-killed.test.ts).
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { noteOwnConversation, ProcessRegistry } from '../../../src/claude/process/process-registry.ts'
import { makeFolders } from '../../helpers/test-server.ts'

test('a process has a file while it runs, and none afterwards', async (t) => {
  const { dataDir } = makeFolders(t)
  const registry = new ProcessRegistry(dataDir, '1-1')
  const files = () => readdirSync(join(dataDir, 'servers', '1-1', 'processes'))
  await registry.add(process.pid)
  assert.deepEqual(files(), [String(process.pid)])
  registry.remove(process.pid)
  assert.deepEqual(files(), [])
  await registry.close()
  assert.equal(existsSync(join(dataDir, 'servers', '1-1')), false)
})

test('a process that is recorded while the server stops leaves no file', async (t) => {
  const { dataDir } = makeFolders(t)
  const registry = new ProcessRegistry(dataDir, '1-1')
  const added = registry.add(process.pid)
  await Promise.all([registry.close(), added])
  await registry.add(process.pid)
  assert.equal(existsSync(join(dataDir, 'servers', '1-1')), false)
})

test('the file of a conversation of its own that a killed server leaves is removed by the next one', async (t) => {
  const { dataDir, root } = makeFolders(t)
  const [own, other] = ['own.jsonl', 'other.jsonl'].map((name) => join(root, name)) as [string, string]
  for (const file of [own, other]) writeFileSync(file, '')
  noteOwnConversation(new ProcessRegistry(dataDir, '1-1').privateDir, own)
  await new ProcessRegistry(dataDir, '2-2').sweep()
  assert.deepEqual([own, other].map(existsSync), [false, true])
})
