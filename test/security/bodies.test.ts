// What requests may say: bodies that are hostile in what they hold or how they are built, on all three surfaces. A scripted agent
// stands behind them, so that it can be seen what would have been asked of Claude. A title begins with the row's number in the
// catalogue of attacks.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { LightMyRequestResponse } from 'fastify'
import type { RunRequest } from '../../src/core/agent.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { createInjectApp } from '../helpers/inject-app.ts'
import { goodRun, runEnd, type Script, ScriptedAgent } from '../helpers/scripted-agent.ts'
import { one, setUp as setUpSessions } from '../helpers/session-app.ts'
import { startTestServer } from '../helpers/test-server.ts'
import {
  allFaces,
  anthropic,
  compatible,
  type Face,
  faces,
  native,
  nested,
  openai,
  responses,
  toldBy,
} from './surfaces.ts'

/** Says hello; what is to fit a schema is an empty object. */
const obliging: Script = ({ options: { jsonSchema } }) => [
  ...goodRun(['Hello', ' there']).slice(0, -1),
  runEnd({ result: 'Hello there', structuredOutput: jsonSchema === null ? null : {} }),
]

const agent = new ScriptedAgent(obliging)
const app = await createInjectApp({ after }, allFaces({ agent }))

/** Nothing here may take longer, whatever the machine. */
const hang = { timeout: 60_000 }

type Json = Record<string, unknown>

const headers = { host: 'localhost', 'content-type': 'application/json' }

function send(path: string, body: unknown, more: Record<string, string> = {}): Promise<LightMyRequestResponse> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  return app.inject({ method: 'POST', url: path, headers: { ...headers, ...more }, payload })
}

/** Sends what must be refused, in the face's own words, before anything is asked of the agent. */
async function refused(face: Face, body: unknown, statuses = [400], path = face.path): Promise<string> {
  const before = agent.requests.length
  const answer = await send(path, body)
  assert.equal(agent.requests.length, before, `the agent was asked, and the answer is ${answer.statusCode}`)
  assert.ok(statuses.includes(answer.statusCode), `${answer.statusCode} ${answer.body.slice(0, 500)}`)
  const message = face.messageOf(face.ErrorBody.parse(answer.json()))
  assert.notEqual(message, '')
  assert.ok(answer.body.length < 2000, 'an error gives back no more than is needed to recognise the fault')
  assertNothingPolluted()
  return message
}

/** Sends what must be taken; what the agent was asked. */
async function taken(path: string, body: unknown, more?: Record<string, string>): Promise<RunRequest> {
  const before = agent.requests.length
  const answer = await send(path, body, more)
  assert.equal(answer.statusCode, 200, answer.body.slice(0, 500))
  assert.equal(agent.requests.length, before + 1)
  const request = agent.requests.at(-1)
  assert.ok(request)
  assertNothingPolluted()
  return request
}

function assertNothingPolluted(): void {
  for (const each of [{}, [], () => {}, 'x']) {
    for (const name of ['admin', 'polluted', 'x']) assert.equal((each as unknown as Json)[name], undefined)
  }
}

const title = (value: unknown) => {
  const written = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  return written.length > 60 ? `${written.slice(0, 60)}… (${written.length} characters)` : written
}

// E01, on every surface: the native one alone is met by raw sockets in shape.test.ts.
for (const face of faces) {
  for (const document of [
    '',
    '{',
    'nul',
    '\ufeff{}',
    '{"a":1,}',
    '{"a":NaN}',
    '{}{}',
    '\0',
    "{'a':1}",
    '{"a":01}',
    '{"a":"\n"}',
  ]) {
    test(`E01 the body ${JSON.stringify(document)} is 400 by ${face.name}`, async () => {
      await refused(face, document)
    })
  }

  for (const document of ['null', '5', 'true', '"{}"', '[]', '[{}]']) {
    test(`E01 the body ${document}, which is no object, is 400 by ${face.name}`, async () => {
      await refused(face, document)
    })
  }
}

/** Where a value can stand for which there is no rule but its shape. */
const loose: [where: string, face: Face, of: (value: unknown) => Json][] = [
  ['a field that nobody knows', openai, (value) => openai.body('hi', { unknown: value })],
  ['a field that nobody knows', anthropic, (value) => anthropic.body('hi', { unknown: value })],
  ['a schema', native, (value) => native.body('hi', { json_schema: { type: 'object', default: value } })],
  ['an agent', native, (value) => native.body('hi', { agents: { a: { description: 'd', prompt: 'p', more: value } } })],
  ['a message', openai, (value) => ({ model: 'sonnet', messages: [{ role: 'user', content: 'hi', unknown: value }] })],
  [
    'the input of an earlier call',
    anthropic,
    (value) => ({
      ...anthropic.body('hi'),
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { value } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'r' }] },
      ],
    }),
  ],
]

/** How many levels deep the number stands; null where it is not to be found. */
function levelOf(mark: number, value: unknown): number | null {
  if (value === mark) return 0
  if (value === null || typeof value !== 'object') return null
  const levels = Object.values(value).flatMap((each) => levelOf(mark, each) ?? [])
  return levels.length === 0 ? null : 1 + Math.min(...levels)
}

