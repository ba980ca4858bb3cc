// API keys at the door: once there is one, nobody gets in without; what each may do, whose runs it sees, and when it ends.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { watchKeys } from '../../src/core/key-watch.ts'
import { type KeyRecord, newSecret, type Scope } from '../../src/core/keys.ts'
import type { Store } from '../../src/core/store.ts'
import type { App } from '../../src/http/app.ts'
import { Callers } from '../../src/http/callers.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { registerAnthropic } from '../../src/surfaces/anthropic/routes.ts'
import { registerOpenai } from '../../src/surfaces/openai/routes.ts'
import { input } from '../core/runs-scene.ts'
import { createInjectApp } from '../helpers/inject-app.ts'
import { runEnd, runStart, ScriptedAgent, untilAborted } from '../helpers/scripted-agent.ts'

const host = 'localhost:5005'
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
  const rest = { createdAtMs: now, expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null }
  await store.createKey({ id, name: `name ${id}`, prefix, hash, scopes, ...rest, lastUsedAtMs: null, ...fields })
  return { id, secret }
}

const models = async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]

/** All three surfaces on a scripted agent, with keys. */
async function setUp(t: TestContext, agent = new ScriptedAgent()) {
  const store = await openStore(t)
  const callers = new Callers({ keys: store, isLoopback: true, now: () => now })
  const made = await createInjectApp(t, {
    agent,
    store,
    callers,
    prepare: (app, runs) => {
      const face = { runs, models, modelMap: {}, requestTimeoutMs: 60_000 }
      app.register(async (scope) => registerOpenai(scope, face))
      app.register(async (scope) => registerAnthropic(scope, { ...face, countTokens: () => 7 }))
    },
  })
  const ask = (method: 'GET' | 'POST', url: string, headers: Record<string, string> = {}, payload?: object) =>
    made.inject({
      method,
      url,
      headers: { host, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(payload ? { payload } : {}),
    })
  return { ...made, store, ask }
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const messages = [{ role: 'user', content: 'hi' }]
const chatBody = { model: 'sonnet', messages }

/** Every route with the least scope that it needs. */
const routes: ['GET' | 'POST', string, Scope | 'any', object?][] = [
  ['GET', '/', 'any'],
  ['GET', '/readyz', 'any'],
  ['GET', '/v1/health', 'any'],
  ['GET', '/v1/models', 'chat'],
  ['GET', '/v1/models/sonnet', 'chat'],
  ['POST', '/v1/chat/completions', 'chat', chatBody],
  ['POST', '/v1/messages', 'chat', { ...chatBody, max_tokens: 5 }],
  ['POST', '/v1/messages/count_tokens', 'chat', chatBody],
  ['POST', '/v1/chat/completions', 'agent', { ...chatBody, model: 'agent/sonnet' }],
  ['POST', '/v1/messages', 'agent', { ...chatBody, model: 'agent/sonnet', max_tokens: 5 }],
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

test('without keys everything works, and a placeholder counts as no key', async (t) => {
  const { ask } = await setUp(t)
  for (const headers of [{}, bearer('sk-dummy'), bearer('none'), { 'x-api-key': 'sk-ant-api03-placeholder' }]) {
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).statusCode, 200)
  }
})

test('a key of ours that is not valid is refused also where no key is needed', async (t) => {
  const { ask } = await setUp(t)
  const { secret } = newSecret()
  for (const wrong of [secret, `${secret.slice(0, -1)}_`, 'csk_', `${secret}x`]) {
    assert.equal((await ask('POST', '/v1/chat', bearer(wrong), { prompt: 'hi' })).statusCode, 401)
  }
})

for (const [method, url, scope, payload] of routes) {
  const model = (payload as { model?: string } | undefined)?.model ?? ''
  const what = `${method} ${url}${model.startsWith('agent/') ? ' for an agent' : ''}`

  test(`${what} needs a key once there is one`, async (t) => {
    const { ask, store, agent } = await setUp(t)
    await makeKey(store, ['admin'])
    for (const headers of [{}, bearer('sk-dummy'), { 'x-api-key': 'none' }]) {
      const answer = await ask(method, url, headers, payload)
      assert.equal(answer.statusCode, 401, answer.body)
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
      assert.match(answer.body, /needs an API key/)
    }
    assert.equal(agent.requests.length, 0)
  })

  for (const granted of ['chat', 'agent', 'admin'] as const) {
    const isEnough = powers[granted].includes(scope)
    test(`${what} is ${isEnough ? 'open to' : 'closed to'} a key with the scope ${granted}`, async (t) => {
      const { ask, store, agent } = await setUp(t)
      const { secret } = await makeKey(store, [granted])
      const answer = await ask(method, url, bearer(secret), payload)
      assert.equal(answer.statusCode, isEnough ? 200 : 403, answer.body)
      if (!isEnough) assert.match(answer.body, new RegExp(`lacks the scope ${scope}`))
      if (!isEnough) assert.equal(agent.requests.length, 0)
    })
  }
}

test('/livez is open to everybody', async (t) => {
  const { ask, store } = await setUp(t)
  await makeKey(store, ['admin'])
  assert.equal((await ask('GET', '/livez')).statusCode, 200)
})

test('any header may carry the key, beside a placeholder in another', async (t) => {
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
    assert.equal((await ask('GET', '/v1/runs', headers)).statusCode, 200)
  }
})

test('errors at the door have the shape of the API that was called', async (t) => {
  const { ask, store } = await setUp(t)
  await makeKey(store, ['chat'])
  assert.equal((await ask('POST', '/v1/chat', {}, {})).json().code, 'unauthorized')
  assert.equal((await ask('POST', '/v1/chat/completions', {}, {})).json().error.code, 'invalid_api_key')
  assert.equal((await ask('POST', '/v1/messages', {}, {})).json().error.type, 'authentication_error')
})

