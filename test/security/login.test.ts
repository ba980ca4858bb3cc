// One-time links: the code in a link can be exchanged for a key once, within a minute, and can do nothing else, whatever is tried with
// it. Each title begins with the number of its attack. routes.test.ts tries every route with a code; peer-uid.test.ts tests other users
// of the machine.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { createLoginLink } from '../../src/auth/login-links.ts'
import { isLoginCode } from '../../src/core/key-record.ts'
import type { Store } from '../../src/core/store.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { registerLogin } from '../../src/surfaces/native/login-routes.ts'
import { LoginReply } from '../../src/surfaces/native/server-schemas.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { listenApp } from '../helpers/inject-app.ts'
import { type SendOptions, send } from './posture-routes.ts'

const noonMs = Date.UTC(2026, 10, 22, 12)
const minuteMs = 60_000
const hourMs = 60 * minuteMs

async function openStore(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-login-'))
  const store = await openSqliteStore({ folder })
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return store
}

/** The native API and the exchange, with a key, on a clock that the test sets. Over real connections, as their user is looked up. */
async function setUp(t: TestContext) {
  const store = await openStore(t)
  const clock = { nowMs: noonMs }
  const now = () => clock.nowMs
  const callers = new Authenticator({ keys: store, isLoopback: true, now })
  const app = await listenApp(t, {
    store,
    callers,
    prepare: (each) => registerLogin(each, { keys: store, now }),
  })
  const { secret, prefix, hash } = newSecret()
  await store.createKey(keyRecord('key_own', { prefix, hash, scopes: ['agent'] }))
  const makeCode = async () => {
    const link = await createLoginLink('http://127.0.0.1:5005', store, clock.nowMs)
    const [, code = ''] = /^http:\/\/127\.0\.0\.1:5005\/#code=(csk_\S+)$/.exec(link?.address ?? '') ?? []
    assert.notEqual(code, '')
    return code
  }
  const ask = (options: SendOptions) => send(app, options)
  const login = (code: string, more: Partial<SendOptions> = {}) =>
    ask({ method: 'POST', path: '/v1/login', headers: bearer(code), ...more })
  return { ...app, store, clock, ownKey: secret, makeCode, ask, login }
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

const codeOf = ({ status, body }: { status: number; body: string }) => [status, JSON.parse(body).code]

test('C16 a code is exchanged for a page key, which can do everything for twelve hours', async (t) => {
  const { login, ask, makeCode, clock, store } = await setUp(t)
  const code = await makeCode()
  const answer = await login(code)
  assert.deepEqual([answer.status, answer.headers['cache-control']], [201, 'no-store'], answer.body)
  const { key, expires_at } = LoginReply.parse(JSON.parse(answer.body))
  assert.equal(expires_at, new Date(noonMs + 12 * hourMs).toISOString())
  assert.notEqual(key, code)
  const [made] = (await store.keys()).filter(({ id }) => id.startsWith('key_page_'))
  assert.match(made?.name ?? '', /^page [0-9a-f]{16}$/)
  assert.deepEqual(made?.scopes, ['admin'])
  const statusOf = async () => (await ask({ path: '/v1/runs', headers: bearer(key) })).status
  assert.equal(await statusOf(), 200)
  clock.nowMs += 12 * hourMs - 1
  assert.equal(await statusOf(), 200)
  clock.nowMs += 1
  assert.equal(await statusOf(), 401)
})

test('C16 a page key can be revoked like any other', async (t) => {
  const { login, ask, makeCode, clock, store } = await setUp(t)
  const { key } = JSON.parse((await login(await makeCode())).body)
  const [made] = (await store.keys()).filter(({ name }) => name.startsWith('page '))
  assert.ok(await store.revokeKey(made?.name ?? '', clock.nowMs))
  assert.equal((await ask({ path: '/v1/runs', headers: bearer(key) })).status, 401)
})

test('C16 a code works once', async (t) => {
  const { login, makeCode, store } = await setUp(t)
  const code = await makeCode()
  assert.equal((await login(code)).status, 201)
  assert.deepEqual(codeOf(await login(code)), [401, 'unauthorized'])
  assert.equal((await store.keys()).filter(({ name }) => name.startsWith('page ')).length, 1)
})

test('C16 if many clients send a code at the same time, one gets a key', async (t) => {
  const { login, makeCode, store } = await setUp(t)
  const code = await makeCode()
  const answers = await Promise.all(Array.from({ length: 8 }, () => login(code)))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, ...Array(7).fill(401)])
  assert.equal((await store.keys()).filter(({ name }) => name.startsWith('page ')).length, 1)
})