for (const [where, face, of] of loose) {
  const above = levelOf(0.5, of(0.5)) ?? 0

  test(`E03 ${where} of ${face.name} may be nested, so that the whole has 64 levels and no more`, async () => {
    const levels = 64 - above + 1
    await taken(face.path, of(nested(levels)))
    assert.match(await refused(face, of(nested(levels + 1))), /nested/)
  })

  for (const levels of [100, 10_000, 1_000_000]) {
    test(`E03 ${where} of ${face.name}, ${levels} levels deep, is 400`, hang, async () => {
      for (const [opened, closed] of [
        ['[', ']'],
        ['{"a":', '}'],
      ] as const) {
        const deep = `${opened.repeat(levels)}0${closed.repeat(levels)}`
        assert.match(await refused(face, JSON.stringify(of(0.5)).replace('0.5', deep)), /nested/)
      }
    })
  }

  test(`E05 ${where} of ${face.name} may have 10,000 entries and no more`, hang, async () => {
    const list = (count: number) => Array(count).fill(0)
    const object = (count: number) => Object.fromEntries(list(count).map((_, at) => [`k${at}`, 0]))
    for (const wide of [list, object]) {
      await taken(face.path, of(wide(10_000)))
      assert.match(await refused(face, of(wide(10_001))), /10000 entries/)
      assert.match(await refused(face, of(wide(100_000))), /10000 entries/)
    }
  })
}

for (const face of faces) {
  test(`E03 a million opened lists to ${face.name} are 400`, hang, async () => {
    await refused(face, '['.repeat(1_000_000))
    await refused(face, `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`)
    await refused(face, '{"a":'.repeat(1_000_000))
  })

  test(`E05 a hundred thousand fields to ${face.name} are 400`, hang, async () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`f${at}`, 1]))
    assert.match(await refused(face, face.body('hi', many)), /10000 entries/)
  })

  test(`E05 a text of ten million characters to ${face.name} arrives whole`, hang, async () => {
    const text = 'ä'.repeat(5_000_000)
    assert.deepEqual((await taken(face.path, face.body(text))).prompt, [{ type: 'text', text }])
  })
}

for (const face of compatible) {
  test(`E05 a hundred thousand messages to ${face.name} are 400`, hang, async () => {
    const messages = Array(100_000).fill({ role: 'user', content: 'hi' })
    assert.match(await refused(face, { ...face.body('hi'), [face.saidIn]: messages }), /10000 entries/)
  })

  test(`E05 a hundred faults in each of a thousand messages to ${face.name} are told as one`, hang, async () => {
    const content = Array(100).fill({ type: 'text', text: 5 })
    const message = await refused(face, {
      ...face.body('hi'),
      [face.saidIn]: Array(1000).fill({ role: 'user', content }),
    })
    assert.match(message, new RegExp(`^${face.saidIn}\\[0\\]\\.content\\[0\\]\\.text must be a string`))
  })
}

const call = (args: unknown) => ({
  model: 'sonnet',
  messages: [
    { role: 'user', content: 'hi' },
    { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: args } }] },
    { role: 'tool', tool_call_id: 'a', content: 'r' },
  ],
})