test('a key is refused from the moment its time is over, or it is revoked', async (t) => {
  const { ask, store } = await setUp(t)
  const lasting = await makeKey(store, ['agent'])
  const short = await makeKey(store, ['agent'], { expiresAtMs: now + 1000 })
  const statusOf = async ({ secret }: { secret: string }) => (await ask('GET', '/v1/runs', bearer(secret))).statusCode
  assert.deepEqual([await statusOf(short), await statusOf(lasting)], [200, 200])
  now += 1000
  assert.deepEqual([await statusOf(short), await statusOf(lasting)], [401, 200])
  await store.revokeKey(lasting.id, now)
  assert.equal(await statusOf(lasting), 401)
})

test('a run is its key’s: others neither see nor end it, an administrator does', async (t) => {
  const { ask, store } = await setUp(t)
  const [mine, yours, admin] = [
    await makeKey(store, ['agent']),
    await makeKey(store, ['agent']),
    await makeKey(store, ['admin']),
  ]
  const made = await ask('POST', '/v1/chat', bearer(mine.secret), { prompt: 'hi' })
  const id = made.json().run_id
  for (const [key, status, runs] of [
    [mine, 200, 1],
    [yours, 404, 0],
    [admin, 200, 1],
  ] as const) {
    const headers = bearer(key.secret)
    assert.equal((await ask('GET', `/v1/runs/${id}`, headers)).statusCode, status)
    assert.equal((await ask('GET', `/v1/runs/${id}/events`, headers)).statusCode, status)
    assert.equal((await ask('POST', `/v1/runs/${id}/cancel`, headers, {})).statusCode, status)
    assert.equal((await ask('GET', '/v1/runs', headers)).json().runs.length, runs)
    assert.equal((await ask('GET', '/v1/usage', headers)).json().total.runs, runs)
  }
})

test('the same idempotency key of two API keys is two requests', async (t) => {
  const { ask, store, agent } = await setUp(t)
  const keys = [await makeKey(store, ['agent']), await makeKey(store, ['agent'])]
  for (const { secret } of keys) {
    const headers = { ...bearer(secret), 'idempotency-key': 'one' }
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).headers['idempotent-replayed'], undefined)
  }
  assert.equal(agent.requests.length, 2)
})

test('a key that has a rate of its own is slowed down, and others are not', async (t) => {
  const { ask, store } = await setUp(t)
  const slow = await makeKey(store, ['agent'], { ratePerMinute: 2 })
  const free = await makeKey(store, ['agent'])
  const answers = []
  for (let at = 0; at < 3; at++) answers.push(await ask('GET', '/v1/runs', bearer(slow.secret)))
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [200, 200, 429],
  )
  assert.ok(Number(answers[2]?.headers['retry-after']) > 0)
  assert.equal((await ask('GET', '/v1/runs', bearer(free.secret))).statusCode, 200)
})

test('a key starts no more runs when its budget is spent, and is told so', async (t) => {
  const agent = new ScriptedAgent(() => [runStart(), runEnd({ costUsd: 0.3 })])
  const { ask, store, runs } = await setUp(t, agent)
  const { secret } = await makeKey(store, ['agent'], { budgetUsd: 0.5 })
  for (const status of [200, 200, 402]) {
    await runs.saved()
    assert.equal((await ask('POST', '/v1/chat', bearer(secret), { prompt: 'hi' })).statusCode, status)
  }
  assert.equal(agent.requests.length, 2)
  assert.equal((await ask('GET', '/v1/runs', bearer(secret))).statusCode, 200)
})

test('who tries wrong keys is told to wait, and a right key still works', async (t) => {
  const { ask, store } = await setUp(t)
  const { secret } = await makeKey(store, ['agent'])
  const statuses = []
  for (let at = 0; at < 12; at++) {
    statuses.push((await ask('GET', '/v1/runs', bearer(newSecret().secret))).statusCode)
  }
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429])
  assert.equal((await ask('GET', '/v1/runs', bearer(secret))).statusCode, 200)
})

for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
  test(`a request that was forwarded (${name}) needs a key, as nobody knows who is behind it`, async (t) => {
    const { ask, store } = await setUp(t)
    const headers = { [name]: '10.0.0.1' }
    assert.equal((await ask('POST', '/v1/chat', headers, { prompt: 'hi' })).statusCode, 401)
    const { secret } = await makeKey(store, ['agent'])
    const answer = await ask('POST', '/v1/chat', { ...headers, ...bearer(secret) }, { prompt: 'hi' })
    assert.equal(answer.statusCode, 200)
  })
}

test('a route that does not say what it needs keeps the server from starting', async (t) => {
  const prepare = (app: App) => void app.get('/secret', async () => 'x')
  await assert.rejects(createInjectApp(t, { prepare }), /the route \/secret does not say what it needs/)
})

test('a run that waits ends when its key is revoked, and says so', async (t) => {
  const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
  const { store, runs } = await setUp(t, agent)
  const end = watchKeys(runs, store, () => now)
  t.after(async () => end())
  const { id } = await makeKey(store, ['agent'])
  const run = await runs.start(input({ owner: id }))
  await agent.asked(1)
  await store.revokeKey(id, now)
  const events = []
  for await (const event of run.events) events.push(event)
  const last = events.at(-1)
  assert.ok(last?.type === 'run-end')
  assert.equal(last.error?.code, 'unauthorized')
})
