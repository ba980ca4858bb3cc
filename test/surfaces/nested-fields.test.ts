// The fields inside a request, of messages, parts and tools: what reaches the model otherwise than it was sent is named in
// `x-claude-serve-ignored`, and nothing else is.
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { test, testIf } from '../helpers/extended.ts'
import { startTestServer } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 2 } })

type Fields = Record<string, unknown>

/** The named fields, and the request that reached the model. */
async function send(path: string, body: Fields, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'sonnet', ...(path === messages ? { max_tokens: 2000 } : {}), ...body }),
  })
  const text = await response.text()
  return { status: response.status, text, named: response.headers.get('x-claude-serve-ignored')?.split(', ') ?? [] }
}

const user = (content: unknown, more: Fields = {}) => ({ role: 'user', content, ...more })
const parameters = { type: 'object', properties: { path: { type: 'string' } } }

/** A PNG's header is all that is read of it. */
function png(width: number, height: number, bytes = 100): string {
  const data = Buffer.alloc(bytes)
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(data)
  data.writeUInt32BE(width, 16)
  data.writeUInt32BE(height, 20)
  return data.toString('base64')
}
const small = png(100, 100)
const large: [name: string, data: string][] = [
  ['wider than 2,000 pixels', png(2001, 10)],
  ['higher than 2,000 pixels', png(10, 2001)],
  ['of too many pixels', png(1933, 1933)],
  ['of too many bytes', png(100, 100, 512_001)],
]
const largest: [name: string, data: string][] = [
  ['2,000 pixels wide', png(2000, 1848)],
  ['square', png(1932, 1932)],
  ['of 512,000 bytes', png(100, 100, 512_000)],
]

