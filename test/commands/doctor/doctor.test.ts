// The command `doctor`: it completes whatever it finds, and prints the right output with the right exit code. Not for the
// single findings (see findings.test.ts).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { isRoot, nobody, whyNotAsNobody } from '../../helpers/other-user.ts'
import { makeFolders, startTestServer, type TestFolders } from '../../helpers/test-server.ts'
import { cli } from '../command-process.ts'
import { doctor, environmentFor, examine, findingOf, inState } from './process.ts'

const allChecks = [
  'node',
  'settings',
  'claude',
  'login',
  'claude-settings',
  'environment',
  'network',
  'clock',
  'data-folder',
  'files',
  'disk',
  'database',
  'keys',
  'server',
  'processes',
  'port',
  'localhost',
  'turn',
  'abilities',
]

/** A file that is not a program. Most checks do not need claude, and a turn with it takes time. */
const noClaude = { CLAUDE_BIN: '/etc/hostname' }

/** The temporary folders that a run left behind. */
const leftovers = ({ root }: TestFolders) =>
  readdirSync(join(root, 'tmp')).filter((name) => name.startsWith('claude-serve-'))

test('without any configuration it finds no problem, and creates nothing', { timeout: 90_000 }, async (t) => {
  const folders = makeFolders(t)
  // The real claude, which is found without being named.
  const findings = await examine(folders, 0, { CLAUDE_BIN: '', PATH: '/usr/bin:/bin' })
  assert.deepEqual(inState(findings, 'problem'), [])
  assert.deepEqual([...new Set(findings.map(({ check }) => check))], allChecks)
  for (const { state, message, fix } of findings) {
    assert.ok(message !== '')
    if (state === 'ok') assert.equal(fix, null)
  }
  assert.equal(findingOf(findings, 'turn').state, 'ok')
  assert.ok(!existsSync(folders.dataDir))
  assert.deepEqual(leftovers(folders), [])
})

test('people get a line for each finding, its fix, and a summary; --fix corrects modes', {
  timeout: 90_000,
}, async (t) => {
  const folders = makeFolders(t)
  const { dataDir } = folders
  const logs = join(dataDir, 'logs')
  mkdirSync(logs, { recursive: true })
  const files = [join(dataDir, 'claude-serve.db'), join(logs, 'claude-serve.log')]
  for (const file of files) writeFileSync(file, '')
  const open: [path: string, mode: number][] = [
    [dataDir, 0o777],
    [logs, 0o755],
    ...files.map((file): [string, number] => [file, 0o644]),
  ]
  for (const [path, mode] of open) chmodSync(path, mode)
  const { code, stdout, stderr } = await doctor(folders, [], { ...noClaude, ANTHROPIC_API_KEY: 'sk-ant-test-000' })
  assert.deepEqual([code, stderr], [1, ''])
  assert.match(stdout, /^✓ node {13}Node\.js /)
  assert.match(stdout, /\n✓ environment {6}ANTHROPIC_API_KEY is set: .*\n✓/)
  assert.ok(stdout.includes(`\n✗ data folder      ${dataDir} is open to other users (0777)\n`), stdout)
  assert.ok(stdout.includes(`→ chmod 700 ${dataDir}\n`))
  for (const file of files) assert.ok(stdout.includes(`→ chmod 600 ${file}\n`), file)
  // Without claude there is one more problem, and two checks are skipped.
  assert.match(stdout, /\n5 problems, 2 warnings\n$/)
  for (const never of ['\u001b', 'sk-ant-test']) assert.ok(!stdout.includes(never))
  const fixed = await examine(folders, 1, noClaude, { words: ['--fix'] })
  assert.deepEqual(inState(fixed, 'problem'), ['claude'])
  assert.match(findingOf(fixed, 'data-folder').message, /\(0777\): fixed$/)
  const modes = open.map(([path]) => statSync(path).mode & 0o777)
  assert.deepEqual(modes, [0o700, 0o700, 0o600, 0o600])
})

