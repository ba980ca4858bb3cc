// What reaches the model is what the client sent, and what reaches the client is what the model said: no part of either is replaced, cut
// or left out by the CLI in silence. With the real CLI, read at the scripted model.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, type TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { APIError } from 'openai'
import { nameForModel as towards } from '../../src/compat/reserved-tool-names.ts'
import { chat, chatError, chatStream } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 6 } })
const { upstream, folders } = server
const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
const anthropic = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 })

beforeEach(() => upstream.reset())

type Message = OpenAI.ChatCompletionMessageParam
type Block = { type: string; tool_use_id?: string; content?: { text?: string }[]; [field: string]: unknown }

const user = (content: string): Message => ({ role: 'user', content })
const model = 'sonnet'
const requestsOfModel = () => upstream.requests.filter(({ url }) => url.startsWith('/v1/messages'))
const lastRequest = () => {
  const request = requestsOfModel().at(-1)
  assert.ok(request?.body)
  return request.body
}
const blocksSent = () => lastRequest().messages.flatMap(({ content }) => content as unknown as Block[])

const parameters = { type: 'object', properties: { path: { type: 'string' } } }
const readFile: OpenAI.ChatCompletionTool = { type: 'function', function: { name: 'read_file', parameters } }
const tools = [readFile]
const anthropicTools: Anthropic.Tool[] = [{ name: 'read_file', input_schema: parameters as Anthropic.Tool.InputSchema }]

