// Cases of the Anthropic suite: tools that Anthropic defines by type, and tool_choice.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  askWithIgnored,
  callOf,
  callsOf,
  endOf,
  errorOf,
  fromUser,
  makeTool,
  readEvents,
  resultFor,
  textOf,
  toHistory,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { conversationOf, sent, systemOf, toolNames, toolResult, user } from './sent.ts'

const rome = { city: 'Rome' }
const callWeather = step({ tool: 'get_weather', input: rome })
const twoCalls = step({ tools: ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } })) })
const search = { type: 'web_search_20260318', name: 'web_search', max_uses: 3 }
const system = 'You are a pirate.'

export function testToolKinds({ client, server, Anthropic }: Subject): void {
  const { upstream } = server
  const tools = [weatherTool]
  const hi = [fromUser('hi')]

  for (const [type, name, input] of [
    ['bash_20250124', 'bash', { command: 'ls' }],
    ['text_editor_20250728', 'str_replace_based_edit_tool', { command: 'view', path: '/a' }],
    ['memory_20250818', 'memory', { command: 'view', path: '/memories' }],
  ] as const) {
    testIf(name === 'memory')(`a tool of type ${type} is offered to the model and run by the client`, async () => {
      const tool = { type, name }
      const prompt = `${step({ tool: name, input })}${step({ text: 'I see.' })}`
      const { message: first, ignored } = await askWithIgnored(client, { tools: [tool], messages: [fromUser(prompt)] })
      assert.equal(ignored, null)
      const [offered, ...others] = sent(upstream).tools ?? []
      assert.ok(offered)
      assert.deepEqual([offered.name, others], [name, []])
      const { properties } = offered.input_schema as { properties: Record<string, unknown> }
      for (const key of Object.keys(input)) assert.ok(key in properties, key)
      const call = callOf(first)
      assert.deepEqual([call.name, call.input], [name, input])
      const messages = [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'a b')])]
      assert.equal(textOf(await ask(client, { tools: [tool], messages })), 'I see.')
      assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(call.id, 'a b')))
    })
  }

  test('a tool that Anthropic’s servers would run is left out and reported as ignored', async () => {
    const { message, ignored } = await askWithIgnored(client, { tools: [search, weatherTool], messages: hi })
    assert.deepEqual([message.stop_reason, ignored], ['end_turn', 'tools[0]'])
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  })

  test('a tool that Anthropic’s servers would run cannot be forced', async () => {
    const tool_choice = { type: 'tool', name: 'web_search' }
    const answer = ask(client, { tools: [search, weatherTool], tool_choice, messages: hi })
    assert.match((await errorOf(answer, Anthropic.BadRequestError)).message, /tool_choice\.name/)
    assert.equal(upstream.requests.length, 0)
  })

  test('the computer tool is refused', async () => {
    const screen = { type: 'computer_20250124', name: 'computer', display_width_px: 800, display_height_px: 600 }
    const error = await errorOf(ask(client, { tools: [screen], messages: hi }), Anthropic.BadRequestError)
    assert.match(error.message, /tools\[0\]\.type/)
    assert.equal(upstream.requests.length, 0)
  })

  for (const [what, invalidTools, message] of [
    ['two tools with the same name', [weatherTool, weatherTool], /tools\[1\]\.name/],
    ['a tool without a schema', [{ name: 'a' }], /tools\[0\]\.input_schema/],
    ['a tool without a name', [{ input_schema: { type: 'object' } }], /tools\[0\]\.name/],
    ['an invalid tool name', [{ ...weatherTool, name: 'a b' }], /tools\[0\]\.name/],
    [
      'a schema with an unknown type',
      [weatherTool, { name: 'b', input_schema: { type: 'object', properties: { city: { type: 'strnig' } } } }],
      /tools\[1\]\.input_schema/,
    ],
  ] as const) {
    test(`${what} is refused, and the error names the field`, async () => {
      const error = await errorOf(ask(client, { tools: invalidTools, messages: hi }), Anthropic.BadRequestError)
      assert.match(error.message, message)
      assert.equal(upstream.requests.length, 0)
    })
  }

  extendedTest('tool_choice auto leaves the choice to the model', async () => {
    const params = { system, tools, tool_choice: { type: 'auto' } }
    const { message, ignored } = await askWithIgnored(client, { ...params, messages: hi })
    assert.deepEqual([message.stop_reason, ignored], ['end_turn', null])
    assert.deepEqual(systemOf(sent(upstream)), [system])
    callOf(await ask(client, { ...params, messages: [fromUser(callWeather)] }))
  })

  extendedTest('tool_choice none offers the model no tools', async () => {
    const message = await ask(client, {
      system,
      tools,
      tool_choice: { type: 'none' },
      messages: [fromUser(callWeather)],
    })
    assert.equal(message.stop_reason, 'end_turn')
    assert.deepEqual(toolNames(sent(upstream)), [])
  })

  test('tool_choice any instructs the model to call a tool', async () => {
    const params = { system, tools, tool_choice: { type: 'any' }, messages: [fromUser(callWeather)] }
    const { message, ignored } = await askWithIgnored(client, params)
    assert.deepEqual([callOf(message).input, ignored], [rome, null])
    assert.match(systemOf(sent(upstream)).join(), /^You are a pirate\.\n\n.*tool/)
    assert.equal(endOf(await readEvents(client, params)).delta.stop_reason, 'tool_use')
  })

  extendedTest('a model that does not follow tool_choice any gets a second try', async () => {
    upstream.enqueue({ text: 'No, thanks.' }, { tool: 'get_weather', input: rome })
    const { message, ignored } = await askWithIgnored(client, { tools, tool_choice: { type: 'any' }, messages: hi })
    assert.deepEqual([callOf(message).input, textOf(message), ignored], [rome, '', null])
    assert.equal(upstream.requests.length, 2)
  })

  extendedTest('tool_choice is reported as ignored if the model does not follow it the second time', async () => {
    upstream.enqueue({ text: 'No.' }, { text: 'No, thanks.' })
    const { message, ignored } = await askWithIgnored(client, { tools, tool_choice: { type: 'any' }, messages: hi })
    assert.deepEqual([message.stop_reason, ignored], ['end_turn', 'tool_choice'])
    assert.equal(upstream.requests.length, 2)
  })

  test('tool_choice with a name offers only that tool', async () => {
    const offered = [makeTool('get_time'), weatherTool]
    const tool_choice = { type: 'tool', name: 'get_weather' }
    const message = await ask(client, { tools: offered, tool_choice, messages: [fromUser(callWeather)] })
    assert.equal(callOf(message).name, 'get_weather')
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  })

  for (const type of ['auto', 'any'] as const) {
    testIf(type === 'any')(`disable_parallel_tool_use returns one call at a time, with ${type}`, async () => {
      const tool_choice = { type, disable_parallel_tool_use: true }
      const params = { tools, tool_choice, messages: [fromUser(twoCalls)] }
      const inputs = callsOf(await ask(client, params)).map(({ input }) => input)
      assert.deepEqual(inputs, [rome])
      const started = (await readEvents(client, params)).filter(({ type }) => type === 'content_block_start')
      assert.equal(started.length, 1)
    })
  }
}
