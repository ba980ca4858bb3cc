// Start-up: the server starts only in a configuration that it can defend, and otherwise says why and ends. Each title begins with the
// number of its attack.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { startUpstream } from '../../src/demo/upstream.ts'
import { StartupError } from '../../src/errors.ts'
import { migrations } from '../../src/store/migrations.ts'
import { post } from '../helpers/client.ts'
import { fakeCli, makeFolders, startTestServer, type TestFolders } from '../helpers/test-server.ts'
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

test('A01 nothing that widens access is on by default', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const { code, stdout } = await runProgram(t, ['serve', '--print-config', '--json'], { folders })
  assert.equal(code, 0)
  const shown = JSON.parse(stdout) as Record<string, { value: unknown; source: string }>
  const values = Object.fromEntries(Object.entries(shown).map(([name, { value }]) => [name, value]))
  assert.deepEqual(
    {
      host: values.host,
      port: values.port,
      allowed: values['allow-host'],
      origins: values['cors-origin'],
      modes: values['permission-modes'],
      demo: values.demo,
    },
    { host: '127.0.0.1', port: 5005, allowed: [], origins: [], modes: 'default,acceptEdits,plan,dontAsk', demo: false },
  )
})

for (const taken of ['127.0.0.1', '::1']) {
  test(`A02 a port that another program holds on ${taken} ends the start with exit 1 and leaves nothing behind`, {
    skip: !hasIpv6 && 'no IPv6 here',
    timeout,
  }, async (t) => {
    const folders = makeFolders(t)
    const port = await occupy(t, taken)
    const refused = await runProgram(t, serveWords(folders, fake, `--port=${port}`), { folders })
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, new RegExp(`claude-serve: port ${port} is in use by another program: .*--port`))
    assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
    // The folder was released and works as before.
    await (await startTestServer(t, { folders, fake: 'well-behaved' })).close(0)
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
    await assert.rejects(startTestServer(t, { upstream, config: { host, port: 0 } }), (error) => {
      assert.ok(error instanceof StartupError)
      assert.match(error.message, /needs at least one API key: create one with claude-serve keys create/)
      return true
    })
    assert.equal(listen.mock.callCount(), 0)
  })
}

const byVariable = { CLAUDE_SERVE_HOST: '0.0.0.0' }
for (const [how, words, environment] of [
  ['a flag', ['--host=0.0.0.0'], {}],
  ['a variable', [], byVariable],
] as const) {
  test(`A05 a wide address by ${how} ends with exit 1 and says what is missing`, { timeout }, async (t) => {
    const folders = makeFolders(t)
    const refused = await runProgram(t, serveWords(folders, fake, ...words), { folders, environment })
    assertRefused(refused, /needs at least one API key: create one with claude-serve keys create/, /127\.0\.0\.1/)
  })
}

test('A05 a wide address by a file ends with exit 1, and loopback by a flag wins over it', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.home, 'mine.json')
  writeFileSync(file, '{"host": "0.0.0.0"}')
  assertRefused(await runProgram(t, serveWords(folders, fake, `--config=${file}`), { folders }), /at least one API key/)
  const server = startProgram(t, serveWords(folders, fake, `--config=${file}`, '--host=127.0.0.1'), { folders })
  assert.match(await server.url(), /^http:\/\/127\.0\.0\.1:/)
})

test('A06 a wide address with a key but no allowed host name ends with exit 1', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const dataDirFlag = `--data-dir=${folders.dataDir}`
  const made = await runProgram(t, ['keys', 'create', 'laptop', '--quiet', dataDirFlag], { folders })
  assert.equal(made.code, 0, made.stderr)
  const wideWords = serveWords(folders, fake, '--host=0.0.0.0')
  const refused = await runProgram(t, wideWords, { folders })
  assertRefused(refused, /needs the host names that clients may use: set --allow-host/)
  assert.ok(!refused.stderr.includes(made.stdout.trim()))
  const revoked = await runProgram(t, ['keys', 'revoke', 'laptop', dataDirFlag], { folders })
  assert.equal(revoked.code, 0, revoked.stderr)
  const again = await runProgram(t, [...wideWords, '--allow-host=box.example'], { folders })
  assertRefused(again, /at least one API key/)
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

test('A10 a data folder that cannot be created ends the start with exit 1, and nothing is created', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'file')
  writeFileSync(file, 'mine')
  const words = serveWords({ ...folders, dataDir: join(file, 'data') }, fake)
  assertRefused(await runProgram(t, words, { folders }), /file\/data cannot be used .*--data-dir/)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  assert.deepEqual(readdirSync(folders.root).toSorted(), ['file', 'home', 'work'])
})

