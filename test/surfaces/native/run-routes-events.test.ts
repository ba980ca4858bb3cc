// A run's events by GET /v1/runs/{id}/events: all of them or those after one, of runs that go on and runs that have ended.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunEvent } from '../../../src/core/events.ts'
import { AppError } from '../../../src/errors.ts'
import { input, read } from '../../core/runs-scene.ts'
import { failedEnd, goodRun, runEnd, runStart, textBlock, untilAborted } from '../../helpers/scripted-agent.ts'
import { done, type Frame, faultOf, framesOf, listen, setUp } from './run-routes-scene.ts'

const words = Array.from({ length: 30 }, (_, at) => `word${at} `)

/** One of what only the full view tells, among words. */
const rich: RunEvent[] = [
  runStart(),
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'hm' },
  { type: 'thinking-end', index: 0 },
  { type: 'tool-start', index: 1, toolId: 'toolu_1', name: 'Read' },
  { type: 'tool-delta', index: 1, json: '{}' },
  { type: 'tool-end', index: 1 },
  { type: 'tool-result', toolId: 'toolu_1', isError: false, text: 'x' },
  ...textBlock(2, words),
  runEnd({ result: words.join('') }),
]

/** A run that goes on by steps: `go` lets it say so many more words. */
async function beginSteps(t: TestContext) {
  const gates: PromiseWithResolvers<void>[] = []
  const gate = (at: number) => {
    gates[at] ??= Promise.withResolvers<void>()
    return gates[at]
  }
  const scene = await listen(t, {
    async *script() {
      for (const [at, event] of rich.entries()) {
        await gate(at).promise
        yield event
      }
    },
  })
  const run = await scene.runs.start(input({ background: true, streaming: true }))
  const go = (first: number, last: number) => {
    for (let at = first; at <= last; at++) gate(at).resolve()
  }
  return { ...scene, run, go }
}

/** The frames of a live stream, one by one. */
async function* framesFrom(response: Response): AsyncGenerator<Frame> {
  assert.equal(response.status, 200)
  assert.ok(response.body)
  let text = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    const end = text.lastIndexOf('\n\n')
    if (end === -1) continue
    yield* framesOf(text.slice(0, end))
    text = text.slice(end + 2)
  }
}

for (const view of ['default', 'full'] as const) {
  test(`the events of a run that has ended come again as they came, after any of them; ${view}`, async (t) => {
    const scene = await setUp(t, { script: rich })
    const first = await scene.post('/v1/chat/stream', { prompt: 'hi', events: view })
    const told = framesOf(first.text)
    const id = String(first.headers['x-run-id'])
    const all = await scene.get(`/v1/runs/${id}/events?events=${view}`)
    assert.match(String(all.headers['content-type']), /^text\/event-stream/)
    assert.equal(all.headers['x-run-id'], id)
    assert.deepEqual(framesOf(all.text), told)
    assert.deepEqual(
      told.map((frame) => frame.id),
      told.map((_, at) => at + 1),
    )
    for (const after of [0, 1, 2, 15, told.length - 1, told.length, told.length + 1, Number.MAX_SAFE_INTEGER]) {
      const byQuery = await scene.get(`/v1/runs/${id}/events?events=${view}&after=${after}`)
      assert.deepEqual(framesOf(byQuery.text), told.slice(after), `?after=${after}`)
      if (after > 1e14) continue
      const byHeader = await scene.get(`/v1/runs/${id}/events?events=${view}`, { 'last-event-id': String(after) })
      assert.deepEqual(framesOf(byHeader.text), told.slice(after), `Last-Event-ID: ${after}`)
    }
  })
}

test('without a word about it the default view is told', async (t) => {
  const scene = await setUp(t, { script: rich })
  const id = await done(scene)
  const told = framesOf((await scene.get(`/v1/runs/${id}/events`)).text)
  assert.deepEqual(new Set(told.map(({ event }) => event.type)), new Set(['start', 'delta', 'done']))
  const full = framesOf((await scene.get(`/v1/runs/${id}/events?events=full`)).text)
  assert.equal(full.length, told.length + 3)
})

test('what the query says goes before what the header says', async (t) => {
  const scene = await setUp(t, { script: rich })
  const id = await done(scene)
  const { text } = await scene.get(`/v1/runs/${id}/events?after=3`, { 'last-event-id': '5' })
  assert.equal(framesOf(text)[0]?.id, 4)
})

