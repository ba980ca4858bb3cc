// The native stream over a real connection: its events and their order, failures before and after the first text,
// heartbeats, slow readers and readers that disconnect.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { RunEvent } from '../../../src/core/events.ts'
import { AppError, type ErrorCode, type ErrorDetails, errorCodes } from '../../../src/errors.ts'
import type { App } from '../../../src/http/app.ts'
import { encodeFrame, type Frame, openSse, type SseOptions, type SseStream } from '../../../src/http/sse.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { ChatEvent, ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { chatStream, textOf } from '../../helpers/client.ts'
import { listenApp } from '../../helpers/inject-app.ts'
import {
  aborted,
  failedEnd,
  goodRun,
  model,
  refusing,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  sessionId,
  textBlock,
  untilAborted,
} from '../../helpers/scripted-agent.ts'

/** Sends a request and resolves with the answer, whose body is not read yet. */
function send(url: string, path = '/v1/chat/stream', method = 'POST'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = method === 'POST' ? { 'content-type': 'application/json' } : {}
    const request = httpRequest(`${url}${path}`, { method, headers, agent: false })
    request.on('response', resolve).on('error', reject)
    request.end(method === 'POST' ? '{"prompt":"hi"}' : '')
  })
}

/** The frames of a stream, and the comments between them, as they arrive. */
async function* readFrames(answer: IncomingMessage): AsyncGenerator<string> {
  answer.setEncoding('utf8')
  let parts: string[] = []
  for await (const chunk of answer as AsyncIterable<string>) {
    parts.push(chunk)
    // A long frame arrives in many pieces; join them only at its end.
    if (!chunk.includes('\n')) continue
    const frames = parts.join('').split('\n\n')
    parts = [frames.pop() ?? '']
    yield* frames
  }
  assert.equal(parts.join(''), '')
}

function toEvent(frame: string, id: number): ChatEvent {
  const [, frameId, data] = /^id: (\d+)\ndata: ([^\r\n]*)$/.exec(frame) ?? []
  assert.equal(frameId, String(id), frame)
  return ChatEvent.parse(JSON.parse(data ?? ''))
}

async function readAll(answer: IncomingMessage): Promise<string[]> {
  const all: string[] = []
  for await (const frame of readFrames(answer)) all.push(frame)
  return all
}

const readEvents = async (answer: IncomingMessage) =>
  (await readAll(answer)).map((frame, index) => toEvent(frame, index + 1))

async function listen(t: TestContext, script: Script) {
  const agent = new ScriptedAgent(script)
  return listenApp(t, { agent })
}

/** With a store, which holds the events that a reader has not read yet. */
async function listenWithStore(t: TestContext, script: Script) {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-stream-'))
  const store = await openSqliteStore({ folder })
  const app = await listenApp(t, { agent: new ScriptedAgent(script), store })
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return app
}

const thinking: RunEvent[] = [
  { type: 'thinking-start', index: 5 },
  { type: 'thinking-delta', index: 5, text: 'hm' },
  { type: 'thinking-end', index: 5 },
]
const tool: RunEvent[] = [
  { type: 'tool-start', index: 6, toolId: 't', name: 'Read' },
  { type: 'tool-delta', index: 6, json: '{}' },
  { type: 'tool-end', index: 6 },
  { type: 'tool-result', toolId: 't', isError: false, text: 'x' },
]
const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 5, upstreamStatus: 529 }

