// One response at a time in a conversation: another one is refused before the model is asked, however the first is answered,
// and whoever changes items waits. What conversations are for is tested with the SDK (test/clients/openai-conversations.ts).
import assert from 'node:assert/strict'
import { on as eventsOf, once } from 'node:events'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { anonymousCaller } from '../../../../src/auth/authenticate.ts'
import { AppError } from '../../../../src/errors.ts'
import { openMemoryStore } from '../../../../src/store/sqlite.ts'
import { ConversationLocks } from '../../../../src/surfaces/openai/conversations/conversation-locks.ts'
import { Conversations } from '../../../../src/surfaces/openai/conversations/conversations.ts'
import { silent } from '../../../core/runs-scene.ts'
import { testSealers } from '../../../helpers/inject-app.ts'
import { failedEnd, goodRun, runStart, untilAborted } from '../../../helpers/scripted-agent.ts'
import { errorOf, hello, listen, type Scene, setUp } from './scene.ts'

const path = '/v1/conversations'
const locked = [400, 'conversation_locked', 'conversation']
const lockedItems = [400, 'conversation_locked', 'conversation_id']
const item = { id: 'msg_1', role: 'user', content: 'one' }
const variants = {
  whole: {},
  streamed: { stream: true },
  background: { background: true },
  'not stored': { store: false },
}

/** A scene in which each run waits until the test lets it go on, with a conversation. */
async function setUpWaiting(t: TestContext) {
  const { promise, resolve: letGo } = Promise.withResolvers<void>()
  const scene = await setUp(t, async function* () {
    await promise
    yield* goodRun(['Done'])
  })
  const { id } = (await scene.post(path, { items: [item] })).body as { id: string }
  const respond = (body: object = {}, headers = {}) =>
    scene.post('/v1/responses', { ...hello, conversation: id, ...body }, headers)
  return { ...scene, id, letGo, respond }
}

const rolesIn = async ({ get }: Pick<Scene, 'get'>, id: string) => {
  const { data } = (await get(`${path}/${id}/items?order=asc`)).body as { data: { role: string }[] }
  return data.map(({ role }) => role)
}

/** Follows a background response to its end. */
async function end({ runs }: Pick<Scene, 'runs'>, { body }: { body: unknown }) {
  const { id } = body as { id: string }
  for await (const { event } of runs.follow(id.replace('resp', 'run'), 0)) if (event.type === 'run-end') break
}

for (const [first, body] of Object.entries(variants)) {
  test(`during a response that is ${first}, others in its conversation are refused before the model is asked`, async (t) => {
    const scene = await setUpWaiting(t)
    const { agent, id, letGo, respond } = scene
    const answering = respond(body)
    await agent.requested(1)
    for (const other of Object.values(variants)) assert.deepEqual(errorOf(await respond(other)), locked)
    assert.deepEqual(errorOf(await respond({ conversation: { id } })), locked)
    letGo()
    const answer = await answering
    assert.equal(answer.status, 200, answer.text)
    if (first === 'background') await end(scene, answer)
    assert.equal(agent.requests.length, 1)
    assert.equal((await respond()).status, 200)
    assert.deepEqual(await rolesIn(scene, id), ['user', 'user', 'assistant', 'user', 'assistant'])
  })
}

test('the refusal has the words of OpenAI', async (t) => {
  const { agent, respond, letGo } = await setUpWaiting(t)
  const answering = respond()
  await agent.requested(1)
  assert.deepEqual((await respond()).body, {
    error: {
      message: 'Another process is currently operating on this conversation. Please retry in a few seconds.',
      type: 'invalid_request_error',
      param: 'conversation',
      code: 'conversation_locked',
    },
  })
  letGo()
  await answering
})

test('other conversations, counts of tokens, and a retry of the same request are not refused', async (t) => {
  const { agent, post, id, letGo, respond } = await setUpWaiting(t)
  const key = { 'idempotency-key': 'one' }
  const answering = respond({}, key)
  await agent.requested(1)
  const counted = await post('/v1/responses/input_tokens', { ...hello, conversation: id })
  assert.equal(counted.status, 200)
  const retry = respond({}, key)
  const other = (await post(path, {})).body as { id: string }
  const elsewhere = respond({ conversation: other.id })
  await agent.requested(2)
  letGo()
  const [one, again, beside] = await Promise.all([answering, retry, elsewhere])
  assert.equal(one.status, 200)
  assert.equal(again.text, one.text)
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.equal(beside.status, 200)
})

test('a refused request leaves its idempotency key free', async (t) => {
  const { agent, letGo, respond } = await setUpWaiting(t)
  const answering = respond()
  await agent.requested(1)
  const key = { 'idempotency-key': 'two' }
  assert.deepEqual(errorOf(await respond({}, key)), locked)
  letGo()
  await answering
  const later = await respond({}, key)
  assert.deepEqual([later.status, later.headers['idempotent-replayed']], [200, undefined])
})

