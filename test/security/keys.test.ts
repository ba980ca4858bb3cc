// API keys and access checks: once a key exists, nobody gets in without one; what each key may do, whose runs it sees, and when it
// ends. Each title begins with the number of its attack. routes.test.ts tests every route against every scope; posture-keys.test.ts
// tests what keys mean for a whole server with processes behind it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { hashOf, newSecret } from '../../src/auth/keys.ts'
import { watchRevocations } from '../../src/auth/revocation.ts'
import { type KeyRecord, noPolicy, type Scope, unlimitedKey } from '../../src/core/key-record.ts'
import type { KeyStore, Store } from '../../src/core/store.ts'
import type { App } from '../../src/http/app.ts'
import { openMemoryStore, openSqliteStore } from '../../src/store/sqlite.ts'
import { registerAnthropic } from '../../src/surfaces/anthropic/routes.ts'
import { registerOllama } from '../../src/surfaces/ollama/routes.ts'
import { registerOpenai } from '../../src/surfaces/openai/routes.ts'
import { input } from '../core/runs-scene.ts'
import { batchOptions } from '../helpers/batch-options.ts'
import { createInjectApp, listenApp, openaiRest } from '../helpers/inject-app.ts'
import { runEnd, runStart, ScriptedAgent, untilAborted } from '../helpers/scripted-agent.ts'
import { send } from './posture-routes.ts'

let now = Date.UTC(2026, 10, 22)

async function openStore(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-keys-'))
  const store = await openSqliteStore({ folder, now: () => now })
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return store
}

let count = 0

async function makeKey(store: Store, scopes: Scope[], fields: Partial<KeyRecord> = {}) {
  const { secret, prefix, hash } = newSecret()
  const id = `key_${++count}`
  const rest = {
    createdAtMs: now,
    expiresAtMs: null,
    ratePerMinute: null,
    budgetUsd: null,
    policy: noPolicy,
    revokedAtMs: null,
  }
  await store.createKey({ id, name: `name ${id}`, prefix, hash, scopes, ...rest, lastUsedAtMs: null, ...fields })
  return { id, secret }
}

const models = async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** Every surface on a scripted agent, with keys. Over real connections, as the server looks up which user owns them. */
async function setUp(t: TestContext, agent = new ScriptedAgent()) {
  const store = await openStore(t)
  const callers = new Authenticator({ keys: store, isLoopback: true, now: () => now })
  const made = await listenApp(t, {
    agent,
    store,
    callers,
    prepare: (app, runs) => {
      const shared = { runs, models, modelMap: {}, requestTimeoutMs: 60_000 }
      app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...shared }))
      app.register(async (scope) => registerAnthropic(scope, { ...shared, ...batchOptions(), countTokens: () => 7 }))
      app.register(async (scope) => registerOllama(scope, { ...shared, countTokens: () => 7 }))
    },
  })
  const ask = (method: 'GET' | 'POST', path: string, headers: Record<string, string> = {}, payload: object = {}) =>
    send(made, { method, path, headers, body: method === 'GET' ? '' : JSON.stringify(payload) })
  return { ...made, store, ask }
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const messages = [{ role: 'user', content: 'hi' }]
const chatBody = { model: 'sonnet', messages }

/** Routes with the least scope that each needs. */
const routes: ['GET' | 'POST', string, Scope | 'any', object?][] = [
  ['GET', '/readyz', 'any'],
  ['GET', '/v1/health', 'any'],
  ['GET', '/v1/models', 'chat'],
  ['GET', '/v1/models/sonnet', 'chat'],
  ['POST', '/v1/chat/completions', 'chat', chatBody],
  ['POST', '/v1/messages', 'chat', { ...chatBody, max_tokens: 5 }],
  ['POST', '/v1/messages/count_tokens', 'chat', chatBody],
  ['POST', '/v1/chat/completions', 'agent', { ...chatBody, model: 'agent/sonnet' }],
  ['POST', '/v1/messages', 'agent', { ...chatBody, model: 'agent/sonnet', max_tokens: 5 }],
  ['GET', '/api/tags', 'chat'],
  ['POST', '/api/show', 'chat', { model: 'sonnet' }],
  ['POST', '/api/chat', 'chat', chatBody],
  ['POST', '/api/show', 'agent', { model: 'agent/sonnet' }],
  ['POST', '/api/chat', 'agent', { ...chatBody, model: 'agent/sonnet' }],
  ['POST', '/api/generate', 'agent', { model: 'agent/sonnet' }],
  ['POST', '/v1/chat', 'agent', { prompt: 'hi' }],
  ['POST', '/v1/chat/stream', 'agent', { prompt: 'hi' }],
  ['GET', '/v1/runs', 'agent'],
  ['GET', '/v1/usage', 'agent'],
]

