// Requests to the Responses API as runs, except for their items and tools: models, instructions, formats, thinking,
// limits, and the fields that have no effect or are refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noOptions, noPlainOptions } from '../../../../src/core/agent.ts'
import { AppError } from '../../../../src/errors.ts'
import { parseBody } from '../../../../src/http/validate.ts'
import { checkResponse, planOf, toResponseRun } from '../../../../src/surfaces/openai/responses/request.ts'
import { ResponseRequest } from '../../../../src/surfaces/openai/responses/schemas.ts'
import { testSealer } from '../../../helpers/inject-app.ts'

const plain = { model: 'sonnet', agent: false, publicName: 'claude-sonnet-5' }
const agent = { model: 'sonnet', agent: true, publicName: 'agent/claude-sonnet-5' }
const item = { role: 'user', content: 'hi' }
const look = { type: 'function', name: 'look' }

function read(body: object = {}, model = plain) {
  const parsed = parseBody(ResponseRequest, { model: 'sonnet', input: 'hi', ...body })
  checkResponse(parsed)
  return toResponseRun(parsed, model, [{ item, param: 'input' }], testSealer)
}

test('a single prompt is a plain run with an empty system prompt and no history', () => {
  const { run, ignored, tools } = read()
  assert.deepEqual(run, {
    prompt: [{ type: 'text', text: 'hi' }],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions, model: 'sonnet', systemPrompt: '' },
    streaming: false,
    plain: noPlainOptions,
    surface: 'openai',
    approvals: false,
    persist: false,
    isAuxiliary: false,
    background: false,
  })
  assert.deepEqual([ignored, tools], [[], []])
})

test('every field may be null, which means the same as omitting it', () => {
  const fields = Object.keys(ResponseRequest.shape).filter((name) => name !== 'model' && name !== 'input')
  const nulls = Object.fromEntries(fields.map((name) => [name, null]))
  const { run, ignored } = read(nulls)
  assert.deepEqual([run, ignored], [read().run, []])
})

test('the instructions field comes before instructions among the items, and the tool choice after them', () => {
  const parsed = parseBody(ResponseRequest, {
    model: 'sonnet',
    input: 'hi',
    instructions: 'One.',
    tools: [look],
    tool_choice: 'required',
    text: { format: { type: 'json_object' } },
  })
  const system = { item: { role: 'system', content: 'Two.' }, param: 'input[0]' }
  const { run } = toResponseRun(parsed, plain, [system, { item, param: 'input[1]' }], testSealer)
  const [first, second, choice, object, ...more] = run.options.systemPrompt?.split('\n\n') ?? []
  assert.deepEqual([first, second, more], ['One.', 'Two.', []])
  assert.match(choice ?? '', /calling at least one of the tools/)
  assert.match(object ?? '', /one JSON object/)
  assert.equal(run.plain?.requiredOutput, 'call')
})

test('an agent gets instructions appended to its own prompt, and no client tools', () => {
  const { run, plan, ignored, tools } = read(
    { instructions: 'Be brief.', tools: [look], tool_choice: 'required', max_output_tokens: 5 },
    agent,
  )
  assert.deepEqual([run.plain, run.options.systemPrompt, run.options.appendSystemPrompt], [null, null, 'Be brief.'])
  assert.deepEqual([plan.isAgent, plan.tools.size, tools], [true, 0, []])
  assert.deepEqual(ignored, ['tools', 'max_output_tokens'])
})

test('streamed and background requests are streaming runs, because a client may follow them', () => {
  assert.equal(read({ stream: true }).run.streaming, true)
  assert.equal(read({ background: true }).run.streaming, true)
  assert.equal(read({ background: true }).run.background, true)
})

