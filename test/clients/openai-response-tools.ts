// Cases of the Responses API: the client's own tools.
import assert from 'node:assert/strict'
import type { OpenAI as Client } from 'openai'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  asInput,
  ask,
  askForEvents,
  askWithIgnored,
  callOf,
  callsOf,
  endOf,
  fromUser,
  type InputItem,
  makeTool,
  model,
  outputOf,
  type Params,
  type Subject,
  type Tool,
  typesOf,
  weatherTool,
} from './openai-response-calls.ts'
import { assistant, conversationOf, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const rome = { city: 'Rome' }
const cities = ['Rome', 'Oslo']
const tools = [weatherTool]
const callWeather = step({ tool: 'get_weather', input: rome })
const bothCalls = step({ tools: cities.map((city) => ({ name: 'get_weather', input: { city } })) })
const citiesOf = (calls: readonly { arguments: string }[]) => calls.map((call) => JSON.parse(call.arguments))

export function testTools({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { responses } = client

  test('a tool reaches the model with its name, description and schema, and the response repeats it', async () => {
    const { tools: returned } = await ask(client, { tools, input: 'hi' })
    const { name, description, parameters } = weatherTool
    const [offered, ...others] = sent(upstream).tools ?? []
    assert.deepEqual(others, [])
    assert.deepEqual([offered?.name, offered?.description, offered?.input_schema], [name, description, parameters])
    assert.deepEqual(returned, tools)
  })

  test('a call ends the answer, and its result continues the conversation', async () => {
    const prompt = `tool ${callWeather}${step({ text: 'It rains.' })}`
    const first = await ask(client, { tools, input: prompt })
    assert.deepEqual(typesOf(first.output), ['function_call'])
    const call = callOf(first)
    assert.match(String(call.id), /^fc_/)
    assert.deepEqual([call.name, call.status, JSON.parse(call.arguments)], ['get_weather', 'completed', rome])
    assert.equal(upstream.requests.length, 1)
    const input = [fromUser(prompt), ...asInput(first), outputOf(call, 'rain')]
    assert.equal((await ask(client, { tools, input })).output_text, 'It rains.')
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.call_id, 'get_weather', rome)),
      user(toolResult(call.call_id, 'rain')),
    ])
  })

  test('a call is streamed in pieces', async () => {
    const prompt = step({ text: 'I will look.', tokens: 1, tool: 'get_weather', input: rome })
    const events = await askForEvents(client, { tools, input: prompt })
    assert.deepEqual(typesOf(events).slice(2), [
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ])
    const added = events.flatMap((event) => (event.type === 'response.output_item.added' ? event.item : []))
    const [, opened] = added
    assert.ok(opened?.type === 'function_call')
    assert.deepEqual([opened.name, opened.arguments, opened.status], ['get_weather', '', 'in_progress'])
    const done = events.find((event) => event.type === 'response.function_call_arguments.done')
    assert.ok(done && 'name' in done)
    assert.deepEqual([done.name, JSON.parse(done.arguments)], ['get_weather', rome])
    assert.deepEqual(JSON.parse(callOf(endOf(events)).arguments), rome)
  })

  extendedTest('the stream helper assembles calls', async () => {
    const response = await responses.stream({ model, tools, input: bothCalls }).finalResponse()
    assert.deepEqual(
      citiesOf(callsOf(response)),
      cities.map((city) => ({ city })),
    )
  })

  test('parallel calls work over several rounds to the end', async () => {
    const kyiv = step({ tool: 'get_weather', input: { city: 'Kyiv' } })
    const prompt = `rounds ${bothCalls}${kyiv}${step({ text: 'Good.' })}`
    const first = await ask(client, { tools, input: prompt })
    const [one, two] = callsOf(first)
    assert.ok(one && two)
    assert.notEqual(one.call_id, two.call_id)
    const input = [outputOf(two, 'snow'), outputOf(one, 'rain')]
    const second = await ask(client, { tools, input, previous_response_id: first.id })
    const three = callOf(second)
    const last = { tools, input: [outputOf(three, 'sun')], previous_response_id: second.id }
    assert.equal((await ask(client, last)).output_text, 'Good.')
    const [, , results, ...rest] = conversationOf(sent(upstream))
    assert.deepEqual(
      new Set(results?.content),
      new Set([toolResult(one.call_id, 'rain'), toolResult(two.call_id, 'snow')]),
    )
    assert.deepEqual(rest, [
      assistant(toolUse(three.call_id, 'get_weather', { city: 'Kyiv' })),
      user(toolResult(three.call_id, 'sun')),
    ])
    assert.equal(upstream.requests.length, 3)
  })

  extendedTest('parallel_tool_calls false returns one call at a time, whole and streamed', async () => {
    const params = { tools, input: bothCalls, parallel_tool_calls: false }
    for (const response of [await ask(client, params), endOf(await askForEvents(client, params))]) {
      assert.deepEqual(citiesOf(callsOf(response)), [rome])
    }
  })

  extendedTest('a tool without parameters is called with an empty object', async () => {
    const tool = makeTool('now')
    const call = callOf(await ask(client, { tools: [{ ...tool, parameters: null }], input: step({ tool: 'now' }) }))
    assert.deepEqual([call.name, call.arguments], ['now', '{}'])
  })

  for (const output of ['', '{"degrees":[1,2]}', 'x'.repeat(100_000)]) {
    testIf(output.length > 1000)(`an output of ${output.length} characters arrives unchanged`, async () => {
      const first = await ask(client, { tools, input: `output ${callWeather}${step({ text: 'I see.' })}` })
      const call = callOf(first)
      const input = [outputOf(call, output)]
      assert.equal((await ask(client, { tools, input, previous_response_id: first.id })).output_text, 'I see.')
      assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(call.call_id, output)))
    })
  }

  const offered = [makeTool('get_time'), makeTool('get_place'), weatherTool]
  const allNames = ['get_place', 'get_time', 'get_weather']
  const allowed = (mode: 'auto' | 'required') => ({
    type: 'allowed_tools' as const,
    mode,
    tools: ['get_time', 'get_weather'].map((name) => ({ type: 'function', name })),
  })

  type Choice = NonNullable<Params['tool_choice']>
  const choices: [what: string, tool_choice: Choice, names: string[], instruction: RegExp | null][] = [
    ['auto offers all without an instruction', 'auto', allNames, null],
    ['none offers nothing', 'none', [], null],
    ['required offers all and instructs the model to call one', 'required', allNames, /at least one of the tools/],
    ['with a name offers only that tool', { type: 'function', name: 'get_weather' }, ['get_weather'], /get_weather/],
    ['of allowed tools offers those', allowed('auto'), ['get_time', 'get_weather'], null],
    ['of allowed tools may require one', allowed('required'), ['get_time', 'get_weather'], /at least one of the tools/],
  ]
  for (const [what, tool_choice, names, instruction] of choices) {
    testIf(/^(required|with a name|of allowed tools may)/.test(what))(`tool_choice ${what}`, async () => {
      const { response, ignored } = await askWithIgnored(client, { tools: offered, tool_choice, input: callWeather })
      assert.deepEqual(toolNames(sent(upstream)), names)
      assert.equal(response.output.length, 1)
      if (names.includes('get_weather')) assert.deepEqual(JSON.parse(callOf(response).arguments), rome)
      const system = systemOf(sent(upstream)).join()
      if (instruction === null) assert.equal(system, '')
      else assert.match(system, instruction)
      assert.deepEqual([response.tool_choice, response.tools, ignored], [tool_choice, offered, null])
    })
  }

  extendedTest(
    'a model that answers in text is prompted once more, and the client always sees only the call',
    async () => {
      const talkThenCall = () =>
        upstream.enqueue({ text: 'No, thanks.', tokens: 3 }, { tool: 'get_weather', input: rome })
      const params = { tools, input: 'hi', tool_choice: 'required' as const }
      talkThenCall()
      const { response, ignored } = await askWithIgnored(client, params)
      assert.deepEqual(typesOf(response.output), ['function_call'])
      assert.equal(ignored, null)
      talkThenCall()
      const events = await askForEvents(client, params)
      assert.doesNotMatch(JSON.stringify(events), /thanks/)
      const { id, output } = endOf(events)
      assert.deepEqual(typesOf(output), ['function_call'])
      assert.deepEqual((await responses.retrieve(id)).output, output)
      const again: unknown[] = []
      for await (const event of await responses.retrieve(id, { stream: true })) again.push(event.type)
      assert.deepEqual(again, typesOf(events))
      assert.equal(upstream.requests.length, 4)
    },
  )

  extendedTest('if the model does not make a required call, its text is returned and the header says so', async () => {
    upstream.enqueue({ text: 'No, thanks.' }, { text: 'No, really.' })
    const { response, ignored } = await askWithIgnored(client, { tools, input: 'hi', tool_choice: 'required' })
    assert.equal(response.output_text, 'No, really.')
    assert.equal(ignored, 'tool_choice')
  })

  const patchTool: Tool = { type: 'custom', name: 'apply', description: 'Applies a patch.' }
  const patch = '*** Begin\n"quoted"\n+ ünï\n'
  const callPatch = step({ tool: 'apply', input: { input: patch } })

  test('a custom tool takes a text, and its output continues the conversation', async () => {
    const prompt = `custom ${callPatch}${step({ text: 'Applied.' })}`
    const events = await askForEvents(client, { tools: [patchTool], input: prompt })
    assert.deepEqual(typesOf(events).slice(2), [
      'response.output_item.added',
      'response.custom_tool_call_input.delta',
      'response.custom_tool_call_input.done',
      'response.output_item.done',
      'response.completed',
    ])
    const first = endOf(events)
    const [call] = first.output
    assert.ok(call?.type === 'custom_tool_call')
    assert.deepEqual([call.name, call.input], ['apply', patch])
    const output: InputItem = { type: 'custom_tool_call_output', call_id: call.call_id, output: 'done' }
    const conversation = [
      user(prompt),
      assistant(toolUse(call.call_id, 'apply', { input: patch })),
      user(toolResult(call.call_id, 'done')),
    ]
    const second = await ask(client, { tools: [patchTool], input: [output], previous_response_id: first.id })
    assert.equal(second.output_text, 'Applied.')
    assert.deepEqual(conversationOf(sent(upstream)), conversation)
    await ask(client, { tools: [patchTool], input: [fromUser(prompt), ...asInput(first), output] })
    assert.deepEqual(conversationOf(sent(upstream)), conversation)
  })

  const namespace: Tool = {
    type: 'namespace',
    name: 'crm',
    description: 'Customers.',
    tools: [
      { type: 'function', name: 'find', parameters: { type: 'object', properties: { who: { type: 'string' } } } },
      { type: 'custom', name: 'note' },
    ],
  }

  test('tools of a namespace are called by both their names, and the calls can be sent back with them', async () => {
    const find = makeTool('find')
    const calls = [
      { name: 'crm__find', input: { who: 'Anna' } },
      { name: 'crm__note', input: { input: 'Hm.' } },
      { name: 'find', input: {} },
    ]
    const prompt = `names ${step({ tools: calls })}${step({ text: 'Found.' })}`
    const { response: first, ignored } = await askWithIgnored(client, { tools: [namespace, find], input: prompt })
    assert.equal(ignored, null)
    assert.deepEqual(toolNames(sent(upstream)), ['crm__find', 'crm__note', 'find'])
    const names = first.output.map((item) => {
      assert.ok(item.type === 'function_call' || item.type === 'custom_tool_call')
      return [item.type, item.namespace, item.name]
    })
    assert.deepEqual(names, [
      ['function_call', 'crm', 'find'],
      ['custom_tool_call', 'crm', 'note'],
      ['function_call', undefined, 'find'],
    ])
    const outputs = first.output.map((item): InputItem => {
      assert.ok(item.type === 'function_call' || item.type === 'custom_tool_call')
      return { type: `${item.type}_output`, call_id: item.call_id, output: 'yes' } as InputItem
    })
    const ids = outputs.map((item) => ('call_id' in item ? String(item.call_id) : ''))
    for (const params of [
      { input: outputs, previous_response_id: first.id },
      { input: [fromUser(prompt), ...asInput(first), ...outputs] },
    ]) {
      assert.equal((await ask(client, { ...params, tools: [namespace, find] })).output_text, 'Found.')
      assert.deepEqual(conversationOf(sent(upstream)), [
        user(prompt),
        assistant(...calls.map(({ name, input }, index) => toolUse(ids[index] ?? '', name, input))),
        user(...ids.map((id) => toolResult(id, 'yes'))),
      ])
    }
  })

  for (const [what, tool_choice, input, name] of [
    [
      'a tool of a namespace',
      { type: 'function', name: 'find', namespace: 'crm' },
      step({ tool: 'crm__find' }),
      'crm__find',
    ],
    ['a custom tool', { type: 'custom', name: 'apply' }, callPatch, 'apply'],
  ] as const) {
    testIf(what === 'a custom tool')(`${what} can be chosen`, async () => {
      // The SDK's types have no namespace in a choice.
      const params = { model, tools: [namespace, patchTool, weatherTool], tool_choice, input }
      const { output } = await responses.create(params as Client.Responses.ResponseCreateParamsNonStreaming)
      assert.deepEqual(toolNames(sent(upstream)), [name])
      assert.deepEqual(
        output.map((item) => 'name' in item && item.name),
        [tool_choice.name],
      )
    })
  }

  test('tools that OpenAI runs are left out and reported, with the other fields without effect', async () => {
    const hosted: Tool[] = [
      { type: 'web_search' },
      weatherTool,
      { type: 'file_search', vector_store_ids: ['vs_1'] },
      { type: 'code_interpreter', container: { type: 'auto' } },
      { type: 'image_generation' },
      { type: 'mcp', server_label: 'x', server_url: 'https://a.b' },
      { type: 'custom', name: 'say', format: { type: 'grammar', syntax: 'regex', definition: 'a+' } },
    ]
    const { response, ignored } = await askWithIgnored(client, { tools: hosted, input: 'hi', max_tool_calls: 3 })
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather', 'say'])
    assert.deepEqual(ignored?.split(', ').sort(), [
      'max_tool_calls',
      'tools[0]',
      'tools[2]',
      'tools[3]',
      'tools[4]',
      'tools[5]',
      'tools[6].format',
    ])
    assert.deepEqual(response.tools, hosted)
  })

  extendedTest('items of tools that OpenAI runs are left out and reported', async () => {
    const search: InputItem = {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'x' },
    }
    const { ignored } = await askWithIgnored(client, { input: [fromUser('one'), search, fromUser('two')] })
    assert.equal(ignored, 'input[1]')
    assert.deepEqual(conversationOf(sent(upstream)), [user('one', 'two')])
  })

  for (const [what, params, param] of [
    ['two tools of one name', { tools: [weatherTool, weatherTool] }, 'tools[1].name'],
    ['an invalid name', { tools: [{ ...weatherTool, name: 'a b' }] }, 'tools[0].name'],
    [
      'a schema that is not an object',
      { tools: [{ ...weatherTool, parameters: { type: 'array' } }] },
      'tools[0].parameters',
    ],
    ['a choice of an unknown tool', { tools, tool_choice: { type: 'function', name: 'x' } }, 'tool_choice.name'],
    ['a choice of a hosted tool', { tools, tool_choice: { type: 'file_search' } }, 'tool_choice.type'],
    ['a choice without tools', { tool_choice: 'required' }, 'tool_choice'],
  ] satisfies [string, Params, string][]) {
    test(`${what} is refused, naming the field`, async () => {
      const error = await failureOf(ask(client, { input: 'hi', ...params }), OpenAI.BadRequestError)
      assert.equal(error.param, param)
      assert.equal(upstream.requests.length, 0)
    })
  }
}
