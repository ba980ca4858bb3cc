// Each check of the doctor, with good and bad results: the finding and its fix.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { newSecret } from '../../../src/auth/keys.ts'
import { createLoginLink } from '../../../src/auth/login-links.ts'
import { identityOf, ownIdentity } from '../../../src/claude/process/process-registry.ts'
import { examineClaude, examineLogin, examineNode } from '../../../src/commands/doctor/claude.ts'
import { examineDatabase, examineKeys } from '../../../src/commands/doctor/database.ts'
import { examineEnvironment } from '../../../src/commands/doctor/environment.ts'
import { examineDisk, examineFiles, examineFolder } from '../../../src/commands/doctor/files.ts'
import type { State } from '../../../src/commands/doctor/finding.ts'
import { asLines, asSummary } from '../../../src/commands/doctor/report.ts'
import { examinePort, examineServer } from '../../../src/commands/doctor/server.ts'
import { examineSettings } from '../../../src/commands/doctor/settings.ts'
import { examineTurn } from '../../../src/commands/doctor/turn.ts'
import { noPolicy } from '../../../src/core/key-record.ts'
import { ownCommand } from '../../../src/platform/installation.ts'
import { writeServerAddress } from '../../../src/platform/server-address.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { fakeCli, makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import { assertOne, contextIn } from './process.ts'

const withNode = `${dirname(process.execPath)}:/usr/bin:/bin`

test('node: a version that is too old', () => {
  assertOne([examineNode('22.18.0')], 'ok', /^Node\.js 22\.18\.0$/, null)
  assertOne([examineNode('22.17.9')], 'problem', /22\.17\.9 is too old: at least 22\.18 is required/, /newer Node/)
})

test('claude: one that is too old, configured and on PATH', async (t) => {
  const folders = makeFolders(t)
  const environment = { PATH: withNode }
  const chosen = contextIn(folders, { config: { claudeBin: fakeCli('old-version') }, environment })
  assertOne(
    await examineClaude(chosen),
    'problem',
    /old-version\.mjs is version 1\.0\.3; at least/,
    /^\/.*old-version\.mjs update$/,
  )
  const bin = join(folders.root, 'bin')
  mkdirSync(bin)
  symlinkSync(fakeCli('old-version'), join(bin, 'claude'))
  const [used, passedOver] = await examineClaude(contextIn(folders, { environment: { PATH: `${bin}:${withNode}` } }))
  assert.match(used?.message ?? '', /\(bundled with claude-serve\)$/)
  assertOne(
    passedOver ? [passedOver] : [],
    'warning',
    /the claude on PATH is not used: .* 1\.0\.3; .* is required$/,
    /^claude update$/,
  )
})

test('claude: one that others can change', async (t) => {
  const folders = makeFolders(t)
  const bin = join(folders.root, 'bin')
  cpSync(dirname(fakeCli('well-behaved')), bin, { recursive: true })
  const claudeBin = join(bin, 'well-behaved.mjs')
  chmodSync(claudeBin, 0o777)
  const context = contextIn(folders, { config: { claudeBin }, environment: { PATH: withNode } })
  assertOne(
    await examineClaude(context),
    'problem',
    /can be changed by other users/,
    /^chmod go-w .*well-behaved\.mjs$/,
  )
  const spaced = join(folders.root, 'my claude')
  cpSync(claudeBin, spaced)
  chmodSync(spaced, 0o777)
  const other = contextIn(folders, { config: { claudeBin: spaced }, environment: { PATH: withNode } })
  assertOne(await examineClaude(other), 'problem', /chmod go-w \S+\/my claude$/, /^chmod go-w '\S+\/my claude'$/)
  chmodSync(claudeBin, 0o755)
  assertOne(await examineClaude(context), 'ok', /^claude 2\.\d+\.\d+ at .*well-behaved\.mjs \(as configured\)$/, null)
})

test('claude: a path that reads like a fix is not taken for one', async (t) => {
  const folders = makeFolders(t)
  const claudeBin = join(folders.root, 'chmod go-w at least 2.1.330')
  writeFileSync(claudeBin, '')
  const context = contextIn(folders, { config: { claudeBin }, environment: { PATH: withNode } })
  assertOne(await examineClaude(context), 'problem', /is not an executable file/, /^leave out claude-bin/)
})