/** The stream of a model that calls `read_file` with exactly this text. */
function callWith(json: string): string {
  const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const usage = { input_tokens: 5, output_tokens: 1 }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [], usage }
  const pieces = json.match(/.{1,6}/gs) ?? []
  return [
    event('message_start', { message: { ...message, stop_reason: null, stop_sequence: null } }),
    event('content_block_start', {
      index: 0,
      content_block: { type: 'tool_use', id: 'toolu_1', name: 'read_file', input: {} },
    }),
    ...pieces.map((piece) =>
      event('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: piece } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } }),
    event('message_stop', {}),
  ].join('')
}

/**
 * The error of a call that must fail. On a slow machine a stream may have begun before that: its error has no status of
 * its own, and counts as one with this status.
 */
async function refusal(call: Promise<unknown>, statusInStream = 400): Promise<APIError> {
  const error = await call.then(drain).then(
    () => assert.fail('no error'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof APIError)
  return error.status === undefined ? Object.assign(error, { status: statusInStream }) : error
}

async function drain(answer: unknown): Promise<void> {
  if (typeof answer !== 'object' || answer === null || !(Symbol.asyncIterator in answer)) return
  for await (const _chunk of answer as AsyncIterable<unknown>);
}

const tooLong = {
  status: 400,
  error_type: 'invalid_request_error',
  message: 'prompt is too long: 1050000 tokens > 1000000 maximum',
}
const conversation: Message[] = [
  user('one'),
  { role: 'assistant', content: 'two' },
  user('three'),
  { role: 'assistant', content: 'four' },
  user('five'),
]

for (const stream of [false, true]) {
  testIf(!stream)(
    `a conversation that is too long for the model is refused, not replaced by a summary, and its process stays usable, ${stream ? 'streamed' : 'whole'}`,
    async () => {
      upstream.enqueue(tooLong)
      const { status, code } = await refusal(openai.chat.completions.create({ model, stream, messages: conversation }))
      assert.deepEqual([status, code, requestsOfModel().length], [400, 'context_length_exceeded', 1])
      const next = await openai.chat.completions.create({ model, messages: [user(step({ text: 'USABLE' }))] })
      assert.equal(next.choices[0]?.message.content, 'USABLE')
    },
  )
}

extendedTest("a conversation that is too long is refused in the same way by Anthropic's API", async () => {
  upstream.enqueue(tooLong)
  const messages = [...conversation.map(({ role, content }) => ({ role, content }))] as Anthropic.MessageParam[]
  await assert.rejects(anthropic.messages.create({ model, max_tokens: 9, messages }), /400.*prompt is too long/)
  const next = await openai.chat.completions.create({ model, messages: [user(step({ text: 'USABLE' }))] })
  assert.equal(next.choices[0]?.message.content, 'USABLE')
})

test('a conversation that is nearly too long is sent word for word', async () => {
  upstream.enqueue({ text: 'T1', usage: { input_tokens: 985_000 } })
  await openai.chat.completions.create({ model, messages: [user('the first question')] })
  const messages: Message[] = [user('the first question'), { role: 'assistant', content: 'T1' }, user('the second')]
  await openai.chat.completions.create({ model, messages })
  assert.equal(requestsOfModel().length, 2)
  const texts = blocksSent().map(({ text }) => text)
  for (const word of ['the first question', 'T1', 'the second']) assert.ok(texts.includes(word), word)
})

test('one message that no model could take is refused with the code for that', async () => {
  const { status, code } = await refusal(
    openai.chat.completions.create({ model, messages: [user('x'.repeat(5_300_000))] }),
  )
  assert.deepEqual([status, code], [400, 'context_length_exceeded'])
})

test('an agent that compacts its conversation says so, in the stream and in the answer', async () => {
  const first = await chat(server, { prompt: step({ text: 'ONE', usage: { input_tokens: 985_000 } }), model })
  assert.equal(first.compactions, 0)
  upstream.setDefaults({ text: 'A summary.' })
  const prompt = step({ text: 'TWO' })
  const events = await chatStream(server, { prompt, model, session_id: first.session_id, events: 'full' })
  const states = events.flatMap((event) => (event.type === 'status' ? [event.status] : []))
  assert.deepEqual(states, ['compacting', 'compacted'])
  const done = events.at(-1)
  assert.ok(done?.type === 'done')
  assert.deepEqual([done.result, done.compactions], ['TWO', 1])
})

for (const json of ['{"path": "C:\\dir\\x"}', '{"path": "a\nb"}', '{"path": ']) {
  const messages = [user(step({ text: 'SECOND TRY' }))]

  testIf(json.includes('dir'))(
    `a call whose input is ${JSON.stringify(json)} reaches a client of OpenAI's API as the model wrote it`,
    async () => {
      upstream.enqueue({ raw: callWith(json) })
      const whole = await openai.chat.completions.create({ model, tools, messages })
      const [choice] = whole.choices
      const [call] = choice?.message.tool_calls ?? []
      assert.ok(call?.type === 'function')
      assert.deepEqual(
        [call.function.arguments, choice?.finish_reason, choice?.message.content],
        [json, 'tool_calls', null],
      )

      upstream.enqueue({ raw: callWith(json) })
      const pieces: string[] = []
      let finish = null
      for await (const { choices } of await openai.chat.completions.create({ model, tools, messages, stream: true })) {
        assert.equal(choices[0]?.delta.content ?? '', '')
        pieces.push(choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? '')
        finish = choices[0]?.finish_reason ?? finish
      }
      assert.deepEqual([pieces.join(''), finish], [json, 'tool_calls'])

      upstream.enqueue({ raw: callWith(json) })
      const input = step({ text: 'SECOND TRY' })
      const response = await openai.responses.create({
        model,
        input,
        tools: [{ type: 'function', name: 'read_file', parameters, strict: false }],
      })
      assert.deepEqual(
        response.output.map((item) => (item.type === 'function_call' ? item.arguments : item.type)),
        [json],
      )
    },
  )

  testIf(json.includes('dir'))(
    `a call whose input is ${JSON.stringify(json)} is an error for a client of Anthropic's API`,
    async () => {
      const body = { model, max_tokens: 99, tools: anthropicTools, messages: messages as Anthropic.MessageParam[] }
      upstream.enqueue({ raw: callWith(json) })
      await assert.rejects(anthropic.messages.create(body), /500.*read_file.*not a JSON object/)
      upstream.enqueue({ raw: callWith(json) })
      const seen: string[] = []
      const stream = anthropic.messages.stream(body).on('contentBlock', ({ type }) => void seen.push(type))
      await assert.rejects(stream.finalMessage(), /read_file.*not a JSON object/)
      assert.deepEqual(seen, [])
    },
  )
}

test("a call of Anthropic's API that asked for its input unchecked arrives as the model wrote it", async () => {
  const [tool] = anthropicTools
  assert.ok(tool)
  upstream.enqueue({ raw: callWith('{"path": "C:\\d"}') })
  const stream = await anthropic.messages.create({
    model,
    max_tokens: 99,
    stream: true,
    tools: [{ ...tool, eager_input_streaming: true }],
    messages: [{ role: 'user', content: 'x' }],
  })
  const pieces: string[] = []
  for await (const event of stream)
    if (event.type === 'content_block_delta' && event.delta.type === 'input_json_delta')
      pieces.push(event.delta.partial_json)
  assert.equal(pieces.join(''), '{"path": "C:\\d"}')
  assert.ok(pieces.length > 1)
})

const callOf = (id: string, args: string): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id, type: 'function', function: { name: 'read_file', arguments: args } }],
})

