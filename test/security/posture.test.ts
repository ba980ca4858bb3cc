// Start-up: the server starts only in a configuration that it can defend, and otherwise says why and ends. Each title begins with the
// number of its attack.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { newSecret } from '../../src/auth/keys.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/sources.ts'
import { unlimitedKey } from '../../src/core/key-record.ts'
import { startUpstream } from '../../src/demo/upstream.ts'
import { StartupError } from '../../src/errors.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { migrations } from '../../src/store/migrations.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { post } from '../helpers/client.ts'
import {
  fakeCli,
  makeFolders,
  startTestServer,
  type TestFolders,
  type TestServerOptions,
} from '../helpers/test-server.ts'
import { listeningOf, type Outcome, occupy, runProgram, serveWords, startProgram } from './posture-process.ts'

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0
const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'))
const timeout = 60_000

const fake = `--claude-bin=${fakeCli('well-behaved')}`

/** One sentence on stderr, nothing on stdout, and exit 1. */
function assertRefused({ code, stdout, stderr }: Outcome, ...patterns: RegExp[]): void {
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, /^claude-serve: [^\n]+\n$/)
  for (const pattern of patterns) assert.match(stderr, pattern)
  assert.doesNotMatch(stderr, /\n\s+at /)
}

const secret = 'sk-ant-operators-own-0001'

test('A01 with its defaults it listens on the two loopback addresses only, prints the address, and prints no secret', {
  skip: !isLinux && 'only Linux lists the sockets of a process',
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  // While claude is examined, a scripted model listens as well, for some seconds.
  noteExamined(folders.dataDir, [fake])
  const environment = { ANTHROPIC_API_KEY: secret, ANTHROPIC_AUTH_TOKEN: 'a-token-of-no-known-form' }
  const server = startProgram(t, serveWords(folders, fake), { folders, environment })
  const url = await server.url()
  await server.printed(/claude 2\.1\.330 at \S+well-behaved\.mjs \(logged in: api_key\)/)
  const { port } = new URL(url)
  assert.equal(url, `http://127.0.0.1:${port}`)
  const expected = [`127.0.0.1 ${port}`, ...(hasIpv6 ? [`::1 ${port}`] : [])]
  assert.deepEqual(listeningOf(server.pid).toSorted(), expected)
  const { code, stdout, stderr } = await server.stop()
  assert.equal(code, 0, stderr)
  for (const text of [secret, 'a-token-of-no-known-form']) assert.ok(!`${stdout}${stderr}`.includes(text), text)
})

/** The settings with which `serve` would start. */
function configOf(folders: TestFolders, flags: Record<string, string> = {}, environment: Record<string, string> = {}) {
  return loadConfig({
    flags,
    environment: { HOME: folders.home, ...environment },
    cwd: folders.cwd,
    isTerminal: false,
  }).config
}

test('A01 nothing that widens access is on by default', (t) => {
  const { host, port, allowHosts, corsOrigins, permissionModes, demo } = configOf(makeFolders(t))
  assert.deepEqual(
    { host, port, allowHosts, corsOrigins, permissionModes, demo },
    {
      ...{ host: '127.0.0.1', port: 5005, allowHosts: [], corsOrigins: [], demo: false },
      permissionModes: ['default', 'acceptEdits', 'plan', 'dontAsk'],
    },
  )
})

test('A02 a port that another program holds ends the start with exit 1 and leaves nothing behind', {
  skip: !hasIpv6 && 'no IPv6 here',
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const port = await occupy(t, '127.0.0.1')
  const refused = await runProgram(t, serveWords(folders, fake, `--port=${port}`), { folders })
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, new RegExp(`claude-serve: port ${port} is in use by another program: .*--port`))
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
  const other = await occupy(t, '::1')
  await assert.rejects(startTestServer(t, { folders, config: { port: other } }), { code: 'EADDRINUSE' })
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
  // The folder was released and works as before.
  await (await startTestServer(t, { folders, fake: 'well-behaved' })).close(0)
})

/** The server refuses to start in this process, for the same reason for which \`serve\` ends with exit 1. */
async function assertNotStarted(t: TestContext, options: TestServerOptions, pattern: RegExp): Promise<void> {
  await assert.rejects(startTestServer(t, { fake: 'well-behaved', ...options }), (error) => {
    assert.ok(error instanceof StartupError, String(error))
    assert.match(error.message, pattern)
    return true
  })
}

