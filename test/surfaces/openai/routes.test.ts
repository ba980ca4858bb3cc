// The OpenAI routes on a scripted agent: paths, statuses, headers and streams as they are on the wire.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { createRuns } from '../../../src/core/run-registry.ts'
import { AppError } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import {
  ChatCompletion,
  ChatCompletionChunk,
  ErrorBody,
  Model,
  ModelList,
} from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import type { OpenaiOptions } from '../../../src/surfaces/openai/shared/options.ts'
import { createInjectApp, type InjectAppOptions, openaiRest } from '../../helpers/inject-app.ts'
import { runEnd, runStart, type Script, ScriptedAgent } from '../../helpers/scripted-agent.ts'

const facts = [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]
const hello = { model: 'sonnet', messages: [{ role: 'user', content: 'hi' }] }
const headers = { host: 'localhost:5005', 'content-type': 'application/json' }
const path = '/v1/chat/completions'

function setup(agent: ScriptedAgent, options: Partial<OpenaiOptions> = {}): InjectAppOptions {
  const prepare: InjectAppOptions['prepare'] = (app) => {
    void app.register(async (scope) =>
      registerOpenai(scope, {
        ...openaiRest(),
        runs: createRuns({ agent, store: openMemoryStore(), now: () => 1_790_000_000_500 }),
        models: async () => facts,
        modelMap: { 'gpt-4o': 'sonnet' },
        requestTimeoutMs: 300_000,
        ...options,
      }),
    )
  }
  return { agent, prepare }
}

async function start(t: TestContext, script?: Script, options?: Partial<OpenaiOptions>) {
  const agent = new ScriptedAgent(script)
  const { inject } = await createInjectApp(t, setup(agent, options))
  const post = (body: object | string, more: Record<string, string> = {}, url = path) =>
    inject({ method: 'POST', url, headers: { ...headers, ...more }, payload: body })
  const get = (url: string) => inject({ method: 'GET', url, headers })
  return { agent, post, get }
}

/** The frames of a stream: chunks, checked against their schema, and the frames that are not chunks. */
function framesOf({ statusCode, headers: responseHeaders, body }: LightMyRequestResponse) {
  assert.equal(statusCode, 200, body)
  assert.match(String(responseHeaders['content-type']), /^text\/event-stream/)
  assert.ok(body.endsWith('\n\n'))
  const frames = body.slice(0, -2).split('\n\n')
  for (const frame of frames) assert.match(frame, /^data: [^\n]+$/)
  const data = frames.map((frame) => frame.slice('data: '.length))
  const isChunk = (each: string) => each !== '[DONE]' && !each.startsWith('{"error"')
  return {
    chunks: data.filter(isChunk).map((each) => ChatCompletionChunk.parse(JSON.parse(each))),
    rest: data.filter((each) => !isChunk(each)),
  }
}

test('a completion is returned whole', async (t) => {
  const { agent, post } = await start(t)
  const answer = await post({ ...hello, stream: false })
  assert.equal(answer.statusCode, 200, answer.body)
  const completion = ChatCompletion.parse(answer.json())
  assert.equal(completion.choices[0].message.content, 'Hello there')
  assert.equal(completion.created, 1_790_000_000)
  assert.equal(completion.model, 'claude-sonnet-5')
  assert.match(completion.id, /^chatcmpl-[0-9a-f]{32}$/)
  assert.equal(answer.headers['x-run-id'], `run_${completion.id.slice('chatcmpl-'.length)}`)
  assert.match(String(answer.headers['x-request-id']), /^req_/)
  assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  assert.equal(agent.requests[0]?.options.model, 'sonnet')
})

test('a stream ends with [DONE], and all of its chunks have the same id', async (t) => {
  const { agent, post } = await start(t)
  const { chunks, rest } = framesOf(await post({ ...hello, stream: true, stream_options: { include_usage: true } }))
  assert.deepEqual(rest, ['[DONE]'])
  assert.equal(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join(''), 'Hello there')
  assert.equal(chunks.at(-1)?.usage?.total_tokens, 12)
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1)
  assert.equal(agent.requests[0]?.streaming, true)
})

for (const url of [path, `${path}/`, `/v1${path}`, '/chat/completions', '/chat/completions/']) {
  test(`POST ${url} returns a completion`, async (t) => {
    const { post } = await start(t)
    assert.equal((await post(hello, {}, url)).statusCode, 200)
  })
}

test('all spellings of a path are one route: for the log, and for an idempotency key', async (t) => {
  const agent = new ScriptedAgent()
  const runs = createRuns({ agent, store: openMemoryStore() })
  const { inject, logLines } = await createInjectApp(t, setup(agent, { runs }))
  for (const url of [path, '/chat/completions/?beta=true', '/v1/v1/chat/completions']) {
    const key = { 'idempotency-key': 'one' }
    const answer = await inject({ method: 'POST', url, headers: { ...headers, ...key }, payload: hello })
    assert.equal(answer.statusCode, 200, answer.body)
  }
  assert.equal(agent.requests.length, 1)
  assert.deepEqual(
    logLines.flatMap(({ route }) => route ?? []),
    [path, path, path],
  )
})

