// The small requests that programs make alongside a conversation, over the real CLI: they let the conversation go
// first, wait instead of taking the last process from it, and never take the process that holds it. Each decision of the pool is
// tested in scheduling.test.ts and worker-selection.test.ts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startUpstream, type Upstream } from '../../../src/demo/upstream.ts'
import { assistant as assistantSent, conversationOf, requestAt, sent, user as userSent } from '../../clients/sent.ts'
import { post } from '../../helpers/client.ts'
import { extendedTest, test } from '../../helpers/extended.ts'
import { startTestServer, step, type TestServer } from '../../helpers/test-server.ts'
import { setUp } from '../../surfaces/native/run-routes-scene.ts'

const title = '### Task:\nGenerate a concise, 3-5 word title summarizing the chat history.'

type Gate = { url: string; arrived: Promise<void>; open(): void }

/** A proxy before the upstream that holds back the requests that contain the word, until it is opened. */
async function startGate(t: TestContext, upstream: Upstream, word: string): Promise<Gate> {
  const opening = Promise.withResolvers<void>()
  const arrival = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (body.includes(word)) {
      arrival.resolve()
      await opening.promise
    }
    const answer = await fetch(`${upstream.url}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {
        'content-type': 'application/json',
        'x-claude-code-session-id': String(request.headers['x-claude-code-session-id']),
      },
      ...(body === '' ? {} : { body }),
    })
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
    // A process that is ended disconnects in the middle of its answer.
    if (answer.body !== null) await pipeline(Readable.fromWeb(answer.body as ReadableStream), response).catch(() => {})
    else response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    opening.resolve()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, arrived: arrival.promise, open: () => opening.resolve() }
}

type Message = { role: 'user' | 'assistant'; content: string }

async function complete(server: TestServer, ...messages: Message[]): Promise<string> {
  const { status, body } = await post(server, '/v1/chat/completions', { model: 'sonnet', messages })
  assert.equal(status, 200, JSON.stringify(body))
  const [choice] = (body as { choices: { message: { content: string } }[] }).choices
  return choice?.message.content ?? ''
}

const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })

type Health = { processes: Record<'live' | 'busy' | 'idle', number>; queue: { waiting: number } }

const health = async ({ url }: TestServer) => (await (await fetch(`${url}/v1/health`)).json()) as Health

/** Polls for a condition that no event reports, for at most ten seconds. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; await delay(15)) if (await condition()) return
  assert.fail(`within ten seconds: ${what}`)
}

const untilWaiting = (server: TestServer, count: number) =>
  until(`${count} runs wait`, async () => (await health(server)).queue.waiting === count)

/** The session id of the process that sent a request to the model. */
const sessionAt = (upstream: Upstream, index = -1) => requestAt(upstream, index).headers['x-claude-code-session-id']

const isOver = async (answer: Promise<unknown>) => (await Promise.race([answer, 'under way'])) !== 'under way'

test('a title request reaches the pool as an auxiliary one, the conversation does not', async (t) => {
  const { agent, post: send } = await setUp(t)
  for (const messages of [[user('walrus')], [user(title)]]) {
    const { status } = await send('/v1/chat/completions', { model: 'sonnet', messages })
    assert.equal(status, 200)
  }
  assert.deepEqual(
    agent.requests.map(({ isAuxiliary }) => isAuxiliary),
    [false, true],
  )
})

extendedTest(
  'a title request waits while a conversation and others are answered, and does not take the process of the conversation',
  async (t) => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const gate = await startGate(t, upstream, 'walrus')
    const server = await startTestServer(t, {
      upstream,
      environment: { ANTHROPIC_BASE_URL: gate.url },
      config: { maxProcesses: 2 },
    })
    const first = `walrus ${step({ text: 'A tusk.' })}`
    const conversation = complete(server, user(first))
    await gate.arrived

    const titled = complete(server, user(`${title} ${step({ text: 'Tusks' })}`))
    await untilWaiting(server, 1)
    assert.equal(await complete(server, user(`ordinary ${step({ text: 'Served.' })}`)), 'Served.')
    assert.equal(await isOver(titled), false)
    assert.equal(await isOver(conversation), false)
    const before = await health(server)
    assert.deepEqual([before.queue.waiting, before.processes.live, before.processes.busy], [1, 2, 1])
    assert.deepEqual(
      upstream.requests.map(({ raw }) => raw.includes('ordinary ')),
      [true],
    )

    gate.open()
    assert.equal(await conversation, 'A tusk.')
    const own = sessionAt(upstream, 1)
    assert.equal(await titled, 'Tusks')
    assert.notEqual(sessionAt(upstream), own)
    assert.match(requestAt(upstream).raw, /3-5 word title/)
    assert.doesNotMatch(requestAt(upstream).raw, /walrus|ordinary/)

    const next = `And then? ${step({ text: 'Another one.' })}`
    assert.equal(await complete(server, user(first), assistant('A tusk.'), user(next)), 'Another one.')
    assert.deepEqual(conversationOf(sent(upstream)), [userSent(first), assistantSent('A tusk.'), userSent(next)])
    assert.equal(sessionAt(upstream), own)
    assert.equal((await health(server)).processes.live, 2)
    assert.equal(upstream.requests.length, 4)
  },
)

extendedTest('a title request after a conversation was answered does not get the process that holds it', async (t) => {
  const server = await startTestServer(t, { config: { maxProcesses: 2 } })
  const first = `walrus ${step({ text: 'A tusk.' })}`
  await complete(server, user(first))
  const own = sessionAt(server.upstream)
  await complete(server, user(title))
  assert.notEqual(sessionAt(server.upstream), own)
  assert.doesNotMatch(requestAt(server.upstream).raw, /walrus/)
  await complete(server, user(first), assistant('A tusk.'), user('And then?'))
  assert.equal(sessionAt(server.upstream), own)
  assert.equal((await health(server)).processes.live, 2)
})
