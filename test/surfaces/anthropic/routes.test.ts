// Tests Anthropic's routes with a scripted agent: paths, statuses, headers and streams as they are on the wire.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import type { CompatOptions } from '../../../src/compat/serve-run.ts'
import type { RunEvent } from '../../../src/core/events.ts'
import { createRuns } from '../../../src/core/run-registry.ts'
import { AppError } from '../../../src/errors.ts'
import { encodeFrame, openSse } from '../../../src/http/sse.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import {
  type Block,
  ErrorBody,
  Message,
  MessageEvent,
  TokenCount,
} from '../../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { batchOptions } from '../../helpers/batch-options.ts'
import { createInjectApp, type InjectAppOptions, listenApp } from '../../helpers/inject-app.ts'
import {
  failedEnd,
  runEnd,
  runStart,
  type Script,
  ScriptedAgent,
  textBlock,
  untilAborted,
} from '../../helpers/scripted-agent.ts'
import { assertFits } from '../../helpers/sdk-schemas.ts'

const facts = [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }]
const hello = { model: 'sonnet', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] }
const headers = { host: 'localhost:5005', 'content-type': 'application/json' }
const path = '/v1/messages'
const countPath = '/v1/messages/count_tokens'

function setup(agent: ScriptedAgent, options: Partial<CompatOptions> = {}): InjectAppOptions {
  const prepare: InjectAppOptions['prepare'] = (app) => {
    void app.register(async (scope) =>
      registerAnthropic(scope, {
        ...batchOptions(),
        runs: createRuns({ agent, store: openMemoryStore() }),
        models: async () => facts,
        modelMap: { 'gpt-4o': 'sonnet' },
        requestTimeoutMs: 300_000,
        countTokens: () => 42,
        ...options,
      }),
    )
  }
  return { agent, prepare }
}

async function start(t: TestContext, script?: Script, options?: Partial<CompatOptions>) {
  const agent = new ScriptedAgent(script)
  const { inject } = await createInjectApp(t, setup(agent, options))
  const post = (body: object | string, more: Record<string, string> = {}, url = path) =>
    inject({ method: 'POST', url, headers: { ...headers, ...more }, payload: body })
  const send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string) =>
    inject({ method, url, headers, ...(method === 'GET' ? {} : { payload: {} }) })
  return { agent, post, send }
}

/** The events of a stream. Each has an `event:` line and is checked against our schema and the SDK's types. */
function eventsOf({ statusCode, headers: responseHeaders, body }: LightMyRequestResponse): MessageEvent[] {
  assert.equal(statusCode, 200, body)
  assert.match(String(responseHeaders['content-type']), /^text\/event-stream/)
  assert.ok(body.endsWith('\n\n'), JSON.stringify(body.slice(-80)))
  return body
    .slice(0, -2)
    .split('\n\n')
    .map((frame) => {
      const [, name, data] = /^event: (\w+)\ndata: ([^\n]+)$/.exec(frame) ?? []
      assert.ok(data !== undefined, frame)
      const event = MessageEvent.parse(JSON.parse(data))
      assert.equal(name, event.type)
      if (event.type === 'error') assertFits('anthropic', 'ErrorResponse', event)
      else if (event.type !== 'ping') assertFits('anthropic', 'RawMessageStreamEvent', event)
      return event
    })
}

function messageOf(answer: LightMyRequestResponse): Message {
  assert.equal(answer.statusCode, 200, answer.body)
  const message = Message.parse(answer.json())
  assertFits('anthropic', 'Message', message)
  return message
}

const typesOf = (events: readonly MessageEvent[]) => events.map(({ type }) => type)
const textIn = (events: readonly MessageEvent[]) =>
  events
    .map((event) => (event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : ''))
    .join('')

test('without streaming a message is answered as one JSON body', async (t) => {
  const { agent, post } = await start(t)
  const answer = await post({ ...hello, stream: false })
  const message = messageOf(answer)
  assert.deepEqual(message.content, [{ type: 'text', text: 'Hello there', citations: null }])
  assert.equal(message.model, 'claude-sonnet-5')
  assert.match(message.id, /^msg_[0-9a-f]{32}$/)
  assert.equal(answer.headers['x-run-id'], `run_${message.id.slice('msg_'.length)}`)
  assert.match(String(answer.headers['request-id']), /^req_/)
  assert.equal(answer.headers['x-request-id'], answer.headers['request-id'])
  assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  assert.deepEqual([agent.requests[0]?.options.model, agent.requests[0]?.streaming], ['sonnet', false])
})

