// What the examination says about the CLI that the tests use, and what then reaches the model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testClaude } from '../../helpers/test-claude.ts'
import { makeFolders, startTestServer } from '../../helpers/test-server.ts'
import { checkConversations, examined } from './altered-cli.ts'

test('the CLI has every ability, and each request reaches the model as it was sent', async (t) => {
  const folders = makeFolders(t)
  const server = await startTestServer(t, { folders, config: { claudeBin: testClaude }, examines: true })
  const { abilities, claude_warnings: warnings } = await examined(server)
  assert.deepEqual([...new Set(Object.values(abilities))], ['in_use'])
  assert.deepEqual(warnings, [])
  await checkConversations(server)
})