for (const code of ['EADDRNOTAVAIL', 'EAFNOSUPPORT']) {
  test(`A04 on a machine without IPv6 (${code}) it starts on IPv4 only`, { timeout }, async (t) => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const { listen } = Server.prototype
    const hosts: unknown[] = []
    t.mock.method(Server.prototype, 'listen', function (this: Server, ...args: unknown[]) {
      const [where] = args as [{ host?: string } | undefined]
      hosts.push(where?.host)
      if (where?.host !== '::1') return Reflect.apply(listen, this, args)
      process.nextTick(() => this.emit('error', Object.assign(new Error(code), { code, syscall: 'listen' })))
      return this
    })
    const server = await startTestServer(t, { upstream, fake: 'well-behaved' })
    assert.deepEqual(hosts, ['127.0.0.1', '::1'])
    assert.equal((await fetch(`${server.url}/livez`)).status, 200)
    assert.ok(!server.logLines.some(({ level }) => Number(level) >= 50))
  })
}

/** Spellings of addresses beyond this machine, and what could be mistaken for one. */
const wide = [
  ...['0.0.0.0', '::', '0', '0x0', '::0', '[::]', '', ' ', '０', '0.0', '000.000.000.000', '0x7f000001x'],
  ...['192.168.1.5', '10.0.0.1', 'fe80::1', '::ffff:0.0.0.0', '*', 'example.com', 'localhost.example', 'LOCALHOST.'],
]
const lan = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

for (const host of [...wide, ...(lan === undefined ? [] : [lan])]) {
  test(`A05 --host ${JSON.stringify(host)} without a key opens no port`, async (t) => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const listen = t.mock.method(Server.prototype, 'listen')
    const reason = /needs at least one API key: create one with \S+claude-serve keys create/
    await assertNotStarted(t, { upstream, config: { host, port: 0 } }, reason)
    assert.equal(listen.mock.callCount(), 0)
  })
}

test('A05 a wide address ends with exit 1 and says what is missing', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const refused = await runProgram(t, serveWords(folders, fake, '--host=0.0.0.0'), { folders })
  assertRefused(refused, /needs at least one API key: create one with \S+claude-serve keys create/, /127\.0\.0\.1/)
})

test('A05 a wide address may come from a variable or a file, and loopback by a flag wins over both', (t) => {
  const folders = makeFolders(t)
  const config = join(folders.home, 'mine.json')
  writeFileSync(config, '{"host": "0.0.0.0"}')
  const byVariable = { CLAUDE_SERVE_HOST: '0.0.0.0' }
  assert.equal(configOf(folders, {}, byVariable).host, '0.0.0.0')
  assert.equal(configOf(folders, { config }).host, '0.0.0.0')
  assert.equal(configOf(folders, { config, host: '127.0.0.1' }, byVariable).host, '127.0.0.1')
})

test('A06 a wide address needs a key that is not revoked, and an allowed host name', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const { secret, prefix, hash } = newSecret()
  mkdirSync(folders.dataDir, { mode: 0o700 })
  const keys = await openKeyStore(folders.dataDir)
  await keys.createKey({
    id: 'key_1',
    name: 'a',
    prefix,
    hash,
    scopes: ['chat'],
    createdAtMs: Date.now(),
    ...unlimitedKey,
  })
  const reason = /needs the host names that clients may use: set --allow-host/
  const refused = await runProgram(t, serveWords(folders, fake, '--host=0.0.0.0'), { folders })
  assertRefused(refused, reason)
  assert.ok(!refused.stderr.includes(secret))
  assert.ok(await keys.revokeKey('key_1', Date.now()))
  await keys.close()
  const named = { host: '0.0.0.0', allowHosts: ['box.example'] }
  await assertNotStarted(t, { folders, config: named }, /at least one API key/)
})

type Unwritable = { dataDir: string; before: string[] }

/** A folder on a disk that cannot be written to; for root, whom no mode stops, in a mount namespace of its own. */
function makeReadOnlyFolder({ root }: TestFolders): Unwritable | null {
  const folder = join(root, 'disk')
  mkdirSync(folder, { mode: 0o500 })
  if (!isRoot) return { dataDir: folder, before: [] }
  const before = ['unshare', '-m', '/bin/sh', '-c', `mount -t tmpfs -o ro none ${folder} && exec "$0" "$@"`]
  try {
    execFileSync(before[0] ?? '', [...before.slice(1), '/bin/true'], {
      stdio: 'ignore',
      env: { PATH: '/usr/bin:/bin' },
    })
    return { dataDir: join(folder, 'data'), before }
  } catch {
    return null
  }
}

