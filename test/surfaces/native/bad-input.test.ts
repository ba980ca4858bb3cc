// Invalid requests to the native API: each gets its status, its code and a message that names the field, and starts no
// run. The last tests show that the server keeps working.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { ChatReply, ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { createInjectApp, type InjectApp, listenApp } from '../../helpers/inject-app.ts'

/** Names of every form that a model may have, all of which the CLI reports. */
const modelNames = [
  's',
  'a'.repeat(128),
  'us.anthropic.claude-opus-4:0',
  'sonnet[1m]',
  'claude@20250101',
  'arn/x_y.z-1',
]
const models = async () => modelNames.map((value) => ({ value, resolvedModel: value, displayName: value }))

const server = await createInjectApp({ after }, { native: { models } })

const json = { host: 'localhost:5005', 'content-type': 'application/json' }

type Sent = { body: string; headers?: Record<string, string>; path?: string; app?: InjectApp }

function send({ body, headers = json, path = '/v1/chat', app = server }: Sent): Promise<LightMyRequestResponse> {
  return app.inject({ method: 'POST', url: path, headers, payload: body })
}

type Refusal = { status?: number; code?: string; field?: string; error?: string | RegExp }

/** Sends an invalid request and checks everything that a refusal promises. */
async function refusalOf(sent: Sent, { status = 400, code = 'invalid_request', field, error }: Refusal = {}) {
  const agent = (sent.app ?? server).agent
  const before = agent.requests.length
  const answer = await send(sent)
  assert.equal(agent.requests.length, before, `a run started, and the answer is ${answer.statusCode}`)
  const body = ErrorBody.parse(answer.json())
  assert.deepEqual([answer.statusCode, body.code], [status, code], body.error)
  assert.equal(body.request_id, answer.headers['x-request-id'])
  if (field !== undefined) {
    assert.ok(body.error.startsWith(`${field} `), body.error)
    assert.equal(body.details.field, field)
  }
  // The default messages of the validation library.
  assert.doesNotMatch(body.error, /invalid input|invalid key|too small|too big/i)
  if (typeof error === 'string') assert.equal(body.error, error)
  else if (error !== undefined) assert.match(body.error, error)
  return body
}

async function refused(sent: Sent, refusal?: Refusal): Promise<void> {
  await refusalOf(sent, refusal)
}

const shorten = (value: unknown) => {
  const written = JSON.stringify(value) ?? 'nothing'
  return written.length > 60 ? `${written.slice(0, 60)}… (${written.length} characters)` : written
}

const sessionId = '00000000-0000-4000-8000-000000000000'
const png = 'iVBORw0KGgoAAAANSUhEUg=='
const image = (source: unknown) => [{ type: 'image', source }]
const document = (source: unknown, more: object = {}) => [{ type: 'document', source, ...more }]
const base64 = (media_type: string, data: unknown) => ({ type: 'base64', media_type, data })
const lineTooLong = 'a'.repeat(4097)