for (const levels of [100, 3000, 20_000]) {
  test(`E03 the arguments of an earlier call, written as text, are 400 when ${levels} levels deep`, async () => {
    await refused(openai, call(`${'{"a":'.repeat(levels)}0${'}'.repeat(levels)}`))
    await refused(openai, call(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`))
  })
}

test('E03 a request that is nested too deeply keeps no other from being served', async (t) => {
  const server = await startTestServer(t, { config: { maxProcesses: 1 } })
  const ask = async (path: string, body: unknown) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`${server.url}${path}`, init)
    await answer.arrayBuffer()
    return answer.status
  }
  const deep = `${'{"a":'.repeat(20_000)}0${'}'.repeat(20_000)}`
  assert.equal(await ask(openai.path, call(deep)), 400)
  for (const face of faces) assert.equal(await ask(face.path, face.body('hi')), 200, face.name)
})

test('E05 the arguments of an earlier call, written as text, are 400 when they have more than 10,000 entries', async () => {
  await refused(openai, call(JSON.stringify({ a: Array(10_001).fill(0) })))
})

const slowWork: [what: string, face: Face, body: () => Json][] = [
  ['a thousand tools', openai, () => openai.body('hi', { tools: manyTools(1000).map(asFunction) })],
  ['a thousand tools', anthropic, () => anthropic.body('hi', { tools: manyTools(1000) })],
  ['a schema that refers to lists in lists', native, () => native.body('hi', { json_schema: referring })],
  ['a tool that refers to lists in lists', openai, () => openai.body('hi', { tools: [asFunction(referringTool)] })],
  ['a tool that refers to lists in lists', anthropic, () => anthropic.body('hi', { tools: [referringTool] })],
]
/** With each level more it could take half as long again as before: with the 64 that are allowed, for ever. */
const referring = { type: 'object', $defs: { d: nested(38) }, properties: { a: { $ref: '#/$defs/d' } } }
const referringTool = { name: 'a', input_schema: referring }
const manyTools = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `tool_${at}`, input_schema: { type: 'object', title: `${at}` } }))
const asFunction = ({ name, input_schema: parameters }: { name: string; input_schema: Json }) => ({
  type: 'function',
  function: { name, parameters },
})
for (const [what, face, body] of slowWork) {
  test(`E05 ${what} to ${face.name} keeps nobody waiting`, hang, async () => {
    // Nothing of it can be interrupted, so that it has to be over soon; it is some milliseconds of work, or many seconds.
    const before = process.cpuUsage()
    const { statusCode } = await send(face.path, body())
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 3_000_000, 'everybody else had to wait')
    assert.ok(statusCode === 400 || statusCode === 200, String(statusCode))
  })
}

const poison = [
  '{"__proto__":{"admin":true,"polluted":1,"x":1}}',
  '{"__proto__":null}',
  '{"a":{"__proto__":{"admin":true}}}',
  '{"a":[{"__proto__":{"admin":true}}]}',
  '{"\\u005f\\u005fproto\\u005f\\u005f":{"admin":true}}',
  '{"constructor":{"prototype":{"admin":true}}}',
  '{"a":{"constructor":{"prototype":{"admin":true}}}}',
  '{"constr\\u0075ctor":{"prototype":{"admin":true}}}',
]
for (const document of poison) {
  test(`E04 ${document} is 400 wherever it stands`, async () => {
    for (const face of faces) {
      const body = JSON.stringify(face.body('hi'))
      await refused(face, document)
      await refused(face, body.replace('{', `${document.slice(0, -1)},`))
      for (const place of ['metadata', 'unknown', 'tools', 'json_schema', 'mcp_servers', 'system'])
        await refused(face, body.replace('{', `{"${place}":${document},`))
      await refused(face, body.replace('"hi"', document))
      await refused(face, body.replace('"hi"', `[{"type":"text","text":"hi","more":${document}}]`))
    }
  })

  test(`E04 ${document} is 400 for sessions as well`, async (t) => {
    const { ask, files } = await setUpSessions(t)
    for (const [method, path] of [
      ['PATCH', `/${one}`],
      ['POST', `/${one}/fork`],
    ] as const) {
      const { status } = await ask(method, path, document.replace('{', '{"title":"x",'))
      assert.equal(status, 400)
    }
    assert.deepEqual(files.calls, [])
    assertNothingPolluted()
  })
}

test('E04 the arguments of an earlier call can bring no prototype', async () => {
  for (const document of poison) {
    const { session } = await taken(openai.path, call(document))
    assert.ok(session.kind === 'history')
    const [use] = session.messages.at(-1)?.content ?? []
    assert.ok(use?.type === 'tool_use')
    assert.equal(Object.getPrototypeOf(use.input), Object.prototype)
    assert.deepEqual(JSON.parse(JSON.stringify(use.input)), JSON.parse(document))
  }
})

const inherited = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'prototype', 'length']
for (const name of inherited) {
  test(`E04 the name ${name} means nothing: as a field, a model, a mode, a type, a tool, a key of metadata`, async () => {
    const field = { [name]: 1 }
    assert.match(await refused(native, native.body('hi', field)), new RegExp(`^${name} is not a field`))
    for (const face of compatible) {
      const plain = withoutId(await taken(face.path, face.body('hi')))
      assert.deepEqual(withoutId(await taken(face.path, face.body('hi', field))), plain)
      await refused(face, { ...face.body('hi'), model: name }, [404])
      await refused(face, { ...face.body('hi'), [face.saidIn]: [{ role: name, content: 'hi' }] })
      await refused(face, { ...face.body('hi'), [face.saidIn]: [{ role: 'user', content: [{ type: name }] }] })
    }
    await refused(native, native.body('hi', { permission_mode: name }))
    await refused(native, native.body('hi', { effort: name }))
    await refused(native, native.body([{ type: name }]))
    await taken(native.path, native.body('hi', { metadata: { [name]: 'x' } }))
    await taken(openai.path, openai.body('hi', { metadata: { [name]: 'x' } }))
    await taken(anthropic.path, anthropic.body('hi', { metadata: { [name]: 'x' } }))
  })
}

/** Objects whose own fields stand where a program expects methods. */
for (const name of [
  'toString',
  'valueOf',
  'toJSON',
  'then',
  'constructor',
  'hasOwnProperty',
  'length',
  'Symbol.toPrimitive',
]) {
  test(`E04 an object with a field ${name} is as good as any other, wherever it stands`, async () => {
    const odd = { [name]: 1 }
    for (const face of faces) {
      const fields = Object.keys({ ...face.body('hi'), ...namesOf(face) })
      for (const field of fields) await neverFails(face, { ...face.body('hi'), [field]: odd })
    }
    for (const place of [
      '$schema',
      '$id',
      '$ref',
      'type',
      'properties',
      'required',
      'title',
      'default',
      'enum',
      'items',
      '$defs',
    ]) {
      const schema = { type: 'object', [place]: odd }
      await neverFails(native, native.body('hi', { json_schema: schema }))
      await neverFails(openai, openai.body('hi', { tools: [asFunction({ name: 'a', input_schema: schema })] }))
      await neverFails(openai, openai.body('hi', { response_format: { type: 'json_schema', json_schema: { schema } } }))
      await neverFails(anthropic, anthropic.body('hi', { tools: [{ name: 'a', input_schema: schema }] }))
      await neverFails(anthropic, anthropic.body('hi', { output_config: { format: { type: 'json_schema', schema } } }))
    }
  })
}

/** Whatever a request says, it is either answered or refused. */
async function neverFails(face: Face, body: Json): Promise<void> {
  const { statusCode, body: text } = await send(face.path, body)
  assert.ok(statusCode < 500, `${statusCode} ${text} for ${JSON.stringify(body)}`)
}

const namesOf = ({ name }: Face): Json => Object.fromEntries(fieldNames[name].map((field) => [field, 1]))
const fieldNames = {
  native: [
    ...['prompt', 'session_id', 'model', 'system_prompt', 'allowed_tools', 'tools', 'cwd', 'add_dirs', 'effort'],
    ...['json_schema', 'mcp_servers', 'agents', 'setting_sources', 'metadata', 'timeout_s', 'max_turns', 'unknown'],
  ],
  openai: [
    ...['stream', 'stream_options', 'tools', 'tool_choice', 'functions', 'function_call', 'response_format', 'stop'],
    ...['max_tokens', 'reasoning', 'thinking', 'metadata', 'n', 'modalities', 'logit_bias', 'audio', 'unknown'],
  ],
  responses: [
    ...['input', 'instructions', 'previous_response_id', 'tools', 'tool_choice', 'text', 'reasoning', 'include'],
    ...['max_output_tokens', 'metadata', 'store', 'background', 'stream', 'conversation', 'prompt', 'unknown'],
  ],
  anthropic: [
    ...['system', 'tools', 'tool_choice', 'thinking', 'output_config', 'output_format', 'stop_sequences', 'metadata'],
    ...['thread', 'mcp_servers', 'container', 'context_management', 'compaction', 'fallbacks', 'unknown'],
  ],
}

const withoutId = (request: RunRequest) => ({ ...request, runId: '' })

/** What would give a caller more than talk, in the words of this server, the CLI and the Agent SDK. */
const powers: Json = {
  cwd: '/etc',
  add_dirs: ['/'],
  additionalDirectories: ['/'],
  additional_directories: ['/'],
  permission_mode: 'bypassPermissions',
  permissionMode: 'bypassPermissions',
  dangerously_skip_permissions: true,
  allowDangerouslySkipPermissions: true,
  allowed_tools: ['Bash'],
  allowedTools: ['Bash'],
  disallowed_tools: [],
  mcp_servers: { x: { command: '/bin/sh', args: ['-c', 'id'] } },
  mcpServers: { x: { command: '/bin/sh', args: ['-c', 'id'] } },
  settings: { permissions: { allow: ['Bash'] } },
  setting_sources: ['user', 'project', 'local'],
  settingSources: ['user', 'project', 'local'],
  env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:1', NODE_OPTIONS: '--inspect' },
  extra_args: { 'dangerously-skip-permissions': null },
  extraArgs: { 'dangerously-skip-permissions': null },
  agents: { a: { description: 'd', prompt: 'p' } },
  plugin_dir: '/tmp',
  plugins: [{ type: 'local', path: '/tmp' }],
  hooks: { SessionStart: [{ hooks: [{ type: 'command', command: 'id' }] }] },
  sandbox: { enabled: false },
  resume: '00000000-0000-4000-8000-000000000000',
  session_id: '00000000-0000-4000-8000-000000000000',
  sessionId: '00000000-0000-4000-8000-000000000000',
  fork: true,
  continue: true,
  commands: true,
  append_system_prompt: 'x',
  appendSystemPrompt: 'x',
  approvals: true,
  background: true,
  on_crash: 'restart',
  max_budget_usd: 1e9,
  max_turns: 1000,
  timeout_s: 1e6,
  claude_bin: '/bin/sh',
  pathToClaudeCodeExecutable: '/bin/sh',
  executable: '/bin/sh',
  agent: true,
  plain: null,
  asks: true,
  isSide: false,
  owner: null,
  surface: 'native',
  runId: 'run_x',
  roots: ['/'],
  live: true,
  options: { permissionMode: 'bypassPermissions', tools: ['Bash'] },
  scope: 'admin',
  role: 'admin',
}

/** OpenAI's metadata: strings, and few of them. */
function* metadataOf(face: Face): Generator<Json> {
  if (face !== openai && face !== responses) return yield powers
  const entries = Object.entries(powers).map(([name, value]) => [name, JSON.stringify(value)])
  for (let at = 0; at < entries.length; at += 16) yield Object.fromEntries(entries.slice(at, at + 16))
}

/** All the ways in which a program may send them. */
function* powerful(face: Face): Generator<[where: string, body: Json]> {
  const body = face.body('hi')
  // The Responses API has a field of that name, which means the same there.
  yield ['fields', { ...body, ...(face === responses ? without(powers, 'background') : powers) }]
  for (const metadata of metadataOf(face)) yield ['metadata', { ...body, metadata }]
  for (const name of [
    'extra_body',
    'extra_headers',
    'claude',
    'claude_serve',
    'options',
    'provider_options',
    'config',
    'kwargs',
  ])
    yield [name, { ...body, [name]: powers }]
  yield ['a message', { ...body, [face.saidIn]: [{ role: 'user', content: 'hi', ...without(powers, 'role') }] }]
  yield ['a block', face.body([{ ...powers, type: 'text', text: 'hi' }])]
}

const without = (fields: Json, name: string): Json =>
  Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name))

for (const face of compatible) {
  test(`E09 fields that reach for power change nothing of what ${face.name} asks the agent`, async () => {
    const plain = withoutId(await taken(face.path, face.body('hi')))
    assert.notEqual(plain.plain, null)
    for (const [where, body] of powerful(face)) {
      assert.deepEqual(withoutId(await taken(face.path, body)), plain, `powers as ${where}`)
    }
  })

  test(`E09 headers that reach for power change nothing of what ${face.name} asks the agent`, async () => {
    const plain = withoutId(await taken(face.path, face.body('hi')))
    for (const prefix of ['', 'x-', 'x-claude-', 'x-claude-serve-', 'anthropic-', 'openai-', 'x-stainless-']) {
      const entries = Object.entries(powers)
        .filter(([name]) => !(prefix === '' && name === 'continue'))
        .map(([name, value]) => [`${prefix}${name.replaceAll('_', '-').toLowerCase()}`, JSON.stringify(value)])
      const more = Object.fromEntries(entries.slice(0, 80)) as Record<string, string>
      assert.deepEqual(withoutId(await taken(face.path, face.body('hi'), more)), plain)
    }
    const model = { 'x-model': 'agent/sonnet', 'x-claude-model': 'agent/sonnet', 'anthropic-model': 'agent/sonnet' }
    assert.deepEqual(withoutId(await taken(face.path, face.body('hi'), model)), plain)
  })

  test(`E08 fields without effect are told to a client of ${face.name}, and refused where it is strict`, async () => {
    const body = { ...face.body('hi'), cwd: '/etc', permission_mode: 'bypassPermissions', 'a\r\nb': 1, é: 1 }
    const { headers: told } = await send(face.path, body)
    assert.equal(told['x-claude-serve-ignored'], 'cwd, permission_mode, (unknown)')
    const before = agent.requests.length
    const answer = await send(face.path, body, { 'x-claude-serve-strict': 'true' })
    assert.equal(answer.statusCode, 400)
    assert.match(face.messageOf(face.ErrorBody.parse(answer.json())), /^cwd cannot be honoured/)
    assert.equal(agent.requests.length, before)
  })

  test(`E09 a name that is only like an agent’s does not make a plain model of ${face.name} one`, async () => {
    for (const model of [
      ' agent/sonnet',
      'Agent/sonnet',
      'AGENT/sonnet',
      'agent',
      'agent/',
      'agent\\sonnet',
      'agent/ sonnet',
      'sonnet/agent',
      'agent//sonnet',
      'agent%2fsonnet',
    ])
      await refused(face, { ...face.body('hi'), model }, [404])
  })

  test(`E09 tools of a client of ${face.name} that are called like Claude Code’s own are the client’s`, async () => {
    const names = ['Bash', 'Read', 'Write', 'Task', 'WebFetch', 'mcp__x__y']
    const tools = names.map((name) => ({ name, input_schema: { type: 'object' } }))
    const flat = tools.map(({ name, input_schema: parameters }) => ({ type: 'function', name, parameters }))
    const given = face === openai ? tools.map(asFunction) : face === responses ? flat : tools
    const { options, plain } = await taken(face.path, face.body('hi', { tools: given }))
    assert.deepEqual(
      plain?.tools.map(({ name }) => name),
      names,
    )
    const baseline = await taken(face.path, face.body('hi'))
    assert.deepEqual(options, baseline.options)
  })
}

for (const name of Object.keys(powers).filter((each) => !knownToNative(each))) {
  test(`E08 ${name}, which the native API does not have, is 400 there`, async () => {
    const message = await refused(native, native.body('hi', { [name]: powers[name] }))
    assert.match(message, new RegExp(`^${name} is not a field of this request`))
  })
}

function knownToNative(name: string): boolean {
  return [
    ...['cwd', 'add_dirs', 'permission_mode', 'allowed_tools', 'disallowed_tools', 'mcp_servers', 'setting_sources'],
    ...['agents', 'session_id', 'fork', 'commands', 'append_system_prompt', 'approvals', 'background', 'on_crash'],
    ...['max_budget_usd', 'max_turns', 'timeout_s'],
  ].includes(name)
}

test('E09 an agent of a request has no permission mode that the request may not have', async () => {
  for (const mode of ['bypassPermissions', 'auto']) {
    const agents = { a: { description: 'd', prompt: 'p', permissionMode: mode } }
    const before = agent.requests.length
    const { statusCode } = await send(native.path, native.body('hi', { agents }))
    assert.ok(statusCode === 400 || statusCode === 403, String(statusCode))
    assert.equal(agent.requests.length, before)
  }
})

for (const face of faces) {
  for (const prompt of ['', ' ', ' \t\r\n ', '\u00a0\u2003\ufeff', []]) {
    test(`E11 the prompt ${JSON.stringify(prompt)} is 400 by ${face.name}`, async () => {
      await refused(face, face.body(prompt))
    })
  }

  for (const prompt of [
    null,
    5,
    true,
    {},
    [5],
    [null],
    [[]],
    ['hi'],
    [{}],
    [{ type: 'text' }],
    [{ type: 'text', text: 5 }],
  ]) {
    test(`E11 the prompt ${JSON.stringify(prompt)} is 400 by ${face.name}`, async () => {
      await refused(face, face.body(prompt))
    })
  }
}

for (const face of compatible) {
  for (const stream of ['false', 'true', '', 0, 1, [], {}, 'null']) {
    test(`E12 "stream": ${JSON.stringify(stream)} is 400 by ${face.name}`, async () => {
      assert.match(await refused(face, face.body('hi', { stream })), /^stream must be true or false/)
    })
  }
}

for (const name of ['background', 'approvals', 'commands', 'fork']) {
  for (const value of ['false', 'true', 0, 1, [], {}]) {
    test(`E12 "${name}": ${JSON.stringify(value)} is 400 by native`, async () => {
      assert.match(
        await refused(native, native.body('hi', { [name]: value })),
        new RegExp(`^${name} must be true or false`),
      )
    })
  }
}

const oddTexts = [
  'a\0b\0',
  '\x1b[2J\x1b]0;title\x07',
  '\u202e\u2066txt.exe\u2069',
  '🦉👩‍👩‍👧‍👦🏳️‍🌈\u{10ffff}',
  'a\r\n\r\nb\r\rc\n\nd',
  'data: [DONE]\n\ndata: {"type":"done"}\n\n',
  '\nid: 999\nevent: message_stop\ndata: {}\n\n: comment\n\n',
  '"},"x":{"\\',
  '\u2028\u2029\u0085\ufeff',
  'lone \ud83e and \udd89 and \udd89\ud83e',
  'İıſK ﬀ e\u0301',
  ' a ',
  '\n/config theme=light',
  '@/etc/passwd',
  '--version',
]
for (const text of oddTexts) {
  for (const face of faces) {
    test(`E13 the text ${JSON.stringify(text)} comes through ${face.name} as it is, both ways`, async () => {
      const { prompt } = await taken(face.path, face.body(text))
      assert.deepEqual(prompt, [{ type: 'text', text }])
      agent.script = goodRun(inPieces(text))
      try {
        assert.equal(face.textOf((await send(face.path, face.body('hi'))).json()), text)
        const stream = await send(face.streamPath, face.streamed('hi'))
        assert.equal(stream.statusCode, 200)
        assert.equal(toldBy(face, stream.body), text)
      } finally {
        agent.script = obliging
      }
    })
  }
}

/** In two, not between the halves of a character, unless they are apart already. */
function inPieces(text: string): string[] {
  const half = [...text].slice(0, Math.ceil([...text].length / 2)).join('')
  return [half, text.slice(half.length)].filter((piece) => piece !== '')
}

test('E13 a character whose halves come apart is whole again in every stream', async () => {
  const [high = '', low = ''] = '🦉'.split('')
  const events: RunEvent[] = goodRun([`a${high}`, `${low}b`])
  for (const face of faces) {
    agent.script = events
    const stream = await send(face.streamPath, face.streamed('hi'))
    agent.script = obliging
    assert.equal(toldBy(face, stream.body), 'a🦉b')
  }
})

/** A listener on loopback that must never be called, and a file that must never be read. */
const visits: string[] = []
const trap = createHttpServer((request, response) => {
  visits.push(request.url ?? '')
  response.end()
})
trap.on('connection', () => visits.push('connection'))
trap.listen(0, '127.0.0.1')
await once(trap, 'listening')
after(() => trap.close())
const trapPort = (trap.address() as AddressInfo).port
const folder = mkdtempSync(join(tmpdir(), 'claude-serve-bodies-'))
after(() => rmSync(folder, { recursive: true }))
const canary = 'canary-of-a-file-77d1'
const secretFile = join(folder, 'secret.txt')
writeFileSync(secretFile, canary)

/** What is done while no connection may be opened, to anywhere. */
async function withoutSockets(act: () => Promise<unknown>): Promise<void> {
  let opened = 0
  const note = () => {
    opened++
  }
  subscribe('net.client.socket', note)
  try {
    await act()
  } finally {
    unsubscribe('net.client.socket', note)
  }
  assert.equal(opened, 0, 'a connection was opened')
  assert.deepEqual(visits, [])
}

test('E15 that a connection is opened would be noticed', async () => {
  await assert.rejects(
    withoutSockets(() => fetch(`http://127.0.0.1:${trapPort}/control`)),
    /a connection was opened/,
  )
  assert.deepEqual(visits.splice(0), ['connection', '/control'])
})

const addresses = [
  `http://127.0.0.1:${trapPort}/image.png`,
  `http://localhost:${trapPort}/v1/health`,
  `https://127.0.0.1:${trapPort}/image.png`,
  `HTTP://127.0.0.1:${trapPort}/image.png`,
  ` http://127.0.0.1:${trapPort}/image.png`,
  `\nhttp://127.0.0.1:${trapPort}/image.png`,
  `http:\\\\127.0.0.1:${trapPort}/image.png`,
  `//127.0.0.1:${trapPort}/image.png`,
  `http://good.example\\@127.0.0.1:${trapPort}/`,
  `http://good.example@127.0.0.1:${trapPort}/`,
  `http://2130706433:${trapPort}/`,
  `http://[::ffff:127.0.0.1]:${trapPort}/`,
  'http://169.254.169.254/latest/meta-data/',
  'http://[fd00:ec2::254]/latest/meta-data/',
  'http://metadata.google.internal/',
  'file:///etc/passwd',
  pathToFileURL(secretFile).href,
  `file://localhost${secretFile}`,
  secretFile,
  'ftp://127.0.0.1/x',
  'gopher://127.0.0.1:6379/_INFO',
  'blob:http://127.0.0.1/x',
  'javascript:fetch("/")',
  `url:http://127.0.0.1:${trapPort}/`,
  `data:http://127.0.0.1:${trapPort}/image.png`,
  `data:image/png,http://127.0.0.1:${trapPort}/`,
  `data:text/html;base64,${Buffer.from(`<img src="http://127.0.0.1:${trapPort}/">`).toString('base64')}`,
  `data:image/svg+xml;base64,${Buffer.from(`<svg><image href="http://127.0.0.1:${trapPort}/"/></svg>`).toString('base64')}`,
  'data:image/png;base64,',
  'data:',
]

/** Everywhere an address could stand. */
const shown: [face: Face, blocks: (url: string) => unknown[]][] = [
  [
    native,
    (url) => [
      { type: 'image', source: { type: 'url', url } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: url } },
      { type: 'document', source: { type: 'url', url } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: url } },
      { type: 'image_url', image_url: { url } },
    ],
  ],
  [
    openai,
    (url) => [
      { type: 'image_url', image_url: { url } },
      { type: 'image_url', image_url: url },
      { type: 'input_image', image_url: url },
      { type: 'image_url', image_url: { url, detail: 'high' } },
      { type: 'input_file', file_url: url },
      { type: 'input_file', file_id: url },
      { type: 'file', file: { file_id: url } },
      { type: 'image', source: { type: 'url', url } },
    ],
  ],
  [
    anthropic,
    (url) => [
      { type: 'image', source: { type: 'url', url } },
      { type: 'image', source: { type: 'file', file_id: url } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: url } },
      { type: 'document', source: { type: 'url', url } },
      { type: 'document', source: { type: 'file', file_id: url } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: url } },
      { type: 'document', source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url } }] } },
      { type: 'image_url', image_url: { url } },
    ],
  ],
]
for (const [face, blocks] of shown) {
  for (const url of addresses) {
    test(`E15 the address ${title(JSON.stringify(url))} is 400 by ${face.name} wherever it stands, and nobody goes there`, async () => {
      await withoutSockets(async () => {
        for (const block of blocks(url)) await refused(face, face.body([{ type: 'text', text: 'look' }, block]))
      })
    })
  }
}

