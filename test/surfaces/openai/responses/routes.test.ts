// Creating a response through the routes, whole, streamed and in the background: paths, statuses, headers and events as
// they are on the wire. Stored responses are tested in stored.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../../src/errors.ts'
import { Response, ResponseTokens } from '../../../../src/surfaces/openai/responses/reply-schemas.ts'
import { silent } from '../../../core/runs-scene.ts'
import { failedEnd, goodRun, runEnd, runStart, textBlock } from '../../../helpers/scripted-agent.ts'
import { errorOf, eventsIn, hello, listen, reach, responseOf, setUp, textIn } from './scene.ts'

const path = '/v1/responses'
const look = { type: 'function', name: 'look', parameters: { type: 'object' } }
const strict = { 'x-claude-serve-strict': 'true' }
const schema = (body: unknown) => ({ text: { format: { type: 'json_schema', name: 'x', schema: body } } })

test('a response is returned whole', async (t) => {
  const { post, agent } = await setUp(t)
  const answer = await post(path, { ...hello, instructions: 'Be brief.' })
  const response = responseOf(answer)
  assert.deepEqual([response.status, textIn(response), response.model], ['completed', 'Hello there', 'claude-sonnet-5'])
  assert.match(response.id, /^resp_[0-9a-f]{32}$/)
  assert.equal(answer.headers['x-run-id'], response.id.replace('resp_', 'run_'))
  assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  assert.partialDeepStrictEqual(agent.requests[0], {
    prompt: [{ type: 'text', text: 'hi' }],
    options: { model: 'sonnet', systemPrompt: 'Be brief.' },
    streaming: false,
  })
})

test('a stream contains the whole response, each event with its name and its number', async (t) => {
  const { post, agent } = await setUp(t)
  const answer = await post(path, { ...hello, stream: true })
  assert.match(String(answer.headers['content-type']), /^text\/event-stream/)
  const events = eventsIn(answer)
  assert.deepEqual(
    events.map(({ sequence_number: number }) => number),
    events.map((_, index) => index),
  )
  const last = events.at(-1)
  assert.ok(last?.type === 'response.completed')
  assert.equal(textIn(last.response), 'Hello there')
  assert.equal(answer.headers['x-run-id'], last.response.id.replace('resp_', 'run_'))
  assert.equal(agent.requests[0]?.streaming, true)
})

for (const base of ['', '/v1', '/v1/v1']) {
  for (const slash of ['', '/']) {
    test(`every route exists below ${base}/responses ${slash === '' ? 'without' : 'with'} a trailing slash`, async (t) => {
      const { post, get, remove } = await setUp(t)
      const url = (rest = '') => `${base}/responses${rest}${slash}`
      const { id } = responseOf(await post(url(), hello))
      assert.equal(responseOf(await get(url(`/${id}`))).id, id)
      assert.equal((await get(url(`/${id}/input_items`))).status, 200)
      assert.equal((await post(url('/input_tokens'), hello)).status, 200)
      assert.equal((await post(url(`/${id}/cancel`))).status, 400)
      assert.equal((await remove(url(`/${id}`))).status, 200)
      assert.equal((await get(url(`/${id}`))).status, 404)
    })
  }
}

const refused: [title: string, body: object, status: number, code: string | null, param: string | null][] = [
  ['no model', { input: 'hi' }, 400, 'missing_required_parameter', 'model'],
  ['no input', { model: 'sonnet' }, 400, 'missing_required_parameter', 'input'],
  ['null for input', { model: 'sonnet', input: null }, 400, 'missing_required_parameter', 'input'],
  ['an empty list', { ...hello, input: [] }, 400, null, 'input'],
  ['an empty text', { ...hello, input: '' }, 400, null, 'input'],
  ['nothing but whitespace', { ...hello, input: ' \n ' }, 400, null, 'input'],
  ['an unknown model', { ...hello, model: 'llama' }, 404, 'model_not_found', 'model'],
  ['an unknown conversation', { ...hello, conversation: 'conv_1' }, 404, null, 'conversation'],
  ['a schema that is not an object', { ...hello, ...schema({ type: 'array' }) }, 400, null, 'text.format.schema'],
  ['an invalid schema', { ...hello, ...schema({ type: 'object', properties: 7 }) }, 400, null, 'text.format.schema'],
  [
    'parameters that are not a valid schema',
    { ...hello, tools: [look, { ...look, name: 'b', parameters: { type: 'object', properties: 7 } }] },
    400,
    null,
    'tools[1].parameters',
  ],
  [
    'an invalid output in the third item',
    {
      ...hello,
      input: [
        { role: 'user', content: 'hi' },
        { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: 7 },
      ],
    },
    400,
    null,
    'input[2].output',
  ],
  [
    'an unknown previous response',
    { ...hello, previous_response_id: 'resp_x' },
    400,
    'previous_response_not_found',
    'previous_response_id',
  ],
]
for (const [title, body, status, code, param] of refused) {
  test(`a request with ${title} is refused in OpenAI's form, and no run starts`, async (t) => {
    const { post, agent } = await setUp(t)
    for (const stream of [false, true]) {
      assert.deepEqual(errorOf(await post(path, { ...body, stream })), [status, code, param])
    }
    assert.equal(agent.requests.length, 0)
  })
}

