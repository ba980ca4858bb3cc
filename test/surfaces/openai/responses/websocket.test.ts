// WebSockets at the Responses API: who gets one, what it may cost, and how it ends. What is said over it is tested with the
// SDK's own client (test/clients/openai-response-websocket.ts).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { type ClientOptions, WebSocket } from 'ws'
import { AppError } from '../../../../src/errors.ts'
import { ErrorBody } from '../../../../src/surfaces/openai/chat/reply-schemas.ts'
import { goodRun, untilAborted } from '../../../helpers/scripted-agent.ts'
import { listen, makeKey } from './scene.ts'

const path = '/v1/responses'
const hello = JSON.stringify({ type: 'response.create', model: 'sonnet', input: 'hi' })

type Server = Awaited<ReturnType<typeof listen>>

async function open({ port }: Server, options: ClientOptions = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options)
  await once(socket, 'open')
  return socket
}

/** The code and the reason with which the connection is closed. */
async function closed(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = await once(socket, 'close')
  return [code, String(reason)]
}

/** The status and the code of the error with which a connection is refused. */
async function refusal({ port }: Server, options: ClientOptions, url = path): Promise<[number, string | null]> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${url}`, options)
  const [, answer] = await once(socket, 'unexpected-response')
  let text = ''
  for await (const chunk of answer) text += chunk
  return [answer.statusCode, ErrorBody.parse(JSON.parse(text)).error.code]
}

const nextEvent = async (socket: WebSocket) => JSON.parse(String((await once(socket, 'message'))[0]))

test('D11 a WebSocket passes the same door as any request: host, origin, key and scope come before it', async (t) => {
  const server = await listen(t, undefined, { requiresKey: true, corsOrigins: ['https://friend.example'] })
  const headers = await makeKey(server.store, Date.now, 1, ['chat'])
  for (const [options, status, code] of [
    [{ headers: { ...headers, host: 'evil.example' } }, 403, 'host_not_allowed'],
    [{ headers, origin: 'https://evil.example' }, 403, 'origin_not_allowed'],
    [{ headers, origin: 'null' }, 403, 'origin_not_allowed'],
    [{ headers: { ...headers, 'sec-fetch-site': 'cross-site' } }, 403, 'origin_not_allowed'],
    [{ origin: 'https://friend.example' }, 401, 'invalid_api_key'],
    [{}, 401, 'invalid_api_key'],
    [{ headers: { authorization: 'Bearer csk_wrong' } }, 401, 'invalid_api_key'],
  ] as const) {
    assert.deepEqual(await refusal(server, options), [status, code])
  }
  const socket = await open(server, { headers })
  socket.send(hello)
  assert.equal((await nextEvent(socket)).type, 'response.created')
  socket.terminate()
  assert.equal(server.logLines.filter(({ status }) => status === 101).length, 1)
})

test('B20 a page cannot open a WebSocket on a server without keys', async (t) => {
  const server = await listen(t)
  assert.deepEqual(await refusal(server, { origin: 'https://evil.example' }), [403, 'origin_not_allowed'])
  const own = await open(server, { origin: `http://127.0.0.1:${server.port}` })
  own.terminate()
})

test('D11 an upgrade that is not to a WebSocket, or somewhere else, is ignored', async (t) => {
  const server = await listen(t)
  assert.deepEqual(await refusal(server, {}, '/v1/responses/compact'), [405, 'method_not_supported'])
  const ask = async (headers: object, body: string, method = 'POST') => {
    const sent = request({
      port: server.port,
      path,
      method,
      headers: { 'content-type': 'application/json', ...headers },
    })
    sent.end(body)
    const [answer] = await once(sent, 'response')
    answer.resume()
    await once(answer, 'end')
    return answer.statusCode
  }
  const body = JSON.stringify({ model: 'sonnet', input: 'hi' })
  for (const upgrade of ['h2c', 'websocket']) {
    assert.equal(await ask({ connection: 'Upgrade', upgrade, 'content-length': body.length }, body), 200)
  }
  assert.equal(await ask({ connection: 'Upgrade', upgrade: 'h2c' }, '', 'GET'), 405)
  assert.equal(await ask({ connection: 'Upgrade', upgrade: 'websocket' }, '', 'GET'), 400)
  assert.deepEqual(
    server.logLines.filter(({ level }) => Number(level) >= 40),
    [],
  )
})

test('a handshake that is not valid is refused in the form of the API, and names the header', async (t) => {
  const server = await listen(t)
  const valid = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
  for (const [header, value] of [
    ['sec-websocket-key', undefined],
    ['sec-websocket-key', 'short'],
    ['sec-websocket-version', undefined],
    ['sec-websocket-version', '7'],
  ] as const) {
    const { [header]: _, ...rest } = valid
    const headers = { connection: 'Upgrade', upgrade: 'websocket', ...rest, ...(value ? { [header]: value } : {}) }
    const sent = request({ port: server.port, path, headers })
    sent.end()
    const [answer] = await once(sent, 'response')
    let text = ''
    for await (const chunk of answer) text += chunk
    const { error } = ErrorBody.parse(JSON.parse(text))
    assert.deepEqual([answer.statusCode, error.type, error.param], [400, 'invalid_request_error', header])
    assert.match(answer.headers['content-type'], /^application\/json/)
  }
  for (let count = 0; count < 20; count++) {
    const sent = request({ port: server.port, path, headers: { connection: 'Upgrade', upgrade: 'websocket' } })
    sent.end()
    const [answer] = await once(sent, 'response')
    answer.resume()
  }
  const socket = await open(server)
  socket.terminate()
})

