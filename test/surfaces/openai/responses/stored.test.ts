// Stored responses: retrieved at any time, whole and as a stream, cancelled, deleted, listed by their input items, and
// continued. How they are created is tested in routes.test.ts; who may access them in keys.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '../../../../src/core/events.ts'
import { AppError } from '../../../../src/errors.ts'
import { UsageReply } from '../../../../src/surfaces/native/reply-schemas.ts'
import {
  type Response,
  ResponseDeleted,
  ResponseItemList,
} from '../../../../src/surfaces/openai/responses/reply-schemas.ts'
import { silent, stuck } from '../../../core/runs-scene.ts'
import { failedEnd, goodRun, runEnd, runStart, type Script, textBlock } from '../../../helpers/scripted-agent.ts'
import { errorOf, eventsIn, hello, reach, responseOf, runIdOf, type Scene, setUp, textIn } from './scene.ts'

const path = '/v1/responses'
const background = { background: true }
const unknown = `resp_${'0'.repeat(32)}`
const missing = [400, 'previous_response_not_found', 'previous_response_id']
const gone = [404, null, 'response_id']
const text = (value: string) => ({ type: 'text', text: value })
const look = { type: 'function', name: 'look' }

/** Emits half of the answer, and the rest after `go`. */
function halting(): { script: Script; go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    async *script() {
      yield runStart()
      yield* textBlock(0, ['Hel', 'lo']).slice(0, 2)
      await promise
      yield* textBlock(0, ['Hel', 'lo']).slice(2)
      yield runEnd({ result: 'Hello' })
    },
    go: resolve,
  }
}

const calling = (...calls: [id: string, name: string, json: string][]): RunEvent[] => [
  runStart(),
  ...calls.flatMap(([toolId, name, json], index): RunEvent[] => [
    { type: 'tool-start', index, toolId, name },
    { type: 'tool-delta', index, json },
    { type: 'tool-end', index },
  ]),
  runEnd({ stopReason: 'tool_use' }),
]

/** The last request to the agent: the history, the prompt and the system prompt. */
function lastRequest({ agent }: Scene) {
  const { session, prompt, options } = agent.requests.at(-1) ?? {}
  assert.ok(session?.kind === 'history')
  return { history: session.messages, prompt, system: options?.systemPrompt }
}

const idOf = ({ output }: Response, index = 0) => output[index]?.id ?? ''

test('a retrieved response is the same as the original', async (t) => {
  const { make, get } = await setUp(t, goodRun(['Hel', 'lo']), { now: () => 1_790_000_000_500 })
  const response = await make({ metadata: { a: 'b' }, instructions: 'Be brief.', tools: [look], temperature: 0.5 })
  assert.deepEqual(responseOf(await get(`${path}/${response.id}`)), response)
})

test('a stream can be replayed event by event, and from any event on', async (t) => {
  const { post, get } = await setUp(t, goodRun(['Hel', 'lo']), { now: () => 1_790_000_000_500 })
  const events = eventsIn(await post(path, { ...hello, stream: true }))
  const last = events.at(-1)
  assert.ok(last?.type === 'response.completed')
  const url = `${path}/${last.response.id}?stream=true`
  const again = await get(url)
  assert.match(String(again.headers['content-type']), /^text\/event-stream/)
  assert.deepEqual(eventsIn(again), events)
  for (const { sequence_number: number } of events) {
    assert.deepEqual(eventsIn(await get(`${url}&starting_after=${number}`)), events.slice(number + 1))
  }
  assert.deepEqual(eventsIn(await get(`${url}&starting_after=1000`)), [])
  assert.deepEqual(responseOf(await get(`${path}/${last.response.id}?stream=false&starting_after=3`)), last.response)
})

test('a response with store false cannot be found on any route', async (t) => {
  const { make, get, post, remove } = await setUp(t)
  const { id, store } = await make({ store: false })
  assert.equal(store, false)
  assert.deepEqual(errorOf(await get(`${path}/${id}`)), gone)
  assert.deepEqual(errorOf(await get(`${path}/${id}?stream=true`)), gone)
  assert.deepEqual(errorOf(await get(`${path}/${id}/input_items`)), gone)
  assert.deepEqual(errorOf(await post(`${path}/${id}/cancel`)), gone)
  assert.deepEqual(errorOf(await remove(`${path}/${id}`)), gone)
  assert.deepEqual(errorOf(await post(path, { ...hello, previous_response_id: id })), missing)
})

