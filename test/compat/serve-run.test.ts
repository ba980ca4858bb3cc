// What the compatible APIs promise alike, each case run against all of them: the order of the checks, ignored
// fields, failures, retries, disconnects and replays, whole and streamed. How each API writes its answers is tested with
// its surface.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { newSecret } from '../../src/auth/keys.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { noPolicy } from '../../src/core/key-record.ts'
import { AppError } from '../../src/errors.ts'
import { createInjectApp, type InjectAppOptions, listenApp } from '../helpers/inject-app.ts'
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
} from '../helpers/scripted-agent.ts'
import {
  allSurfaces,
  anthropic,
  type compatible,
  eventsOf,
  ollama,
  openai,
  responses,
  streamedText,
} from '../security/surfaces.ts'
import { makeStoreFolder } from '../store/scene.ts'

type Json = Record<string, unknown>

type Api = {
  surface: (typeof compatible)[number]
  countPath: string | null
  /** The client's tools, with these parameters, and the location of the parameters. */
  tool(parameters: object, name?: string): Json
  toolParam: string
  /** A choice that forces a call; null where there is none. */
  forced: Json | null
  /** An answer with a schema, and the schema's location. */
  schema(schema: object): Json
  schemaParam: string
  /** A value that translation refuses, and the field's name. */
  refused: Json
  refusedParam: string
  /** The status of an overloaded model. */
  overloaded: number
  heartbeat: RegExp
}

const apis: Api[] = [
  {
    surface: openai,
    countPath: null,
    tool: (parameters, name = 'look') => ({ tools: [{ type: 'function', function: { name, parameters } }] }),
    toolParam: 'tools[0].function.parameters',
    forced: { tool_choice: 'required' },
    schema: (schema) => ({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }),
    schemaParam: 'response_format.json_schema.schema',
    refused: { n: 2 },
    refusedParam: 'n',
    overloaded: 503,
    heartbeat: /^: still here\n\n/m,
  },
  {
    surface: responses,
    countPath: '/v1/responses/input_tokens',
    tool: (parameters, name = 'look') => ({ tools: [{ type: 'function', name, parameters }] }),
    toolParam: 'tools[0].parameters',
    forced: { tool_choice: 'required' },
    schema: (schema) => ({ text: { format: { type: 'json_schema', name: 'x', schema } } }),
    schemaParam: 'text.format.schema',
    refused: { prompt: { id: 'pmpt_1' } },
    refusedParam: 'prompt',
    overloaded: 503,
    heartbeat: /^: still here\n\n/m,
  },
  {
    surface: anthropic,
    countPath: '/v1/messages/count_tokens',
    tool: (parameters, name = 'look') => ({ tools: [{ name, input_schema: parameters }] }),
    toolParam: 'tools[0].input_schema',
    forced: { tool_choice: { type: 'any' } },
    schema: (schema) => ({ output_config: { format: { type: 'json_schema', schema } } }),
    schemaParam: 'output_config.format.schema',
    refused: { thread: 'thread_1' },
    refusedParam: 'thread',
    overloaded: 529,
    heartbeat: /^event: ping\ndata: {"type":"ping"}\n\n/m,
  },
  {
    surface: ollama,
    countPath: null,
    tool: (parameters, name = 'look') => ({ tools: [{ type: 'function', function: { name, parameters } }] }),
    toolParam: 'tools[0].function.parameters',
    forced: null,
    schema: (schema) => ({ format: schema }),
    schemaParam: 'format',
    refused: { logprobs: true },
    refusedParam: 'logprobs',
    overloaded: 503,
    heartbeat: /^{"model":"sonnet","created_at":"[^"]*","message":{"role":"assistant","content":""},"done":false}\n/m,
  },
]

const headers = { host: 'localhost:5005', 'content-type': 'application/json' }
const strict = { 'x-claude-serve-strict': 'true' }
const objectSchema = { type: 'object' }
const invalidSchema = { type: 'object', properties: 7 }

async function open(t: TestContext, script?: Script, options: InjectAppOptions = {}) {
  const agent = new ScriptedAgent(script)
  const { inject } = await createInjectApp(t, allSurfaces({ agent, ...options }))
  const send = (method: 'GET' | 'HEAD' | 'POST', url: string, payload?: object, more: Record<string, string> = {}) =>
    inject({ method, url, headers: { ...headers, ...more }, ...(payload === undefined ? {} : { payload }) })
  return {
    agent,
    send,
    post: (url: string, body: object, more: Record<string, string> = {}) => send('POST', url, body, more),
  }
}