test('a path that is not supported is refused in every spelling, under the name that the client used', async (t) => {
  const { post, get } = await start(t)
  const refused = await post({}, {}, '/v1//threads/abc')
  assert.equal(refused.statusCode, 404)
  assert.match(ErrorBody.parse(refused.json()).error.message, /^\/v1\/\/threads\/abc is not supported: use \/v1\//)
  const wrongMethod = await get('/v1/v1/chat/completions')
  assert.equal(wrongMethod.statusCode, 405)
  assert.equal(wrongMethod.headers.allow, 'POST')
  assert.equal(ErrorBody.parse(wrongMethod.json()).error.code, 'method_not_supported')
})

for (const url of ['/v1/models', '/v1/models/', '/v1/v1/models', '/models', '/v1/models?client_version=1']) {
  test(`GET ${url} returns the list of models`, async (t) => {
    const { get } = await start(t)
    const { data } = ModelList.parse((await get(url)).json())
    assert.ok(data.some(({ id }) => id === 'agent/sonnet'))
  })
}

for (const id of ['sonnet', 'agent/sonnet', 'gpt-4o', 'claude-sonnet-4-5-20250929']) {
  test(`GET of the model ${id} works with its slash escaped or not`, async (t) => {
    const { get } = await start(t)
    for (const written of [id, encodeURIComponent(id)]) {
      assert.equal(Model.parse((await get(`/v1/models/${written}`)).json()).id, id)
    }
  })
}

test('an unknown model is 404 on every route, and no run starts', async (t) => {
  const { agent, post, get } = await start(t)
  for (const answer of [await post({ ...hello, model: 'llama' }), await get('/v1/models/llama')]) {
    assert.equal(answer.statusCode, 404)
    const { error } = ErrorBody.parse(answer.json())
    assert.deepEqual([error.code, error.param], ['model_not_found', 'model'])
  }
  assert.equal(agent.requests.length, 0)
})

test('if the CLI cannot list models, its error is returned', async (t) => {
  const models = async () => {
    throw new AppError('claude_not_found', 'There is no claude.')
  }
  const { get, post } = await start(t, undefined, { models })
  for (const answer of [await get('/v1/models'), await post(hello)]) {
    assert.equal(answer.statusCode, 500)
    assert.equal(ErrorBody.parse(answer.json()).error.code, 'cli_error')
  }
})

const badBodies: [string, object | string, string | null][] = [
  ['invalid JSON', '{"model":', null],
  ['a list', '[]', null],
  ['nothing', '', null],
  ['no messages', { model: 'sonnet' }, 'messages'],
  ['n of two', { ...hello, n: 2 }, 'n'],
  ['a schema that is not an object', withSchema({ type: 'array' }), 'response_format.json_schema.schema'],
  ['an invalid schema', withSchema({ type: 'object', properties: 7 }), 'response_format.json_schema.schema'],
]
for (const [title, body, param] of badBodies) {
  test(`a body with ${title} is refused in OpenAI's form, and no run starts`, async (t) => {
    const { agent, post } = await start(t)
    const answer = await post(body)
    assert.equal(answer.statusCode, 400, answer.body)
    const { error } = ErrorBody.parse(answer.json())
    assert.deepEqual([error.type, error.param], ['invalid_request_error', param])
    assert.equal(agent.requests.length, 0)
  })
}

function withSchema(schema: object) {
  return { ...hello, response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }
}

test('requests that the access checks refuse get errors in OpenAI’s form', async (t) => {
  const { post } = await start(t)
  const foreign = await post(hello, { origin: 'https://example.org' })
  assert.equal(foreign.statusCode, 403)
  assert.equal(ErrorBody.parse(foreign.json()).error.code, 'origin_not_allowed')
  const typeless = await post(JSON.stringify(hello), { 'content-type': 'text/plain' })
  assert.equal(typeless.statusCode, 415)
  ErrorBody.parse(typeless.json())
})

test('parameters without effect are listed in a header, or refused for a strict caller', async (t) => {
  const { agent, post } = await start(t)
  const body = { ...hello, temperature: 0, seed: 1 }
  const names = 'temperature, seed'
  assert.equal((await post(body)).headers['x-claude-serve-ignored'], names)
  assert.equal((await post({ ...body, stream: true })).headers['x-claude-serve-ignored'], names)
  const refused = await post(body, { 'x-claude-serve-strict': 'true' })
  assert.equal(refused.statusCode, 400)
  const { error } = ErrorBody.parse(refused.json())
  assert.deepEqual([error.param, error.code], ['temperature', 'unsupported_parameter'])
  assert.equal((await post(hello, { 'x-claude-serve-strict': 'true' })).statusCode, 200)
  assert.equal(agent.requests.length, 3)
})

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'a whole answer'

  test(`${kind} contains the JSON that fits the schema`, async (t) => {
    const { agent, post } = await start(t, [runStart(), runEnd({ structuredOutput: { a: 1 }, result: '{"a":1}' })])
    const answer = await post({ ...withSchema({ type: 'object' }), stream })
    const texts = stream
      ? framesOf(answer).chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '')
      : [ChatCompletion.parse(answer.json()).choices[0].message.content]
    assert.equal(texts.join(''), '{"a":1}')
    assert.deepEqual(agent.requests[0]?.options.jsonSchema, { type: 'object' })
  })
}
