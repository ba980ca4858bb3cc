// Readers of one run's events that lose their connection, connect late, or do not read: each gets every event once and
// in order, and the run is not affected.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RunEvent } from '../../src/core/events.ts'
import { post } from '../helpers/client.ts'
import { type ListeningApp, listenApp } from '../helpers/inject-app.ts'
import { runEnd, runStart, ScriptedAgent, textBlock } from '../helpers/scripted-agent.ts'
import { type Frame, framesOf } from '../surfaces/native/run-routes-scene.ts'
import { random, runOf } from './killed-scene.ts'

/** How many events a run may emit so far. */
class Pace {
  #allowed = 0
  #change = Promise.withResolvers<void>()

  allow(count: number): void {
    this.#allowed = count
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }

  async reach(index: number): Promise<void> {
    while (index >= this.#allowed) await this.#change.promise
  }
}

/** A run that answers with these words, each in a turn of the event loop of its own. */
async function* talk(words: readonly string[], pace: Pace): AsyncGenerator<RunEvent> {
  yield runStart()
  for (const [index, event] of textBlock(0, words).entries()) {
    await pace.reach(index)
    await nextTurn()
    yield event
  }
  yield runEnd({ result: words.join('') })
}

const start = (t: TestContext, words: readonly string[], pace: Pace) =>
  listenApp(t, { agent: new ScriptedAgent(() => talk(words, pace)) })

const wordsOf = (count: number) => Array.from({ length: count }, (_, index) => `tok${index} `)

async function startRun(server: ListeningApp): Promise<string> {
  const answer = await post(server, '/v1/chat', { prompt: 'go', background: true, tools: [] })
  assert.equal(answer.status, 202, JSON.stringify(answer.body))
  return String(answer.body.id)
}

/** Continues after the last event and disconnects after `count` more; returns whether the run is over. */
async function read(server: ListeningApp, id: string, seen: Frame[], count: number): Promise<boolean> {
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
  const words = wordsOf(300)
  const seen: Frame[] = []
  const pace = new Pace()
  const server = await start(t, words, pace)
  const id = await startRun(server)
  const next = random(5)
  for (let count = 0; count < 20; count++) {
    // The run is ahead of the reader, but not over while it still loses connections.
    pace.allow(seen.length + 30)
    const isOver = await read(server, id, seen, 1 + Math.floor(next() * 14))
    assert.equal(isOver, false, `over after ${count} connections`)
  }
  pace.allow(Number.POSITIVE_INFINITY)
  assert.equal(await read(server, id, seen, Number.POSITIVE_INFINITY), true)
  assert.deepEqual(
    seen.map((frame) => frame.id),
    seen.map((_, index) => index + 1),
  )
  assert.equal(seen.map(({ event }) => (event.type === 'delta' ? event.text : '')).join(''), words.join(''))
  const end = seen.at(-1)?.event
  assert.ok(end?.type === 'done')
  assert.equal(end.result, words.join(''))
})

test('a reader that does not read blocks neither the run nor other readers', async (t) => {
  // More than sockets and windows can buffer.
  const words = Array.from({ length: 400 }, () => 'ä🦉 '.repeat(2500))
  const text = words.join('')
  const pace = new Pace()
  const server = await start(t, words, pace)
  const id = await startRun(server)
  const frozen = connect(server.port, '127.0.0.1')
  t.after(() => frozen.destroy())
  frozen.pause()
  await once(frozen, 'connect')
  frozen.write(`GET /v1/runs/${id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  pace.allow(Number.POSITIVE_INFINITY)
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
  const first: Frame[] = []
  const pace = new Pace()
  const server = await start(t, wordsOf(200), pace)
  const id = await startRun(server)
  const readers: Promise<Frame[]>[] = []
  const follow = async () => {
    const seen: Frame[] = []
    await read(server, id, seen, Number.POSITIVE_INFINITY)
    return seen
  }
  for (let count = 0; count < 14; count++) {
    pace.allow(first.length + 4)
    await read(server, id, first, 2)
    readers.push(follow())
  }
  pace.allow(Number.POSITIVE_INFINITY)
  const all = await follow()
  assert.equal(all.length, 202)
  for (const frames of await Promise.all(readers)) assert.deepEqual(frames, all)
})