test('E15 a picture is refused in a tool’s result as well, and nobody goes there', async () => {
  await withoutSockets(async () => {
    for (const url of addresses) {
      const image = { type: 'image', source: { type: 'url', url } }
      const result = { type: 'tool_result', tool_use_id: 'a', content: [image] }
      const use = { type: 'tool_use', id: 'a', name: 'f', input: {} }
      const messages = [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [use] },
        { role: 'user', content: [result] },
      ]
      await refused(anthropic, { ...anthropic.body('hi'), messages })
      const part = { type: 'image_url', image_url: { url } }
      const [user, assistant] = call('{}').messages
      const tool = { role: 'tool', tool_call_id: 'a', content: [part] }
      await refused(openai, { model: 'sonnet', messages: [user, assistant, tool] })
    }
  })
})

test('E15 a text file that is sent along is data, whatever it says', async () => {
  await withoutSockets(async () => {
    const data = Buffer.from(`@${secretFile} http://127.0.0.1:${trapPort}/`).toString('base64')
    const file = { filename: secretFile, file_data: `data:text/plain;base64,${data}` }
    const request = await taken(openai.path, openai.body([{ type: 'file', file }]))
    assert.ok(!JSON.stringify(request).includes(canary))
  })
})

test('E15 the addresses in a schema are not followed', async () => {
  const address = `http://127.0.0.1:${trapPort}/schema.json`
  await withoutSockets(async () => {
    for (const schema of [
      { type: 'object', $ref: address },
      { type: 'object', properties: { a: { $ref: `${address}#/a` } } },
      { type: 'object', $schema: address },
      { type: 'object', properties: { a: { $ref: pathToFileURL(secretFile).href } } },
    ]) {
      await refused(native, native.body('hi', { json_schema: schema }))
      await refused(openai, openai.body('hi', { tools: [asFunction({ name: 'a', input_schema: schema })] }))
      await refused(anthropic, anthropic.body('hi', { tools: [{ name: 'a', input_schema: schema }] }))
    }
  })
})

