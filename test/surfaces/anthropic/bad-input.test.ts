// Invalid messages requests: each gets a 400 in Anthropic's format whose message names the field, the problem and the
// fix. No run starts.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createRuns } from '../../../src/core/run-registry.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { ErrorBody } from '../../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import { batchOptions } from '../../helpers/batch-options.ts'
import { createInjectApp } from '../../helpers/inject-app.ts'
import { ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { assertFits, undeclaredIn } from '../../helpers/sdk-schemas.ts'

const agent = new ScriptedAgent()
const { inject } = await createInjectApp(
  { after },
  {
    agent,
    prepare: (app) => {
      void app.register(async (scope) =>
        registerAnthropic(scope, {
          ...batchOptions(),
          runs: createRuns({ agent, store: openMemoryStore() }),
          models: async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }],
          modelMap: {},
          requestTimeoutMs: 300_000,
          countTokens: () => 1,
        }),
      )
    },
  },
)

const headers = { host: 'localhost:5005', 'content-type': 'application/json' }
const older = { 'anthropic-version': '2023-06-01' }
const newer = { 'anthropic-version': '2026-10-21' }

/** Sends an invalid request, checks what all refusals have in common, and returns the message. */
async function refusal(payload: object | string, more: Record<string, string> = older, url = '/v1/messages') {
  const before = agent.requests.length
  const answer = await inject({ method: 'POST', url, headers: { ...headers, ...more }, payload })
  assert.equal(agent.requests.length, before, 'a run started')
  assert.equal(answer.statusCode, 400, answer.body)
  const body = ErrorBody.parse(answer.json())
  assertFits('anthropic', 'ErrorResponse', body)
  assert.deepEqual(undeclaredIn('anthropic', 'ErrorResponse', body), [])
  assert.equal(body.error.type, 'invalid_request_error')
  assert.equal(body.request_id, answer.headers['request-id'])
  assert.equal(answer.headers['x-should-retry'], undefined)
  return body.error.message
}

const user = { role: 'user', content: 'hi' }
const hello = { model: 'sonnet', max_tokens: 5, messages: [user] }
const text = (value: unknown) => ({ type: 'text', text: value })
const call = (id: string, fields: object = {}) => ({ type: 'tool_use', id, name: 'look', input: {}, ...fields })
const result = (id: string, fields: object = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content: 'seen',
  ...fields,
})
const look = { name: 'look', input_schema: { type: 'object' } }
const png = 'iVBORw0KGgoAAAANSUhEUg=='
const pdf = 'JVBERi0xLjQK'
/** A sound file, which starts with the same bytes as a WebP image. */
const wave = 'UklGRiQAAABXQVZF'
const base64 = (data: string) => ({ type: 'base64', media_type: 'image/png', data })

const says = (...content: unknown[]) => ({ messages: [{ role: 'user', content }] })
const answers = (...content: unknown[]) => ({ messages: [user, { role: 'assistant', content }, user] })
const turn = (calls: unknown[], ...content: unknown[]) => ({
  messages: [user, { role: 'assistant', content: calls }, { role: 'user', content }],
})
const returns = (content: unknown) => turn([call('a')], result('a', { content }))
const withImage = (source: unknown) => says({ type: 'image', source })
const withDocument = (source: unknown, fields: object = {}) => says({ type: 'document', source, ...fields })
const withContent = (...content: unknown[]) => withDocument({ type: 'content', content })
const found = (fields: object) => says({ type: 'search_result', title: 'A', source: 'a.md', content: [], ...fields })
const offers = (...tools: unknown[]) => ({ tools })
const chooses = (choice: unknown) => ({ tools: [look], tool_choice: choice })
const withFormat = (format: unknown) => ({ output_config: { format } })

const noUrls = 'this server does not fetch URLs; send the data as base64'
const noFiles = 'this server does not store files; send the data as base64'
const knownBlock = 'must be a content block of a known type, such as text, image, document, tool_use or tool_result'
const knownResult = 'must be a block of type text, image, document or search_result'
const source = 'messages[0].content[0].source'
const inner = `${source}.content[0]`
const orphan = (id: string) =>
  `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
const unanswered = (id: string) =>
  `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${id}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
const prefill =
  'messages: the conversation must end with a user message; this server does not support assistant message prefill'
const noContent = 'messages: the last user message must have non-empty content'

