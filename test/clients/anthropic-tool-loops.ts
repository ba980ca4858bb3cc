// Cases of the Anthropic suite: several calls of the client's tools, parallel and in sequence.
import assert from 'node:assert/strict'
import { test as clientTest, extendedTest as extendedClientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  callOf,
  callsOf,
  fromUser,
  type MessageParam,
  makeTool,
  model,
  readEvents,
  resultFor,
  streamMessage,
  type ToolUse,
  textOf,
  toHistory,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, type Block, conversationOf, requestAt, sent, toolNames, toolResult, toolUse, user } from './sent.ts'

const cities = ['Rome', 'Oslo', 'Lima']
const callAll = (prefix: string) =>
  step({ tools: cities.map((city) => ({ name: 'get_weather', input: { city: `${prefix}${city}` } })) })
const weatherFor = (call: ToolUse) => resultFor(call, `weather of ${JSON.stringify(call.input)}`)
const expectedCall = ({ id, name, input }: ToolUse) => toolUse(id, name, input as Record<string, unknown>)
const expectedResult = (call: ToolUse) => toolResult(call.id, `weather of ${JSON.stringify(call.input)}`)

const orders: [name: string, arrange: <T>(list: T[]) => T[]][] = [
  ['in reverse order', (list) => list.toReversed()],
  ['in mixed order', (list) => [...list.slice(1), ...list.slice(0, 1)]],
]

