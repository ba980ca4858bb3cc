// Secrets in texts from elsewhere: what a CLI prints on stderr, and what is about to become a line of the log. Each title begins with
// the number of its attack.
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { newSecret } from '../../src/auth/keys.ts'
import { createLogger } from '../../src/log/logger.ts'
import { post } from '../helpers/client.ts'
import { fakeCli, makeFolders, startTestServer, type TestServer } from '../helpers/test-server.ts'

const ours = newSecret().secret
const timeout = 60_000

/** Keys of known forms. */
const keys = [
  'sk-ant-api03-canary-0001-AAAA',
  'sk-ant-oat01-canary-0002-BBBB',
  'sk-proj-canary0003CCCC',
  ours,
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkwMDA0In0.c2lnY2FuYXJ5',
  'AKIACANARY0005XXXX',
  'ghp_canary0006canary0006canary0006aaaa',
]

const complaint = [
  `fatal: Failed to authenticate. API Error: 401 bad key ${keys[0]}`,
  `env: ANTHROPIC_AUTH_TOKEN=canary-0007 CLAUDE_CODE_OAUTH_TOKEN=${keys[1]}`,
  `headers: {"authorization":"Bearer canary-0008","x-api-key":"canary-0009"}`,
  `authorization: Bearer ${ours}`,
  ...keys.map((key) => `tried ${key}, then \u001b[31m${key}\u001b[39m`),
  'postgres://me:canary-0010@db.example/x',
  '-----BEGIN OPENSSH PRIVATE KEY-----\ncanary0011canary0011\n-----END OPENSSH PRIVATE KEY-----',
  '    at Object.<anonymous> (/home/somebody/.claude/local/cli.js:12:34)',
].join('\n')

/** A token of the operator without any known form, known only as the value of a variable. */
const plainToken = 'a-token-like-any-other-word-0012'

type Complaint = { isEarly?: boolean }

/**
 * A `claude` that writes `text`, a JavaScript expression, to stderr and ends with code 7: in the middle of its answer, or early, before
 * its first output.
 */
function makeComplainer(folder: string, text: string, { isEarly = false }: Complaint): string {
  const file = join(folder, 'complainer.mjs')
  const helper = pathToFileURL(join(fakeCli('well-behaved'), '..', 'fake-cli.mjs')).href
  const lines = [
    '#!/usr/bin/env node',
    `import { exit, runFake, write } from ${JSON.stringify(helper)}`,
    'await runFake({',
    '  turn: async (turn) => {',
    ...(isEarly ? [] : ['    await turn.init()', '    await turn.begin()', '    await turn.deltas(2)']),
    `    await write(${text} + '\\n', process.stderr)`,
    '    await exit(7)',
    '  },',
    '})',
  ]
  writeFileSync(file, lines.join('\n'))
  chmodSync(file, 0o755)
  return file
}

async function startComplaining(t: TestContext, text: string, how: Complaint = {}): Promise<TestServer> {
  const folders = makeFolders(t)
  const claudeBin = makeComplainer(folders.root, text, how)
  const environment = { ANTHROPIC_AUTH_TOKEN: plainToken }
  return startTestServer(t, { folders, environment, config: { claudeBin } })
}

const whole = { prompt: 'a-prompt-to-be-quoted', tools: [] }

/** How both native routes report the failure. */
async function failures(server: TestServer): Promise<Record<string, unknown>[]> {
  const answer = await post(server, '/v1/chat', whole)
  assert.deepEqual([answer.status, answer.body.code, answer.body.returncode], [502, 'claude_failed', 7])
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(whole) }
  const stream = await (await fetch(`${server.url}/v1/chat/stream`, init)).text()
  const last = JSON.parse(/^data: (.*)$/m.exec(stream.trim().split('\n\n').at(-1) ?? '')?.[1] ?? '{}')
  assert.deepEqual([last.type, last.code], ['error', 'claude_failed'])
  return [answer.body, last]
}

test('P03 the stderr of the CLI is reported without the keys in it', { timeout }, async (t) => {
  const server = await startComplaining(t, JSON.stringify(complaint))
  for (const failure of await failures(server)) {
    const text = JSON.stringify(failure)
    assert.match(String(failure.stderr), /fatal: Failed to authenticate. API Error: 401 bad key sk-ant-\*\*\*/)
    assert.match(String(failure.stderr), /cli\.js:12:34\)$/)
    assert.doesNotMatch(text, /canary/i)
    for (const key of keys) assert.ok(!text.includes(key), key)
  }
  const { body } = await post(server, '/v1/chat', whole)
  const run = await (await fetch(`${server.url}/v1/runs/${(body.details as { run_id: string }).run_id}`)).text()
  assert.doesNotMatch(run, /canary/i)
  assert.doesNotMatch(JSON.stringify(server.logLines), /canary/i)
})

