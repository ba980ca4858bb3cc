// Cases of the OpenAI suite: a single call of the client's tools and its result.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'
import {
  asMessage,
  callOf,
  callsOf,
  choiceOf,
  contentOf,
  type FunctionTool,
  failureOf,
  finishOf,
  fromUser,
  type Message,
  makeTool,
  model,
  readAll,
  resultFor,
  type Subject,
  textOfChunks,
  weatherTool,
} from './openai-calls.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, toolNames, toolResult, toolUse, user } from './sent.ts'

const rome = { city: 'Rome' }
const callWeather = step({ tool: 'get_weather', input: rome })

export function testTools({ client, server, makeClient, OpenAI, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test, testIf } = testsIf(!isFormer)
  const { upstream, folders } = server
  const { completions } = client.chat
  const tools = [weatherTool]

  test('a tool reaches the model with its name, description and schema', async () => {
    await completions.create({ model, tools, messages: [fromUser('hi')] })
    const { function: wanted } = weatherTool
    const offered = (sent(upstream).tools ?? []).map(({ name, description, input_schema }) => {
      return { name, description, parameters: input_schema }
    })
    assert.deepEqual(offered, [wanted])
  })

  extendedTest('a long description reaches the model whole', async () => {
    const description = `${'Tells the weather. '.repeat(600)}The end.`
    const tool = { type: 'function' as const, function: { ...weatherTool.function, description } }
    await completions.create({ model, tools: [tool], messages: [fromUser('hi')] })
    assert.match(requestAt(upstream).raw, new RegExp(`${'Tells the weather. '.repeat(600)}The end\\.`))
  })

  for (const [what, parameters] of [
    ['a property name that the API refuses', { type: 'object', properties: { $filter: { type: 'string' } } }],
    ['an unknown type', { type: 'object', properties: { city: { type: 'strnig' } } }],
    ['a list of properties', { type: 'object', properties: [] }],
    ['a string for required', { type: 'object', properties: {}, required: 'city' }],
  ] as const) {
    test(`a schema with ${what} is refused instead of dropped silently`, async () => {
      const bad: FunctionTool = { type: 'function', function: { name: 'bad', parameters: { ...parameters } } }
      const answer = completions.create({ model, tools: [weatherTool, bad], messages: [fromUser('hi')] })
      const error = await failureOf(answer, OpenAI.BadRequestError)
      assert.match(String(error.param), /^tools[.[]1\]?\.function\.parameters/)
      assert.equal(upstream.requests.length, 0)
    })
  }

  clientTest('a call ends the answer, and its result continues the conversation', async () => {
    const prompt = `tool ${callWeather}${step({ text: 'It rains.' })}`
    const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
    const call = callOf(first)
    assert.equal(choiceOf(first).message.content, null)
    assert.equal(call.function.name, 'get_weather')
    assert.deepEqual(JSON.parse(call.function.arguments), rome)
    assert.equal(upstream.requests.length, 1)
    const messages = [fromUser(prompt), asMessage(first), resultFor(call, 'rain')]
    assert.equal(contentOf(await completions.create({ model, tools, messages })), 'It rains.')
    assert.equal(upstream.requests.length, 2)
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  })

  extendedTest('text before a call is part of the answer and of the conversation', async () => {
    const prompt = `words ${step({ text: 'I will look.', tool: 'get_weather', input: rome })}${step({ text: 'It rains.' })}`
    const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
    const call = callOf(first)
    assert.equal(contentOf(first), 'I will look.')
    const messages = [fromUser(prompt), asMessage(first), resultFor(call, 'rain')]
    await completions.create({ model, tools, messages })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant('I will look.', toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  clientTest('the arguments of a call are streamed in pieces', async () => {
    const stream = await completions.create({ model, tools, messages: [fromUser(callWeather)], stream: true })
    const chunks = await readAll(stream)
    const pieces = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    const [opener, ...rest] = pieces
    assert.ok(opener?.id)
    assert.deepEqual(opener, {
      index: 0,
      id: opener.id,
      type: 'function',
      function: { name: 'get_weather', arguments: '' },
    })
    assert.ok(rest.length > 1)
    for (const piece of rest) assert.deepEqual(Object.keys(piece).sort(), ['function', 'index'])
    assert.deepEqual(JSON.parse(rest.map((piece) => piece.function?.arguments).join('')), rome)
    assert.deepEqual(finishOf(chunks), ['tool_calls'])
  })

  clientTest('the stream helper assembles a call, and its result continues the conversation', async () => {
    const prompt = `helper ${callWeather}${step({ text: 'It rains.', tokens: 2 })}`
    const first = await completions.stream({ model, tools, messages: [fromUser(prompt)] }).finalChatCompletion()
    const call = callOf(first)
    assert.deepEqual(JSON.parse(call.function.arguments), rome)
    const messages = [fromUser(prompt), asMessage(first), resultFor(call, 'rain')]
    const second = await completions.stream({ model, tools, messages }).finalChatCompletion()
    assert.equal(contentOf(second), 'It rains.')
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  extendedTest('a tool without parameters is called with an empty object', async () => {
    const tool = { type: 'function' as const, function: { name: 'now' } }
    const messages = [fromUser(step({ tool: 'now' }))]
    const call = callOf(await completions.create({ model, tools: [tool], messages }))
    assert.deepEqual([call.function.name, call.function.arguments], ['now', '{}'])
  })

  for (const result of ['', '{"degrees":[1,2]}', 'x'.repeat(300_000)]) {
    testIf(result === '')(`a result of ${result.length} characters arrives unchanged`, async () => {
      const prompt = `result ${callWeather}${step({ text: 'I see.' })}`
      const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
      const messages = [fromUser(prompt), asMessage(first), resultFor(callOf(first), result)]
      assert.equal(contentOf(await completions.create({ model, tools, messages })), 'I see.')
      assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(callOf(first).id, result)))
    })
  }

  extendedTest('a result may consist of text parts and be followed by a user message', async () => {
    const first = await completions.create({ model, tools, messages: [fromUser(callWeather)] })
    const call = callOf(first)
    const parts = ['ra', 'in'].map((text) => ({ type: 'text' as const, text }))
    const result: Message = { role: 'tool', tool_call_id: call.id, content: parts }
    const messages = [fromUser(callWeather), asMessage(first), result, fromUser('And tomorrow?')]
    await completions.create({ model, tools, messages })
    assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(toolResult(call.id, 'rain'), 'And tomorrow?'))
  })

  for (const name of ['Bash', 'mcp__x', 'mcp__client__get-it', 'Task', 'a'.repeat(64)]) {
    testIf(name === 'Bash')(
      `a client's tool named ${name} reaches the model under that name and is never run here`,
      async () => {
        const file = join(folders.cwd, `made-by-${name}`)
        const input = { command: `touch ${file}`, description: 'a command' }
        const tool = makeTool(name, { command: { type: 'string' }, description: { type: 'string' } })
        const prompt = `${step({ tool: name, input })}${step({ text: 'Done.' })}`
        const first = await completions.create({ model, tools: [tool], messages: [fromUser(prompt)] })
        const call = callOf(first)
        assert.equal(call.function.name, name)
        assert.deepEqual(JSON.parse(call.function.arguments), input)
        const [offered, ...others] = sent(upstream).tools ?? []
        assert.deepEqual(others, [])
        assert.deepEqual([offered?.name, offered?.description], [name, tool.function.description])
        const messages = [fromUser(prompt), asMessage(first), resultFor(call, 'ran elsewhere')]
        assert.equal(contentOf(await completions.create({ model, tools: [tool], messages })), 'Done.')
        assert.deepEqual(conversationOf(sent(upstream)), [
          user(prompt),
          assistant(toolUse(call.id, name, input)),
          user(toolResult(call.id, 'ran elsewhere')),
        ])
        assert.equal(existsSync(file), false)
      },
    )
  }

  for (const [what, offered] of [
    ['no tools', []],
    ['another tool', tools],
  ] as const) {
    test(`a call of a tool that was not offered is for the client to answer and runs nothing, with ${what} offered`, async () => {
      const file = join(folders.cwd, `made-beside-${offered.length}`)
      const input = { command: `touch ${file}`, description: 'a command' }
      const prompt = `${what} ${step({ tool: 'Bash', input, force_tool: true })}${step({ text: 'Done.' })}`
      const completion = await completions.create({ model, tools: [...offered], messages: [fromUser(prompt)] })
      const { message, finish_reason } = choiceOf(completion)
      // The CLI may have prompted the model again by the time it is stopped; nothing of that is shown.
      const [call] = message.tool_calls ?? []
      assert.ok(call?.type === 'function')
      assert.deepEqual([message.content, call.function.name, finish_reason], [null, 'Bash', 'tool_calls'])
      assert.deepEqual(JSON.parse(call.function.arguments), input)
      assert.equal(existsSync(file), false)
    })
  }

  extendedTest('calls and results of another provider reach the model with their ids', async () => {
    const call = (id: string, city: string) => {
      return { id, type: 'function' as const, function: { name: 'get_weather', arguments: JSON.stringify({ city }) } }
    }
    await completions.create({
      model,
      tools,
      messages: [
        fromUser('Rome and Oslo?'),
        { role: 'assistant', content: null, tool_calls: [call('call_1', 'Rome'), call('call_2', 'Oslo')] },
        { role: 'tool', tool_call_id: 'call_2', content: 'snow' },
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
        { role: 'assistant', content: 'Rain and snow.' },
        fromUser('Thanks.'),
      ],
    })
    const [question, calls, results, ...rest] = conversationOf(sent(upstream))
    assert.deepEqual(question, user('Rome and Oslo?'))
    const uses = [toolUse('call_1', 'get_weather', rome), toolUse('call_2', 'get_weather', { city: 'Oslo' })]
    assert.deepEqual(calls, assistant(...uses))
    assert.deepEqual(results, user(toolResult('call_2', 'snow'), toolResult('call_1', 'rain')))
    assert.deepEqual(rest, [assistant('Rain and snow.'), user('Thanks.')])
  })

  test('tool_choice none offers the model no tools', async () => {
    const messages = [fromUser('hi')]
    const completion = await completions.create({ model, tools, messages, tool_choice: 'none' })
    assert.equal(choiceOf(completion).finish_reason, 'stop')
    assert.deepEqual(toolNames(sent(upstream)), [])
  })

  extendedTest('tool_choice required instructs the model to call a tool', async () => {
    const messages: Message[] = [{ role: 'system', content: 'You are a pirate.' }, fromUser(callWeather)]
    const pending = completions.create({ model, tools, messages, tool_choice: 'required' })
    const { data, response } = await pending.withResponse()
    assert.deepEqual(JSON.parse(callOf(data).function.arguments), rome)
    assert.match(systemOf(sent(upstream)).join(), /^You are a pirate\.\n\n.*tool/)
    assert.equal(response.headers.get('x-claude-serve-ignored'), null)
  })

  extendedTest(
    'if the model does not follow tool_choice required, its text is returned and the header says so',
    async () => {
      upstream.enqueue({ text: 'No, thanks.' }, { text: 'No, really.' })
      const pending = completions.create({ model, tools, messages: [fromUser('hi')], tool_choice: 'required' })
      const { data, response } = await pending.withResponse()
      assert.deepEqual([contentOf(data), choiceOf(data).finish_reason], ['No, really.', 'stop'])
      assert.equal(response.headers.get('x-claude-serve-ignored'), 'tool_choice')
      assert.equal(upstream.requests.length, 2)
    },
  )

  /** The model answers in text first, and makes a call when it is prompted once more. */
  const talkThenCall = () =>
    upstream.enqueue(
      { text: 'No, thanks.', tokens: 3, usage: { input_tokens: 11, output_tokens: 3, cache_read_input_tokens: 5 } },
      { tool: 'get_weather', input: rome, usage: { input_tokens: 20, output_tokens: 7 } },
    )
  const bothUsages = { prompt_tokens: 36, completion_tokens: 10, total_tokens: 46 }
  const pick = ({ prompt_tokens, completion_tokens, total_tokens }: typeof bothUsages) => ({
    prompt_tokens,
    completion_tokens,
    total_tokens,
  })

  for (const tool_choice of ['required', { type: 'function', function: { name: 'get_weather' } }] as const) {
    const what = typeof tool_choice === 'string' ? tool_choice : 'with a name'

    testIf(what === 'required')(
      `tool_choice ${what}: a model that answers in text is prompted once more, and only the call is sent`,
      async () => {
        talkThenCall()
        const pending = completions.create({ model, tools, messages: [fromUser('hi')], tool_choice })
        const { data, response } = await pending.withResponse()
        assert.deepEqual(JSON.parse(callOf(data).function.arguments), rome)
        assert.equal(choiceOf(data).message.content, null)
        assert.doesNotMatch(JSON.stringify(data), /thanks/)
        assert.ok(data.usage)
        assert.deepEqual(pick(data.usage), bothUsages)
        assert.equal(data.usage.prompt_tokens_details?.cached_tokens, 5)
        assert.equal(response.headers.get('x-claude-serve-ignored'), null)
      },
    )

    testIf(what === 'required')(`tool_choice ${what}: a stream also contains only the call`, async () => {
      talkThenCall()
      const stream_options = { include_usage: true }
      const request = { model, tools, messages: [fromUser('hi')], tool_choice, stream: true as const, stream_options }
      const chunks = await readAll(await completions.create(request))
      assert.deepEqual(finishOf(chunks), ['tool_calls'])
      assert.equal(textOfChunks(chunks), '')
      assert.doesNotMatch(JSON.stringify(chunks), /thanks/)
      const roles = chunks.flatMap(({ choices }) => choices[0]?.delta.role ?? [])
      assert.deepEqual(roles, ['assistant'])
      const pieces = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
      assert.deepEqual(
        pieces.flatMap(({ id }) => (id === undefined ? [] : [id])),
        [pieces[0]?.id],
      )
      assert.deepEqual(JSON.parse(pieces.map((piece) => piece.function?.arguments ?? '').join('')), rome)
      const usages = chunks.flatMap(({ usage }) => usage ?? [])
      assert.deepEqual(usages.map(pick), [bothUsages])
    })
  }

  extendedTest(
    'a retry repeats the request with a reminder, which does not become part of the conversation',
    async () => {
      talkThenCall()
      const first = await completions.create({
        model,
        tools,
        messages: [fromUser('remind me')],
        tool_choice: 'required',
      })
      const [original, again] = [sent(upstream, 0), sent(upstream, 1)]
      assert.deepEqual(conversationOf(original), [user('remind me')])
      const [{ content } = { content: [] }, ...others] = conversationOf(again)
      assert.deepEqual([content.slice(0, -1), others], [['remind me'], []])
      assert.match(String(content.at(-1)), /must be a call of one of the tools/)
      assert.deepEqual(again.system, original.system)
      assert.deepEqual(again.tools, original.tools)
      const messages = [fromUser('remind me'), asMessage(first), resultFor(callOf(first), 'rain')]
      await completions.create({ model, tools, messages })
      assert.deepEqual(conversationOf(sent(upstream)), [
        user('remind me'),
        assistant(toolUse(callOf(first).id, 'get_weather', rome)),
        user(toolResult(callOf(first).id, 'rain')),
      ])
    },
  )

  extendedTest('a retry needs no second process', async (t) => {
    const config = { maxProcesses: 1, requestTimeoutMs: 15_000 }
    const alone = await startTestServer(t, { config })
    alone.upstream.enqueue({ text: 'No, thanks.' }, { tool: 'get_weather', input: rome })
    const request = { model, tools, messages: [fromUser('hi')], tool_choice: 'required' as const }
    const completion = await makeClient(alone).chat.completions.create(request)
    assert.deepEqual(JSON.parse(callOf(completion).function.arguments), rome)
  })

  test('a tool may be named like one of the CLI, and be the one to call', async () => {
    upstream.enqueue({ tool: 'ToolSearch_', input: { query: 'x' } })
    const completion = await completions.create({
      model,
      tools: [makeTool('ToolSearch'), weatherTool],
      tool_choice: { type: 'function', function: { name: 'ToolSearch' } },
      messages: [fromUser('hi')],
    })
    assert.equal(callOf(completion).function.name, 'ToolSearch')
    assert.deepEqual(toolNames(sent(upstream)), ['ToolSearch_'])
    assert.match(systemOf(sent(upstream)).join(), /calling the tool ToolSearch_, /)
  })

  test('tool_choice with a name offers only that tool', async () => {
    const tool_choice = { type: 'function', function: { name: 'get_weather' } } as const
    const offered = [makeTool('get_time'), weatherTool]
    const messages = [fromUser(callWeather)]
    const completion = await completions.create({ model, tools: offered, messages, tool_choice })
    assert.equal(callOf(completion).function.name, 'get_weather')
    assert.deepEqual(toolNames(sent(upstream)), ['get_weather'])
  })

  test('parallel_tool_calls false returns one call at a time', async () => {
    const calls = ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } }))
    const messages = [fromUser(step({ tools: calls }))]
    const completion = await completions.create({ model, tools, messages, parallel_tool_calls: false })
    assert.deepEqual(
      callsOf(completion).map((call) => JSON.parse(call.function.arguments)),
      [rome],
    )
  })
}
