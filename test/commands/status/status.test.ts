// The command `status`: what it shows about a server, if there is none, and without permission.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ownIdentity } from '../../../src/claude/process/process-registry.ts'
import { HealthReply } from '../../../src/surfaces/native/server-schemas.ts'
import { makeFolders, startTestServer, type TestFolders } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, fakeClaude, run, runAsOnTerminal, runProcess } from '../command-process.ts'
import { keys } from '../keys/process.ts'
import { startSharedServer } from '../shared-server.ts'

const server = await startSharedServer({ config: { claudeBin: fakeClaude } })

const json = async (folders: TestFolders, words: string[] = [], environment: Record<string, string> = {}) => {
  const { code, stdout, stderr } = await run(folders, ['status', '--json', ...words], { environment })
  return { code, stderr, status: JSON.parse(stdout) }
}

test('without a running server it says how to start one, and exits with 1', async (t) => {
  const folders = makeFolders(t)
  const outcome = await run(folders, ['status'])
  assertFailure(outcome, /no server is running in .*: start one with \S+claude-serve/)
  assert.ok(outcome.stderr.includes(folders.dataDir))
  assert.equal(outcome.stdout, '')
  const { code, status } = await json(folders)
  assert.deepEqual([code, status.running, status.data_dir], [1, false, folders.dataDir])
})