test('login: nobody is logged in, which the demo does not need', async (t) => {
  const folders = makeFolders(t)
  const base = { config: { claudeBin: fakeCli('not-logged-in') }, environment: { PATH: withNode } }
  assertOne(await examineLogin(contextIn(folders, base)), 'problem', /not logged in/, /claude-serve login$/)
  const demo = contextIn(folders, { ...base, config: { ...base.config, demo: true } })
  assertOne(await examineLogin(demo), 'ok', /^not needed: this is the demo$/, null)
  const fine = contextIn(folders, { ...base, config: { claudeBin: fakeCli('well-behaved') } })
  assertOne(await examineLogin(fine), 'ok', /^logged in \(api_key\)$/, null)
})

for (const [fake, message] of [
  ['well-behaved', /^an agent: the answer is not from the scripted model: Hello from the fake CLI/],
  ['crash-mid-answer', /^an agent: a turn with the scripted model failed: Claude Code /],
] as const) {
  test(`turn: a claude that does not return the answer of the model (${fake})`, async (t) => {
    const folders = makeFolders(t)
    const config = { claudeBin: fakeCli(fake) }
    const findings = await examineTurn(contextIn(folders, { config, environment: { PATH: withNode } }))
    assert.deepEqual(
      findings.map(({ check, state }) => `${check} ${state}`),
      ['turn problem'],
    )
    assert.match(findings[0]?.message ?? '', message)
  })
}