for (const store of [true, null, undefined]) {
  test(`a response is stored if store is ${store}`, async (t) => {
    const { make, get } = await setUp(t)
    const { id } = await make(store === undefined ? {} : { store })
    assert.equal(responseOf(await get(`${path}/${id}`)).store, true)
  })
}

test('a background response is queued, then in progress, then completed', async (t) => {
  const scene = await setUp(t)
  const { post, get, agent } = scene
  const { promise, resolve: start } = Promise.withResolvers<void>()
  const half = halting()
  agent.script = async function* (request, signal) {
    await promise
    if (typeof half.script === 'function') yield* half.script(request, signal)
  }
  const answer = await post(path, { ...hello, ...background })
  const { id, status, output } = responseOf(answer)
  assert.deepEqual([status, output, answer.headers['x-run-id']], ['queued', [], runIdOf(id)])
  assert.equal(responseOf(await get(`${path}/${id}`)).status, 'queued')
  start()
  await reach(scene, id, 'running')
  assert.partialDeepStrictEqual(responseOf(await get(`${path}/${id}`)), {
    status: 'in_progress',
    output: [],
    usage: null,
  })
  half.go()
  await reach(scene, id, 'succeeded')
  const response = responseOf(await get(`${path}/${id}`))
  assert.deepEqual([response.status, response.background, textIn(response)], ['completed', true, 'Hello'])
})

test('a background response is returned in its current state, however soon it finishes', async (t) => {
  const { post, agent } = await setUp(t)
  for (let turns = 0; turns < 12; turns++) {
    agent.script = async function* () {
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      yield* goodRun(['a'])
    }
    const { status, output } = responseOf(await post(path, { ...hello, ...background }))
    assert.equal(output.length, status === 'completed' ? 1 : 0, `${status} after ${turns} turns`)
  }
})

test('a reader of a response in progress gets all events, or those after starting_after', async (t) => {
  const { script, go } = halting()
  const scene = await setUp(t, script)
  const { id } = await scene.make(background)
  await reach(scene, id, 'running')
  const streams = Promise.all([
    scene.get(`${path}/${id}?stream=true`),
    scene.get(`${path}/${id}?stream=true&starting_after=4`),
  ])
  go()
  const [all = [], rest = []] = (await streams).map(eventsIn)
  assert.equal(all.at(-1)?.type, 'response.completed')
  assert.deepEqual(rest, all.slice(5))
})

test('a background stream starts with its first event and can be replayed', async (t) => {
  const { post, get } = await setUp(t)
  const events = eventsIn(await post(path, { ...hello, ...background, stream: true }))
  const last = events.at(-1)
  assert.ok(last?.type === 'response.completed')
  assert.deepEqual(eventsIn(await get(`${path}/${last.response.id}?stream=true`)).length, events.length)
})

test('a failed run is a failed response, and its stream ends with the error', async (t) => {
  const broke = new AppError('overloaded', 'It is busy.')
  const scene = await setUp(t, [runStart(), ...textBlock(0, ['Half']), failedEnd(broke)])
  const { id } = await scene.make(background)
  await reach(scene, id, 'failed')
  const response = responseOf(await scene.get(`${path}/${id}`))
  assert.deepEqual([response.status, response.output], ['failed', []])
  assert.deepEqual(response.error, { code: 'server_error', message: 'It is busy.' })
  const events = eventsIn(await scene.get(`${path}/${id}?stream=true`))
  assert.deepEqual(
    events.slice(-2).map(({ type }) => type),
    ['response.failed', 'error'],
  )
  assert.ok(events.some((event) => event.type === 'response.output_text.delta'))
})

for (const [query, field] of [
  ['stream=yes', 'stream'],
  ['stream=1', 'stream'],
  ['stream=', 'stream'],
  ['stream=true&stream=true', 'stream'],
  ['stream=true&starting_after=x', 'starting_after'],
  ['stream=true&starting_after=-1', 'starting_after'],
  ['stream=true&starting_after=1.5', 'starting_after'],
  ['stream=true&starting_after=Infinity', 'starting_after'],
  ['stream=true&starting_after=', 'starting_after'],
  ['stream=true&starting_after=1&starting_after=2', 'starting_after'],
] as const) {
  test(`the query ?${query} is refused, naming the field`, async (t) => {
    const { make, get } = await setUp(t)
    const { id } = await make()
    assert.deepEqual(errorOf(await get(`${path}/${id}?${query}`)), [400, null, field])
  })
}

