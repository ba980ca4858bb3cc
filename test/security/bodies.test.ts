// Hostile request bodies, by content or by structure, on every surface. A scripted agent stands behind them and shows what would have
// reached Claude. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { LightMyRequestResponse } from 'fastify'
import type { RunRequest } from '../../src/core/agent.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { test, testIf } from '../helpers/extended.ts'
import { createInjectApp } from '../helpers/inject-app.ts'
import { goodRun, runEnd, type Script, ScriptedAgent } from '../helpers/scripted-agent.ts'
import { one, setUp as setUpSessions } from '../helpers/session-app.ts'
import {
  allSurfaces,
  anthropic,
  compatible,
  native,
  nested,
  ollama,
  openai,
  responses,
  type Surface,
  streamedText,
  surfaces,
} from './surfaces.ts'

/** Says hello; if a schema is requested, an empty object stands for the structured answer. */
const obliging: Script = ({ options: { jsonSchema } }) => [
  ...goodRun(['Hello', ' there']).slice(0, -1),
  runEnd({ result: 'Hello there', structuredOutput: jsonSchema === null ? null : {} }),
]

const agent = new ScriptedAgent(obliging)
const app = await createInjectApp({ after }, allSurfaces({ agent }))

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 60_000 }

type Json = Record<string, unknown>

const headers = { host: 'localhost', 'content-type': 'application/json' }

function send(path: string, body: unknown, more: Record<string, string> = {}): Promise<LightMyRequestResponse> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  return app.inject({ method: 'POST', url: path, headers: { ...headers, ...more }, payload })
}

/** Sends what must be refused in the surface's own error format, before anything reaches the agent. */
async function refused(surface: Surface, body: unknown, statuses = [400], path = surface.path): Promise<string> {
  const before = agent.requests.length
  const answer = await send(path, body)
  assert.equal(agent.requests.length, before, `the agent received a request, and the answer is ${answer.statusCode}`)
  assert.ok(statuses.includes(answer.statusCode), `${answer.statusCode} ${answer.body.slice(0, 500)}`)
  const message = surface.messageOf(surface.ErrorBody.parse(answer.json()))
  assert.notEqual(message, '')
  assert.ok(answer.body.length < 2000, 'an error echoes no more than is needed to recognize the mistake')
  assertNothingPolluted()
  return message
}

/** Sends what must be accepted; returns what the agent received. */
async function accepted(path: string, body: unknown, more?: Record<string, string>): Promise<RunRequest> {
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

// E01 on every surface; shape.test.ts sends the same to the native one over raw sockets.
for (const surface of surfaces) {
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
    test(`E01 ${surface.name} answers the body ${JSON.stringify(document)} with 400`, async () => {
      await refused(surface, document)
    })
  }

  for (const document of ['null', '5', 'true', '"{}"', '[]', '[{}]']) {
    test(`E01 ${surface.name} answers the body ${document}, which is not an object, with 400`, async () => {
      await refused(surface, document)
    })
  }
}