test('a message that is larger than a body may be ends the connection', async (t) => {
  const server = await listen(t, undefined, { bodyBytesMax: 1024 })
  const socket = await open(server)
  socket.send('x'.repeat(1025))
  assert.deepEqual(await closed(socket), [1009, ''])
})

test('too many requests that wait on a connection are refused, and those before them are answered', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const server = await listen(t, async function* () {
    await promise
    yield* goodRun(['Done'])
  })
  const socket = await open(server)
  const events: { type: string; status?: number; stream_id?: string }[] = []
  const ends = new Promise<void>((settle) => {
    socket.on('message', (data) => {
      events.push(JSON.parse(String(data)))
      if (events.filter(({ status }) => status === 429).length === 3) resolve()
      if (events.filter(({ type }) => type === 'response.completed').length === 17) settle()
    })
  })
  for (let count = 0; count < 17; count++) socket.send(hello)
  socket.send(hello.replace('{', '{"stream_id":"s18",'))
  socket.send(hello)
  socket.send('not JSON')
  await ends
  assert.deepEqual(
    events.filter(({ type }) => type === 'error').map(({ status, stream_id: id }) => [status, id]),
    [
      [429, 's18'],
      [429, undefined],
      [429, undefined],
    ],
  )
  socket.terminate()
})

test('a client that sends more refused messages than it reads answers is cut off', async (t) => {
  const server = await listen(t, (_request, signal) => untilAborted(signal, ['Half']))
  const socket = await open(server)
  socket.pause()
  for (let count = 0; count < 5_000; count++) socket.send('x')
  const end = closed(socket)
  socket.resume()
  assert.deepEqual(await end, [1008, 'too many messages were refused: read the answers before you send more'])
})

test('the error for a message that is not accepted has its stream id', async (t) => {
  const socket = await open(await listen(t))
  const request = { model: 'sonnet', input: 'hi', stream_id: 's1' }
  for (const message of [
    { ...request, type: 'response.create', background: true },
    { ...request, type: 'response.create', generate: 'x' },
    { ...request, type: 'response.cancel' },
    { ...request, type: 'response.create', model: null },
  ]) {
    socket.send(JSON.stringify(message))
    const { type, status, stream_id } = await nextEvent(socket)
    assert.deepEqual([type, status, stream_id], ['error', 400, 's1'])
  }
  for (const [text, message] of [
    ['[]', 'an array'],
    ['{"type":"response.create","stream_id":5}', 'a number as its id'],
  ] as const) {
    socket.send(text)
    const event = await nextEvent(socket)
    assert.deepEqual([event.type, 'stream_id' in event], ['error', false], message)
  }
  socket.terminate()
})

async function openWithKey(t: TestContext) {
  const server = await listen(t, (_request, signal) => untilAborted(signal, ['Half']), { requiresKey: true })
  const headers = await makeKey(server.store, Date.now, 1, ['chat'])
  return { server, socket: await open(server, { headers }) }
}

test('a key that is revoked ends its connections at once when they are used, and soon when they are not', async (t) => {
  const { server, socket } = await openWithKey(t)
  await server.store.revokeKey('key_1', Date.now())
  const ended = closed(socket)
  socket.send(hello)
  const { type, status, error } = await nextEvent(socket)
  assert.deepEqual([type, status, error.code], ['error', 401, 'invalid_api_key'])
  assert.equal((await ended)[0], 1008)
  assert.equal(server.agent.requests.length, 0)

  const second = await openWithKey(t)
  assert.deepEqual([...second.server.readers.owners()], ['key_1'])
  const [owner] = second.server.readers.owners()
  const gone = closed(second.socket)
  second.server.readers.cancelOwnedBy(owner ?? '', new AppError('unauthorized', 'the API key was revoked'))
  assert.deepEqual(await gone, [1008, 'the API key was revoked'])
  while (second.server.readers.owners().size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a client that answers no ping is cut off, and its request cancelled', async (t) => {
  const server = await listen(t, (_request, signal) => untilAborted(signal, ['Half']), { limits: { pingMs: 50 } })
  const socket = await open(server, { autoPong: false })
  socket.send(hello)
  await server.agent.requested(1)
  assert.equal((await closed(socket))[0], 1006)
  await server.agent.ended(0)
  assert.equal(server.agent.signals[0]?.aborted, true)
})

test('a connection that nobody uses is closed', async (t) => {
  const server = await listen(t, undefined, { limits: { pingMs: 10, idleMs: 30 } })
  assert.deepEqual(await closed(await open(server)), [1001, 'the connection was not used for too long'])
})

test('a client that reads nothing is cut off, and its request cancelled', async (t) => {
  const piece = 'x'.repeat(1_000_000)
  const server = await listen(
    t,
    async function* (_request, signal) {
      while (!signal.aborted) yield* goodRun([piece]).slice(0, 3)
    },
    { limits: { stallMs: 200 } },
  )
  const socket = await open(server)
  socket.send(hello)
  await once(socket, 'message')
  socket.pause()
  await server.agent.ended(0)
  assert.equal(server.agent.signals[0]?.aborted, true)
  socket.terminate()
})

test('a server that stops closes its connections', async (t) => {
  const server = await listen(t)
  const socket = await open(server)
  const ended = closed(socket)
  await server.app.close()
  assert.deepEqual(await ended, [1001, 'the server is shutting down'])
})