for (const [first, second] of [
  ['call_0', 'call_0'],
  ['call_0', 'call_0_2'],
  ['call_0_2', 'call_0'],
] as const) {
  testIf(first === second)(`the result of the call ${second} after one of ${first} reaches the model`, async () => {
    const messages: Message[] = [
      user('a'),
      callOf(first, '{"path":"1"}'),
      { role: 'tool', tool_call_id: first, content: 'FIRST' },
      { role: 'assistant', content: 'ok' },
      user('b'),
      callOf(second, '{"path":"2"}'),
      { role: 'tool', tool_call_id: second, content: 'SECOND' },
    ]
    await openai.chat.completions.create({ model, tools, messages })
    const results = blocksSent().filter(({ type }) => type === 'tool_result')
    assert.deepEqual(
      results.map(({ content }) => content?.[0]?.text),
      ['FIRST', 'SECOND'],
    )
    assert.equal(new Set(results.map(({ tool_use_id: id }) => id)).size, 2)
  })
}

for (const args of ['{"path":"1', 'C:\\x', '["x"]']) {
  testIf(args.startsWith('{'))(
    `a call with the arguments ${args} can be given back, and reaches the model`,
    async () => {
      const result: Message = { role: 'tool', tool_call_id: 'call_a', content: 'Not valid JSON.' }
      await openai.chat.completions.create({ model, tools, messages: [user('a'), callOf('call_a', args), result] })
      const [call] = blocksSent().filter(({ type }) => type === 'tool_use')
      assert.deepEqual(call?.input, { INVALID_JSON: args })
      const items: OpenAI.Responses.ResponseInput = [
        { role: 'user', content: 'a' },
        { type: 'function_call', call_id: 'call_a', name: 'read_file', arguments: args },
        { type: 'function_call_output', call_id: 'call_a', output: 'Not valid JSON.' },
      ]
      await openai.responses.create({ model, input: items })
      assert.deepEqual(blocksSent().find(({ type }) => type === 'tool_use')?.input, { INVALID_JSON: args })
    },
  )
}

test('the output of a call that was cut short can follow the response by its id', async () => {
  upstream.enqueue({ raw: callWith('{"path":"tr').replace('"stop_reason":"tool_use"', '"stop_reason":"max_tokens"') })
  const responseTools: OpenAI.Responses.Tool[] = [{ type: 'function', name: 'read_file', parameters, strict: false }]
  const first = await openai.responses.create({ model, input: 'a', tools: responseTools, max_output_tokens: 50 })
  const [call] = first.output
  assert.ok(call?.type === 'function_call')
  assert.deepEqual([first.status, call.arguments], ['incomplete', '{"path":"tr'])
  const output = { type: 'function_call_output' as const, call_id: call.call_id, output: 'Not valid JSON.' }
  const next = { model, tools: responseTools, previous_response_id: first.id }
  await openai.responses.create({ ...next, input: [output] })
  assert.deepEqual(blocksSent().find(({ type }) => type === 'tool_use')?.input, { INVALID_JSON: '{"path":"tr' })
  await openai.responses.create({ ...next, input: 'Without it.' })
  assert.equal(
    blocksSent().some(({ type }) => type === 'tool_use'),
    false,
  )
})

test('a tool whose characters the CLI replaces is named', async () => {
  const altered = { name: 'measure', input_schema: { type: 'object', properties: { unit: { enum: ['m²'] } } } }
  const headers = await anthropic.messages
    .create({
      model,
      max_tokens: 9,
      tools: [...anthropicTools, altered as Anthropic.Tool],
      messages: [{ role: 'user', content: 'x' }],
    })
    .withResponse()
    .then(({ response }) => response.headers)
  assert.match(headers.get('x-claude-serve-ignored') ?? '', /tools\[1\]/)
  assert.doesNotMatch(headers.get('x-claude-serve-ignored') ?? '', /tools\[0\]/)
})

