// What a server's folder contains while it runs, and that nothing is left of it. Which processes the next server ends is
// tested with real servers (test/faults/server-killed.test.ts).
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ProcessRegistry } from '../../../src/claude/process/process-registry.ts'
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
