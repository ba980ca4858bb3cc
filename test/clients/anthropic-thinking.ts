// Cases of the Anthropic suite: thinking, which is sent only if requested, and always with its signature.
import assert from 'node:assert/strict'
import { startUpstream } from '../../src/demo/upstream.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { makeFolders, startTestServer, step } from '../helpers/test-server.ts'
import {
  ask,
  callOf,
  deltasOf,
  errorOf,
  fromAssistant,
  fromUser,
  readEvents,
  resultFor,
  streamMessage,
  textOf,
  toHistory,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, requestAt, sent, toolResult, toolUse, user } from './sent.ts'

const adaptive = { type: 'adaptive' }
/** The thinking of the scripted model, with its signature. */
const thought = {
  type: 'thinking',
  thinking: 'think0 think1 think2 ',
  signature: Buffer.from('demo-signature').toString('base64'),
}
const thinks = step({ thinking: 3, text: 'The answer.', tokens: 2 })

/** An answer of the model's API, event by event, with redacted thinking. */
function redactedAnswer(data: string): string {
  const usage = { input_tokens: 10, output_tokens: 1 }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [], usage }
  const events: ({ type: string } & Record<string, unknown>)[] = [
    { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null } },
    { type: 'content_block_start', index: 0, content_block: { type: 'redacted_thinking', data } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'The answer.' } },
    { type: 'content_block_stop', index: 1 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } },
    { type: 'message_stop' },
  ]
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
}