test('a deleted response is gone on every route, but its usage remains', async (t) => {
  const { make, get, post, remove, runs, store } = await setUp(t)
  const { id, output } = await make({ input: 'a secret' })
  const usage = async () => {
    await runs.saved()
    const { groups, total } = UsageReply.parse((await get('/v1/usage?group_by=day')).body)
    return { groups, total }
  }
  const before = await usage()
  assert.equal(before.total.runs, 1)
  const deleted = await remove(`${path}/${id}`)
  assert.deepEqual(ResponseDeleted.parse(deleted.body), { id, object: 'response', deleted: true })
  assert.deepEqual(errorOf(await get(`${path}/${id}`)), gone)
  assert.deepEqual(errorOf(await get(`${path}/${id}?stream=true`)), gone)
  assert.deepEqual(errorOf(await get(`${path}/${id}/input_items`)), gone)
  assert.deepEqual(errorOf(await post(`${path}/${id}/cancel`)), gone)
  assert.deepEqual(errorOf(await remove(`${path}/${id}`)), gone)
  assert.deepEqual(errorOf(await post(path, { ...hello, previous_response_id: id })), missing)
  const reference = { type: 'item_reference', id: output[0]?.id }
  assert.deepEqual(errorOf(await post(path, { ...hello, input: [reference] })), [400, null, 'input[0].id'])
  assert.deepEqual(await usage(), before)
  const run = runIdOf(id)
  assert.deepEqual([await store.requestSnapshot(run), await store.events(run, 0, 9)], [null, []])
  assert.equal((await store.run(run))?.status, 'succeeded')
})

test('the run of a deleted response can still be read, without its content', async (t) => {
  const { make, get, remove } = await setUp(t, goodRun(['a secret']))
  const { id } = await make({ input: 'a secret', instructions: 'a secret', metadata: { name: 'a secret' } })
  await remove(`${path}/${id}`)
  const run = await get(`/v1/runs/${runIdOf(id)}`)
  assert.equal(run.status, 200, run.text)
  assert.doesNotMatch(run.text, /a secret/)
  const events = await get(`/v1/runs/${runIdOf(id)}/events`)
  assert.doesNotMatch(events.text, /a secret/)
})

test('deleting a response in progress cancels it', async (t) => {
  const scene = await setUp(t, silent)
  const { id } = await scene.make(background)
  await reach(scene, id, 'running')
  assert.equal((await scene.remove(`${path}/${id}`)).status, 200)
  await scene.agent.ended(0)
  assert.equal((scene.agent.signals[0]?.reason as AppError | undefined)?.code, 'cancelled')
  assert.deepEqual(errorOf(await scene.get(`${path}/${id}`)), gone)
})

test('the stream of a response that is deleted ends with an error', async (t) => {
  const scene = await setUp(t, silent)
  const { id } = await scene.make(background)
  await reach(scene, id, 'running')
  const stream = scene.get(`${path}/${id}?stream=true`)
  await scene.remove(`${path}/${id}`)
  assert.deepEqual(
    eventsIn(await stream)
      .slice(-2)
      .map(({ type }) => type),
    ['response.failed', 'error'],
  )
})

test('a response that is deleted twice at once is gone, and neither request fails unexpectedly', async (t) => {
  const { make, get, remove } = await setUp(t)
  const { id } = await make()
  const answers = await Promise.all([remove(`${path}/${id}`), remove(`${path}/${id}`)])
  for (const { status } of answers) assert.ok(status === 200 || status === 404, String(status))
  assert.ok(answers.some(({ status }) => status === 200))
  assert.deepEqual(errorOf(await get(`${path}/${id}`)), gone)
})