test('a call of a tool that was not offered is for the client to answer', async () => {
  const prompt = step({ tool: 'search_files', input: { query: 'x' }, force_tool: true })
  const whole = await openai.chat.completions.create({ model, tools, messages: [user(prompt)] })
  const [call] = whole.choices[0]?.message.tool_calls ?? []
  assert.ok(call?.type === 'function')
  assert.deepEqual([call.function.name, call.function.arguments], ['search_files', '{"query":"x"}'])
  assert.equal(whole.choices[0]?.finish_reason, 'tool_calls')

  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: prompt }]
  const body = { model, max_tokens: 99, tools: anthropicTools }
  const message = await anthropic.messages.stream({ ...body, messages }).finalMessage()
  const [use] = message.content
  assert.ok(use?.type === 'tool_use')
  assert.deepEqual([use.name, use.input, message.stop_reason], ['search_files', { query: 'x' }, 'tool_use'])

  const answer: Anthropic.MessageParam[] = [
    ...messages,
    { role: 'assistant', content: message.content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'No such tool.', is_error: true }] },
  ]
  await anthropic.messages.create({ ...body, messages: answer })
  assert.equal(blocksSent().find(({ type }) => type === 'tool_result')?.tool_use_id, use.id)
})

test('the whole description of a tool reaches the model', async () => {
  const description = `${'x'.repeat(9_990)} END`
  const tool: OpenAI.ChatCompletionTool = { type: 'function', function: { ...readFile.function, description } }
  await openai.chat.completions.create({ model, tools: [tool], messages: [user('x')] })
  const offered = lastRequest().tools?.map((each) => (each as { description?: string }).description)
  assert.deepEqual(offered, [description])
})

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
/** The request without the picture, which follows, would be answered. One step for each case: that request may still be on its way in the next. */
const refusedOnce = (label: string) =>
  step({ status: 400, error_type: 'invalid_request_error', message: `Could not process image ${label}`, times: 1 })

for (const [name, stream] of [
  [model, false],
  [model, true],
  [`agent/${model}`, false],
  [`agent/${model}`, true],
] as const) {
  testIf(name === model)(
    `a picture that the API refuses is an error, not left out: ${name}, ${stream ? 'streamed' : 'whole'}`,
    async () => {
      const url = `data:image/png;base64,${pixel}`
      const content: OpenAI.ChatCompletionContentPart[] = [
        { type: 'text', text: refusedOnce(`${name} ${stream}`) },
        { type: 'image_url', image_url: { url } },
      ]
      const call = openai.chat.completions.create({ model: name, stream, messages: [{ role: 'user', content }] })
      const { status, message } = await refusal(call)
      assert.equal(status, 400)
      assert.match(message, /could not process a picture/)
    },
  )
}

extendedTest('a picture that the API refuses is an error of the native API', async () => {
  const image = { media_type: 'image/png', data: pixel }
  const { status, body } = await chatError(server, { prompt: refusedOnce('native'), images: [image] })
  assert.deepEqual([status, body.code], [400, 'invalid_request'])
})

const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false }
const formatOf = (more: object): OpenAI.ResponseFormatJSONSchema => ({
  type: 'json_schema',
  json_schema: { name: 's', schema: { ...schema, ...more } },
})

// test/platform/json-schema.test.ts has them without the CLI.
extendedTest('annotations in a schema are left out', async () => {
  const annotations = {
    example: { a: 1 },
    'x-order': 1,
    markdownDescription: '**a**',
    propertyOrdering: ['a'],
    enumNames: ['A'],
    discriminator: { propertyName: 'a' },
    properties: { a: { type: 'integer', example: 1, 'x-unit': 'm' } },
  }
  const messages = [user(step({ tool: 'StructuredOutput', input: { a: 1 } }))]
  const answer = await openai.chat.completions.create({ model, messages, response_format: formatOf(annotations) })
  assert.equal(answer.choices[0]?.message.content, '{"a":1}')
})

extendedTest('rules of newer versions of JSON Schema hold', async () => {
  const rules = {
    properties: { a: { type: 'array', prefixItems: [{ type: 'integer' }], items: false, minItems: 1 }, b: {} },
    dependentRequired: { b: ['a'] },
    unevaluatedProperties: false,
    required: [],
    additionalProperties: true,
  }
  const ask = (input: unknown) => {
    const messages = [user(step({ tool: 'StructuredOutput', input, repeat: true }))]
    return openai.chat.completions.create({ model, messages, response_format: formatOf(rules) })
  }
  assert.equal((await ask({ a: [1] })).choices[0]?.message.content, '{"a":[1]}')
  // The CLI itself knows these, in the words of an older version.
  for (const input of [{ a: ['x'] }, { b: 1 }]) assert.equal((await refusal(ask(input))).status, 500)
})

