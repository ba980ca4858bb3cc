// How connections end that carry more than good requests, tried with raw sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { listenApp } from '../helpers/inject-app.ts'
import { runEnd, runStart, textBlock } from '../helpers/scripted-agent.ts'
import { exchange, parse, RawConnection, statusesOf, typed } from '../security/raw-client.ts'

const { port, agent } = await listenApp({ after })
const host = `Host: localhost:${port}`
const health = `GET /livez HTTP/1.1\r\n${host}\r\n\r\n`
const chatted = (body: string, path = '/v1/chat') =>
  `POST ${path} HTTP/1.1\r\n${host}\r\n${typed}\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`

const garbage = {
  'a line that is not HTTP': 'GARBAGE\r\n\r\n',
  'a header without a name': `GET /livez HTTP/1.1\r\n${host}\r\n: x\r\n\r\n`,
  'two lengths': `POST /v1/chat HTTP/1.1\r\n${host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`,
}
for (const [name, bytes] of Object.entries(garbage)) {
  test(`good requests before ${name} are answered, then that is refused`, async () => {
    const raw = await exchange(health + health + bytes, port)
    assert.deepEqual(statusesOf(raw), [200, 200, 400])
  })

  test(`${name} behind a run that streams is not answered inside its stream`, async (t) => {
    const more = Promise.withResolvers<void>()
    agent.script = async function* () {
      yield runStart()
      const [start, first, second, end] = textBlock(0, ['first', ' second'])
      assert.ok(start && first && second && end)
      yield* [start, first]
      await more.promise
      yield* [second, end, runEnd({ result: 'first second' })]
    }
    const connection = await RawConnection.open(t, port)
    connection.write(chatted('{"prompt":"hi"}', '/v1/chat/stream'))
    await connection.until(/first/)
    const seen = agent.requests.length
    connection.write(bytes)
    connection.write(bytes)
    // A request on another connection shows that the server has read the bytes before.
    await exchange(health.replace(host, `${host}\r\nConnection: close`), port)
    more.resolve()
    await connection.over
    const [stream, refusal = ''] = connection.text.split(/(?=HTTP\/1\.1 400)/)
    assert.match(stream ?? '', /first[\s\S]* second[\s\S]*"type":"done"[\s\S]*\r\n0\r\n\r\n$/)
    assert.match(parse(refusal).body, /"code":"invalid_request"/)
    assert.deepEqual(statusesOf(connection.text), [200, 400])
    assert.equal(agent.requests.length, seen)
  })
}

test('a body that is not HTTP is refused after the answers before it', async () => {
  const head = `POST /v1/chat HTTP/1.1\r\n${host}\r\n${typed}\r\nTransfer-Encoding: chunked\r\n\r\n`
  const raw = await exchange(`${health}${head}5\r\n{"pro\r\nGARBAGE\r\n`, port)
  assert.deepEqual(statusesOf(raw), [200, 400])
})

test('a body that is not HTTP, of a request that is answered already, gets no second answer', async (t) => {
  const connection = await RawConnection.open(t, port)
  connection.write(`POST /nothing HTTP/1.1\r\n${host}\r\n${typed}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"pro\r\n`)
  await connection.until(/404/)
  connection.write('GARBAGE\r\n')
  await connection.over
  assert.deepEqual(statusesOf(connection.text), [404])
})

for (const [name, bytes] of [
  ['a lone continuation byte', '\x80'],
  ['an overlong form', '\xc0\xaf'],
  ['half of a character', '\xe2\x82'],
  ['a surrogate', '\xed\xa0\x80'],
  ['Latin-1', 'caf\xe9'],
] as const) {
  test(`a body with ${name} is refused`, async () => {
    const seen = agent.requests.length
    const answer = parse(
      await exchange(chatted(`{"prompt":"${bytes}"}`).replace(host, `${host}\r\nConnection: close`), port),
    )
    assert.equal(answer.status, 400)
    assert.match(answer.body, /the body is not valid UTF-8/)
    assert.equal(agent.requests.length, seen)
  })
}

/** Sends all of the body before it reads, as simple clients do. Rejects if the connection is reset. */
async function sendAll(head: string, body: Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  socket.write(head, 'latin1')
  await new Promise<void>((resolve, reject) => socket.once('error', reject).write(body, () => resolve()))
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => void pieces.push(piece)).resume()
  await once(socket, 'end')
  socket.destroy()
  return Buffer.concat(pieces).toString('latin1')
}

const large = Buffer.alloc(40 * 1024 ** 2, 'x')
for (const [name, lines, status] of [
  ['of another type', ['Content-Type: multipart/form-data; boundary=x'], 415],
  ['that is too large', [typed], 413],
  ['for a path that does not exist', [typed], 404],
  ['with a foreign origin', [typed, 'Origin: https://evil.example'], 403],
] as const) {
  for (const connection of ['keep-alive', 'close']) {
    test(`the refusal of a body ${name} can be read, connection: ${connection}`, async () => {
      const target = status === 404 ? '/nothing' : '/v1/chat'
      const head = [
        `POST ${target} HTTP/1.1`,
        host,
        `Connection: ${connection}`,
        ...lines,
        `Content-Length: ${large.length}`,
      ]
      const raw = await sendAll(`${head.join('\r\n')}\r\n\r\n`, large)
      assert.deepEqual(statusesOf(raw), [status])
      assert.match(raw, /connection: close/i)
    })
  }
}

test('a refused body that does not end keeps its connection for a short time only', async (t) => {
  const short = await listenApp(t, { limits: { lingerMs: 50 } })
  const closed = once(short.app.server, 'connection').then(([socket]: Socket[]) => socket && once(socket, 'close'))
  const connection = await RawConnection.open(t, short.port)
  connection.write(`POST /nothing HTTP/1.1\r\nHost: localhost\r\n${typed}\r\nContent-Length: 1000\r\n\r\nx`)
  await connection.over
  assert.deepEqual(statusesOf(connection.text), [404])
  await closed
})
