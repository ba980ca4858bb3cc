// Cases of the OpenAI suite: several calls of the client's tools, in parallel and one after the other.
import assert from 'node:assert/strict'
import { test as clientTest, extendedTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  asMessage,
  callOf,
  callsOf,
  contentOf,
  finishOf,
  fromUser,
  type Message,
  makeTool,
  model,
  readAll,
  resultFor,
  type Subject,
  weatherTool,
} from './openai-calls.ts'
import { assistant, conversationOf, requestAt, sent, toolNames, toolResult, toolUse, user } from './sent.ts'

const cities = ['Rome', 'Oslo', 'Lima']
const manyCalls = step({ tools: cities.map((city) => ({ name: 'get_weather', input: { city } })) })

export function testToolLoops({ client, server, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { test, testIf } = testsIf(!isFormer)
  const { upstream } = server
  const { completions } = client.chat
  const tools = [weatherTool]

  for (const [order, arrange] of [
    ['in reverse', <T>(list: T[]) => list.toReversed()],
    ['in mixed order', <T>([a, b, c]: T[]) => [b, c, a] as T[]],
  ] as const) {
    testIf(order === 'in mixed order')(`parallel calls accept their results ${order}`, async () => {
      const prompt = `${order} ${manyCalls}${step({ text: 'All of them.' })}`
      const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
      const calls = callsOf(first)
      assert.deepEqual(
        calls.map((call) => JSON.parse(call.function.arguments)),
        cities.map((city) => ({ city })),
      )
      assert.equal(new Set(calls.map(({ id }) => id)).size, 3)
      const results = arrange(calls).map((call) => resultFor(call, `weather of ${call.function.arguments}`))
      const messages = [fromUser(prompt), asMessage(first), ...results]
      assert.equal(contentOf(await completions.create({ model, tools, messages })), 'All of them.')
      assert.equal(upstream.requests.length, 2)
      const conversation = conversationOf(sent(upstream))
      const uses = calls.map((call) => toolUse(call.id, 'get_weather', JSON.parse(call.function.arguments)))
      assert.deepEqual(conversation.slice(0, 2), [user(prompt), assistant(...uses)])
      assert.equal(conversation.length, 3)
      const wantedResults = calls.map((call) => toolResult(call.id, `weather of ${call.function.arguments}`))
      const byId = (conversation[2]?.content ?? []).toSorted((a, b) => idOf(calls, a) - idOf(calls, b))
      assert.deepEqual(byId, wantedResults)
    })
  }

  clientTest('parallel calls in a stream have indexes of their own', async () => {
    const chunks = await readAll(
      await completions.create({ model, tools, messages: [fromUser(manyCalls)], stream: true }),
    )
    const pieces = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    const openers = pieces.filter(({ id }) => id !== undefined)
    assert.deepEqual(
      openers.map(({ index, type, function: called }) => [index, type, called?.name]),
      cities.map((_, index) => [index, 'function', 'get_weather']),
    )
    const texts = cities.map((_, index) =>
      pieces.map((piece) => (piece.index === index ? (piece.function?.arguments ?? '') : '')).join(''),
    )
    assert.deepEqual(
      texts.map((text) => JSON.parse(text)),
      cities.map((city) => ({ city })),
    )
    assert.deepEqual(finishOf(chunks), ['tool_calls'])
  })

  extendedTest('a model calls tools three times over before it answers', async () => {
    const steps = cities.map((city) => step({ tool: 'get_weather', input: { city } })).join('')
    const prompt = `rounds ${steps}${step({ text: 'That is all.' })}`
    const messages: Message[] = [fromUser(prompt)]
    const conversation = [user(prompt)]
    for (const city of cities) {
      const completion = await completions.create({ model, tools, messages })
      assert.deepEqual(conversationOf(sent(upstream)), conversation)
      const call = callOf(completion)
      messages.push(asMessage(completion), resultFor(call, `${city}: sun`))
      conversation.push(assistant(toolUse(call.id, 'get_weather', { city })), user(toolResult(call.id, `${city}: sun`)))
    }
    assert.equal(contentOf(await completions.create({ model, tools, messages })), 'That is all.')
    assert.deepEqual(conversationOf(sent(upstream)), conversation)
    assert.equal(upstream.requests.length, 4)
  })

  extendedTest('a tool loop continues in one process', async () => {
    const prompt = `one process ${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Sun.' })}`
    const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
    const messages = [fromUser(prompt), asMessage(first), resultFor(callOf(first), 'sun')]
    await completions.create({ model, tools, messages })
    const sessions = [0, 1].map((index) => requestAt(upstream, index).headers['x-claude-code-session-id'])
    assert.equal(sessions[0], sessions[1])
  })

  extendedTest('runTools runs the whole loop', async () => {
    const prompt = `${manyCalls}${step({ tool: 'get_weather', input: { city: 'Kyiv' } })}${step({ text: 'Good.' })}`
    const calledCities: string[] = []
    const runner = completions.runTools({
      model,
      messages: [fromUser(prompt)],
      tools: [
        {
          type: 'function',
          function: {
            name: 'get_weather',
            description: 'Tells the weather.',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: ({ city }: { city: string }) => {
              calledCities.push(city)
              return `sun in ${city}`
            },
          },
        },
      ],
    })
    assert.equal(await runner.finalContent(), 'Good.')
    assert.deepEqual(calledCities, [...cities, 'Kyiv'])
    assert.equal(upstream.requests.length, 3)
    const results = conversationOf(sent(upstream)).flatMap(({ content }) =>
      content.flatMap((block) => (typeof block !== 'string' && block.type === 'tool_result' ? block.content : [])),
    )
    assert.deepEqual(
      results,
      [...cities, 'Kyiv'].map((city) => `sun in ${city}`),
    )
  })

  test('tools may change from one request to the next', async () => {
    const prompt = `changing ${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Sun.' })}`
    const first = await completions.create({ model, tools, messages: [fromUser(prompt)] })
    const call = callOf(first)
    const messages: Message[] = [fromUser(prompt), asMessage(first), resultFor(call, 'sun')]
    const others = [makeTool('get_time'), makeTool('get_place')]
    const second = await completions.create({ model, tools: others, messages })
    assert.deepEqual(toolNames(sent(upstream)), ['get_place', 'get_time'])
    const again = `again ${step({ tool: 'get_time' })}`
    messages.push(asMessage(second), fromUser(again))
    const third = await completions.create({ model, tools: others, messages })
    assert.equal(callOf(third).function.name, 'get_time')
    messages.push(asMessage(third), resultFor(callOf(third), 'noon'))
    await completions.create({ model, messages })
    assert.deepEqual(toolNames(sent(upstream)), [])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', { city: 'Rome' })),
      user(toolResult(call.id, 'sun')),
      assistant('Sun.'),
      user(again),
      assistant(toolUse(callOf(third).id, 'get_time', {})),
      user(toolResult(callOf(third).id, 'noon')),
    ])
  })

  test('a changed tool description reaches the model', async () => {
    const changed = { ...weatherTool, function: { ...weatherTool.function, description: 'Another one.' } }
    for (const tool of [weatherTool, changed]) {
      await completions.create({ model, tools: [tool], messages: [fromUser('hi')] })
      assert.deepEqual(
        sent(upstream).tools?.map(({ description }) => description),
        [tool.function.description],
      )
    }
  })

  for (const count of [2, 6])
    testIf(count === 2)(`${count} simultaneous requests with different tools each get their own`, async () => {
      const names = Array.from({ length: count }, (_, index) => `tool_${index}`)
      const answers = await Promise.all(
        names.map((name) => {
          const messages = [fromUser(`mine is ${name} ${step({ tool: name })}`)]
          return completions.create({ model, tools: [makeTool(name)], messages })
        }),
      )
      assert.deepEqual(
        answers.map((completion) => callOf(completion).function.name),
        names,
      )
      assert.equal(upstream.requests.length, count)
      for (const index of names.keys()) {
        const [name] = /tool_\d/.exec(JSON.stringify(sent(upstream, index).messages)) ?? []
        assert.deepEqual(toolNames(sent(upstream, index)), [name])
      }
    })
}

const idOf = (calls: readonly { id: string }[], block: string | { [field: string]: unknown }) =>
  calls.findIndex(({ id }) => typeof block !== 'string' && block.tool_use_id === id)
