// Pages of an origin that the operator allows by name: with an API key they can send requests and read answers, without one they
// only learn that they need one, and no other page gains anything.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { test, testIf } from '../helpers/extended.ts'
import { assertRefused, newMark, openPage, type Scene, startHome, startTarget, type Target } from './browser-scene.ts'

type CorsScene = { target: Target; page: Page; secret: string; url: (path: string) => string; mark: string }

/** By default a page of an allowed origin and a server with one key. */
async function setUp(
  t: TestContext,
  { browser, home }: Scene,
  { address = `http://app.example:${home.port}/`, hasKeys = true } = {},
): Promise<CorsScene> {
  const { secret, prefix, hash } = newSecret()
  const keys = openMemoryStore()
  if (hasKeys) await keys.createKey(keyRecord('key_1', { prefix, hash }))
  const callers = new Authenticator({ keys, isLoopback: true, now: Date.now })
  const target = await startTarget(t, { callers, corsOrigins: [`http://app.example:${home.port}`] })
  const page = await openPage(t, browser, address)
  const mark = newMark()
  return { target, page, secret, mark, url: (path) => `http://127.0.0.1:${target.port}${path}${mark}` }
}

/** What the page can learn of the answer; the empty string if that is nothing. */
const call = ({ page, url }: CorsScene, path: string, fields: object) =>
  page
    .frames()
    .at(-1)
    ?.evaluate<string>(`
    fetch(${JSON.stringify(url(path))}, ${JSON.stringify(fields)}).then(
      async (answer) => [answer.status, answer.headers.has('x-request-id'), await answer.text()].join(' '),
      () => '',
    )`)

const post = (headers: Record<string, string>, more: object = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: '{"prompt":"hi"}',
  ...more,
})

const arrived = async ({ target: { watch }, mark }: CorsScene, count: number) =>
  (await watch.until(mark, ({ length }) => length >= count)).map(({ method, status }) => `${method} ${status}`)

const timeout = 30_000

function mayCall(scene: Scene): void {
  const ways: [string, (secret: string) => Record<string, string>][] = [
    ['authorization', (secret) => ({ authorization: `Bearer ${secret}` })],
    ['x-api-key', (secret) => ({ 'x-api-key': secret })],
  ]
  for (const [header, headers] of ways) {
    testIf(header === 'authorization')(
      `B12 a page of an allowed origin with a key in ${header} sends requests and reads answers`,
      {
        timeout,
      },
      async (t) => {
        const cors = await setUp(t, scene)
        assert.match((await call(cors, '/v1/chat', post(headers(cors.secret)))) ?? '', /^200 true .*"Hello there"/)
        assert.deepEqual(await arrived(cors, 2), ['OPTIONS 204', 'POST 200'])
        assert.equal(cors.target.agent.requests.length, 1)
      },
    )
  }

  test('B12 a page of a allowed origin with a key reads a stream', { timeout }, async (t) => {
    const cors = await setUp(t, scene)
    const answer = await call(cors, '/v1/chat/stream', post({ authorization: `Bearer ${cors.secret}` }))
    assert.match(answer ?? '', /^200 true .*"type":"start".*"type":"done"/s)
  })

  for (const method of ['PATCH', 'DELETE']) {
    testIf(method === 'DELETE')(`B12 a page of an allowed origin can send ${method}`, { timeout }, async (t) => {
      const cors = await setUp(t, scene)
      const answer = await call(cors, '/v1/runs/run_1', { method, headers: { 'x-api-key': cors.secret } })
      assert.match(answer ?? '', /^405 true /)
      assert.deepEqual(await arrived(cors, 2), ['OPTIONS 204', `${method} 405`])
    })
  }
}

function needsKey(scene: Scene): void {
  for (const hasKeys of [true, false]) {
    const where = hasKeys ? 'if keys exist' : 'if none exist'

    testIf(hasKeys)(
      `B12 a page of an allowed origin without a key learns that it needs one, ${where}`,
      { timeout },
      async (t) => {
        const cors = await setUp(t, scene, { hasKeys })
        assert.match((await call(cors, '/v1/chat', post({}))) ?? '', /^401 true .*"unauthorized"/)
        assert.deepEqual(await arrived(cors, 2), ['OPTIONS 204', 'POST 401'])
        assert.equal(cors.target.agent.requests.length, 0)
      },
    )

    testIf(!hasKeys)(
      `B12 what a page of an allowed origin can send without a preflight starts no run, ${where}`,
      {
        timeout,
      },
      async (t) => {
        const cors = await setUp(t, scene, { hasKeys })
        assert.match((await call(cors, '/v1/chat', { method: 'POST', body: '{"prompt":"hi"}' })) ?? '', /^401 /)
        await call(cors, '/v1/chat', { method: 'POST', mode: 'no-cors', body: '{"prompt":"hi"}' })
        assert.deepEqual(await arrived(cors, 2), ['POST 401', 'POST 401'])
        assert.equal(cors.target.agent.requests.length, 0)
      },
    )
  }
}

function mayNot(scene: Scene): void {
  const { home } = scene
  const others: [string, (t: TestContext) => Promise<string>][] = [
    ['a page of another site', async () => `http://evil.example:${home.port}/`],
    ['a page of another port of the allowed origin', async (t) => `http://app.example:${(await startHome(t)).port}/`],
    ['a sandboxed page of the allowed origin', async () => `http://app.example:${home.port}/sandboxed`],
    ['a data: page of the allowed origin', async () => `http://app.example:${home.port}/data`],
  ]
  for (const [what, address] of others) {
    testIf(!what.startsWith('a data:'))(`B12 ${what} does not get in, even with a key`, { timeout }, async (t) => {
      const cors = await setUp(t, scene, { address: await address(t) })
      assert.equal(await call(cors, '/v1/chat', post({ authorization: `Bearer ${cors.secret}` })), '')
      assert.equal(await call(cors, '/v1/chat', { method: 'POST', body: '{"prompt":"hi"}' }), '')
      assert.deepEqual(await arrived(cors, 2), ['OPTIONS 403', 'POST 403'])
      for (const arrival of cors.target.watch.arrivals) assertRefused(arrival)
      assert.equal(cors.target.agent.requests.length, 0)
    })
  }

  test('B12 a page of an allowed origin cannot send credentials', { timeout }, async (t) => {
    const cors = await setUp(t, scene)
    const fields = post({ authorization: `Bearer ${cors.secret}` }, { credentials: 'include' })
    assert.equal(await call(cors, '/v1/chat', fields), '')
    assert.deepEqual(await arrived(cors, 1), ['OPTIONS 204'])
    assert.equal(cors.target.agent.requests.length, 0)
  })
}

export function namedOrigin(scene: Scene): void {
  mayCall(scene)
  needsKey(scene)
  mayNot(scene)
}