const formats: [title: string, format: unknown, format_: string, schema: object | null][] = [
  ['nothing', undefined, 'text', null],
  ['null', null, 'text', null],
  ['text', { type: 'text' }, 'text', null],
  ['an object', { type: 'json_object' }, 'json_object', null],
  [
    'a schema',
    { type: 'json_schema', name: 'x', strict: true, schema: { type: 'object' } },
    'json_schema',
    { type: 'object' },
  ],
]
for (const [title, format, formatName, schema] of formats) {
  test(`a format of ${title} is requested`, () => {
    const { run, plan } = read({ text: { format } })
    assert.deepEqual([plan.format, run.options.jsonSchema], [formatName, schema])
    assert.equal(run.plain?.requiredOutput, formatName === 'json_object' ? 'json-object' : null)
    assert.equal(/JSON object/.test(run.options.systemPrompt ?? ''), formatName === 'json_object')
  })
}

const secret = ['reasoning.encrypted_content']
const thoughts: [
  title: string,
  body: object,
  effort: string | null,
  off: boolean,
  summary: boolean,
  carried: boolean,
][] = [
  ['nothing', {}, null, false, false, false],
  ['an empty object', { reasoning: {} }, null, false, false, false],
  ['effort', { reasoning: { effort: 'high' } }, 'high', false, false, false],
  ['minimal effort', { reasoning: { effort: 'minimal' } }, 'low', false, false, false],
  ['a summary', { reasoning: { summary: 'auto' } }, null, false, true, false],
  ['a summary in the older field', { reasoning: { generate_summary: 'detailed' } }, null, false, true, false],
  ['encrypted content', { include: secret }, null, false, false, true],
  ['both', { reasoning: { effort: 'low', summary: 'auto' }, include: secret }, 'low', false, true, true],
  ['none', { reasoning: { effort: 'none', summary: 'auto' }, include: secret }, null, true, false, false],
]
for (const [title, body, effort, off, summary, carried] of thoughts) {
  test(`thinking follows the request: ${title}`, () => {
    const { run, plan } = read(body)
    assert.equal(run.options.effort, effort)
    assert.deepEqual(run.plain?.thinking, { isOff: off, budgetTokens: null, display: summary ? 'summarized' : null })
    assert.deepEqual([plan.showsSummary, plan.includesThinking], [summary, carried])
  })
}

test('an agent with effort none uses low effort', () => {
  assert.equal(read({ reasoning: { effort: 'none' } }, agent).run.options.effort, 'low')
})

test('the token limit and parallel_tool_calls are passed on, and metadata stays with the request', () => {
  const { run, plan } = read({ max_output_tokens: 9, metadata: { ticket: '42' }, parallel_tool_calls: false })
  assert.deepEqual([run.plain?.maxOutputTokens, run.metadata, plan.isParallel], [9, undefined, false])
  assert.deepEqual(plan.request.body.metadata, { ticket: '42' })
})

const ignoredCases: [title: string, body: object, names: string[]][] = [
  [
    'fields that are not supported',
    { max_tool_calls: 3, moderation: { model: 'x' }, temperature: 0, top_p: 0.5, top_logprobs: 2, truncation: 'auto' },
    ['max_tool_calls', 'temperature', 'top_p', 'top_logprobs', 'truncation', 'moderation'],
  ],
  [
    'values that request nothing',
    {
      temperature: 1,
      top_p: 1,
      top_logprobs: 0,
      truncation: 'disabled',
      context_management: [],
      prompt: {},
    },
    [],
  ],
  [
    'fields without effect that do not matter',
    {
      user: 'u',
      safety_identifier: 's',
      service_tier: 'auto',
      prompt_cache_key: 'k',
      prompt_cache_retention: '24h',
      client_metadata: { a: 1 },
      stream_options: { include_obfuscation: false },
      access_programs: ['x'],
    },
    [],
  ],
  ['a verbosity other than the default', { text: { verbosity: 'low' } }, ['text.verbosity']],
  ['the default verbosity', { text: { verbosity: 'medium' } }, []],
  ['unknown fields', { seed: 1, 'strange\nname': 1 }, ['seed', '(unknown)']],
  ['tools of other types', { temperature: 0, tools: [{ type: 'mcp' }, look] }, ['temperature', 'tools[0]']],
]
for (const [title, body, names] of ignoredCases) {
  test(`fields without effect are reported: ${title}`, () => {
    assert.deepEqual(read(body).ignored.toSorted(), names.toSorted())
  })
}