const badModels = [
  ...[
    '--x',
    '-x',
    '--dangerously-skip-permissions',
    '../..',
    '../../etc/passwd',
    '/etc/passwd',
    'a b',
    'sonnet ',
    ' sonnet',
  ],
  ...['sonnet\n', 'claude-x\n', 'a\nb', 'a\0b', 'sonnet\u200b', '<script>alert(1)</script>', '$HOME', '$(id)', '`id`'],
  ...[
    '; id',
    'sonnet;id',
    '\u202esonnet',
    'ｓonnet',
    'Sonnet',
    'claude-SONNET',
    'claude-x y',
    'claude-x/../y',
    '%2e%2e',
  ],
  ...[
    'a'.repeat(200),
    `claude-${'a'.repeat(250)}`,
    'agent/--x',
    'agent/../..',
    'agent/a\nb',
    `agent/${'a'.repeat(200)}`,
  ],
  ...['anthropic/', 'openai/--x', 'anthropic/agent/--x', 'agent/agent/'],
]
for (const model of badModels) {
  test(`E16 the model ${title(JSON.stringify(model))} is refused, and nothing is started`, async () => {
    for (const face of compatible) await refused(face, { ...face.body('hi'), model }, [400, 404])
    // The native API asks the CLI what there is: names that look like one pass.
    const looksGood = /^[A-Za-z0-9][A-Za-z0-9._:@/[\]-]{0,127}$/.test(model)
    if (!looksGood) await refused(native, native.body('hi', { model }))
    if (!looksGood) await refused(native, native.body('hi', { fallback_model: model }))
    await refused(anthropic, { ...anthropic.body('hi'), model }, [400, 404], '/v1/messages/count_tokens')
  })
}