/** Values that each field refuses; the second element of a pair is the innermost field that the answer must name. */
const badValues: Record<string, (unknown | [value: unknown, field: string])[]> = {
  commands: ['false', 0, 1, [], {}],
  session_id: [
    5,
    true,
    [],
    {},
    '',
    'x',
    'my chat',
    `${sessionId} `,
    `${sessionId}0`,
    '../../etc/passwd',
    `/${sessionId}`,
  ],
  fork: ['true', 1, 0, [], {}],
  model: [5, true, [], {}, '', ' ', '--x', '-x', '..', 'a b', 'a\nb', 'a\u0000b', '<script>', 'é', 'a'.repeat(129)],
  fallback_model: [5, [], {}, '', '--x', 'a b', 'a'.repeat(129)],
  system_prompt: [5, true, [], {}, ['x']],
  append_system_prompt: [5, false, [], {}],
  max_budget_usd: [0, -0.01, '1', true, [], {}],
  max_turns: [0, -1, 1.5, '3', true, [], {}, 2 ** 53],
  permission_mode: [5, true, [], {}, '', 'nonsense', 'Plan', 'plan ', '__proto__', 'constructor'],
  allowed_tools: ['Bash', 5, {}, true, ...inner('allowed_tools')],
  disallowed_tools: ['Bash', 5, {}, true, ...inner('disallowed_tools')],
  tools: ['Bash', 5, {}, ...inner('tools'), [['Bash(ls)'], 'tools[0]'], [['--x y'], 'tools[0]']],
  cwd: [5, true, [], {}, '', 'work', './work', '../work', '~', 'C:\\work', '/a\u0000b', '/a\nb', `/${lineTooLong}`],
  add_dirs: ['/tmp', 5, {}, ...inner('add_dirs'), [['work'], 'add_dirs[0]'], [[tmpdir(), '..'], 'add_dirs[1]']],
  effort: [5, '', 'huge', 'High', [], true],
  json_schema: [
    5,
    'object',
    true,
    [],
    {},
    { type: 'array' },
    { type: ['object'] },
    { properties: {} },
    ...badSchemas(),
  ],
  mcp_servers: [5, 'x', [], true, ...badServers()],
  agents: [5, 'x', [], true, ...badAgents()],
  setting_sources: ['user', 5, {}, ...['x', 5, null, ''].map((each) => [['user', each], 'setting_sources[1]'])],
  timeout_s: [0, -1, '5', true, [], {}, 3600.001, 1e12],
  approvals: ['false', 0, 1, []],
  background: ['false', 0, 1, []],
  events: ['all', '', 5, true, ['default']],
  metadata: [5, 'x', [], true, ...[5, null, {}, ['x']].map((each) => [{ team: each }, 'metadata.team'])],
}

function inner(field: string): [unknown, string][] {
  const bad = [5, null, '', 'a\u0000b', 'a\nb', lineTooLong]
  return [...bad.map((each): [unknown, string] => [[each], `${field}[0]`]), [[['x'], 'Read'], `${field}[0]`]]
}

function badSchemas(): unknown[] {
  return [
    { type: 'object', properties: 5 },
    { type: 'object', properties: { a: { type: 'nonsense' } } },
    { type: 'object', required: 'a' },
    { type: 'object', properties: { a: { $ref: '#/nowhere' } } },
    { type: 'object', properties: { a: { $ref: 'http://127.0.0.1:1/schema.json' } } },
    { type: 'object', properties: { a: { type: 'string', pattern: '(' } } },
  ]
}

function badServers(): [unknown, string][] {
  return [
    [{ a: 5 }, 'mcp_servers.a'],
    [{ a: [] }, 'mcp_servers.a'],
    [{ a: { command: '' } }, 'mcp_servers.a.command'],
    [{ a: { command: 5 } }, 'mcp_servers.a.command'],
    [{ a: { command: 'x', args: [5] } }, 'mcp_servers.a.args[0]'],
    [{ a: { command: 'x', env: { A: 5 } } }, 'mcp_servers.a.env.A'],
    [{ 'a b': { command: 'x' } }, 'mcp_servers.a b'],
  ]
}

function badAgents(): [unknown, string][] {
  return [
    [{ a: 5 }, 'agents.a'],
    [{ a: {} }, 'agents.a.description'],
    [{ a: { description: 'x' } }, 'agents.a.prompt'],
    [{ a: { description: 'x', prompt: 5 } }, 'agents.a.prompt'],
    [{ 'a b': { description: 'x', prompt: 'y' } }, 'agents.a b'],
  ]
}