test('with streaming a message is answered in named events', async (t) => {
  const { agent, post } = await start(t)
  const answer = await post({ ...hello, stream: true })
  const events = eventsOf(answer)
  assert.deepEqual(typesOf(events), [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
  assert.equal(textIn(events), 'Hello there')
  const [first] = events
  assert.ok(first?.type === 'message_start')
  assert.equal(answer.headers['x-run-id'], first.message.id.replace('msg_', 'run_'))
  assert.match(String(answer.headers['request-id']), /^req_/)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(agent.requests[0]?.streaming, true)
})

const look = { name: 'look', input_schema: { type: 'object' } }
const callEvents: RunEvent[] = [
  { type: 'usage', usage: runEnd().usage },
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'Hmm.' },
  { type: 'thinking-signature', index: 0, signature: 'c2ln' },
  { type: 'thinking-end', index: 0 },
  ...textBlock(1, ['Let me see.']),
  { type: 'tool-start', index: 2, toolId: 'toolu_1', name: 'look' },
  { type: 'tool-delta', index: 2, json: '{"x":' },
  { type: 'tool-delta', index: 2, json: '1}' },
  { type: 'tool-end', index: 2 },
]

test('thinking, text and a call are the same on the wire, whole and streamed', async (t) => {
  const { agent, post } = await start(t, [runStart(), ...callEvents, runEnd({ stopReason: 'tool_use' })])
  const body = { ...hello, tools: [look], thinking: { type: 'adaptive' } }
  const message = messageOf(await post(body))
  const expected: Block[] = [
    { type: 'thinking', thinking: 'Hmm.', signature: 'c2ln' },
    { type: 'text', text: 'Let me see.', citations: null },
    { type: 'tool_use', id: 'toolu_1', name: 'look', input: { x: 1 }, caller: { type: 'direct' } },
  ]
  assert.deepEqual([message.content, message.stop_reason], [expected, 'tool_use'])
  const events = eventsOf(await post({ ...body, stream: true }))
  const deltas = events.flatMap((event) => (event.type === 'content_block_delta' ? [event] : []))
  assert.deepEqual(
    deltas.map(({ index, delta }) => [index, ...Object.values(delta)]),
    [
      [0, 'thinking_delta', 'Hmm.'],
      [0, 'signature_delta', 'c2ln'],
      [1, 'text_delta', 'Let me see.'],
      [2, 'input_json_delta', '{"x":1}'],
    ],
  )
  assert.equal(agent.requests[1]?.plain?.thinking.isOff, false)
})

for (const url of [
  path,
  `${path}/`,
  `/v1${path}`,
  '/messages',
  '/messages/',
  '//v1//messages',
  `${path}?beta=true`,
  `${path}/?beta=true`,
]) {
  test(`POST ${url} is a message`, async (t) => {
    const { post } = await start(t)
    messageOf(await post(hello, {}, url))
  })
}

for (const url of [countPath, `${countPath}/`, `/v1${countPath}`, '/messages/count_tokens', `${countPath}?beta=true`]) {
  test(`POST ${url} is a token count`, async (t) => {
    const { post } = await start(t)
    const answer = await post(hello, {}, url)
    assert.deepEqual([answer.statusCode, TokenCount.parse(answer.json())], [200, { input_tokens: 42 }])
  })
}

test('a token count estimates the input of the model and starts no run', async (t) => {
  const counted: unknown[] = []
  const countTokens: CompatOptions['countTokens'] = (run, model) => {
    counted.push([run.prompt, run.options.systemPrompt, run.plain?.tools.length, model])
    return 7
  }
  const { agent, post } = await start(t, undefined, { countTokens })
  const { max_tokens: _, ...body } = { ...hello, model: 'gpt-4o', system: 'Be brief.', tools: [look], top_k: 5 }
  const answer = await post(body, {}, countPath)
  assert.equal(answer.statusCode, 200, answer.body)
  assertFits('anthropic', 'MessageTokensCount', answer.json())
  assert.deepEqual(TokenCount.parse(answer.json()), { input_tokens: 7 })
  assert.equal(answer.headers['x-claude-serve-estimate'], 'input_tokens')
  assert.equal(answer.headers['x-claude-serve-ignored'], 'top_k')
  assert.deepEqual(counted, [[[{ type: 'text', text: 'hi' }], 'Be brief.', 1, 'claude-sonnet-5']])
  assert.equal(agent.requests.length, 0)
})

test('the older completions route is 404 in Anthropic’s format', async (t) => {
  const { send } = await start(t)
  const answer = await send('POST', '/v1/complete')
  assert.equal(answer.statusCode, 404)
  const { error } = ErrorBody.parse(answer.json())
  assert.deepEqual([error.type, /POST \/v1\/messages/.test(error.message)], ['not_found_error', true])
})

test('any key, any beta and a missing version are accepted', async (t) => {
  const { agent, post } = await start(t)
  const headerSets = [
    {},
    { 'x-api-key': 'sk-dummy' },
    { authorization: 'Bearer sk-dummy' },
    { 'anthropic-beta': 'nothing-2020-01-01,more-2026-01-01' },
    { 'anthropic-version': 'yesterday' },
    { 'anthropic-version': '2026-10-21', 'anthropic-dangerous-direct-browser-access': 'true' },
  ]
  for (const more of headerSets) assert.equal((await post(hello, more)).statusCode, 200)
  assert.equal(agent.requests.length, headerSets.length)
})

test('the version in the header decides what is refused', async (t) => {
  const { agent, post } = await start(t)
  const body = { ...hello, temperature: 0 }
  const accepted = await post(body, { 'anthropic-version': '2023-06-01' })
  assert.deepEqual([accepted.statusCode, accepted.headers['x-claude-serve-ignored']], [200, 'temperature'])
  const refused = await post(body, { 'anthropic-version': '2026-10-21' })
  assert.equal(refused.statusCode, 400)
  assert.match(ErrorBody.parse(refused.json()).error.message, /^temperature is not a field/)
  assert.equal(agent.requests.length, 1)
})

test('an unknown model is 404 on every route, and no run starts', async (t) => {
  const { agent, post } = await start(t)
  const body = { ...hello, model: 'sonet' }
  for (const answer of [await post(body), await post({ ...body, stream: true }), await post(body, {}, countPath)]) {
    assert.equal(answer.statusCode, 404)
    const { error } = ErrorBody.parse(answer.json())
    assert.equal(error.type, 'not_found_error')
    assert.match(error.message, /did you mean sonnet\?/)
  }
  assert.equal(agent.requests.length, 0)
})

test('if the CLI cannot list its models, its error is the answer', async (t) => {
  const models = async () => {
    throw new AppError('claude_not_found', 'There is no claude.')
  }
  const { post } = await start(t, undefined, { models })
  for (const url of [path, countPath]) {
    const answer = await post(hello, {}, url)
    assert.equal(answer.statusCode, 500)
    assert.deepEqual(ErrorBody.parse(answer.json()).error, { type: 'api_error', message: 'There is no claude.' })
  }
})

const serverBlock = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }

