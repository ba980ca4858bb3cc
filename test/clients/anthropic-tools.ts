// Cases of the Anthropic suite: one call of the client's tools and its result.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  callOf,
  deltasOf,
  endOf,
  errorOf,
  fromAssistant,
  fromUser,
  makeTool,
  readEvents,
  resultFor,
  streamMessage,
  textOf,
  toBody,
  toHistory,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, requestAt, sent, toolNames, toolResult, toolUse, user } from './sent.ts'

const rome = { city: 'Rome' }
const callWeather = step({ tool: 'get_weather', input: rome })

export function testTools({ client, server, Anthropic, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test, testIf } = testsIf(!isFormer)
  const { upstream, folders } = server
  const tools = [weatherTool]
  const session = (index: number) => requestAt(upstream, index).headers['x-claude-code-session-id']

  test('a tool reaches the model with its name, description and schema', async () => {
    const extras = { strict: true, eager_input_streaming: true, cache_control: { type: 'ephemeral' } }
    await ask(client, { tools: [{ type: 'custom', ...weatherTool, ...extras }], messages: [fromUser('hi')] })
    const offered = (sent(upstream).tools ?? []).map(({ name, description, input_schema }) => {
      return { name, description, input_schema }
    })
    assert.deepEqual(offered, [weatherTool])
  })

  clientTest('a call ends the answer, and its result continues in the same process', async () => {
    const prompt = `tool ${callWeather}${step({ text: 'It rains.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const call = callOf(first)
    assert.match(call.id, /^toolu_/)
    assert.deepEqual(first.content, [{ ...call, name: 'get_weather', input: rome }])
    assert.equal(upstream.requests.length, 1)
    const messages = [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'rain')])]
    const second = await ask(client, { tools, messages })
    assert.deepEqual([textOf(second), second.stop_reason], ['It rains.', 'end_turn'])
    assert.equal(upstream.requests.length, 2)
    assert.equal(session(1), session(0))
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  })

  extendedTest('text before a call is part of the answer and of the conversation', async () => {
    const first_step = step({ text: 'I will look.', tool: 'get_weather', input: rome })
    const prompt = `words ${first_step}${step({ text: 'It rains.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    assert.deepEqual(
      first.content.map(({ type }) => type),
      ['text', 'tool_use'],
    )
    const call = callOf(first)
    await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'rain')])] })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant('I will look.', toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  clientTest('the input of a call is streamed piece by piece for a client that asks for that', async () => {
    const eager = tools.map((tool) => ({ ...tool, eager_input_streaming: true }))
    const events = await readEvents(client, { tools: eager, messages: [fromUser(callWeather)] })
    const [, start] = events
    assert.ok(start?.type === 'content_block_start' && start.content_block.type === 'tool_use')
    assert.deepEqual([start.content_block.name, start.content_block.input], ['get_weather', {}])
    const pieces = deltasOf(events).map((delta) => (delta.type === 'input_json_delta' ? delta.partial_json : null))
    assert.ok(pieces.length > 1)
    assert.deepEqual(JSON.parse(pieces.join('')), rome)
    assert.equal(endOf(events).delta.stop_reason, 'tool_use')
  })

  clientTest('the stream helper assembles a call, and its result continues the conversation', async () => {
    const prompt = `helper ${callWeather}${step({ text: 'It rains.', tokens: 2 })}`
    const messages = [fromUser(prompt)]
    const snapshots: unknown[] = []
    const stream = client.messages.stream({ model: 'sonnet', max_tokens: 1024, tools, messages })
    stream.on('inputJson', (_, snapshot) => snapshots.push(snapshot))
    const first = await stream.finalMessage()
    const call = callOf(first)
    assert.deepEqual([call.input, snapshots.at(-1)], [rome, rome])
    messages.push(toHistory(first), fromUser([resultFor(call, 'rain')]))
    assert.equal(textOf(await streamMessage(client, { tools, messages })), 'It rains.')
    assert.equal(session(1), session(0))
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  extendedTest('a tool without input is called with an empty object', async () => {
    const tool = { name: 'now', input_schema: { type: 'object' as const } }
    const params = { tools: [tool], messages: [fromUser(step({ tool: 'now' }))] }
    assert.deepEqual(callOf(await ask(client, params)).input, {})
    assert.deepEqual(callOf(await streamMessage(client, params)).input, {})
  })

  for (const result of ['', '{"degrees":[1,2]}', 'x'.repeat(300_000)]) {
    testIf(result === '')(`a result of ${result.length} characters arrives unchanged`, async () => {
      const prompt = `result ${callWeather}${step({ text: 'I see.' })}`
      const first = await ask(client, { tools, messages: [fromUser(prompt)] })
      const results = fromUser([resultFor(callOf(first), result)])
      assert.equal(
        textOf(await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), results] })),
        'I see.',
      )
      assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(callOf(first).id, result)))
    })
  }

  extendedTest('an error result reaches the model as an error', async () => {
    const prompt = `error ${callWeather}${step({ text: 'I see.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const results = fromUser([resultFor(callOf(first), 'no such city', { is_error: true })])
    await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), results] })
    const [result] = conversationOf(sent(upstream)).at(-1)?.content ?? []
    assert.ok(typeof result === 'object')
    assert.deepEqual([result.is_error, result.content], [true, 'no such city'])
  })

  extendedTest('a result without content answers its call', async () => {
    const prompt = `nothing ${callWeather}${step({ text: 'I see.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const results = fromUser([resultFor(callOf(first), undefined)])
    assert.equal(
      textOf(await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), results] })),
      'I see.',
    )
  })

  test('an image result arrives in the process that waits for it', async () => {
    const data = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    const source = { type: 'base64', media_type: 'image/png', data } as const
    const content = [
      { type: 'text' as const, text: 'Look:' },
      { type: 'image' as const, source },
    ]
    const prompt = `picture ${callWeather}${step({ text: 'I see.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const results = fromUser([resultFor(callOf(first), content)])
    await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), results] })
    assert.equal(session(1), session(0))
    const [result] = conversationOf(sent(upstream)).at(-1)?.content ?? []
    assert.ok(typeof result === 'object')
    assert.deepEqual(result.content, content)
  })

  extendedTest('user text may follow a result', async () => {
    const first = await ask(client, { tools, messages: [fromUser(callWeather)] })
    const call = callOf(first)
    const results = fromUser([resultFor(call, 'rain'), { type: 'text', text: 'And tomorrow?' }])
    await ask(client, { tools, messages: [fromUser(callWeather), toHistory(first), results] })
    assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(call.id, 'rain'), 'And tomorrow?'))
  })

  for (const name of ['Bash', 'mcp__x', 'mcp__client__get-it', 'a'.repeat(64), 'b'.repeat(128)]) {
    testIf(name.length > 100)(
      `a client's tool named ${name} reaches the model under its name and never runs on the server`,
      async () => {
        const file = join(folders.cwd, `made-by-${name}`)
        const input = { command: `touch ${file}`, description: 'a command' }
        const tool = makeTool(name, { command: { type: 'string' }, description: { type: 'string' } })
        const prompt = `${step({ tool: name, input })}${step({ text: 'Done.' })}`
        const first = await ask(client, { tools: [tool], messages: [fromUser(prompt)] })
        const call = callOf(first)
        assert.deepEqual([call.name, call.input], [name, input])
        assert.deepEqual(toolNames(sent(upstream)), [name])
        const messages = [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'ran elsewhere')])]
        assert.equal(textOf(await ask(client, { tools: [tool], messages })), 'Done.')
        assert.deepEqual(conversationOf(sent(upstream)), [
          user(prompt),
          assistant(toolUse(call.id, name, input)),
          user(toolResult(call.id, 'ran elsewhere')),
        ])
        assert.equal(existsSync(file), false)
      },
    )
  }

  const call = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: rome } as const
  const result = { type: 'tool_result', tool_use_id: 'toolu_9', content: 'x' } as const
  for (const [what, messages, message] of [
    ['a result without a call', [fromUser([result])], /`tool_use_id` found in `tool_result` blocks: toolu_9/],
    ['a call without a result', [fromUser('a'), fromAssistant([call]), fromUser('b')], /without `tool_result` blocks/],
  ] as const) {
    test(`${what} is refused in the wording of the API`, async () => {
      const answer = client.messages.create({ ...toBody({ tools, messages: [...messages] }), stream: false })
      const error = await errorOf(answer, Anthropic.BadRequestError)
      assert.match(error.message, message)
      assert.equal(upstream.requests.length, 0)
    })
  }
}
