// Cases of the Responses API: conversations, stored by the server (previous_response_id, references) or the client
// (store: false).
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  asInput,
  ask,
  askForEvents,
  callOf,
  endOf,
  fromUser,
  type InputItem,
  outputOf,
  type Params,
  type Response,
  type Subject,
  thinkingBlock,
  typesOf,
  weatherTool,
} from './openai-response-calls.ts'
import { assertItem, isItem } from './openai-response-types.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, toolResult, toolUse, user } from './sent.ts'

const rome = { city: 'Rome' }
const tools = [weatherTool]
const include = ['reasoning.encrypted_content' as const]
const think = (text: string) => step({ text, thinking: 2 })

/** Thinking, text and a call; then the answer to its result. */
const loop = `${step({ thinking: 2, text: 'I will look.', tool: 'get_weather', input: rome })}${step({ text: 'It rains.' })}`

export function testConversations({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { responses } = client

  test('a conversation continues from the previous response', async () => {
    const prompts = ['one', 'two', 'three'].map((word) => `${word} ${step({ text: `Polly ${word}.` })}`)
    let previous: string | null = null
    for (const [index, input] of prompts.entries()) {
      const response: Response = await ask(client, { input, previous_response_id: previous })
      assert.equal(response.previous_response_id, previous)
      assert.equal(upstream.requests.length, index + 1)
      previous = response.id
    }
    const [one = '', two = '', three = ''] = prompts
    const conversation = [user(one), assistant('Polly one.'), user(two), assistant('Polly two.'), user(three)]
    assert.deepEqual(conversationOf(sent(upstream)), conversation)
  })

  extendedTest('the conversation continues in the process that holds it', async () => {
    const first = await ask(client, { input: `hold ${step({ text: 'Held.' })}` })
    await ask(client, { input: 'on', previous_response_id: first.id })
    const sessions = [0, 1].map((index) => requestAt(upstream, index).headers['x-claude-code-session-id'])
    assert.equal(sessions[0], sessions[1])
  })

  extendedTest('a streamed response continues from a streamed response', async () => {
    const prompt = `streamed ${step({ text: 'Said in a stream.', tokens: 3 })}`
    const { id } = endOf(await askForEvents(client, { input: prompt }))
    const second = endOf(await askForEvents(client, { input: 'two', previous_response_id: id }))
    assert.equal(second.previous_response_id, id)
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Said in a stream.'), user('two')])
  })

  extendedTest('two responses that continue the same one do not mix', async () => {
    const root = await ask(client, { input: `root ${step({ text: 'Root.' })}` })
    const ids: string[] = []
    for (const input of ['left-branch', 'right-branch']) {
      ids.push((await ask(client, { input, previous_response_id: root.id })).id)
    }
    assert.notEqual(ids[0], ids[1])
    assert.doesNotMatch(requestAt(upstream).raw, /left-branch/)
    assert.deepEqual(conversationOf(sent(upstream)).at(-1), user('right-branch'))
  })

  test('instructions are not carried over, developer messages are', async () => {
    const input: InputItem[] = [{ role: 'developer', content: 'You are old.' }, fromUser('one')]
    const first = await ask(client, { instructions: 'You are a pirate.', input })
    await ask(client, { input: 'two', previous_response_id: first.id })
    assert.deepEqual(systemOf(sent(upstream)), ['You are old.'])
    await ask(client, { instructions: 'You are a parrot.', input: 'two', previous_response_id: first.id })
    assert.deepEqual(systemOf(sent(upstream)), ['You are a parrot.\n\nYou are old.'])
    assert.doesNotMatch(requestAt(upstream).raw, /pirate/)
  })

  extendedTest('tools are not carried over', async () => {
    const first = await ask(client, { tools, input: 'one' })
    await ask(client, { input: 'two', previous_response_id: first.id })
    assert.deepEqual(sent(upstream).tools ?? [], [])
  })

  extendedTest('a response that was cut short is continued with its text', async () => {
    const prompt = step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' })
    const first = await ask(client, { max_output_tokens: 2, input: prompt })
    await ask(client, { input: 'Go on.', previous_response_id: first.id })
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('one two'), user('Go on.')])
  })

  for (const [what, params] of [
    ['that shows no thinking', {}],
    ['that shows its thinking', { reasoning: { summary: 'auto' } }],
    ['that includes its encrypted thinking', { include }],
  ] satisfies [string, Params][]) {
    // Each has a prompt of its own, so that the three do not share a process that holds the conversation.
    const prompt = `${what} ${loop}`
    const conversation = (call: { call_id: string }) => [
      user(prompt),
      assistant(thinkingBlock(2), 'I will look.', toolUse(call.call_id, 'get_weather', rome)),
      user(toolResult(call.call_id, 'rain')),
    ]

    testIf(what === 'that includes its encrypted thinking')(
      `a tool loop continues from a response ${what}, with the thinking that started it`,
      async () => {
        const first = await ask(client, { ...params, tools, input: prompt })
        const call = callOf(first)
        const input = [outputOf(call, 'rain')]
        // Once in the process that holds the conversation, once in another.
        for (let count = 0; count < 2; count++) {
          const second = await ask(client, { ...params, tools, input, previous_response_id: first.id })
          assert.equal(second.output_text, 'It rains.')
          assert.deepEqual(conversationOf(sent(upstream)), conversation(call))
        }
      },
    )

    testIf(what === 'that shows no thinking')(
      `a tool loop continues from references to a response ${what}, with the thinking that started it`,
      async () => {
        const first = await ask(client, { ...params, tools, input: `references ${prompt}` })
        const references = first.output.map(({ id = '' }): InputItem => ({ type: 'item_reference', id }))
        const call = callOf(first)
        const input = [fromUser(prompt), ...references, outputOf(call, 'rain')]
        await ask(client, { ...params, tools, input })
        // Thinking that was not shown comes along with the item after it.
        assert.deepEqual(conversationOf(sent(upstream)), conversation(call))
      },
    )
  }

  test('a conversation with a call without an output cannot be continued', async () => {
    const first = await ask(client, { tools, input: loop })
    const answer = ask(client, { tools, input: 'Never mind.', previous_response_id: first.id })
    const error = await failureOf(answer, OpenAI.BadRequestError)
    assert.equal(error.param, 'previous_response_id')
    const other = [outputOf({ call_id: 'call_other' }, 'rain')]
    const orphan = ask(client, { tools, input: other, previous_response_id: first.id })
    assert.equal((await failureOf(orphan, OpenAI.BadRequestError)).param, 'input[0].call_id')
    assert.equal(upstream.requests.length, 1)
  })

  test('a client that stores the conversation sends it back, including the thinking', async () => {
    const params = { store: false, include, tools }
    const input = [fromUser(loop)]
    const first = await ask(client, { ...params, input })
    assert.equal(first.store, false)
    assert.deepEqual(typesOf(first.output), ['reasoning', 'message', 'function_call'])
    const call = callOf(first)
    input.push(...asInput(first), outputOf(call, 'rain'))
    const second = await ask(client, { ...params, input })
    assert.equal(second.output_text, 'It rains.')
    const conversation = [
      user(loop),
      assistant(thinkingBlock(2), 'I will look.', toolUse(call.call_id, 'get_weather', rome)),
      user(toolResult(call.call_id, 'rain')),
    ]
    assert.deepEqual(conversationOf(sent(upstream)), conversation)
    input.push(...asInput(second), fromUser('Thanks.'))
    await ask(client, { ...params, input })
    assert.deepEqual(conversationOf(sent(upstream)), [...conversation, assistant('It rains.'), user('Thanks.')])
  })

  extendedTest('the items of a stream can be sent back in the same way', async () => {
    const prompt = `streamed ${think('Hm.')}`
    const params = { store: false, include, reasoning: { summary: 'auto' as const } }
    const first = endOf(await askForEvents(client, { ...params, input: prompt }))
    const other = { model: 'haiku', tools: [weatherTool] }
    await ask(client, { ...params, ...other, input: [fromUser(prompt), ...asInput(first), fromUser('So?')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant(thinkingBlock(2), 'Hm.'), user('So?')])
  })

  const forged = (blocks: unknown) => `cs1.${Buffer.from(JSON.stringify(blocks)).toString('base64url')}`

  for (const [what, encrypted_content] of [
    ['of another vendor', 'gAAAAABod2Fzbm90aGluZw=='],
    ['that was cut', forged([thinkingBlock(2)]).slice(0, -20)],
    ['that is not base64', 'cs1.%%%'],
    ['with a block of another type in it', forged([{ type: 'text', text: 'I was made up.' }])],
    ['with an extra field in it', forged([{ ...thinkingBlock(1), cache_control: {} }])],
    ['that is empty', ''],
    ['that is missing', null],
  ] as const) {
    testIf(what === 'that was cut')(`thinking ${what} is left out, and the conversation continues`, async () => {
      const input: InputItem[] = [
        fromUser('one'),
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Aloud.' }], encrypted_content },
        { role: 'assistant', content: 'Hm.' },
        fromUser('So?'),
      ]
      await ask(client, { store: false, input })
      assert.deepEqual(conversationOf(sent(upstream)), [user('one'), assistant('Hm.'), user('So?')])
    })
  }

  extendedTest('calls of another provider reach the model with their ids, and results in their order', async () => {
    const call = (call_id: string, city: string): InputItem => {
      return { type: 'function_call', call_id, name: 'get_weather', arguments: JSON.stringify({ city }) }
    }
    const input: InputItem[] = [
      fromUser('Rome and Oslo?'),
      call('call_1', 'Rome'),
      call('call_2', 'Oslo'),
      outputOf({ call_id: 'call_2' }, 'snow'),
      { type: 'function_call_output', call_id: 'call_1', output: [{ type: 'input_text', text: 'rain' }] },
      { type: 'message', role: 'assistant', content: 'Rain and snow.' },
      fromUser('Thanks.'),
    ]
    await ask(client, { tools, input })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('Rome and Oslo?'),
      assistant(toolUse('call_1', 'get_weather', rome), toolUse('call_2', 'get_weather', { city: 'Oslo' })),
      user(toolResult('call_2', 'snow'), toolResult('call_1', 'rain')),
      assistant('Rain and snow.'),
      user('Thanks.'),
    ])
  })

  test('input items are listed in both orders, page by page, with the conversation before them', async () => {
    const first = await ask(client, { tools, input: loop })
    const call = callOf(first)
    const input: InputItem[] = [outputOf(call, 'rain'), fromUser('And?')]
    const { id } = await ask(client, { tools, input, previous_response_id: first.id })
    const page = await responses.inputItems.list(id, { order: 'asc' })
    for (const item of page.data) assertItem(item)
    assert.equal(page.has_more, false)
    assert.deepEqual(typesOf(page.data), ['message', 'message', 'function_call', 'function_call_output', 'message'])
    const [question, words, made, result, rest] = page.data
    assert.ok(question?.type === 'message' && words?.type === 'message' && rest?.type === 'message')
    assert.deepEqual([question.role, question.content], ['user', [{ type: 'input_text', text: loop }]])
    assert.deepEqual([words.role, words.id], ['assistant', first.output[0]?.id])
    assert.ok(made?.type === 'function_call' && result?.type === 'function_call_output')
    assert.deepEqual([made.call_id, result.call_id, result.output], [call.call_id, call.call_id, 'rain'])
    assert.deepEqual(rest.content, [{ type: 'input_text', text: 'And?' }])
    const all = page.data.map((item) => item.id)
    assert.equal(new Set(all).size, 5)
    const paged = async (order: 'asc' | 'desc') => {
      const ids: unknown[] = []
      for await (const item of responses.inputItems.list(id, { order, limit: 2 })) ids.push(item.id)
      return ids
    }
    assert.deepEqual(await paged('asc'), all)
    assert.deepEqual(await paged('desc'), all.toReversed())
    const unordered = await responses.inputItems.list(id, { limit: 1 })
    assert.deepEqual([unordered.data[0]?.id, unordered.has_more], [all.at(-1), true])
    await failureOf(responses.inputItems.list(id, { after: 'item_none' }), OpenAI.BadRequestError)
  })

  extendedTest('items sent in short form are listed in full form', async () => {
    const input = [
      { role: 'developer', content: 'Be brief.' },
      fromUser('one'),
      { role: 'assistant', content: 'Aye.' },
      { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 'call_2', name: 'say', input: 'hi' },
      outputOf({ call_id: 'call_1' }, 'seen'),
      { type: 'custom_tool_call_output', call_id: 'call_2', output: 'said' },
      fromUser('two'),
    ] as InputItem[]
    const { id } = await ask(client, { input })
    const { data } = await responses.inputItems.list(id, { order: 'asc' })
    assert.equal(data.length, input.length)
    const undeclared = data.filter((item) => !isItem(item))
    assert.deepEqual(undeclared, [])
  })
}