/** The start of the expected message, and the fields that make a valid body invalid. */
const refused: [message: string, body: object][] = [
  ['model is required', { model: undefined }],
  ['model must be the name of a model', { model: '' }],
  ['model must be the name of a model', { model: 'x'.repeat(257) }],
  ['model must be a string', { model: 7 }],
  ['model must be a string', { model: ['sonnet'] }],

  ['max_tokens is required', { max_tokens: undefined }],
  ['max_tokens must be at least 1', { max_tokens: 0 }],
  ['max_tokens must be at least 1', { max_tokens: -1 }],
  ['max_tokens must be an integer', { max_tokens: '5' }],
  ['max_tokens must be an integer', { max_tokens: 1.5 }],
  ['max_tokens must be an integer', { max_tokens: null }],

  ['messages is required', { messages: undefined }],
  ['messages must be at least one message', { messages: [] }],
  ['messages must be an array of messages', { messages: 'hi' }],
  ['messages must be an array of messages', { messages: user }],
  ['messages[0] must be a message', { messages: ['hi'] }],
  ['messages[1] must be a message', { messages: [user, null] }],
  ['messages[0].role is required', { messages: [{ content: 'hi' }] }],
  ['messages[0].role must be user, assistant or system', { messages: [{ role: 'tool', content: 'hi' }] }],
  ['messages[0].role must be user, assistant or system', { messages: [{ role: 'developer', content: 'hi' }, user] }],
  ['messages[1].role must be user, assistant or system', { messages: [user, { role: 'User', content: 'hi' }] }],
  ['messages[0].content is required', { messages: [{ role: 'user' }] }],
  ['messages[0].content must be a string or an array of content blocks', { messages: [{ role: 'user', content: 7 }] }],
  [
    'messages[0].content must be a string or an array of content blocks',
    { messages: [{ role: 'user', content: null }] },
  ],
  [
    'messages[0].content must be a string or an array of content blocks',
    { messages: [{ role: 'user', content: text('hi') }] },
  ],
  [noContent, { messages: [{ role: 'user', content: '' }] }],
  [noContent, { messages: [{ role: 'user', content: [] }] }],
  [noContent, says(text(' \n'))],
  [noContent, { messages: [{ role: 'system', content: 'Be brief.' }] }],
  [prefill, { messages: [user, { role: 'assistant', content: 'I begin' }] }],
  [prefill, { messages: [user, { role: 'assistant', content: [text('{')] }] }],
  [prefill, { messages: [{ role: 'assistant', content: 'Alone' }] }],
  [prefill, { messages: [user, { role: 'assistant', content: [call('a')] }] }],

  [`messages[0].content[0] ${knownBlock}`, says('hi')],
  [`messages[0].content[1] ${knownBlock}`, says(text('hi'), null)],
  ['messages[0].content[0].type is required', says({ text: 'hi' })],
  [`messages[0].content[0].type ${knownBlock}`, says({ type: 'input_text', text: 'hi' })],
  [`messages[0].content[0].type ${knownBlock}`, says({ type: 'image_url', image_url: { url: 'data:,' } })],
  [`messages[1].content[0].type ${knownBlock}`, answers({ type: 'tool_call', id: 'a' })],
  ['messages[0].content[0].text is required', says({ type: 'text' })],
  ['messages[0].content[0].text must be a string', says(text(7))],
  ['messages[0].content[0].text must be a string', says(text(null))],
  ['messages[0].content[0].citations must be ', says({ ...text('hi'), citations: 'all' })],

  [`${source} is required`, says({ type: 'image' })],
  [`${source} must be an object with type and data`, withImage(`data:image/png;base64,${png}`)],
  [`${source}.type is required`, withImage({ media_type: 'image/png', data: png })],
  [`${source}.type must be base64`, withImage({ type: 'bytes', data: png })],
  [`${source}.type cannot be url: ${noUrls}`, withImage({ type: 'url', url: 'https://example.org/a.png' })],
  [`${source}.type cannot be file: ${noFiles}`, withImage({ type: 'file', file_id: 'file_1' })],
  [`${source}.data is required`, withImage({ type: 'base64', media_type: 'image/png' })],
  [`${source}.data is required`, withImage(base64(''))],
  [`${source}.data must be a string`, withImage({ type: 'base64', media_type: 'image/png', data: [1, 2] })],
  [`${source}.data must be base64`, withImage(base64(`data:image/png;base64,${png}`))],
  [`${source}.data must be an image: PNG, JPEG, GIF or WebP`, withImage(base64(pdf))],
  [`${source}.data must be an image: PNG, JPEG, GIF or WebP`, withImage(base64(wave))],
  [`${source}.media_type must be a string`, withImage({ ...base64(png), media_type: 7 })],

  [`${source} is required`, says({ type: 'document', title: 'A' })],
  [`${source}.type cannot be url: ${noUrls}`, withDocument({ type: 'url', url: 'https://example.org/a.pdf' })],
  [`${source}.type cannot be file: ${noFiles}`, withDocument({ type: 'file', file_id: 'file_1' })],
  [`${source}.data must be a PDF`, withDocument({ type: 'base64', media_type: 'application/pdf', data: png })],
  [`${source}.data is required`, withDocument({ type: 'base64', media_type: 'application/pdf' })],
  [`${source}.data is required`, withDocument({ type: 'text', media_type: 'text/plain' })],
  [`${source}.data must be a string`, withDocument({ type: 'text', data: { a: 1 } })],
  [`${source}.content is required`, withDocument({ type: 'content' })],
  [`${source}.content must be a string or an array of blocks`, withDocument({ type: 'content', content: 7 })],
  [`${inner} must be `, withContent('a')],
  [`${inner}.type is required`, withContent({ text: 'a' })],
  [
    `${inner}.type must be a block of type text or image`,
    withContent({ type: 'document', source: { type: 'text', data: 'a' } }),
  ],
  [`${inner}.text is required`, withContent({ type: 'text' })],
  [`${inner}.source is required`, withContent({ type: 'image' })],
  [`${inner}.source must be an object with type and data`, withContent({ type: 'image', source: png })],
  [`${inner}.source.type cannot be url: ${noUrls}`, withContent({ type: 'image', source: { type: 'url', url: 'x' } })],
  ['messages[0].content[0].title must be a string', withDocument({ type: 'text', data: 'a' }, { title: 7 })],
  ['messages[0].content[0].context must be a string', withDocument({ type: 'text', data: 'a' }, { context: {} })],

  ['messages[0].content[0].source is required', found({ source: undefined })],
  ['messages[0].content[0].title is required', found({ title: undefined })],
  ['messages[0].content[0].content must be an array of text blocks', found({ content: 'a' })],
  ['messages[0].content[0].content[0] must be ', found({ content: ['a'] })],
  ['messages[0].content[0].content[0].type must be ', found({ content: [{ type: 'image', source: base64(png) }] })],

  ['messages[0].content[0].type cannot be tool_use in a user message', says(call('a'))],
  [
    'messages[0].content[0].type cannot be thinking in a user message',
    says({ type: 'thinking', thinking: 'Hmm.', signature: 's' }),
  ],
  [
    'messages[0].content[1].type cannot be redacted_thinking in a user message',
    says(text('hi'), { type: 'redacted_thinking', data: 'a' }),
  ],
  ['messages[1].content[0].type cannot be tool_result in an assistant message', answers(result('a'))],
  [
    'messages[1].content[0].type cannot be image in an assistant message',
    answers({ type: 'image', source: base64(png) }),
  ],
  [
    'messages[1].content[0].source must be text in an assistant message',
    answers({ type: 'document', source: base64(pdf) }),
  ],
  [
    'messages[0].content[1].type must be text in a system message',
    { messages: [{ role: 'system', content: [text('a'), { type: 'image', source: base64(png) }] }, user] },
  ],

  [`messages[0].content[0]: ${orphan('toolu_1')}`, says(result('toolu_1'))],
  [`messages[2].content[0]: ${orphan('b')}`, turn([call('a')], result('b'))],
  [`messages[2].content[1]: ${orphan('a')}`, turn([call('a')], result('a'), result('a'))],
  [`messages[1].content[0]: ${unanswered('a')}`, answers(call('a'))],
  [`messages[1].content[2]: ${unanswered('b')}`, turn([text('So:'), call('a'), call('b')], result('a'))],
  [
    `messages[1].content[0]: ${unanswered('a')}`,
    { messages: [...answers(call('a')).messages, { role: 'assistant', content: 'And?' }, user] },
  ],
  [
    `messages[4].content[0]: ${orphan('a')}`,
    {
      messages: [
        ...turn([call('a')], result('a')).messages,
        { role: 'assistant', content: 'Seen.' },
        { role: 'user', content: [result('a')] },
      ],
    },
  ],
  ['messages[1].content[1]: `tool_use` ids must be unique: a', turn([call('a'), call('a')], result('a'))],
  ['messages[1].content[0].id is required', turn([{ type: 'tool_use', name: 'look', input: {} }], text('hi'))],
  ['messages[1].content[0].id must be a non-empty string', turn([call('')], result(''))],
  ['messages[1].content[0].name is required', turn([call('a', { name: undefined })], result('a'))],
  ['messages[1].content[0].name must be the name of a tool', turn([call('a', { name: '' })], result('a'))],
  ['messages[1].content[0].input is required', turn([call('a', { input: undefined })], result('a'))],
  ['messages[1].content[0].input must be an object', turn([call('a', { input: '{"at":1}' })], result('a'))],
  ['messages[1].content[0].input must be an object', turn([call('a', { input: [1] })], result('a'))],
  ['messages[2].content[0].tool_use_id is required', turn([call('a')], { type: 'tool_result', content: 'seen' })],
  ['messages[2].content[0].tool_use_id must be a string', turn([call('a')], { type: 'tool_result', tool_use_id: 1 })],
  ['messages[2].content[0].content must be a string or an array of content blocks', returns({ seen: true })],
  [`messages[2].content[0].content[0] ${knownResult}`, returns(['seen'])],
  [`messages[2].content[0].content[1].type ${knownResult}`, returns([text('seen'), call('b')])],
  [
    `messages[2].content[0].content[0].source.type cannot be url: ${noUrls}`,
    returns([{ type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }]),
  ],
  ['messages[2].content[0].is_error must be true or false', turn([call('a')], result('a', { is_error: 'yes' }))],
  ['messages[1].content[0].thinking is required', answers({ type: 'thinking', signature: 's' })],
  ['messages[1].content[0].signature must be a string', answers({ type: 'thinking', thinking: 'a', signature: 1 })],
  ['messages[1].content[0].data is required', answers({ type: 'redacted_thinking' })],

  ['system must be a string or an array of text blocks', { system: 7 }],
  ['system must be a string or an array of text blocks', { system: text('a') }],
  ['system[0] must be ', { system: ['Be brief.'] }],
  ['system[0].type must be ', { system: [{ type: 'image', source: base64(png) }] }],
  ['system[1].text is required', { system: [text('a'), { type: 'text' }] }],

  ['tools must be an array of tools', { tools: { look } }],
  ['tools[0] must be a tool', offers('look')],
  ['tools[0].name is required', offers({ input_schema: {} })],
  ['tools[0].name must be 1 to 128 letters, digits, _ and -', offers({ ...look, name: 'a b' })],
  ['tools[0].name must be 1 to 128 letters, digits, _ and -', offers({ ...look, name: '' })],
  ['tools[0].name must be 1 to 128 letters, digits, _ and -', offers({ ...look, name: 'x'.repeat(129) })],
  ['tools[1].name is already the name of another tool; names must be unique', offers(look, look)],
  [
    'tools[1].name is already the name of another tool; names must be unique',
    offers({ type: 'bash_20250124' }, { ...look, name: 'bash' }),
  ],
  ['tools[0].description must be a string', offers({ ...look, description: ['Looks.'] })],
  ['tools[0].type must be a string', offers({ ...look, type: 7 })],
  ['tools[1].defer_loading must be true or false', offers(look, { ...look, name: 'leap', defer_loading: 'yes' })],
  ['tools[1].input_schema is required', offers(look, { name: 'leap' })],
  ['tools[0].input_schema must be an object', offers({ ...look, input_schema: '{}' })],
  ['tools[0].input_schema must be an object', offers({ ...look, input_schema: [] })],
  [
    'tools[0].input_schema must be a JSON Schema with "type": "object"',
    offers({ ...look, input_schema: { type: 'string' } }),
  ],
  [
    'tools[1].input_schema is not a valid JSON Schema: ',
    offers(look, { name: 'leap', input_schema: { type: 'object', properties: 7 } }),
  ],
  [
    'tools[0].input_schema has a property named "where to"; use only letters, digits, _, . and -, at most 64 characters',
    offers({ ...look, input_schema: { type: 'object', properties: { 'where to': {} } } }),
  ],
  [
    'tools[0].type cannot be computer_20250124: tools for screens and browsers are not supported',
    offers({ type: 'computer_20250124', name: 'computer', display_width_px: 1, display_height_px: 1 }),
  ],
  [
    'tools[0].type cannot be browser_toolset_20260801: tools for screens and browsers are not supported',
    offers({ type: 'browser_toolset_20260801' }),
  ],

  ['tool_choice must be an object with a type', chooses('auto')],
  ['tool_choice.type is required', chooses({ name: 'look' })],
  ['tool_choice.type must be auto, any, tool or none', chooses({ type: 'required' })],
  ['tool_choice.type must be auto, any, tool or none', chooses({ type: 'function', function: { name: 'look' } })],
  ['tool_choice.name is required', chooses({ type: 'tool' })],
  ['tool_choice.name must name one of the tools, not "leap"', chooses({ type: 'tool', name: 'leap' })],
  ['tool_choice.name must be a string', chooses({ type: 'tool', name: 7 })],
  [
    'tool_choice.disable_parallel_tool_use must be true or false',
    chooses({ type: 'auto', disable_parallel_tool_use: 'yes' }),
  ],
  ['tool_choice requires at least one tool to choose from', { tool_choice: { type: 'any' } }],
  ['tool_choice.name must name one of the tools, not "look"', { tool_choice: { type: 'tool', name: 'look' } }],
  [
    'tool_choice.name must name one of the tools, not "web_search"',
    {
      ...offers({ type: 'web_search_20250305', name: 'web_search' }),
      tool_choice: { type: 'tool', name: 'web_search' },
    },
  ],

  ['thinking must be an object with a type', { thinking: true }],
  ['thinking.type is required', { thinking: { budget_tokens: 2048 } }],
  ['thinking.type must be one of disabled, enabled, adaptive, between_tools', { thinking: { type: 'on' } }],
  ['thinking.budget_tokens must be at least 1024', { thinking: { type: 'enabled', budget_tokens: 500 } }],
  ['thinking.budget_tokens must be an integer', { thinking: { type: 'enabled', budget_tokens: '2048' } }],
  ['thinking.display must be summarized, omitted or updates', { thinking: { type: 'adaptive', display: 'full' } }],

  ['output_config must be an object', { output_config: 'high' }],
  ['output_config.effort must be one of low, medium, high, xhigh, max', { output_config: { effort: 'extreme' } }],
  ['output_config.format must be an object with type and schema', withFormat('json')],
  ['output_config.format.type must be json_schema', withFormat({ type: 'json_object' })],
  ['output_config.format.schema is required', withFormat({ type: 'json_schema' })],
  ['output_config.format.schema must be an object', withFormat({ type: 'json_schema', schema: '{}' })],
  [
    'output_config.format.schema must have "type": "object" at its root',
    withFormat({ type: 'json_schema', schema: { type: 'array' } }),
  ],
  [
    'output_config.format.schema is not a valid JSON Schema: ',
    withFormat({ type: 'json_schema', schema: { type: 'object', required: 'a' } }),
  ],
  ['output_format must be an object with type and schema', { output_format: 'json' }],
  [
    'output_format.schema must have "type": "object" at its root',
    { output_format: { type: 'json_schema', schema: {} } },
  ],

  ['stop_sequences must be an array of strings', { stop_sequences: 'END' }],
  ['stop_sequences[1] must be a string', { stop_sequences: ['END', 7] }],
  ['stream must be true or false', { stream: 'true' }],
  ['temperature must be a number', { temperature: 'hot' }],
  ['temperature must be at most 1', { temperature: 1.5 }],
  ['temperature must be at least 0', { temperature: -0.1 }],
  ['top_p must be a number', { top_p: '0.9' }],
  ['top_k must be a number', { top_k: [5] }],
  ['metadata must be an object', { metadata: 'me' }],
  ['metadata.user_id must be a string', { metadata: { user_id: 7 } }],
]
for (const [message, body] of refused) {
  test(`${JSON.stringify(body).slice(0, 140)} is refused: ${message.slice(0, 140)}`, async () => {
    const error = await refusal({ ...hello, ...body })
    assert.ok(error.startsWith(message), error)
    // The message is this server's own, not the validation library's.
    assert.doesNotMatch(error, /invalid (?:input|key|option)|too (?:small|big)|\bexpected\b|\bundefined\b/i)
    if (message.endsWith(' ')) assert.ok(error.length > message.length, `${error} does not say what is right`)
  })
}