test('an ignored item is reported after everything else', () => {
  const parsed = parseBody(ResponseRequest, { model: 'sonnet', input: 'hi', seed: 1, tools: [{ type: 'mcp' }] })
  const other = { item: { type: 'web_search_call' }, param: 'input[1]' }
  assert.deepEqual(toResponseRun(parsed, plain, [{ item, param: 'input[0]' }, other], testSealer).ignored, [
    'seed',
    'tools[0]',
    'input[1]',
  ])
})

const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']))
const refusals: [title: string, body: object, field: string, what: RegExp][] = [
  ['a model that is not a string', { model: 7 }, 'model', /must be the name of a model|must be a string/],
  ['an empty model', { model: '' }, 'model', /must be the name of a model/],
  ['input that is a number', { input: 7 }, 'input', /must be a string or an array of items/],
  ['input that is an object', { input: {} }, 'input', /must be a string or an array of items/],
  ['instructions that are a list', { instructions: ['x'] }, 'instructions', /must be a string/],
  ['stream as a string', { stream: 'true' }, 'stream', /must be true or false/],
  ['store as a string', { store: 'no' }, 'store', /must be true or false/],
  ['background as a number', { background: 1 }, 'background', /must be true or false/],
  ['background that is not stored', { background: true, store: false }, 'background', /requires a stored response/],
  [
    'a conversation and a previous response',
    { conversation: { id: 'conv_1' }, previous_response_id: 'resp_1' },
    'conversation',
    /must not be combined/,
  ],
  ['a prompt template', { prompt: { id: 'pmpt_1' } }, 'prompt', /stores no prompt templates/],
  ['too much metadata', { metadata: many }, 'metadata', /at most 16 entries/],
  ['metadata of numbers', { metadata: { a: 1 } }, 'metadata.a', /must be a string/],
  ['an unknown effort', { reasoning: { effort: 'huge' } }, 'reasoning.effort', /must be one of none, minimal/],
  ['reasoning as a string', { reasoning: 'high' }, 'reasoning', /must be an object/],
  [
    'an unknown format',
    { text: { format: { type: 'xml' } } },
    'text.format.type',
    /must be text, json_object or json_schema/,
  ],
  ['a format as a string', { text: { format: 'json' } }, 'text.format', /must be text, json_object or json_schema/],
  ['a format without its schema', { text: { format: { type: 'json_schema' } } }, 'text.format.schema', /is required/],
  [
    'a schema that is a list',
    { text: { format: { type: 'json_schema', schema: [] } } },
    'text.format.schema',
    /as an object/,
  ],
  ['a limit of zero tokens', { max_output_tokens: 0 }, 'max_output_tokens', /must be at least 1/],
  ['half a token', { max_output_tokens: 1.5 }, 'max_output_tokens', /must be an integer/],
  ['include as a string', { include: 'x' }, 'include', /must be an array of strings/],
  ['include of numbers', { include: [7] }, 'include[0]', /must be a string/],
  ['a previous response that is an object', { previous_response_id: {} }, 'previous_response_id', /must be a string/],
  ['truncation as a boolean', { truncation: true }, 'truncation', /must be a string/],
  ['a temperature as a string', { temperature: 'hot' }, 'temperature', /must be a number/],
]
for (const [title, body, field, what] of refusals) {
  test(`a request with ${title} is refused, naming the field`, () => {
    assert.throws(
      () => read(body),
      (thrown) => {
        assert.ok(thrown instanceof AppError, String(thrown))
        assert.deepEqual([thrown.code, thrown.details.field], ['invalid_request', field])
        assert.match(thrown.message, what)
        return true
      },
    )
  })
}

test('the plan of an answer can be rebuilt from the stored request alone', () => {
  const { plan } = read({
    tools: [look, { type: 'namespace', name: 'fs', tools: [{ type: 'custom', name: 'sql' }] }],
    reasoning: { summary: 'auto' },
    include: secret,
    text: { format: { type: 'json_object' } },
    parallel_tool_calls: false,
  })
  const stored = JSON.parse(JSON.stringify({ ...plan.request, items: [item] }))
  const again = planOf(stored, testSealer)
  assert.deepEqual({ ...again, request: null }, { ...plan, request: null })
})
