// What a client may cost: requests that are slow, endless, oversized or compressed, too many connections, and readers that do not read.
// Tested with raw sockets and short time limits. Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { pino } from 'pino'
import type { RunEvent } from '../../src/core/events.ts'
import { createRuns } from '../../src/core/run-registry.ts'
import { type App, createApp } from '../../src/http/app.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'
import { test, testIf } from '../helpers/extended.ts'
import { type InjectAppOptions, type ListeningApp, listenApp } from '../helpers/inject-app.ts'
import {
  aborted,
  failedEnd,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  untilAborted,
} from '../helpers/scripted-agent.ts'
import { makeStoreFolder } from '../store/scene.ts'
import {
  assertProtected,
  exchange,
  head,
  jsonRequest,
  parse,
  post,
  RawConnection,
  statusesOf,
  typed,
} from './raw-client.ts'
import { allSurfaces, compatible, native, openai, type Surface, streamedText, surfaces } from './surfaces.ts'

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 20_000 }
/** The same for tests with much work. */
const longer = { timeout: 60_000 }

const short = { lingerMs: 100, headersTimeoutMs: 400, requestTimeoutMs: 800, keepAliveMs: 100, checkIntervalMs: 50 }
const bodyBytesMax = 100_000

const listen = (t: { after(close: () => Promise<void>): void }, options: InjectAppOptions = {}) =>
  listenApp(t, allSurfaces({ limits: short, bodyBytesMax, ...options }))

/** A server with a second address, like one that listens on 127.0.0.1 and [::1]. */
const app = await listen({ after })
const second = await listenTwice()