const isPair = (each: unknown): each is [unknown, string] =>
  Array.isArray(each) && each.length === 2 && typeof each[1] === 'string' && /^\w+[[.]/.test(each[1])

for (const [name, values] of Object.entries(badValues)) {
  for (const each of values) {
    const [value, field] = isPair(each) ? each : ([each, name] as const)
    test(`${name} refuses ${shorten(value)}`, () =>
      refused({ body: JSON.stringify({ prompt: 'hi', [name]: value }) }, { field }))
  }
}

for (const [what, value, field] of [
  ['an unknown type of server', { a: { type: 'ws', url: 'http://x' } }, 'mcp_servers.a.type'],
  ['an HTTP server without a URL', { a: { type: 'http' } }, 'mcp_servers.a.url'],
] as const) {
  test(`mcp_servers with ${what} is refused, and the error names the field`, () =>
    refused({ body: JSON.stringify({ prompt: 'hi', mcp_servers: value }) }, { field }))
}

const badPrompts: [what: string, prompt: unknown, field: string, error?: string | RegExp][] = [
  ['nothing', undefined, 'prompt', 'prompt is required'],
  ['null', null, 'prompt'],
  ['an empty string', '', 'prompt', 'prompt is required'],
  ['blanks only', ' \t\r\n\u00a0', 'prompt', 'prompt is required'],
  ['a number', 5, 'prompt'],
  ['a boolean', true, 'prompt'],
  ['an object', {}, 'prompt'],
  ['a block that is not in an array', { type: 'text', text: 'hi' }, 'prompt'],
  ['an empty array', [], 'prompt', 'prompt is required'],
  [
    'blocks of blanks only',
    [
      { type: 'text', text: ' ' },
      { type: 'text', text: '\n' },
    ],
    'prompt',
    'prompt is required',
  ],
  ['an array of strings', ['hi'], 'prompt[0]'],
  ['an array with null', [null], 'prompt[0]'],
  ['a block without a type', [{ text: 'hi' }], 'prompt[0].type'],
  ['a block of an unknown type', [{ type: 'tool_result' }], 'prompt[0].type'],
  [
    'a second block that is bad',
    [
      { type: 'text', text: 'hi' },
      { type: 'text', text: 5 },
    ],
    'prompt[1].text',
  ],
  ['a text block without text', [{ type: 'text' }], 'prompt[0].text'],
  ['a text block with an unknown field', [{ type: 'text', text: 'a', cache_control: {} }], 'prompt[0].cache_control'],
  ['an image without a source', [{ type: 'image' }], 'prompt[0].source'],
  [
    'an image at a URL',
    image({ type: 'url', url: 'http://127.0.0.1/' }),
    'prompt[0].source.type',
    /does not fetch URLs/,
  ],
  ['an image by file id', image({ type: 'file', file_id: 'x' }), 'prompt[0].source.type'],
  ['an image of an unknown media type', image(base64('image/bmp', 'Qk0=')), 'prompt[0].source.media_type'],
  ['an image without data', image(base64('image/png', undefined)), 'prompt[0].source.data', /is required$/],
  ['an image with empty data', image(base64('image/png', '')), 'prompt[0].source.data'],
  ['an image whose data is a number', image(base64('image/png', 5)), 'prompt[0].source.data'],
  ['an image whose data is not base64', image(base64('image/png', '!!')), 'prompt[0].source.data', /base64/],
  [
    'an image whose data is URL-safe base64',
    image(base64('image/png', 'iVBORw0KGgo-_w==')),
    'prompt[0].source.data',
    /base64/,
  ],
  [
    'an image as a data URL',
    image(base64('image/png', `data:image/png;base64,${png}`)),
    'prompt[0].source.data',
    /prefix/,
  ],
  ['an image with data after the padding', image(base64('image/png', `${png}AAAA`)), 'prompt[0].source.data'],
  ['a PNG declared as JPEG', image(base64('image/jpeg', png)), 'prompt[0].source.data', /media_type/],
  ['a JPEG declared as PNG', image(base64('image/png', '/9j/4AAQSkZJRg==')), 'prompt[0].source.data', /media_type/],
  ['a PNG declared as GIF', image(base64('image/gif', png)), 'prompt[0].source.data', /media_type/],
  ['a PNG declared as WebP', image(base64('image/webp', png)), 'prompt[0].source.data', /media_type/],
  [
    'a sound declared as WebP',
    image(base64('image/webp', 'UklGRiQAAABXQVZFZm10IA==')),
    'prompt[0].source.data',
    /source\.data does not match media_type$/,
  ],
  ['an image with an unknown field', image({ ...base64('image/png', png), url: 'http://x' }), 'prompt[0].source.url'],
  ['a PNG declared as PDF', document(base64('application/pdf', png)), 'prompt[0].source.data', /media_type/],
  ['a document at a URL', document({ type: 'url', url: 'http://127.0.0.1/' }), 'prompt[0].source.type'],
  ['a document without a source', [{ type: 'document' }], 'prompt[0].source'],
  [
    'a document whose title is a number',
    document(base64('application/pdf', 'JVBERi0xLjQ='), { title: 5 }),
    'prompt[0].title',
  ],
]
for (const [what, prompt, field, error] of badPrompts) {
  test(`a prompt of ${what} is refused`, () =>
    refused({ body: JSON.stringify({ prompt }) }, { field, ...(error === undefined ? {} : { error }) }))
}

for (const [what, source, field] of [
  ['media type', { type: 'text', media_type: 'text/html', data: 'x' }, 'prompt[0].source.media_type'],
  ['data', { type: 'text', media_type: 'text/plain', data: 5 }, 'prompt[0].source.data'],
] as const) {
  test(`a text document with bad ${what} is refused, and the error names the field`, () =>
    refused({ body: JSON.stringify({ prompt: document(source) }) }, { field }))
}

test('base64 that becomes invalid after many line breaks is refused quickly', async () => {
  // With quadratic time this would exceed the timeout of the test.
  const data = `iVBORw0KGgoA${'\n'.repeat(2_000_000)}!`
  await refused(
    { body: JSON.stringify({ prompt: image(base64('image/png', data)) }) },
    { field: 'prompt[0].source.data' },
  )
})

const optionalFields = Object.keys(badValues)

for (const name of optionalFields) {
  test(`${name}: null counts as absent`, async () => {
    const answers = [{ prompt: 'hi' }, { prompt: 'hi', [name]: null }].map((body) =>
      send({ body: JSON.stringify(body) }),
    )
    for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200, answer.body)
    const [without, withNull] = server.agent.requests.slice(-2).map(({ runId: _, ...rest }) => rest)
    assert.deepEqual(withNull, without)
  })
}