test('a background response can be cancelled, and stays cancelled', async (t) => {
  const scene = await setUp(t, silent)
  const { post, get } = scene
  const { id } = await scene.make(background)
  await reach(scene, id, 'running')
  const stream = get(`${path}/${id}?stream=true`)
  for (let count = 0; count < 2; count++) {
    const response = responseOf(await post(`${path}/${id}/cancel`))
    assert.deepEqual([response.id, response.status, response.output, response.error], [id, 'cancelled', [], null])
  }
  assert.equal(responseOf(await get(`${path}/${id}`)).status, 'cancelled')
  const ends = eventsIn(await stream).slice(-2)
  assert.partialDeepStrictEqual(ends, [{ type: 'response.failed' }, { type: 'error', code: 'cancelled' }])
  await scene.agent.ended(0)
})

test('a queued response can be cancelled', async (t) => {
  const scene = await setUp(t, stuck)
  const { id, status } = await scene.make(background)
  assert.equal(status, 'queued')
  assert.equal(responseOf(await scene.post(`${path}/${id}/cancel`)).status, 'cancelled')
  assert.deepEqual(
    eventsIn(await scene.get(`${path}/${id}?stream=true`)).map(({ type }) => type),
    ['response.created', 'response.in_progress', 'response.failed', 'error'],
  )
})

test('cancelling a finished response changes nothing, and only background responses can be cancelled', async (t) => {
  const scene = await setUp(t)
  const { id } = await scene.make(background)
  await reach(scene, id, 'succeeded')
  assert.equal(responseOf(await scene.post(`${path}/${id}/cancel`)).status, 'completed')
  const other = await scene.make()
  assert.deepEqual(errorOf(await scene.post(`${path}/${other.id}/cancel`)), [400, null, 'response_id'])
})

type Listed = { id: string; type?: unknown; role?: unknown; content?: unknown }
const listOf = (body: unknown) => ResponseItemList.parse(body)

test('a list of items contains those of the request, newest first by default', async (t) => {
  const { make, get } = await setUp(t)
  const input = [
    { role: 'developer', content: 'Be brief.' },
    { type: 'message', id: 'msg_mine', role: 'user', content: [{ type: 'input_text', text: 'a' }] },
    { role: 'assistant', content: 'b' },
    { type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' },
    { type: 'function_call_output', call_id: 'c', output: 'd' },
  ]
  const { id } = await make({ input })
  const url = `${path}/${id}/input_items`
  const list = listOf((await get(`${url}?order=asc`)).body)
  const name = id.replace('resp_', 'item_')
  const status = 'completed'
  assert.deepEqual(list, {
    object: 'list',
    data: [
      { ...input[0], type: 'message', id: `${name}_0`, status, content: [{ type: 'input_text', text: 'Be brief.' }] },
      { ...input[1], status },
      {
        ...input[2],
        type: 'message',
        id: `${name}_2`,
        status,
        content: [{ type: 'output_text', text: 'b', annotations: [] }],
      },
      { ...input[3], id: `${name}_3`, status },
      { ...input[4], id: `${name}_4`, status },
    ],
    first_id: `${name}_0`,
    last_id: `${name}_4`,
    has_more: false,
  })
  const newest = listOf((await get(url)).body)
  assert.deepEqual(newest.data, list.data.toReversed())
  assert.deepEqual([newest.first_id, newest.last_id], [`${name}_4`, `${name}_0`])
})

test('the item list of a text input is that text', async (t) => {
  const { make, get } = await setUp(t)
  const { id } = await make({ input: 'hi' })
  const { data } = listOf((await get(`${path}/${id}/input_items`)).body)
  assert.partialDeepStrictEqual(data, [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
  ])
})

/** Follows the pages to the end, which must come. */
async function pagesOf({ get }: Pick<Scene, 'get'>, id: string, query: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let after = ''; pages.length < 20; ) {
    const page = listOf((await get(`${path}/${id}/input_items?${query}${after}`)).body)
    const ids = page.data.map((item) => (item as Listed).id)
    assert.deepEqual([page.first_id, page.last_id], [ids[0] ?? null, ids.at(-1) ?? null])
    pages.push(ids)
    if (!page.has_more) return pages
    after = `&after=${page.last_id}`
  }
  assert.fail('the pages never end')
}