test('wrong settings are reported, and the other checks run without them', { timeout: 90_000 }, async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'config.json')
  writeFileSync(file, '{"prot": 1}')
  const environment = { CLAUDE_BIN: '', CLAUDE_SERVE_CONFIG: file, CLAUDE_SERVE_WARM: 'many' }
  const findings = await examine(folders, 1, environment)
  assert.deepEqual(inState(findings, 'problem'), ['settings', 'settings'])
  const [, first, second] = findings
  assert.match(first?.message ?? '', /prot.*did you mean port\?/)
  assert.equal(first?.fix, `edit ${file}: prot`)
  assert.match(second?.message ?? '', /--warm: "many" \(from CLAUDE_SERVE_WARM\)/)
  assert.equal(second?.fix, 'unset CLAUDE_SERVE_WARM')
  assert.equal(findingOf(findings, 'turn').state, 'ok')
  assert.deepEqual(leftovers(folders), [])
})

test('without claude, and with the port in use, it still reports everything else', { timeout: 90_000 }, async (t) => {
  const other = createServer((socket) => socket.end('220 hello\r\n'))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  const folders = makeFolders(t)
  const missing = join(folders.root, 'claude')
  writeFileSync(missing, 'not a program')
  const findings = await examine(folders, 1, { CLAUDE_BIN: missing, CLAUDE_SERVE_PORT: String(port) })
  assert.deepEqual(inState(findings, 'problem'), ['claude', 'port'])
  assert.deepEqual(inState(findings, 'warning'), ['login', 'turn'])
  assert.match(findingOf(findings, 'claude').message, /is not an executable file/)
  assert.equal(findingOf(findings, 'claude').fix, 'unset CLAUDE_BIN')
  assert.equal(findingOf(findings, 'port').message, `127.0.0.1:${port} is in use by another program`)
})

test('with a data folder that is not writable it still reports everything else', {
  timeout: 90_000,
  skip: whyNotAsNobody(),
}, async (t) => {
  const folders = makeFolders(t)
  environmentFor(folders)
  mkdirSync(folders.dataDir, { mode: 0o500 })
  if (isRoot) {
    for (const path of ['.', 'home', 'work', 'data', 'tmp']) chownSync(join(folders.root, path), nobody, nobody)
  }
  const whom = isRoot ? { uid: nobody, gid: nobody } : null
  const findings = await examine(folders, 1, noClaude, { whom })
  assert.deepEqual(inState(findings, 'problem'), ['claude', 'data-folder'], JSON.stringify(findings))
  // Nothing can be said about what claude can do.
  assert.deepEqual([...new Set(findings.map(({ check }) => check))], allChecks.slice(0, -1))
  const { message, fix } = findingOf(findings, 'data-folder')
  assert.match(message, /is not writable/)
  assert.equal(fix, `chmod 700 ${folders.dataDir}`)
})

test('it finds a running server, and leaves it alone', { timeout: 90_000 }, async (t) => {
  const { folders, url, port } = await startTestServer(t, { fake: 'well-behaved' })
  const findings = await examine(folders, 1, { ...noClaude, CLAUDE_SERVE_PORT: String(port) })
  assert.match(findingOf(findings, 'server').message, new RegExp(`at ${url} \\(process ${process.pid}\\) answers$`))
  assert.equal(findingOf(findings, 'port').message, `${port} is used by the server of this data folder`)
  assert.match(findingOf(findings, 'database').message, /is intact$/)
  assert.equal((await fetch(`${url}/livez`)).status, 200)
})

test('on a terminal it shows what it is doing, in color', { timeout: 90_000 }, async (t) => {
  if (!existsSync('/usr/bin/script')) return t.skip('needs script, of util-linux')
  const folders = makeFolders(t)
  const { NO_COLOR: _, ...environment } = environmentFor(folders, { TERM: 'xterm', CLAUDE_BIN: '' })
  const command = [process.execPath, cli, 'doctor'].join(' ')
  const { stdout } = await promisify(execFile)('/usr/bin/script', ['-qec', command, '/dev/null'], {
    cwd: folders.cwd,
    env: environment,
  })
  const [dim, plain, clear, green] = ['2m', '22m', '2K\u001b[1G', '32m'].map((code) => `\u001b[${code}`)
  assert.ok(stdout.includes(`${dim}sending questions to the scripted model …${plain}${clear}${green}✓`), stdout)
  assert.match(stdout, /\r\nno problems, no warnings\r\n$/)
})

test('an invalid flag is wrong usage', async (t) => {
  const { code, stdout, stderr } = await doctor(makeFolders(t), ['--data-dir', ''])
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^claude-serve: --data-dir: "" .*\nsee \S+claude-serve doctor --help\n$/)
})