test('A13 a second server on the same data folder ends with exit 1, and the first keeps running', {
  timeout,
}, async (t) => {
  const folders = makeFolders(t)
  const first = startProgram(t, serveWords(folders, fake), { folders })
  const url = await first.url()
  const before = readdirSync(join(folders.dataDir, 'servers'))
  const second = await runProgram(t, serveWords(folders, fake), { folders })
  assertRefused(second, new RegExp(`${folders.dataDir} is in use by another claude-serve \\(process ${first.pid}\\)`))
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), before)
  const { status, body } = await post({ url }, '/v1/chat', { prompt: 'hi' })
  assert.deepEqual([status, body.stop_reason], [200, 'end_turn'])
})

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Each file of the database with the digest of its content. */
const contentOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith('claude-serve.db'))
    .map((name) => [name, digest(join(folder, name))])

for (const version of [migrations.length + 1, 2 ** 31 - 1]) {
  test(`A14 a database of schema ${version} ends the start with exit 1 and stays unchanged byte for byte`, {
    timeout,
  }, async (t) => {
    const folders = makeFolders(t)
    await (await startTestServer(t, { folders, fake: 'well-behaved' })).close(0)
    const db = new DatabaseSync(join(folders.dataDir, 'claude-serve.db'))
    db.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${version}`)
    db.close()
    const before = contentOf(folders.dataDir)
    assert.equal(before.length, 1)
    const refused = await runProgram(t, serveWords(folders, fake), { folders })
    assertRefused(refused, /was created by a newer claude-serve/, new RegExp(`schema is ${version}`), /--data-dir/)
    assert.deepEqual(contentOf(folders.dataDir), before)
  })
}

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
  test(`A16 a settings file with ${what} ends the start with exit 1 and names the file`, { timeout }, async (t) => {
    const folders = makeFolders(t)
    const file = join(folders.home, 'mine.json')
    writeFileSync(file, content)
    const words = ['serve', fake, `--config=${file}`, `--data-dir=${folders.dataDir}`]
    const refused = await runProgram(t, words, { folders })
    assertRefused(refused, expected)
    assert.ok(refused.stderr.includes(file), refused.stderr)
    assert.ok(!existsSync(folders.dataDir))
  })
}

test('A16 a secret in a setting that is refused is not shown', { timeout }, async (t) => {
  const folders = makeFolders(t)
  const environment = { CLAUDE_SERVE_DATABASE: 'postgres://me:a-password-77@db.example/x', CLAUDE_SERVE_WARM: secret }
  for (const name of ['CLAUDE_SERVE_DATABASE', 'CLAUDE_SERVE_WARM'] as const) {
    const refused = await runProgram(t, ['serve'], { folders, environment: { [name]: environment[name] } })
    assertRefused(refused, new RegExp(name))
    assert.doesNotMatch(refused.stderr, /a-password-77|operators-own/)
  }
})

test('A18 as root bypassPermissions is refused to every request, whether it was allowed at the start or not', {
  skip: !isRoot && 'only for root',
  timeout,
}, async (t) => {
  for (const modes of ['bypassPermissions', 'default,bypassPermissions']) {
    const folders = makeFolders(t)
    const record = join(folders.cwd, '.fake-cli-log.jsonl')
    writeFileSync(join(folders.cwd, 'record-here'), '')
    const server = startProgram(t, serveWords(folders, fake, `--permission-modes=${modes}`), { folders })
    const url = await server.url()
    for (const path of ['/v1/chat', '/v1/chat/stream']) {
      const body = { prompt: 'hi', permission_mode: 'bypassPermissions' }
      const refused = await post({ url }, path, body)
      assert.deepEqual([refused.status, refused.body.code], [403, 'permission_mode_not_allowed'])
      assert.match(String(refused.body.error), /runs as root/)
    }
    assert.equal((await post({ url }, '/v1/chat', { prompt: 'hi' })).status, 200)
    for (const { argv } of starts(record)) assert.doesNotMatch(argv.join(' '), /bypassPermissions|dangerously/)
    await server.stop()
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

type Trap = { claudeBin: string | null; path?: string; roots?: string[]; expected: RegExp }

/** A `claude` that records each run. */
function makeTrap({ root }: TestFolders, folder: string): string {
  mkdirSync(join(root, folder), { recursive: true })
  const file = join(root, folder, 'claude')
  writeFileSync(file, `#!/bin/sh\necho "$@" >> ${root}/was-run\necho '2.1.330 (Claude Code)'\n`)
  chmodSync(file, 0o755)
  return file
}

const traps: [what: string, make: (folders: TestFolders) => Trap, isPossible?: boolean][] = [
  [
    'can be written to by everybody',
    (folders) => {
      const claudeBin = makeTrap(folders, 'bin')
      chmodSync(claudeBin, 0o777)
      return { claudeBin, expected: /can be changed by other users of this machine: chmod go-w/ }
    },
  ],
  [
    'is a link to a file that can be written to by everybody',
    (folders) => {
      const target = makeTrap(folders, 'bin')
      chmodSync(target, 0o757)
      const claudeBin = join(folders.root, 'link')
      symlinkSync(target, claudeBin)
      return { claudeBin, expected: /can be changed by other users/ }
    },
  ],
  [
    'lies in a folder that can be written to by everybody',
    (folders) => {
      const claudeBin = makeTrap(folders, 'bin')
      chmodSync(dirname(claudeBin), 0o777)
      return { claudeBin, expected: /can be (?:changed|replaced) by other users of this machine: chmod go-w \S+bin\b/ }
    },
  ],
  [
    'is a link in a folder that can be written to by everybody',
    (folders) => {
      const target = makeTrap(folders, 'bin')
      const folder = join(folders.root, 'links')
      mkdirSync(folder)
      chmodSync(folder, 0o777)
      const claudeBin = join(folder, 'claude')
      symlinkSync(target, claudeBin)
      return {
        claudeBin,
        expected: /can be (?:changed|replaced) by other users of this machine: chmod go-w \S+links\b/,
      }
    },
  ],
  [
    'can be written to by the group of other people',
    (folders) => {
      const claudeBin = makeTrap(folders, 'bin')
      chownSync(claudeBin, 0, 12_345)
      chmodSync(claudeBin, 0o775)
      return { claudeBin, expected: /can be changed by other users/ }
    },
    isRoot,
  ],
  [
    'lies in a folder where agents work',
    (folders) => {
      const claudeBin = makeTrap(folders, 'project/bin')
      const root = realpathSync(join(folders.root, 'project'))
      return { claudeBin, roots: [root], expected: /is in \S+project, where agents may work.*--claude-bin/ }
    },
  ],
  [
    'is a link into a folder where agents work',
    (folders) => {
      const target = makeTrap(folders, 'project')
      const claudeBin = join(folders.root, 'link')
      symlinkSync(target, claudeBin)
      return { claudeBin, roots: [dirname(target)], expected: /where agents may work/ }
    },
  ],
  [
    'stands on the search path and can be written to by everybody',
    (folders) => {
      const file = makeTrap(folders, 'bin')
      chmodSync(file, 0o777)
      return { claudeBin: null, path: dirname(file), expected: /can be changed by other users/ }
    },
  ],
]
for (const [what, make, isPossible = true] of traps) {
  test(`F21 a claude that ${what} is never run: the server starts and says why`, {
    skip: !isPossible && 'only root can arrange it',
    timeout,
  }, async (t: TestContext) => {
    const folders = makeFolders(t)
    const { claudeBin, path, roots, expected } = make(folders)
    const config = { claudeBin, ...(roots === undefined ? {} : { cwdRoots: roots }) }
    const environment: Record<string, string> = path === undefined ? {} : { PATH: `${path}:/usr/bin:/bin` }
    const server = await startTestServer(t, { folders, config, environment })
    const { path: used, error } = await server.claude
    assert.equal(used, null)
    assert.match(error ?? '', expected)
    const health = await fetch(`${server.url}/v1/health`)
    assert.equal(health.status, 503)
    assert.match(await health.text(), expected)
    const { status, body } = await post(server, '/v1/chat', { prompt: 'hi' })
    assert.deepEqual([status, body.code], [503, 'claude_not_found'])
    assert.ok(!existsSync(join(folders.root, 'was-run')), 'it was run')
  })
}