for (const model of ['', 5, null, true, [], {}, ['sonnet'], { name: 'sonnet' }]) {
  test(`E16 the model ${JSON.stringify(model)} is 400`, async () => {
    for (const face of compatible) assert.match(await refused(face, { ...face.body('hi'), model }), /^model /)
    if (model !== null) assert.match(await refused(native, native.body('hi', { model })), /^model /)
  })
}

const mebibyte = 1024 ** 2

/** Texts that make a pattern with two ways to match the same thing take for ever. */
const longTexts: [what: string, text: string][] = [
  ['a…a!', `${'a'.repeat(mebibyte)}!`],
  ['A…A=!', `${'A'.repeat(mebibyte)}=!`],
  ['line ends', `AAAA${'\r\n'.repeat(mebibyte / 2)}!`],
  ['line ends after =', `AAAA=${'\r\n'.repeat(mebibyte / 2)}!`],
  ['====', '='.repeat(mebibyte)],
  ['spaces', `${' '.repeat(mebibyte)}x`],
  ['dashes', `${'0-'.repeat(mebibyte / 2)}!`],
  ['emoji', `${'🦉'.repeat(mebibyte / 4)}\0`],
  ['a data URL of parameters', `data:image/png${';a=b'.repeat(mebibyte / 4)};base64,!`],
  ['a data URL without an end', `data:${'a'.repeat(mebibyte)}`],
  ['a title that is asked for', 'generate a title '.repeat(mebibyte / 16)],
  ['sentences', 'you are a title generator, write summarize this coding conversation '.repeat(mebibyte / 64)],
]

