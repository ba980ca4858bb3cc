// The idempotency key on each route that starts a run: repeated answers, one run per key, and invalid keys.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedEnd, goodRun, queueFull, refusing, runStart, untilAborted } from '../../helpers/scripted-agent.ts'
import { listen, setUp } from './run-routes-scene.ts'

const message = { model: 'sonnet', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }

const startRoutes: [name: string, url: string, body: Record<string, unknown>][] = [
  ['chat', '/v1/chat', { prompt: 'hi' }],
  ['the stream', '/v1/chat/stream', { prompt: 'hi' }],
  ['chat completions', '/v1/chat/completions', message],
  ['the stream of chat completions', '/v1/chat/completions', { ...message, stream: true }],
  ['messages', '/v1/messages', message],
  ['the stream of messages', '/v1/messages', { ...message, stream: true }],
]

const key = (name: string) => ({ 'idempotency-key': name })
const codeOf = (text: string) => /"code":"?(\w+)/.exec(text)?.[1] ?? /"type":"(\w+_error)"/.exec(text)?.[1]

for (const [name, url, body] of startRoutes) {
  test(`a repeated key gets the same answer, marked as replayed: ${name}`, async (t) => {
    const { post, agent } = await setUp(t, { script: goodRun(['Hel', 'lo']) })
    const first = await post(url, body, key('k'))
    assert.equal(first.status, 200, first.text)
    assert.equal(first.headers['idempotent-replayed'], undefined)
    const again = await post(url, body, key('k'))
    assert.deepEqual([again.status, again.text], [200, first.text])
    assert.equal(again.headers['idempotent-replayed'], 'true')
    assert.equal(again.headers['x-run-id'], first.headers['x-run-id'])
    assert.equal(agent.requests.length, 1)
    await post(url, body, key('another'))
    await post(url, body)
    assert.equal(agent.requests.length, 3)
  })

  test(`simultaneous requests with one key start one run: ${name}`, async (t) => {
    const { post, agent } = await setUp(t, { script: goodRun(['Hel', 'lo']) })
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(url, body, key('k'))))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1)
    assert.equal(answers.filter((each) => each.headers['idempotent-replayed'] === 'true').length, 5)
    assert.equal(agent.requests.length, 1)
  })

  test(`a key with another body is a 409, and the first run is not affected: ${name}`, async (t) => {
    const { post, agent } = await setUp(t, { script: goodRun(['a']) })
    await post(url, body, key('k'))
    const changed = 'prompt' in body ? { ...body, prompt: 'ho' } : { ...body, max_tokens: 99 }
    const other = await post(url, changed, key('k'))
    assert.equal(other.status, 409, other.text)
    assert.match(other.text, /idempotency-key/)
    assert.equal((await post(url, body, key('k'))).headers['idempotent-replayed'], 'true')
    assert.equal(agent.requests.length, 1)
  })

  test(`a request that is refused by a full queue leaves its key free: ${name}`, async (t) => {
    const { post, agent } = await setUp(t, { script: refusing(queueFull()) })
    for (let count = 0; count < 2; count++) {
      const refused = await post(url, body, key('k'))
      assert.equal(refused.status, 429, refused.text)
      assert.ok(refused.headers['retry-after'])
    }
    agent.script = goodRun(['a'])
    const answer = await post(url, body, key('k'))
    assert.deepEqual([answer.status, answer.headers['idempotent-replayed']], [200, undefined])
  })

  test(`a repeated key of a failed run gets the same error: ${name}`, async (t) => {
    const { post, agent } = await setUp(t, { script: [runStart(), failedEnd(queueFull())] })
    const first = await post(url, body, key('k'))
    const again = await post(url, body, key('k'))
    assert.deepEqual([again.status, codeOf(again.text)], [first.status, codeOf(first.text)])
    assert.equal(first.status, 429)
    assert.equal(again.headers['idempotent-replayed'], 'true')
    assert.equal(agent.requests.length, 1)
  })
}

for (const [what, name] of [
  ['an empty key', ''],
  ['256 characters', 'k'.repeat(256)],
  ['a space', 'a b'],
  ['a tab', 'a\tb'],
  ['not ASCII', 'käse'],
] as const) {
  test(`an invalid key is refused on every route: ${what}`, async (t) => {
    const { post, agent } = await setUp(t, { script: goodRun(['a']) })
    for (const [, url, body] of startRoutes) {
      const answer = await post(url, body, key(name))
      assert.equal(answer.status, 400, `${url}: ${answer.text}`)
      assert.match(answer.text, /idempotency-key must be 1 to 255 printable characters/)
    }
    assert.equal(agent.requests.length, 0)
  })
}

test('a key of 255 characters is valid', async (t) => {
  const { post } = await setUp(t, { script: goodRun(['a']) })
  for (const count of [1, 2]) {
    const { status, headers } = await post('/v1/chat', { prompt: 'hi' }, key('~'.repeat(255)))
    assert.deepEqual([status, headers['idempotent-replayed']], [200, count === 1 ? undefined : 'true'])
  }
})

test('a key cannot be used again on another route', async (t) => {
  const { post } = await setUp(t, { script: goodRun(['a']) })
  await post('/v1/chat', { prompt: 'hi' }, key('k'))
  assert.equal((await post('/v1/chat/stream', { prompt: 'hi' }, key('k'))).status, 409)
})

test('a repeated key of a background run gets the same run', async (t) => {
  const { post, agent } = await setUp(t, { script: (_request, signal) => untilAborted(signal, ['Hello']) })
  const body = { prompt: 'hi', background: true }
  const answers = await Promise.all(Array.from({ length: 4 }, () => post('/v1/chat', body, key('k'))))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  assert.equal(new Set(answers.map((each) => (each.body as { id: string }).id)).size, 1)
  assert.equal(agent.requests.length, 1)
})

test('a client that repeats the key and disconnects does not end the first client’s run', async (t) => {
  const go = Promise.withResolvers<void>()
  const { url, agent, runs } = await listen(t, {
    async *script() {
      yield runStart()
      await go.promise
      yield* goodRun(['a']).slice(1)
    },
  })
  const ask = (signal?: AbortSignal) =>
    fetch(`${url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...key('k') },
      body: '{"prompt":"hi"}',
      ...(signal ? { signal } : {}),
    })
  const first = ask()
  await agent.requested(1)
  const controller = new AbortController()
  const second = await fetch(`${url}/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...key('k') },
    body: '{"prompt":"other"}',
  })
  assert.equal(second.status, 409)
  const leaving = assert.rejects(ask(controller.signal))
  controller.abort()
  await leaving
  go.resolve()
  assert.equal((await first).status, 200)
  assert.equal((await ask()).headers.get('idempotent-replayed'), 'true')
  assert.equal(runs.active(), 0)
})