test('a body that is not an object is refused', async (t) => {
  const { post } = await setUp(t)
  for (const body of ['[]', '"hi"', '7', 'null', '{', '']) assert.equal(errorOf(await post(path, body))[0], 400, body)
})

test('fields without effect are named in a header, or refused for a strict caller', async (t) => {
  const { post, agent } = await setUp(t)
  const body = {
    ...hello,
    temperature: 0,
    tools: [{ type: 'web_search' }, look],
    input: [
      { type: 'web_search_call', id: 'ws_1' },
      { role: 'user', content: 'hi' },
    ],
  }
  const names = 'temperature, tools[0], input[0]'
  for (const stream of [false, true]) {
    assert.equal((await post(path, { ...body, stream })).headers['x-claude-serve-ignored'], names)
  }
  assert.deepEqual(errorOf(await post(path, body, strict)), [400, 'unsupported_parameter', 'temperature'])
  assert.equal((await post(path, hello, strict)).status, 200)
  assert.equal(agent.requests.length, 3)
})

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'a whole answer'

  test(`${kind} contains the JSON that fits the schema`, async (t) => {
    const { agent, post } = await setUp(t, [runStart(), runEnd({ structuredOutput: { a: 1 }, result: 'words' })])
    const answer = await post(path, { ...hello, ...schema({ type: 'object' }), stream })
    const last = stream ? eventsIn(answer).at(-1) : null
    const response = last && 'response' in last ? last.response : responseOf(answer)
    assert.equal(textIn(response), '{"a":1}')
    assert.deepEqual(agent.requests[0]?.options.jsonSchema, { type: 'object' })
  })
}

test('a whole answer that does not fit the schema is an error, and is stored as a failed response', async (t) => {
  const { post, get } = await setUp(t, goodRun(['No.']))
  const answer = await post(path, { ...hello, ...schema({ type: 'object' }) })
  assert.deepEqual(errorOf(answer), [500, 'cli_error', null])
  const id = String(answer.headers['x-run-id']).replace('run_', 'resp_')
  const response = responseOf(await get(`${path}/${id}`))
  assert.deepEqual([response.status, response.error?.code], ['failed', 'server_error'])
})

test('a stream that fails after its first text ends with the error', async (t) => {
  const broke = new AppError('claude_failed', 'It broke.')
  const { post } = await setUp(t, [runStart(), ...textBlock(0, ['Half an']), failedEnd(broke)])
  const events = eventsIn(await post(path, { ...hello, stream: true }))
  assert.deepEqual(
    events.slice(-2).map(({ type }) => type),
    ['response.failed', 'error'],
  )
  assert.ok(events.some((event) => event.type === 'response.output_text.delta' && event.delta === 'Half an'))
})

test('a stream whose answer does not fit the schema ends with the error', async (t) => {
  const { post } = await setUp(t, goodRun(['No.']))
  const events = eventsIn(await post(path, { ...hello, ...schema({ type: 'object' }), stream: true }))
  const [failed, last] = events.slice(-2)
  assert.ok(failed?.type === 'response.failed' && last?.type === 'error')
  assert.match(last.message, /text\.format/)
  assert.equal(failed.response.error?.message, last.message)
})

test('tokens are counted without a run, and fields without effect are named', async (t) => {
  const { post, agent } = await setUp(t)
  const answer = await post(`${path}/input_tokens`, { ...hello, temperature: 0 })
  assert.deepEqual(ResponseTokens.parse(answer.body), { object: 'response.input_tokens', input_tokens: 7 })
  assert.equal(answer.headers['x-claude-serve-ignored'], 'temperature')
  assert.equal(answer.headers['x-claude-serve-estimate'], 'input_tokens')
  assert.deepEqual(errorOf(await post(`${path}/input_tokens`, { model: 'sonnet' })), [
    400,
    'missing_required_parameter',
    'input',
  ])
  assert.equal(agent.requests.length, 0)
})

