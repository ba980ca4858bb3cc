// What a user of the official Ollama client gets from a complete claude-serve: unmodified, over a real connection, with
// the real CLI. Every call of the client is answered, or refused in the form that it understands.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, beforeEach, describe, type TestContext, test } from 'node:test'
import { type ChatRequest, type ChatResponse, type Message, Ollama, type Tool } from 'ollama'
import { startTestServer, step } from '../helpers/test-server.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const usualPort = 11_434

/** Whether Ollama's own port is free: on a machine with Ollama it is not, and the client must be told the server's. */
const isUsualPortFree = await new Promise<boolean>((resolve) => {
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(usualPort, '127.0.0.1', () => probe.close(() => resolve(true)))
})

const server = await startTestServer(
  { after: after as TestContext['after'] },
  { config: { maxProcesses: 3, port: isUsualPortFree ? usualPort : 0, modelMap: { 'llama3.2': 'haiku' } } },
)
const { upstream } = server
const client = new Ollama(isUsualPortFree ? {} : { host: server.url })

const model = 'sonnet'
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
const weatherTool: Tool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells the weather.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const fromUser = (content: string) => ({ role: 'user', content })
const say = (text: string, more: object = {}) => step({ text, ...more })

async function readAll<Part>(stream: AsyncIterable<Part>): Promise<Part[]> {
  const parts: Part[] = []
  for await (const part of stream) parts.push(part)
  return parts
}

const streamed = async (request: ChatRequest) => readAll(await client.chat({ ...request, stream: true }))
const textOf = (parts: readonly ChatResponse[]) => parts.map(({ message }) => message.content).join('')

/** What the client throws for a refused request. */
async function failureOf(answer: Promise<unknown>): Promise<{ status: number | undefined; error: string }> {
  const thrown = (await answer.then(
    () => assert.fail('the request was not refused'),
    (error: unknown) => error,
  )) as { status_code?: number; error?: string; message: string }
  return { status: thrown.status_code, error: thrown.error ?? thrown.message }
}

/** Of the process that the last request to the model came from. */
const sessionOf = () => requestAt(upstream).headers['x-claude-code-session-id']

const isDuration = (value: unknown) => Number.isInteger(value) && Number(value) >= 0