const chatTool = (more: Fields) => ({ tools: [{ type: 'function', function: { name: 'read', parameters, ...more } }] })
const chatImage = (data: string, more: Fields = {}) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${data}`, ...more },
})
const call = (args: string) => ({ id: 'call_1', type: 'function', function: { name: 'read', arguments: args } })
const called = (args: string, content: unknown = 'done') => [
  user('x'),
  { role: 'assistant', content: null, tool_calls: [call(args)] },
  { role: 'tool', tool_call_id: 'call_1', name: 'read', content },
]

const image = (data: string) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } })
const tool = (more: Fields) => ({ tools: [{ name: 'read', input_schema: parameters, ...more }] })
const answered = (...content: Fields[]) => [user('x'), { role: 'assistant', content }, user('y')]
const used = (content: unknown) => [
  user('x'),
  {
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'read', input: {}, caller: { type: 'direct' } }],
  },
  user([{ type: 'tool_result', tool_use_id: 'toolu_1', content }]),
]

const message = (content: unknown, more: Fields = {}) => ({ type: 'message', role: 'user', content, ...more })
const inputImage = (data: string, more: Fields = {}) => ({
  type: 'input_image',
  image_url: `data:image/png;base64,${data}`,
  ...more,
})
const responseTool = (more: Fields) => ({ tools: [{ type: 'function', name: 'read', parameters, ...more }] })
const functionCall = (args: string, output: unknown = 'done') => [
  message('x'),
  { type: 'function_call', id: 'fc_1', status: 'completed', call_id: 'call_1', name: 'read', arguments: args },
  { type: 'function_call_output', call_id: 'call_1', output },
]
const reasoning = (more: Fields = {}) => ({ type: 'reasoning', id: 'rs_1', summary: [], ...more })

const [chat, messages, responses] = ['/v1/chat/completions', '/v1/messages', '/v1/responses'] as const

const named: [name: string, path: string, body: Fields, fields: string[]][] = [
  ["a speaker's name", chat, { messages: [user('hi', { name: 'Ann' })] }, ['messages[].name']],
  [
    'reasoning of an answer',
    chat,
    { messages: [user('x'), { role: 'assistant', content: 'y', reasoning_content: 'so' }, user('z')] },
    ['messages[].reasoning_content'],
  ],
  ['a field that nobody knows', chat, { messages: [user('hi', { mood: 'good' })] }, ['messages[].mood']],
  [
    'the detail of a picture',
    chat,
    { messages: [user([chatImage(small, { detail: 'low' })])] },
    ['messages[].content[].image_url.detail'],
  ],
  [
    'an hour in the cache',
    messages,
    {
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [user([{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral', ttl: '1h' } }])],
    },
    ['messages[].content[].cache_control', 'system[].cache_control'],
  ],
  ['a strict tool', chat, { messages: [user('hi')], ...chatTool({ strict: true }) }, ['tools[].function.strict']],
  [
    'an integer of too many digits',
    chat,
    { messages: called('{"n":12345678901234567890}') },
    ['messages[].tool_calls[].function.arguments'],
  ],
  ['two of one kind', chat, { messages: [user('a', { name: 'A' }), user('b', { name: 'B' })] }, ['messages[].name']],
  [
    'citations',
    messages,
    { messages: answered({ type: 'text', text: 'a', citations: [{ type: 'char_location' }] }) },
    ['messages[].content[].citations'],
  ],
  [
    'citations that a document asks for',
    messages,
    {
      messages: [
        user([
          {
            type: 'document',
            source: { type: 'text', media_type: 'text/plain', data: 'a' },
            citations: { enabled: true },
          },
        ]),
      ],
    },
    ['messages[].content[].citations'],
  ],
  [
    'thinking that is not signed',
    messages,
    { messages: answered({ type: 'thinking', thinking: 'hm' }, { type: 'text', text: 'a' }) },
    ['messages[1].content[0]'],
  ],
  [
    'an answer of thinking alone',
    messages,
    { messages: answered({ type: 'thinking', thinking: 'hm', signature: 'sig' }) },
    ['messages[1].content'],
  ],
  ['a strict tool', messages, { messages: [user('hi')], ...tool({ strict: true }) }, ['tools[].strict']],
  [
    'examples of a tool',
    messages,
    { messages: [user('hi')], ...tool({ input_examples: [{ path: 'a' }] }) },
    ['tools[].input_examples'],
  ],
  [
    'callers of a tool',
    messages,
    { messages: [user('hi')], ...tool({ allowed_callers: ['code_execution_20260120'] }) },
    ['tools[].allowed_callers'],
  ],
  [
    'a setting of the text editor',
    messages,
    {
      messages: [user('hi')],
      tools: [{ type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 9 }],
    },
    ['tools[].max_characters'],
  ],
  [
    'reasoning that is not encrypted',
    responses,
    { input: [message('x'), reasoning(), { type: 'message', role: 'assistant', content: 'y' }, message('z')] },
    ['input[1]'],
  ],
  [
    'the phase of a message',
    responses,
    { input: [message('x'), { type: 'message', role: 'assistant', phase: 'commentary', content: 'y' }, message('z')] },
    ['input[].phase'],
  ],
  [
    'annotations',
    responses,
    {
      input: [
        message('x'),
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'y', annotations: [{ type: 'url_citation' }] }],
        },
        message('z'),
      ],
    },
    ['input[].content[].annotations'],
  ],
  [
    'the detail of a picture',
    responses,
    { input: [message([inputImage(small, { detail: 'high' })])] },
    ['input[].content[].detail'],
  ],
  ['a strict tool', responses, { input: 'hi', ...responseTool({ strict: true }) }, ['tools[].strict']],
  [
    'an integer of too many digits',
    responses,
    { input: functionCall('{"n":[-9007199254740993]}') },
    ['input[].arguments'],
  ],
  ...large.flatMap(([name, data]): typeof named => [
    [`a picture ${name}`, chat, { messages: [user([chatImage(data)])] }, ['messages[].content[].image_url.url']],
    [`a picture ${name}`, messages, { messages: [user([image(data)])] }, ['messages[].content[].source.data']],
    [`a picture ${name}`, responses, { input: [message([inputImage(data)])] }, ['input[].content[].image_url']],
  ]),
]
/** Names of fields and sizes that the surfaces have in common: one of them tries each. */
const further = new Set([
  `${messages}: a strict tool`,
  `${responses}: a strict tool`,
  `${responses}: an integer of too many digits`,
  `${responses}: the detail of a picture`,
  ...large.flatMap(([name], index) =>
    [chat, messages, responses]
      .filter((_, position) => position !== index % 3)
      .map((path) => `${path}: a picture ${name}`),
  ),
  `${messages}: a large picture in a result`,
  `${responses}: a large picture in an output`,
  ...largest.slice(1).map(([name]) => `${messages}: a picture ${name}`),
])

for (const [name, path, body, fields] of named) {
  testIf(!further.has(`${path}: ${name}`))(`${path}: ${name} is named`, async () => {
    const { status, named: found, text } = await send(path, body)
    assert.deepEqual([status, found], [200, fields], text)
    const strict = await send(path, body, { 'x-claude-serve-strict': 'true' })
    assert.equal(strict.status, 400)
    assert.match(strict.text, /cannot be honored by this server/)
  })
}

const silent: [name: string, path: string, body: Fields][] = [
  [
    'what SDKs send and answers contain',
    chat,
    {
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }] },
        user([{ type: 'text', text: 'x' }, chatImage(small, { detail: 'auto' })]),
        { role: 'assistant', content: 'y', refusal: null, annotations: [], audio: null, function_call: null },
        ...called('{"n":9007199254740991,"s":"12345678901234567890","f":1.0}'),
      ],
      ...chatTool({ strict: false }),
    },
  ],
  ['a large picture in a result', chat, { messages: called('{}', [chatImage(large[0]?.[1] ?? '')]) }],
  [
    'what SDKs send and answers contain',
    messages,
    {
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
      messages: [
        ...answered(
          { type: 'thinking', thinking: 'hm', signature: 'sig' },
          { type: 'text', text: 'a', citations: null },
        ),
        ...used([{ type: 'text', text: 'b', cache_control: { type: 'ephemeral' } }]).slice(1),
      ],
      ...tool({ strict: false, allowed_callers: ['direct'], cache_control: { type: 'ephemeral' } }),
      thinking: { type: 'enabled', budget_tokens: 1024 },
    },
  ],
  ['a large picture in a result', messages, { messages: used([image(large[0]?.[1] ?? '')]) }],
  [
    'what SDKs send and answers contain',
    responses,
    {
      input: [
        {
          type: 'message',
          role: 'assistant',
          id: 'msg_1',
          status: 'completed',
          content: [{ type: 'output_text', text: 'a', annotations: [], logprobs: [] }],
        },
        message([{ type: 'input_text', text: 'x' }, inputImage(small, { detail: 'auto' })]),
        ...functionCall('{"n":9007199254740991}').slice(1),
      ],
      ...responseTool({ strict: false }),
      text: { format: { type: 'text' } },
    },
  ],
  ['a large picture in an output', responses, { input: functionCall('{}', [inputImage(large[0]?.[1] ?? '')]) }],
  ...largest.map(([name, data]): (typeof silent)[number] => [
    `a picture ${name}`,
    messages,
    { messages: [user([image(data)])] },
  ]),
]
for (const [name, path, body] of silent) {
  testIf(!further.has(`${path}: ${name}`))(`${path}: ${name}: nothing is named`, async () => {
    const { status, named: found, text } = await send(path, body, { 'x-claude-serve-strict': 'true' })
    assert.deepEqual([status, found], [200, []], text)
  })
}

test('a field that is reported as a whole is not reported again in parts', async () => {
  const { named: found } = await send(chat, {
    model: 'agent/sonnet',
    messages: [user('hi')],
    ...chatTool({ strict: true }),
  })
  assert.deepEqual(
    found.filter((name) => name.startsWith('tools')),
    ['tools'],
  )
})