const boundaryValues: Record<string, unknown[]> = {
  commands: [false, true],
  fork: [false],
  model: modelNames,
  system_prompt: ['', 'a\u0000\u001b\r\n\u202e🙂'],
  max_budget_usd: [0.000001, 1e9],
  max_turns: [1, 2 ** 31],
  permission_mode: ['default', 'acceptEdits', 'plan', 'dontAsk'],
  allowed_tools: [[], ['Bash(git log:*)'], ['a'.repeat(4096)], Array.from({ length: 500 }, () => 'Read')],
  tools: [[], ['Read', 'mcp__a-b__c.d']],
  effort: ['low', 'medium', 'high', 'xhigh', 'max'],
  mcp_servers: [{}, { a: { command: 'x' } }, { a: { type: 'http', url: 'http://127.0.0.1:1/' } }],
  agents: [{}, { a: { description: '', prompt: '', tools: ['Read'] } }],
  setting_sources: [[], ['user', 'project', 'local']],
  timeout_s: [0.001, 3600],
  approvals: [false, true],
  background: [false],
  events: ['default', 'full'],
  metadata: [{}, { team: '' }, { constructor: 'x' }],
}
for (const [name, values] of Object.entries(boundaryValues)) {
  for (const value of values) {
    test(`${name} accepts ${shorten(value)}`, async () => {
      const answer = await send({ body: JSON.stringify({ prompt: 'hi', [name]: value }) })
      assert.equal(answer.statusCode, 200, answer.body)
    })
  }
}

for (const name of ['allowed_tools', 'disallowed_tools', 'add_dirs']) {
  test(`${name} accepts at most 500 entries`, () => {
    const body = JSON.stringify({ prompt: 'hi', [name]: Array.from({ length: 501 }, () => '/x') })
    return refused({ body }, { field: name })
  })
}

test('an uppercase session id is the same session', async () => {
  const id = 'ABCDEF00-0000-4000-8000-00000000ABCD'
  const answer = await send({ body: JSON.stringify({ prompt: 'hi', session_id: id }) })
  assert.equal(answer.statusCode, 200, answer.body)
  assert.deepEqual(server.agent.requests.at(-1)?.session, { kind: 'continue', sessionId: id.toLowerCase() })
})