/** Every field that a pattern is held against. */
const patterned: [field: string, face: Face, of: (text: string) => Json][] = [
  ...['model', 'fallback_model', 'session_id', 'cwd', 'permission_mode', 'effort'].map(
    (name): [string, Face, (text: string) => Json] => [name, native, (text) => native.body('hi', { [name]: text })],
  ),
  ...['allowed_tools', 'disallowed_tools', 'tools', 'add_dirs', 'setting_sources'].map(
    (name): [string, Face, (text: string) => Json] => [name, native, (text) => native.body('hi', { [name]: [text] })],
  ),
  ['the name of a server', native, (text) => native.body('hi', { mcp_servers: { [text]: { command: 'x' } } })],
  ['a command', native, (text) => native.body('hi', { mcp_servers: { a: { command: text } } })],
  ['a server’s address', native, (text) => native.body('hi', { mcp_servers: { a: { type: 'http', url: text } } })],
  [
    'the name of an agent',
    native,
    (text) => native.body('hi', { agents: { [text]: { description: 'd', prompt: 'p' } } }),
  ],
  ['a key of metadata', native, (text) => native.body('hi', { metadata: { [text]: 'x' } })],
  ['a field that is not there', native, (text) => native.body('hi', { [text]: 'x' })],
  ['a picture', native, (text) => native.body([pictureOf(text)])],
  [
    'a document',
    native,
    (text) => native.body([{ type: 'document', source: { ...sourceOf(text), media_type: 'application/pdf' } }]),
  ],
  ['a picture', anthropic, (text) => anthropic.body([pictureOf(text)])],
  ['a document', anthropic, (text) => anthropic.body([{ type: 'document', source: sourceOf(text) }])],
  ['a tool', anthropic, (text) => anthropic.body('hi', { tools: [{ name: text, input_schema: { type: 'object' } }] })],
  [
    'a property of a tool',
    anthropic,
    (text) => anthropic.body('hi', { tools: [{ name: 'a', input_schema: propertyOf(text) }] }),
  ],
  ['a picture', openai, (text) => openai.body([{ type: 'image_url', image_url: { url: text } }])],
  ['a file', openai, (text) => openai.body([{ type: 'file', file: { file_data: text } }])],
  [
    'a tool',
    openai,
    (text) => openai.body('hi', { tools: [asFunction({ name: text, input_schema: { type: 'object' } })] }),
  ],
  ['a function', openai, (text) => openai.body('hi', { functions: [{ name: text }] })],
  ['a call’s arguments', openai, (text) => call(text)],
]
const sourceOf = (data: string) => ({ type: 'base64', media_type: 'image/png', data })
const pictureOf = (data: string) => ({ type: 'image', source: sourceOf(data) })
const propertyOf = (name: string) => ({ type: 'object', properties: { [name]: {} } })