test('a stream is exactly start, deltas and done, numbered from 1', async (t) => {
  const script = [
    ...[runStart(), retry, ...thinking, ...textBlock(0, ['Hel', 'lo'])],
    ...[...tool, ...textBlock(1, ['!']), runEnd({ result: '!', durationMs: 900 })],
  ]
  const { url, agent } = await listen(t, script)
  const answer = await send(url)
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  assert.match(String(answer.headers['x-request-id']), /^req_/)
  const runId = agent.requests[0]?.runId
  assert.equal(answer.headers['x-run-id'], runId)
  const events = [
    { type: 'start', session_id: sessionId, model, run_id: runId },
    { type: 'delta', text: 'Hel' },
    { type: 'delta', text: 'lo' },
    { type: 'delta', text: '!' },
    {
      type: 'done',
      ...{
        result: '!',
        session_id: sessionId,
        cost_usd: 0.01,
        cost_is_estimated: false,
        usage: { input_tokens: 10, output_tokens: 2 },
        model,
      },
      ...{ run_id: runId, num_turns: 1, duration_ms: 900, stop_reason: 'end_turn', structured_output: null },
      ...{ mcp_servers: [], compactions: 0, permission_denials: [] },
    },
  ]
  const expected = events.map((event, index) => `id: ${index + 1}\ndata: ${JSON.stringify(event)}\n\n`).join('')
  assert.equal(await text(answer), expected)
  assert.equal(agent.requests[0]?.streaming, true)
})

test('an answer without text is start and done', async (t) => {
  const { url } = await listen(t, [runStart(), runEnd()])
  assert.deepEqual(
    (await chatStream({ url }, { prompt: 'hi' })).map(({ type }) => type),
    ['start', 'done'],
  )
})

test('text that looks like the stream itself arrives as text', async (t) => {
  const pieces = [
    '\n\ndata: [DONE]\n\n',
    'id: 7\r\ndata: {"type":"done"}\r\n\r\n',
    ': comment\n',
    'event: x\u2028\u0000🙂',
    '\ud83d',
  ]
  const { url } = await listen(t, goodRun(pieces))
  const events = await readEvents(await send(url))
  assert.deepEqual(
    events.map((event) => (event.type === 'delta' ? event.text : event.type)),
    ['start', ...pieces, 'done'],
  )
})

const earlyFailures: [code: ErrorCode, details: ErrorDetails, retryAfter: string | undefined][] = [
  ['queue_full', { retryAfterS: 2.5 }, '3'],
  ['rate_limited', { retryAfterS: 30 }, '30'],
  ['overloaded', { retryAfterS: 5 }, '5'],
  ['shutting_down', { retryAfterS: 5 }, '5'],
  ['claude_not_found', {}, undefined],
  ['claude_not_logged_in', {}, undefined],
  ['timeout', { timeoutS: 1 }, undefined],
  ['claude_failed', { stderr: 'oops', returncode: 1 }, undefined],
  ['budget_exceeded', {}, undefined],
  ['session_not_found', {}, undefined],
]
for (const [code, details, retryAfter] of earlyFailures) {
  const { status } = errorCodes[code]
  const error = new AppError(code, 'It did not work.', details)
  for (const [when, script] of [
    ['before it is accepted', refusing(error)],
    ['before the first text', [runStart(), retry, failedEnd(error)]],
  ] satisfies [string, Script][]) {
    test(`a run that fails ${when} with ${code} is answered with ${status} and JSON`, async (t) => {
      const { url } = await listen(t, script)
      for (const path of ['/v1/chat', '/v1/chat/stream']) {
        const answer = await send(url, path)
        assert.equal(answer.statusCode, status)
        assert.match(String(answer.headers['content-type']), /^application\/json/)
        assert.equal(answer.headers['retry-after'], retryAfter)
        const body = ErrorBody.parse(await json(answer))
        assert.deepEqual([body.error, body.code], ['It did not work.', code])
        assert.equal(body.request_id, answer.headers['x-request-id'])
      }
    })
  }
}

for (const [what, cut] of [
  ['a failed run', [failedEnd(new AppError('claude_failed', 'It broke.', { returncode: 7 }))]],
  ['an agent that throws', null],
] as const) {
  test(`after the first text, ${what} leads to an error event instead of done`, async (t) => {
    const agent = new ScriptedAgent(async function* () {
      yield runStart()
      yield* textBlock(0, ['A sentence that looks complete.'])
      if (cut === null) throw new Error('secret')
      yield* cut
    })
    const requests: { errorCode: string | null }[] = []
    const prepare = (app: App) => void app.addHook('onRequest', async (request) => void requests.push(request))
    const { url } = await listenApp(t, { agent, prepare })
    const answer = await send(url)
    assert.equal(answer.statusCode, 200)
    const events = await readEvents(answer)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['start', 'delta', 'error'],
    )
    const { type: _, ...last } = events.at(-1) ?? { type: null }
    const body = ErrorBody.parse(last)
    assert.equal(body.code, cut === null ? 'internal' : 'claude_failed')
    assert.deepEqual(
      requests.map(({ errorCode }) => errorCode),
      [body.code],
    )
    assert.equal(body.request_id, answer.headers['x-request-id'])
    assert.doesNotMatch(JSON.stringify(events), /secret/)
  })
}