for (const [what, more] of [
  ['without session_id', {}],
  ['with session_id null', { session_id: null }],
] as const) {
  test(`fork ${what} is refused`, () =>
    refused({ body: JSON.stringify({ prompt: 'hi', fork: true, ...more }) }, { field: 'fork', error: /session_id/ }))
}

for (const [unknown, nearest] of [
  ['promt', 'prompt'],
  ['sesion_id', 'session_id'],
  ['sessionId', 'session_id'],
  ['permisson_mode', 'permission_mode'],
  ['maxTurns', 'max_turns'],
  ['timeout', 'timeout_s'],
  ['allowedTools', 'allowed_tools'],
  ['jsonSchema', 'json_schema'],
]) {
  test(`the unknown field ${unknown} is refused, and the error suggests ${nearest}`, () =>
    refused(
      { body: JSON.stringify({ prompt: 'hi', [String(unknown)]: 'x' }) },
      { field: String(unknown), error: new RegExp(`did you mean ${nearest}\\?$`) },
    ))
}

for (const unknown of ['stream', 'zzz', 'a'.repeat(1000), 'toString', 'hasOwnProperty', '']) {
  test(`the unknown field ${shorten(unknown)} is refused without a suggestion`, () =>
    refused(
      { body: JSON.stringify({ prompt: 'hi', [unknown]: 'x' }) },
      { field: unknown.length > 80 ? `${unknown.slice(0, 80)}…` : unknown, error: /is not a field of this request$/ },
    ))
}

test('known permission modes that are not allowed are 403', async () => {
  for (const mode of ['bypassPermissions', 'auto']) {
    const refusal = {
      status: 403,
      code: 'permission_mode_not_allowed',
      field: 'permission_mode',
      error: /--permission-modes/,
    }
    await refused({ body: JSON.stringify({ prompt: 'hi', permission_mode: mode }) }, refusal)
  }
})

test('timeout_s may be at most the limit of the server, which the error names', async (t) => {
  const app = await createInjectApp(t, { native: { maxRequestTimeoutMs: 1500 } })
  assert.equal((await send({ app, body: '{"prompt":"hi","timeout_s":1.5}' })).statusCode, 200)
  await refused({ app, body: '{"prompt":"hi","timeout_s":1.501}' }, { field: 'timeout_s', error: /at most 1\.5\b/ })
})

/** An allowed root with folders, a file and a link out of it, and its parent folder. */
function makeRoot() {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-roots-')))
  const root = join(parent, 'root')
  for (const folder of [join(root, 'in'), join(parent, 'rootevil'), join(parent, 'out')])
    mkdirSync(folder, { recursive: true })
  writeFileSync(join(root, 'file'), '')
  symlinkSync(join(parent, 'out'), join(root, 'way-out'))
  return { parent, root }
}

test('the folders of a request are checked', async (t) => {
  const { parent, root } = makeRoot()
  t.after(() => rmSync(parent, { recursive: true }))
  const app = await createInjectApp(t, { native: { cwdRoots: () => [root] } })
  const fields = (path: string): [string, object][] => [
    ['cwd', { cwd: path }],
    ['add_dirs[0]', { add_dirs: [path] }],
    ['add_dirs[1]', { add_dirs: [root, path] }],
  ]
  for (const path of [join(root, 'missing'), join(root, 'in', 'missing'), join(root, 'file')]) {
    await t.test(`${path} within a root is not a folder`, async () => {
      for (const [field, body] of fields(path))
        await refused({ app, body: JSON.stringify({ prompt: 'hi', ...body }) }, { code: 'cwd_not_found', field })
    })
  }
  const outside = [
    'out',
    'out/missing',
    'rootevil',
    'root/../out',
    'root/way-out',
    'root/../missing',
    '..',
    'missing/deep',
  ]
  await t.test('folders outside all roots get the same answer, whether they exist or not', async () => {
    for (const [index, name] of ['cwd', 'add_dirs[0]', 'add_dirs[1]'].entries()) {
      const texts = new Set<string>()
      for (const path of [...outside.map((each) => `${parent}/${each}`), '/', '/etc/passwd', '/no-such-folder']) {
        const [field = '', body] = fields(path)[index] ?? []
        const sent = { app, body: JSON.stringify({ prompt: 'hi', ...body }) }
        const { error, details } = await refusalOf(sent, { status: 403, code: 'cwd_not_allowed', field })
        texts.add(JSON.stringify([error, details]))
      }
      assert.equal(texts.size, 1, name)
    }
  })
  await t.test('folders within a root are accepted', async () => {
    for (const path of [root, `${root}/`, join(root, 'in'), `${root}/in/../in`]) {
      const answer = await send({ app, body: JSON.stringify({ prompt: 'hi', cwd: path, add_dirs: [path] }) })
      assert.equal(answer.statusCode, 200, answer.body)
    }
  })
})