const variables: [environment: Record<string, string>, state: State, message: RegExp, fix: string | null][] = [
  [{}, 'ok', /no variable interferes/, null],
  [{ ANTHROPIC_API_KEY: '' }, 'ok', /no variable/, null],
  [
    { ANTHROPIC_API_KEY: 'sk-ant-1' },
    'warning',
    /^ANTHROPIC_API_KEY is set: claude uses and bills this key, regardless/,
    'unset ANTHROPIC_API_KEY',
  ],
  [{ ANTHROPIC_AUTH_TOKEN: 'sk-ant-1' }, 'ok', /^ANTHROPIC_AUTH_TOKEN is set/, null],
  [{ CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-1' }, 'ok', /^CLAUDE_CODE_OAUTH_TOKEN is set/, null],
  [
    { ANTHROPIC_BASE_URL: 'https://me:pw@gate.example/v1' },
    'warning',
    /requests go to gate\.example,/,
    'unset ANTHROPIC_BASE_URL',
  ],
  [{ ANTHROPIC_BASE_URL: 'pw' }, 'warning', /requests go to an invalid address/, 'unset ANTHROPIC_BASE_URL'],
  [{ CLAUDE_CODE_USE_BEDROCK: '1' }, 'ok', /^CLAUDE_CODE_USE_BEDROCK is set/, null],
  [{ CLAUDE_CODE_USE_BEDROCK: '0' }, 'ok', /no variable/, null],
  [{ CLAUDE_CONFIG_DIR: '/x' }, 'ok', /in \/x$/, null],
  [{ CLAUDECODE: '1' }, 'warning', /inside Claude Code/, 'start it in another terminal'],
  [{ https_proxy: 'http://me:pw@proxy.example:3128' }, 'ok', /claude connects through proxy\.example:3128$/, null],
  [{ NODE_USE_ENV_PROXY: '1' }, 'warning', /use the proxy/, 'export NO_PROXY=127.0.0.1,localhost'],
  [{ NODE_USE_ENV_PROXY: '1', NO_PROXY: 'localhost, 127.0.0.1' }, 'ok', /no variable/, null],
  [
    { NODE_EXTRA_CA_CERTS: '/no/such.pem' },
    'problem',
    /names \/no\/such\.pem, which does not exist/,
    'unset NODE_EXTRA_CA_CERTS',
  ],
  [{ NODE_EXTRA_CA_CERTS: '/dev/null' }, 'ok', /no variable/, null],
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, 'problem', /any server that claims/, 'unset NODE_TLS_REJECT_UNAUTHORIZED'],
]

for (const [environment, state, message, fix] of variables) {
  test(`environment: ${JSON.stringify(environment)}`, async (t) => {
    // This claude is logged in whatever the variables say.
    const own = { config: { claudeBin: fakeCli('well-behaved') }, environment: { PATH: withNode, ...environment } }
    const findings = await examineEnvironment(contextIn(makeFolders(t), own))
    assertOne(findings, state, message, fix === null ? null : new RegExp(`^${fix}$`))
    assert.doesNotMatch(JSON.stringify(findings), /sk-ant-1|pw/)
    // And this one only because of them: nothing is said that would end that.
    const only = { ...own, config: { claudeBin: fakeCli('not-logged-in') } }
    const removed = (await examineEnvironment(contextIn(makeFolders(t), only))).flatMap(({ fix }) => fix ?? [])
    assert.deepEqual(
      removed.filter((each) => /^unset ANTHROPIC|^unset CLAUDE_CODE_OAUTH/.test(each)),
      [],
    )
  })
}

test('data folder: missing, impossible to create, not a folder, shared, open to others', async (t) => {
  const folders = makeFolders(t)
  const look = (dataDir: string) => examineFolder(contextIn(folders, { config: { dataDir } }))
  const file = join(folders.root, 'file')
  writeFileSync(file, '')
  assertOne(await look(join(folders.root, 'a', 'b')), 'ok', /is created at the first start$/, null)
  assertOne(await look(join(file, 'data')), 'problem', /cannot be created: .*file is not writable$/, /--data-dir/)
  assertOne(await look(file), 'problem', /file is not a folder$/, /--data-dir/)
  const shared = join(folders.root, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o1777)
  assertOne(await look(shared), 'problem', /is shared by many users$/, /--data-dir/)
  const open = join(folders.root, "it's open")
  mkdirSync(open)
  chmodSync(open, 0o707)
  assertOne(await look(open), 'problem', /open to other users \(0707\)$/, /^chmod 700 '.*\/it'\\''s open'$/)
  chmodSync(open, 0o700)
  assertOne(await look(open), 'ok', /it's open$/, null)
})

test('data folder and files: those of another user', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only the administrator can give files away')
  const { chownSync } = await import('node:fs')
  const folders = makeFolders(t)
  mkdirSync(folders.dataDir, { mode: 0o700 })
  writeFileSync(join(folders.dataDir, 'x'), '', { mode: 0o600 })
  chownSync(join(folders.dataDir, 'x'), 65534, 65534)
  assertOne(await examineFiles(contextIn(folders)), 'problem', /x belongs to another user \(65534\)$/, /^sudo chown -R/)
  chownSync(folders.dataDir, 65534, 65534)
  assertOne(await examineFolder(contextIn(folders)), 'problem', /data belongs to another user/, /^sudo chown -R/)
})

test('files: links are not followed, what a claude writes for itself is skipped, many findings are summarized', async (t) => {
  const folders = makeFolders(t)
  mkdirSync(join(folders.dataDir, 'demo'), { recursive: true, mode: 0o700 })
  const outside = join(folders.root, 'outside')
  writeFileSync(outside, '', { mode: 0o644 })
  symlinkSync(outside, join(folders.dataDir, 'link'))
  writeFileSync(join(folders.dataDir, 'demo', 'open'), '', { mode: 0o644 })
  const examination = join(folders.dataDir, 'servers', '1-2', 'private', 'examination')
  mkdirSync(examination, { recursive: true, mode: 0o700 })
  writeFileSync(join(examination, 'open'), '', { mode: 0o644 })
  // The three folders above it.
  assertOne(await examineFiles(contextIn(folders)), 'ok', /^3 owned by you and closed to others$/, null)
  for (let n = 0; n < 8; n++) writeFileSync(join(folders.dataDir, `open-${n}`), '', { mode: 0o644 })
  const findings = await examineFiles(contextIn(folders))
  assert.equal(findings.length, 6)
  assert.deepEqual([findings[5]?.message, findings[5]?.fix], ['3 more like these', ownCommand('doctor --fix')])
  await examineFiles(contextIn(folders, { appliesFixes: true }))
  assertOne(await examineFiles(contextIn(folders)), 'ok', /^11 owned by you/, null)
})

test('disk: reports how much space is free on the disk of the data folder', async (t) => {
  const findings = await examineDisk(contextIn(makeFolders(t)))
  assert.ok(findings.length >= 1)
  for (const { message } of findings) assert.match(message, /^\d+\.\d GB free in \//)
})

async function makeDatabase({ dataDir }: TestFolders): Promise<string> {
  const store = await openSqliteStore({ folder: dataDir })
  await store.close()
  return join(dataDir, 'claude-serve.db')
}

test('database: missing, intact, older, newer, damaged, not a database', async (t) => {
  const folders = makeFolders(t)
  const look = () => examineDatabase(contextIn(folders))
  assertOne(await look(), 'ok', /^none yet/, null)
  const file = await makeDatabase(folders)
  assertOne(await look(), 'ok', /claude-serve\.db is intact$/, null)
  const setVersion = (version: number) => {
    const db = new DatabaseSync(file)
    db.exec(`PRAGMA user_version = ${version}`)
    db.close()
  }
  setVersion(1)
  assertOne(await look(), 'ok', /is intact; the next start updates its schema$/, null)
  setVersion(999)
  assertOne(
    await look(),
    'problem',
    /created by a newer claude-serve \(schema 999/,
    /^git -C .* pull && npm --prefix .* ci$/,
  )
  setVersion(2)
  const handle = openSync(file, 'r+')
  writeSync(handle, Buffer.alloc(4096, 0x55), 0, 4096, 4096)
  assertOne(await look(), 'problem', /damaged|malformed/, /^mv .*claude-serve\.db .*\.damaged$/)
  writeFileSync(file, 'this is not a database, and it is long enough to be examined'.repeat(100))
  assertOne(await look(), 'problem', /cannot be read: file is not a database/, /^mv /)
})

async function makeKey({ dataDir }: TestFolders, expiresAtMs: number | null): Promise<string> {
  const store = await openSqliteStore({ folder: dataDir })
  const { secret, prefix, hash } = newSecret()
  const fixed = {
    revokedAtMs: null,
    lastUsedAtMs: null,
    ratePerMinute: null,
    budgetUsd: null,
    policy: noPolicy,
    createdAtMs: 1,
  }
  await store.createKey({ id: `key_${prefix}`, name: prefix, prefix, hash, scopes: ['agent'], expiresAtMs, ...fixed })
  await store.close()
  return secret
}

test('keys: an address beyond this machine requires a key and an allowed name', async (t) => {
  const folders = makeFolders(t)
  assertOne(await examineKeys(contextIn(folders)), 'ok', /^none: on loopback/, null)
  const wide = { host: '0.0.0.0', allowHosts: [] as string[] }
  const both = await examineKeys(contextIn(folders, { config: wide }))
  assert.deepEqual(
    both.map(({ state, fix }) => [state, fix]),
    [
      ['problem', ownCommand('keys create <name>')],
      ['problem', 'set --allow-host <name>'],
    ],
  )
  await makeKey(folders, null)
  const named = { ...wide, allowHosts: ['box.example'] }
  assertOne(await examineKeys(contextIn(folders, { config: named })), 'ok', /^1 usable; commands need one/, null)
})

test('keys: the code of a one-time link is not counted', async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders, null)
  const store = await openSqliteStore({ folder: folders.dataDir })
  assert.ok(await createLoginLink('http://127.0.0.1:1', store, Date.now()))
  await store.close()
  assertOne(await examineKeys(contextIn(folders)), 'ok', /^1 usable;/, null)
})

test('keys: the one that commands use, and keys that have all expired', async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders, 1000)
  assertOne(await examineKeys(contextIn(folders)), 'problem', /all API keys have expired/, /keys create/)
  const secret = await makeKey(folders, null)
  const look = (key: string) => examineKeys(contextIn(folders, { environment: { CLAUDE_SERVE_API_KEY: key } }))
  assertOne(await look(secret), 'ok', /CLAUDE_SERVE_API_KEY is one of them$/, null)
  assertOne(await look(newSecret().secret), 'warning', /does not hold a usable key/, /keys create/)
})