export function testToolLoops({ client, server, betaTool, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, testIf } = testsIf(!isFormer)
  const { upstream } = server
  const tools = [weatherTool]
  const session = (index: number) => requestAt(upstream, index).headers['x-claude-code-session-id']
  const ways = [
    ['whole', ask],
    ['streamed', streamMessage],
  ] as const

  for (const [order, arrange] of orders) {
    for (const [way, get] of ways) {
      testIf(order === 'in mixed order')(
        `three rounds of parallel calls accept their results ${order}, ${way}`,
        async () => {
          const rounds = ['1', '2', '3']
          const prompt = `${order} ${way} ${rounds.map(callAll).join('')}${step({ text: 'All of them.', tokens: 2 })}`
          const messages = [fromUser(prompt)]
          const wanted = [user(prompt)]
          for (const round of rounds) {
            const message = await get(client, { tools, messages })
            const calls = callsOf(message)
            assert.deepEqual(
              calls.map(({ input }) => input),
              cities.map((city) => ({ city: `${round}${city}` })),
            )
            assert.equal(new Set(calls.map(({ id }) => id)).size, 3)
            messages.push(toHistory(message), fromUser(arrange(calls).map(weatherFor)))
            wanted.push(assistant(...calls.map(expectedCall)), user(...calls.map(expectedResult)))
          }
          assert.equal(textOf(await get(client, { tools, messages })), 'All of them.')
          assert.equal(upstream.requests.length, 4)
          assert.deepEqual(new Set([0, 1, 2, 3].map(session)).size, 1)
          const sorted = conversationOf(sent(upstream)).map((message, index) => ({
            ...message,
            content: message.content.toSorted(
              (a, b) => indexIn(wanted[index]?.content, a) - indexIn(wanted[index]?.content, b),
            ),
          }))
          assert.deepEqual(sorted, wanted)
        },
      )
    }
  }

  extendedTest('each result may be in a message of its own', async () => {
    const prompt = `one by one ${callAll('')}${step({ text: 'All of them.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const calls = callsOf(first)
    const results = calls.map((call) => fromUser([weatherFor(call)]))
    await ask(client, { tools, messages: [fromUser(prompt), toHistory(first), ...results] })
    const wanted = [user(prompt), assistant(...calls.map(expectedCall)), user(...calls.map(expectedResult))]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  clientTest('parallel calls are streamed as separate blocks', async () => {
    const events = await readEvents(client, { tools, messages: [fromUser(callAll(''))] })
    const inputs: string[] = []
    for (const event of events) {
      if (event.type === 'content_block_start') inputs[event.index] = ''
      if (event.type !== 'content_block_delta') continue
      assert.ok(event.delta.type === 'input_json_delta')
      inputs[event.index] += event.delta.partial_json
    }
    assert.deepEqual(
      inputs.map((json) => JSON.parse(json)),
      cities.map((city) => ({ city })),
    )
  })

  extendedTest('calls and results from another server reach the model with their ids', async () => {
    const call = (id: string, city: string) => ({ type: 'tool_use' as const, id, name: 'get_weather', input: { city } })
    const messages: MessageParam[] = [
      fromUser('Rome and Oslo?'),
      { role: 'assistant', content: [call('toolu_1', 'Rome'), call('toolu_2', 'Oslo')] },
      fromUser(['toolu_2', 'toolu_1'].map((id) => ({ type: 'tool_result', tool_use_id: id, content: `of ${id}` }))),
      { role: 'assistant', content: 'Rain and snow.' },
      fromUser('Thanks.'),
    ]
    await ask(client, { tools, messages })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('Rome and Oslo?'),
      assistant(
        toolUse('toolu_1', 'get_weather', { city: 'Rome' }),
        toolUse('toolu_2', 'get_weather', { city: 'Oslo' }),
      ),
      user(toolResult('toolu_2', 'of toolu_2'), toolResult('toolu_1', 'of toolu_1')),
      assistant('Rain and snow.'),
      user('Thanks.'),
    ])
  })

  extendedTest('tools may change from one request to the next', async () => {
    const prompt = `changing ${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Sun.' })}`
    const first = await ask(client, { tools, messages: [fromUser(prompt)] })
    const call = callOf(first)
    const messages = [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'sun')])]
    const others = [makeTool('get_time'), makeTool('get_place')]
    const second = await ask(client, { tools: others, messages })
    assert.deepEqual(toolNames(sent(upstream)), ['get_place', 'get_time'])
    const again = `again ${step({ tool: 'get_time' })}`
    messages.push(toHistory(second), fromUser(again))
    const third = await ask(client, { tools: others, messages })
    const other = callOf(third)
    messages.push(toHistory(third), fromUser([resultFor(other, 'noon')]))
    await ask(client, { messages })
    assert.deepEqual(toolNames(sent(upstream)), [])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(toolUse(call.id, 'get_weather', { city: 'Rome' })),
      user(toolResult(call.id, 'sun')),
      assistant('Sun.'),
      user(again),
      assistant(toolUse(other.id, 'get_time', {})),
      user(toolResult(other.id, 'noon')),
    ])
  })

  extendedTest('simultaneous requests with different tools each keep their own', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `tool_${index}`)
    const answers = await Promise.all(
      names.map((name) => {
        const messages = [fromUser(`mine is ${name} ${step({ tool: name })}`)]
        return ask(client, { tools: [makeTool(name)], messages })
      }),
    )
    const called = answers.map((message) => callOf(message).name)
    assert.deepEqual(called, names)
    for (const index of names.keys()) {
      const [name] = /tool_\d/.exec(JSON.stringify(sent(upstream, index).messages)) ?? []
      assert.deepEqual(toolNames(sent(upstream, index)), [name])
    }
  })

  for (const stream of [false, true]) {
    extendedClientTest(`the tool runner runs the whole loop${stream ? ', streamed' : ''}`, async () => {
      const oneMore = step({ tool: 'get_weather', input: { city: 'Kyiv' } })
      const prompt = `${callAll('')}${oneMore}${step({ text: 'Good.' })}`
      const requested: string[] = []
      const tool = betaTool({
        name: 'get_weather',
        description: 'Tells the weather.',
        inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        run: ({ city }) => {
          requested.push(city)
          return `sun in ${city}`
        },
      })
      const messages = [{ role: 'user' as const, content: prompt }]
      const runner = client.beta.messages.toolRunner({ model, max_tokens: 1024, messages, tools: [tool], stream })
      const [answer, ...others] = (await runner.runUntilDone()).content
      assert.ok(answer?.type === 'text')
      assert.deepEqual([answer.text, others], ['Good.', []])
      assert.deepEqual(requested, [...cities, 'Kyiv'])
      assert.equal(upstream.requests.length, 3)
      assert.deepEqual([session(1), session(2)], [session(0), session(0)])
      const results = conversationOf(sent(upstream)).flatMap(({ content }) =>
        content.flatMap((block) => (typeof block !== 'string' && block.type === 'tool_result' ? block.content : [])),
      )
      const wanted = [...cities, 'Kyiv'].map((city) => `sun in ${city}`)
      assert.deepEqual(results, wanted)
    })
  }
}

const idOf = (block: string | Block) => (typeof block === 'string' ? block : (block.tool_use_id ?? block.id))

/** The index of the block with the same id; the order of results does not matter. */
const indexIn = (blocks: readonly (string | Block)[] | undefined, block: string | Block) =>
  (blocks ?? []).findIndex((each) => idOf(each) === idOf(block))