extendedTest('a rule of newer versions of JSON Schema that the CLI does not know holds', async () => {
  const evaluated = {
    properties: { a: { type: 'array', contains: { type: 'integer' }, maxContains: 1 } },
    additionalProperties: true,
  }
  const messages = [user(step({ tool: 'StructuredOutput', input: { a: [1, 2] } }))]
  const refused = await refusal(
    openai.chat.completions.create({ model, messages, response_format: formatOf(evaluated) }),
  )
  assert.match(refused.message, /does not match the requested JSON Schema: it\/a must contain/)
})

const lastText = 'Here it is:\n\n```\n{"a": 1}\n```\nAnything else?'
for (const text of ['{"a":1}', '```json\n{"a":1}\n```', lastText]) {
  for (const name of [model, `agent/${model}`]) {
    testIf(name === model && text === lastText)(
      `${name} that writes ${JSON.stringify(text)} has answered with the object`,
      async () => {
        const messages = [user(step({ text }))]
        const answer = await openai.chat.completions.create({ model: name, messages, response_format: formatOf({}) })
        assert.equal(answer.choices[0]?.message.content, '{"a":1}')
      },
    )
  }

  extendedTest(`a model that writes ${JSON.stringify(text)} has a structured output of the native API`, async () => {
    const reply = await chat(server, { prompt: step({ text }), json_schema: schema })
    assert.deepEqual(reply.structured_output, { a: 1 })
  })
}

/** The ways in which a hook can block, each for the prompts that name it. */
const blockingHook = `case "$(cat)" in
  *by-exit*) echo "not on my watch" >&2; exit 2;;
  *by-decision*) echo '{"decision":"block","reason":"not on my watch"}';;
  *by-stop*) echo '{"continue":false,"stopReason":"not on my watch"}';;
esac`

function useHooks(t: TestContext): void {
  const file = join(folders.cwd, '.claude', 'settings.json')
  mkdirSync(join(folders.cwd, '.claude'), { recursive: true })
  t.after(() => rmSync(file))
  const hook = (command: string) => [{ hooks: [{ type: 'command', command }] }]
  const stopping = `echo '{"continue":false,"stopReason":"enough"}'`
  writeFileSync(file, JSON.stringify({ hooks: { UserPromptSubmit: hook(blockingHook), PostToolUse: hook(stopping) } }))
}

test("a prompt that a hook blocks is an error with the hook's words, and so is a tool after which it stops", async (t) => {
  useHooks(t)
  const fields = { allowed_tools: ['Bash'] }
  const { session_id } = await chat(server, { prompt: 'nothing to block', ...fields })
  for (const way of ['by-exit', 'by-decision', 'by-stop']) {
    const { status, body } = await chatError(server, { prompt: way, session_id, ...fields })
    assert.deepEqual(
      [status, body.code, body.error],
      [403, 'blocked_by_hook', 'A hook blocked the prompt: not on my watch'],
    )
  }
  const call = step({ tool: 'Bash', input: { command: 'true', description: 'x' } })
  const stopped = await chatError(server, { prompt: call, session_id, ...fields })
  assert.deepEqual([stopped.status, stopped.body.code], [403, 'blocked_by_hook'])
})

extendedTest('a prompt that a hook blocks is an error of the other APIs, and of a first prompt', async (t) => {
  useHooks(t)
  const first = await chatError(server, { prompt: 'by-exit' })
  assert.deepEqual([first.status, first.body.code], [403, 'blocked_by_hook'])
  const messages = [user('by-exit')]
  for (const stream of [false, true]) {
    const call = openai.chat.completions.create({ model: `agent/${model}`, stream, messages })
    const error = await refusal(call, 403)
    assert.deepEqual([error.status, error.code], [403, 'blocked_by_hook'])
  }
  const body = { model: `agent/${model}`, max_tokens: 9, messages: messages as Anthropic.MessageParam[] }
  await assert.rejects(anthropic.messages.create(body), /403.*permission_error.*not on my watch/)
})

test('an MCP server that cannot be started is named in the stream, in the answer at its end and in the log', async () => {
  const mcp_servers = { broken: { type: 'stdio', command: join(folders.root, 'nowhere') } }
  const events = await chatStream(server, { prompt: step({ text: 'x' }), mcp_servers, events: 'full' })
  const [servers] = events.flatMap((event) => (event.type === 'mcp_servers' ? [event.servers] : []))
  assert.deepEqual(servers, [{ name: 'broken', status: 'failed' }])
  const done = events.at(-1)
  assert.ok(done?.type === 'done')
  assert.deepEqual(done.mcp_servers, [{ name: 'broken', status: 'failed' }])
  const logged = server.logLines.filter(({ msg }) => msg === 'run').at(-1)
  assert.deepEqual(logged?.mcp_failed, ['broken'])
})