for (const [field, face, of] of patterned) {
  test(`E17 long texts as ${field} of ${face.name} are refused without long thought`, hang, async () => {
    for (const [, text] of longTexts) {
      await refused(face, of(text))
      if (text.startsWith('data:')) await refused(face, of(`data:image/png;base64,${'A'.repeat(mebibyte)}!`))
    }
  })
}

for (const face of faces) {
  test(`E17 long texts as the prompt of ${face.name} are taken without long thought`, hang, async () => {
    for (const [, text] of longTexts) {
      assert.deepEqual((await taken(face.path, face.body(text))).prompt, [{ type: 'text', text }])
    }
  })
}

test('E17 headers as long as they may be are read without long thought', hang, async () => {
  for (const text of [
    'a'.repeat(8000),
    ' '.repeat(8000),
    'a '.repeat(4000),
    `Bearer ${' a'.repeat(4000)}`,
    `Bearer ${'\t'.repeat(8000)}!`,
  ]) {
    for (const name of [
      'authorization',
      'x-api-key',
      'idempotency-key',
      'anthropic-version',
      'x-request-id',
      'expect',
      'x-claude-serve-strict',
    ]) {
      for (const face of faces) {
        const { statusCode } = await send(face.path, face.body('hi'), { [name]: text })
        assert.ok(statusCode === 200 || statusCode === 400, `${name} ${statusCode}`)
      }
    }
  }
})

test('after all this a good request is answered', async () => {
  for (const face of faces) await taken(face.path, face.body('hi'))
})