test('a run that is silent for a long time gets its start event, and its failure is then an event', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const gate = new EventEmitter()
  const { url } = await listen(t, async function* () {
    yield runStart()
    const opened = once(gate, 'open')
    gate.emit('silent')
    await opened
    yield failedEnd(new AppError('timeout', 'Request timed out'))
  })
  const silent = once(gate, 'silent')
  const pending = send(url)
  await silent
  t.mock.timers.tick(5_000)
  const answer = await pending
  assert.equal(answer.statusCode, 200)
  const types: string[] = []
  for await (const frame of readFrames(answer)) {
    const event = toEvent(frame, types.push('') as number)
    types[types.length - 1] = event.type
    gate.emit('open')
  }
  assert.deepEqual(types, ['start', 'error'])
})

function assertCancelled({ signals }: ScriptedAgent): void {
  const reason: unknown = signals[0]?.reason
  assert.ok(reason instanceof AppError, String(reason))
  assert.equal(reason.code, 'cancelled')
}

for (const path of ['/v1/chat', '/v1/chat/stream']) {
  test(`a client that disconnects from ${path} cancels the run`, async (t) => {
    const { url, agent } = await listen(t, (_request, signal) => untilAborted(signal, ['Hello']))
    const request = httpRequest(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' } })
    request.on('error', () => {})
    request.end('{"prompt":"hi"}')
    await (path.endsWith('stream') ? once(request, 'response') : agent.requested(1))
    request.destroy()
    await agent.ended(0)
    assertCancelled(agent)
  })

  test(`a client that disconnects from ${path} before the first event cancels the run`, async (t) => {
    const { url, agent } = await listen(t, async function* (_request, signal) {
      const reason = await aborted(signal)
      if (reason.code === 'cancelled') throw reason
      yield runStart()
    })
    const request = httpRequest(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' } })
    request.on('error', () => {})
    request.end('{"prompt":"hi"}')
    await agent.requested(1)
    request.destroy()
    await agent.ended(0)
    assertCancelled(agent)
  })

  test(`a client that disconnects from ${path} before the run starts gets no run`, async (t) => {
    const agent = new ScriptedAgent([runStart(), failedEnd(new AppError('claude_failed', 'never cancelled'))])
    const { url } = await listenApp(t, {
      agent,
      prepare: (app) => {
        // Represents anything that takes time between the body and the run, such as a slow folder.
        app.addHook('preHandler', async (_request, reply) => {
          request.destroy()
          await once(reply.raw, 'close')
        })
        app.addHook('onSend', async () => void answered.emit('answered'))
      },
    })
    const answered = new EventEmitter()
    const request = httpRequest(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' } })
    request.on('error', () => {})
    request.end('{"prompt":"hi"}')
    await Promise.race([agent.ended(0), once(answered, 'answered')])
    assert.deepEqual(
      agent.signals.filter((signal) => !signal.aborted),
      [],
    )
  })

  test(`GET ${path} is 405 with Allow`, async (t) => {
    const { url, agent } = await listen(t, goodRun(['a']))
    const answer = await send(url, path, 'GET')
    assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'POST'])
    const body = ErrorBody.parse(await json(answer))
    assert.deepEqual([body.code, body.request_id], ['method_not_allowed', answer.headers['x-request-id']])
    assert.equal(agent.requests.length, 0)
  })
}

for (const path of [
  '/v1/chats',
  '/v1/chat/',
  '/v1/chat/stream/x',
  '/v2/chat',
  '/v1/chat%2Fstream',
  '/V1/CHAT',
  '/v1/chat;x',
]) {
  test(`${path} is 404 in the native format, for every method`, async (t) => {
    const { url } = await listen(t, goodRun(['a']))
    for (const method of ['POST', 'GET', 'DELETE']) {
      const answer = await send(url, path, method)
      assert.equal(answer.statusCode, 404)
      const body = ErrorBody.parse(await json(answer))
      assert.deepEqual([body.code, body.error], ['not_found', `${method} ${path} does not exist`])
      assert.equal(body.request_id, answer.headers['x-request-id'])
    }
  })
}

test('a query string does not change the route', async (t) => {
  const { url } = await listen(t, goodRun(['a']))
  assert.equal((await send(url, '/v1/chat/stream?x=1')).statusCode, 200)
  assert.equal((await send(url, '/v1/chat/stream?x=1', 'GET')).statusCode, 405)
})

const mebibyte = 1024 ** 2

test('a reader that does not read delays neither the run nor other readers, and later gets everything in order', async (t) => {
  // More than the buffers of a connection hold.
  const count = 24
  const filling = 'x'.repeat(mebibyte)
  const { url, agent } = await listenWithStore(t, async function* () {
    yield runStart()
    yield { type: 'text-start', index: 0 }
    for (let piece = 0; piece < count; piece++) yield { type: 'text-delta', index: 0, text: `${piece} ${filling}` }
    yield { type: 'text-end', index: 0 }
    yield runEnd()
  })
  const idle = await send(url)
  for await (const frame of readFrames(await send(url))) assert.ok(frame.length > 0)
  const all = count + 4
  await agent.ended(0)
  assert.deepEqual(agent.taken, [all, all])
  let id = 0
  for await (const frame of readFrames(idle)) {
    const event = toEvent(frame, ++id)
    if (event.type === 'delta') assert.equal(event.text, `${id - 2} ${filling}`)
  }
  assert.equal(id, count + 2)
  assert.deepEqual(agent.taken, [all, all])
})

test('a reader that stops reading and disconnects ends the run', async (t) => {
  const { url, agent } = await listenWithStore(t, async function* (_request, signal) {
    yield runStart()
    yield { type: 'text-start', index: 0 }
    while (!signal.aborted) yield { type: 'text-delta', index: 0, text: 'x'.repeat(mebibyte) }
    yield failedEnd(signal.reason)
  })
  const answer = await send(url)
  answer.destroy()
  await agent.ended(0)
  assertCancelled(agent)
})

test('simultaneous streams do not mix', async (t) => {
  const { url } = await listen(t, (request) => {
    const [block] = request.prompt
    return goodRun(Array.from({ length: 20 }, (_, index) => `${block?.type === 'text' ? block.text : ''}${index};`))
  })
  const names = Array.from({ length: 10 }, (_, index) => `s${index}-`)
  const streams = await Promise.all(names.map((prompt) => chatStream({ url }, { prompt })))
  for (const [index, events] of streams.entries()) {
    assert.equal(textOf(events), Array.from({ length: 20 }, (_, each) => `${names[index]}${each};`).join(''))
  }
})

type Pipe = { stream: SseStream; response: ServerResponse; answer: IncomingMessage }

/** A stream of server-sent events between a plain server and a client that has not read anything. */
async function openPipe(t: TestContext, options: Omit<SseOptions, 'headers'>): Promise<Pipe> {
  let opened: Omit<Pipe, 'answer'> | null = null
  const server = createServer((_request, response) => {
    opened = { stream: openSse(response, { headers: { 'x-a': 'b' }, ...options }), response }
  })
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const answer = await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  assert.ok(opened)
  return { ...(opened as Omit<Pipe, 'answer'>), answer }
}

const frameOf = (id: number, length = 1): Frame => ({ id, data: 'x'.repeat(length) })

for (const [frame, encoded] of [
  [{ data: '{}' }, 'data: {}\n\n'],
  [{ id: 0, data: '' }, 'id: 0\ndata: \n\n'],
  [{ event: 'ping', data: '{}' }, 'event: ping\ndata: {}\n\n'],
  [{ id: 12, event: 'ping', data: '{}' }, 'id: 12\nevent: ping\ndata: {}\n\n'],
] satisfies [Frame, string][]) {
  test(`the frame ${JSON.stringify(frame)} is written as ${JSON.stringify(encoded)}`, () => {
    assert.equal(encodeFrame(frame), encoded)
  })
}

test('an idle stream sends a comment repeatedly, and frames are written in between', async (t) => {
  const { stream, answer } = await openPipe(t, { heartbeatMs: 5 })
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.equal(answer.headers['x-a'], 'b')
  const seen: string[] = []
  for await (const frame of readFrames(answer)) {
    if (seen.push(frame) === 2) assert.equal(await stream.write([frameOf(1), frameOf(2)]), true)
    if (frame.startsWith('id: 2')) stream.end()
  }
  assert.deepEqual(seen.slice(0, 2), [': still here', ': still here'])
  assert.deepEqual(
    seen.filter((frame) => frame !== ': still here'),
    ['id: 1\ndata: x', 'id: 2\ndata: x'],
  )
})

test('no comment is sent after the end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { stream, answer } = await openPipe(t, { heartbeatMs: 1000 })
  t.mock.timers.tick(1000)
  stream.end()
  t.mock.timers.tick(5000)
  assert.deepEqual(await readAll(answer), [': still here'])
})

