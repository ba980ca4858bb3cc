// Cases of the Anthropic suite: stop sequences, max_tokens and refusals, which end an answer early.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  endOf,
  fromUser,
  makeTool,
  readEvents,
  streamMessage,
  textOf,
  textOfEvents,
  toHistory,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

export function testLimits({ client, server }: Subject): void {
  const { upstream } = server

  for (const [stops, text, wanted, reached] of [
    [['END'], 'one END two', 'one ', 'END'],
    [['END', 'STOP'], 'one STOP two END', 'one ', 'STOP'],
    [['END'], 'E EN ENE END', 'E EN ENE ', 'END'],
    [['END'], 'nothing of the kind EN', 'nothing of the kind EN', null],
    [['\n\n'], 'a line\nanother\n\nmore', 'a line\nanother', '\n\n'],
    [[], 'one END two', 'one END two', null],
  ] as const) {
    testIf(stops.length === 2 || reached === '\n\n' || text.endsWith(' EN'))(
      `stop_sequences ${JSON.stringify(stops)} cut ${JSON.stringify(text)}, also across deltas`,
      async () => {
        const messages = [fromUser(`Say. ${step({ text, tokens: text.length })}`)]
        const params = { messages, stop_sequences: stops }
        const reason = reached === null ? 'end_turn' : 'stop_sequence'
        const message = await ask(client, params)
        assert.deepEqual([textOf(message), message.stop_reason, message.stop_sequence], [wanted, reason, reached])
        const events = await readEvents(client, params)
        const { stop_reason, stop_sequence } = endOf(events).delta
        assert.deepEqual([textOfEvents(events), stop_reason, stop_sequence], [wanted, reason, reached])
      },
    )
  }

  extendedTest('a stop sequence aborts the request to the model', async () => {
    const messages = [fromUser(step({ text: `one END ${'more '.repeat(1000)}`, tokens: 1000, gap: 20 }))]
    const aborted = upstream.waitForAbort()
    assert.equal(textOf(await streamMessage(client, { messages, stop_sequences: ['END'] })), 'one ')
    await aborted
  })

  extendedTest('a conversation continues after a stop with the text that the client got', async () => {
    const prompt = `Say. ${step({ text: 'one END two', tokens: 4 })}`
    const first = await ask(client, { messages: [fromUser(prompt)], stop_sequences: ['END'] })
    await ask(client, { messages: [fromUser(prompt), toHistory(first), fromUser('Go on.')] })
    const [question, answer, next] = conversationOf(sent(upstream))
    assert.deepEqual([question, next], [user(prompt), user('Go on.')])
    assert.equal(answer?.content.join('').trimEnd(), 'one')
  })

  test('max_tokens ends an answer in one message, although the CLI would continue', async () => {
    const text = 'one two three four'
    const prompt = `Count. ${step({ text, tokens: 4, stop_reason: 'max_tokens' })}`
    const params = { messages: [fromUser(prompt)], max_tokens: 4 }
    const message = await ask(client, params)
    assert.equal(sent(upstream, 0).max_tokens, 4)
    assert.deepEqual([textOf(message), message.stop_reason], [text, 'max_tokens'])
    const events = await readEvents(client, params)
    assert.deepEqual([textOfEvents(events), endOf(events).delta.stop_reason], [text, 'max_tokens'])
    assert.equal(textOf(await streamMessage(client, params)), text)
    await ask(client, { messages: [fromUser(prompt), toHistory(message), fromUser('Go on.')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant(text), user('Go on.')])
  })

  extendedTest('max_tokens of one request does not apply to the next', async () => {
    for (const max_tokens of [7, 2000]) await ask(client, { max_tokens, messages: [fromUser('hi')] })
    assert.deepEqual([sent(upstream, 0).max_tokens, sent(upstream, 1).max_tokens], [7, 2000])
  })

  test('max_tokens in the middle of a call is the stop reason', async () => {
    const call = step({ tool: 'get', input: { a: 'b' }, stop_reason: 'max_tokens' })
    const tools = [makeTool('get', { a: { type: 'string' } })]
    const message = await ask(client, { tools, max_tokens: 5, messages: [fromUser(call)] })
    assert.equal(message.stop_reason, 'max_tokens')
  })

  extendedTest('a refusal is an answer, sent once', async () => {
    const params = { messages: [fromUser(step({ text: 'I will not.', stop_reason: 'refusal' }))] }
    const message = await ask(client, params)
    assert.deepEqual([message.stop_reason, message.stop_details?.type], ['refusal', 'refusal'])
    const events = await readEvents(client, params)
    assert.deepEqual([endOf(events).delta.stop_reason, textOfEvents(events)], ['refusal', 'I will not.'])
    assert.equal(textOf(message), 'I will not.')
  })
}
