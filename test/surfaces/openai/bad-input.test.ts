// Chat completions requests that must be refused, each with the name of its parameter as OpenAI would write it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../../src/errors.ts'
import { parseBody } from '../../../src/http/validate.ts'
import { toChatRun } from '../../../src/surfaces/openai/chat/request.ts'
import { ChatRequest } from '../../../src/surfaces/openai/chat/schemas.ts'
import { toErrorBody } from '../../../src/surfaces/openai/shared/errors.ts'

const user = { role: 'user', content: 'hi' }
const text = (value: string) => ({ type: 'text', text: value })
const call = (id: string, name = 'look', args = '{"row":1}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'seen' })
const look = { type: 'function', function: { name: 'look' } }
const pdf = 'JVBERi0xLjQK'

function read(body: object) {
  const model = { model: 'sonnet', agent: false, publicName: 'claude-sonnet-5' }
  return toChatRun(parseBody(ChatRequest, { model: 'sonnet', messages: [user], ...body }), model)
}

const assistantWith = (...calls: object[]) => ({ role: 'assistant', content: null, tool_calls: calls })
const userWith = (part: object) => ({ messages: [{ role: 'user', content: [part] }] })

const refused: [param: string, body: object, code?: string][] = [
  ['model', { model: undefined }, 'missing_required_parameter'],
  ['model', { model: 7 }],
  ['messages', { messages: undefined }, 'missing_required_parameter'],
  ['messages', { messages: [] }],
  ['messages', { messages: 'hi' }],
  ['messages', { messages: [{ role: 'system', content: ' ' }] }],
  ['messages', { messages: [user, { role: 'assistant', content: 'I begin' }] }],
  ['messages[0]', { messages: ['hi'] }],
  ['messages[0].role', { messages: [{ content: 'hi' }] }, 'missing_required_parameter'],
  ['messages[0].role', { messages: [{ role: 'robot', content: 'hi' }] }],
  ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
  ['messages[0].content', { messages: [{ role: 'user' }] }, 'missing_required_parameter'],
  ['messages[0].content', { messages: [{ role: 'user', content: ' ' }] }],
  ['messages[0].content[0].text', userWith({ type: 'text' }), 'missing_required_parameter'],
  ['messages[0].content[0].type', userWith({ type: 'input_audio', input_audio: {} })],
  ['messages[0].content[0].image_url', userWith({ type: 'image_url' }), 'missing_required_parameter'],
  ['messages[0].content[0].image_url.url', userWith({ type: 'image_url', image_url: { url: 'http://x/a.png' } })],
  ['messages[0].content[0].image_url.url', userWith({ type: 'image_url', image_url: { url: 'data:image/png,abc' } })],
  [
    'messages[0].content[0].image_url.url',
    userWith({ type: 'image_url', image_url: { url: `data:image/png;base64,${pdf}` } }),
  ],
  ['messages[0].content[0].file.file_id', userWith({ type: 'file', file: { file_id: 'file-1' } }), 'unsupported_value'],
  ['messages[0].content[0].file.file_data', userWith({ type: 'file', file: {} }), 'missing_required_parameter'],
  [
    'messages[0].content[1].type',
    { messages: [{ role: 'system', content: [text('a'), { type: 'image_url', image_url: 'data:' }] }, user] },
  ],
  ['messages[1].tool_calls[0].id', { messages: [user, assistantWith({ function: { name: 'a' } })] }],
  ['messages[1].tool_calls[0].function', { messages: [user, assistantWith({ id: 'a' })] }],
  ['messages[1].tool_calls[1].id', { messages: [user, assistantWith(call('a'), call('a')), result('a')] }],
  ['messages[1].tool_calls[1]', { messages: [user, assistantWith(call('a'), call('b')), result('a')] }],
  ['messages[1].tool_calls[0]', { messages: [user, assistantWith(call('a')), user, { ...user, role: 'user' }] }],
  ['messages[1].tool_call_id', { messages: [user, result('a')] }],
  ['messages[3].tool_call_id', { messages: [user, assistantWith(call('a')), result('a'), result('a')] }],
  ['messages[1].name', { messages: [user, { role: 'function', name: 'look', content: 'seen' }] }],
  ['tools', { tools: 'look' }],
  ['tools[0].function', { tools: [{ type: 'function' }] }, 'missing_required_parameter'],
  ['tools[1].function.name', { tools: [look, { type: 'function', function: {} }] }, 'missing_required_parameter'],
  ['tools[0].function.name', { tools: [{ type: 'function', function: { name: 'a b' } }] }],
  ['tools[1].function.name', { tools: [look, look] }],
  ['tools[0].function.parameters', { tools: [{ type: 'function', function: { name: 'a', parameters: [] } }] }],
  [
    'tools[0].function.parameters',
    { tools: [{ type: 'function', function: { name: 'a', parameters: { type: 'array' } } }] },
  ],
  ['tool_choice', { tools: [look], tool_choice: 'sometimes' }],
  ['tool_choice', { tool_choice: 'required' }],
  ['tool_choice.function.name', { tools: [look], tool_choice: { type: 'function', function: { name: 'leap' } } }],
  ['tool_choice.function.name', { tools: [look], tool_choice: { type: 'function' } }, 'missing_required_parameter'],
  [
    'tool_choice.allowed_tools.tools',
    { tools: [look], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: 'look' } } },
  ],
  ['functions[0].name', { functions: [{}] }, 'missing_required_parameter'],
  ['response_format.type', { response_format: { type: 'xml' } }],
  ['response_format.json_schema', { response_format: { type: 'json_schema' } }, 'missing_required_parameter'],
  ['stop', { stop: 7 }],
  ['stop[0]', { stop: [7] }],
  ['max_tokens', { max_tokens: 'many' }],
  ['max_completion_tokens', { max_completion_tokens: 1.5 }],
  ['temperature', { temperature: 'hot' }],
  ['stream', { stream: 'true' }],
  ['reasoning_effort', { reasoning_effort: 'extreme' }],
  ['metadata.a', { metadata: { a: 1 } }],
  ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) }],
  ['n', { n: 2 }, 'unsupported_value'],
  ['n', { n: 0 }],
  ['logprobs', { logprobs: true }, 'unsupported_value'],
  ['top_logprobs', { top_logprobs: 3 }, 'unsupported_value'],
  ['modalities', { modalities: ['text', 'audio'] }, 'unsupported_value'],
]
for (const [param, body, code] of refused) {
  test(`${JSON.stringify(body).slice(0, 120)} is refused with the parameter ${param}`, () => {
    assert.throws(
      () => read(body),
      (thrown: AppError) => {
        const { error } = toErrorBody(thrown)
        assert.equal(error.param, param, error.message)
        assert.ok(error.message.startsWith(`${param} `), error.message)
        assert.doesNotMatch(error.message, /invalid input|invalid key|too small|too big/i)
        assert.equal(error.type, 'invalid_request_error')
        if (code !== undefined) assert.equal(error.code, code)
        return true
      },
    )
  })
}

test('a URL is refused with the reason', () => {
  const body = userWith({ type: 'image_url', image_url: { url: 'https://example.org/a.png' } })
  assert.throws(() => read(body), /does not fetch URLs/)
})