test('during a response its conversation can be read, renamed and deleted, but its items stay as they are', async (t) => {
  const scene = await setUpWaiting(t)
  const { agent, get, post, remove, id, letGo, respond } = scene
  const answering = respond()
  await agent.requested(1)
  assert.deepEqual(errorOf(await post(`${path}/${id}/items`, { items: [item] })), lockedItems)
  assert.deepEqual(errorOf(await remove(`${path}/${id}/items/msg_1`)), lockedItems)
  assert.equal((await post(`${path}/${id}`, { metadata: { topic: 'birds' } })).status, 200)
  assert.deepEqual(await rolesIn(scene, id), ['user'])
  assert.equal((await remove(`${path}/${id}`)).status, 200)
  letGo()
  assert.equal((await answering).status, 200)
  assert.equal((await get(`${path}/${id}/items`)).status, 404)
})

test('a response that fails, is cancelled or is refused leaves its conversation free', async (t) => {
  const scene = await setUpWaiting(t)
  const { agent, post, id, respond } = scene
  const refusal = () => new AppError('queue_full', 'too many wait')
  agent.script = [runStart(), failedEnd(new AppError('claude_failed', 'no'))]
  for (const body of Object.values(variants)) {
    const answer = await respond(body)
    if (body === variants.background) await end(scene, answer)
    else assert.equal(errorOf(answer)[0], 500)
  }
  // biome-ignore lint/correctness/useYield: it fails before its first event.
  agent.script = async function* () {
    throw refusal()
  }
  assert.equal(errorOf(await respond())[0], 429)
  agent.script = silent
  const { id: response } = (await respond({ background: true })).body as { id: string }
  assert.equal((await post(`/v1/responses/${response}/cancel`)).status, 200)
  agent.script = goodRun(['Done'])
  assert.equal((await respond()).status, 200)
  assert.deepEqual(await rolesIn(scene, id), ['user', 'user', 'assistant'])
})

test('a client that leaves frees the conversation, over HTTP and over a WebSocket', async (t) => {
  const server = await listen(t, (_request, signal) => untilAborted(signal, ['Half']))
  const store = server.store
  await store.createConversation({ id: 'conv_1', owner: null, metadata: {}, createdAtMs: 1 }, [])
  const body = { ...hello, conversation: 'conv_1' }
  const headers = { 'content-type': 'application/json' }
  const send = (fields: object) => {
    const sent = request({ port: server.port, path: '/v1/responses', method: 'POST', headers })
    sent.on('error', () => {})
    sent.end(JSON.stringify({ ...body, ...fields }))
    return sent
  }
  for (const [index, fields] of [{}, { stream: true }].entries()) {
    const sent = send(fields)
    await server.agent.requested(index + 1)
    sent.destroy()
    await server.agent.ended(index)
  }
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v1/responses`)
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'response.create', stream_id: 's', ...body }))
    return socket
  }
  const first = await open()
  await server.agent.requested(3)
  const second = await open()
  const event = JSON.parse(String((await once(second, 'message'))[0]))
  assert.deepEqual(
    [event.type, event.status, event.error.code, event.error.param, event.stream_id],
    ['error', 400, 'conversation_locked', 'conversation', 's'],
  )
  first.terminate()
  await server.agent.ended(2)
  server.agent.script = goodRun(['Done'])
  second.send(JSON.stringify({ type: 'response.create', ...body }))
  const types: string[] = []
  for await (const [data] of eventsOf(second, 'message')) {
    types.push(JSON.parse(String(data)).type)
    if (types.at(-1) === 'response.completed' || types.at(-1) === 'error') break
  }
  assert.equal(types.at(-1), 'response.completed')
  second.terminate()
})

test('a response that read the conversation before another one was added to it is not made', async () => {
  const conversations = openMemoryStore()
  const locks = new ConversationLocks()
  const mine = new Conversations({ conversations, locks, sealers: testSealers }, anonymousCaller)
  const { id } = await mine.create({}, [])
  const [first, second] = [await mine.open(id), await mine.open(id)]
  const release = await first.acquire([])
  await mine.addTurn(id, [{ type: 'message', role: 'user', content: 'one' }])
  release()
  await assert.rejects(second.acquire([]), { kind: 'conversation_locked' })
  const later = await mine.open(id)
  const again = await later.acquire([])
  again()
  await mine.removeItem(id, String(later.items[0]?.id))
  await assert.rejects(later.acquire([]), { kind: 'conversation_locked' })
  await conversations.deleteConversation(id)
  await assert.rejects(first.acquire([]), { code: 'not_found' })
})

test('items are added by several at once, and not between the reading of a conversation and its response', async () => {
  const locks = new ConversationLocks()
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const changes = [locks.change('conv', () => one.promise), locks.change('conv', () => two.promise)]
  one.resolve()
  await changes[0]
  assert.throws(() => locks.acquire('conv'), { kind: 'conversation_locked' })
  two.resolve()
  await changes[1]
  const release = locks.acquire('conv')
  await assert.rejects(
    locks.change('conv', async () => {}),
    { kind: 'conversation_locked' },
  )
  release()
  await locks.change('conv', async () => {})
})