describe('the ollama package', () => {
  beforeEach(() => upstream.reset())

  test('chat answers with the text, the reason and the figures', async () => {
    const usage = { input_tokens: 11, cache_read_input_tokens: 5, output_tokens: 3 }
    const answer = await client.chat({ model, messages: [fromUser(say('Hello, Ann.', { usage }))] })
    const { created_at, total_duration, load_duration, eval_duration, ...rest } = answer
    assert.deepEqual(rest, {
      model,
      message: { role: 'assistant', content: 'Hello, Ann.' },
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 16,
      prompt_eval_duration: 0,
      eval_count: 3,
    })
    assert.ok(Math.abs(new Date(created_at).getTime() - Date.now()) < 600_000)
    for (const duration of [load_duration, eval_duration]) assert.ok(isDuration(duration))
    assert.equal(total_duration, load_duration + eval_duration)
    // Nanoseconds: the exchange with the model took at least a millisecond.
    assert.ok(eval_duration >= 1_000_000)
  })

  test('a streamed chat arrives in parts, the last of which has the figures', async () => {
    const parts = await streamed({ model, messages: [fromUser(say('One two three', { tokens: 3 }))] })
    assert.equal(textOf(parts), 'One two three')
    const last = parts.pop()
    assert.deepEqual([last?.done, last?.done_reason, last?.message.content], [true, 'stop', ''])
    assert.ok(isDuration(last?.total_duration) && isDuration(last?.eval_count))
    assert.ok(parts.length > 1)
    for (const { done, done_reason } of parts) assert.deepEqual([done, done_reason], [false, undefined])
  })

  test('an abandoned stream interrupts the model', async () => {
    const prompt = step({ text: 'One two three four', tokens: 4, gap: 100_000 })
    const stream = await client.chat({ model, messages: [fromUser(prompt)], stream: true })
    const aborted = upstream.waitForAbort()
    await assert.rejects(async () => {
      for await (const _part of stream) stream.abort()
    }, /abort/i)
    await aborted
  })

  test('roles, a system prompt and images reach the model', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'You are A.' },
      fromUser('first'),
      { role: 'assistant', content: 'second', thinking: 'never signed' },
      { ...fromUser('third'), images: [new Uint8Array(Buffer.from(png, 'base64'))] },
    ]
    await client.chat({ model, messages })
    const request = sent(upstream)
    assert.deepEqual(systemOf(request), ['You are A.'])
    assert.deepEqual(conversationOf(request), [user('first'), assistant('second'), user(image, 'third')])
  })

  test('two calls at once make the round trip, with the ids that the model gave them', async () => {
    const calls = ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } }))
    const prompt = fromUser(step({ tools: calls }))
    const { message, done_reason } = await client.chat({ model, messages: [prompt], tools: [weatherTool] })
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
    assert.equal(requestAt(upstream).body.tools?.[0]?.description, 'Tells the weather.')
    assert.deepEqual(
      message.tool_calls?.map((call) => call.function.arguments),
      [{ city: 'Rome' }, { city: 'Oslo' }],
    )
    assert.equal(done_reason, 'stop')
    const session = sessionOf()
    assert.ok(session)
    const results = ['rain', 'snow'].map((content) => ({ role: 'tool', content, tool_name: 'get_weather' }))
    await client.chat({ model, messages: [prompt, message, ...results], tools: [weatherTool] })
    assert.equal(sessionOf(), session, 'the conversation goes on in the process that holds it')
    const ids = (message.tool_calls as unknown as { id: string }[]).map(({ id }) => id)
    const [first = '', second = ''] = ids
    assert.deepEqual(conversationOf(sent(upstream)).slice(1), [
      assistant(toolUse(first, 'get_weather', { city: 'Rome' }), toolUse(second, 'get_weather', { city: 'Oslo' })),
      user(toolResult(first, 'rain'), toolResult(second, 'snow')),
    ])
  })

  test('a call in a stream is whole, in a part of its own', async () => {
    const prompt = fromUser(step({ tool: 'get_weather', input: { city: 'Rome' } }))
    const parts = await streamed({ model, messages: [prompt], tools: [weatherTool] })
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? [])
    assert.deepEqual(
      calls.map((call) => [call.function.name, call.function.arguments]),
      [['get_weather', { city: 'Rome' }]],
    )
    assert.equal(parts.at(-1)?.message.tool_calls, undefined)
  })

  test('a format is a schema for the answer', async () => {
    const format = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const prompt = fromUser(step({ tool: 'StructuredOutput', input: { city: 'Rome' } }))
    const answer = await client.chat({ model, messages: [prompt], format })
    assert.deepEqual(JSON.parse(answer.message.content), { city: 'Rome' })
    const parts = await streamed({ model, messages: [prompt], format })
    assert.deepEqual(JSON.parse(textOf(parts)), { city: 'Rome' })
  })

  test('the format json gives an object without a fence around it', async () => {
    const prompt = say('Here: ```json\n{"city":"Rome"}\n```')
    const answer = await client.chat({ model, messages: [fromUser(prompt)], format: 'json' })
    assert.deepEqual(JSON.parse(answer.message.content), { city: 'Rome' })
    assert.match(systemOf(sent(upstream)).join(), /one JSON object/)
  })

  test('think shows the thinking, false turns it off, and a level is an effort', async () => {
    const messages = [fromUser(say('Done.', { thinking: 2 }))]
    const shown = await client.chat({ model, messages, think: true })
    assert.ok(shown.message.thinking)
    assert.equal(shown.message.content, 'Done.')
    const parts = await streamed({ model, messages, think: 'low' })
    assert.equal(parts.map(({ message }) => message.thinking ?? '').join(''), shown.message.thinking)
    assert.equal((sent(upstream).output_config as { effort?: string } | undefined)?.effort, 'low')
    const off = await client.chat({ model, messages: [fromUser(say('Done.'))], think: false })
    assert.equal(off.message.thinking, undefined)
    assert.equal((sent(upstream).thinking as { type?: string } | undefined)?.type ?? 'disabled', 'disabled')
  })

  test('stop and num_predict end the answer', async () => {
    const stop = await client.chat({ model, messages: [fromUser(say('One. Two. Three.'))], options: { stop: ['Two'] } })
    assert.deepEqual([stop.message.content, stop.done_reason], ['One. ', 'stop'])
    const prompt = fromUser(say('One two', { stop_reason: 'max_tokens' }))
    const cut = await client.chat({ model, messages: [prompt], options: { num_predict: 64, temperature: 0.2 } })
    assert.deepEqual([cut.message.content, cut.done_reason], ['One two', 'length'])
    assert.equal(sent(upstream).max_tokens, 64)
  })

  test('generate answers with a text, whole and streamed', async () => {
    const request = { model, prompt: say('A text'), system: 'You are A.', images: [png] }
    const whole = await client.generate(request)
    assert.deepEqual([whole.response, whole.done, whole.done_reason], ['A text', true, 'stop'])
    assert.deepEqual(systemOf(sent(upstream)), ['You are A.'])
    assert.deepEqual(conversationOf(sent(upstream)), [user(image, request.prompt)])
    const parts = await readAll(await client.generate({ ...request, stream: true }))
    assert.equal(parts.map(({ response }) => response).join(''), 'A text')
    assert.equal(parts.at(-1)?.done_reason, 'stop')
  })

  test('requests that only load or unload a model start no run', async () => {
    const requests = [
      client.chat({ model, messages: [] }),
      client.chat({ model, keep_alive: 0 }),
      client.generate({ model, prompt: '', keep_alive: '0s' }),
      client.generate({ model, prompt: '', keep_alive: -1 }),
    ]
    const reasons = (await Promise.all(requests)).map(({ done, done_reason }) => [done, done_reason])
    assert.deepEqual(reasons, [
      [true, 'load'],
      [true, 'unload'],
      [true, 'unload'],
      [true, 'load'],
    ])
    const [streamedLoad] = await readAll(await client.chat({ model, messages: [], stream: true }))
    assert.equal(streamedLoad?.done_reason, 'load')
    assert.equal(upstream.requests.length, 0)
  })

  test('list, show, ps and version tell what programs look for', async () => {
    const { models } = await client.list()
    const names = models.map(({ name }) => name)
    for (const name of ['sonnet:latest', 'agent/sonnet:latest', 'llama3.2:latest'])
      assert.ok(names.includes(name), name)
    for (const { name, model: same, digest } of models) {
      assert.equal(same, name)
      assert.match(digest, /^[0-9a-f]{64}$/)
    }
    const shown = await client.show({ model: 'sonnet:latest' })
    assert.deepEqual(shown.capabilities, ['completion', 'tools', 'vision', 'thinking'])
    const info = shown.model_info as unknown as Record<string, unknown>
    assert.equal(info[`${info['general.architecture']}.context_length`], 200_000)
    assert.match(shown.template, /\.Tools/)
    const agent = await client.show({ model: 'agent/sonnet:latest' })
    assert.deepEqual(agent.capabilities, ['completion', 'vision', 'thinking'])
    assert.doesNotMatch(agent.template, /\.Tools/)
    assert.deepEqual(await client.ps(), { models: [] })
    const [major, minor] = (await client.version()).version.split('.').map(Number)
    assert.ok(major === 0 && Number(minor) >= 13)
  })

  test('the root, which programs look at first, says that a server is running', async () => {
    const [root, head] = await Promise.all([fetch(server.url), fetch(server.url, { method: 'HEAD' })])
    assert.deepEqual([root.status, head.status], [200, 200])
    assert.match(await root.text(), /is running/)
    assert.equal(await head.text(), '')
  })

  test('every listed name can be used, and an answer has the name of its request', async () => {
    for (const name of ['sonnet:latest', 'claude-sonnet-5:latest', 'llama3.2', 'llama3.2:latest']) {
      const answer = await client.chat({ model: name, messages: [fromUser(say('Yes.'))] })
      assert.deepEqual([answer.model, answer.message.content], [name, 'Yes.'])
      assert.doesNotMatch(sent(upstream).model ?? '', /latest/)
    }
    const agent = await client.chat({ model: 'agent/sonnet:latest', messages: [fromUser(say('As an agent.'))] })
    assert.equal(agent.message.content, 'As an agent.')
    assert.ok(toolNames(sent(upstream)).includes('Bash'))
  })

  test('a listed name can be sent to OpenAI’s path at the same address, as VS Code does', async () => {
    const [first] = (await client.list()).models.filter(({ name }) => name === 'sonnet:latest')
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: first?.name, messages: [fromUser(say('Yes.'))] }),
    })
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
    assert.equal(choices[0]?.message.content, 'Yes.')
  })

  test('an unknown model is a 404 with a text, in each call that names one', async () => {
    for (const ask of [
      () => client.chat({ model: 'sonet', messages: [fromUser('hi')] }),
      () => client.chat({ model: 'sonet', messages: [fromUser('hi')], stream: true }),
      () => client.chat({ model: 'sonet' }),
      () => client.generate({ model: 'sonet', prompt: 'hi' }),
      () => client.show({ model: 'sonet' }),
    ]) {
      const { status, error } = await failureOf(ask())
      assert.equal(status, 404)
      assert.match(error, /no model "sonet"; did you mean sonnet\?/)
    }
  })

  test('a model that fails is an error with its status, or in the stream if it has begun', async () => {
    const broken = fromUser(step({ status: 400, error_type: 'invalid_request_error', message: 'No.' }))
    const early = await failureOf(client.chat({ model, messages: [broken], stream: true }))
    assert.ok(Number(early.status) >= 400 && early.error.length > 0)
    const late = fromUser(step({ tokens: 10, gap: 50, cut: 3 }))
    const stream = await client.chat({ model, messages: [late], stream: true })
    let text = ''
    const { status, error } = await failureOf(
      (async () => {
        for await (const { message } of stream) text += message.content
      })(),
    )
    assert.equal(status, undefined)
    assert.match(text, /^tok0/)
    assert.doesNotMatch(error, /^Did not receive done/)
  })

  test('what would change the models of a machine is refused, with what to do instead', async () => {
    const refused: [send: () => Promise<unknown>, text: RegExp][] = [
      [() => client.pull({ model }), /GET \/api\/tags/],
      [() => client.push({ model }), /GET \/api\/tags/],
      [() => client.create({ model: 'mine', from: model }), /--model-map/],
      [() => client.copy({ source: model, destination: 'mine' }), /--model-map/],
      [() => client.delete({ model }), /GET \/api\/tags/],
      [() => client.embed({ model, input: 'hi' }), /no embeddings/],
      [() => client.embeddings({ model, prompt: 'hi' }), /no embeddings/],
      [() => client.systemone({ model, state: 'x', questions: {} }), /no probabilities/],
      [async () => readAll(await client.pull({ model, stream: true })), /GET \/api\/tags/],
    ]
    for (const [send, text] of refused) {
      const { status, error } = await failureOf(send())
      assert.equal(status, 404, error)
      assert.match(error, text)
    }
  })
})
