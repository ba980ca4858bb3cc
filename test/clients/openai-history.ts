// Cases of the OpenAI suite: conversations, which the client sends completely with every request.
import assert from 'node:assert/strict'
import { extendedTest, test } from '../helpers/extended.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { step } from '../helpers/test-server.ts'
import {
  asMessage,
  contentOf,
  finishOf,
  fromUser,
  type Message,
  model,
  readAll,
  type Subject,
  textOfChunks,
} from './openai-calls.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, toolResult, toolUse, user } from './sent.ts'

const fromAssistant = (content: string): Message => ({ role: 'assistant', content })

/** The number of processes, and the session that the last request to the model came from. */
async function processes({ url, upstream }: TestServer): Promise<{ live: number; session: unknown }> {
  const health = (await (await fetch(`${url}/v1/health`)).json()) as { processes: { live: number } }
  return { live: health.processes.live, session: requestAt(upstream).headers['x-claude-code-session-id'] }
}

export function testHistory({ client, server }: Subject): void {
  const { upstream } = server
  const { completions } = client.chat
  const ask = async (...messages: Message[]) => contentOf(await completions.create({ model, messages })) ?? ''

  test('a conversation that a client sends reaches the model with its roles', async () => {
    await ask(
      { role: 'system', content: 'You are a pirate.' },
      fromUser('My name is Anna.'),
      fromAssistant('Ahoy, Anna.'),
      fromUser('Where are we?'),
      fromAssistant('At sea.'),
      fromUser('Who am I?'),
    )
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
    const messages: Message[] = [{ role: 'system', content: 'You are a parrot.' }]
    const turns = ['one', 'two', 'three'].map((word) => ({
      word,
      prompt: `${word} ${step({ text: `Polly ${word}.` })}`,
    }))
    const seen: Awaited<ReturnType<typeof processes>>[] = []
    for (const { word, prompt } of turns) {
      messages.push(fromUser(prompt))
      const completion = await completions.create({ model, messages })
      assert.equal(contentOf(completion), `Polly ${word}.`)
      messages.push(asMessage(completion))
      seen.push(await processes(server))
    }
    assert.deepEqual(seen, Array(3).fill(seen[0]))
    assert.equal(upstream.requests.length, 3)
    assert.deepEqual(systemOf(sent(upstream)), ['You are a parrot.'])
    const conversation = turns.flatMap(({ word, prompt }) => [user(prompt), assistant(`Polly ${word}.`)])
    assert.deepEqual(conversationOf(sent(upstream)), conversation.slice(0, -1))
  })

  extendedTest('a conversation continues after a stream', async () => {
    const prompt = `one ${step({ text: 'Said in a stream.', tokens: 3 })}`
    const chunks = await readAll(await completions.create({ model, messages: [fromUser(prompt)], stream: true }))
    assert.deepEqual(finishOf(chunks), ['stop'])
    await ask(fromUser(prompt), fromAssistant(textOfChunks(chunks)), fromUser('two'))
    const wanted = [user(prompt), assistant('Said in a stream.'), user('two')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  extendedTest('the same request twice gets two answers, each to the same conversation', async () => {
    const messages = [fromUser('regenerate'), fromAssistant('First.'), fromUser('Once more.')]
    for (let count = 0; count < 2; count++) await ask(...messages)
    const wanted = [user('regenerate'), assistant('First.'), user('Once more.')]
    assert.equal(upstream.requests.length, 2)
    for (const index of [0, 1]) assert.deepEqual(conversationOf(sent(upstream, index)), wanted)
  })

  test('a conversation that is rewound continues from there without the dropped turns', async () => {
    const first = `branch ${step({ text: 'Root.' })}`
    await ask(fromUser(first))
    await ask(fromUser(first), fromAssistant('Root.'), fromUser(`old-branch ${step({ text: 'old-answer' })}`))
    await ask(fromUser(first), fromAssistant('Root.'), fromUser('new-branch'))
    assert.deepEqual(conversationOf(sent(upstream)), [user(first), assistant('Root.'), user('new-branch')])
    assert.doesNotMatch(requestAt(upstream).raw, /old-/)
  })

  extendedTest('an answer that the client changed reaches the model as changed', async () => {
    const prompt = `edit ${step({ text: 'The original words.' })}`
    await ask(fromUser(prompt))
    await ask(fromUser(prompt), fromAssistant('Other words.'), fromUser('Go on.'))
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Other words.'), user('Go on.')])
  })

  test('a new system prompt replaces the one that a conversation started with', async () => {
    const prompt = `system ${step({ text: 'Hello.' })}`
    const later = [fromUser(prompt), fromAssistant('Hello.'), fromUser('Go on.')]
    await ask({ role: 'system', content: 'old-system' }, fromUser(prompt))
    await ask({ role: 'system', content: 'new-system' }, ...later)
    assert.deepEqual(systemOf(sent(upstream)), ['new-system'])
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Hello.'), user('Go on.')])
    assert.doesNotMatch(requestAt(upstream).raw, /old-system/)
  })

  extendedTest('another model gets the whole conversation', async () => {
    const prompt = `model ${step({ text: 'Hello.' })}`
    await ask(fromUser(prompt))
    const messages = [fromUser(prompt), fromAssistant('Hello.'), fromUser('Go on.')]
    await completions.create({ model: 'haiku', messages })
    assert.match(String(sent(upstream).model), /haiku/)
    assert.deepEqual(conversationOf(sent(upstream)), [user(prompt), assistant('Hello.'), user('Go on.')])
  })

  extendedTest('several user messages in a row all reach the model', async () => {
    await ask(fromUser('first'), fromUser('second'), fromAssistant('Yes?'), fromUser('third'), fromUser('fourth'))
    const wanted = [user('first', 'second'), assistant('Yes?'), user('third', 'fourth')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  const instruction = (content: string) => `<system-message>\n${content}\n</system-message>`

  test('a system message in the middle of a conversation stays where it is', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'You are a pirate.' },
      { role: 'developer', content: 'You are old.' },
      fromUser('one'),
      fromAssistant('Aye.'),
      { role: 'system', content: 'Be brief.' },
      fromUser('two'),
      fromAssistant('Aye, aye.'),
      fromUser('three'),
      { role: 'developer', content: 'Speak up.' },
    ]
    await ask(...messages)
    assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.\n\nYou are old.'])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('one'),
      assistant('Aye.'),
      user(instruction('Be brief.'), 'two'),
      assistant('Aye, aye.'),
      user('three', instruction('Speak up.')),
    ])
  })

  extendedTest(
    'a conversation with a system message in the middle continues in the process that holds it',
    async () => {
      const messages: Message[] = [{ role: 'system', content: 'You are a stork.' }]
      messages.push(fromUser(`one ${step({ text: 'Clack.' })}`))
      await ask(...messages)
      const before = await processes(server)
      messages.push(fromAssistant('Clack.'), { role: 'system', content: 'Be brief.' }, fromUser('two'))
      await ask(...messages)
      assert.deepEqual(await processes(server), before)
      assert.deepEqual(systemOf(sent(upstream)), ['You are a stork.'])
      assert.deepEqual(conversationOf(sent(upstream)).at(-1), user(instruction('Be brief.'), 'two'))
    },
  )

  extendedTest('a system message between a call and its result comes after the result', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'look', arguments: '{}' } }
    await ask(
      fromUser('one'),
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'system', content: 'Be brief.' },
      { role: 'tool', tool_call_id: 'call_1', content: 'seen' },
    )
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('one'),
      assistant(toolUse('call_1', 'look', {})),
      user(toolResult('call_1', 'seen'), instruction('Be brief.')),
    ])
  })

  extendedTest('an assistant turn without text is left out', async () => {
    await ask(fromUser('first'), fromAssistant(''), fromUser('second'))
    assert.deepEqual(conversationOf(sent(upstream)), [user('first', 'second')])
  })

  test('the text of a conversation arrives unchanged', async () => {
    const words = ' \r\n <b>ünï😀\u2028 "q" \\n [[x]] `$HOME` \n '
    await ask(fromUser(words), fromAssistant(`a${words}b`), fromUser(words))
    assert.deepEqual(conversationOf(sent(upstream)), [user(words), assistant(`a${words}b`), user(words)])
  })
}
