// Cases of the OpenAI suite: images, documents, and answers in a requested format.
import assert from 'node:assert/strict'
import type { OpenAI } from 'openai'
import { z } from 'zod'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  choiceOf,
  contentOf,
  failureOf,
  finishOf,
  fromUser,
  type Message,
  model,
  readAll,
  type Subject,
  textOfChunks,
} from './openai-calls.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

type Part = OpenAI.ChatCompletionContentPart

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')

const base64 = (type: string, media_type: string, data: string) => ({
  type,
  source: { type: 'base64', media_type, data },
})

const text = (content: string): Part => ({ type: 'text', text: content })
const image: Part = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } }
const file: Part = {
  type: 'file',
  file: { filename: 'report.pdf', file_data: `data:application/pdf;base64,${pdf}` },
}

const City = z.object({ city: z.string(), population: z.number() })
const rome = { city: 'Rome', population: 2_800_000 }
const answerRome = step({ tool: 'StructuredOutput', input: rome })

export function testContent({ client, server, OpenAI, zodResponseFormat }: Subject): void {
  const { upstream } = server
  const { completions } = client.chat

  test('an image arrives byte for byte, in the same position', async () => {
    const content = [text('before'), image, text('after')]
    await completions.create({ model, messages: [{ role: 'user', content }] })
    const wanted = user('before', base64('image', 'image/png', png), 'after')
    assert.deepEqual(conversationOf(sent(upstream)), [wanted])
  })

  extendedTest('a PDF arrives byte for byte, with its name', async () => {
    const content = [file, text('What does it say?')]
    await completions.create({ model, messages: [{ role: 'user', content }] })
    const document = { ...base64('document', 'application/pdf', pdf), title: 'report.pdf' }
    assert.deepEqual(conversationOf(sent(upstream)), [user(document, 'What does it say?')])
  })

  extendedTest('an image of an earlier turn stays in its turn', async () => {
    const messages: Message[] = [
      { role: 'user', content: [image, text('What is it?')] },
      { role: 'assistant', content: 'A dot.' },
      fromUser('Of which color?'),
    ]
    await completions.create({ model, messages })
    assert.deepEqual(conversationOf(sent(upstream)), [
      user(base64('image', 'image/png', png), 'What is it?'),
      assistant('A dot.'),
      user('Of which color?'),
    ])
  })

  for (const [what, part] of [
    ['an invalid image', { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
    ['a URL of another scheme', { type: 'image_url', image_url: { url: 'file:///etc/passwd' } }],
    ['a file that is stored elsewhere', { type: 'file', file: { file_id: 'file-1' } }],
    ['audio', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }],
  ] satisfies [string, Part][]) {
    test(`${what} is refused, naming the field`, async () => {
      const messages: Message[] = [{ role: 'user', content: [text('look'), part] }]
      const error = await failureOf(completions.create({ model, messages }), OpenAI.BadRequestError)
      assert.match(String(error.param), /^messages[.[]0\]?\.content[.[]1/)
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('the parse helper returns an object that fits its schema', async () => {
    const completion = await completions.parse({
      model,
      messages: [fromUser(`Which city? ${answerRome}`)],
      response_format: zodResponseFormat(City, 'city'),
    })
    const { message, finish_reason } = choiceOf(completion)
    assert.equal(finish_reason, 'stop')
    assert.equal(message.tool_calls, undefined)
    assert.deepEqual(message.content, JSON.stringify(rome))
    assert.deepEqual(completion.choices[0]?.message.parsed, rome)
  })

  extendedTest('a schema is honored in a stream', async () => {
    const messages = [fromUser(`Which city? ${answerRome}`)]
    const response_format = zodResponseFormat(City, 'city')
    const chunks = await readAll(await completions.create({ model, messages, response_format, stream: true }))
    assert.deepEqual(JSON.parse(textOfChunks(chunks)), rome)
    assert.deepEqual(finishOf(chunks), ['stop'])
    assert.deepEqual(
      chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []),
      [],
    )
  })

  extendedTest('an answer that never fits the schema is an error', async () => {
    const response_format = zodResponseFormat(City, 'city')
    const answer = completions.create({ model, messages: [fromUser('only words')], response_format })
    const error = await failureOf(answer, OpenAI.InternalServerError)
    assert.equal(error.type, 'server_error')
  })

  extendedTest('a conversation continues after an answer in a requested format', async () => {
    const prompt = `Which city? ${answerRome}`
    const response_format = zodResponseFormat(City, 'city')
    const first = await completions.create({ model, messages: [fromUser(prompt)], response_format })
    const messages = [fromUser(prompt), choiceOf(first).message, fromUser('And then?')]
    await completions.create({ model, messages })
    const wanted = [user(prompt), assistant(JSON.stringify(rome)), user('And then?')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  for (const [kind, answer] of [
    ['plain', '{"city":"Rome"}'],
    ['fenced', '```json\n{"city":"Rome"}\n```'],
    ['with text around it', 'Here it is:\n\n```json\n{"city":"Rome"}\n```\n\nAnything else?'],
  ] as const) {
    testIf(kind === 'with text around it')(
      `json_object returns only the object, which the model wrote ${kind}`,
      async () => {
        const messages = [fromUser(`Answer in JSON. ${step({ text: answer, tokens: 4 })}`)]
        const response_format = { type: 'json_object' } as const
        const completion = await completions.create({ model, messages, response_format })
        assert.deepEqual(JSON.parse(contentOf(completion) ?? ''), { city: 'Rome' })
        const chunks = await readAll(await completions.create({ model, messages, response_format, stream: true }))
        assert.deepEqual(JSON.parse(textOfChunks(chunks)), { city: 'Rome' })
      },
    )
  }
}
