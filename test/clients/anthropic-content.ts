// Cases of the Anthropic suite: images, documents and search results, in messages and in tool results.
import assert from 'node:assert/strict'
import type { Anthropic } from '@anthropic-ai/sdk'
import { extendedTest, test } from '../helpers/extended.ts'
import {
  ask,
  askWithIgnored,
  errorOf,
  fromAssistant,
  fromUser,
  type MessageParam,
  model,
  weatherTool,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { assistant, conversationOf, sent, user } from './sent.ts'

type Block = Anthropic.ContentBlockParam

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n').toString('base64')

const image: Anthropic.ImageBlockParam = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: png },
}
const pdfSource: Anthropic.Base64PDFSource = { type: 'base64', media_type: 'application/pdf', data: pdf }
const textSource: Anthropic.PlainTextSource = { type: 'text', media_type: 'text/plain', data: 'Sales were fine.' }
const text = (content: string): Anthropic.TextBlockParam => ({ type: 'text', text: content })

export function testContent({ client, server, Anthropic }: Subject): void {
  const { upstream } = server
  const conversationAfter = async (...content: Block[]) => {
    await ask(client, { messages: [fromUser(content)] })
    return conversationOf(sent(upstream))
  }

  test('an image arrives byte for byte, in its position', async () => {
    assert.deepEqual(await conversationAfter(text('before'), image, text('after')), [
      user('before', { ...image }, 'after'),
    ])
  })

  extendedTest('a PDF arrives byte for byte, with its title', async () => {
    const document = { type: 'document', source: pdfSource, title: 'report.pdf' } as const
    assert.deepEqual(await conversationAfter(document, text('What does it say?')), [
      user(document, 'What does it say?'),
    ])
  })

  extendedTest('a text document arrives as a document', async () => {
    const document = { type: 'document', source: textSource, title: 'Report', context: 'Of last year.' } as const
    assert.deepEqual(await conversationAfter(document, text('Well?')), [user(document, 'Well?')])
  })

  test('a document of blocks arrives as its text and its images', async () => {
    const content = [text('Sales were fine.'), image, text('See above.')]
    const document: Block = { type: 'document', source: { type: 'content', content }, title: 'Report' }
    const data = 'Sales were fine.\n\nSee above.'
    const wanted = { type: 'document', source: { ...textSource, data }, title: 'Report' }
    assert.deepEqual(await conversationAfter(document, text('Well?')), [user(wanted, { ...image }, 'Well?')])
  })

  test('a search result arrives as text, with its title and source', async () => {
    const found: Block = {
      type: 'search_result',
      source: 'https://example.com/a',
      title: 'Rome',
      content: [text('Rome is a city.')],
      citations: { enabled: true },
    }
    const [message] = await conversationAfter(found, text('Where is it?'))
    assert.match(String(message?.content[0]), /Rome.*https:\/\/example\.com\/a[\s\S]*Rome is a city\./)
    assert.equal(message?.content.at(-1), 'Where is it?')
  })

  extendedTest('an image of an earlier turn keeps its position', async () => {
    const messages = [fromUser([image, text('What is it?')]), fromAssistant('A dot.'), fromUser('Of which color?')]
    await ask(client, { messages })
    const wanted = [user({ ...image }, 'What is it?'), assistant('A dot.'), user('Of which color?')]
    assert.deepEqual(conversationOf(sent(upstream)), wanted)
  })

  test('images, documents and search results can be in a tool result', async () => {
    const document = { type: 'document', source: pdfSource } as const
    const found = { type: 'search_result', source: 'a.md', title: 'A', content: [text('It rains.')] } as const
    const content = [text('Look:'), image, document, { ...found, content: [...found.content] }]
    const messages: MessageParam[] = [
      fromUser('How is it?'),
      fromAssistant([{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Rome' } }]),
      fromUser([{ type: 'tool_result', tool_use_id: 'toolu_1', content }]),
    ]
    await ask(client, { tools: [weatherTool], messages })
    const [result] = conversationOf(sent(upstream)).at(-1)?.content ?? []
    assert.ok(typeof result === 'object')
    const [first, second, third, fourth] = result.content as { text?: string }[]
    assert.deepEqual([first, second], [text('Look:'), image])
    const { title: _, ...withoutTitle } = { title: null, ...third }
    assert.deepEqual(withoutTitle, document)
    assert.match(String(fourth?.text), /A.*a\.md[\s\S]*It rains\./)
  })

  const urlImage = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }
  const fileImage = { type: 'image', source: { type: 'file', file_id: 'file_1' } }
  const urlDocument = { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }
  const brokenImage = { type: 'image', source: { ...image.source, data: '%%%' } }
  for (const [what, block, message] of [
    ['an image by URL', urlImage, /messages\[0\]\.content\[0\]\.source.*base64/],
    ['a document by URL', urlDocument, /messages\[0\]\.content\[0\]\.source.*base64/],
    ['an uploaded file', fileImage, /messages\[0\]\.content\[0\]\.source.*base64/],
    ['an image that is not base64', brokenImage, /messages\[0\]\.content\[0\]\.source\.data/],
    ['a block of an unknown type', { type: 'video' }, /messages\[0\]\.content\[0\]/],
    ['a call in a user message', { type: 'tool_use', id: 'a', name: 'b', input: {} }, /content\[0\]\.type/],
  ] as const) {
    test(`${what} is refused, and the error names the field`, async () => {
      const answer = ask(client, { messages: [fromUser([block as Block])] })
      const error = await errorOf(answer, Anthropic.BadRequestError)
      assert.match(error.message, message)
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('blocks of server tools reach the model as text and are reported as ignored', async () => {
    const call = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'Rome' } } as const
    const messages = [fromUser('Where?'), fromAssistant([call, text('In Italy.')]), fromUser('Thanks.')]
    const { ignored } = await askWithIgnored(client, { messages })
    assert.equal(ignored, 'messages[1].content[0]')
    const answer = conversationOf(sent(upstream))[1]
    assert.match(String(answer?.content[0]), /web_search.*Rome/)
    assert.equal(answer?.content.at(-1), 'In Italy.')
  })

  const inAnswer = [
    fromUser('Well?'),
    fromAssistant([{ type: 'document', source: textSource } as Block]),
    fromUser('So?'),
  ]
  const cited = fromUser([{ ...text('hi'), citations: [{ type: 'char_location' }] } as unknown as Block])

  test('the older version of the API accepts a document in an answer and citations in a user message', async () => {
    const options = { headers: { 'anthropic-version': '2023-06-01' } }
    await ask(client, { messages: inAnswer }, options)
    assert.deepEqual(conversationOf(sent(upstream)), [user('Well?'), assistant('Sales were fine.'), user('So?')])
    await ask(client, { messages: [cited] }, options)
    assert.deepEqual(conversationOf(sent(upstream)), [user('hi')])
  })

  for (const [what, messages, field] of [
    ['a document in an answer', inAnswer, /messages\[1\]\.content\[0\]/],
    ['citations in a user message', [cited], /messages\[0\]\.content\[0\]\.citations/],
  ] as const) {
    test(`the newer version of the API refuses ${what}`, async () => {
      const options = { headers: { 'anthropic-version': '2026-10-21' } }
      const answer = client.messages.create({ model, max_tokens: 10, messages: [...messages] }, options)
      assert.match((await errorOf(answer, Anthropic.BadRequestError)).message, field)
      assert.equal(upstream.requests.length, 0)
    })
  }
}