export function testThinking({ client, server, makeClient, Anthropic }: Subject): void {
  const { upstream } = server
  const tools = [weatherTool]

  for (const thinking of [undefined, { type: 'disabled' }]) {
    test(`the model does not think if thinking is ${thinking?.type ?? 'left out'}`, async () => {
      const params = { ...(thinking ? { thinking } : {}), messages: [fromUser(thinks)] }
      const message = await ask(client, params)
      assert.equal(sent(upstream).thinking, undefined)
      assert.deepEqual(
        message.content.map(({ type }) => type),
        ['text'],
      )
      const types = new Set(deltasOf(await readEvents(client, params)).map(({ type }) => type))
      assert.deepEqual([...types], ['text_delta'])
    })
  }

  for (const type of ['adaptive', 'between_tools']) {
    test(`thinking ${type} lets the model decide`, async () => {
      await ask(client, { thinking: { type }, messages: [fromUser('hi')] })
      assert.equal(sent(upstream).thinking?.type, 'adaptive')
    })
  }

  test('a thinking budget reaches a model that takes one', async () => {
    const thinking = { type: 'enabled', budget_tokens: 2048 }
    await ask(client, { model: 'claude-sonnet-4-5', max_tokens: 4096, thinking, messages: [fromUser('hi')] })
    const { type, budget_tokens } = sent(upstream).thinking ?? {}
    assert.deepEqual([type, budget_tokens, sent(upstream).max_tokens], ['enabled', 2048, 4096])
  })

  test('a thinking budget that is too small is refused', async () => {
    const thinking = { type: 'enabled', budget_tokens: 10 }
    const error = await errorOf(ask(client, { thinking, messages: [fromUser('hi')] }), Anthropic.BadRequestError)
    assert.match(error.message, /thinking\.budget_tokens/)
  })

  test('thinking comes before the answer, with its signature', async () => {
    const message = await ask(client, { thinking: adaptive, messages: [fromUser(thinks)] })
    assert.deepEqual(message.content, [thought, { type: 'text', text: 'The answer.', citations: null }])
  })

  extendedTest('thinking is streamed, with its signature last', async () => {
    const params = { thinking: adaptive, messages: [fromUser(thinks)] }
    const events = await readEvents(client, params)
    const [, start] = events
    assert.ok(start?.type === 'content_block_start')
    assert.deepEqual(start.content_block, { type: 'thinking', thinking: '', signature: '' })
    const types = deltasOf(events).map(({ type }) => type)
    const ofText = types.filter((type) => type === 'text_delta')
    assert.deepEqual(types, [...Array(3).fill('thinking_delta'), 'signature_delta', ...ofText])
    const message = await streamMessage(client, params)
    assert.deepEqual(message.content, [thought, { type: 'text', text: 'The answer.', citations: null }])
  })

  extendedTest('omitted thinking comes as its signature only', async () => {
    const params = { thinking: { ...adaptive, display: 'omitted' }, messages: [fromUser(thinks)] }
    const hidden = { ...thought, thinking: '' }
    assert.deepEqual((await ask(client, params)).content[0], hidden)
    assert.deepEqual((await streamMessage(client, params)).content[0], hidden)
  })

  extendedTest('thinking may be shown as updates, as Claude Code requests it', async () => {
    const params = { thinking: { ...adaptive, display: 'updates' }, messages: [fromUser(thinks)] }
    assert.deepEqual((await ask(client, params)).content[0], thought)
  })

  test('redacted thinking is passed on unchanged in both directions', async () => {
    upstream.enqueue({ raw: redactedAnswer('c2VjcmV0') }, { raw: redactedAnswer('b3RoZXI=') })
    const messages = [fromUser('redacted')]
    const first = await ask(client, { thinking: adaptive, messages })
    const hidden = { type: 'redacted_thinking', data: 'c2VjcmV0' }
    assert.deepEqual(first.content, [hidden, { type: 'text', text: 'The answer.', citations: null }])
    messages.push(toHistory(first), fromUser('again'))
    const second = await streamMessage(client, { thinking: adaptive, messages })
    assert.deepEqual(second.content[0], { type: 'redacted_thinking', data: 'b3RoZXI=' })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('redacted'),
      assistant(hidden, 'The answer.'),
      user('again'),
    ])
  })

  const rome = { city: 'Rome' }
  const loop = `${step({ thinking: 3, tool: 'get_weather', input: rome })}${step({ thinking: 1, text: 'It rains.' })}`

  test('a tool loop keeps the thinking that led to the call', async () => {
    const prompt = `loop ${loop}`
    const params = { thinking: adaptive, tools }
    const first = await ask(client, { ...params, messages: [fromUser(prompt)] })
    const call = callOf(first)
    assert.deepEqual(first.content[0], thought)
    const messages = [fromUser(prompt), toHistory(first), fromUser([resultFor(call, 'rain')])]
    const second = await streamMessage(client, { ...params, messages })
    assert.equal(textOf(second), 'It rains.')
    const sessions = [0, 1].map((index) => requestAt(upstream, index).headers['x-claude-code-session-id'])
    assert.equal(sessions[1], sessions[0])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant(thought, toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  extendedTest('a tool loop keeps its thinking after a restart of the server', async (t) => {
    const upstream = await startUpstream()
    t.after(() => upstream.close())
    const folders = makeFolders(t)
    const params = { thinking: adaptive, tools }
    const before = await startTestServer(t, { upstream, folders })
    const first = await ask(makeClient(before), { ...params, messages: [fromUser(loop)] })
    await before.close(0)
    const after = await startTestServer(t, { upstream, folders })
    const call = callOf(first)
    const messages = [fromUser(loop), toHistory(first), fromUser([resultFor(call, 'rain')])]
    assert.equal(textOf(await ask(makeClient(after), { ...params, messages })), 'It rains.')
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(loop),
      assistant(thought, toolUse(call.id, 'get_weather', rome)),
      user(toolResult(call.id, 'rain')),
    ])
  })

  extendedTest('a conversation continues if the client leaves thinking out of the history', async () => {
    const prompt = `forgetful ${thinks}`
    const first = await ask(client, { thinking: adaptive, messages: [fromUser(prompt)] })
    const messages = [fromUser(prompt), fromAssistant(textOf(first)), fromUser('Go on.')]
    await ask(client, { thinking: adaptive, messages })
    const [question, answer, next] = conversationOf(sent(upstream))
    assert.deepEqual([question, next], [user(prompt), user('Go on.')])
    assert.equal(answer?.content.at(-1), 'The answer.')
  })

  extendedTest('unsigned thinking is not shown to the model', async () => {
    const unsigned = { type: 'thinking', thinking: 'Hm.', signature: '' } as const
    const answer = fromAssistant([unsigned, { type: 'text', text: 'Yes.' }])
    await ask(client, { thinking: adaptive, messages: [fromUser('Is it?'), answer, fromUser('Sure?')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user('Is it?'), assistant('Yes.'), user('Sure?')])
  })

  for (const effort of ['low', 'medium', 'high', 'xhigh', 'max']) {
    testIf(effort === 'low')(`effort ${effort} reaches the model`, async () => {
      await ask(client, { output_config: { effort }, messages: [fromUser('hi')] })
      assert.equal(sent(upstream).output_config?.effort, effort)
    })
  }
}