/** The same with stored runs and a key, which every request needs; `caller` are its headers. */
async function openWithKey(t: TestContext, budgetUsd: number | null = null) {
  const store = await makeStoreFolder(t).open()
  const { secret, prefix, hash } = newSecret()
  const limits = {
    expiresAtMs: null,
    ratePerMinute: null,
    budgetUsd,
    policy: noPolicy,
    revokedAtMs: null,
    lastUsedAtMs: null,
  }
  await store.createKey({ id: 'key_1', name: 'key_1', prefix, hash, scopes: ['chat'], createdAtMs: 0, ...limits })
  const callers = new Authenticator({ keys: store, isLoopback: true, now: Date.now })
  const scene = await open(t, undefined, { store, callers })
  return { ...scene, caller: { authorization: `Bearer ${secret}` } }
}

/** The same on a port, for tests that need a connection; `ask` sends a request. */
async function listen(t: TestContext, script: Script) {
  const agent = new ScriptedAgent(script)
  const { port } = await listenApp(t, allSurfaces({ agent }))
  const ask = (path: string, body: object) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false })
    request.on('error', () => {})
    request.end(JSON.stringify(body))
    return request
  }
  return { agent, ask }
}

const callOf = (name: string): RunEvent[] => [
  { type: 'tool-start', index: 0, toolId: 'toolu_1', name },
  { type: 'tool-end', index: 0 },
]

const beforeContent: [what: string, events: RunEvent[]][] = [
  ['emits anything', []],
  ['emits more than its usage', [{ type: 'usage', usage: runEnd().usage }]],
  ['has any text', [{ type: 'text-start', index: 0 }]],
  ['has any thinking', [{ type: 'thinking-start', index: 0 }]],
]