extendedTest('an MCP server that cannot be started is named in a whole answer', async () => {
  const mcp_servers = { broken: { type: 'stdio', command: join(folders.root, 'nowhere') } }
  const reply = await chat(server, { prompt: step({ text: 'x' }), mcp_servers })
  assert.deepEqual(reply.mcp_servers, [{ name: 'broken', status: 'failed' }])
})

const reservedNames = ['ToolSearch', 'StructuredOutput', 'ExitPlanMode', 'ToolSearch_', 'DeferredToolPlaceholder']
for (const name of reservedNames) {
  test(`a tool may be named ${name}: offered, called, remembered with its input, beside a schema for the answer`, async () => {
    const input = { plan: ' as it is \n', allowedPrompts: [], old_string: 'a ', deep: { x: null } }
    const tool = { name, description: 'Does it.', input_schema: { type: 'object' as const, properties: { plan: {} } } }
    const format = { type: 'json_schema' as const, schema: { type: 'object', properties: { a: { type: 'number' } } } }
    const past: Anthropic.MessageParam[] = [
      { role: 'user', content: 'Earlier.' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_9', name, input }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_9', content: 'done' }] },
      { role: 'assistant', content: 'Well.' },
      { role: 'user', content: `Again. ${step({ tool: towards(name), input })}` },
    ]
    const body = { model, max_tokens: 500, tools: [tool], messages: past }
    const answer = await anthropic.messages.create(body)
    const [call] = answer.content
    assert.deepEqual([call?.type === 'tool_use' && call.name, call?.type === 'tool_use' && call.input], [name, input])
    const offered = lastRequest().tools as { name: string }[]
    assert.deepEqual(
      offered.map((each) => each.name),
      [towards(name)],
    )
    const earlier = blocksSent().find(({ type }) => type === 'tool_use')
    assert.deepEqual([earlier?.name, earlier?.input], [towards(name), input])
    // The next turn goes to the process that made the call, which writes it down itself.
    upstream.enqueue({ tool: 'StructuredOutput', input: { a: 1 } })
    assert.ok(call?.type === 'tool_use')
    const next = await anthropic.messages.create({
      ...body,
      output_config: { format },
      messages: [
        ...past,
        { role: 'assistant', content: answer.content as Anthropic.ContentBlockParam[] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'done' }] },
      ],
    })
    assert.deepEqual(next.content, [{ type: 'text', text: '{"a":1}', citations: null }])
    const calls = blocksSent().filter(({ type }) => type === 'tool_use')
    assert.deepEqual(
      calls.map((each) => [each.name, each.input]),
      [
        [towards(name), input],
        [towards(name), input],
      ],
    )
    const names = (lastRequest().tools as { name: string }[]).map((each) => each.name)
    assert.deepEqual(names.sort(), ['StructuredOutput', towards(name)].sort())
  })
}

test('a tool that is loaded later reaches the model once a result refers to it', async () => {
  const later = (name: string) => ({ name, defer_loading: true, input_schema: { type: 'object' as const } })
  const search = { name: 'ToolSearch', input_schema: { type: 'object' as const } }
  const body = { model, max_tokens: 500, tools: [search, later('send_mail'), later('DeferredToolPlaceholder')] }
  const first: Anthropic.MessageParam = { role: 'user', content: `Mail. ${step({ tool: 'ToolSearch_', input: {} })}` }
  const answer = await anthropic.messages.create({ ...body, messages: [first] })
  const namesSent = () => (lastRequest().tools as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(namesSent(), ['ToolSearch_'])
  const [call] = answer.content
  assert.ok(call?.type === 'tool_use' && call.name === 'ToolSearch')
  upstream.enqueue({ tool: 'send_mail', input: { to: 'me' } })
  const next = await anthropic.messages.create({
    ...body,
    messages: [
      first,
      { role: 'assistant', content: answer.content as Anthropic.ContentBlockParam[] },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: call.id,
            content: [{ type: 'tool_reference', tool_name: 'send_mail' }],
          },
        ],
      },
    ],
  })
  assert.deepEqual(namesSent().sort(), ['ToolSearch_', 'send_mail'])
  assert.ok(next.content.some((block) => block.type === 'tool_use' && block.name === 'send_mail'))
})