/** Positions for which no rule exists but the general limits. */
const loose: [where: string, surface: Surface, of: (value: unknown) => Json][] = [
  ['an unknown field', openai, (value) => openai.body('hi', { unknown: value })],
  ['an unknown field', anthropic, (value) => anthropic.body('hi', { unknown: value })],
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

/** How many levels deep the number is; null if it does not occur. */
function levelOf(mark: number, value: unknown): number | null {
  if (value === mark) return 0
  if (value === null || typeof value !== 'object') return null
  const levels = Object.values(value).flatMap((each) => levelOf(mark, each) ?? [])
  return levels.length === 0 ? null : 1 + Math.min(...levels)
}

for (const [where, surface, of] of loose) {
  const above = levelOf(0.5, of(0.5)) ?? 0

  test(`E03 ${where} of ${surface.name} may be nested until the whole body has 64 levels, not more`, async () => {
    const levels = 64 - above + 1
    await accepted(surface.path, of(nested(levels)))
    assert.match(await refused(surface, of(nested(levels + 1))), /nested/)
  })

  for (const levels of [100, 10_000, 1_000_000]) {
    testIf(levels < 1_000_000)(`E03 ${where} of ${surface.name}, ${levels} levels deep, is 400`, hang, async () => {
      for (const [opened, closed] of [
        ['[', ']'],
        ['{"a":', '}'],
      ] as const) {
        const deep = `${opened.repeat(levels)}0${closed.repeat(levels)}`
        assert.match(await refused(surface, JSON.stringify(of(0.5)).replace('0.5', deep)), /nested/)
      }
    })
  }

  test(`E05 ${where} of ${surface.name} may have 10,000 entries and no more`, hang, async () => {
    const list = (count: number) => Array(count).fill(0)
    const object = (count: number) => Object.fromEntries(list(count).map((_, index) => [`k${index}`, 0]))
    for (const wide of [list, object]) {
      await accepted(surface.path, of(wide(10_000)))
      assert.match(await refused(surface, of(wide(10_001))), /10000 entries/)
    }
  })
}

for (const surface of surfaces) {
  testIf(surface === native)(`E03 ${surface.name} answers a million opening brackets with 400`, hang, async () => {
    await refused(surface, '['.repeat(1_000_000))
    await refused(surface, `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`)
    await refused(surface, '{"a":'.repeat(1_000_000))
  })

  testIf(surface === native)(`E05 ${surface.name} answers a hundred thousand fields with 400`, hang, async () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, 1]))
    assert.match(await refused(surface, surface.body('hi', many)), /10000 entries/)
  })

  test(`E05 a text of ten million bytes arrives at ${surface.name} in full`, hang, async () => {
    const text = 'ä'.repeat(5_000_000)
    assert.deepEqual((await accepted(surface.path, surface.body(text))).prompt, [{ type: 'text', text }])
  })
}