const powers: Record<Scope, (Scope | 'any')[]> = {
  chat: ['any', 'chat'],
  agent: ['any', 'chat', 'agent'],
  admin: ['any', 'chat', 'agent', 'admin'],
}

test('C02 without keys everything works, and a placeholder counts as no key', async (t) => {
  const { ask } = await setUp(t)
  for (const headers of [{}, bearer('sk-dummy'), bearer('none'), { 'x-api-key': 'sk-ant-api03-placeholder' }]) {
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).status, 200)
  }
})

test('C02 an invalid key of the server’s own form is refused even if no key is needed', async (t) => {
  const { ask } = await setUp(t)
  const { secret } = newSecret()
  for (const wrong of [secret, `${secret.slice(0, -1)}_`, 'csk_', `${secret}x`]) {
    assert.equal((await ask('POST', '/v1/chat', bearer(wrong), { prompt: 'hi' })).status, 401)
  }
})

for (const [method, url, scope, payload] of routes) {
  const model = (payload as { model?: string } | undefined)?.model ?? ''
  const what = `${method} ${url}${model.startsWith('agent/') ? ' for an agent' : ''}`

  test(`C01 ${what} needs a key once there is one`, async (t) => {
    const { ask, store, agent } = await setUp(t)
    await makeKey(store, ['admin'])
    for (const headers of [{}, bearer('sk-dummy'), { 'x-api-key': 'none' }]) {
      const answer = await ask(method, url, headers, payload)
      assert.equal(answer.status, 401, answer.body)
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
      assert.match(answer.body, /needs an API key/)
    }
    assert.equal(agent.requests.length, 0)
  })

  for (const granted of ['chat', 'agent', 'admin'] as const) {
    const isEnough = powers[granted].includes(scope)
    test(`C04 ${what} is ${isEnough ? 'open to' : 'closed to'} a key with the scope ${granted}`, async (t) => {
      const { ask, store, agent } = await setUp(t)
      const { secret } = await makeKey(store, [granted])
      const answer = await ask(method, url, bearer(secret), payload)
      assert.equal(answer.status, isEnough ? 200 : 403, answer.body)
      if (!isEnough) assert.match(answer.body, new RegExp(`lacks the scope ${scope}`))
      if (!isEnough) assert.equal(agent.requests.length, 0)
    })
  }
}

test('C01 /livez is open to everybody', async (t) => {
  const { ask, store } = await setUp(t)
  await makeKey(store, ['admin'])
  assert.equal((await ask('GET', '/livez')).status, 200)
})

test('C06 any header may carry the key, next to a placeholder in another', async (t) => {
  const { ask, store } = await setUp(t)
  const { secret } = await makeKey(store, ['agent'])
  for (const headers of [
    bearer(secret),
    { authorization: `bearer   ${secret}` },
    { 'x-api-key': secret },
    { 'api-key': secret },
    { ...bearer('sk-dummy'), 'x-api-key': secret },
    { ...bearer(secret), 'x-api-key': secret },
  ]) {
    assert.equal((await ask('GET', '/v1/runs', headers)).status, 200)
  }
})

test('C01 authentication errors have the format of the called API', async (t) => {
  const { ask, store } = await setUp(t)
  await makeKey(store, ['chat'])
  assert.equal(JSON.parse((await ask('POST', '/v1/chat', {}, {})).body).code, 'unauthorized')
  assert.equal(JSON.parse((await ask('POST', '/v1/chat/completions', {}, {})).body).error.code, 'invalid_api_key')
  assert.equal(JSON.parse((await ask('POST', '/v1/messages', {}, {})).body).error.type, 'authentication_error')
})

