// Cases of the Responses API: conversations that the server keeps, with their items, and responses that continue them.
import assert from 'node:assert/strict'
import { test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  ask,
  askForEvents,
  callOf,
  endOf,
  fromUser,
  outputOf,
  type Subject,
  weatherTool,
} from './openai-response-calls.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

export function testKeptConversations({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { conversations } = client
  const listed = async (id: string) => {
    const items = []
    for await (const item of conversations.items.list(id, { order: 'asc', limit: 2 })) items.push(item)
    return items
  }

  test('a conversation is created, read, changed and deleted', async () => {
    const created = await conversations.create({ metadata: { topic: 'birds' } })
    assert.match(created.id, /^conv_\w+$/)
    assert.deepEqual([created.object, created.metadata], ['conversation', { topic: 'birds' }])
    assert.deepEqual(await conversations.retrieve(created.id), created)
    const changed = await conversations.update(created.id, { metadata: { topic: 'fish' } })
    assert.deepEqual(changed, { ...created, metadata: { topic: 'fish' } })
    const deleted = await conversations.delete(created.id)
    assert.deepEqual(deleted, { id: created.id, object: 'conversation.deleted', deleted: true })
    await failureOf(conversations.retrieve(created.id), OpenAI.NotFoundError)
    assert.deepEqual((await conversations.create()).metadata, {})
  })

  test('items are added, listed page by page, read and deleted', async () => {
    const { id } = await conversations.create({ items: [fromUser('one')] })
    const added = await conversations.items.create(id, {
      items: [
        { role: 'assistant', content: 'two' },
        fromUser('three'),
        { id: 'msg_mine', ...fromUser('four') } as never,
      ],
    })
    assert.equal(added.data.length, 3)
    const items = await listed(id)
    assert.equal(items.length, 4)
    assert.deepEqual(items.slice(1), added.data)
    assert.equal(items[3]?.id, 'msg_mine')
    const [first] = items
    assert.ok(first?.type === 'message' && first.id)
    assert.deepEqual(first.content, [{ type: 'input_text', text: 'one' }])
    assert.deepEqual(await conversations.items.retrieve(first.id, { conversation_id: id }), first)
    assert.equal((await conversations.items.delete(first.id, { conversation_id: id })).id, id)
    assert.deepEqual(await listed(id), items.slice(1))
    await failureOf(conversations.items.retrieve(first.id, { conversation_id: id }), OpenAI.NotFoundError)
    const newest = await conversations.items.list(id, { limit: 1 })
    assert.deepEqual([newest.data[0]?.id, newest.has_more], ['msg_mine', true])
  })

  test('responses continue a conversation, and add to it what was sent and answered', async () => {
    const { id } = await conversations.create({ items: [{ role: 'developer', content: 'Be brief.' }] })
    const one = `one ${step({ text: 'Polly one.', thinking: 1 })}`
    const two = `two ${step({ text: 'Polly two.', tokens: 2 })}`
    const first = await ask(client, { input: one, conversation: id })
    assert.deepEqual(first.conversation, { id })
    assert.deepEqual((await client.responses.retrieve(first.id)).conversation, { id })
    const second = endOf(await askForEvents(client, { input: two, conversation: { id }, store: false }))
    assert.equal(second.status, 'completed')
    await ask(client, { input: 'three', conversation: id })
    const [head, ...rest] = conversationOf(sent(upstream))
    assert.deepEqual(head, user(one))
    assert.match(JSON.stringify(rest[0]), /think0.*Polly one\./)
    assert.deepEqual(rest.slice(1), [user(two), assistant('Polly two.'), user('three')])
    const types = (await listed(id)).map((item) => (item.type === 'message' ? item.role : item.type))
    assert.deepEqual(types.slice(0, 4), ['developer', 'user', 'reasoning', 'assistant'])
    assert.equal(types.at(-1), 'assistant')
  })

  test('calls of tools and a response that continues the last one by its id see the conversation', async () => {
    const { id } = await conversations.create()
    const tools = [weatherTool]
    const prompt = `Rome? ${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Rain.' })}`
    const call = callOf(await ask(client, { input: prompt, tools, conversation: id }))
    const answer = await ask(client, { input: [outputOf(call, 'It rains.')], tools, conversation: id })
    await ask(client, { input: 'Sure?', previous_response_id: answer.id })
    assert.match(JSON.stringify(conversationOf(sent(upstream))), /Rome\?.*tool_use.*It rains\..*Rain\..*Sure\?/)
  })

  test('a second response in a conversation is refused while the first is made, so that its call keeps its place', async () => {
    const { id } = await conversations.create()
    const tools = [weatherTool]
    const slow = await ask(client, { input: `slow ${step({ ttft: 60_000 })}`, conversation: id, background: true })
    await upstream.waitForRequest(() => true)
    const create = client.responses.create({ model: 'sonnet', input: 'x', conversation: id }, { maxRetries: 0 })
    const error = await failureOf(create as Promise<unknown>, OpenAI.BadRequestError)
    assert.deepEqual([error.code, error.param], ['conversation_locked', 'conversation'])
    const early = await failureOf(
      conversations.items.create(id, { items: [fromUser('early')] }),
      OpenAI.BadRequestError,
    )
    assert.equal(early.code, 'conversation_locked')
    assert.equal((await client.responses.cancel(slow.id)).status, 'cancelled')
    const prompt = `Rome? ${step({ tool: 'get_weather', input: { city: 'Rome' } })}${step({ text: 'Rain.' })}`
    const call = callOf(await ask(client, { input: prompt, tools, conversation: id }))
    const answer = await ask(client, { input: [outputOf(call, 'It rains.')], tools, conversation: id })
    assert.equal(answer.output_text, 'Rain.')
  })

  test('a response that fails adds nothing, and bad requests name the field', async () => {
    const { id } = await conversations.create({ items: [fromUser('one')] })
    const create = (body: object) =>
      client.responses.create({ model: 'sonnet', input: 'x', ...body }, { maxRetries: 0 })
    const failing = `x ${step({ status: 400, error_type: 'invalid_request_error', message: 'no' })}`
    await assert.rejects(create({ conversation: id, input: failing }) as Promise<unknown>)
    assert.equal((await listed(id)).length, 1)
    const both = create({ conversation: id, previous_response_id: `resp_${'0'.repeat(32)}` }) as Promise<unknown>
    assert.equal((await failureOf(both, OpenAI.BadRequestError)).param, 'conversation')
    const unknown = create({ conversation: 'conv_none' }) as Promise<unknown>
    assert.equal((await failureOf(unknown, OpenAI.NotFoundError)).param, 'conversation')
    const many = Array.from({ length: 21 }, () => fromUser('x'))
    assert.equal(
      (await failureOf(conversations.items.create(id, { items: many }), OpenAI.BadRequestError)).param,
      'items',
    )
    const metadata = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']))
    assert.equal((await failureOf(conversations.create({ metadata }), OpenAI.BadRequestError)).param, 'metadata')
    const odd = conversations.items.create(id, { items: [{ role: 'user', content: 7 } as never] })
    assert.equal((await failureOf(odd, OpenAI.BadRequestError)).param, 'items[0].content')
  })
}
