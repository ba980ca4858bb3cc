// Cases of the Responses API: a text answer, whole and streamed; the input of the request and the fields of the
// response.
import assert from 'node:assert/strict'
import { zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  ask,
  askForEvents,
  askWithIgnored,
  checkEvents,
  checkResponse,
  endOf,
  fromUser,
  type InputItem,
  model,
  openStream,
  type Params,
  readEvents,
  readUntilError,
  type Subject,
  textOf,
  typesOf,
} from './openai-response-calls.ts'
import { conversationOf, sent, systemOf, user } from './sent.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')

const base64 = (type: string, media_type: string, data: string) => ({
  type,
  source: { type: 'base64', media_type, data },
})

const usage = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 5, cache_creation_input_tokens: 2 }
const reportedUsage = {
  input_tokens: 19,
  input_tokens_details: { cached_tokens: 5, cache_write_tokens: 2 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 22,
}
const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const answerRome = step({ tool: 'StructuredOutput', input: rome })
const instruction = (content: string) => `<system-message>\n${content}\n</system-message>`

export function testText({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { responses } = client

  test('a text is returned whole, with its id and its usage', async () => {
    const response = await ask(client, { input: step({ text: 'one two three', tokens: 3, usage }) })
    assert.equal(response.output_text, 'one two three')
    assert.deepEqual([response.status, response.error, response.incomplete_details], ['completed', null, null])
    assert.deepEqual(response.usage, reportedUsage)
    assert.match(response.model, /sonnet/)
    const [message, ...others] = response.output
    assert.deepEqual(others, [])
    assert.deepEqual(message, {
      type: 'message',
      id: message?.id,
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'one two three', annotations: [], logprobs: [] }],
    })
    assert.match(String(message?.id), /^msg_/)
    assert.ok(Number(response.completed_at) >= response.created_at)
    assert.equal(upstream.requests.length, 1)
  })

  test('a text is streamed event by event', async () => {
    const events = await askForEvents(client, { input: step({ text: 'one two three', tokens: 3, usage }) })
    const deltas = ['response.output_text.delta', 'response.output_text.delta', 'response.output_text.delta']
    assert.deepEqual(typesOf(events), [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      ...deltas,
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    const [created] = events
    assert.ok(created?.type === 'response.created')
    assert.deepEqual(
      [created.response.status, created.response.output, created.response.usage],
      ['in_progress', [], null],
    )
    const response = endOf(events)
    assert.deepEqual([response.status, response.usage], ['completed', reportedUsage])
  })

  extendedTest('the stream helper assembles the response, and retrieving it returns the same', async () => {
    const stream = responses.stream({ model, input: step({ text: 'one two three four', tokens: 4, thinking: 2 }) })
    const words: string[] = []
    const snapshots: string[] = []
    stream.on('response.output_text.delta', ({ delta, snapshot }) => {
      words.push(delta)
      snapshots.push(snapshot)
    })
    const response = await stream.finalResponse()
    assert.equal(words.length, 4)
    assert.deepEqual([words.join(''), snapshots.at(-1)], ['one two three four', 'one two three four'])
    assert.equal(response.output_text, 'one two three four')
    const found = await responses.retrieve(response.id)
    checkResponse(found)
    assert.deepEqual([found.status, found.output_text], ['completed', response.output_text])
    assert.deepEqual([typesOf(found.output), found.output[0]?.id], [typesOf(response.output), response.output[0]?.id])
    assert.deepEqual(found.usage, response.usage)
  })

  test('a response repeats the fields of its request', async () => {
    const params = {
      instructions: 'You are a pirate.',
      metadata: { color: 'red', size: '' },
      max_output_tokens: 500,
      reasoning: { effort: 'low' as const, summary: 'concise' as const },
      text: { format: { type: 'text' as const }, verbosity: 'low' as const },
      parallel_tool_calls: false,
      temperature: 0.3,
      top_p: 0.5,
      safety_identifier: 'somebody',
      prompt_cache_key: 'key',
    }
    const { response, ignored } = await askWithIgnored(client, { ...params, input: 'hi' })
    for (const [field, value] of Object.entries(params)) {
      assert.deepEqual(response[field as keyof typeof params], value, field)
    }
    assert.deepEqual([response.store, response.background, response.previous_response_id], [true, false, null])
    assert.deepEqual([response.tools, response.tool_choice], [[], 'auto'])
    assert.deepEqual(ignored?.split(', ').sort(), ['temperature', 'text.verbosity', 'top_p'])
  })

  extendedTest('a request with every field at its default is like one without them', async () => {
    const { response, ignored } = await askWithIgnored(client, {
      input: 'hi',
      instructions: null,
      previous_response_id: null,
      store: true,
      background: false,
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      text: {},
      reasoning: {},
      include: [],
      max_output_tokens: null,
      metadata: {},
      temperature: 1,
      top_p: 1,
      truncation: 'disabled',
      service_tier: 'auto',
      prompt: null,
      conversation: null,
    })
    assert.equal(ignored, null)
    assert.equal(response.status, 'completed')
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
    assert.deepEqual(systemOf(sent(upstream)), [])
  })

  for (const [what, input] of [
    ['a text', 'Who am I?'],
    ['a message without a type', [{ role: 'user', content: 'Who am I?' }]],
    ['a message with one', [{ type: 'message', role: 'user', content: 'Who am I?' }]],
    ['a message of parts', [{ role: 'user', content: [{ type: 'input_text', text: 'Who am I?' }] }]],
  ] satisfies [string, Params['input']][]) {
    testIf(what === 'a message of parts')(
      `instructions and ${what} reach the model as system prompt and prompt`,
      async () => {
        await ask(client, { instructions: 'You are a pirate.', input })
        assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.'])
        assert.deepEqual(conversationOf(sent(upstream)), [user('Who am I?')])
      },
    )
  }

  extendedTest('developer messages are instructions at their position', async () => {
    const input: InputItem[] = [
      { role: 'developer', content: 'You are old.' },
      { role: 'system', content: [{ type: 'input_text', text: 'You limp.' }] },
      fromUser('one'),
      { role: 'assistant', content: 'Aye.' },
      { role: 'developer', content: 'Be brief.' },
      fromUser('two'),
    ]
    await ask(client, { instructions: 'You are a pirate.', input })
    assert.deepEqual(systemOf(sent(upstream)), ['You are a pirate.\n\nYou are old.\n\nYou limp.'])
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('one'),
      { role: 'assistant', content: ['Aye.'] },
      user(instruction('Be brief.'), 'two'),
    ])
  })

  test('images and documents reach the model byte for byte, in the same positions', async () => {
    const input: InputItem[] = [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'before' },
          { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'low' },
          { type: 'input_file', filename: 'report.pdf', file_data: `data:application/pdf;base64,${pdf}` },
          { type: 'input_text', text: 'after' },
        ],
      },
    ]
    await ask(client, { input })
    const document = { ...base64('document', 'application/pdf', pdf), title: 'report.pdf' }
    assert.deepEqual(conversationOf(sent(upstream)), [
      user('before', base64('image', 'image/png', png), document, 'after'),
    ])
  })

  extendedTest('an image that a tool returned reaches the model as its result', async () => {
    const image = { type: 'input_image' as const, image_url: `data:image/png;base64,${png}`, detail: 'auto' as const }
    const input: InputItem[] = [
      fromUser('Look.'),
      { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: [{ type: 'input_text', text: 'seen:' }, image] },
    ]
    await ask(client, { input })
    const content = [{ type: 'text', text: 'seen:' }, base64('image', 'image/png', png)]
    assert.deepEqual(
      conversationOf(sent(upstream)).at(-1),
      user({ type: 'tool_result', tool_use_id: 'call_1', content }),
    )
  })

  for (const [what, part, param] of [
    ['an image by URL', { type: 'input_image', image_url: 'https://a.b/c.png', detail: 'auto' }, 'image_url'],
    ['a stored image', { type: 'input_image', file_id: 'file-1', detail: 'auto' }, 'image_url'],
    ['a stored file', { type: 'input_file', file_id: 'file-1' }, 'file_id'],
    ['a file by URL', { type: 'input_file', file_url: 'https://a.b/c.pdf' }, 'file_data'],
  ] as const) {
    test(`${what} is refused, naming the field`, async () => {
      const answer = ask(client, { input: [{ role: 'user', content: [{ type: 'input_text', text: 'See:' }, part] }] })
      const error = await failureOf(answer, OpenAI.BadRequestError)
      assert.equal(error.param, `input[0].content[1].${param}`)
      assert.equal(upstream.requests.length, 0)
    })
  }

  const thinking = step({ text: 'Hm.', tokens: 1, thinking: 2 })
  const shown = { type: 'summary_text', text: 'think0 think1 ' } as const

  for (const [what, params, types, summary] of [
    ['not shown unless it is requested', {}, ['message'], []],
    ['not shown for an effort alone', { reasoning: { effort: 'high' } }, ['message'], []],
    ['shown if a summary is requested', { reasoning: { summary: 'auto' } }, ['reasoning', 'message'], [shown]],
    ['encrypted and not shown', { include: ['reasoning.encrypted_content'] }, ['reasoning', 'message'], []],
    [
      'shown and encrypted',
      { reasoning: { summary: 'detailed' }, include: ['reasoning.encrypted_content'] },
      ['reasoning', 'message'],
      [shown],
    ],
  ] satisfies [string, Params, string[], object[]][]) {
    testIf(what === 'shown and encrypted')(`thinking is ${what}`, async () => {
      const response = await ask(client, { ...params, input: thinking })
      const events = await askForEvents(client, { ...params, input: thinking })
      const isEncrypted = 'include' in params
      for (const { output } of [response, endOf(events)]) {
        assert.deepEqual(typesOf(output), types)
        const [first] = output
        if (first?.type !== 'reasoning') continue
        assert.deepEqual(first.summary, summary)
        assert.equal(typeof first.encrypted_content, isEncrypted ? 'string' : 'undefined')
      }
      const deltas = events.filter(({ type }) => type === 'response.reasoning_summary_text.delta')
      assert.equal(deltas.length, summary.length * 2)
    })
  }

  extendedTest('the events of thinking come before those of the text', async () => {
    const events = await askForEvents(client, { reasoning: { summary: 'auto' }, input: thinking })
    assert.deepEqual(typesOf(events).slice(2, 11), [
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
    ])
  })

  test('a limit leaves a response incomplete', async () => {
    const params = { max_output_tokens: 2, input: step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' }) }
    const whole = await ask(client, params)
    const events = await askForEvents(client, params)
    assert.equal(events.at(-1)?.type, 'response.incomplete')
    for (const response of [whole, endOf(events)]) {
      assert.deepEqual([response.status, response.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }])
      assert.deepEqual([response.completed_at, response.usage?.output_tokens], [null, 2])
      const [message] = response.output
      assert.ok(message?.type === 'message')
      assert.deepEqual([message.status, typesOf(message.content)], ['incomplete', ['output_text']])
    }
    assert.equal(whole.output_text, 'one two')
    assert.equal((await responses.retrieve(whole.id)).status, 'incomplete')
    assert.equal(sent(upstream).max_tokens, 2)
  })

  extendedTest('a refusal of the model is a refusal', async () => {
    const input = step({ text: '', tokens: 0, stop_reason: 'refusal' })
    const { output } = await ask(client, { input })
    const events = await askForEvents(client, { input })
    for (const [message] of [output, endOf(events).output]) {
      assert.ok(message?.type === 'message')
      assert.deepEqual(typesOf(message.content), ['refusal'])
    }
  })

  test('an answer in a requested format is parsed by the client', async () => {
    const format = zodTextFormat(City, 'city')
    const parsed = await responses.parse({ model, input: `Which? ${answerRome}`, text: { format } })
    assert.deepEqual(parsed.output_parsed, rome)
    const stream = responses.stream({ model, input: `Which? ${answerRome}`, text: { format } })
    assert.deepEqual((await stream.finalResponse()).output_parsed, rome)
  })

  extendedTest(
    'an answer in a requested format is one text in a stream, and the response repeats the format',
    async () => {
      const { schema } = zodTextFormat(City, 'city')
      const format = { type: 'json_schema' as const, name: 'city', schema, strict: true }
      const events = await askForEvents(client, { input: `Which? ${answerRome}`, text: { format } })
      const response = endOf(events)
      assert.deepEqual(response.text?.format, { ...format, description: null })
      assert.deepEqual(typesOf(response.output), ['message'])
      const texts = events.flatMap((event) => (event.type === 'response.output_text.done' ? event.text : []))
      assert.deepEqual(
        texts.map((text) => JSON.parse(text)),
        [rome],
      )
    },
  )

  extendedTest('a JSON object is returned without the text around it', async () => {
    const text = 'Sure:\n```json\n{"city":"Rome"}\n```\nThere.'
    const params = { input: step({ text }), text: { format: { type: 'json_object' as const } } }
    assert.equal((await ask(client, params)).output_text, '{"city":"Rome"}')
    const [message] = endOf(await askForEvents(client, params)).output
    assert.ok(message?.type === 'message' && message.content[0]?.type === 'output_text')
    assert.equal(message.content[0].text, '{"city":"Rome"}')
  })

  test('an invalid schema is refused, naming the field', async () => {
    const format = { type: 'json_schema' as const, name: 'x', schema: { type: 'strnig' } }
    const error = await failureOf(ask(client, { input: 'hi', text: { format } }), OpenAI.BadRequestError)
    assert.equal(error.param, 'text.format.schema')
  })

  test('the tokens of a request are counted without a request to the model', async () => {
    const count = (input: string, instructions?: string) =>
      responses.inputTokens.count({ model, input, ...(instructions ? { instructions } : {}) })
    const [short, long, instructed] = [await count('hi'), await count('hi '.repeat(500)), await count('hi', 'Be kind.')]
    assert.deepEqual(Object.keys(short).sort(), ['input_tokens', 'object'])
    assert.equal(short.object, 'response.input_tokens')
    assert.ok(short.input_tokens > 0)
    assert.ok(long.input_tokens > short.input_tokens)
    assert.ok(instructed.input_tokens > short.input_tokens)
    assert.equal(upstream.requests.length, 0)
  })

  extendedTest('a client that disconnects stops the model', async () => {
    const stream = await openStream(client, { input: step({ tokens: 1000, gap: 20 }) })
    let id = ''
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id
      if (event.type === 'response.output_text.delta') break
    }
    await upstream.waitForAbort()
    const { error } = await readUntilError(await responses.retrieve(id, { stream: true }))
    assert.ok(error instanceof OpenAI.APIError)
    assert.equal((await responses.retrieve(id)).status, 'cancelled')
  })

  const command = { command: 'echo hello', description: 'says hello' }

  extendedTest('an agent model answers with its final text', async () => {
    const prompt = `${step({ text: 'I will look.', tool: 'Bash', input: command })}${step({ text: 'Done.', tokens: 2 })}`
    const { response, ignored } = await askWithIgnored(client, {
      model: 'agent/sonnet',
      input: prompt,
      instructions: 'You are a pirate.',
      max_output_tokens: 50,
    })
    assert.equal(response.output_text, 'Done.')
    assert.match(response.model, /^agent\/.*sonnet/)
    assert.equal(ignored, 'max_output_tokens')
    assert.match(systemOf(sent(upstream)).join('\n'), /You are a pirate\./)
    const next = await ask(client, { model: 'agent/sonnet', input: 'And?', previous_response_id: response.id })
    assert.equal(next.status, 'completed')
    assert.match(JSON.stringify(conversationOf(sent(upstream))), /Done\..*And\?/)
  })

  extendedTest(
    'the stream of an agent model is stored as it was sent, without breaks between its messages',
    async () => {
      const prompt = `${step({ text: 'I will look.', tool: 'Bash', input: command })}${step({ text: 'Done.', thinking: 1 })}`
      const params = { model: 'agent/sonnet', input: prompt, reasoning: { summary: 'auto' as const } }
      const { id, output } = endOf(await askForEvents(client, params))
      const stored = await responses.retrieve(id)
      const replayed = await readEvents(await responses.retrieve(id, { stream: true }))
      checkEvents(replayed)
      const texts = [output, stored.output, endOf(replayed).output].map((items) => items.map(textOf))
      assert.deepEqual(texts, Array(3).fill(['I will look.', 'think0 ', 'Done.']))
      assert.deepEqual([stored.output, endOf(replayed).output], [output, output])
    },
  )
}
