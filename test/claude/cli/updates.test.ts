// A `claude` that is replaced while the server runs: new conversations get processes of the new one, and those under way stay where they are.
import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { processesIn } from '../../faults/killed-scene.ts'
import { chat, chatError } from '../../helpers/client.ts'
import { test } from '../../helpers/extended.ts'
import { startTestServer } from '../../helpers/test-server.ts'

const plain = { tools: [], system_prompt: 'S' }

test('after an update a new conversation gets a new process, and one that has a process keeps it', async (t) => {
  const server = await startTestServer(t, { config: { maxProcesses: 3 } })
  const pids = () => processesIn(server.folders).map(({ pid }) => pid)
  const first = await chat(server, { ...plain, prompt: 'one' })
  const [old] = pids()
  assert.equal(pids().length, 1)
  const file = join(server.folders.root, 'claude')
  appendFileSync(file, '\n# a new version\n')
  await chat(server, { ...plain, prompt: 'two' })
  assert.equal(pids().length, 2)
  assert.ok(pids().includes(old ?? 0))
  await chat(server, { ...plain, prompt: 'three', session_id: first.session_id })
  assert.equal(pids().length, 2)
  const changes = server.logLines.filter(({ msg }) => msg === 'another claude is used from now on')
  assert.equal(changes.length, 1)
  // In the middle of an update there may be none at all.
  renameSync(file, `${file}.old`)
  const { status, body } = await chatError(server, { ...plain, prompt: 'four' })
  assert.deepEqual([status, body.code], [503, 'claude_not_found'])
  renameSync(`${file}.old`, file)
  chmodSync(file, 0o755)
  await chat(server, { ...plain, prompt: 'five' })
})