test('C16 a valid code that another client uses in the meantime is refused', async (t) => {
  const { login, makeCode, store } = await setUp(t)
  const code = await makeCode()
  const revoke = store.revokeKey.bind(store)
  store.revokeKey = async (id, nowMs) => {
    await revoke(id, nowMs)
    return revoke(id, nowMs)
  }
  const answer = await login(code)
  assert.deepEqual(codeOf(answer), [401, 'unauthorized'])
  assert.match(answer.body, /works only once: create another one with bin\/claude-serve open/)
})

test('C16 a code is valid for a minute', async (t) => {
  const { login, makeCode, clock } = await setUp(t)
  const [first, second] = [await makeCode(), await makeCode()]
  clock.nowMs += minuteMs - 1
  assert.equal((await login(first)).status, 201)
  clock.nowMs += 1
  assert.deepEqual(codeOf(await login(second)), [401, 'unauthorized'])
})

test('C16 a revoked code is refused', async (t) => {
  const { login, makeCode, clock, store } = await setUp(t)
  const code = await makeCode()
  const [made] = (await store.keys()).filter(isLoginCode)
  assert.ok(await store.revokeKey(made?.id ?? '', clock.nowMs))
  assert.deepEqual(codeOf(await login(code)), [401, 'unauthorized'])
})

test('C16 after the last key was revoked, a code creates no key, and access is open', async (t) => {
  const { login, ask, makeCode, clock, store } = await setUp(t)
  const code = await makeCode()
  await store.revokeKey('key_own', clock.nowMs)
  assert.equal(await store.hasKeys(), false)
  const answer = await login(code)
  assert.deepEqual(codeOf(answer), [400, 'invalid_request'])
  assert.match(answer.body, /no longer has API keys: call it without/)
  assert.equal((await ask({ path: '/v1/runs' })).status, 200)
  assert.equal(await createLoginLink('http://127.0.0.1:5005', store, clock.nowMs), null)
})

test('C16 a code is sent like any key', async (t) => {
  const { login, makeCode } = await setUp(t)
  for (const name of ['x-api-key', 'api-key']) {
    const headers = { [name]: await makeCode(), authorization: 'Bearer sk-dummy' }
    assert.equal((await login('', { headers })).status, 201)
  }
  const [code, other] = [await makeCode(), await makeCode()]
  const two = { ...bearer(code), 'x-api-key': other }
  assert.deepEqual(codeOf(await login('', { headers: two })), [400, 'invalid_request'])
  assert.equal((await login(code)).status, 201)
})

test('C05 a code in an address is refused and still valid afterwards', async (t) => {
  const { login, ask, makeCode, logLines } = await setUp(t)
  const code = await makeCode()
  for (const name of ['token', 'key', 'api_key']) {
    const answer = await ask({ method: 'POST', path: `/v1/login?${name}=${code}` })
    assert.deepEqual(codeOf(answer), [400, 'invalid_request'])
    assert.ok(!answer.body.includes(code))
  }
  assert.deepEqual(codeOf(await ask({ method: 'POST', path: `/v1/login?code=${code}` })), [401, 'unauthorized'])
  assert.ok(!JSON.stringify(logLines).includes(code))
  assert.equal((await login(code)).status, 201)
})

test('C16 the body must be empty or an empty object; a request that is refused for its body leaves the code valid', async (t) => {
  const { login, makeCode } = await setUp(t)
  for (const body of ['', '{}']) assert.equal((await login(await makeCode(), { body })).status, 201)
  const code = await makeCode()
  for (const body of [`{"code":"${code}"}`, '[]', '"x"', '{']) {
    const answer = await login(code, { body })
    assert.deepEqual(codeOf(answer), [400, 'invalid_request'], body)
    assert.ok(!answer.body.includes(code))
  }
  const plain = { ...bearer(code), 'content-type': 'text/plain' }
  assert.equal((await login(code, { headers: plain })).status, 415)
  assert.equal((await login(code, { method: 'GET' })).status, 405)
  assert.equal((await login(code)).status, 201)
})