test('P03 an error of the server itself names no source file and shows no stack', { timeout }, async (t) => {
  const server = await startComplaining(t, '"x"')
  for (const failure of await failures(server)) {
    const { stderr: _, ...ours } = failure
    assert.doesNotMatch(JSON.stringify(ours), /node_modules|\/src\/|\.ts:|\n\s+at |file:\/\//)
    assert.ok(!JSON.stringify(ours).includes(server.folders.home))
  }
})

test('P03 the operator’s own token is never reported, whatever it looks like', { timeout }, async (t) => {
  const server = await startComplaining(t, '"refused: " + process.env.ANTHROPIC_AUTH_TOKEN')
  for (const failure of await failures(server)) {
    assert.match(String(failure.stderr), /^refused: /)
    assert.ok(!JSON.stringify(failure).includes(plainToken))
  }
})

test('P03 a prompt that the CLI repeats on stderr is not logged', { timeout }, async (t) => {
  const server = await startComplaining(t, JSON.stringify(`cannot parse ${whole.prompt}`), { isEarly: true })
  const { status, body } = await post(server, '/v1/chat', whole)
  assert.equal(status, 502)
  assert.match(String(body.stderr), /cannot parse a-prompt-to-be-quoted/)
  assert.ok(server.logLines.some(({ msg }) => msg === 'a CLI process was lost'))
  assert.doesNotMatch(JSON.stringify(server.logLines), /a-prompt-to-be-quoted/)
})

const secret = 'sk-ant-api03-canary-9999'
const token = 'Bearer canary-8888-8888'
const named = 'canary-7777'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const nest = (value: unknown, depth: number): unknown =>
  depth === 0 ? value : depth % 2 === 0 ? { inner: nest(value, depth - 1) } : [1, nest(value, depth - 1)]

function nestedError(): Error {
  const deepest = Object.assign(new Error(`deepest ${ours}`), { headers: { authorization: token } })
  const inner = new TypeError(`inner ${secret}`, { cause: deepest })
  return Object.assign(new Error(`outer ${token}`, { cause: inner }), { request: { headers: { 'x-api-key': named } } })
}

/** What somebody might log by mistake. */
const logged: [what: string, facts: () => Record<string, unknown>, message?: string][] = [
  ['a message', () => ({}), `started with ${secret} and ${token}`],
  ['an object', () => ({ key: secret, headers: { authorization: token, 'x-api-key': named } })],
  ['a list', () => ({ list: [secret, [token, [ours]]] })],
  ['an object ten levels down', () => ({ deep: nest({ key: secret, 'api-key': named }, 10) })],
  ['headers in a row', () => ({ rawHeaders: ['Host', 'a', 'X-Api-Key', named, 'Authorization', token] })],
  ['headers by name, each a list', () => ({ headersDistinct: { 'x-api-key': [named], authorization: [token] } })],
  ['an error, its causes and their properties', () => ({ err: nestedError() })],
  ['several errors in one', () => ({ err: new AggregateError([nestedError(), new Error(secret)], `all ${ours}`) })],
  ['a cause that is not an error', () => ({ err: new Error(secret, { cause: { token: ours, 'x-api-key': named } }) })],
  [
    'a body as text inside a body as text',
    () => ({ body: JSON.stringify({ body: JSON.stringify({ 'x-api-key': named, secret }) }) }),
  ],
  ['an environment', () => ({ env: { ANTHROPIC_API_KEY: named, GH_TOKEN: named, DB_PASSWORD: named } })],
  ['a command line', () => ({ command: `ANTHROPIC_AUTH_TOKEN=${named} claude --settings {"x-api-key":"${named}"}` })],
  [
    'an address',
    () => ({ url: `/v1/runs?key=${named}&a=1&access_token=${named}#x`, db: `postgres://me:${named}@db/x` }),
  ],
  ['the name of a field', () => ({ [secret]: 1, [ours]: { [token]: 2 } })],
  ['a value of the operator’s environment', () => ({ text: `it said ${plainToken}.` })],
]

for (const logFormat of ['json', 'pretty'] as const) {
  for (const [what, facts, message = 'something'] of logged) {
    test(`P05 ${what} reaches the ${logFormat} log, and the log's file, without secrets at every level`, () => {
      const written: string[] = []
      const filed: string[] = []
      const log = createLogger(
        { logLevel: 'trace', logFormat },
        { ANTHROPIC_AUTH_TOKEN: plainToken },
        { write: (line) => void written.push(line) },
        { write: (line) => void filed.push(line) },
      )
      for (const level of levels) log[level](facts(), message)
      log.child({ bound: facts() }).warn(message)
      assert.deepEqual([written.length, filed.length], [levels.length + 1, levels.length + 1])
      for (const text of [...written, ...filed]) {
        assert.doesNotMatch(text, /canary/)
        assert.ok(!text.includes(ours) && !text.includes(plainToken))
      }
      for (const text of written.slice(0, levels.length)) assert.match(text, /\*\*\*/)
      for (const line of filed) assert.equal(typeof JSON.parse(line).level, 'string')
    })
  }
}
