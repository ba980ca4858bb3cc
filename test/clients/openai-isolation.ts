// Cases of the OpenAI suite: many conversations at once, which must never mix.
import assert from 'node:assert/strict'
import { extendedTest } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { asMessage, contentOf, fromUser, type Message, model, type Subject } from './openai-calls.ts'
import { assistant, conversationOf, requestAt, sent, systemOf, user } from './sent.ts'

const opening = `Good morning. ${step({ text: 'And to you.' })}`

/** The user messages of one conversation after the opening, which all share. */
const sayings = (secret: string) => [
  `My secret is ${secret}. ${step({ text: 'I shall keep it.' })}`,
  `What is it? ${step({ text: `It is ${secret}.` })}`,
]

export function testIsolation({ client, server }: Subject): void {
  const { upstream } = server
  const { completions } = client.chat

  extendedTest('eight conversations that start alike never mix', async () => {
    const count = 8
    const secrets = Array.from({ length: count }, (_, index) => `secret-${index + 100}`)
    const system: Message = { role: 'system', content: 'You keep secrets.' }
    const converse = async (secret: string) => {
      const messages: Message[] = [system]
      for (const saying of [opening, ...sayings(secret)]) {
        messages.push(fromUser(saying))
        messages.push(asMessage(await completions.create({ model, messages })))
      }
      return messages.at(-1)?.content
    }
    const answers = await Promise.all(secrets.map(converse))
    assert.deepEqual(
      answers,
      secrets.map((secret) => `It is ${secret}.`),
    )

    assert.equal(upstream.requests.length, count * 3)
    const wanted = secrets.flatMap((secret) => {
      const [second = '', third = ''] = sayings(secret)
      const conversation = [
        user(opening),
        assistant('And to you.'),
        user(second),
        assistant('I shall keep it.'),
        user(third),
      ]
      return [conversation.slice(0, 1), conversation.slice(0, 3), conversation]
    })
    const seen = upstream.requests.map((_, index) => {
      assert.deepEqual(systemOf(sent(upstream, index)), ['You keep secrets.'])
      const named = new Set(requestAt(upstream, index).raw.match(/secret-\d+/g))
      assert.ok(named.size <= 1, [...named].join())
      return conversationOf(sent(upstream, index))
    })
    const inOrder = (list: unknown[]) => list.map((conversation) => JSON.stringify(conversation)).sort()
    assert.deepEqual(inOrder(seen), inOrder(wanted))
  })

  extendedTest('one conversation that is continued in two ways at once gets both answers', async () => {
    const prompt = `fork ${step({ text: 'Root.' })}`
    const first = await completions.create({ model, messages: [fromUser(prompt)] })
    const ways = ['left', 'right'].map((way) => `${way} ${step({ text: `Gone ${way}.`, ttft: 50 })}`)
    const answers = await Promise.all(
      ways.map((way) => completions.create({ model, messages: [fromUser(prompt), asMessage(first), fromUser(way)] })),
    )
    assert.deepEqual(answers.map(contentOf), ['Gone left.', 'Gone right.'])
    const seen = [1, 2].map((index) => JSON.stringify(conversationOf(sent(upstream, index))))
    const wanted = ways.map((way) => JSON.stringify([user(prompt), assistant('Root.'), user(way)]))
    assert.deepEqual(seen.sort(), wanted.sort())
  })
}