test('C14 a key is refused from the moment it expires or is revoked', async (t) => {
  const { ask, store } = await setUp(t)
  const lasting = await makeKey(store, ['agent'])
  const short = await makeKey(store, ['agent'], { expiresAtMs: now + 1000 })
  const statusOf = async ({ secret }: { secret: string }) => (await ask('GET', '/v1/runs', bearer(secret))).status
  assert.deepEqual([await statusOf(short), await statusOf(lasting)], [200, 200])
  now += 1000
  assert.deepEqual([await statusOf(short), await statusOf(lasting)], [401, 200])
  await store.revokeKey(lasting.id, now)
  assert.equal(await statusOf(lasting), 401)
})

test('C04 a run belongs to its key: other keys neither see nor cancel it, an admin key does', async (t) => {
  const { ask, store } = await setUp(t)
  const [mine, yours, admin] = [
    await makeKey(store, ['agent']),
    await makeKey(store, ['agent']),
    await makeKey(store, ['admin']),
  ]
  const made = await ask('POST', '/v1/chat', bearer(mine.secret), { prompt: 'hi' })
  const id = JSON.parse(made.body).run_id
  for (const [key, status, runs] of [
    [mine, 200, 1],
    [yours, 404, 0],
    [admin, 200, 1],
  ] as const) {
    const headers = bearer(key.secret)
    assert.equal((await ask('GET', `/v1/runs/${id}`, headers)).status, status)
    assert.equal((await ask('GET', `/v1/runs/${id}/events`, headers)).status, status)
    assert.equal((await ask('POST', `/v1/runs/${id}/cancel`, headers, {})).status, status)
    assert.equal(JSON.parse((await ask('GET', '/v1/runs', headers)).body).runs.length, runs)
    assert.equal(JSON.parse((await ask('GET', '/v1/usage', headers)).body).total.runs, runs)
  }
})

test('H08 the same idempotency key of two API keys is two requests', async (t) => {
  const { ask, store, agent } = await setUp(t)
  const keys = [await makeKey(store, ['agent']), await makeKey(store, ['agent'])]
  for (const { secret } of keys) {
    const headers = { ...bearer(secret), 'idempotency-key': 'one' }
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).headers['idempotent-replayed'], undefined)
  }
  assert.equal(agent.requests.length, 2)
})

test('C08 a key with its own rate limit is limited, others are not', async (t) => {
  const { ask, store } = await setUp(t)
  const slow = await makeKey(store, ['agent'], { ratePerMinute: 2 })
  const free = await makeKey(store, ['agent'])
  const answers = []
  for (let attempt = 0; attempt < 3; attempt++) answers.push(await ask('GET', '/v1/runs', bearer(slow.secret)))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 429],
  )
  assert.ok(Number(answers[2]?.headers['retry-after']) > 0)
  assert.equal((await ask('GET', '/v1/runs', bearer(free.secret))).status, 200)
})

test('C04 a key whose budget is spent starts no more runs and gets 402', async (t) => {
  const agent = new ScriptedAgent(() => [runStart(), runEnd({ costUsd: 0.3 })])
  const { ask, store, runs } = await setUp(t, agent)
  const { secret } = await makeKey(store, ['agent'], { budgetUsd: 0.5 })
  for (const status of [200, 200, 402]) {
    await runs.saved()
    assert.equal((await ask('POST', '/v1/chat', bearer(secret), { prompt: 'hi' })).status, status)
  }
  assert.equal(agent.requests.length, 2)
  assert.equal((await ask('GET', '/v1/runs', bearer(secret))).status, 200)
})

test('C08 a caller that tries wrong keys must wait, and a right key still works', async (t) => {
  const { ask, store } = await setUp(t)
  const { secret } = await makeKey(store, ['agent'])
  const statuses = []
  for (let attempt = 0; attempt < 12; attempt++) {
    statuses.push((await ask('GET', '/v1/runs', bearer(newSecret().secret))).status)
  }
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429])
  assert.equal((await ask('GET', '/v1/runs', bearer(secret))).status, 200)
})

