// Checks what the OpenAI surface sends, with the real CLI and over a real connection, against the official SDK's own
// type declarations. What the answers mean is tested in test/clients.
//
// Three things the declarations cannot describe:
// - `reasoning_content` is an extra key that is customary among servers of thinking models; the SDK's types do not have
//   it. A test makes sure that it is the only one.
// - The list of models is a class of the SDK (`Page<Model>`) with an `object` and the `data`; the SDK does not declare
//   the value of `object`, which is `list` in the vendor's API.
// - The last frame of a stream is the text `[DONE]`, or the error that broke it.
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import OpenAI from 'openai'
import { model, weatherTool } from '../../clients/openai-calls.ts'
import { test, testIf } from '../../helpers/extended.ts'
import { assertFits, brokenCopies, sdkSchema, undeclaredIn } from '../../helpers/sdk-schemas.ts'
import { startTestServer, step } from '../../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 4 } })

type Json = Record<string, unknown>
type Completion = OpenAI.ChatCompletion
type Chunk = OpenAI.ChatCompletionChunk

const post = (body: Json | string, headers: Record<string, string> = {}, path = '/v1/chat/completions') =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

const get = (path: string) => fetch(`${server.url}${path}`)

async function askWhole(body: Json): Promise<Completion> {
  const response = await post({ model, ...body })
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text())
  return (await response.json()) as Completion
}

/** The `data:` of each frame of a stream. */
async function framesOf(response: Response): Promise<string[]> {
  const text = await response.text()
  assert.equal(response.status, 200, text)
  assert.ok(text.endsWith('\n\n'), text)
  const frames = text.slice(0, -2).split('\n\n')
  for (const frame of frames) assert.match(frame, /^data: [^\n]+$/)
  return frames.map((frame) => frame.slice('data: '.length))
}

async function askStream(body: Json): Promise<Chunk[]> {
  const frames = await framesOf(await post({ model, ...body, stream: true }))
  assert.equal(frames.at(-1), '[DONE]')
  return frames.slice(0, -1).map((frame) => JSON.parse(frame))
}

/** The keys of a message, or of its deltas, that have a value; they show that an answer is of the expected kind. */
function filledKeys(messages: readonly object[]): string[] {
  const isFilled = ([key, value]: [string, unknown]) =>
    key !== 'role' && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  const keys = messages.flatMap((message) => Object.entries(message).filter(isFilled))
  return [...new Set(keys.map(([key]) => key))].sort()
}

type Case = { ask: Json; filled: string[]; finish: string }

const fromUser = (content: unknown) => [{ role: 'user', content }]
const user = (fields: Json) => fromUser(step(fields))
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }
const command = { command: 'echo hello', description: 'a command' }
const inRome = { name: 'get_weather', input: { city: 'Rome' } }
const inOslo = { name: 'get_weather', input: { city: 'Oslo' } }
const citySchema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const note = { type: 'custom', custom: { name: 'note', description: 'Takes a note.' } }
const now = { type: 'function', function: { name: 'now' } }
const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5, cache_creation_input_tokens: 2 }