/** A second listener for the same routes, which the framework knows nothing of. */
async function listenTwice(): Promise<Server> {
  const made = createApp({ log: pino({ level: 'silent' }), bodyBytesMax, allowHosts: [], limits: short })
  const runs = createRuns({ agent: new ScriptedAgent(), store: openMemoryStore() })
  allSurfaces().prepare?.(made.app, runs)
  await made.app.listen({ host: '127.0.0.1', port: 0 })
  const server = made.createListener()
  server.listen(0, '127.0.0.1')
  after(async () => {
    server.closeAllConnections()
    server.close()
    await runs.close(0)
    await made.app.close()
  })
  await once(server, 'listening')
  return server
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** The server's end of the next connection. */
async function nextSocket(server: Server): Promise<Socket> {
  const [socket] = await once(server, 'connection')
  return socket as Socket
}

/** A connection, and its closing at the server's end, which alone frees its resources. */
async function open(t: TestContext, server: Server) {
  const [socket, connection] = await Promise.all([nextSocket(server), RawConnection.open(t, portOf(server))])
  return { connection, socket, closed: socket.destroyed ? Promise.resolve() : once(socket, 'close') }
}

/** The same request from a client that wants to reuse the connection. */
const withKeepAlive = (request: string) => request.replace('Connection: close\r\n', '')

/** How a request may begin that never ends. `drip` is sent again and again. */
const slow: [what: string, start: string, drip: string][] = [
  ['that sends nothing at all', '', ''],
  ['that sends the beginning of a header and no more', 'GET /livez HTTP/1.1\r\nHost: local', ''],
  ['that sends its headers byte by byte', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'a'],
  ['that sends one header after another', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n', 'X-A: b\r\n'],
  ['that sends blank lines before its request', '', '\r\n'],
]

const servers: [where: string, server: Server][] = [
  ['the first address', app.app.server],
  ['the second address', second],
]

for (const [where, server] of servers) {
  for (const [what, start, drip] of slow) {
    test(`D01 a client ${what} to ${where} gets 408 or nothing, and its connection is closed`, hang, async (t) => {
      const { connection, closed } = await open(t, server)
      connection.write(start)
      const timer = setInterval(() => connection.write(drip), 20)
      t.after(() => clearInterval(timer))
      await closed
      await connection.over
      if (connection.text !== '') assert.deepEqual(statusesOf(connection.text), [408])
    })
  }
}

test('D01 two hundred slow clients block nobody, and all their connections are closed', hang, async (t) => {
  const slowOnes: Awaited<ReturnType<typeof open>>[] = []
  for (let count = 0; count < 200; count++) slowOnes.push(await open(t, app.app.server))
  const timer = setInterval(() => {
    for (const { connection } of slowOnes) connection.write('a')
  }, 50)
  t.after(() => clearInterval(timer))
  for (const { connection } of slowOnes) connection.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ')
  assert.equal(parse(await exchange(head(post()), app.port)).status, 200)
  await Promise.all(slowOnes.map(({ closed }) => closed))
  assert.equal(await connectionsOf(app.app.server), 0)
})

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  )

for (const surface of surfaces) {
  testIf(surface === native || surface === openai)(
    `D02 ${surface.name} answers a body that comes byte by byte with 408 and closes the connection`,
    hang,
    async (t) => {
      const before = app.agent.requests.length
      const { connection, closed } = await open(t, app.app.server)
      connection.write(head({ method: 'POST', target: surface.path, headers: [typed, 'Content-Length: 50000'] }))
      const timer = setInterval(() => connection.write(' '), 20)
      t.after(() => clearInterval(timer))
      await closed
      await connection.over
      const answer = parse(connection.text)
      assert.deepEqual(statusesOf(connection.text), [408])
      assert.equal(ErrorBody.parse(JSON.parse(answer.body)).code, 'request_timeout')
      assertProtected(answer)
      assert.equal(app.agent.requests.length, before)
    },
  )
}

test('D02 a chunked body that stops half-way is 408 as well', hang, async (t) => {
  const { connection, closed } = await open(t, app.app.server)
  connection.write(head({ ...post(), headers: [typed, 'Transfer-Encoding: chunked'], body: '5\r\n{"pro\r\n' }))
  await closed
  assert.deepEqual(statusesOf(connection.text), [408])
})

/** Requests that are refused before the body has arrived. */
const refusedEarly: [what: string, options: Parameters<typeof head>[0], status: number][] = [
  ['that is not JSON', { headers: ['Content-Type: text/plain'] }, 415],
  ['for a foreign host', { host: 'evil.example', headers: [typed] }, 403],
  ['from a foreign page', { headers: [typed, 'Origin: http://evil.example'] }, 403],
  ['for a path that does not exist', { target: '/nothing', headers: [typed] }, 404],
  ['for another method', { method: 'DELETE', headers: [typed] }, 405],
]
for (const [where, server] of servers) {
  for (const [what, options, status] of refusedEarly) {
    test(
      `D03 a request ${what} whose body never ends gets one answer at ${where}, and its connection is closed`,
      hang,
      async (t) => {
        const { connection, closed } = await open(t, server)
        const headers = [...(options.headers ?? []), 'Content-Length: 1073741824']
        connection.write(withKeepAlive(head({ method: 'POST', target: '/v1/messages', ...options, headers })))
        const timer = setInterval(() => connection.write(' '.repeat(100)), 20)
        t.after(() => clearInterval(timer))
        await closed
        await connection.over
        assert.deepEqual(statusesOf(connection.text), [status])
      },
    )
  }
}

const tooLong: [what: string, length: string][] = [
  ['a gigabyte', '1073741824'],
  ['a terabyte', '1099511627776'],
  ['one byte more than the limit', String(bodyBytesMax + 1)],
]
for (const surface of surfaces) {
  for (const [what, length] of tooLong) {
    test(`D03 ${surface.name} answers a body of ${what} with 413 at once, without reading it`, hang, async (t) => {
      const before = app.agent.requests.length
      const { connection, socket, closed } = await open(t, app.app.server)
      // The client wants to keep the connection; the server does not.
      const request = head({ method: 'POST', target: surface.path, headers: [typed, `Content-Length: ${length}`] })
      connection.write(withKeepAlive(request))
      await connection.over
      await closed
      const answer = parse(connection.text)
      assert.deepEqual([answer.status, answer.headers.get('connection')], [413, 'close'])
      surface.ErrorBody.parse(JSON.parse(answer.body))
      assert.equal(socket.bytesRead, withKeepAlive(request).length)
      assert.equal(app.agent.requests.length, before)
    })
  }

  test(`D03 ${surface.name} answers an endless body with 413 as soon as it is too long`, hang, async (t) => {
    const before = app.agent.requests.length
    const { connection, socket, closed } = await open(t, app.app.server)
    connection.write(head({ method: 'POST', target: surface.path, headers: [typed, 'Transfer-Encoding: chunked'] }))
    const chunk = `2000\r\n${' '.repeat(0x2000)}\r\n`
    const pump = () => {
      while (connection.socket.writable && connection.socket.write(chunk));
    }
    connection.socket.on('drain', pump)
    pump()
    await closed
    await connection.over
    assert.equal(parse(connection.text).status, 413)
    // What had arrived by then, and no more than a few reads beyond.
    assert.ok(socket.bytesRead < bodyBytesMax + 1024 ** 2, `${socket.bytesRead} bytes were read`)
    assert.equal(app.agent.requests.length, before)
  })

  test(`D03 ${surface.name} accepts a body that is just within the limit`, async () => {
    const empty = Buffer.byteLength(JSON.stringify(surface.body('')))
    const request = jsonRequest(surface.path, surface.body('a'.repeat(bodyBytesMax - empty)))
    assert.equal(parse(await exchange(request, app.port)).status, 200)
    const tooLarge = jsonRequest(surface.path, surface.body('a'.repeat(bodyBytesMax - empty + 1)))
    assert.equal(parse(await exchange(tooLarge, app.port)).status, 413)
  })

  test(`D05 a client of ${surface.name} that disconnects within its body starts no run`, hang, async (t) => {
    const before = app.agent.requests.length
    const { connection, closed } = await open(t, app.app.server)
    connection.write(
      head({ method: 'POST', target: surface.path, headers: [typed, 'Content-Length: 10'], body: '{"mod' }),
    )
    connection.socket.end()
    await closed
    await connection.over
    assert.ok(connection.text === '' || parse(connection.text).status === 400, connection.text)
    assert.equal(app.agent.requests.length, before)
  })
}

const bomb = gzipSync(JSON.stringify({ prompt: ' '.repeat(10_000_000) })).toString('latin1')

for (const encoding of [
  'gzip',
  'GZIP',
  'deflate',
  'br',
  'zstd',
  'compress',
  'gzip, identity',
  'identity, gzip',
  'x-gzip',
]) {
  test(`D13 a body in ${encoding} that would expand a thousandfold is 415`, async () => {
    const before = app.agent.requests.length
    for (const { path, ErrorBody } of surfaces) {
      const headers = [typed, `Content-Encoding: ${encoding}`, `Content-Length: ${bomb.length}`]
      const answer = parse(await exchange(head({ method: 'POST', target: path, headers, body: bomb }), app.port))
      assert.equal(answer.status, 415)
      ErrorBody.parse(JSON.parse(answer.body))
    }
    assert.equal(app.agent.requests.length, before)
  })
}

for (const coding of ['gzip', 'gzip, chunked', 'deflate, chunked', 'identity']) {
  test(`D13 the transfer coding ${coding} is refused`, async () => {
    const before = app.agent.requests.length
    const body = '5\r\nhello\r\n0\r\n\r\n'
    const request = head({ ...post(), headers: [typed, `Transfer-Encoding: ${coding}`], body })
    const { status } = parse(await exchange(request, app.port))
    assert.ok(status === 400 || status === 501, String(status))
    assert.equal(app.agent.requests.length, before)
  })
}

/** A run that emits a word, and the next one whenever `say` is called. */
function inSteps() {
  let go = Promise.withResolvers<string | null>()
  const script: Script = async function* (_request, signal) {
    yield runStart()
    yield { type: 'text-start', index: 0 }
    yield { type: 'text-delta', index: 0, text: 'one' }
    const end = aborted(signal)
    for (;;) {
      const text = await Promise.race([go.promise, end])
      if (typeof text === 'object' && text !== null) return yield failedEnd(text)
      if (text === null) break
      go = Promise.withResolvers()
      yield { type: 'text-delta', index: 0, text }
    }
    yield { type: 'text-end', index: 0 }
    yield runEnd({ result: 'one two' })
  }
  return { script, say: (text: string | null) => go.resolve(text) }
}

test('D14 connections beyond the limit are dropped, others are unharmed, and the server recovers', hang, async (t) => {
  const { script, say } = inSteps()
  const limits = { connectionsMax: 20 }
  const { app, port } = await listen(t, { agent: new ScriptedAgent(script), limits })
  const { server } = app
  const { connection: stream } = await open(t, server)
  stream.write(jsonRequest('/v1/chat/stream', { prompt: 'hi' }))
  await stream.until(/"one"/)
  const idle: Awaited<ReturnType<typeof open>>[] = []
  for (let count = 1; count < limits.connectionsMax; count++) idle.push(await open(t, server))
  for (let count = 0; count < 30; count++) {
    const dropped = once(server, 'drop')
    const beyond = await RawConnection.open(t, port)
    await Promise.all([dropped, beyond.over])
    assert.equal(beyond.text, '')
  }
  assert.equal(await connectionsOf(server), limits.connectionsMax)
  say(' two')
  await stream.until(/" two"/)
  for (const { connection } of idle) connection.socket.end()
  await Promise.all(idle.map(({ closed }) => closed))
  assert.equal(parse(await exchange(head({}), port)).status, 200)
  say(null)
  await stream.until(/"type":"done"/)
  await stream.over
})

test('D15 an idle connection is closed cleanly, and the next request gets a new one', hang, async (t) => {
  const { connection, closed } = await open(t, app.app.server)
  const gone = once(connection.socket, 'close')
  connection.write(withKeepAlive(head({})))
  await connection.over
  connection.socket.end()
  await closed
  // Whether the connection ended with an error.
  assert.deepEqual(await gone, [false])
  assert.deepEqual(statusesOf(connection.text), [200])
  assert.equal(parse(await exchange(head({}), app.port)).status, 200)
})

const requests: [what: string, of: (surface: Surface) => string][] = [
  ['whole answer', (surface) => jsonRequest(surface.path, surface.body('hi'))],
  ['stream', (surface) => jsonRequest(surface.streamPath, surface.streamed('hi'))],
]
const leaving: [how: string, leave: (socket: Socket) => void][] = [
  ['closes its side of the connection', (socket) => socket.end()],
  ['disconnects', (socket) => socket.destroy()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
]
for (const surface of surfaces) {
  for (const [what, of] of requests) {
    for (const [how, leave] of leaving) {
      const leaves = async (t: TestContext) => {
        const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
        const made = await listen(t, { agent })
        const connection = await RawConnection.open(t, made.port)
        connection.write(of(surface))
        await agent.requested(1)
        leave(connection.socket)
        await agent.ended(0)
        return made
      }

      test(
        `D21 a client of ${surface.name} that ${how} before the end of its ${what} cancels its run and is logged as 499`,
        hang,
        async (t) => {
          const left = await leaves(t)
          const { signals } = left.agent
          assert.equal((signals[0]?.reason as { code?: unknown } | undefined)?.code, 'cancelled')
          assert.equal((await accessOf(left, surface)).status, 499)
        },
      )
    }
  }
}

/** The log line of the request, which is written after the answer. */
async function accessOf({ logLines }: ListeningApp, { path, streamPath }: Surface) {
  const find = () => logLines.find(({ msg, route }) => msg === 'request' && (route === path || route === streamPath))
  await untilTrue(() => find() !== undefined, 'the request is logged')
  return find() ?? {}
}

/** Waits for something that emits no event. */
async function untilTrue(isTrue: () => boolean, what: string): Promise<void> {
  for (let turns = 0; !isTrue(); turns++) {
    assert.ok(turns < 100_000, `waited in vain until ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const mebibyte = 1024 ** 2
const pieces = 32 * 64

/** Emits faster than anybody reads: 32 MiB in pieces of 16 KiB. `look` measures the cost meanwhile. */
function talkative(look: () => void): Script {
  return async function* (): AsyncGenerator<RunEvent> {
    yield runStart()
    yield { type: 'text-start', index: 0 }
    for (let count = 0; count < pieces; count++) {
      yield { type: 'text-delta', index: 0, text: `${count} `.padEnd(16 * 1024, 'a') }
      if (count % 256 === 255) look()
    }
    yield { type: 'text-end', index: 0 }
    yield runEnd({ result: 'much' })
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Memory that is really in use, in bytes. */
function inUse(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** A server whose runs are stored on disk; records all its responses. */
async function listenWithStore(t: TestContext, agent: ScriptedAgent) {
  const responses: ServerResponse[] = []
  const note = (app: App) => app.addHook('onRequest', async (_request, reply) => void responses.push(reply.raw))
  const store = await makeStoreFolder(t).open()
  const made = await listenApp(t, allSurfaces({ agent, store }, note))
  return { ...made, responses }
}

for (const surface of surfaces) {
  testIf(surface === native || surface === openai)(
    `J03 a client of ${surface.name} that never reads its stream costs no memory, and the run continues to its end`,
    longer,
    async (t) => {
      const waiting: number[] = []
      const used: number[] = []
      const agent = new ScriptedAgent()
      const { port, responses, runs } = await listenWithStore(t, agent)
      agent.script = talkative(() => {
        waiting.push(responses[0]?.writableLength ?? 0)
        used.push(inUse())
      })
      const before = inUse()
      const frozen = await RawConnection.open(t, port)
      frozen.socket.pause()
      frozen.write(jsonRequest(surface.streamPath, surface.streamed('hi')))
      await agent.ended(0)
      await runs.saved()
      assert.equal(agent.taken[0], pieces + 4, 'the run was held up')
      assert.equal(used.length, 8)
      assert.ok(Math.max(...waiting) > 0, 'the client did read')
      assert.ok(Math.max(...waiting) <= mebibyte, `${Math.max(...waiting)} bytes wait for the client`)
      const most = Math.max(...used) - before
      assert.ok(most < 16 * mebibyte, `${Math.round(most / mebibyte)} MiB more than before`)
      // Others are served meanwhile.
      agent.script = [runStart(), runEnd({ result: 'ok' })]
      assert.equal(parse(await exchange(head(post()), port)).status, 200)
    },
  )
}

test('J03 a client that follows a run’s events and never reads costs no memory', longer, async (t) => {
  const agent = new ScriptedAgent()
  const { port, responses, runs } = await listenWithStore(t, agent)
  agent.script = talkative(() => {})
  const begun = parse(await exchange(jsonRequest('/v1/chat', { prompt: 'hi', background: true }), port))
  assert.equal(begun.status, 202)
  const { id } = JSON.parse(begun.body) as { id: string }
  await agent.ended(0)
  await runs.saved()
  const before = inUse()
  const frozen: RawConnection[] = []
  for (let count = 0; count < 8; count++) {
    const connection = await RawConnection.open(t, port)
    connection.socket.pause()
    connection.write(head({ target: `/v1/runs/${id}/events` }))
    frozen.push(connection)
  }
  const waiting = () => responses.filter(({ writableLength }) => writableLength > 0)
  await untilTrue(() => waiting().length >= frozen.length, 'all followers are behind')
  // Each costs a page of events and what waits in its response: far less than the 32 MiB that could be read.
  for (const { writableLength } of responses.slice(1)) assert.ok(writableLength <= mebibyte, `${writableLength} bytes`)
  const most = inUse() - before
  assert.ok(most < 128 * mebibyte, `${Math.round(most / mebibyte)} MiB more than before`)
})

for (const surface of compatible) {
  testIf(surface === openai)(`J04 a slow reader of ${surface.name} gets every byte, in order`, longer, async (t) => {
    const { port } = await listenWithStore(t, new ScriptedAgent(words(200)))
    const connection = await RawConnection.open(t, port)
    connection.write(jsonRequest(surface.streamPath, surface.streamed('hi')).replace('HTTP/1.1', 'HTTP/1.0'))
    // It takes a piece, and pauses until others had their turn.
    connection.socket.on('data', () => {
      connection.socket.pause()
      setImmediate(() => connection.socket.resume())
    })
    await connection.over
    const received = streamedText(surface, Buffer.from(parse(connection.text).body, 'latin1').toString('utf8'))
    assert.equal(received, wordsOf(200).join(''))
  })
}

const wordsOf = (count: number) => Array.from({ length: count }, (_, index) => `${index} `.padEnd(20_000, 'ä🦉'))

const words = (count: number): RunEvent[] => [
  runStart(),
  { type: 'text-start', index: 0 },
  ...wordsOf(count).map((text): RunEvent => ({ type: 'text-delta', index: 0, text })),
  { type: 'text-end', index: 0 },
  runEnd({ result: 'much' }),
]

test('a good request is answered after all of this', async () => {
  const answer = parse(await exchange(jsonRequest(native.path, native.body('hi')), app.port))
  assert.equal(answer.status, 200)
})
