// Web pages of allowed origins may send requests and read the answers; pages of any other origin may not, and learn nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { createInjectApp, listenApp } from '../helpers/inject-app.ts'

const page = 'https://app.example'
const other = 'https://evil.example'
const host = 'localhost:5005'
const preflight = (origin: string, more: Record<string, string> = {}) => ({
  method: 'OPTIONS' as const,
  url: '/v1/chat',
  headers: { host, origin, 'access-control-request-method': 'POST', ...more },
})

test('the preflight of an allowed origin gets the headers that it requests', async (t) => {
  const { inject } = await createInjectApp(t, { corsOrigins: [page] })
  const wanted = 'authorization,content-type,x-stainless-lang,x-stainless-retry-count'
  const answer = await inject(preflight(page, { 'access-control-request-headers': wanted }))
  assert.equal(answer.statusCode, 204)
  assert.equal(answer.headers['access-control-allow-origin'], page)
  assert.equal(answer.headers['access-control-allow-headers'], wanted)
  assert.match(String(answer.headers['access-control-allow-methods']), /POST/)
  assert.equal(answer.headers.vary, 'origin')
  assert.equal(answer.headers['access-control-allow-credentials'], undefined)
  assert.equal(answer.headers['access-control-allow-private-network'], undefined)
})

test('a browser that asks whether a page may reach a private network gets permission', async (t) => {
  const { inject } = await createInjectApp(t, { corsOrigins: [page] })
  const answer = await inject(preflight(page, { 'access-control-request-private-network': 'true' }))
  assert.equal(answer.headers['access-control-allow-private-network'], 'true')
})

test('a page of an allowed origin can read the answer, errors too', async (t) => {
  const { inject, agent } = await createInjectApp(t, { corsOrigins: [page] })
  const ask = (payload: object) =>
    inject({
      method: 'POST',
      url: '/v1/chat',
      headers: { host, origin: page, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' },
      payload,
    })
  for (const [payload, status] of [
    [{ prompt: 'hi' }, 200],
    [{}, 400],
  ] as const) {
    const answer = await ask(payload)
    assert.equal(answer.statusCode, status)
    assert.equal(answer.headers['access-control-allow-origin'], page)
    assert.match(String(answer.headers['access-control-expose-headers']), /x-request-id/)
  }
  assert.equal(agent.requests.length, 1)
})

for (const origin of [other, 'null', `${page}.evil.example`, 'http://app.example', `${page}:444`, page.toUpperCase()]) {
  test(`${origin} is refused in the preflight and in the request, and learns nothing, if ${page} is allowed`, async (t) => {
    const { inject, agent } = await createInjectApp(t, { corsOrigins: [page] })
    const preflighted = await inject(preflight(origin))
    const sent = await inject({
      method: 'POST',
      url: '/v1/chat',
      headers: { host, origin, 'content-type': 'application/json' },
      payload: { prompt: 'hi' },
    })
    for (const answer of [preflighted, sent]) {
      assert.equal(answer.statusCode, 403)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
    assert.equal(agent.requests.length, 0)
  })
}

test('without an allowed origin there is no CORS at all', async (t) => {
  const { inject } = await createInjectApp(t)
  const answer = await inject(preflight(page))
  assert.equal(answer.statusCode, 403)
  assert.deepEqual(
    Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
    [],
  )
})

test('the preflight for what the OpenAI SDK sends from a page succeeds', async (t) => {
  const { url } = await listenApp(t, { corsOrigins: [page] })
  let sent: string[] = []
  const spy: typeof fetch = async (_url, init) => {
    sent = [...new Headers(init?.headers).keys()]
    return new Response('{"object":"list","data":[]}', { headers: { 'content-type': 'application/json' } })
  }
  await new OpenAI({ apiKey: 'none', baseURL: `${url}/v1`, fetch: spy, dangerouslyAllowBrowser: true }).models.list()
  assert.ok(sent.some((name) => name.startsWith('x-stainless-')))
  const headers = {
    origin: page,
    'access-control-request-method': 'GET',
    'access-control-request-headers': sent.toSorted().join(','),
  }
  const answer = await fetch(`${url}/v1/models`, { method: 'OPTIONS', headers })
  assert.equal(answer.status, 204)
  const allowed = answer.headers.get('access-control-allow-headers')?.split(',') ?? []
  for (const name of sent) assert.ok(allowed.includes(name), name)
})