const levels = 100_000
const deepArray = `${'['.repeat(levels)}${']'.repeat(levels)}`
const deepObject = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const deepBodies: [where: string, body: string][] = [
  ['the body itself', deepArray],
  ['the body itself, unclosed', '['.repeat(levels)],
  ['the body as an object', deepObject],
  ['prompt', `{"prompt":${deepArray}}`],
  ['an unknown field', `{"prompt":"hi","zzz":${deepArray}}`],
  ['metadata', `{"prompt":"hi","metadata":${deepObject}}`],
  ['mcp_servers', `{"prompt":"hi","mcp_servers":{"a":{"command":"x","args":${deepArray}}}}`],
  ['json_schema', `{"prompt":"hi","json_schema":{"type":"object","properties":${deepObject}}}`],
  ['a default in json_schema', `{"prompt":"hi","json_schema":{"type":"object","default":${deepObject}}}`],
  ['agents', `{"prompt":"hi","agents":{"a":{"description":"x","prompt":"y","z":${deepArray}}}}`],
]
for (const [where, body] of deepBodies) {
  test(`JSON of 100,000 levels in ${where} is refused`, () => refused({ body }))
}

const poisoned = [
  '{"prompt":"hi","__proto__":{"admin":true}}',
  '{"prompt":"hi","metadata":{"__proto__":{"admin":"true"}}}',
  '{"prompt":"hi","metadata":{"\\u005f_proto__":{"admin":"true"}}}',
  '{"prompt":"hi","constructor":{"prototype":{"admin":true}}}',
  '{"prompt":"hi","metadata":{"constructor":{"prototype":{"admin":"true"}}}}',
  '{"prompt":"hi","mcp_servers":{"__proto__":{"command":"x"}}}',
  '{"prompt":"hi","agents":{"a":{"description":"x","prompt":"y","__proto__":{"admin":true}}}}',
  '{"prompt":[{"type":"text","text":"hi","__proto__":{"admin":true}}]}',
]
for (const body of poisoned) {
  test(`${body} is refused and does not change a prototype`, async () => {
    await refused({ body })
    assert.equal(({} as { admin?: unknown }).admin, undefined)
  })
}

const invalidBodies: [what: string, body: string][] = [
  ['nothing', ''],
  ['blanks', '   '],
  ['an object that is not closed', '{'],
  ['half a keyword', 'nul'],
  ['a byte order mark and an empty object', '\ufeff{}'],
  ['a trailing comma', '{"prompt":"hi",}'],
  ['NaN', '{"prompt":"hi","timeout_s":NaN}'],
  ['a number that overflows', '{"prompt":"hi","timeout_s":1e999}'],
  ['two documents', '{"prompt":"hi"}{"prompt":"hi"}'],
  ['two documents on two lines', '{"prompt":"hi"}\n{"prompt":"hi"}'],
  ['single quotes', "{'prompt':'hi'}"],
  ['a comment', '{"prompt":"hi"} // hello'],
  ['a raw line break in a string', '{"prompt":"a\nb"}'],
  ['a form', 'prompt=hi'],
]
for (const [what, body] of invalidBodies) {
  test(`a body of ${what} is refused`, () => refused({ body }))
}

for (const body of ['null', '[]', '[{"prompt":"hi"}]', '"hi"', '5', 'true']) {
  test(`the body ${body} is refused: it is not an object`, () =>
    refused({ body }, { error: 'the body must be a JSON object' }))
}

