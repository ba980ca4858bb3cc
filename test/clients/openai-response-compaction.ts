// Cases of the Responses API: a conversation is replaced by its summary, at the end of a request and by a request of its
// own, and goes on from it.
import assert from 'node:assert/strict'
import { test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  ask,
  askForEvents,
  endOf,
  fromUser,
  type InputItem,
  type Response,
  type Subject,
} from './openai-response-calls.ts'
import { conversationOf, sent, systemOf, toolNames } from './sent.ts'

const trigger: InputItem = { type: 'compaction_trigger' }
const compacted: readonly InputItem[] = [
  { role: 'developer', content: 'Speak like a pirate.' },
  fromUser(`Name the parrot. ${step({ text: 'never' })}`),
  { role: 'assistant', content: 'Its name is Polly.' },
]

/** The only item of a response, which must be a compaction. */
function compactionOf({ output }: Pick<Response, 'output'>) {
  const [item, ...others] = output
  assert.ok(item?.type === 'compaction')
  assert.deepEqual(others, [])
  return item
}

const textsOf = (subject: Subject) => JSON.stringify(conversationOf(sent(subject.server.upstream)))

export function testCompaction(subject: Subject): void {
  const { client, server, OpenAI } = subject
  const { upstream } = server
  const tools = [{ type: 'function' as const, name: 'look', parameters: {}, strict: null }]

  test('a trigger is answered with a summary that only the server can read, and the conversation goes on from it', async () => {
    upstream.enqueue({ text: 'The parrot is called Polly.', thinking: 2 })
    const response = await ask(client, { input: [...compacted, trigger], tools })
    const item = compactionOf(response)
    assert.equal(response.status, 'completed')
    assert.equal(upstream.requests.length, 1)
    assert.deepEqual(systemOf(sent(upstream)), ['Speak like a pirate.'])
    assert.deepEqual(toolNames(sent(upstream)), [])
    const [question, answer, instruction] = conversationOf(sent(upstream))
    assert.match(JSON.stringify(question), /Name the parrot/)
    assert.deepEqual(answer, { role: 'assistant', content: ['Its name is Polly.'] })
    assert.match(JSON.stringify(instruction), /will be replaced by a summary/)
    assert.doesNotMatch(item.encrypted_content, /Polly/)
    assert.ok(!Buffer.from(item.encrypted_content, 'base64url').includes('Polly'))

    await ask(client, { input: [item, fromUser('What is it called?')] })
    const texts = textsOf(subject)
    assert.match(
      texts,
      /<conversation-summary>\\nThe parrot is called Polly\.\\n<\/conversation-summary>.*What is it called/,
    )
    assert.doesNotMatch(texts, /Name the parrot/)
  })

  test('a streamed compaction is the same item when it is read again', async () => {
    upstream.enqueue({ text: 'Streamed summary.', tokens: 3 })
    const response = endOf(await askForEvents(client, { input: [...compacted, trigger] }))
    assert.deepEqual(compactionOf(response), compactionOf(await client.responses.retrieve(response.id)))
  })

  test('a response that continues from a compaction sees the summary, instructions and what the user wrote', async () => {
    upstream.enqueue({ text: 'A long answer.' })
    const first = await ask(client, { input: compacted.slice(0, 2) })
    upstream.enqueue({ text: 'In short.' })
    const { id } = await ask(client, { input: [trigger], previous_response_id: first.id })
    assert.match(textsOf(subject), /A long answer.*will be replaced by a summary/)
    await ask(client, { input: 'And now?', previous_response_id: id })
    assert.deepEqual(systemOf(sent(upstream)), ['Speak like a pirate.'])
    assert.match(textsOf(subject), /Name the parrot.*In short.*And now/)
    assert.doesNotMatch(textsOf(subject), /A long answer/)
  })

  test('a conversation is compacted by a request of its own', async () => {
    upstream.enqueue({ text: 'Polly is a parrot.' })
    const result = await client.responses.compact({ model: 'sonnet', input: [...compacted], instructions: 'Be brief.' })
    assert.equal(result.object, 'response.compaction')
    assert.deepEqual(systemOf(sent(upstream)), ['Be brief.\n\nSpeak like a pirate.'])
    assert.ok(result.usage.total_tokens > 0)
    const last = result.output.at(-1)
    assert.ok(last?.type === 'compaction')
    const roles = result.output.slice(0, -1).map((item) => (item.type === 'message' ? String(item.role) : item.type))
    assert.deepEqual(roles, ['developer', 'user'])
    await ask(client, { input: [...(result.output as InputItem[]), fromUser('On.')] })
    assert.match(textsOf(subject), /Name the parrot.*Polly is a parrot.*On\./)
    assert.doesNotMatch(textsOf(subject), /Its name is Polly/)
  })

  test('a summary of another server, or one that was changed, is refused by name', async () => {
    upstream.enqueue({ text: 'A summary.' })
    const item = compactionOf(await ask(client, { input: [...compacted, trigger] }))
    const { encrypted_content: sealed } = item
    const flipped = `${sealed.slice(0, -2)}${sealed.at(-2) === 'A' ? 'B' : 'A'}${sealed.at(-1)}`
    for (const encrypted_content of ['gAAAAABabc', 'css1.', flipped, sealed.slice(0, 30)]) {
      const input: InputItem[] = [fromUser('hi'), { type: 'compaction', encrypted_content }, fromUser('ho')]
      const error = await failureOf(client.responses.create({ model: 'sonnet', input }), OpenAI.BadRequestError)
      assert.equal(error.param, 'input[1].encrypted_content')
    }
    assert.equal(upstream.requests.length, 1)
  })

  test('a compaction without a conversation, a model or a whole summary fails', async () => {
    const compact = (body: object) => client.post('/responses/compact', { body })
    const failure = (body: object) => failureOf(compact(body) as Promise<unknown>, OpenAI.BadRequestError)
    assert.equal((await failure({ input: 'hi' })).param, 'model')
    assert.equal((await failure({ model: 'sonnet' })).param, 'input')
    assert.equal((await failure({ model: 'sonnet', input: [] })).param, 'input')
    const misplaced = client.responses.create({ model: 'sonnet', input: [trigger, fromUser('hi')] })
    assert.equal((await failureOf(misplaced, OpenAI.BadRequestError)).param, 'input[0]')
    assert.equal(upstream.requests.length, 0)
    upstream.enqueue({ text: 'Cut', stop_reason: 'max_tokens' })
    await assert.rejects(
      client.responses.create({ model: 'sonnet', input: [...compacted, trigger] }, { maxRetries: 0 }),
      {
        status: 500,
      },
    )
  })
}