for (const surface of compatible) {
  test(`E05 ${surface.name} answers a hundred thousand messages with 400`, hang, async () => {
    const messages = Array(100_000).fill({ role: 'user', content: 'hi' })
    assert.match(await refused(surface, { ...surface.body('hi'), [surface.promptField]: messages }), /10000 entries/)
  })

  test(`E05 ${surface.name} reports a hundred mistakes in each of a thousand messages as one`, hang, async () => {
    const content = Array(100).fill({ type: 'text', text: 5 })
    const message = await refused(surface, {
      ...surface.body('hi'),
      [surface.promptField]: Array(1000).fill({ role: 'user', content }),
    })
    assert.match(message, new RegExp(`^${surface.promptField}\\[0\\]\\.content(?:\\[0\\]\\.text)? must be a string`))
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
  test(`E03 arguments of an earlier call, written as text, are 400 if they are ${levels} levels deep`, async () => {
    await refused(openai, call(`${'{"a":'.repeat(levels)}0${'}'.repeat(levels)}`))
    await refused(openai, call(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`))
  })
}

test('E05 arguments of an earlier call, written as text, are 400 if they have more than 10,000 entries', async () => {
  await refused(openai, call(JSON.stringify({ a: Array(10_001).fill(0) })))
})

const slowWork: [what: string, surface: Surface, body: () => Json][] = [
  ['a thousand tools', openai, () => openai.body('hi', { tools: manyTools(1000).map(asFunction) })],
  ['a thousand tools', anthropic, () => anthropic.body('hi', { tools: manyTools(1000) })],
  ['a schema that refers to lists in lists', native, () => native.body('hi', { json_schema: referring })],
  ['a tool that refers to lists in lists', openai, () => openai.body('hi', { tools: [asFunction(referringTool)] })],
  ['a tool that refers to lists in lists', anthropic, () => anthropic.body('hi', { tools: [referringTool] })],
]
/** Each further level could multiply the time by one and a half: with the 64 allowed ones it would take forever. */
const referring = { type: 'object', $defs: { d: nested(38) }, properties: { a: { $ref: '#/$defs/d' } } }
const referringTool = { name: 'a', input_schema: referring }
const manyTools = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    name: `tool_${index}`,
    input_schema: { type: 'object', title: `${index}` },
  }))
const asFunction = ({ name, input_schema: parameters }: { name: string; input_schema: Json }) => ({
  type: 'function',
  function: { name, parameters },
})
for (const [what, surface, body] of slowWork) {
  test(`E05 ${what} to ${surface.name} does not make others wait`, hang, async () => {
    // This work cannot be interrupted, so it must be short. It takes either milliseconds or many seconds.
    const before = process.cpuUsage()
    const { statusCode } = await send(surface.path, body())
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 3_000_000, 'everyone else had to wait')
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
  test(`E04 ${document} is 400 in every position`, async () => {
    for (const surface of surfaces) {
      const body = JSON.stringify(surface.body('hi'))
      await refused(surface, document)
      await refused(surface, body.replace('{', `${document.slice(0, -1)},`))
      for (const field of ['metadata', 'unknown', 'tools', 'json_schema', 'mcp_servers', 'system'])
        await refused(surface, body.replace('{', `{"${field}":${document},`))
      await refused(surface, body.replace('"hi"', document))
      await refused(surface, body.replace('"hi"', `[{"type":"text","text":"hi","more":${document}}]`))
    }
  })

  test(`E04 ${document} is 400 for sessions as well`, async (t) => {
    const { send: sendToSessions, files } = await setUpSessions(t)
    for (const [method, path] of [
      ['PATCH', `/${one}`],
      ['POST', `/${one}/fork`],
    ] as const) {
      const { status } = await sendToSessions(method, path, document.replace('{', '{"title":"x",'))
      assert.equal(status, 400)
    }
    assert.deepEqual(files.calls, [])
    assertNothingPolluted()
  })
}

test('E04 arguments of an earlier call cannot set a prototype', async () => {
  for (const document of poison) {
    const { session } = await accepted(openai.path, call(document))
    assert.ok(session.kind === 'history')
    const [use] = session.messages.at(-1)?.content ?? []
    assert.ok(use?.type === 'tool_use')
    assert.equal(Object.getPrototypeOf(use.input), Object.prototype)
    assert.deepEqual(JSON.parse(JSON.stringify(use.input)), JSON.parse(document))
  }
})

/** Of many values, each takes its turn at one of the surfaces. */
const isTurnOf = (index: number, turn: number, { length }: readonly unknown[]) => index === turn % length

const inherited = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'prototype', 'length']
for (const [index, name] of inherited.entries()) {
  testIf(index < 2)(
    `E04 the name ${name} has no special meaning as a field, a model, a mode, a type, a tool or a metadata key`,
    async () => {
      const field = { [name]: 1 }
      assert.match(await refused(native, native.body('hi', field)), new RegExp(`^${name} is not a field`))
      for (const surface of compatible) {
        const plain = withoutId(await accepted(surface.path, surface.body('hi')))
        assert.deepEqual(withoutId(await accepted(surface.path, surface.body('hi', field))), plain)
        await refused(surface, { ...surface.body('hi'), model: name }, [404])
        await refused(surface, { ...surface.body('hi'), [surface.promptField]: [{ role: name, content: 'hi' }] })
        await refused(surface, {
          ...surface.body('hi'),
          [surface.promptField]: [{ role: 'user', content: [{ type: name }] }],
        })
      }
      await refused(native, native.body('hi', { permission_mode: name }))
      await refused(native, native.body('hi', { effort: name }))
      await refused(native, native.body([{ type: name }]))
      await accepted(native.path, native.body('hi', { metadata: { [name]: 'x' } }))
      await accepted(openai.path, openai.body('hi', { metadata: { [name]: 'x' } }))
      await accepted(anthropic.path, anthropic.body('hi', { metadata: { [name]: 'x' } }))
    },
  )
}

/** Objects whose own fields shadow methods that a program expects. */
for (const [index, name] of [
  'toString',
  'toJSON',
  'then',
  'valueOf',
  'constructor',
  'hasOwnProperty',
  'length',
  'Symbol.toPrimitive',
].entries()) {
  testIf(index < 3)(`E04 an object with a field ${name} causes no failure in any position`, async () => {
    const odd = { [name]: 1 }
    for (const surface of surfaces) {
      const fields = Object.keys({ ...surface.body('hi'), ...namesOf(surface) })
      for (const field of fields) await neverFails(surface, { ...surface.body('hi'), [field]: odd })
    }
    for (const keyword of [
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
      const schema = { type: 'object', [keyword]: odd }
      await neverFails(native, native.body('hi', { json_schema: schema }))
      await neverFails(openai, openai.body('hi', { tools: [asFunction({ name: 'a', input_schema: schema })] }))
      await neverFails(openai, openai.body('hi', { response_format: { type: 'json_schema', json_schema: { schema } } }))
      await neverFails(anthropic, anthropic.body('hi', { tools: [{ name: 'a', input_schema: schema }] }))
      await neverFails(anthropic, anthropic.body('hi', { output_config: { format: { type: 'json_schema', schema } } }))
      await neverFails(ollama, ollama.body('hi', { tools: [asFunction({ name: 'a', input_schema: schema })] }))
      await neverFails(ollama, ollama.body('hi', { format: schema }))
    }
  })
}

/** Every request is either answered or refused. */
async function neverFails(surface: Surface, body: Json): Promise<void> {
  const { statusCode, body: text } = await send(surface.path, body)
  assert.ok(statusCode < 500, `${statusCode} ${text} for ${JSON.stringify(body)}`)
}

const namesOf = ({ name }: Surface): Json => Object.fromEntries(fieldNames[name].map((field) => [field, 1]))
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
  ollama: [
    ...['messages', 'stream', 'format', 'think', 'options', 'keep_alive', 'tools', 'logprobs', 'top_logprobs'],
    ...['truncate', 'unknown'],
  ],
  anthropic: [
    ...['system', 'tools', 'tool_choice', 'thinking', 'output_config', 'output_format', 'stop_sequences', 'metadata'],
    ...['thread', 'mcp_servers', 'container', 'context_management', 'compaction', 'fallbacks', 'unknown'],
  ],
}

const withoutId = (request: RunRequest) => ({ ...request, runId: '' })

/** Fields that would give a caller more power, in the terms of this server, the CLI and the Agent SDK. */
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

/** OpenAI's metadata holds strings, and only a few. */
function* metadataOf(surface: Surface): Generator<Json> {
  if (surface !== openai && surface !== responses) return yield powers
  const entries = Object.entries(powers).map(([name, value]) => [name, JSON.stringify(value)])
  for (let start = 0; start < entries.length; start += 16) yield Object.fromEntries(entries.slice(start, start + 16))
}

/** Every way in which a program might send them. */
function* powerful(surface: Surface): Generator<[where: string, body: Json]> {
  const body = surface.body('hi')
  // The Responses API has a field of this name with the same meaning.
  yield ['fields', { ...body, ...(surface === responses ? without(powers, 'background') : powers) }]
  for (const metadata of metadataOf(surface)) yield ['metadata', { ...body, metadata }]
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
  yield ['a message', { ...body, [surface.promptField]: [{ role: 'user', content: 'hi', ...without(powers, 'role') }] }]
  // Its messages have no blocks.
  if (surface !== ollama) yield ['a block', surface.body([{ ...powers, type: 'text', text: 'hi' }])]
}

const without = (fields: Json, name: string): Json =>
  Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name))

for (const surface of compatible) {
  test(`E09 fields that claim powers do not change what ${surface.name} sends to the agent`, async () => {
    const plain = withoutId(await accepted(surface.path, surface.body('hi')))
    assert.notEqual(plain.plain, null)
    for (const [where, body] of powerful(surface)) {
      assert.deepEqual(withoutId(await accepted(surface.path, body)), plain, `powers as ${where}`)
    }
  })

  test(`E09 headers that claim powers do not change what ${surface.name} sends to the agent`, async () => {
    const plain = withoutId(await accepted(surface.path, surface.body('hi')))
    for (const prefix of ['', 'x-', 'x-claude-', 'x-claude-serve-', 'anthropic-', 'openai-', 'x-stainless-']) {
      const entries = Object.entries(powers)
        .filter(([name]) => !(prefix === '' && name === 'continue'))
        .map(([name, value]) => [`${prefix}${name.replaceAll('_', '-').toLowerCase()}`, JSON.stringify(value)])
      const more = Object.fromEntries(entries.slice(0, 80)) as Record<string, string>
      assert.deepEqual(withoutId(await accepted(surface.path, surface.body('hi'), more)), plain)
    }
    const model = { 'x-model': 'agent/sonnet', 'x-claude-model': 'agent/sonnet', 'anthropic-model': 'agent/sonnet' }
    assert.deepEqual(withoutId(await accepted(surface.path, surface.body('hi'), model)), plain)
  })

  test(`E08 ${surface.name} reports fields without effect to its client, and refuses them in strict mode`, async () => {
    const body = { ...surface.body('hi'), cwd: '/etc', permission_mode: 'bypassPermissions', 'a\r\nb': 1, é: 1 }
    const { headers: answered } = await send(surface.path, body)
    assert.equal(answered['x-claude-serve-ignored'], 'cwd, permission_mode, (unknown)')
    const before = agent.requests.length
    const answer = await send(surface.path, body, { 'x-claude-serve-strict': 'true' })
    assert.equal(answer.statusCode, 400)
    assert.match(surface.messageOf(surface.ErrorBody.parse(answer.json())), /^cwd cannot be honored/)
    assert.equal(agent.requests.length, before)
  })

  test(`E09 a model name of ${surface.name} that only resembles an agent’s does not select an agent`, async () => {
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
      await refused(surface, { ...surface.body('hi'), model }, [404])
  })

  test(`E09 tools that a client of ${surface.name} names like Claude Code’s own remain the client’s`, async () => {
    const names = ['Bash', 'Read', 'Write', 'Task', 'WebFetch', 'mcp__x__y']
    const tools = names.map((name) => ({ name, input_schema: { type: 'object' } }))
    const flat = tools.map(({ name, input_schema: parameters }) => ({ type: 'function', name, parameters }))
    const isOuter = surface === openai || surface === ollama
    const requested = isOuter ? tools.map(asFunction) : surface === responses ? flat : tools
    const { options, plain } = await accepted(surface.path, surface.body('hi', { tools: requested }))
    assert.deepEqual(
      plain?.tools.map(({ name }) => name),
      names,
    )
    const baseline = await accepted(surface.path, surface.body('hi'))
    assert.deepEqual(options, baseline.options)
  })
}

for (const name of Object.keys(powers).filter((each) => !knownToNative(each))) {
  test(`E08 the native API, which has no field ${name}, answers it with 400`, async () => {
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

test('E09 an agent in a request cannot have a permission mode that the request itself may not have', async () => {
  for (const mode of ['bypassPermissions', 'auto']) {
    const agents = { a: { description: 'd', prompt: 'p', permissionMode: mode } }
    const before = agent.requests.length
    const { statusCode } = await send(native.path, native.body('hi', { agents }))
    assert.ok(statusCode === 400 || statusCode === 403, String(statusCode))
    assert.equal(agent.requests.length, before)
  }
})

for (const surface of surfaces) {
  for (const prompt of ['', ' ', ' \t\r\n ', '\u00a0\u2003\ufeff', []]) {
    test(`E11 ${surface.name} answers the prompt ${JSON.stringify(prompt)} with 400`, async () => {
      await refused(surface, surface.body(prompt))
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
    test(`E11 ${surface.name} answers the prompt ${JSON.stringify(prompt)} with 400`, async () => {
      await refused(surface, surface.body(prompt))
    })
  }
}

for (const surface of compatible) {
  for (const stream of ['false', 'true', '', 0, 1, [], {}, 'null']) {
    test(`E12 ${surface.name} answers "stream": ${JSON.stringify(stream)} with 400`, async () => {
      assert.match(await refused(surface, surface.body('hi', { stream })), /^stream must be true or false/)
    })
  }
}

for (const name of ['background', 'approvals', 'commands', 'fork']) {
  for (const value of ['false', 'true', 0, 1, [], {}]) {
    test(`E12 native answers "${name}": ${JSON.stringify(value)} with 400`, async () => {
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
for (const [turn, text] of oddTexts.entries()) {
  for (const [index, surface] of surfaces.entries()) {
    testIf(isTurnOf(index, turn, surfaces))(
      `E13 the text ${JSON.stringify(text)} passes through ${surface.name} unchanged in both directions`,
      async () => {
        const { prompt } = await accepted(surface.path, surface.body(text))
        assert.deepEqual(prompt, [{ type: 'text', text }])
        agent.script = goodRun(inPieces(text))
        try {
          assert.equal(surface.textOf((await send(surface.path, surface.body('hi'))).json()), text)
          const stream = await send(surface.streamPath, surface.streamed('hi'))
          assert.equal(stream.statusCode, 200)
          assert.equal(streamedText(surface, stream.body), text)
        } finally {
          agent.script = obliging
        }
      },
    )
  }
}

/** Two pieces, split between characters unless a character is already split. */
function inPieces(text: string): string[] {
  const half = [...text].slice(0, Math.ceil([...text].length / 2)).join('')
  return [half, text.slice(half.length)].filter((piece) => piece !== '')
}

test('E13 a character that was split between two pieces is whole in every stream', async () => {
  const [high = '', low = ''] = '🦉'.split('')
  const events: RunEvent[] = goodRun([`a${high}`, `${low}b`])
  for (const surface of surfaces) {
    agent.script = events
    const stream = await send(surface.streamPath, surface.streamed('hi'))
    agent.script = obliging
    assert.equal(streamedText(surface, stream.body), 'a🦉b')
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

/** Runs `act` and checks that it opened no connection at all. */
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

test('E15 an opened connection would be noticed', async () => {
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

/** Every position in which an address could be sent. */
const addressBlocks: [surface: Surface, blocks: (url: string) => unknown[]][] = [
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
for (const [index, [surface, blocks]] of addressBlocks.entries()) {
  for (const [turn, url] of addresses.entries()) {
    testIf(isTurnOf(index, turn, addressBlocks))(
      `E15 ${surface.name} answers the address ${title(JSON.stringify(url))} with 400 in every position and never connects to it`,
      async () => {
        await withoutSockets(async () => {
          for (const block of blocks(url)) await refused(surface, surface.body([{ type: 'text', text: 'look' }, block]))
        })
      },
    )
  }
}

test('E15 an image address is refused in a tool result as well and never fetched', async () => {
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

test('E15 an attached text file is only data, whatever it contains', async () => {
  await withoutSockets(async () => {
    const data = Buffer.from(`@${secretFile} http://127.0.0.1:${trapPort}/`).toString('base64')
    const file = { filename: secretFile, file_data: `data:text/plain;base64,${data}` }
    const request = await accepted(openai.path, openai.body([{ type: 'file', file }]))
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
  test(`E16 the model ${title(JSON.stringify(model))} is refused, and no run is started`, async () => {
    for (const surface of compatible) await refused(surface, { ...surface.body('hi'), model }, [400, 404])
    // The native API leaves the check to the CLI, so plausible names pass.
    const looksGood = /^[A-Za-z0-9][A-Za-z0-9._:@/[\]-]{0,127}$/.test(model)
    if (!looksGood) await refused(native, native.body('hi', { model }))
    if (!looksGood) await refused(native, native.body('hi', { fallback_model: model }))
    await refused(anthropic, { ...anthropic.body('hi'), model }, [400, 404], '/v1/messages/count_tokens')
  })
}

for (const model of ['', 5, null, true, [], {}, ['sonnet'], { name: 'sonnet' }]) {
  test(`E16 the model ${JSON.stringify(model)} is 400`, async () => {
    for (const surface of compatible) assert.match(await refused(surface, { ...surface.body('hi'), model }), /^model /)
    if (model !== null) assert.match(await refused(native, native.body('hi', { model })), /^model /)
  })
}

/** With the square of this many steps a test would not end. */
const longLength = 256 * 1024

/** Texts on which a pattern with two ways to match the same text would take forever. */
const longTexts: [what: string, text: string][] = [
  ['a…a!', `${'a'.repeat(longLength)}!`],
  ['A…A=!', `${'A'.repeat(longLength)}=!`],
  ['line ends', `AAAA${'\r\n'.repeat(longLength / 2)}!`],
  ['line ends after =', `AAAA=${'\r\n'.repeat(longLength / 2)}!`],
  ['====', '='.repeat(longLength)],
  ['spaces', `${' '.repeat(longLength)}x`],
  ['dashes', `${'0-'.repeat(longLength / 2)}!`],
  ['emoji', `${'🦉'.repeat(longLength / 4)}\0`],
  ['a data URL of parameters', `data:image/png${';a=b'.repeat(longLength / 4)};base64,!`],
  ['a data URL without an end', `data:${'a'.repeat(longLength)}`],
  ['a request for a title', 'generate a title '.repeat(longLength / 16)],
  ['sentences', 'you are a title generator, write summarize this coding conversation '.repeat(longLength / 64)],
]

/** Every field that is matched against a pattern. */
const patterned: [field: string, surface: Surface, of: (text: string) => Json][] = [
  ...['model', 'fallback_model', 'session_id', 'cwd', 'permission_mode', 'effort'].map(
    (name): [string, Surface, (text: string) => Json] => [name, native, (text) => native.body('hi', { [name]: text })],
  ),
  ...['allowed_tools', 'disallowed_tools', 'tools', 'add_dirs', 'setting_sources'].map(
    (name): [string, Surface, (text: string) => Json] => [
      name,
      native,
      (text) => native.body('hi', { [name]: [text] }),
    ],
  ),
  ['the name of an MCP server', native, (text) => native.body('hi', { mcp_servers: { [text]: { command: 'x' } } })],
  ['a command', native, (text) => native.body('hi', { mcp_servers: { a: { command: text } } })],
  ['an MCP server’s address', native, (text) => native.body('hi', { mcp_servers: { a: { type: 'http', url: text } } })],
  [
    'the name of an agent',
    native,
    (text) => native.body('hi', { agents: { [text]: { description: 'd', prompt: 'p' } } }),
  ],
  ['a metadata key', native, (text) => native.body('hi', { metadata: { [text]: 'x' } })],
  ['an unknown field', native, (text) => native.body('hi', { [text]: 'x' })],
  ['an image', native, (text) => native.body([pictureOf(text)])],
  [
    'a document',
    native,
    (text) => native.body([{ type: 'document', source: { ...sourceOf(text), media_type: 'application/pdf' } }]),
  ],
  ['an image', anthropic, (text) => anthropic.body([pictureOf(text)])],
  ['a document', anthropic, (text) => anthropic.body([{ type: 'document', source: sourceOf(text) }])],
  ['a tool', anthropic, (text) => anthropic.body('hi', { tools: [{ name: text, input_schema: { type: 'object' } }] })],
  [
    'a property of a tool',
    anthropic,
    (text) => anthropic.body('hi', { tools: [{ name: 'a', input_schema: propertyOf(text) }] }),
  ],
  ['an image', openai, (text) => openai.body([{ type: 'image_url', image_url: { url: text } }])],
  ['a file', openai, (text) => openai.body([{ type: 'file', file: { file_data: text } }])],
  [
    'a tool',
    openai,
    (text) => openai.body('hi', { tools: [asFunction({ name: text, input_schema: { type: 'object' } })] }),
  ],
  ['a function', openai, (text) => openai.body('hi', { functions: [{ name: text }] })],
]
const sourceOf = (data: string) => ({ type: 'base64', media_type: 'image/png', data })
const pictureOf = (data: string) => ({ type: 'image', source: sourceOf(data) })
const propertyOf = (name: string) => ({ type: 'object', properties: { [name]: {} } })

for (const [field, surface, of] of patterned) {
  test(`E17 long texts as ${field} of ${surface.name} are refused without delay`, hang, async () => {
    for (const [, text] of longTexts) {
      await refused(surface, of(text))
      if (text.startsWith('data:')) await refused(surface, of(`data:image/png;base64,${'A'.repeat(longLength)}!`))
    }
  })
}

for (const surface of surfaces) {
  testIf(surface === native)(
    `E17 long texts as the prompt of ${surface.name} are accepted without delay`,
    hang,
    async () => {
      for (const [, text] of longTexts) {
        assert.deepEqual((await accepted(surface.path, surface.body(text))).prompt, [{ type: 'text', text }])
      }
    },
  )
}

test('E17 headers of the maximum length are read without delay', hang, async () => {
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
      for (const surface of surfaces) {
        const { statusCode } = await send(surface.path, surface.body('hi'), { [name]: text })
        assert.ok(statusCode === 200 || statusCode === 400, `${name} ${statusCode}`)
      }
    }
  }
})

test('a good request is answered after all of this', async () => {
  for (const surface of surfaces) await accepted(surface.path, surface.body('hi'))
})
