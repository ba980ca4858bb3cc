// GET /v1/runs/{id}/events: all events of a run or those after a given one, for running and finished runs.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunEvent } from '../../../src/core/events.ts'
import { AppError } from '../../../src/errors.ts'
import { input, read } from '../../core/runs-scene.ts'
import { failedEnd, goodRun, runEnd, runStart, textBlock, untilAborted } from '../../helpers/scripted-agent.ts'
import { errorOf, type Frame, finishedRun, framesOf, listen, setUp } from './run-routes-scene.ts'

const words = Array.from({ length: 30 }, (_, index) => `word${index} `)

/** A run with every kind of event that only the full view has, and text. */
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

/** A run that the test controls: `release` lets it emit its events from `first` to `last`. */
async function startStepwise(t: TestContext) {
  const gates: PromiseWithResolvers<void>[] = []
  const gate = (index: number) => {
    gates[index] ??= Promise.withResolvers<void>()
    return gates[index]
  }
  const scene = await listen(t, {
    async *script() {
      for (const [index, event] of rich.entries()) {
        await gate(index).promise
        yield event
      }
    },
  })
  const run = await scene.runs.start(input({ background: true, streaming: true }))
  const release = (first: number, last: number) => {
    for (let index = first; index <= last; index++) gate(index).resolve()
  }
  return { ...scene, run, release }
}

/** The frames of a running stream, one by one. */
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
  test(`the events of a finished run are sent again unchanged, after any of them; ${view}`, async (t) => {
    const scene = await setUp(t, { script: rich })
    const first = await scene.post('/v1/chat/stream', { prompt: 'hi', events: view })
    const frames = framesOf(first.text)
    const id = String(first.headers['x-run-id'])
    const all = await scene.get(`/v1/runs/${id}/events?events=${view}`)
    assert.match(String(all.headers['content-type']), /^text\/event-stream/)
    assert.equal(all.headers['x-run-id'], id)
    assert.deepEqual(framesOf(all.text), frames)
    assert.deepEqual(
      frames.map((frame) => frame.id),
      frames.map((_, index) => index + 1),
    )
    for (const after of [0, 1, 2, 15, frames.length - 1, frames.length, frames.length + 1, Number.MAX_SAFE_INTEGER]) {
      const byQuery = await scene.get(`/v1/runs/${id}/events?events=${view}&after=${after}`)
      assert.deepEqual(framesOf(byQuery.text), frames.slice(after), `?after=${after}`)
      if (after > 1e14) continue
      const byHeader = await scene.get(`/v1/runs/${id}/events?events=${view}`, { 'last-event-id': String(after) })
      assert.deepEqual(framesOf(byHeader.text), frames.slice(after), `Last-Event-ID: ${after}`)
    }
  })
}

test('without the events parameter the view is default', async (t) => {
  const scene = await setUp(t, { script: rich })
  const id = await finishedRun(scene)
  const frames = framesOf((await scene.get(`/v1/runs/${id}/events`)).text)
  assert.deepEqual(new Set(frames.map(({ event }) => event.type)), new Set(['start', 'delta', 'done']))
  const full = framesOf((await scene.get(`/v1/runs/${id}/events?events=full`)).text)
  assert.equal(full.length, frames.length + 3)
})

test('the query takes precedence over the header', async (t) => {
  const scene = await setUp(t, { script: rich })
  const id = await finishedRun(scene)
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
  ['a header that is not a number', '', 'x', 'last-event-id'],
  ['a header below 0', '', '-1', 'last-event-id'],
  ['a header that is too large', '', '9'.repeat(30), 'last-event-id'],
] as const) {
  test(`the events are refused for ${what}: the error names the field, and nothing is streamed`, async (t) => {
    const scene = await setUp(t, { script: goodRun(['a']) })
    const id = await finishedRun(scene)
    const more = header === undefined ? {} : { 'last-event-id': header }
    const answer = await scene.get(`/v1/runs/${id}/events?${query}`, more)
    assert.deepEqual(errorOf(answer), [400, 'invalid_request', field])
  })
}

test('readers who join during the run get the stored events and then new ones, without gaps or repetition', async (t) => {
  const { url, run, release } = await startStepwise(t)
  const open = async (query: string) => framesFrom(await fetch(`${url}/v1/runs/${run.id}/events?${query}`))
  const collect = async (query: string) => {
    const frames: Frame[] = []
    for await (const frame of await open(query)) frames.push(frame)
    return frames
  }
  const fromStart = collect('')
  const watching = await open('')
  release(0, 15)
  // The start and the first words, which have been sent by now.
  for (let id = 1; id <= 7; id++) assert.equal((await watching.next()).value?.id, id)
  const late = [
    collect(''),
    collect('after=3'),
    collect('after=7'),
    collect('after=20'),
    collect('events=full&after=4'),
  ]
  release(16, 25)
  while ((await watching.next()).value?.id !== 15);
  late.push(collect('after=14'))
  release(26, rich.length)
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
    Array.from({ length: 31 }, (_, index) => index + 5),
  )
})

test('a reader who leaves does not end the run', async (t) => {
  const { url, run, runs, agent, release } = await startStepwise(t)
  const controller = new AbortController()
  const reading = framesFrom(await fetch(`${url}/v1/runs/${run.id}/events`, { signal: controller.signal }))
  release(0, 12)
  await reading.next()
  controller.abort()
  await assert.rejects(async () => {
    while (!(await reading.next()).done);
  })
  release(13, rich.length)
  const events = await read(run.events)
  assert.equal(events.at(-1)?.type, 'run-end')
  assert.equal((await runs.get(run.id))?.status, 'succeeded')
  assert.equal(agent.signals[0]?.aborted, false)
})

test('the stream of a failed run ends with its error', async (t) => {
  const error = new AppError('claude_failed', 'it fell over', { returncode: 3 })
  const scene = await setUp(t, { script: [runStart(), failedEnd(error)] })
  const id = await finishedRun(scene)
  const last = framesOf((await scene.get(`/v1/runs/${id}/events`)).text).at(-1)
  assert.partialDeepStrictEqual(last, { id: 2, event: { type: 'error', error: 'it fell over', code: 'claude_failed' } })
})

test('all events of a long run are sent again', async (t) => {
  const pieces = Array.from({ length: 2500 }, (_, index) => `${index} `)
  const scene = await setUp(t, { script: goodRun(pieces) })
  const id = await finishedRun(scene)
  const frames = framesOf((await scene.get(`/v1/runs/${id}/events`)).text)
  assert.equal(frames.length, 2502)
  assert.equal(frames.map(({ event }) => (event.type === 'delta' ? event.text : '')).join(''), pieces.join(''))
})

test('a run has at most 16 readers at once, and a reader who leaves makes room for another', async (t) => {
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

/** Repeats the check until it is true; the test's own timeout ends the wait. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue()));
}
