// Cases of the Anthropic suite: conversations, which the client sends in full with every request.
import assert from 'node:assert/strict'
import { extendedTest, test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  fromAssistant,
  fromUser,
  type MessageParam,
  readEvents,
  streamMessage,
  textOf,
  textOfEvents,
  toHistory,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, user } from './sent.ts'

export function testHistory({ client, server }: Subject): void {
  const { upstream } = server
  const session = (index: number) => requestAt(upstream, index).headers['x-claude-code-session-id']

  test('a conversation reaches the model with its roles', async () => {
    const messages = [
      fromUser('My name is Anna.'),
      fromAssistant('Ahoy, Anna.'),
      fromUser('Where are we?'),
      fromAssistant('At sea.'),
      fromUser('Who am I?'),
    ]
    await ask(client, { system: 'You are a pirate.', messages })
    assert.equal(upstream.requests.length, 1)
    assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('My name is Anna.'),
      assistant('Ahoy, Anna.'),
      user('Where are we?'),
      assistant('At sea.'),
      user('Who am I?'),
    ])
  })

  test('the next turn continues in the process that holds the conversation', async () => {
    const messages: MessageParam[] = []
    const turns = ['one', 'two', 'three'].map((word) => ({
      word,
      prompt: `${word} ${step({ text: `Polly ${word}.` })}`,
    }))
    for (const { word, prompt } of turns) {
      messages.push(fromUser(prompt))
      const message = await ask(client, { system: 'You are a parrot.', messages })
      assert.equal(textOf(message), `Polly ${word}.`)
      messages.push(toHistory(message))
    }
    assert.deepEqual([session(1), session(2)], [session(0), session(0)])
    assert.equal(upstream.requests.length, 3)
    const wanted = turns.flatMap(({ word, prompt }) => [user(prompt), assistant(`Polly ${word}.`)])
    assert.deepEqual(conversationOf(sent(upstream)), wanted.slice(0, -1))
  })

  extendedTest('a conversation continues after a stream in the same process', async () => {
    const prompt = `one ${step({ text: 'Said in a stream.', tokens: 3 })}`
    const events = await readEvents(client, { messages: [fromUser(prompt)] })
    const second = `two ${step({ text: 'Said to the helper.', tokens: 3 })}`
    const messages = [fromUser(prompt), fromAssistant(textOfEvents(events)), fromUser(second)]
    const message = await streamMessage(client, { messages })
    await ask(client, { messages: [...messages, toHistory(message), fromUser('three')] })
    assert.deepEqual([session(1), session(2)], [session(0), session(0)])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(prompt),
      assistant('Said in a stream.'),
      user(second),
      assistant('Said to the helper.'),
      user('three'),
    ])
  })

  extendedTest('a message of either role may consist of text blocks', async () => {
    const blocks = (...texts: string[]) => texts.map((text) => ({ type: 'text' as const, text }))
    const messages = [
      fromUser(blocks('What is', 'your name?')),
      fromAssistant(blocks('Arr.')),
      fromUser(blocks('Pardon?')),
    ]
    await ask(client, { messages })
    const wanted = [user('What is', 'your name?'), assistant('Arr.'), user('Pardon?')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  test('a string and a text block are the same message: the conversation continues in its process', async () => {
    const prompt = `forms ${step({ text: 'Same.' })}`
    const first = await ask(client, { messages: [fromUser(prompt)] })
    const asBlock = fromUser([{ type: 'text', text: prompt, cache_control: { type: 'ephemeral' } }])
    await ask(client, { messages: [asBlock, fromAssistant(textOf(first)), fromUser('next')] })
    assert.equal(session(1), session(0))
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Same.'), user('next')])
  })

  extendedTest('a system message at the start joins the system prompt', async () => {
    const opening = { role: 'system', content: 'Speak up.' } as MessageParam
    await ask(client, { system: 'You are a pirate.', messages: [opening, fromUser('hi')] })
    assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.\n\nSpeak up.'])
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
  })

  test('a system message in the middle keeps its position', async () => {
    const middle = { role: 'system', content: [{ type: 'text', text: 'Be brief now.' }] } as MessageParam
    const messages = [fromUser('first'), fromAssistant('Yes?'), middle, fromUser('second')]
    await ask(client, { messages })
    const [question, answer, last, ...rest] = conversationOf(sent(upstream))
    assert.deepEqual([question, answer, rest], [user('first'), assistant('Yes?'), []])
    assert.equal(last?.role, 'user')
    assert.match(last.content.join('\n'), /Be brief now\.[\s\S]*second$/)
    assert.deepEqual(systemOf(sent(upstream)), [])
  })

  extendedTest('several messages of one role in a row all reach the model', async () => {
    const messages = ['first', 'second'].map(fromUser)
    await ask(client, { messages: [...messages, fromAssistant('Yes?'), fromUser('third'), fromUser('fourth')] })
    const wanted = [user('first', 'second'), assistant('Yes?'), user('third', 'fourth')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  extendedTest('an answer that the client has changed reaches the model in its new form', async () => {
    const prompt = `edit ${step({ text: 'The original words.' })}`
    await ask(client, { messages: [fromUser(prompt)] })
    await ask(client, { messages: [fromUser(prompt), fromAssistant('Other words.'), fromUser('Go on.')] })
    const wanted = [user(prompt), assistant('Other words.'), user('Go on.')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  extendedTest('a conversation continued from an earlier point contains nothing of the abandoned branch', async () => {
    const first = `branch ${step({ text: 'Root.' })}`
    const root = [fromUser(first), fromAssistant('Root.')]
    await ask(client, { messages: [fromUser(first)] })
    await ask(client, { messages: [...root, fromUser(`old-branch ${step({ text: 'old-answer' })}`)] })
    await ask(client, { messages: [...root, fromUser('new-branch')] })
    assert.deepEqual(conversationOf(sent(upstream)), [user(first), assistant('Root.'), user('new-branch')])
    assert.doesNotMatch(requestAt(upstream).raw, /old-/)
  })

  test('an assistant prefill is refused', async () => {
    const answer = client.messages.create({
      model: 'sonnet',
      max_tokens: 10,
      messages: [fromUser('hi'), fromAssistant('I am')],
    })
    await assert.rejects(answer, { status: 400, message: /must end with a user message/ })
    assert.equal(upstream.requests.length, 0)
  })
}