test('a list is paginated to its end, in either order', async (t) => {
  const scene = await setUp(t)
  const input = Array.from({ length: 5 }, (_, index) => ({ role: 'user', content: `${index}` }))
  const { id } = await scene.make({ input })
  const name = id.replace('resp_', 'item_')
  const ids = input.map((_, index) => `${name}_${index}`)
  assert.deepEqual(await pagesOf(scene, id, 'order=asc&limit=2'), [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
  assert.deepEqual(await pagesOf(scene, id, 'limit=3'), [ids.toReversed().slice(0, 3), ids.toReversed().slice(3)])
  assert.deepEqual(await pagesOf(scene, id, 'limit=5'), [ids.toReversed()])
  assert.deepEqual(await pagesOf(scene, id, `order=asc&after=${ids[4]}`), [[]])
})

test('a list returns twenty items by default, and at most a hundred', async (t) => {
  const { make, get } = await setUp(t)
  const { id } = await make({ input: Array.from({ length: 101 }, () => ({ role: 'user', content: 'x' })) })
  const url = `${path}/${id}/input_items`
  assert.equal(listOf((await get(url)).body).data.length, 20)
  assert.equal(listOf((await get(`${url}?limit=100`)).body).data.length, 100)
})

test('pagination ends even if a client used one id for several items', async (t) => {
  const scene = await setUp(t)
  const same = { type: 'message', id: 'msg_same', role: 'user', content: 'x' }
  const { id } = await scene.make({ input: [same, same, { ...same, content: 'y' }] })
  assert.equal((await pagesOf(scene, id, 'order=asc&limit=1')).length, 3)
})

test('the item list of a response that continues others contains their items and answers too', async (t) => {
  const { make, get } = await setUp(t, goodRun(['Yes.']))
  const first = await make({ input: 'One?' })
  const { id } = await make({ input: 'Two?', previous_response_id: first.id })
  const { data } = listOf((await get(`${path}/${id}/input_items?order=asc`)).body)
  assert.partialDeepStrictEqual(data, [
    { role: 'user', content: [{ text: 'One?' }] },
    { id: idOf(first), role: 'assistant', content: [{ text: 'Yes.' }] },
    { role: 'user', content: [{ text: 'Two?' }] },
  ])
  assert.equal(new Set(data.map((item) => (item as Listed).id)).size, 3)
})

for (const [query, field] of [
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['limit=x', 'limit'],
  ['limit=', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['order=up', 'order'],
  ['order=', 'order'],
  ['after=item_unknown', 'after'],
  ['after=', 'after'],
] as const) {
  test(`a list by ?${query} is refused, naming the field`, async (t) => {
    const { make, get } = await setUp(t)
    const { id } = await make()
    assert.deepEqual(errorOf(await get(`${path}/${id}/input_items?${query}`)), [400, null, field])
  })
}

test('a response continues the previous one and all before it, without their instructions', async (t) => {
  const scene = await setUp(t, goodRun(['One.']))
  const first = await scene.make({ input: 'First?', instructions: 'Be brief.' })
  scene.agent.script = goodRun(['Two.'])
  const second = await scene.make({ input: 'Second?', previous_response_id: first.id })
  assert.equal(second.previous_response_id, first.id)
  assert.equal(lastRequest(scene).system, '')
  await scene.make({ input: 'Third?', previous_response_id: second.id, instructions: 'Be loud.' })
  assert.deepEqual(lastRequest(scene), {
    history: [
      { role: 'user', content: [text('First?')] },
      { role: 'assistant', content: [text('One.')] },
      { role: 'user', content: [text('Second?')] },
      { role: 'assistant', content: [text('Two.')] },
    ],
    prompt: [text('Third?')],
    system: 'Be loud.',
  })
})

test('instructions among the items of an earlier response stay', async (t) => {
  const scene = await setUp(t)
  const { id } = await scene.make({
    input: [
      { role: 'developer', content: 'Be kind.' },
      { role: 'user', content: 'hi' },
    ],
  })
  await scene.make({ previous_response_id: id })
  assert.equal(lastRequest(scene).system, 'Be kind.')
})

test('two conversations can continue from one response', async (t) => {
  const scene = await setUp(t, goodRun(['One.']))
  const { id } = await scene.make({ input: 'First?' })
  for (const input of ['A?', 'B?']) {
    await scene.make({ input, previous_response_id: id })
    const { history, prompt } = lastRequest(scene)
    assert.deepEqual([history.length, prompt], [2, [text(input)]])
  }
})

test('calls can be continued with only their outputs, and not without them', async (t) => {
  const scene = await setUp(t, calling(['toolu_1', 'look', '{"a":1}'], ['toolu_2', 'look', '{}']))
  const first = await scene.make({ tools: [look] })
  const outputs = ['toolu_2', 'toolu_1'].map((id) => ({ type: 'function_call_output', call_id: id, output: id }))
  scene.agent.script = goodRun(['Seen.'])
  await scene.make({ tools: [look], previous_response_id: first.id, input: outputs })
  const { history, prompt } = lastRequest(scene)
  assert.deepEqual(history.at(-1), {
    role: 'assistant',
    content: [
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: { a: 1 } },
      { type: 'tool_use', id: 'toolu_2', name: 'look', input: {} },
    ],
  })
  assert.deepEqual(
    prompt?.map((block) => (block.type === 'tool_result' ? block.tool_use_id : block.type)),
    ['toolu_2', 'toolu_1'],
  )
  const without = { ...hello, previous_response_id: first.id }
  assert.deepEqual(errorOf(await scene.post(path, without)), [400, null, 'previous_response_id'])
  const half = { ...without, input: outputs.slice(0, 1) }
  assert.deepEqual(errorOf(await scene.post(path, half)), [400, null, 'previous_response_id'])
  const orphan = { ...without, input: [...outputs, { ...outputs[0], call_id: 'toolu_9' }] }
  assert.deepEqual(errorOf(await scene.post(path, orphan)), [400, null, 'input[2].call_id'])
})

test('a call in a namespace and a custom call keep their types and names in the history', async (t) => {
  const tools = [{ type: 'namespace', name: 'fs', tools: [look, { type: 'custom', name: 'sql' }] }]
  const scene = await setUp(t, calling(['toolu_1', 'fs__look', '{}'], ['toolu_2', 'fs__sql', '{"input":"x"}']))
  const { id } = await scene.make({ tools })
  scene.agent.script = goodRun(['Seen.'])
  const input = ['toolu_1', 'toolu_2'].map((call) => ({ type: 'function_call_output', call_id: call, output: '' }))
  await scene.make({ tools, previous_response_id: id, input })
  assert.deepEqual(lastRequest(scene).history.at(-1)?.content, [
    { type: 'tool_use', id: 'toolu_1', name: 'fs__look', input: {} },
    { type: 'tool_use', id: 'toolu_2', name: 'fs__sql', input: { input: 'x' } },
  ])
})

test('encrypted thinking is part of the continued conversation', async (t) => {
  const scene = await setUp(t, [
    runStart(),
    { type: 'thinking-start', index: 9 },
    { type: 'thinking-delta', index: 9, text: 'Hm.' },
    { type: 'thinking-signature', index: 9, signature: 'sig' },
    { type: 'thinking-end', index: 9 },
    ...calling(['toolu_1', 'look', '{}']).slice(1),
  ])
  const { id } = await scene.make({ tools: [look], include: ['reasoning.encrypted_content'] })
  scene.agent.script = goodRun(['Seen.'])
  const input = [{ type: 'function_call_output', call_id: 'toolu_1', output: '' }]
  await scene.make({ tools: [look], previous_response_id: id, input })
  assert.deepEqual(lastRequest(scene).history.at(-1)?.content, [
    { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
    { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
  ])
})

test('a call that was cut short is left out of the history, text that was cut short is not', async (t) => {
  const cut = [
    runStart(),
    ...textBlock(7, ['I look.']),
    ...calling(['toolu_1', 'look', '{"a']).slice(1, -1),
    runEnd({ stopReason: 'max_tokens' }),
  ]
  const scene = await setUp(t, cut)
  const { id, status } = await scene.make({ tools: [look] })
  assert.equal(status, 'incomplete')
  scene.agent.script = goodRun(['Yes.'])
  await scene.make({ previous_response_id: id })
  assert.deepEqual(lastRequest(scene).history.at(-1), { role: 'assistant', content: [text('I look.')] })
})

test('a failed or cancelled response is continued as a question without an answer', async (t) => {
  const broke = new AppError('overloaded', 'It is busy.')
  const scene = await setUp(t, [runStart(), ...textBlock(0, ['Half']), failedEnd(broke)])
  const failed = await scene.make({ ...background, input: 'One?' })
  await reach(scene, failed.id, 'failed')
  scene.agent.script = silent
  const cancelled = await scene.make({ ...background, input: 'Two?', previous_response_id: failed.id })
  await scene.post(`${path}/${cancelled.id}/cancel`)
  scene.agent.script = goodRun(['Yes.'])
  await scene.make({ input: 'Three?', previous_response_id: cancelled.id })
  const { history, prompt } = lastRequest(scene)
  assert.deepEqual([history, prompt], [[], [text('One?'), text('Two?'), text('Three?')]])
})

test('a response that has not finished cannot be continued', async (t) => {
  const scene = await setUp(t, silent)
  const { id } = await scene.make(background)
  const answer = await scene.post(path, { ...hello, previous_response_id: id })
  assert.deepEqual(errorOf(answer), [400, null, 'previous_response_id'])
  assert.match(answer.text, /has not finished yet/)
})

test('responses after a deleted one cannot be continued, but can still be retrieved', async (t) => {
  const scene = await setUp(t)
  const first = await scene.make()
  const second = await scene.make({ previous_response_id: first.id })
  const third = await scene.make({ previous_response_id: second.id })
  await scene.remove(`${path}/${second.id}`)
  const answer = await scene.post(path, { ...hello, previous_response_id: third.id })
  assert.deepEqual(errorOf(answer), missing)
  assert.match(answer.text, new RegExp(second.id))
  assert.equal(responseOf(await scene.get(`${path}/${third.id}`)).previous_response_id, second.id)
  await scene.make({ previous_response_id: first.id })
})

for (const previous of [null, '']) {
  test(`a response with the previous_response_id ${JSON.stringify(previous)} starts a conversation`, async (t) => {
    const scene = await setUp(t)
    const { id } = await scene.make({ previous_response_id: previous })
    await scene.make({ previous_response_id: id })
    assert.equal(lastRequest(scene).history.length, 2)
    assert.equal((await scene.get(`${path}/${id}/input_items`)).status, 200)
  })
}

test('ignored items of an earlier request are not reported again', async (t) => {
  const scene = await setUp(t)
  const other = { type: 'web_search_call', id: 'ws_1' }
  const { id } = await scene.make({ input: [other, other, { role: 'user', content: 'hi' }] })
  const answer = await scene.post(path, { ...hello, previous_response_id: id })
  assert.equal(answer.status, 200)
  const names = String(answer.headers['x-claude-serve-ignored'] ?? '').split(', ')
  assert.equal(new Set(names).size, names.length, names.join())
})

test('an item can be referenced at any position, and is stored with the request that references it', async (t) => {
  const scene = await setUp(t, calling(['toolu_1', 'look', '{"a":1}'], ['toolu_2', 'look', '{}']))
  const first = await scene.make({ tools: [look] })
  scene.agent.script = goodRun(['Seen.'])
  const reference = (index: number) => ({ type: 'item_reference', id: idOf(first, index) })
  const output = (id: string) => ({ type: 'function_call_output', call_id: id, output: 'x' })
  const input = [{ role: 'user', content: 'hi' }, reference(0), output('toolu_1'), reference(1), output('toolu_2')]
  const second = await scene.make({ tools: [look], input })
  const { history } = lastRequest(scene)
  assert.deepEqual(
    history.flatMap(({ content }) => [...content]).map((block) => (block.type === 'tool_use' ? block.id : block.type)),
    ['text', 'toolu_1', 'tool_result', 'toolu_2'],
  )
  await scene.remove(`${path}/${first.id}`)
  const { data } = listOf((await scene.get(`${path}/${second.id}/input_items?order=asc`)).body)
  assert.partialDeepStrictEqual(data[1], { type: 'function_call', id: idOf(first), call_id: 'toolu_1' })
  await scene.make({ previous_response_id: second.id })
})

const hex = '0'.repeat(32)
for (const [title, id] of [
  ['of no response', `msg_${hex}_0`],
  ['of no valid form', 'x'],
  ['made up by a client', 'msg_abc123'],
  ['with a path in it', 'msg_../../x'],
] as const) {
  test(`a reference to an id ${title} is refused, naming the field`, async (t) => {
    const { post } = await setUp(t)
    const input = [
      { role: 'user', content: 'hi' },
      { type: 'item_reference', id },
    ]
    assert.deepEqual(errorOf(await post(path, { ...hello, input })), [400, null, 'input[1].id'])
  })
}

test('references to unknown items are refused: a wrong index, a response, one in progress, an empty id', async (t) => {
  const scene = await setUp(t)
  const first = await scene.make()
  scene.agent.script = silent
  const { id } = await scene.make(background)
  await reach(scene, id, 'running')
  for (const name of [
    idOf(first).replace(/_0$/, '_1'),
    idOf(first).replace('msg', 'fc'),
    first.id,
    id.replace('resp', 'msg').concat('_0'),
    '',
  ]) {
    const input = [{ type: 'item_reference', id: name }]
    assert.deepEqual(errorOf(await scene.post(path, { ...hello, input })), [400, null, 'input[0].id'], name)
  }
  const nameless = errorOf(await scene.post(path, { ...hello, input: [{ type: 'item_reference' }] }))
  assert.deepEqual(nameless, [400, 'missing_required_parameter', 'input[0].id'])
})

const invalidIds: [
  title: string,
  id: (made: { response: string; item: string; chat: string; native: string }) => string,
][] = [
  ['an unknown one', () => unknown],
  ['a prefix alone', () => 'resp_'],
  ['a path', () => 'resp_..%2Fx'],
  ['a dot', () => 'resp_.'],
  ['upper case', ({ response }) => response.toUpperCase()],
  ['a letter too many', ({ response }) => `${response}0`],
  ['a letter too few', ({ response }) => response.slice(0, -1)],
  ['a space after it', ({ response }) => `${response}%20`],
  ['a line break after it', ({ response }) => `${response}%0A`],
  ['a null byte', ({ response }) => `${response}%00`],
  ['the run’s own id', ({ response }) => runIdOf(response)],
  ['no prefix', ({ response }) => response.replace('resp_', '')],
  ['an item’s id', ({ item }) => item],
  ['a number after it, as items have', ({ response }) => `${response}_0`],
  ['a chat completion’s id', ({ chat }) => chat],
  ['a chat completion’s run as a response id', ({ chat }) => chat.replace('chatcmpl-', 'resp_')],
  ['a native run as a response id', ({ native }) => native.replace('run_', 'resp_')],
  ['an SQL condition', () => "resp_'%20OR%201=1"],
]
for (const [title, make] of invalidIds) {
  test(`an id that is not of a stored response is not found on any route: ${title}`, async (t) => {
    const scene = await setUp(t)
    const response = await scene.make()
    const chat = await scene.post('/v1/chat/completions', {
      model: 'sonnet',
      messages: [{ role: 'user', content: 'hi' }],
    })
    const native = await scene.post('/v1/chat', { prompt: 'hi', background: true })
    const id = make({
      response: response.id,
      item: idOf(response),
      chat: (chat.body as { id: string }).id,
      native: (native.body as { id: string }).id,
    })
    for (const rest of ['', '?stream=true', '/input_items']) {
      assert.equal(errorOf(await scene.get(`${path}/${id}${rest}`))[0], 404, rest)
    }
    assert.equal(errorOf(await scene.remove(`${path}/${id}`))[0], 404)
    assert.equal(errorOf(await scene.post(`${path}/${id}/cancel`))[0], 404)
    const previous = { ...hello, previous_response_id: decodeURIComponent(id) }
    assert.deepEqual(errorOf(await scene.post(path, previous)), missing)
    assert.equal(responseOf(await scene.get(`${path}/${response.id}`)).id, response.id)
  })
}

test('an id of a megabyte is refused, and its answer is short', async (t) => {
  const { get, post } = await setUp(t)
  const id = `resp_${'a'.repeat(2 ** 20)}`
  const inUrl = await get(`${path}/${id}`)
  assert.ok(inUrl.status === 404 || inUrl.status === 414, String(inUrl.status))
  const previous = await post(path, { ...hello, previous_response_id: id })
  assert.deepEqual(errorOf(previous), missing)
  const reference = await post(path, { ...hello, input: [{ type: 'item_reference', id }] })
  assert.deepEqual(errorOf(reference), [400, null, 'input[0].id'])
  for (const answer of [inUrl, previous, reference]) assert.ok(answer.text.length < 1000)
})

test('an id that is too long is 404', async (t) => {
  const { get } = await setUp(t)
  for (const length of [100, 190, 201, 1000]) {
    assert.equal((await get(`${path}/resp_${'a'.repeat(length)}`)).status, 404, String(length))
  }
})