for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
  test(`C10 a request that was forwarded (${name}) needs a key, as its origin is unknown`, async (t) => {
    const { ask, store } = await setUp(t)
    const headers = { [name]: '10.0.0.1' }
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).status, 401)
    const { secret } = await makeKey(store, ['agent'])
    const answer = await ask('POST', '/v1/chat', { ...headers, ...bearer(secret) }, { prompt: 'hi' })
    assert.equal(answer.status, 200)
  })
}

test('A17 a route that does not declare its scope keeps the server from starting', async (t) => {
  const prepare = (app: App) => void app.get('/secret', async () => 'x')
  await assert.rejects(createInjectApp(t, { prepare }), /the route \/secret does not declare its scope/)
})

test('C14 a run in progress ends when its key is revoked, and says so', async (t) => {
  const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
  const { store, runs } = await setUp(t, agent)
  const end = watchRevocations([runs], store, () => now)
  t.after(async () => end())
  const { id } = await makeKey(store, ['agent'])
  const run = await runs.start(input({ owner: id }))
  await agent.requested(1)
  await store.revokeKey(id, now)
  const events = []
  for await (const event of run.events) events.push(event)
  const last = events.at(-1)
  assert.ok(last?.type === 'run-end')
  assert.equal(last.error?.code, 'unauthorized')
})

/** A path of each API, and how its errors express the server's codes. */
const surfaces = [
  { path: '/v1/chat', body: { prompt: 'hi' }, codeOf: (reply: ErrorReply) => reply.code },
  { path: '/v1/chat/completions', body: chatBody, codeOf: (reply: ErrorReply) => openaiNames[reply.error.code ?? ''] },
  {
    path: '/v1/messages',
    body: { ...chatBody, max_tokens: 5 },
    codeOf: (reply: ErrorReply) => anthropicNames[reply.error.type],
  },
] as const

type ErrorReply = { code: string; error: { code: string | null; type: string } }

const openaiNames: Record<string, string> = {
  '': 'invalid_request',
  invalid_api_key: 'unauthorized',
  rate_limit_exceeded: 'rate_limited',
}
const anthropicNames: Record<string, string> = {
  invalid_request_error: 'invalid_request',
  authentication_error: 'unauthorized',
  rate_limit_error: 'rate_limited',
}

const placeholders: Record<string, string>[] = [
  ...[
    'sk-dummy',
    'sk-proj-0123456789',
    'sk-ant-api03-placeholder',
    'EMPTY',
    'none',
    'null',
    'ollama',
    'lm-studio',
    '-',
  ].map(bearer),
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: 'Basic dXNlcjpwYXNzd29yZA==' },
  { authorization: 'sk-dummy' },
  { 'x-api-key': '' },
  { 'x-api-key': 'your-api-key-here' },
  { 'api-key': 'placeholder-of-azure' },
  { ...bearer('sk-dummy-one'), 'x-api-key': 'sk-dummy-two', 'api-key': 'sk-dummy-three' },
]
for (const headers of placeholders) {
  test(`C02 ${JSON.stringify(headers)} counts as no key and appears in no log and no answer`, async (t) => {
    const { ask, store, logLines } = await setUp(t)
    const values = Object.values(headers).flatMap((value) => value.split(' ').filter((word) => word.length > 8))
    const open = await ask('POST', '/v1/chat', headers, { prompt: 'hi' })
    assert.equal(open.status, 200)
    await makeKey(store, ['admin'])
    const bodies = [open.body]
    for (const { path, body, codeOf } of surfaces) {
      const refused = await ask('POST', path, headers, body)
      assert.deepEqual([refused.status, codeOf(JSON.parse(refused.body))], [401, 'unauthorized'])
      assert.equal(refused.headers['www-authenticate'], 'Bearer')
      bodies.push(refused.body)
    }
    for (const value of values) assert.ok(![...bodies, JSON.stringify(logLines)].join().includes(value), value)
  })
}

