// The command `login`: it runs the login of the claude that the server would use, with the caller's own streams. A scripted claude stands
// in for the real one, whose login needs a person; no token is read or written here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { oldestVersion } from '../../../src/claude/cli/executable.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { cli, environmentOf, noTerminal, runOnTerminal } from '../command-process.ts'

/** Asks for a code on stdin, as the real login does, and stores what it was called with. */
const script = (record: string) => `#!/usr/bin/env node
const { appendFileSync, readFileSync } = require('node:fs')
const words = process.argv.slice(2)
if (words[0] === '--version') console.log('${oldestVersion} (Claude Code)')
else if (words[1] === 'status') console.log('{"loggedIn":false}')
else {
  const { stdin, stdout } = process
  appendFileSync(${JSON.stringify(record)}, JSON.stringify({ words, isTTY: [stdin.isTTY, stdout.isTTY], env: process.env }))
  if (stdin.isTTY) process.exit(Number(process.env.TZ ?? 0))
  console.log('code?')
  process.exit(readFileSync(0, 'utf8') === 'secret\\n' ? 0 : 3)
}
`

function scene(folders: TestFolders) {
  const record = join(folders.root, 'record.json')
  const bin = join(folders.root, 'bin')
  const claude = join(bin, 'claude')
  mkdirSync(bin)
  writeFileSync(claude, script(record))
  chmodSync(claude, 0o755)
  const environment = { PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin` }
  return { claude, environment, recorded: () => JSON.parse(readFileSync(record, 'utf8')) }
}

function logIn(folders: TestFolders, words: string[], input: string, environment: Record<string, string>) {
  const env = environmentOf(folders, environment)
  return spawnSync(process.execPath, [cli, 'login', ...words], { cwd: folders.cwd, env, input, encoding: 'utf8' })
}

test('the login of the claude on the search path gets the streams, and its words reach it', (t) => {
  const folders = makeFolders(t)
  const { environment, recorded } = scene(folders)
  const more = { ...environment, BROWSER: '/usr/bin/true', CLAUDE_SERVE_API_KEY: 'csk_hidden', MY_SECRET: 'hidden' }
  const { status, stdout, stderr } = logIn(folders, ['--', '--console'], 'secret\n', more)
  assert.deepEqual([status, stdout, stderr], [0, 'code?\n', ''])
  const { words, env } = recorded()
  assert.deepEqual(words, ['auth', 'login', '--console'])
  assert.equal(env.BROWSER, '/usr/bin/true')
  for (const name of ['CLAUDE_SERVE_API_KEY', 'MY_SECRET', 'CLAUDE_SERVE_DATA_DIR']) assert.equal(env[name], undefined)
})

test('a login that fails is a failure, and one that a variable overrides says so', (t) => {
  const folders = makeFolders(t)
  const { environment, claude } = scene(folders)
  const failed = logIn(folders, [], 'wrong\n', environment)
  assert.equal(failed.status, 1)
  assert.match(failed.stderr, /claude auth login ended with 3/)
  const named = logIn(folders, ['--claude-bin', claude], 'secret\n', { ...environment, ANTHROPIC_API_KEY: 'sk-ant-x' })
  assert.equal(named.status, 0)
  assert.match(named.stderr, /^claude-serve: ANTHROPIC_API_KEY is set in this shell.*\n$/)
  chmodSync(claude, 0o600)
  const missing = logIn(folders, [], '', { CLAUDE_BIN: claude })
  assert.equal(missing.status, 1)
  assert.match(missing.stderr, /claude is not an executable file/)
})

test('on a terminal the login has that terminal', { skip: noTerminal }, async (t) => {
  const folders = makeFolders(t)
  const { environment, recorded } = scene(folders)
  const { code } = await runOnTerminal(folders, ['login'], { environment })
  assert.equal(code, 0)
  assert.deepEqual(recorded().isTTY, [true, true])
})
