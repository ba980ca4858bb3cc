// Anthropic's routes on a scripted agent: paths, statuses, headers and streams as they are on the wire.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import type { RunEvent } from '../../../src/core/events.ts'
import { createRuns } from '../../../src/core/run-registry.ts'
import { AppError } from '../../../src/errors.ts'
import { encodeFrame, openSse } from '../../../src/http/sse.ts'
import {
  type Block,
  ErrorBody,
  Message,
  MessageEvent,
  TokenCount,
} from '../../../src/surfaces/anthropic/reply-schemas.ts'
import { type AnthropicOptions, registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { createInjectApp, type InjectAppOptions, listenApp } from '../../helpers/inject-app.ts'
import {
  failedEnd,
  goodRun,
  queueFull,
  refusing,
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

function setup(agent: ScriptedAgent, options: Partial<AnthropicOptions> = {}): InjectAppOptions {
  const prepare: InjectAppOptions['prepare'] = (app) => {
    void app.register(async (scope) =>
      registerAnthropic(scope, {
        runs: createRuns({ agent }),
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

async function start(t: TestContext, script?: Script, options?: Partial<AnthropicOptions>) {
  const agent = new ScriptedAgent(script)
  const { inject } = await createInjectApp(t, setup(agent, options))
  const post = (body: object | string, more: Record<string, string> = {}, url = path) =>
    inject({ method: 'POST', url, headers: { ...headers, ...more }, payload: body })
  const ask = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string) =>
    inject({ method, url, headers, ...(method === 'GET' ? {} : { payload: {} }) })
  return { agent, post, ask }
}

/** The events of a stream: each is named on a line of its own, and held against our schema and the SDK's. */
function parseFrames(body: string): MessageEvent[] {
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

function eventsOf({ statusCode, headers: given, body }: LightMyRequestResponse): MessageEvent[] {
  assert.equal(statusCode, 200, body)
  assert.match(String(given['content-type']), /^text\/event-stream/)
  return parseFrames(body)
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

test('a message is answered whole', async (t) => {
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

test('a message is streamed in events that are named', async (t) => {
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
const called: RunEvent[] = [
  { type: 'usage', usage: runEnd().usage },
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'Hmm.' },
  { type: 'thinking-signature', index: 0, signature: 'c2ln' },
  { type: 'thinking-end', index: 0 },
  ...textBlock(1, ['Let me see.']),
  { type: 'tool-start', index: 2, toolId: 'toolu_1', name: 'look' },
  { type: 'tool-delta', index: 2, json: '{"at":' },
  { type: 'tool-delta', index: 2, json: '1}' },
  { type: 'tool-end', index: 2 },
]

test('thinking, words and a call are the same on the wire, whole and streamed', async (t) => {
  const { agent, post } = await start(t, [runStart(), ...called, runEnd({ stopReason: 'tool_use' })])
  const body = { ...hello, tools: [look], thinking: { type: 'adaptive' } }
  const message = messageOf(await post(body))
  const expected: Block[] = [
    { type: 'thinking', thinking: 'Hmm.', signature: 'c2ln' },
    { type: 'text', text: 'Let me see.', citations: null },
    { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 1 }, caller: { type: 'direct' } },
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
      [2, 'input_json_delta', '{"at":'],
      [2, 'input_json_delta', '1}'],
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

test('a token count is an estimate of what the model would be told, and no run begins', async (t) => {
  const counted: unknown[] = []
  const countTokens: AnthropicOptions['countTokens'] = (run, model) => {
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

for (const [method, url] of [
  ['POST', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches?limit=5'],
  ['GET', '/v1/messages/batches/msgbatch_1'],
  ['GET', '/v1/messages/batches/msgbatch_1/results'],
  ['POST', '/v1/messages/batches/msgbatch_1/cancel'],
  ['DELETE', '/v1/messages/batches/msgbatch_1'],
] as const) {
  test(`${method} ${url} is 501 in Anthropic's shape, and says what to do`, async (t) => {
    const { ask } = await start(t)
    const answer = await ask(method, url)
    assert.equal(answer.statusCode, 501, answer.body)
    const { error } = ErrorBody.parse(answer.json())
    assert.deepEqual([error.type, /use POST \/v1\/messages/.test(error.message)], ['api_error', true])
    assert.equal(answer.headers['x-should-retry'], 'false')
  })
}

for (const url of [path, countPath]) {
  test(`GET ${url} is 405 in Anthropic's shape, and says what is allowed`, async (t) => {
    const { ask } = await start(t)
    const answer = await ask('GET', url)
    assert.equal(answer.statusCode, 405, answer.body)
    assert.equal(answer.headers.allow, 'POST')
    assert.deepEqual(ErrorBody.parse(answer.json()).error, {
      type: 'invalid_request_error',
      message: `${url} takes POST, not GET`,
    })
  })

  for (const method of ['PUT', 'DELETE'] as const) {
    test(`${method} ${url} is 405 and says what is allowed`, async (t) => {
      const { ask } = await start(t)
      const answer = await ask(method, url)
      assert.equal(answer.statusCode, 405, answer.body)
      assert.match(String(answer.headers.allow), /\bPOST\b/)
    })
  }
}

test('the older completions are 404 in Anthropic’s shape', async (t) => {
  const { ask } = await start(t)
  const answer = await ask('POST', '/v1/complete')
  assert.equal(answer.statusCode, 404)
  const { error } = ErrorBody.parse(answer.json())
  assert.deepEqual([error.type, /POST \/v1\/messages/.test(error.message)], ['not_found_error', true])
})

test('any key, any beta and no version at all are taken', async (t) => {
  const { agent, post } = await start(t)
  const given = [
    {},
    { 'x-api-key': 'sk-dummy' },
    { authorization: 'Bearer sk-dummy' },
    { 'anthropic-beta': 'nothing-2020-01-01,more-2026-01-01' },
    { 'anthropic-version': 'yesterday' },
    { 'anthropic-version': '2026-10-21', 'anthropic-dangerous-direct-browser-access': 'true' },
  ]
  for (const more of given) assert.equal((await post(hello, more)).statusCode, 200)
  assert.equal(agent.requests.length, given.length)
})

test('the version in the header decides what is refused', async (t) => {
  const { agent, post } = await start(t)
  const body = { ...hello, temperature: 0 }
  const taken = await post(body, { 'anthropic-version': '2023-06-01' })
  assert.deepEqual([taken.statusCode, taken.headers['x-claude-serve-ignored']], [200, 'temperature'])
  const refused = await post(body, { 'anthropic-version': '2026-10-21' })
  assert.equal(refused.statusCode, 400)
  assert.match(ErrorBody.parse(refused.json()).error.message, /^temperature is not a field/)
  assert.equal(agent.requests.length, 1)
})

test('an unknown model is 404 wherever it is named, and no run begins', async (t) => {
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

test('a model list that the CLI cannot give is told as its failure', async (t) => {
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

test('fields, tools and blocks without effect are listed in a header', async (t) => {
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

test('who is strict is refused by the first name in that list, and not where there is none', async (t) => {
  const { agent, post } = await start(t)
  const strict = { 'x-claude-serve-strict': 'true' }
  const body = { ...hello, top_k: 5, tools: [{ type: 'web_search_20250305' }] }
  for (const url of [path, countPath]) {
    const refused = await post(body, strict, url)
    assert.equal(refused.statusCode, 400)
    const { error } = ErrorBody.parse(refused.json())
    assert.equal(error.message, 'top_k cannot be honoured by this server (x-claude-serve-strict)')
  }
  assert.equal((await post({ ...body, stream: true }, strict)).statusCode, 400)
  assert.equal(agent.requests.length, 0)
  assert.equal((await post(hello, strict)).statusCode, 200)
  assert.equal((await post(body, { 'x-claude-serve-strict': 'false' })).statusCode, 200)
})

test('an agent lists what it has of its own and tells its model as one', async (t) => {
  const { agent, post } = await start(t)
  const answer = await post({ ...hello, model: 'agent/sonnet', tools: [look], stop_sequences: ['END'] })
  assert.equal(messageOf(answer).model, 'agent/claude-sonnet-5')
  assert.equal(answer.headers['x-claude-serve-ignored'], 'tools, stop_sequences')
  assert.equal(agent.requests[0]?.plain, null)
})

test('a conversation with very many such blocks is answered, though its header cannot name them all', async (t) => {
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

const forced = { ...hello, tools: [look], tool_choice: { type: 'any' } }

test('a forced call that the model does not make is told as an ignored choice', async (t) => {
  const { post } = await start(t)
  const answer = await post({ ...forced, top_k: 5 })
  assert.equal(messageOf(answer).stop_reason, 'end_turn')
  assert.equal(answer.headers['x-claude-serve-ignored'], 'tool_choice, top_k')
})

for (const [what, end] of [
  ['made', { stopReason: 'tool_use' }],
  ['cut short', { stopReason: 'max_tokens' }],
  ['refused', { stopReason: 'refusal' }],
] as const) {
  test(`a forced call that is ${what} is no ignored choice`, async (t) => {
    const events = what === 'made' ? called : textBlock(0, ['I'])
    const { post } = await start(t, [runStart(), ...events, runEnd(end)])
    const answer = await post(forced)
    assert.equal(messageOf(answer).stop_reason, end.stopReason)
    assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  })
}

function withSchema(schema: object) {
  return { ...hello, output_config: { format: { type: 'json_schema', schema } } }
}

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'a whole answer'

  test(`${kind} that there is no room for is 429 and may be asked for again`, async (t) => {
    const { post } = await start(t, refusing(queueFull()))
    const answer = await post({ ...hello, stream })
    assert.equal(answer.statusCode, 429)
    assert.equal(ErrorBody.parse(answer.json()).error.type, 'rate_limit_error')
    assert.deepEqual([answer.headers['retry-after'], answer.headers['x-should-retry']], ['3', undefined])
  })

  for (const [what, before] of [
    ['says anything', []],
    ['says more than what it counted', [{ type: 'usage', usage: runEnd().usage }]],
    ['has a word to show', [{ type: 'text-start', index: 0 }]],
    ['has a thought to show', [{ type: 'thinking-start', index: 0 }]],
  ] as [string, RunEvent[]][]) {
    test(`${kind} whose run fails before it ${what} has its own status and is not to be asked for again`, async (t) => {
      const failure = new AppError('overloaded', 'The model is busy.', { upstreamStatus: 529 })
      const { agent, post } = await start(t, [runStart(), ...before, failedEnd(failure)])
      const answer = await post({ ...hello, thinking: { type: 'adaptive' }, stream })
      assert.equal(answer.statusCode, 529, answer.body)
      assert.deepEqual(ErrorBody.parse(answer.json()).error, {
        type: 'overloaded_error',
        message: 'The model is busy.',
      })
      assert.equal(answer.headers['x-should-retry'], 'false')
      assert.equal(agent.over[0], true)
    })
  }

  test(`${kind} is the schema's JSON`, async (t) => {
    const { agent, post } = await start(t, [
      runStart(),
      ...textBlock(0, ['Here:']),
      runEnd({ structuredOutput: { a: 1 }, result: '{"a":1}' }),
    ])
    const answer = await post({ ...withSchema({ type: 'object' }), stream })
    const said = stream
      ? textIn(eventsOf(answer))
      : messageOf(answer).content.map((block) => (block.type === 'text' ? block.text : block.type))
    assert.deepEqual([said].flat(), ['{"a":1}'])
    assert.deepEqual(agent.requests[0]?.options.jsonSchema, { type: 'object' })
  })

  test(`${kind} that is cut in a call by the limit is no fault of the request`, async (t) => {
    const { post } = await start(t, [
      runStart(),
      { type: 'tool-start', index: 0, toolId: 'toolu_1', name: 'look' },
      { type: 'tool-delta', index: 0, json: '{"at' },
      { type: 'tool-end', index: 0 },
      runEnd({ stopReason: 'max_tokens' }),
    ])
    const answer = await post({ ...hello, tools: [look], stream })
    assert.equal(answer.statusCode, 200, answer.body)
    if (stream) assert.equal(typesOf(eventsOf(answer)).at(-1), 'message_stop')
    else assert.equal(messageOf(answer).stop_reason, 'max_tokens')
  })
}

test('a stream that fails after its first words ends with an error event and no stop', async (t) => {
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

test('a stream whose answer does not fit the schema ends with an error event and no stop', async (t) => {
  const usage: RunEvent = { type: 'usage', usage: runEnd().usage }
  const { post } = await start(t, [runStart(), usage, ...textBlock(0, ['No.']), runEnd()])
  const events = eventsOf(await post({ ...withSchema({ type: 'object' }), stream: true }))
  assert.deepEqual(typesOf(events), ['message_start', 'error'])
  const last = events.at(-1)
  assert.match(last?.type === 'error' ? last.error.message : '', /output_config\.format/)
})

test('an agent that breaks in the middle of a stream ends it with an error that gives nothing away', async (t) => {
  const { post } = await start(t, function* () {
    yield runStart()
    yield* textBlock(0, ['Half an']).slice(0, 2)
    throw new Error('secret')
  })
  const answer = await post({ ...hello, stream: true })
  const last = eventsOf(answer).at(-1)
  assert.equal(last?.type === 'error' && last.error.type, 'api_error')
  assert.doesNotMatch(answer.body, /secret/)
})

/** Frames as they come, until the reader has seen enough. */
async function* framesIn(answer: IncomingMessage): AsyncGenerator<string> {
  let buffered = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) {
    const frames = `${buffered}${chunk}`.split('\n\n')
    buffered = frames.pop() ?? ''
    yield* frames
  }
}

test('in silence a stream that has a heartbeat of its own sends that, and nothing else', async (t) => {
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

test('a message whose model is silent for long sends pings, which are events of the API', async (t) => {
  let goOn: () => void = () => {}
  const silence = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const agent = new ScriptedAgent(async function* () {
    const [first, ...rest] = goodRun(['One ', 'two'])
    if (first !== undefined) yield first
    for (const event of rest) {
      if (event.type === 'text-delta' && event.text === 'two') await silence
      yield event
    }
  })
  const { port } = await listenApp(t, setup(agent))
  t.mock.timers.enable({ apis: ['setInterval'] })
  const client = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method: 'POST',
    headers: { ...headers, host: 'localhost' },
  })
  const answered = once(client, 'response') as Promise<[IncomingMessage]>
  client.end(JSON.stringify({ ...hello, stream: true }))
  const [answer] = await answered
  const seen: string[] = []
  for await (const frame of framesIn(answer)) {
    seen.push(frame)
    if (frame.includes('text_delta') && frame.includes('One')) t.mock.timers.tick(15_000)
    if (frame.startsWith('event: ping') || frame.startsWith(':')) goOn()
  }
  const events = parseFrames(`${seen.join('\n\n')}\n\n`)
  assert.deepEqual(typesOf(events), [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'ping',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
})

for (const stream of [false, true]) {
  test(`a client that hangs up cancels its run (${stream ? 'stream' : 'whole'})`, async (t) => {
    const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, ['Hello']))
    const { port } = await listenApp(t, setup(agent))
    const client = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method: 'POST',
      headers: { ...headers, host: 'localhost' },
    })
    client.on('error', () => {})
    const answered = new Promise<IncomingMessage>((resolve) => client.once('response', resolve))
    client.end(JSON.stringify({ ...hello, stream }))
    await agent.asked(1)
    if (stream) await answered
    client.destroy()
    await agent.ended(0)
    assert.equal((agent.signals[0]?.reason as AppError | undefined)?.code, 'cancelled')
  })
}

test('a run that takes too long is told as a timeout', async (t) => {
  const agent = (_request: unknown, signal: AbortSignal) => untilAborted(signal)
  const { post } = await start(t, agent, { requestTimeoutMs: 1 })
  const answer = await post(hello)
  assert.equal(answer.statusCode, 504)
  assert.equal(ErrorBody.parse(answer.json()).error.type, 'timeout_error')
})