const refusedSince2026: [message: string, body: object][] = [
  ['temperature is not a field of anthropic-version 2026-10-21; leave it out', { temperature: 1 }],
  ['top_p is not a field of anthropic-version 2026-10-21; leave it out', { top_p: 1 }],
  ['top_k is not a field of anthropic-version 2026-10-21; leave it out', { top_k: 40 }],
  [
    'messages[0].content[0].citations must be empty in a user message',
    says({ ...text('hi'), citations: [{ type: 'char_location' }] }),
  ],
  [
    'messages[1].content[0].type cannot be document in an assistant message',
    answers({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a' } }),
  ],
  [
    'messages[1].content[0].type cannot be search_result in an assistant message',
    answers({ type: 'search_result', title: 'A', source: 'a.md', content: [] }),
  ],
]
for (const [message, body] of refusedSince2026) {
  test(`since 2026-10-21 ${JSON.stringify(body).slice(0, 120)} is refused: ${message}`, async () => {
    assert.equal(await refusal({ ...hello, ...body }, newer), message)
  })
}

/** `[[[…1…]]]` and the like, built as text because building nested values could fail by itself. */
const nested = (open: string, close: string, depth: number) =>
  `{"model":"sonnet","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"metadata":${open.repeat(depth)}1${close.repeat(depth)}}`

const unreadable: [what: string, body: string, message: string][] = [
  ['nothing', '', 'the body is empty; it must be a JSON object'],
  ['half of an object', '{"model":"sonnet",', 'the body is not valid JSON'],
  ['words', 'hello', 'the body is not valid JSON'],
  ['form fields', 'model=sonnet&max_tokens=5', 'the body is not valid JSON'],
  ['an object in single quotes', "{'model':'sonnet'}", 'the body is not valid JSON'],
  ['two objects', `${JSON.stringify(hello)}${JSON.stringify(hello)}`, 'the body is not valid JSON'],
  [
    'a key that reaches a prototype',
    `{"__proto__":{"a":1},${JSON.stringify(hello).slice(1)}`,
    'the body is not valid JSON',
  ],
  ['a list', JSON.stringify([hello]), 'the body must be a JSON object'],
  ['a string', '"hi"', 'the body must be a JSON object'],
  ['null', 'null', 'the body must be a JSON object'],
  ['a number', '5', 'the body must be a JSON object'],
  ['lists 70 deep', nested('[', ']', 70), 'the body is nested more than 64 levels deep'],
  ['objects 70 deep', nested('{"a":', '}', 70), 'the body is nested more than 64 levels deep'],
  ['lists 100000 deep', nested('[', ']', 100_000), 'the body is nested more than 64 levels deep'],
]
for (const [what, body, message] of unreadable) {
  test(`a body that is ${what} is refused: ${message}`, async () => {
    assert.equal(await refusal(body), message)
  })
}

test('a body nested as deeply as real programs nest theirs is accepted', async () => {
  const answer = await inject({
    method: 'POST',
    url: '/v1/messages/count_tokens',
    headers,
    payload: nested('{"a":', '}', 30),
  })
  assert.equal(answer.statusCode, 200, answer.body)
})

test('an invalid streaming request gets the same refusal as one without streaming', async () => {
  for (const body of [
    { ...hello, messages: [] },
    { ...hello, max_tokens: 0 },
    { ...hello, ...offers(look, look) },
  ]) {
    assert.equal(await refusal({ ...body, stream: true }), await refusal(body))
  }
})

test('a token count is refused for the same reasons as a message, except for max_tokens', async () => {
  const count = (body: object) => refusal({ ...hello, ...body }, older, '/v1/messages/count_tokens')
  for (const body of [{ messages: [] }, withImage({ type: 'url' }), offers(look, look), { thinking: true }]) {
    assert.equal(await count(body), await refusal({ ...hello, ...body }))
  }
})

test('text of the request that a refusal repeats is shortened', async () => {
  const long = 'x'.repeat(5000)
  for (const body of [
    turn([call(long)], result('b')),
    answers(call(long)),
    turn([call(long), call(long)], result('a')),
    chooses({ type: 'tool', name: long }),
    offers({ type: `computer_${long}` }),
    offers({ ...look, input_schema: { type: 'object', properties: { [`${long} `]: {} } } }),
  ]) {
    const error = await refusal({ ...hello, ...body })
    assert.ok(error.length < 500, error.slice(0, 600))
  }
})