const cases: Record<string, Case> = {
  text: {
    ask: { messages: user({ text: 'one two three', tokens: 3, usage }) },
    filled: ['content'],
    finish: 'stop',
  },
  'no text': { ask: { messages: user({ text: '' }) }, filled: [], finish: 'stop' },
  metadata: {
    ask: { messages: user({ text: 'one' }), metadata: { purpose: 'a test' } },
    filled: ['content'],
    finish: 'stop',
  },
  'thinking that is shown': {
    ask: { messages: user({ thinking: 3, text: 'one' }), reasoning_effort: 'low' },
    filled: ['content', 'reasoning_content'],
    finish: 'stop',
  },
  'one call': {
    ask: { messages: user({ tools: [inRome] }), tools: [weatherTool] },
    filled: ['tool_calls'],
    finish: 'tool_calls',
  },
  'a call without arguments': {
    ask: { messages: user({ tool: 'now' }), tools: [now] },
    filled: ['tool_calls'],
    finish: 'tool_calls',
  },
  'text before a call': {
    ask: { messages: user({ text: 'I will look.', tools: [inRome] }), tools: [weatherTool] },
    filled: ['content', 'tool_calls'],
    finish: 'tool_calls',
  },
  'thinking before calls at once': {
    ask: { messages: user({ thinking: 2, tools: [inRome, inOslo] }), tools: [weatherTool], reasoning: {} },
    filled: ['reasoning_content', 'tool_calls'],
    finish: 'tool_calls',
  },
  'calls of both kinds at once': {
    ask: {
      messages: user({ tools: [inRome, { name: 'note', input: { input: 'It rains.' } }, inOslo] }),
      tools: [weatherTool, note],
    },
    filled: ['tool_calls'],
    finish: 'tool_calls',
  },
  'a call of a custom tool': {
    ask: { messages: user({ tool: 'note', input: { input: 'It rains.' } }), tools: [note] },
    filled: ['tool_calls'],
    finish: 'tool_calls',
  },
  'a legacy function call': {
    ask: { messages: user({ tools: [inRome] }), functions: [weatherTool.function] },
    filled: ['function_call'],
    finish: 'function_call',
  },
  'a length that is reached': {
    ask: { messages: user({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' }), max_completion_tokens: 2 },
    filled: ['content'],
    finish: 'length',
  },
  'a stop sequence': {
    ask: { messages: user({ text: 'one END two', tokens: 11 }), stop: ['END'] },
    filled: ['content'],
    finish: 'stop',
  },
  'a JSON object': {
    ask: { messages: user({ text: '{"city":"Rome"}', tokens: 3 }), response_format: { type: 'json_object' } },
    filled: ['content'],
    finish: 'stop',
  },
  "a schema's JSON": {
    ask: {
      messages: user({ tool: 'StructuredOutput', input: { city: 'Rome' } }),
      response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: citySchema } },
    },
    filled: ['content'],
    finish: 'stop',
  },
  'text about an image': {
    ask: { messages: fromUser([{ type: 'text', text: step({ text: 'A dot.' }) }, image]) },
    filled: ['content'],
    finish: 'stop',
  },
  "an agent's work": {
    ask: {
      model: `agent/${model}`,
      messages: fromUser(step({ text: 'I will look.', tool: 'Bash', input: command }) + step({ text: 'Done.' })),
    },
    filled: ['content'],
    finish: 'stop',
  },
}

/**
 * A whole answer has the text of a refusal in `refusal`. A stream has already sent it as content by the time it ends.
 */
const refusal: Json = { messages: user({ text: 'I will not.', stop_reason: 'refusal' }) }
const emptyRefusal: Json = { messages: user({ text: '', stop_reason: 'refusal' }) }

const wholeCases: Record<string, Case> = {
  ...cases,
  'a refusal': { ask: refusal, filled: ['refusal'], finish: 'content_filter' },
  'a refusal without text': { ask: emptyRefusal, filled: ['refusal'], finish: 'content_filter' },
}

const streamCases: Record<string, Case> = {
  ...cases,
  'a refusal': { ask: refusal, filled: ['content'], finish: 'content_filter' },
  'a refusal without text': { ask: emptyRefusal, filled: ['refusal'], finish: 'content_filter' },
  usage: {
    ask: { messages: user({ text: 'one', usage }), stream_options: { include_usage: true } },
    filled: ['content'],
    finish: 'stop',
  },
}

for (const [what, { ask, filled, finish }] of Object.entries(wholeCases)) {
  test(`a whole answer with ${what} matches the SDK's declarations`, async () => {
    const completion = await askWhole(ask)
    const { message, finish_reason } = completion.choices[0] ?? {}
    assert.deepEqual([filledKeys([message ?? {}]), finish_reason], [filled, finish])
    assertFits('openai', 'ChatCompletion', completion)
    const extra = filled.includes('reasoning_content') ? ['/choices/0/message/reasoning_content'] : []
    assert.deepEqual(undeclaredIn('openai', 'ChatCompletion', completion), extra)
  })
}

for (const [what, { ask, filled, finish }] of Object.entries(streamCases)) {
  testIf(what !== "an agent's work")(`each chunk of a stream with ${what} matches the SDK's declarations`, async () => {
    const chunks = await askStream(ask)
    const choices = chunks.flatMap((chunk) => chunk.choices)
    const keys = filledKeys(choices.map(({ delta }) => delta))
    assert.deepEqual([keys, choices.at(-1)?.finish_reason], [filled, finish])
    assert.equal(chunks.filter((chunk) => chunk.usage).length, ask.stream_options ? 1 : 0)
    for (const chunk of chunks) {
      assertFits('openai', 'ChatCompletionChunk', chunk)
      const isReasoning = filledKeys(chunk.choices.map(({ delta }) => delta)).includes('reasoning_content')
      const extra = isReasoning ? ['/choices/0/delta/reasoning_content'] : []
      assert.deepEqual(undeclaredIn('openai', 'ChatCompletionChunk', chunk), extra)
    }
  })
}

test("the list of models and each model in it match the SDK's declarations", async () => {
  const list = (await (await get('/v1/models')).json()) as { object: string; data: { id: string }[] }
  assert.deepEqual(Object.keys(list).sort(), ['data', 'object'])
  assert.equal(list.object, 'list')
  assert.ok(list.data.length > 1)
  for (const each of list.data) {
    assertFits('openai', 'Model', each)
    assert.deepEqual(undeclaredIn('openai', 'Model', each), [])
  }
  for (const id of [model, `agent/${model}`]) assert.ok(list.data.some((each) => each.id === id))
})

for (const id of [model, `agent/${model}`, 'claude-haiku-5-5']) {
  test(`the model ${id} matches the SDK's declarations`, async () => {
    const found = await (await get(`/v1/models/${id}`)).json()
    assertFits('openai', 'Model', found)
    assert.deepEqual(undeclaredIn('openai', 'Model', found), [])
  })
}

/** The SDK's errors have the keys of the body's `error` as fields; it declares that object as ErrorObject. */
function assertError(body: unknown, status: number | undefined): void {
  assert.deepEqual(Object.keys(body as Json), ['error'])
  const { error } = body as { error: Json }
  assertFits('openai', 'ErrorObject', error)
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type'])
  assert.notEqual(error.message, '')
  const raised = new OpenAI.APIError(status, error, undefined, new Headers())
  const { code, param, type } = raised
  assert.deepEqual({ code, param, type, message: error.message }, error)
  assert.ok(raised.message.endsWith(String(error.message)), raised.message)
}

const hello = { model, messages: fromUser('hi') }
/** A failure of the model's API that the CLI does not retry by itself. */
const failing = (status: number) => ({ model, messages: user({ status, headers: { 'x-should-retry': 'false' } }) })

const form = { 'content-type': 'multipart/form-data; boundary=x' }

const failures: [what: string, status: number, ask: () => Promise<Response>][] = [
  ['a body that is not JSON', 400, () => post('{"model":')],
  ['a request without messages', 400, () => post({ model })],
  ['a parameter that is not supported', 400, () => post({ ...hello, n: 2 })],
  ['a stream that cannot start', 400, () => post({ ...hello, stream: true, messages: [] })],
  ["a login that the model's API refuses", 401, () => post(failing(401))],
  ['a request of a foreign web page', 403, () => post(hello, { origin: 'https://example.org' })],
  ['an unknown model', 404, () => post({ ...hello, model: 'gpt-unheard-of' })],
  ['the lookup of an unknown model', 404, () => get('/v1/models/gpt-unheard-of')],
  ['a route of the vendor that is not supported', 404, () => post({ model, input: 'hi' }, {}, '/v1/embeddings')],
  ['a file for a route that is not supported', 404, () => post('--x--', form, '/v1/audio/transcriptions')],
  ['a method that is not allowed', 405, () => get('/v1/chat/completions')],
  ['a body of another type', 415, () => post('hi', { 'content-type': 'text/plain' })],
  ["a limit of the model's API", 429, () => post(failing(429))],
  ["an error of the model's API", 500, () => post(failing(500))],
  ["an overloaded model's API, before a stream", 503, () => post({ ...failing(529), stream: true })],
]

for (const [what, status, ask] of failures) {
  test(`${what} gets an error that the SDK can read completely`, async () => {
    const response = await ask()
    const body = await response.json()
    assert.equal(response.status, status, JSON.stringify(body))
    assertError(body, status)
  })
}

test('a stream that breaks off ends with an error that the SDK can read completely', async () => {
  const messages = user({ tokens: 10, gap: 50, cut: 3 })
  const frames = (await framesOf(await post({ model, messages, stream: true }))).map((frame) => JSON.parse(frame))
  assert.ok(frames.length > 1)
  for (const chunk of frames.slice(0, -1)) assertFits('openai', 'ChatCompletionChunk', chunk)
  assertError(frames.at(-1), undefined)
})

/** Checks each broken copy of a value against the SDK's declaration, and returns what was broken. */
function refusedCopies(typeName: string, value: unknown): string[] {
  const validate = sdkSchema('openai', typeName)
  assertFits('openai', typeName, value)
  return [...brokenCopies('openai', typeName, value)].map(({ problem: defect, value: broken }) => {
    assert.equal(validate(broken), false, `the check passes although ${defect}: ${JSON.stringify(broken)}`)
    assert.throws(() => assertFits('openai', typeName, broken), assert.AssertionError)
    return defect
  })
}

const bothWays = (paths: readonly string[]) =>
  paths.flatMap((path) => [`${path} is missing`, `${path} is something else`])

const inMessage = (path: string) => `/choices/0/message/${path}`

for (const [what, paths] of [
  ['text', ['/id', '/object', '/created', '/model', '/choices', '/usage/total_tokens', inMessage('content')]],
  ['one call', ['/id', '/type', '/function/name', '/function/arguments'].map((key) => inMessage(`tool_calls/0${key}`))],
  ['calls of both kinds at once', [inMessage('tool_calls/1/custom/input'), inMessage('tool_calls/2/function')]],
  ['a legacy function call', [inMessage('function_call/name'), inMessage('function_call/arguments')]],
] as const) {
  test(`a whole answer with ${what} fails the check if a required key is missing or of another type`, async () => {
    const refused = refusedCopies('ChatCompletion', await askWhole(cases[what]?.ask ?? {}))
    for (const defect of bothWays(paths)) assert.ok(refused.includes(defect), `${defect}: never tried`)
  })
}

test('a chunk of a stream fails the check if a required key is missing or of another type', async () => {
  const chunks = await askStream({
    ...cases['calls of both kinds at once']?.ask,
    stream_options: { include_usage: true },
  })
  const refused = new Set(chunks.flatMap((chunk) => refusedCopies('ChatCompletionChunk', chunk)))
  const paths = ['/id', '/object', '/choices/0/delta', '/choices/0/finish_reason', '/usage/total_tokens']
  for (const defect of bothWays([...paths, '/choices/0/delta/tool_calls/0/index'])) {
    assert.ok(refused.has(defect), `${defect}: never tried`)
  }
})

test('a model or an error fails the check if a required key is missing or of another type', async () => {
  const found = await (await get(`/v1/models/${model}`)).json()
  assert.deepEqual(refusedCopies('Model', found).sort(), bothWays(['/created', '/id', '/object', '/owned_by']))
  const { error } = (await (await post({ model })).json()) as { error: unknown }
  assert.deepEqual(refusedCopies('ErrorObject', error).sort(), bothWays(['/code', '/message', '/param', '/type']))
})

test('a check against a type that the SDK does not have throws', () => {
  assert.throws(() => sdkSchema('openai', 'ChatCompletionUnheardOf'), /OpenAI\.ChatCompletionUnheardOf/)
})