test('token counting includes the previous responses', async (t) => {
  const { post, make } = await setUp(t)
  const { id } = await make()
  assert.equal((await post(`${path}/input_tokens`, { ...hello, previous_response_id: id })).status, 200)
  const unknown = `resp_${'0'.repeat(32)}`
  const error = errorOf(await post(`${path}/input_tokens`, { ...hello, previous_response_id: unknown }))
  assert.deepEqual(error, [400, 'previous_response_not_found', 'previous_response_id'])
})

const posting = { method: 'POST', headers: { 'content-type': 'application/json' } }

test('a background response continues after its creator and its readers disconnect', async (t) => {
  const { url, agent, runs } = await listen(t, silent)
  const body = JSON.stringify({ ...hello, background: true, stream: true })
  const asking = new AbortController()
  const created = await fetch(`${url}${path}`, { ...posting, body, signal: asking.signal })
  const id = String(created.headers.get('x-run-id')).replace('run_', 'resp_')
  const reading = new AbortController()
  const read = await fetch(`${url}${path}/${id}?stream=true`, { signal: reading.signal })
  assert.equal(read.status, 200)
  for (const controller of [asking, reading]) controller.abort()
  const still = await fetch(`${url}${path}/${id}`)
  assert.equal(Response.parse(await still.json()).status, 'in_progress')
  assert.deepEqual([agent.signals[0]?.aborted, runs.active()], [false, 1])
})

const completedAt = (text: string) => /"completed_at":(\d+)/.exec(text)?.[1]
const key = (value: string) => ({ 'idempotency-key': value })
for (const [kind, more] of [
  ['a whole answer', {}],
  ['a stream', { stream: true }],
] as const) {
  test(`a repeated idempotency key gets the same answer from the same run, however late: ${kind}`, async (t) => {
    let nowMs = 1_790_000_000_000
    const { post, agent } = await setUp(t, goodRun(['Hel', 'lo']), { now: () => nowMs })
    const first = await post(path, { ...hello, ...more }, key('k'))
    assert.equal(first.status, 200, first.text)
    nowMs += 3_600_000
    const again = await post(path, { ...hello, ...more }, key('k'))
    assert.equal(again.headers['idempotent-replayed'], 'true')
    assert.equal(again.headers['x-run-id'], first.headers['x-run-id'])
    assert.equal(agent.requests.length, 1)
    assert.equal(completedAt(again.text), completedAt(first.text))
    assert.ok(again.text === first.text)
  })

  test(`an idempotency key with another body is a 409, other keys and none start a run: ${kind}`, async (t) => {
    const { post, agent } = await setUp(t)
    await post(path, { ...hello, ...more }, key('k'))
    assert.deepEqual(errorOf(await post(path, { ...hello, ...more, input: 'ho' }, key('k'))), [
      409,
      'conflict',
      'idempotency-key',
    ])
    await post(path, { ...hello, ...more }, key('l'))
    await post(path, { ...hello, ...more })
    assert.equal(agent.requests.length, 3)
  })
}

test('simultaneous requests with one idempotency key share one run and one response', async (t) => {
  const { post, agent } = await setUp(t)
  const answers = await Promise.all(Array.from({ length: 5 }, () => post(path, hello, key('k'))))
  assert.equal(new Set(answers.map((answer) => responseOf(answer).id)).size, 1)
  assert.equal(agent.requests.length, 1)
})

test('a repeated idempotency key gets a background response in its current state', async (t) => {
  const { post, agent, runs } = await setUp(t)
  const body = { ...hello, background: true }
  const first = responseOf(await post(path, body, key('k')))
  await reach({ runs }, first.id, 'succeeded')
  const again = responseOf(await post(path, body, key('k')))
  assert.deepEqual([again.id, again.status, textIn(again)], [first.id, 'completed', 'Hello there'])
  assert.equal(agent.requests.length, 1)
})

test('the idempotency key of a deleted response stays used, and nothing of the response is revealed', async (t) => {
  const { post, remove, agent } = await setUp(t)
  const { id } = responseOf(await post(path, hello, key('k')))
  await remove(`${path}/${id}`)
  const again = await post(path, hello, key('k'))
  assert.deepEqual(errorOf(again), [409, 'conflict', 'idempotency-key'])
  assert.equal(agent.requests.length, 1)
})

test('an idempotency key covers the previous response', async (t) => {
  const { post, make } = await setUp(t)
  const [one, two] = [await make(), await make()]
  const body = (id: string) => ({ ...hello, previous_response_id: id })
  assert.equal((await post(path, body(one.id), key('k'))).status, 200)
  assert.equal((await post(path, body(two.id), key('k'))).status, 409)
  assert.equal((await post(path, body(one.id), key('k'))).headers['idempotent-replayed'], 'true')
})