const inUrls = ['token', 'access_token', 'key', 'api_key', 'api-key', 'apikey', 'x-api-key', 'TOKEN', 'Api_Key']
for (const name of inUrls) {
  test(`C05 ?${name}= is 400, even with the right key, and the value appears in no log and no answer`, async (t) => {
    const { ask, store, agent, logLines } = await setUp(t)
    const { secret } = await makeKey(store, ['admin'])
    for (const headers of [{}, bearer(secret)]) {
      for (const { path, body, codeOf } of surfaces) {
        for (const query of [`?${name}=${secret}`, `?beta=true&${name}=${secret}`]) {
          const refused = await ask('POST', `${path}${query}`, headers, body)
          assert.deepEqual([refused.status, codeOf(JSON.parse(refused.body))], [400, 'invalid_request'])
          assert.match(refused.body, /must not be part of the URL/)
          assert.ok(!refused.body.includes(secret))
        }
      }
      for (const path of ['/', '/livez', '/v1/runs', '/v1/models', '/v1/health', '/nothing']) {
        const refused = await ask('GET', `${path}?${name}=${secret}`, headers)
        assert.equal(refused.status, 400, path)
        assert.ok(!refused.body.includes(secret))
      }
    }
    assert.equal(agent.requests.length, 0)
    assert.ok(!JSON.stringify(logLines).includes(secret))
  })
}

test('C05 a parameter that only resembles a key name is ignored', async (t) => {
  const { ask } = await setUp(t)
  for (const query of ['?page_token=1', '?keys=1', '?monkey=1', '?x=token=1']) {
    const answer = await ask('GET', `/v1/runs${query}`)
    assert.doesNotMatch(answer.body, /part of the URL/)
  }
})

const pairs = [
  ['authorization', 'x-api-key'],
  ['authorization', 'api-key'],
  ['x-api-key', 'api-key'],
] as const
const inHeader = (name: string, secret: string) => ({ [name]: name === 'authorization' ? `Bearer ${secret}` : secret })

for (const [first, second] of pairs) {
  test(`C06 two of the server’s keys, in ${first} and ${second}, are 400, and neither is used`, async (t) => {
    const { ask, store, agent, logLines } = await setUp(t)
    const [one, two] = [(await makeKey(store, ['admin'])).secret, (await makeKey(store, ['admin'])).secret]
    const damaged = `${one.slice(0, -1)}${one.endsWith('A') ? 'B' : 'A'}`
    for (const [mine, other] of [
      [one, two],
      [two, one],
      [one, newSecret().secret],
      [one, damaged],
      [damaged, one],
    ] as const) {
      for (const { path, body, codeOf } of surfaces) {
        const refused = await ask('POST', path, { ...inHeader(first, mine), ...inHeader(second, other) }, body)
        assert.deepEqual([refused.status, codeOf(JSON.parse(refused.body))], [400, 'invalid_request'])
        assert.match(refused.body, /two different API keys/)
      }
    }
    assert.equal(agent.requests.length, 0)
    assert.ok((await store.keys()).every(({ lastUsedAtMs }) => lastUsedAtMs === null))
    for (const secret of [one, two, damaged]) assert.ok(!JSON.stringify(logLines).includes(secret))
  })
}