test('ignored fields, tools and blocks are listed in a header', async (t) => {
  const { post } = await start(t)
  const body = {
    ...hello,
    messages: [...hello.messages, { role: 'assistant', content: [serverBlock] }, ...hello.messages],
    top_k: 5,
    mcp_servers: [{ type: 'url', url: 'https://a.example' }],
    tools: [look, { type: 'web_search_20250305', name: 'web_search' }],
    'naughty\r\nx-a: b': 1,
  }
  const names = 'top_k, mcp_servers, (unknown), tools[1], messages[1].content[0]'
  for (const stream of [false, true]) {
    const answer = await post({ ...body, stream })
    assert.equal(answer.statusCode, 200, answer.body)
    assert.equal(answer.headers['x-claude-serve-ignored'], names)
    assert.equal(answer.headers['x-a'], undefined)
  }
})

test('a strict request is refused with the first name of that list, and accepted if the list is empty', async (t) => {
  const { agent, post } = await start(t)
  const strict = { 'x-claude-serve-strict': 'true' }
  const body = { ...hello, top_k: 5, tools: [{ type: 'web_search_20250305' }] }
  for (const url of [path, countPath]) {
    const refused = await post(body, strict, url)
    assert.equal(refused.statusCode, 400)
    const { error } = ErrorBody.parse(refused.json())
    assert.equal(error.message, 'top_k cannot be honored by this server (x-claude-serve-strict)')
  }
  assert.equal((await post({ ...body, stream: true }, strict)).statusCode, 400)
  assert.equal(agent.requests.length, 0)
  assert.equal((await post(hello, strict)).statusCode, 200)
  assert.equal((await post(body, { 'x-claude-serve-strict': 'false' })).statusCode, 200)
})

test('an agent lists client tools and stop sequences as ignored, and its model name is that of an agent', async (t) => {
  const { agent, post } = await start(t)
  const answer = await post({ ...hello, model: 'agent/sonnet', tools: [look], stop_sequences: ['END'] })
  assert.equal(messageOf(answer).model, 'agent/claude-sonnet-5')
  assert.equal(answer.headers['x-claude-serve-ignored'], 'tools, stop_sequences')
  assert.equal(agent.requests[0]?.plain, null)
})