for (const api of apis) {
  const { surface, countPath, refused, refusedParam, schemaParam, toolParam } = api
  const { name, path, messageOf } = surface
  const forced = { ...api.tool(objectSchema), ...api.forced }
  const kinds = [false, true].map((stream) => ({ stream, kind: stream ? 'a stream' : 'a whole answer' }))
  const ways: [way: string, url: string, more: Json][] = [
    ...kinds.map(({ stream, kind }): [string, string, Json] => [kind, path, { stream }]),
    ...(countPath === null ? [] : ([['a token count', countPath, {}]] satisfies [string, string, Json][])),
  ]

  for (const [way, url, more] of ways) {
    const body = (fields: Json = {}) => surface.body('hi', { ...more, ...fields })

    test(`${name}: ${way} checks the model, then the scope, then the rest of the body`, async (t) => {
      const { agent, post, caller } = await openWithKey(t)
      const answers = [
        await post(url, body({ model: 'agent/llama', ...refused }), caller),
        await post(url, body({ model: 'agent/sonnet', ...refused }), caller),
        await post(url, body({ model: 'sonnet', ...refused }), caller),
      ]
      assert.deepEqual(
        answers.map(({ statusCode }) => statusCode),
        [404, 403, 400],
      )
      for (const [index, start] of [
        /^there is no model "agent\/llama"/,
        /scope agent/,
        RegExp(`^${refusedParam} `),
      ].entries()) {
        assert.match(messageOf(answers[index]?.json()), start)
      }
      assert.equal(agent.requests.length, 0)
    })

    test(`${name}: ${way} with an invalid schema is refused by its location`, async (t) => {
      const { agent, post } = await open(t)
      for (const [fields, param] of [
        [api.schema(invalidSchema), schemaParam],
        [api.tool(invalidSchema), toolParam],
      ] as const) {
        const answer = await post(url, body(fields))
        assert.equal(answer.statusCode, 400, answer.body)
        surface.ErrorBody.parse(answer.json())
        assert.ok(messageOf(answer.json()).startsWith(`${param} is not a valid JSON Schema`), answer.body)
      }
      const endless = await post(url, body(api.schema({ type: 'object', $ref: '#' })))
      assert.equal(endless.statusCode, 400, endless.body)
      assert.ok(messageOf(endless.json()).startsWith(`${schemaParam} refers to itself without end`), endless.body)
      assert.equal(agent.requests.length, 0)
    })

    test(`${name}: ${way} names ignored fields in a header, or is refused for a strict caller`, async (t) => {
      const { agent, post } = await open(t)
      const fields = { temperature: 0.5, brand_new: 1 }
      const answer = await post(url, body(fields))
      assert.equal(answer.statusCode, 200, answer.body)
      assert.equal(answer.headers['x-claude-serve-ignored'], 'temperature, brand_new')
      const count = agent.requests.length
      const refusal = await post(url, body(fields), strict)
      assert.equal(refusal.statusCode, 400)
      assert.match(messageOf(refusal.json()), /^temperature cannot be honored by this server/)
      assert.equal(agent.requests.length, count)
      assert.equal((await post(url, body(), strict)).statusCode, 200)
    })
  }

  for (const [what, events, end, isReported] of [
    ['ends by itself', textBlock(0, ['No.']), { stopReason: 'end_turn' }, true],
    ['ends without a reason', textBlock(0, ['No.']), { stopReason: null }, true],
    ['calls a tool that was not offered', [], { stopReason: 'tool_use' }, true],
    ['makes the call', callOf('look'), { stopReason: 'tool_use' }, false],
    ['is stopped by a stop sequence', textBlock(0, ['No']), { stopReason: 'stop_sequence', stopSequence: '.' }, false],
    ['is cut short', textBlock(0, ['I']), { stopReason: 'max_tokens' }, false],
    ['refuses', textBlock(0, ['I']), { stopReason: 'refusal' }, false],
  ] as const) {
    if (api.forced === null) continue
    test(`${name}: if the model ${what}, a forced choice is ${isReported ? '' : 'not '}reported as ignored`, async (t) => {
      const { agent, post } = await open(t, [runStart(), ...events, runEnd(end)])
      const answer = await post(path, surface.body('hi', { ...forced, brand_new: 1 }))
      assert.equal(answer.statusCode, 200, answer.body)
      assert.equal(agent.requests[0]?.plain?.requiredOutput, 'call')
      assert.equal(answer.headers['x-claude-serve-ignored'], isReported ? 'tool_choice, brand_new' : 'brand_new')
    })
  }

  test(`${name}: a choice that the model is free to make is never reported as ignored`, async (t) => {
    const { post } = await open(t)
    const answer = await post(path, surface.body('hi', api.tool(objectSchema)))
    assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  })

  for (const { stream, kind } of kinds) {
    const body = (fields: Json = {}) => surface.body('hi', { stream, ...fields })

    test(`${name}: ${kind} is 429 if the queue is full, and may be retried`, async (t) => {
      const { post } = await open(t, refusing(queueFull()))
      const answer = await post(path, body())
      assert.equal(answer.statusCode, 429)
      surface.ErrorBody.parse(answer.json())
      assert.deepEqual([answer.headers['retry-after'], answer.headers['x-should-retry']], ['3', undefined])
    })

    for (const [what, events] of beforeContent) {
      test(`${name}: ${kind} whose run fails before it ${what} has the status of the failure and is not retried`, async (t) => {
        const failure = new AppError('overloaded', 'The model is busy.', { upstreamStatus: 529 })
        const { agent, post } = await open(t, [runStart(), ...events, failedEnd(failure)])
        const answer = await post(path, body())
        assert.equal(answer.statusCode, api.overloaded)
        assert.equal(messageOf(surface.ErrorBody.parse(answer.json())), 'The model is busy.')
        assert.equal(answer.headers['x-should-retry'], 'false')
        assert.equal(agent.over[0], true)
      })
    }

    test(`${name}: ${kind} whose agent throws reveals nothing`, async (t) => {
      const { post } = await open(t, function* () {
        yield runStart()
        if (stream) yield* textBlock(0, ['Half an']).slice(0, 2)
        throw new Error('secret')
      })
      const answer = await post(path, body())
      assert.equal(answer.statusCode, stream ? 200 : 500)
      assert.match(answer.body, /Something went wrong inside claude-serve/)
      assert.doesNotMatch(answer.body, /secret/)
    })

    test(`${name}: ${kind} that does not fit the schema is an error that names the format`, async (t) => {
      const { post } = await open(t, goodRun(['No.']))
      const answer = await post(path, body(api.schema(objectSchema)))
      const events = stream ? eventsOf(answer.body) : []
      assert.ok(!events.some(surface.isEnd))
      const failed = stream ? (JSON.parse(events.at(-1)?.data ?? '') as unknown) : answer.json()
      if (name !== 'responses' || !stream) surface.ErrorBody.parse(failed)
      assert.equal(answer.statusCode, stream ? 200 : 500)
      const format = schemaParam.replace(/(\.json_schema)?\.schema$/, '')
      assert.equal(messageOf(failed), `The model returned no answer that matches ${format}.`)
    })

    test(`${name}: ${kind} of a key without budget is refused`, async (t) => {
      const { agent, post, caller } = await openWithKey(t, 0)
      const answer = await post(path, body(), caller)
      assert.match(messageOf(answer.json()), /budget/)
      assert.equal(agent.requests.length, 0)
    })

    test(`${name}: ${kind} that is sent twice with one idempotency key is the same answer of the same run`, async (t) => {
      const { agent, post } = await open(t, undefined, { store: await makeStoreFolder(t).open() })
      const once = { 'idempotency-key': 'k' }
      const first = await post(path, body(), once)
      assert.equal(first.statusCode, 200, first.body)
      assert.equal(first.headers['idempotent-replayed'], undefined)
      const again = await post(path, body(), once)
      assert.deepEqual([again.statusCode, again.headers['idempotent-replayed']], [200, 'true'])
      assert.equal(again.headers['x-run-id'], first.headers['x-run-id'])
      assert.equal(again.body, first.body)
      assert.equal((await post(path, body({ temperature: 0.5 }), once)).statusCode, 409)
      assert.equal(agent.requests.length, 1)
    })

    test(`${name}: a client that disconnects from ${kind} cancels its run`, async (t) => {
      const { agent, ask } = await listen(t, (_request, signal) => untilAborted(signal, ['Hello']))
      const client = ask(path, body())
      const answered = once(client, 'response')
      answered.catch(() => {})
      await agent.requested(1)
      if (stream) await answered
      client.destroy()
      await agent.ended(0)
      assert.equal((agent.signals[0]?.reason as AppError | undefined)?.code, 'cancelled')
    })
  }

  test(`${name}: a whole answer is what the model wrote after the CLI repeated its request`, async (t) => {
    const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 5, upstreamStatus: 529 }
    const { post } = await open(t, [
      runStart(),
      ...textBlock(0, ['Wro']),
      retry,
      ...textBlock(1, ['Right.']),
      runEnd({ result: 'Right.' }),
    ])
    assert.equal(surface.textOf((await post(path, surface.body('hi'))).json()), 'Right.')
  })

  test(`${name}: a stream that fails after its first text ends with the error and is not complete`, async (t) => {
    const failure = new AppError('claude_failed', 'It broke.')
    const { post } = await open(t, [runStart(), ...textBlock(0, ['Half an']), failedEnd(failure)])
    const answer = await post(path, surface.streamed('hi'))
    assert.equal(answer.statusCode, 200)
    const events = eventsOf(answer.body)
    assert.ok(!events.some(surface.isEnd))
    const parsed = events.map(({ data }) => JSON.parse(data) as Json)
    assert.equal(parsed.map(surface.deltaOf).join(''), 'Half an')
    const last = parsed.at(-1)
    assert.equal(messageOf(last), 'It broke.')
    assert.equal(last?.request_id, name === 'anthropic' ? answer.headers['request-id'] : undefined)
  })

  test(`${name}: a silent stream is kept alive`, async (t) => {
    const { promise: silence, resolve: endSilence } = Promise.withResolvers<void>()
    const { ask } = await listen(t, async function* () {
      for (const event of goodRun(['One ', 'two'])) {
        if (event.type === 'text-delta' && event.text === 'two') await silence
        yield event
      }
    })
    t.mock.timers.enable({ apis: ['setInterval'] })
    const [answer] = (await once(ask(path, surface.streamed('hi')), 'response')) as [IncomingMessage]
    let sent = ''
    answer.setEncoding('utf8')
    for await (const chunk of answer as AsyncIterable<string>) {
      sent += chunk
      if (chunk.includes('One')) t.mock.timers.tick(15_000)
      if (api.heartbeat.test(sent)) endSilence()
    }
    assert.equal(sent.split(api.heartbeat).length, 2)
    assert.equal(streamedText(surface, sent), 'One two')
  })

  for (const url of [path, ...(countPath === null ? [] : [countPath])]) {
    for (const method of ['GET', 'HEAD'] as const) {
      test(`${name}: ${method} ${url} is 405 and names the allowed method`, async (t) => {
        const { send } = await open(t)
        const answer = await send(method, url)
        assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'POST'])
        if (method === 'GET')
          assert.equal(messageOf(surface.ErrorBody.parse(answer.json())), `${url} supports POST, not GET`)
      })
    }
  }
}

test('anthropic: fields that only concern the answer do not disturb a token count, whatever their values', async (t) => {
  const { post } = await open(t)
  const body = { ...anthropic.body('hi'), max_tokens: 'many', stream: 'yes', stop_sequences: 7 }
  assert.equal((await post('/v1/messages/count_tokens', body)).statusCode, 200)
})