test('shows where a server runs, since when, with which claude, and what it is doing', async () => {
  const { folders, url, claude } = server
  await claude
  const { code, stdout, stderr } = await runProcess(folders, ['status'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, new RegExp(`^claude-serve \\d+\\.\\d+\\.\\d+ is running at ${url}\n`))
  for (const line of [
    `process    ${process.pid}`,
    `data       ${folders.dataDir}`,
    'login      logged in (api_key)',
    'queue      0 of 64 waiting',
  ])
    assert.ok(stdout.includes(`\n  ${line}\n`), `${line} in ${stdout}`)
  assert.match(stdout, /\n {2}claude {5}\d\S+ \(Claude Code\) at \//)
  assert.match(stdout, /\n {2}processes {2}\d+ of \d+: \d+ busy, \d+ idle, \d+ spare, \d+ starting\n/)
})

test('--json contains the same and the complete health reply', async () => {
  const { folders, url } = server
  const { code, status } = await json(folders)
  const { health, started_at, uptime_s, version, ...rest } = status
  assert.deepEqual(
    [code, rest],
    [0, { running: true, url, pid: process.pid, data_dir: folders.dataDir, problem: null }],
  )
  assert.equal(HealthReply.parse(health).version, version)
  assert.ok(Date.parse(started_at) <= Date.now() && uptime_s >= 0)
})

test('a server that is specified by its address requires no data folder, and none is shown', async (t) => {
  const { url } = server
  const elsewhere = makeFolders(t)
  for (const { code, status } of [
    await json(elsewhere, ['--url', url]),
    await json(elsewhere, [], { CLAUDE_SERVE_URL: `${url}/` }),
  ]) {
    assert.deepEqual([code, status.running, status.url, status.pid, status.data_dir], [0, true, url, null, null])
    assert.equal(status.health.status, 'ok')
  }
})

// From here on, the server requires a key.
test('without the required API key it shows what is known, says that a key is required, and exits with 0', async () => {
  const { folders, url } = server
  const secret = (await keys(folders, ['create', 'laptop', '--scope', 'chat', '--quiet'])).stdout.trim()
  const { code, stdout, stderr } = await run(folders, ['status'])
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^claude-serve \\S+ is running at ${url}\n`))
  assert.match(stdout, new RegExp(`\\n {2}process +${process.pid}\\n`))
  assert.doesNotMatch(stdout, /queue/)
  assert.match(stderr, /needs an API key.*set CLAUDE_SERVE_API_KEY to a key of this server\n$/)
  const without = await json(folders)
  assert.deepEqual([without.code, without.status.running, without.status.health], [0, true, null])
  assert.match(without.status.problem, /CLAUDE_SERVE_API_KEY/)
  const wrong = await json(folders, [], { CLAUDE_SERVE_API_KEY: `${secret.slice(0, -6)}AAAAAA` })
  assert.deepEqual([wrong.code, wrong.status.health], [0, null])
  assert.match(wrong.status.problem, /not valid/)
  assert.ok(!wrong.stderr.includes(secret.slice(6, 20)))
  const withKey = await json(folders, [], { CLAUDE_SERVE_API_KEY: secret })
  assert.deepEqual([withKey.status.health.status, withKey.stderr], ['ok', ''])
})

test('a server without claude counts as running, and its problem is shown', async (t) => {
  const { folders } = await startTestServer(t, { config: { claudeBin: '/nowhere/claude' } })
  const { code, stdout, stderr } = await run(folders, ['status'])
  assert.deepEqual([code, stdout.includes(' is running at ')], [0, true])
  assert.match(stderr, /^claude-serve: \/nowhere\/claude is not an executable file/)
})

const leftovers: [name: string, content: string][] = [
  ['not JSON', '{"url":'],
  ['not an object', 'null'],
  ['without our fields', '{}'],
  [
    'of a process that has exited',
    JSON.stringify({ url: 'http://127.0.0.1:9', pid: process.pid, process: `${process.pid}-1`, version: '1' }),
  ],
]
test('an address file that is invalid or was left behind does not count as a server', async (t) => {
  const folders = makeFolders(t)
  mkdirSync(folders.dataDir)
  for (const [name, content] of leftovers) {
    writeFileSync(join(folders.dataDir, 'server.json'), content)
    const outcome = await run(folders, ['status'])
    assertFailure(outcome, /no server is running in/)
    assert.equal(outcome.stdout, '', name)
  }
})

/** Pretends that this test is the server of the folder. */
async function pretend({ dataDir }: TestFolders, url: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true })
  const address = { url, pid: process.pid, process: await ownIdentity(), version: '9.9.9', startedAt: new Date(0) }
  writeFileSync(join(dataDir, 'server.json'), JSON.stringify(address))
}

test('a process that cannot be reached is shown with its number, and the command exits with 1', async (t) => {
  const folders = makeFolders(t)
  await pretend(folders, 'http://127.0.0.1:1')
  const { code, stdout, stderr } = await run(folders, ['status'])
  assert.equal(code, 1)
  assert.match(stdout, /^claude-serve 9\.9\.9 does not answer at http:\/\/127\.0\.0\.1:1\n/)
  assert.match(
    stderr,
    new RegExp(`no server responds at .*; stop it with \\S+claude-serve stop --now \\(process ${process.pid}\\)\n$`),
  )
})

test('a server with a folder but no address is starting or stopping', async (t) => {
  const folders = makeFolders(t)
  mkdirSync(join(folders.dataDir, 'servers', await ownIdentity()), { recursive: true })
  mkdirSync(join(folders.dataDir, 'servers', `${process.pid}-1`))
  mkdirSync(join(folders.dataDir, 'servers', 'x'))
  assertFailure(await run(folders, ['status']), new RegExp(`\\(pid ${process.pid}\\) is starting or stopping`))
})

/** Another program, at its own address. */
async function startOther(t: TestContext, status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('another program at an address is not mistaken for a server', async (t) => {
  const folders = makeFolders(t)
  for (const body of ['<html>', '[]', '{"status":"ok"}', 'null']) {
    const url = await startOther(t, 200, body)
    const outcome = await run(folders, ['status', '--url', url])
    assertFailure(outcome, new RegExp(`the server at ${url} is not claude-serve`))
  }
})

const steering = '\u001b[31m\u009b1m'

test('the answer of a server cannot control the terminal', async (t) => {
  const folders = makeFolders(t)
  const { processes, queue } = { processes: { live: 1, max: 1, busy: 0, idle: 1, spare: 0, starting: 0 }, queue: {} }
  const health = { status: 'ok', version: `1${steering}`, claude_version: steering, uptime_s: 1, processes, queue }
  const good = await startOther(t, 200, JSON.stringify(health))
  const bad = await startOther(t, 503, JSON.stringify({ error: `no${steering}` }))
  for (const [url, message] of [
    [good, /claude-serve 1\u241b\[31m\ufffd1m is running at/] as const,
    [bad, /no\S*\[31m/] as const,
  ]) {
    const { stdout } = await runAsOnTerminal(folders, ['status', '--url', url])
    assert.match(stdout, message)
    assert.ok(!stdout.includes('\u001b[31m') && !stdout.includes('\u009b'), JSON.stringify(stdout))
  }
})

const wrong: [words: string[], message: RegExp][] = [
  [['--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
  [['now'], /too many arguments/],
  [['--url', 'nowhere'], /--url: "nowhere" is not accepted; give an address such as http/],
  [['--url', 'ftp://x'], /is not accepted/],
  [['--data-dir', ''], /--data-dir: "" .* give the path of a folder/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong) assertWrongUsage(await run(folders, ['status', ...words]), 'status', message)
})
