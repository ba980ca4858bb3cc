// What keeps Claude Code from working and shows nowhere else: its settings, the way to the model, the clock, frozen processes, and a claude
// that does not do what it says. Each is found, with a cure that helps. Not for the other checks (see findings.test.ts).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newestTestedOn } from '../../../src/claude/cli/executable.ts'
import { identityOf, ownIdentity, ProcessRegistry } from '../../../src/claude/process/process-registry.ts'
import { isStopped, processInfo } from '../../../src/claude/process/process-tree.ts'
import { examineClaudeSettings } from '../../../src/commands/doctor/claude-settings.ts'
import { examineClock } from '../../../src/commands/doctor/clock.ts'
import { addressOf, examineNetwork } from '../../../src/commands/doctor/network.ts'
import { examineProcesses } from '../../../src/commands/doctor/processes.ts'
import { examineSettings } from '../../../src/commands/doctor/settings.ts'
import { examineTurn } from '../../../src/commands/doctor/turn.ts'
import { writeServerAddress } from '../../../src/platform/server-address.ts'
import { fakeCli, makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { assertOne, contextIn } from './process.ts'

const withNode = `${dirname(process.execPath)}:/usr/bin:/bin`

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const broken: [what: string, file: (folders: TestFolders) => string, text: string, message: RegExp][] = [
  ['cut', ({ configDir }) => join(configDir, 'settings.json'), '{"env": {"TOKEN": "sk-ant-x"', /is not valid JSON/],
  ['with a comment', ({ cwd }) => join(cwd, '.claude/settings.local.json'), '{\n// no\n}', /valid JSON \(line 2\)/],
  ['a list', ({ cwd }) => join(cwd, '.claude/settings.json'), '[]', /is not a JSON object/],
  ['empty', ({ home }) => join(home, '.claude.json'), '', /is not valid JSON/],
  ['of servers', ({ cwd }) => join(cwd, '.mcp.json'), '{"mcpServers": }', /is not valid JSON/],
  // In words of Claude Code itself.
  [
    'of another form',
    ({ configDir }) => join(configDir, 'settings.json'),
    '{"permissions":"x"}',
    /settings\.json.*expected object/i,
  ],
]
for (const [what, file, text, message] of broken) {
  test(`a settings file of Claude Code that is broken is found: ${what}`, async (t) => {
    const folders = makeFolders(t)
    const path = write(file(folders), text)
    const findings = await examineClaudeSettings(contextIn(folders))
    assertOne(findings, 'problem', message, /^(?:correct|put the settings of) /)
    assert.ok(findings[0]?.fix?.includes(path) && findings[0].message.includes(path), JSON.stringify(findings))
    assert.doesNotMatch(JSON.stringify(findings), /sk-ant-x/)
  })
}

test('settings that cannot be read are found; valid ones and none are fine', async (t) => {
  const folders = makeFolders(t)
  const context = contextIn(folders)
  assertOne(await examineClaudeSettings(context), 'ok', /^none/, null)
  const file = write(join(folders.configDir, 'settings.json'), '{"env":{"A":"1"},"permissions":{"allow":["Read"]}}')
  assertOne(await examineClaudeSettings(context), 'ok', /settings\.json: valid$/, null)
  const other = contextIn(folders, { environment: { CLAUDE_CONFIG_DIR: join(folders.root, 'other') } })
  assertOne(await examineClaudeSettings(other), 'ok', /^none/, null)
  mkdirSync(join(folders.root, 'other/settings.json'), { recursive: true })
  assertOne(await examineClaudeSettings(other), 'problem', /cannot be read: EISDIR/, /a file that you can read$/)
  assert.ok(file)
})

async function listening(t: TestContext, server = createTcpServer((socket) => socket.destroy())): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A port on which nothing listens. */
async function deadPort(): Promise<number> {
  const server = createTcpServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('a proxy or an address at which nothing listens is found, wherever it is set', async (t) => {
  const [alive, dead] = [await listening(t), await deadPort()]
  const folders = makeFolders(t)
  const look = (environment: Record<string, string>, fake = 'well-behaved') =>
    examineNetwork(
      contextIn(folders, { config: { claudeBin: fakeCli(fake) }, environment: { PATH: withNode, ...environment } }),
    )
  assertOne(await look({}), 'ok', /^no proxy/, null)
  const url = (port: number) => `http://127.0.0.1:${port}`
  const unreachable = new RegExp(`nothing can be reached at 127\\.0\\.0\\.1:${dead} \\(ECONNREFUSED\\)`)
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_BEDROCK_BASE_URL']) {
    assertOne(await look({ [name]: url(dead) }), 'problem', unreachable, new RegExp(`^unset ${name}$`))
    assertOne(await look({ [name]: url(alive) }), 'ok', new RegExp(`^reached: ${name}$`), null)
  }
  assertOne(await look({ http_proxy: `127.0.0.1:${dead}` }), 'problem', unreachable, /^unset http_proxy$/)
  assertOne(await look({ HTTPS_PROXY: 'http://' }), 'problem', /HTTPS_PROXY is not an address/, /^unset/)
  // Without the address there would be no login at all: it is not removed.
  const only = await look({ ANTHROPIC_BASE_URL: url(dead), ANTHROPIC_AUTH_TOKEN: 'x' }, 'not-logged-in')
  assertOne(only, 'problem', unreachable, /^start what should listen there/)
  const secret = await look({ HTTPS_PROXY: `http://me:hidden@127.0.0.1:${dead}` })
  assert.doesNotMatch(JSON.stringify(secret), /hidden/)
  const file = write(join(folders.configDir, 'settings.json'), JSON.stringify({ env: { HTTPS_PROXY: url(dead) } }))
  assertOne(await look({}), 'problem', unreachable, new RegExp(`^remove HTTPS_PROXY from "env" in ${file}$`))
})

test('an address names its port, or its scheme does', () => {
  const ports = ['https://a', 'http://a', 'socks5://a', 'a:3128', 'http://[::1]:8', 'x y'].map(
    (each) => addressOf(each)?.port,
  )
  assert.deepEqual(ports, [443, 80, 1080, 3128, 8, undefined])
})

test('a clock that is wrong is found: by this version, by the files, and by another clock', async (t) => {
  const folders = makeFolders(t)
  const context = contextIn(folders)
  const testedMs = Date.parse(newestTestedOn)
  const hint = /^sudo |^w32tm|clock/
  for (const day of ['2031-06-01', '2040-01-01']) {
    assertOne(await examineClock(context, Date.parse(day)), 'problem', /^the clock says 20[34]/, hint)
  }
  assertOne(await examineClock(context, testedMs - 10 * 86_400_000), 'problem', /but this version is of/, hint)
  // What follows is about the clock of the machine that runs this test.
  const nowMs = Date.now()
  assertOne(await examineClock(context, nowMs), 'ok', /^20/, null)
  assertOne(await examineClock(context, nowMs + 3_600_000), 'problem', /^the clock says .*, but it is /, hint)
  const dated = await listening(
    t,
    createServer((_request, response) => response.setHeader('date', new Date(nowMs - 3_600_000).toUTCString()).end()),
  )
  const elsewhere = contextIn(folders, { environment: { ANTHROPIC_BASE_URL: `http://127.0.0.1:${dated}` } })
  assertOne(await examineClock(elsewhere, nowMs), 'problem', /but it is /, hint)
  const database = write(join(folders.dataDir, 'claude-serve.db'), '')
  const later = new Date(nowMs + 10 * 86_400_000)
  utimesSync(database, later, later)
  assertOne(await examineClock(context, nowMs), 'problem', /claude-serve\.db was written on/, hint)
})

test('a frozen process of the running server is found', { skip: process.platform !== 'linux' }, async (t) => {
  const folders = makeFolders(t)
  assertOne(await examineProcesses(contextIn(folders)), 'ok', /^none/, null)
  const server = await ownIdentity()
  const registry = new ProcessRegistry(folders.dataDir, server)
  t.after(() => registry.close())
  const own = await processInfo(process.pid)
  assert.ok(own)
  assert.equal(identityOf(own), server)
  const address = { url: 'http://127.0.0.1:1', pid: process.pid, process: server, version: '0', startedAt: '' }
  writeServerAddress(folders.dataDir, address)
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  await registry.add(pid)
  assertOne(await examineProcesses(contextIn(folders)), 'ok', /^1 of the server, none of them stopped$/, null)
  child.kill('SIGSTOP')
  // The kernel stops it when it is next scheduled.
  while (!isStopped(pid)) await new Promise(setImmediate)
  assertOne(
    await examineProcesses(contextIn(folders)),
    'problem',
    /^frozen by a signal: \d+/,
    new RegExp(`^kill -CONT ${pid}$`),
  )
})

for (const [change, state] of [
  ['new-tool', 'problem'],
  ['prompt-ignored', 'warning'],
] as const) {
  test(`a claude that does not do what it says is found: ${change}`, async (t) => {
    const folders = makeFolders(t)
    writeFileSync(join(folders.home, 'altered.json'), JSON.stringify([change]))
    const config = { claudeBin: fakeCli('altered') }
    const findings = await examineTurn(contextIn(folders, { config, environment: { PATH: withNode } }))
    const [turn, ...others] = findings
    assert.equal(turn?.state, 'ok', JSON.stringify(findings))
    assert.ok(
      others.some((each) => each.state === state && each.fix !== null),
      JSON.stringify(findings),
    )
  })
}

test('--fix closes the configuration file to others, and says so', { skip: process.platform === 'win32' }, (t) => {
  const folders = makeFolders(t)
  const file = write(join(folders.root, 'config.json'), '{"port": 6001}')
  chmodSync(file, 0o666)
  const flags = { config: file, dataDir: folders.dataDir }
  const environment = { HOME: folders.home }
  assertOne(examineSettings(flags, environment).findings, 'warning', /can be changed by other users$/, /^chmod go-w /)
  assertOne(examineSettings(flags, environment, true).findings, 'ok', /can be changed by other users: fixed$/, null)
  assert.equal(statSync(file).mode & 0o777, 0o644)
})
