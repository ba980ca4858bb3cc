// The real CLI as a client of the MCP endpoint, added with the commands of docs/mcp.md, with a key and without one.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { examplesOf } from '../../helpers/document-examples.ts'
import { testClaude } from '../../helpers/test-claude.ts'
import { makeFolders, startTestServer, testEnvironment } from '../../helpers/test-server.ts'
import { createKey } from './mcp-scene.ts'

const file = { after: (end: () => Promise<void>) => after(end) }
const folders = makeFolders(file)
const server = await startTestServer(file, { folders })
const key = await createKey(folders, 'agent')
const commands = examplesOf('docs/mcp.md').flatMap(({ text }) => (text.startsWith('claude mcp add ') ? [text] : []))

/** Runs a command with a CLI that has settings of its own. */
async function run(name: string, command: string): Promise<string> {
  const environment = testEnvironment(folders, server.upstream.url)
  const own = { ...environment, HOME: join(folders.root, name), CLAUDE_SERVE_KEY: key }
  const words = command.replace(/^claude /, `'${testClaude}' `).replace('http://127.0.0.1:5005', server.url)
  const { stdout } = await promisify(execFile)('bash', ['-c', words], { cwd: folders.cwd, env: own })
  return stdout
}

test('the page about MCP has two commands', () => assert.equal(commands.length, 2))

test('with a key, the CLI connects', async () => {
  await run('with', commands[1] ?? '')
  assert.match(await run('with', 'claude mcp list'), /claude-serve: http:\S+\/mcp \(HTTP\) - \S* ?Connected/)
})

test('without a key, the CLI is refused by a server that has keys', async () => {
  await run('without', commands[0] ?? '')
  const listed = await run('without', 'claude mcp list')
  assert.match(listed, /claude-serve: http/)
  assert.doesNotMatch(listed, /Connected/)
})