for (const name of ['authorization', 'x-api-key', 'api-key']) {
  test(`C06 two of the server’s keys in two headers named ${name} open nothing`, async (t) => {
    const store = await openStore(t)
    const callers = new Authenticator({ keys: store, isLoopback: true, now: () => now })
    const { port } = await listenApp(t, { store, callers })
    const [one, two] = [(await makeKey(store, ['admin'])).secret, (await makeKey(store, ['admin'])).secret]
    const lines = [one, two].map((secret) => `${name}: ${Object.values(inHeader(name, secret))}`)
    const socket = connect({ port, host: '127.0.0.1' })
    const head = ['GET /v1/runs HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    assert.match(await text(socket), /^HTTP\/1\.1 40[01] /)
  })
}

test('C08 wrong keys are refused in the error format of each API, and placeholders are not counted', async (t) => {
  const { ask, store } = await setUp(t)
  await makeKey(store, ['agent'])
  for (let attempt = 0; attempt < 30; attempt++)
    assert.equal((await ask('GET', '/v1/runs', bearer('sk-dummy'))).status, 401)
  const damaged = `${newSecret().secret.slice(0, -6)}AAAAAA`
  for (let attempt = 0; attempt < 10; attempt++)
    assert.equal((await ask('GET', '/v1/runs', bearer(damaged))).status, 401)
  for (const { path, body, codeOf } of surfaces) {
    const refused = await ask('POST', path, bearer(damaged), body)
    assert.deepEqual([refused.status, codeOf(JSON.parse(refused.body))], [429, 'rate_limited'])
    const seconds = Number(refused.headers['retry-after'])
    assert.ok(seconds > 0 && seconds <= 60, String(seconds))
  }
})

/** A store with one key that records the arguments of its calls. */
async function spyOn(key: KeyRecord) {
  const store = openMemoryStore()
  await store.createKey(key)
  const lookups: unknown[] = []
  const keys: KeyStore = new Proxy(store, {
    get: (_target, name: keyof KeyStore) => {
      const method = store[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        lookups.push(...args)
        return method(...args)
      }
    },
  })
  return { keys, lookups }
}

test('C09 a key is looked up by its hash: what a client sends is never compared with stored data', async (t) => {
  const { secret, prefix, hash } = newSecret()
  const record: KeyRecord = {
    id: 'key_x',
    name: 'x',
    prefix,
    hash,
    scopes: ['agent'],
    createdAtMs: now,
    ...unlimitedKey,
  }
  const { keys, lookups } = await spyOn(record)
  const callers = new Authenticator({ keys, isLoopback: true, now: () => now })
  const app = await listenApp(t, { callers })
  const statusOf = async (candidate: string) =>
    (await send(app, { path: '/v1/runs', headers: bearer(candidate) })).status
  assert.equal(await statusOf(secret), 200)
  assert.deepEqual(lookups.splice(0), [hashOf(secret), 'key_x', now])
  const other = newSecret().secret
  assert.equal(await statusOf(other), 401)
  assert.deepEqual(lookups.splice(0), [hashOf(other)])
  // An incomplete key, or one of another form, does not reach the store.
  assert.equal(await statusOf(`${secret.slice(0, -1)}~`), 401)
  assert.deepEqual(lookups.splice(0), [])
  assert.equal(await statusOf('sk-dummy'), 401)
  assert.deepEqual(lookups.splice(0), [])
  // Similar keys have different hashes.
  const near = `${secret.slice(0, -7)}${secret.at(-7) === 'A' ? 'B' : 'A'}${secret.slice(-6)}`
  assert.notEqual(hashOf(near).slice(0, 8), hashOf(secret).slice(0, 8))
})

test('C12 when the last key has expired, access stays closed until that key is revoked', async (t) => {
  const { ask, store } = await setUp(t)
  const { id, secret } = await makeKey(store, ['agent'], { expiresAtMs: now + 1000 })
  const statusOf = async (headers: Record<string, string>) => (await ask('GET', '/v1/runs', headers)).status
  assert.deepEqual([await statusOf({}), await statusOf(bearer(secret))], [401, 200])
  now += 30 * 86_400_000
  await store.prune({ endedBeforeMs: now, bytesMax: 0, nowMs: now })
  assert.deepEqual([await statusOf({}), await statusOf(bearer(secret))], [401, 401])
  await store.revokeKey(id, now)
  assert.deepEqual([await statusOf({}), await statusOf(bearer(secret))], [200, 401])
})

test('C12 beyond loopback access stays closed without keys', async (t) => {
  const store = await openStore(t)
  const callers = new Authenticator({ keys: store, isLoopback: false, now: () => now })
  const app = await listenApp(t, { store, callers })
  const statusOf = async (path: string) => (await send(app, { path })).status
  assert.deepEqual([await statusOf('/v1/runs'), await statusOf('/readyz'), await statusOf('/livez')], [401, 401, 200])
})