test('A10 a data folder on a disk that cannot be written to ends the start with exit 1', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const disk = makeReadOnlyFolder(folders)
  if (disk === null) return t.skip('no disk can be made read-only here')
  const words = serveWords({ ...folders, dataDir: disk.dataDir }, fake)
  const refused = await runProgram(t, words, { folders, before: disk.before })
  assertRefused(refused, new RegExp(`${disk.dataDir}\\S* cannot be used .*--data-dir`))
})

test('A10 a data folder that cannot be created ends the start, and nothing is created', async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'file')
  writeFileSync(file, 'mine')
  const config = { dataDir: join(file, 'data') }
  await assertNotStarted(t, { folders, config }, /file\/data cannot be used .*--data-dir/)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  assert.deepEqual(readdirSync(folders.root).toSorted(), ['file', 'home', 'work'])
})

test('A13 a second server on the same data folder ends with exit 1, and the first keeps running', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const first = await startTestServer(t, { folders, fake: 'well-behaved' })
  const before = readdirSync(join(folders.dataDir, 'servers'))
  const second = await runProgram(t, serveWords(folders, fake), { folders })
  assertRefused(second, new RegExp(`${folders.dataDir} is in use by another claude-serve \\(process ${process.pid}\\)`))
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), before)
  const { status, body } = await post(first, '/v1/chat', { prompt: 'hi' })
  assert.deepEqual([status, body.stop_reason], [200, 'end_turn'])
})

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Each file of the database with the digest of its content. */
const contentOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith('claude-serve.db'))
    .map((name) => [name, digest(join(folder, name))])