/** More than fits between a server and a client that does not read. */
const tooMuch = 64 * mebibyte

test('a reader that has stopped reading is disconnected', async (t) => {
  const { stream, response, answer } = await openPipe(t, { stallMs: 20 })
  answer.on('error', () => {})
  let frames = 0
  while (await stream.write([frameOf(++frames, mebibyte)])) assert.ok(frames < 1000)
  assert.equal(response.destroyed, true)
  assert.equal(await stream.write([frameOf(++frames)]), false)
  stream.end()
})

test('a reader that disconnects ends the wait for it', async (t) => {
  const { stream, response, answer } = await openPipe(t, {})
  const waiting = stream.write([frameOf(1, tooMuch)])
  answer.destroy()
  assert.equal(await waiting, false)
  assert.equal(response.listenerCount('drain'), 0)
  assert.equal(await stream.write([frameOf(2)]), false)
})

test('a finished wait leaves no listener behind', async (t) => {
  const { stream, response, answer } = await openPipe(t, {})
  const before = ['drain', 'close', 'error'].map((name) => response.listenerCount(name))
  answer.resume()
  for (let id = 1; id <= 20; id++) assert.equal(await stream.write([frameOf(id, mebibyte)]), true)
  assert.deepEqual(
    ['drain', 'close', 'error'].map((name) => response.listenerCount(name)),
    before,
  )
  stream.end()
})

test('no comment is sent to a reader that does not read', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { stream, answer } = await openPipe(t, { heartbeatMs: 10 })
  const waiting = stream.write([frameOf(1, tooMuch)])
  t.mock.timers.tick(1000)
  const reading = readAll(answer)
  assert.equal(await waiting, true)
  stream.end()
  const seen = await reading
  assert.deepEqual(
    seen.map((frame) => frame.length),
    ['id: 1\ndata: '.length + tooMuch],
  )
})

test('a slow reader that keeps reading is not disconnected', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const { stream, response, answer } = await openPipe(t, { stallMs: 1000 })
  const waiting = stream.write([frameOf(1, tooMuch)])
  let taken = 0
  for (let round = 1; round <= 4; round++) {
    while (taken < round * 8 * mebibyte) {
      const chunk: unknown = answer.read()
      if (chunk === null) await once(answer, 'readable')
      else taken += (chunk as Buffer).length
    }
    t.mock.timers.tick(600)
    assert.equal(response.destroyed, false, `disconnected after reading ${taken} bytes`)
  }
  answer.resume()
  assert.equal(await waiting, true)
  stream.end()
})
