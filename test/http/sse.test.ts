// The bytes of streams, heartbeats, and readers that are slow or gone, on a clock that the tests move. Streams of real runs
// are tested with the surfaces.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { encodeFrame, openSse, pipeSse, type SseOptions } from '../../src/http/sse.ts'

/** Stands for the connection: records what is written, and takes more only if the test says so. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = []
  head: { status: number; headers: object } | null = null
  hasRoom = true
  hasEnded = false
  destroyed = false

  writeHead(status: number, headers: object): void {
    this.head = { status, headers }
  }

  flushHeaders(): void {}

  write(data: string | Buffer): boolean {
    this.written.push(data.toString())
    return this.hasRoom
  }

  end(): void {
    this.hasEnded = true
    this.emit('close')
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function open(t: TestContext, options: Partial<SseOptions> = {}) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const response = new FakeResponse()
  const stream = openSse(response as unknown as ServerResponse, { headers: {}, ...options })
  return { response, stream, pass: (ms: number) => t.mock.timers.tick(ms) }
}

const one = { id: 1, event: 'delta', data: '{"a":1}' }
const two = { data: '[DONE]' }

test('a frame has its id, its event and its data, each on a line, and ends with an empty one', () => {
  assert.equal(encodeFrame(one), 'id: 1\nevent: delta\ndata: {"a":1}\n\n')
  assert.equal(encodeFrame(two), 'data: [DONE]\n\n')
  assert.equal(encodeFrame({ id: 0, data: 'x' }), 'id: 0\ndata: x\n\n')
})

test('a stream starts with its headers, which no cache and no proxy may hold back', (t) => {
  const { response } = open(t, { headers: { 'x-run-id': 'run_1' } })
  assert.deepEqual(response.head, {
    status: 200,
    headers: {
      'x-run-id': 'run_1',
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  })
})

test('frames are written in order', async (t) => {
  const { response, stream } = open(t)
  assert.equal(await stream.write([one, two]), true)
  assert.equal(await stream.write([one]), true)
  assert.equal(response.written.join(''), [one, two, one].map(encodeFrame).join(''))
})

for (const [what, heartbeat, text] of [
  ['a comment', undefined, ': still here\n\n'],
  ['a frame of the API', { event: 'ping', data: '{}' }, 'event: ping\ndata: {}\n\n'],
] as const) {
  test(`after a silence the stream sends ${what}, and again after the next`, (t) => {
    const { response, pass } = open(t, { heartbeatMs: 100, ...(heartbeat ? { heartbeat } : {}) })
    pass(99)
    assert.deepEqual(response.written, [])
    pass(1)
    pass(100)
    assert.deepEqual(response.written, [text, text])
  })
}

test('a stream of lines has the data of each frame on a line, and no heartbeats of its own', async (t) => {
  const { response, stream, pass } = open(t, { format: 'lines', heartbeatMs: 100 })
  assert.deepEqual(new Map(Object.entries(response.head?.headers ?? {})).get('content-type'), 'application/x-ndjson')
  await stream.write([one, { data: '{"b":2}' }])
  pass(1000)
  assert.deepEqual(response.written, ['{"a":1}\n{"b":2}\n'])
})

test('after a silence a stream of lines sends the line of its API', (t) => {
  const { response, pass } = open(t, { format: 'lines', heartbeatMs: 100, heartbeat: { data: '{}' } })
  pass(100)
  assert.deepEqual(response.written, ['{}\n'])
})

test('an ended stream sends no heartbeats', (t) => {
  const { response, stream, pass } = open(t, { heartbeatMs: 100 })
  stream.end()
  pass(1000)
  assert.deepEqual([response.hasEnded, response.written], [true, []])
})

test('a stream whose reader is gone sends no heartbeats, and writes nothing', async (t) => {
  const { response, stream, pass } = open(t, { heartbeatMs: 100 })
  response.destroy()
  pass(1000)
  assert.equal(await stream.write([one]), false)
  assert.deepEqual(response.written, [])
})

test('a slow reader is waited for, and gets no heartbeats in the meantime', async (t) => {
  const { response, stream, pass } = open(t, { heartbeatMs: 100, stallMs: 1000 })
  response.hasRoom = false
  const writing = stream.write([one])
  pass(999)
  response.emit('drain')
  assert.equal(await writing, true)
  assert.deepEqual(response.written, [encodeFrame(one)])
  assert.equal(response.destroyed, false)
})

test('a reader that takes nothing for too long is disconnected', async (t) => {
  const { response, stream, pass } = open(t, { stallMs: 1000 })
  response.hasRoom = false
  const writing = stream.write([one])
  pass(1000)
  assert.equal(await writing, false)
  assert.equal(response.destroyed, true)
})

test('a reader that disconnects while it is waited for ends the writing', async (t) => {
  const { response, stream } = open(t)
  response.hasRoom = false
  const writing = stream.write([one])
  response.emit('close')
  assert.equal(await writing, false)
})

test('a large frame is written in pieces, so that a reader that takes some of it is not slow', async (t) => {
  const { response, stream, pass } = open(t, { stallMs: 1000 })
  response.hasRoom = false
  const data = 'ä'.repeat(500_000)
  let isDone = false
  const writing = stream.write([{ data }]).finally(() => {
    isDone = true
  })
  while (!isDone) {
    // Each piece is taken within the limit, all of them together are not.
    pass(900)
    response.emit('drain')
    await Promise.resolve()
  }
  assert.equal(await writing, true)
  assert.ok(response.written.length > 2)
  assert.ok(response.written.every((piece) => piece.length <= 256 * 1024))
})

/** A stream that a library has encoded, piped to a reader. */
function pipe(t: TestContext, hasRoom: boolean) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const response = new FakeResponse()
  response.hasRoom = hasRoom
  let source: ReadableStreamDefaultController<Uint8Array> | null = null
  const { promise: cancelled, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller
    },
    cancel: () => resolve(),
  })
  const piping = pipeSse(response as unknown as ServerResponse, body, { headers: {}, stallMs: 1000 })
  const add = (text: string) => source?.enqueue(Buffer.from(text))
  return {
    response,
    piping,
    cancelled,
    add,
    close: () => source?.close(),
    pass: (ms: number) => t.mock.timers.tick(ms),
  }
}

test('a stream of a library is passed on until it ends', async (t) => {
  const { response, piping, add, close } = pipe(t, true)
  add('data: 1\n\n')
  add('data: 2\n\n')
  close()
  await piping
  assert.deepEqual([response.written, response.hasEnded], [['data: 1\n\n', 'data: 2\n\n'], true])
})

test('a stream of a library is cancelled once nobody is reading', async (t) => {
  const { response, piping, cancelled } = pipe(t, true)
  response.destroy()
  await Promise.all([piping, cancelled])
})

test('a stream of a library is cancelled if its reader takes nothing for too long', async (t) => {
  const { response, piping, cancelled, add, pass } = pipe(t, false)
  add('data: 1\n\n')
  while (response.written.length === 0) await Promise.resolve()
  pass(1000)
  await Promise.all([piping, cancelled])
  assert.equal(response.destroyed, true)
})