test('a conversation with very many ignored blocks is answered, although the header cannot name them all', async (t) => {
  const { url } = await listenApp(t, setup(new ScriptedAgent()))
  const content = Array.from({ length: 1000 }, () => serverBlock)
  const messages = [...hello.messages, { role: 'assistant', content }, ...hello.messages]
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...hello, messages }),
  })
  assert.equal(answer.status, 200)
  const ignored = answer.headers.get('x-claude-serve-ignored') ?? ''
  assert.ok(ignored.startsWith('messages[1].content[0], '), ignored)
  assert.ok(ignored.length < 4096, `${ignored.length} characters`)
})

function withSchema(schema: object) {
  return { ...hello, output_config: { format: { type: 'json_schema', schema } } }
}

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'a whole answer'

  test(`${kind} with a schema is its JSON`, async (t) => {
    const { agent, post } = await start(t, [
      runStart(),
      ...textBlock(0, ['Here:']),
      runEnd({ structuredOutput: { a: 1 }, result: '{"a":1}' }),
    ])
    const answer = await post({ ...withSchema({ type: 'object' }), stream })
    const texts = stream
      ? textIn(eventsOf(answer))
      : messageOf(answer).content.map((block) => (block.type === 'text' ? block.text : block.type))
    assert.deepEqual([texts].flat(), ['{"a":1}'])
    assert.deepEqual(agent.requests[0]?.options.jsonSchema, { type: 'object' })
  })

  test(`${kind} whose call is cut by max_tokens is still answered with 200`, async (t) => {
    const { post } = await start(t, [
      runStart(),
      { type: 'tool-start', index: 0, toolId: 'toolu_1', name: 'look' },
      { type: 'tool-delta', index: 0, json: '{"x' },
      { type: 'tool-end', index: 0 },
      runEnd({ stopReason: 'max_tokens' }),
    ])
    const answer = await post({ ...hello, tools: [look], stream })
    assert.equal(answer.statusCode, 200, answer.body)
    if (stream) assert.equal(typesOf(eventsOf(answer)).at(-1), 'message_stop')
    else assert.equal(messageOf(answer).stop_reason, 'max_tokens')
  })
}

test('a stream that fails after its first text ends with an error event and without message_stop', async (t) => {
  const failure = new AppError('rate_limited', 'Too much.', { retryAfterS: 60 })
  const { post } = await start(t, [runStart(), ...textBlock(0, ['Half an']), failedEnd(failure)])
  const answer = await post({ ...hello, stream: true })
  const events = eventsOf(answer)
  assert.equal(textIn(events), 'Half an')
  assert.deepEqual(events.at(-1), {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'Too much.' },
    request_id: answer.headers['request-id'],
  })
  assert.deepEqual(typesOf(events), ['message_start', 'content_block_start', 'content_block_delta', 'error'])
})

test('a stream whose answer does not match the schema ends with an error event and without message_stop', async (t) => {
  const usage: RunEvent = { type: 'usage', usage: runEnd().usage }
  const { post } = await start(t, [runStart(), usage, ...textBlock(0, ['No.']), runEnd()])
  const events = eventsOf(await post({ ...withSchema({ type: 'object' }), stream: true }))
  assert.deepEqual(typesOf(events), ['message_start', 'error'])
  const last = events.at(-1)
  assert.match(last?.type === 'error' ? last.error.message : '', /output_config\.format/)
})

/** The frames of a stream as they arrive. */
async function* framesIn(answer: IncomingMessage): AsyncGenerator<string> {
  let buffered = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) {
    const frames = `${buffered}${chunk}`.split('\n\n')
    buffered = frames.pop() ?? ''
    yield* frames
  }
}

test('an idle stream with its own heartbeat sends only that', async (t) => {
  const server = createServer()
  const opened = new Promise<ServerResponse>((resolve) =>
    server.once('request', (_request, response) => resolve(response)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const client = httpRequest({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const answered = once(client, 'response') as Promise<[IncomingMessage]>
  client.end()
  const heartbeat = { event: 'ping', data: '{"type":"ping"}' }
  const stream = openSse(await opened, { headers: {}, heartbeat, heartbeatMs: 1 })
  const [answer] = await answered
  const seen: string[] = []
  for await (const frame of framesIn(answer)) if (seen.push(frame) === 3) stream.end()
  assert.deepEqual(new Set(seen), new Set(['event: ping\ndata: {"type":"ping"}']))
  assert.equal(`${seen[0]}\n\n`, encodeFrame(heartbeat))
})

test('a run that takes too long is answered with a timeout error', async (t) => {
  const agent = (_request: unknown, signal: AbortSignal) => untilAborted(signal)
  const { post } = await start(t, agent, { requestTimeoutMs: 1 })
  const answer = await post(hello)
  assert.equal(answer.statusCode, 504)
  assert.equal(ErrorBody.parse(answer.json()).error.type, 'timeout_error')
})
