// Readers of one run's events that lose their connection, connect late, or do not read: each gets every event once and
// in order, and the run is not affected.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { post } from '../helpers/client.ts'
import { startTestServer, step, type TestServer } from '../helpers/test-server.ts'
import { type Frame, framesOf } from '../surfaces/native/run-routes-scene.ts'
import { random, runOf } from './killed-scene.ts'

const start = (t: TestContext) => startTestServer(t, { config: { maxProcesses: 1 } })

async function startRun(server: TestServer, script: Record<string, unknown>): Promise<string> {
  const body = { prompt: `go ${step(script)}`, background: true, tools: [], system_prompt: 'S' }
  const answer = await post(server, '/v1/chat', body)
  assert.equal(answer.status, 202, JSON.stringify(answer.body))
  return String(answer.body.id)
}

/** Continues after the last event and disconnects after `count` more; returns whether the run is over. */
async function read(server: TestServer, id: string, seen: Frame[], count: number): Promise<boolean> {
  const controller = new AbortController()
  const last = seen.at(-1)
  const response = await fetch(`${server.url}/v1/runs/${id}/events`, {
    signal: controller.signal,
    headers: last === undefined ? {} : { 'last-event-id': String(last.id) },
  })
  assert.equal(response.status, 200)
  assert.ok(response.body)
  let text = ''
  let left = count
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    const end = text.lastIndexOf('\n\n')
    if (end === -1) continue
    const frames = framesOf(text.slice(0, end))
    text = text.slice(end + 2)
    seen.push(...frames.slice(0, left))
    left -= frames.length
    if (left > 0) continue
    controller.abort()
    return false
  }
  return true
}

test('a reader that loses its connection twenty times gets each event once, in order', async (t) => {
  const server = await start(t)
  const tokens = 300
  const id = await startRun(server, { tokens, gap: 8 })
  const next = random(5)
  const seen: Frame[] = []
  for (let count = 0; count < 20; count++) {
    const isOver = await read(server, id, seen, 1 + Math.floor(next() * 20))
    assert.equal(isOver, false, `over after ${count} connections`)
  }
  assert.equal(await read(server, id, seen, Number.POSITIVE_INFINITY), true)
  assert.deepEqual(
    seen.map((frame) => frame.id),
    seen.map((_, index) => index + 1),
  )
  const words = seen.map(({ event }) => (event.type === 'delta' ? event.text : '')).join('')
  assert.equal(words, Array.from({ length: tokens }, (_, index) => `tok${index} `).join(''))
  const end = seen.at(-1)?.event
  assert.ok(end?.type === 'done')
  assert.equal(end.result, words)
})

test('a reader that does not read blocks neither the run nor other readers', async (t) => {
  const server = await start(t)
  // More than sockets and windows can buffer.
  const text = 'ä🦉 '.repeat(1_000_000)
  server.upstream.setDefaults({ text, tokens: 4000 })
  const id = await startRun(server, {})
  const frozen = connect(server.port, '127.0.0.1')
  t.after(() => frozen.destroy())
  frozen.pause()
  await once(frozen, 'connect')
  frozen.write(`GET /v1/runs/${id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  const seen: Frame[] = []
  assert.equal(await read(server, id, seen, Number.POSITIVE_INFINITY), true)
  assert.equal(seen.map(({ event }) => (event.type === 'delta' ? event.text : '')).join(''), text)
  assert.equal((await runOf(server, id)).status, 'succeeded')
  // It gets everything once it reads again.
  let bytes = 0
  let tail = ''
  frozen.on('data', (piece) => {
    bytes += piece.length
    tail = (tail + piece.toString('latin1')).slice(-20)
    if (tail.endsWith('0\r\n\r\n')) frozen.end()
  })
  frozen.resume()
  await once(frozen, 'close')
  assert.ok(bytes > Buffer.byteLength(text), `${bytes} bytes`)
})

test('fifteen readers that connect at different times get the same events', async (t) => {
  const server = await start(t)
  const id = await startRun(server, { tokens: 200, gap: 5 })
  const readers: Promise<Frame[]>[] = []
  const follow = async () => {
    const seen: Frame[] = []
    await read(server, id, seen, Number.POSITIVE_INFINITY)
    return seen
  }
  const first: Frame[] = []
  for (let count = 0; count < 14; count++) {
    await read(server, id, first, 2)
    readers.push(follow())
  }
  const all = await follow()
  assert.equal(all.length, 202)
  for (const frames of await Promise.all(readers)) assert.deepEqual(frames, all)
})