/** A program on loopback that answers every request alike, in place of the server of the data folder. */
async function startOther(t: { after(step: () => unknown): void }, status: number, body: unknown) {
  const server = createServer((_request, response) => void response.writeHead(status).end(JSON.stringify(body)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}` }
}

const servers: [
  title: string,
  status: number,
  body: unknown,
  version: string,
  state: State,
  message: RegExp,
  fix: RegExp | null,
][] = [
  ['without claude', 503, { error: 'no claude' }, '0.0.1', 'problem', /reports: no claude$/, null],
  [
    'that requires a key',
    401,
    { code: 'unauthorized' },
    '0.0.1',
    'warning',
    /requires an API key$/,
    /CLAUDE_SERVE_API_KEY/,
  ],
  ['of another version', 200, { status: 'ok' }, '0.0.1', 'warning', /is not the same version/, /claude-serve stop$/],
]

for (const [title, status, body, version, state, message, fix] of servers) {
  test(`server: one ${title}`, async (t) => {
    const folders = makeFolders(t)
    mkdirSync(folders.dataDir)
    const { url } = await startOther(t, status, body)
    const process_ = await ownIdentity()
    writeServerAddress(folders.dataDir, { url, pid: process.pid, process: process_, version, startedAt: '' })
    assertOne(await examineServer(contextIn(folders)), state, message, fix)
  })
}

test('server: one that was killed, and one that does not answer', async (t) => {
  const folders = makeFolders(t)
  mkdirSync(folders.dataDir)
  const address = { url: 'http://127.0.0.1:9', version: '1', startedAt: '' }
  const gone = { pid: process.pid, started: 'another time' }
  writeServerAddress(folders.dataDir, { ...address, pid: gone.pid, process: identityOf(gone) })
  assertOne(await examineServer(contextIn(folders)), 'ok', /^none is running in this data folder$/, null)
  writeServerAddress(folders.dataDir, { ...address, pid: process.pid, process: await ownIdentity() })
  assertOne(await examineServer(contextIn(folders)), 'problem', /does not answer/, /claude-serve stop$/)
})

test('port: free, in use by which program, not an address of this machine', async (t) => {
  const folders = makeFolders(t)
  const look = (port: number, host = '127.0.0.1') => examinePort(contextIn(folders, { config: { host, port } }))
  assertOne(await look(0), 'ok', /picks a free one/, null)
  const other = await startOther(t, 200, {})
  assertOne(await look(other.port), 'problem', /^127\.0\.0\.1:\d+ is in use by another program$/, /--port/)
  const alike = await startOther(t, 200, { claude_version: '2' })
  assertOne(await look(alike.port), 'problem', /in use by a claude-serve with another data folder or user$/, /--port/)
  const locked = await startOther(t, 401, { code: 'unauthorized' })
  assertOne(await look(locked.port, 'localhost'), 'problem', /in use by a claude-serve/, /--port/)
  assertOne(await look(5005, '192.0.2.1'), 'problem', /192\.0\.2\.1 is not an address of this machine/, /--host/)
})

test('port: one that is in use only on the other loopback address', async (t) => {
  const server = createServer((_request, response) => void response.end('{}'))
  server.listen({ host: '::1', port: 0 })
  const hasIpv6 = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ])
  if (!hasIpv6) return t.skip('needs IPv6')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const context = contextIn(makeFolders(t), { config: { port } })
  assertOne(await examinePort(context), 'problem', /^\[::1\]:\d+ is in use by another program$/, /--port/)
})

test('settings: a file that is not JSON, and one that others can change', (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'config.json')
  const look = () => examineSettings({ config: file }, { HOME: folders.home }).findings
  writeFileSync(file, '{"port": 1')
  assertOne(look(), 'problem', /contains valid JSON/, /^edit .*config\.json$/)
  writeFileSync(file, '{"port": 1}')
  chmodSync(file, 0o666)
  assertOne(look(), 'warning', /config\.json can be changed by other users$/, /^chmod go-w .*config\.json$/)
  chmodSync(file, 0o600)
  assertOne(look(), 'ok', /^1 changed from the defaults \(.*config\.json\)/, null)
})

test('settings: a file whose name looks like the source of another setting', (t) => {
  const folders = makeFolders(t)
  const file = join(folders.root, 'the environment variable')
  writeFileSync(file, '{"port": 1')
  assertOne(examineSettings({ config: file }, { HOME: folders.home }).findings, 'problem', /valid JSON/, /^edit '.*'$/)
})

test('the output cannot control a terminal, and contains no secret', () => {
  const lines = asLines({ check: 'turn', state: 'problem', message: 'a\u001b[2J\nb sk-ant-abc', fix: 'c\u0007' }, 5)
  assert.deepEqual(lines.map(stripVTControlCharacters), ['✗ turn   a?[2J b sk-ant-***', '         → c?'])
})

test('the summary counts problems and warnings', () => {
  const finding = (state: State) => ({ check: 'x', state, message: '', fix: null })
  assert.equal(asSummary([finding('ok')]), 'no problems, no warnings')
  assert.equal(
    asSummary(['problem', 'problem', 'warning'].map((each) => finding(each as State))),
    '2 problems, 1 warning',
  )
})