const wrongTypes = [
  ...[
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
  ],
  ...['application/json; charset=latin1', 'application/json, text/plain', 'application/problem+json', 'json', '*/*'],
]
for (const type of [...wrongTypes, null]) {
  test(`a body with the content type ${type ?? '(none)'} is 415`, () => {
    const headers = type === null ? { host: 'localhost' } : { host: 'localhost', 'content-type': type }
    const refusal = { status: 415, code: 'unsupported_media_type', error: /-H 'content-type: application\/json'/ }
    return refused({ body: '{"prompt":"hi"}', headers }, refusal)
  })
}

for (const type of ['application/json;charset=utf-8', 'Application/JSON; charset="UTF-8"']) {
  test(`a body with the content type ${type} is accepted`, async () => {
    const answer = await send({ body: '{"prompt":"hi"}', headers: { host: 'localhost', 'content-type': type } })
    assert.equal(answer.statusCode, 200, answer.body)
  })
}

for (const encoding of ['gzip', 'br', 'deflate', 'identity, gzip', 'x-unknown']) {
  test(`a body with content-encoding ${encoding} is 415`, () => {
    const refusal = { status: 415, code: 'unsupported_media_type', error: /content-encoding/ }
    return refused({ body: '{"prompt":"hi"}', headers: { ...json, 'content-encoding': encoding } }, refusal)
  })
}

test('the stream route also refuses with a status and JSON', async () => {
  const rows: [string, Refusal][] = [
    ['{}', { field: 'prompt', error: 'prompt is required' }],
    ['{"prompt":"hi","zzz":1}', { field: 'zzz' }],
    ['{"prompt":"hi","permission_mode":"bypassPermissions"}', { status: 403, code: 'permission_mode_not_allowed' }],
    ['{"prompt":"hi","cwd":"/no-such-folder"}', { code: 'cwd_not_found', field: 'cwd' }],
    ['{', {}],
  ]
  for (const [body, refusal] of rows) await refused({ path: '/v1/chat/stream', body }, refusal)
})

/** Sends a body in pieces, as fast as the server reads it, until there is an answer. */
function sendPieces(url: string, headers: Record<string, string | number>, pieces: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    })
    const piece = Buffer.alloc(1024 ** 2, 'a')
    let left = pieces
    const more = () => {
      while (left-- > 0) if (!request.write(piece)) return void request.once('drain', more)
      request.end('"}')
    }
    request.on('response', resolve).on('error', reject)
    request.write('{"prompt":"')
    more()
  })
}

for (const [what, headers] of [
  ['with content-length', { 'content-length': 33 * 1024 ** 2 + 13 }],
  ['in chunks', { 'transfer-encoding': 'chunked' }],
] as const) {
  test(`a body of 33 MB, ${what}, is 413 and the server keeps working`, async (t) => {
    const { url, agent } = await listenApp(t)
    const answer = await sendPieces(url, headers, 33)
    const body = ErrorBody.parse(JSON.parse(await text(answer)))
    assert.deepEqual([answer.statusCode, body.code], [413, 'body_too_large'])
    assert.equal(body.request_id, answer.headers['x-request-id'])
    assert.equal(answer.headers.connection, 'close')
    assert.equal(agent.requests.length, 0)
    const next = await fetch(`${url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"prompt":"hi"}',
    })
    assert.equal(next.status, 200)
    ChatReply.parse(await next.json())
  })
}

test('a body of exactly the size limit is accepted', async (t) => {
  const app = await createInjectApp(t, { bodyBytesMax: 1024 })
  const body = (length: number) => JSON.stringify({ prompt: 'a'.repeat(length - '{"prompt":""}'.length) })
  assert.equal((await send({ app, body: body(1024) })).statusCode, 200)
  await refused({ app, body: body(1025) }, { status: 413, code: 'body_too_large' })
})

test('after all this a valid request is answered', async () => {
  const before = server.agent.requests.length
  const answer = await send({ body: JSON.stringify({ prompt: 'hi' }) })
  assert.equal(answer.statusCode, 200)
  const reply = ChatReply.parse(answer.json())
  assert.equal(reply.result, 'Hello there')
  assert.equal(answer.headers['x-run-id'], reply.run_id)
  assert.equal(server.agent.requests.length, before + 1)
})