test('A14 a database of a newer schema ends the start with exit 1 and stays unchanged byte for byte', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  await (await startTestServer(t, { folders, fake: 'well-behaved' })).close(0)
  const makeNewer = (version: number) => {
    const db = new DatabaseSync(join(folders.dataDir, 'claude-serve.db'))
    db.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${version}`)
    db.close()
    return contentOf(folders.dataDir)
  }
  const latest = makeNewer(2 ** 31 - 1)
  await assertNotStarted(t, { folders }, new RegExp(`schema is ${2 ** 31 - 1}`))
  assert.deepEqual(contentOf(folders.dataDir), latest)
  const next = migrations.length + 1
  const before = makeNewer(next)
  assert.equal(before.length, 1)
  const refused = await runProgram(t, serveWords(folders, fake), { folders })
  assertRefused(refused, /was created by a newer claude-serve/, new RegExp(`schema is ${next}`), /--data-dir/)
  assert.deepEqual(contentOf(folders.dataDir), before)
})

const badFiles: [what: string, content: string, expected: RegExp][] = [
  ['a typing mistake', '{"prot": 5006}', /prot: 5006 .*this key does not exist; did you mean port\?/],
  ['a switch of another program', '{"anonymous": "full"}', /anonymous: "full" .*this key does not exist/],
  ['a name that reaches for prototypes', '{"__proto__": {"host": "0.0.0.0"}}', /__proto__: .*this key does not exist/],
  ['an invalid port', '{"port": "5005x"}', /--port: "5005x" .*integer from 0 to 65535/],
  ['an array for a text', '{"host": ["127.0.0.1"]}', /--host: \["127\.0\.0\.1"\]/],
  ['a word for a switch', '{"demo": "maybe"}', /--demo: "maybe" /],
  ['an unknown permission mode', '{"permission-modes": "default,yolo"}', /--permission-modes: .*bypassPermissions/],
  ['a root that is the whole disk', '{"cwd-root": ["/"]}', /--cwd-root: "\/" .*whole disk/],
  ['any origin', '{"cors-origin": ["*"]}', /--cors-origin: "\*" /],
  ['any host', '{"allow-host": ["*"]}', /--allow-host: "\*" /],
  ['one key in two spellings', '{"body-limit": "1mb", "bodyLimit": "2mb"}', /bodyLimit: "2mb" .*it is set twice/],
  ['a list instead of settings', '["port", 5005]', /--config: .*one JSON object/],
  ['no JSON', 'port = 5005', /--config: .*valid JSON/],
  ['an empty file', '', /--config: .*valid JSON/],
]
for (const [what, content, expected] of badFiles) {
  test(`A16 a settings file with ${what} is refused, and the message names the file`, (t) => {
    const folders = makeFolders(t)
    const config = join(folders.home, 'mine.json')
    writeFileSync(config, content)
    assert.throws(
      () => configOf(folders, { config }),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.match(error.message, expected)
        assert.doesNotMatch(error.message, /\n/)
        assert.ok(error.where.includes(config), error.where)
        return true
      },
    )
  })
}

test('A16 a settings file that is refused ends the start with exit 1, names the file, and creates nothing', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.home, 'mine.json')
  writeFileSync(file, '{"prot": 5006}')
  const words = ['serve', fake, `--config=${file}`, `--data-dir=${folders.dataDir}`]
  const refused = await runProgram(t, words, { folders })
  assertRefused(refused, /prot: 5006 .*this key does not exist; did you mean port\?/)
  assert.ok(refused.stderr.includes(file), refused.stderr)
  assert.ok(!existsSync(folders.dataDir))
})

test('A16 a secret in a setting that is refused is not shown', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const database = { CLAUDE_SERVE_DATABASE: 'postgres://me:a-password-77@db.example/x' }
  assert.throws(
    () => configOf(folders, {}, database),
    ({ message }: Error) => /CLAUDE_SERVE_DATABASE/.test(message) && !/a-password-77/.test(message),
  )
  const refused = await runProgram(t, ['serve'], { folders, environment: { CLAUDE_SERVE_WARM: secret } })
  assertRefused(refused, /CLAUDE_SERVE_WARM/)
  assert.doesNotMatch(refused.stderr, /operators-own/)
})

test('a server whose folder for temporary files does not exist does not start, and says which variable to set', async (t) => {
  const folders = makeFolders(t)
  const environment = { TMPDIR: join(folders.root, 'missing') }
  const refused = await runProgram(t, serveWords(folders, fake), { folders, environment })
  assertRefused(refused, /missing.*: set TMPDIR to one that can/)
})

test('A18 as root bypassPermissions is refused to every request, whether it was allowed at the start or not', {
  skip: !isRoot && 'only for root',
  timeout,
}, async (t) => {
  for (const modes of ['bypassPermissions', 'default,bypassPermissions']) {
    const folders = makeFolders(t)
    const record = join(folders.cwd, '.fake-cli-log.jsonl')
    writeFileSync(join(folders.cwd, 'record-here'), '')
    const config = { permissionModes: configOf(folders, { permissionModes: modes }).permissionModes }
    const server = await startTestServer(t, { folders, fake: 'well-behaved', config })
    for (const path of ['/v1/chat', '/v1/chat/stream']) {
      const body = { prompt: 'hi', permission_mode: 'bypassPermissions' }
      const refused = await post(server, path, body)
      assert.deepEqual([refused.status, refused.body.code], [403, 'permission_mode_not_allowed'])
      assert.match(String(refused.body.error), /runs as root/)
    }
    assert.equal((await post(server, '/v1/chat', { prompt: 'hi' })).status, 200)
    for (const { argv } of starts(record)) assert.doesNotMatch(argv.join(' '), /bypassPermissions|dangerously/)
    await server.close(0)
  }
})

/** How the stand-in for the CLI was started, except for queries of its version and its login. */
function starts(record: string): { argv: string[] }[] {
  const all = readFileSync(record, 'utf8').trim().split('\n')
  const turns = all
    .map((line) => JSON.parse(line) as { argv: string[] })
    .filter(({ argv }) => argv.some((word) => word.startsWith('--input-format')))
  assert.ok(turns.length > 0, 'no process was started for a turn')
  return turns
}

test('A18 bypassPermissions is refused unless it was allowed at the start', { timeout }, async (t) => {
  const server = await startTestServer(t, { fake: 'well-behaved' })
  const refused = await post(server, '/v1/chat', { prompt: 'hi', permission_mode: 'bypassPermissions' })
  assert.deepEqual([refused.status, refused.body.code], [403, 'permission_mode_not_allowed'])
})

test('F21 a claude on the search path that others can change is never run: the server starts and says why', async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'bin', 'claude')
  mkdirSync(dirname(file))
  writeFileSync(file, `#!/bin/sh\necho "$@" >> ${folders.root}/was-run\necho '2.1.330 (Claude Code)'\n`)
  chmodSync(file, 0o777)
  const server = await startTestServer(t, { folders, environment: { PATH: `${dirname(file)}:/usr/bin:/bin` } })
  const { path: used, error } = await server.claude
  const expected = /can be changed by other users of this machine: chmod go-w/
  assert.equal(used, null)
  assert.match(error ?? '', expected)
  const health = await fetch(`${server.url}/v1/health`)
  assert.equal(health.status, 503)
  assert.match(await health.text(), expected)
  const { status, body } = await post(server, '/v1/chat', { prompt: 'hi' })
  assert.deepEqual([status, body.code], [503, 'claude_not_found'])
  assert.ok(!existsSync(join(folders.root, 'was-run')), 'it was run')
})