for (const [what, query, header, field] of [
  ['after=-1', 'after=-1', undefined, 'after'],
  ['after=x', 'after=x', undefined, 'after'],
  ['after=1.5', 'after=1.5', undefined, 'after'],
  ['after twice', 'after=1&after=2', undefined, 'after'],
  ['an empty after', 'after=', undefined, 'after'],
  ['events=all', 'events=all', undefined, 'events'],
  ['from=1', 'from=1', undefined, 'from'],
  ['a header that is no number', '', 'x', 'last-event-id'],
  ['a header below 0', '', '-1', 'last-event-id'],
  ['a header beyond all numbers', '', '9'.repeat(30), 'last-event-id'],
] as const) {
  test(`the events are refused for ${what}, which is named, before anything is sent`, async (t) => {
    const scene = await setUp(t, { script: goodRun(['a']) })
    const id = await done(scene)
    const more = header === undefined ? {} : { 'last-event-id': header }
    const answer = await scene.get(`/v1/runs/${id}/events?${query}`, more)
    assert.deepEqual(faultOf(answer), [400, 'invalid_request', field])
  })
}

test('readers who come while the run goes on get what is kept and then what comes, without gap or repetition', async (t) => {
  const { url, run, go } = await beginSteps(t)
  const open = async (query: string) => framesFrom(await fetch(`${url}/v1/runs/${run.id}/events?${query}`))
  const collect = async (query: string) => {
    const frames: Frame[] = []
    for await (const frame of await open(query)) frames.push(frame)
    return frames
  }
  const fromStart = collect('')
  const watching = await open('')
  go(0, 15)
  // The seven words that are told by now, and the start.
  for (let id = 1; id <= 7; id++) assert.equal((await watching.next()).value?.id, id)
  const late = [
    collect(''),
    collect('after=3'),
    collect('after=7'),
    collect('after=20'),
    collect('events=full&after=4'),
  ]
  go(16, 25)
  while ((await watching.next()).value?.id !== 15);
  late.push(collect('after=14'))
  go(26, rich.length)
  const all = await fromStart
  assert.equal(all.length, 32)
  const rest: number[] = []
  for await (const { id } of watching) rest.push(id)
  assert.deepEqual(
    rest,
    all.slice(15).map(({ id }) => id),
  )
  const [again, after3, after7, after20, full, after14] = await Promise.all(late)
  assert.deepEqual([again, after3], [all, all.slice(3)])
  assert.deepEqual([after7, after20, after14], [all.slice(7), all.slice(20), all.slice(14)])
  assert.deepEqual(
    full?.map(({ id }) => id),
    Array.from({ length: 31 }, (_, at) => at + 5),
  )
})

test('a reader who leaves does not end the run, whatever kind it is', async (t) => {
  const { url, run, runs, agent, go } = await beginSteps(t)
  const controller = new AbortController()
  const reading = framesFrom(await fetch(`${url}/v1/runs/${run.id}/events`, { signal: controller.signal }))
  go(0, 12)
  await reading.next()
  controller.abort()
  await assert.rejects(async () => {
    while (!(await reading.next()).done);
  })
  go(13, rich.length)
  const events = await read(run.events)
  assert.equal(events.at(-1)?.type, 'run-end')
  assert.equal((await runs.get(run.id))?.status, 'succeeded')
  assert.equal(agent.signals[0]?.aborted, false)
})

test('the stream of a failed run ends with its error', async (t) => {
  const fault = new AppError('claude_failed', 'it fell over', { returncode: 3 })
  const scene = await setUp(t, { script: [runStart(), failedEnd(fault)] })
  const id = await done(scene)
  const last = framesOf((await scene.get(`/v1/runs/${id}/events`)).text).at(-1)
  assert.partialDeepStrictEqual(last, { id: 2, event: { type: 'error', error: 'it fell over', code: 'claude_failed' } })
})

test('a long run comes again whole', async (t) => {
  const pieces = Array.from({ length: 2500 }, (_, at) => `${at} `)
  const scene = await setUp(t, { script: goodRun(pieces) })
  const id = await done(scene)
  const frames = framesOf((await scene.get(`/v1/runs/${id}/events`)).text)
  assert.equal(frames.length, 2502)
  assert.equal(frames.map(({ event }) => (event.type === 'delta' ? event.text : '')).join(''), pieces.join(''))
})

test('a run has at most 16 readers at once, and a place that was left is free again', async (t) => {
  const scene = await listen(t, { script: (_request, signal) => untilAborted(signal) })
  const { id } = await scene.runs.start(input({ background: true }))
  const read = async () => {
    const leave = new AbortController()
    const response = await fetch(`${scene.url}/v1/runs/${id}/events`, { signal: leave.signal })
    return { status: response.status, retryAfter: response.headers.get('retry-after'), leave: () => leave.abort() }
  }
  const readers = await Promise.all(Array.from({ length: 16 }, read))
  assert.deepEqual(new Set(readers.map(({ status }) => status)), new Set([200]))
  const { status, retryAfter } = await read()
  assert.equal(status, 429)
  assert.ok(Number(retryAfter) > 0)
  for (const { leave } of readers) leave()
  await until(async () => (await read()).status === 200)
})

/** Asks again until it is so; the test's own time limit ends what never is. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}