test('C16 a request without a code, with a placeholder or with a key is refused, and the error says what to do', async (t) => {
  const { login, ownKey } = await setUp(t)
  for (const headers of [{}, bearer('sk-dummy')]) {
    const answer = await login('', { headers })
    assert.deepEqual(codeOf(answer), [401, 'unauthorized'])
    assert.equal(answer.headers['www-authenticate'], 'Bearer')
    assert.match(answer.body, /one-time link, which bin\/claude-serve open creates/)
  }
  const answer = await login(ownKey)
  assert.deepEqual(codeOf(answer), [403, 'insufficient_scope'])
  assert.match(answer.body, /use the key itself/)
})

test('C16 if there are no keys, there is nothing to exchange', async (t) => {
  const { ask, store } = await setUp(t)
  await store.revokeKey('key_own', noonMs)
  const answer = await ask({ method: 'POST', path: '/v1/login' })
  assert.deepEqual(codeOf(answer), [400, 'invalid_request'])
  assert.match(answer.body, /has no API keys.*call it without/)
  const forwarded = await ask({ method: 'POST', path: '/v1/login', headers: { 'x-forwarded-for': '10.0.0.1' } })
  assert.deepEqual(codeOf(forwarded), [401, 'unauthorized'])
})

test('C16 a client that guesses codes must wait, and the right code still works', async (t) => {
  const { login, makeCode, store } = await setUp(t)
  const code = await makeCode()
  const statuses = []
  for (let attempt = 0; attempt < 12; attempt++) statuses.push((await login(newSecret().secret)).status)
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429])
  assert.equal((await login(code)).status, 201)
  assert.equal((await store.keys()).length, 3)
})

test('C16 a code that was tried elsewhere does not count as a guess, is not marked as used, and is still valid afterwards', async (t) => {
  const { login, ask, makeCode, store } = await setUp(t)
  const code = await makeCode()
  for (let attempt = 0; attempt < 12; attempt++) {
    const answer = await ask({ path: '/v1/runs', headers: bearer(code) })
    const unknown = await ask({ path: '/v1/runs', headers: bearer(`${code.slice(0, -1)}~`) })
    assert.deepEqual(codeOf(answer), [401, 'unauthorized'])
    if (unknown.status === 401) assert.equal(JSON.parse(answer.body).error, JSON.parse(unknown.body).error)
  }
  assert.ok((await store.keys()).every(({ lastUsedAtMs }) => lastUsedAtMs === null))
  assert.equal((await login(code)).status, 201)
})

const foreign: Record<string, string>[] = [
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'cors' },
  { referer: 'https://evil.example/' },
]
test('C16 a web page of another origin cannot exchange a code, and the page of the server can', async (t) => {
  const { login, makeCode, port } = await setUp(t)
  const code = await makeCode()
  for (const headers of foreign)
    assert.equal((await login(code, { headers: { ...bearer(code), ...headers } })).status, 403)
  const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin', host: `127.0.0.1:${port}` }
  assert.equal((await login(code, { headers: { ...bearer(code), ...own } })).status, 201)
})

test('C16 neither a code nor the key ever appears in the log', async (t) => {
  const { login, makeCode, logLines } = await setUp(t)
  const code = await makeCode()
  const { key } = JSON.parse((await login(code)).body)
  await login(code)
  await login(key)
  assert.ok(logLines.length >= 3)
  for (const secret of [code, key]) assert.ok(!JSON.stringify(logLines).includes(secret.slice(4, 20)))
})

test('C16 expired page keys are revoked when another page gets a key', async (t) => {
  const { login, makeCode, clock, store } = await setUp(t)
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.equal((await login(await makeCode())).status, 201)
    clock.nowMs += 12 * hourMs
  }
  const pages = (await store.keys()).filter(({ name }) => name.startsWith('page '))
  assert.deepEqual(
    pages.map(({ revokedAtMs }) => revokedAtMs === null),
    [true, false, false],
  )
  await store.prune({ endedBeforeMs: 0, bytesMax: Number.MAX_SAFE_INTEGER, nowMs: clock.nowMs })
  // The last one stays until somebody revokes it, like any key.
  assert.deepEqual(
    (await store.keys()).map(({ name }) => name.split(' ')[0]),
    ['page', 'name'],
  )
})
