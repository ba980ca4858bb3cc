// Cases of the Anthropic suite: answers that follow a JSON schema.
import assert from 'node:assert/strict'
import { z } from 'zod'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  deltasOf,
  endOf,
  errorOf,
  fromUser,
  model,
  readEvents,
  textOf,
  textOfEvents,
  toHistory,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const prompt = `Which city? ${step({ tool: 'StructuredOutput', input: rome })}`

export function testFormats({ client, server, zodOutputFormat, Anthropic, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test, testIf } = testsIf(!isFormer)
  const { upstream } = server
  // The same schema for all: another one would need a process of its own.
  const { schema } = zodOutputFormat(City)
  const format = { type: 'json_schema', schema }
  const messages = [fromUser(prompt)]

  for (const [name, fields] of [
    ['output_config.format', { output_config: { format } }],
    ['output_format', { output_format: format }],
  ] as const) {
    testIf(name === 'output_config.format')(`${name} applies to whole and streamed answers`, async () => {
      const message = await ask(client, { ...fields, messages })
      assert.deepEqual([message.content.length, message.stop_reason], [1, 'end_turn'])
      assert.deepEqual(JSON.parse(textOf(message)), rome)
      const events = await readEvents(client, { ...fields, messages })
      assert.deepEqual(JSON.parse(textOfEvents(events)), rome)
      assert.ok(deltasOf(events).every(({ type }) => type === 'text_delta'))
      assert.equal(endOf(events).delta.stop_reason, 'end_turn')
    })
  }

  extendedTest('a schema may name its version', async () => {
    const $schema = 'http://json-schema.org/draft-07/schema#'
    const output_config = { format: { ...format, schema: { $schema, ...schema } } }
    assert.deepEqual(JSON.parse(textOf(await ask(client, { output_config, messages }))), rome)
  })

  clientTest('the parse helper gets an object that matches its schema', async () => {
    const output_config = { format: zodOutputFormat(City) }
    const message = await client.messages.parse({ model, max_tokens: 1024, messages, output_config })
    assert.deepEqual(message.parsed_output, rome)
  })

  clientTest('the stream helper gets an object that matches its schema', async () => {
    const output_config = { format: zodOutputFormat(City) }
    const message = await client.messages.stream({ model, max_tokens: 1024, messages, output_config }).finalMessage()
    assert.deepEqual(message.parsed_output, rome)
  })

  extendedTest('an answer that never matches the schema is an error', async () => {
    const answer = ask(client, { output_config: { format }, messages: [fromUser('only words')] })
    const error = await errorOf(answer, Anthropic.InternalServerError)
    assert.deepEqual([error.status, error.headers?.get('x-should-retry')], [500, 'false'])
  })

  test('an invalid schema is refused, and the error names the field', async () => {
    const broken = { type: 'json_schema', schema: { type: 'strnig' } }
    const answer = ask(client, { output_config: { format: broken }, messages })
    assert.match((await errorOf(answer, Anthropic.BadRequestError)).message, /output_config\.format\.schema/)
    assert.equal(upstream.requests.length, 0)
  })

  extendedTest('a conversation continues after an answer with a schema', async () => {
    const first = await ask(client, { output_config: { format }, messages })
    await ask(client, { messages: [...messages, toHistory(first), fromUser('And then?')] })
    const wanted = [user(prompt), assistant(JSON.stringify(rome)), user('And then?')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  extendedTest('a tool may be called before the answer with a schema', async () => {
    const call = step({ tool: 'get_weather', input: { city: 'Rome' } })
    const params = { output_config: { format }, tools: [weatherTool] }
    const message = await ask(client, { ...params, messages: [fromUser(call)] })
    assert.equal(message.stop_reason, 'tool_use')
  })
}
