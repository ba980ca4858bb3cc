// Chat completions requests as runs: bodies in, run inputs out. Refused requests are in bad-input.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noOptions, noPlainOptions } from '../../../src/core/agent.ts'
import { parseBody } from '../../../src/http/validate.ts'
import { toChatRun } from '../../../src/surfaces/openai/chat/request.ts'
import { ChatRequest } from '../../../src/surfaces/openai/chat/schemas.ts'

const plain = { model: 'sonnet', agent: false, publicName: 'claude-sonnet-5' }
const agent = { model: 'sonnet', agent: true, publicName: 'agent/claude-sonnet-5' }

const user = { role: 'user', content: 'hi' }
const call = (id: string, name = 'look', args = '{"row":1}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const result = (id: string, content: unknown = 'seen') => ({ role: 'tool', tool_call_id: id, content })
const look = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }
const shout = { type: 'function', function: { name: 'shout' } }
const png = 'iVBORw0KGgoAAAANSUhEUg=='
const jpeg = '/9j/4AAQSkZJRg=='
const pdf = 'JVBERi0xLjQK'

const text = (value: string) => ({ type: 'text', text: value })
const image = (mediaType: string, data: string) => ({
  type: 'image',
  source: { type: 'base64', media_type: mediaType, data },
})

function read(body: object, model = plain) {
  return toChatRun(parseBody(ChatRequest, { model: 'sonnet', messages: [user], ...body }), model)
}
const readMessages = (...messages: object[]) => {
  const { run } = read({ messages })
  assert.equal(run.session.kind, 'history')
  const history = run.session.kind === 'history' ? run.session.messages : []
  return { system: run.options.systemPrompt, history, prompt: run.prompt }
}

test('a single message is a plain run with an empty system prompt and no history', () => {
  assert.deepEqual(read({}).run, {
    prompt: [text('hi')],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions, model: 'sonnet', systemPrompt: '' },
    streaming: false,
    plain: noPlainOptions,
    surface: 'openai',
    approvals: false,
    persist: false,
    isAuxiliary: false,
  })
})

test('an agent gets system messages added to its own prompt and no plain options', () => {
  const { run } = read({ messages: [{ role: 'system', content: 'Be brief.' }, user] }, agent)
  assert.equal(run.plain, null)
  assert.equal(run.options.systemPrompt, null)
  assert.equal(run.options.appendSystemPrompt, 'Be brief.')
  assert.equal(read({}, agent).run.options.appendSystemPrompt, null)
})

test('a streamed request is a streaming run', () => {
  assert.equal(read({ stream: true }).run.streaming, true)
})

test('system and developer messages at the start are the system prompt, later ones stay where they are', () => {
  const { system, history, prompt } = readMessages(
    { role: 'system', content: 'One.' },
    { role: 'developer', content: [text('Two.'), { type: 'input_text', text: 'Three.' }] },
    user,
    { role: 'system', content: 'Four.' },
  )
  assert.equal(system, 'One.\n\nTwo.\n\nThree.')
  assert.deepEqual([history, prompt], [[], [text('hi'), text('<system-message>\nFour.\n</system-message>')]])
})

test('messages after the last answer are the prompt, earlier ones are the history with their roles', () => {
  const { history, prompt } = readMessages(
    { role: 'user', content: 'One' },
    { role: 'user', content: 'Two' },
    { role: 'assistant', content: [text('Three')] },
    { role: 'user', content: 'Four' },
    { role: 'user', content: [text('Five')] },
  )
  assert.deepEqual(history, [
    { role: 'user', content: [text('One'), text('Two')] },
    { role: 'assistant', content: [text('Three')] },
  ])
  assert.deepEqual(prompt, [text('Four'), text('Five')])
})

test("tool results come first in one message, before the user's text", () => {
  const { history, prompt } = readMessages(
    user,
    { role: 'assistant', content: '', tool_calls: [call('a'), call('b', 'shout', '')] },
    result('a'),
    { role: 'user', content: 'And?' },
    result('b', [text('HEARD'), { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }]),
  )
  assert.deepEqual(history.at(-1), {
    role: 'assistant',
    content: [
      { type: 'tool_use', id: 'a', name: 'look', input: { row: 1 } },
      { type: 'tool_use', id: 'b', name: 'shout', input: {} },
    ],
  })
  assert.deepEqual(prompt, [
    { type: 'tool_result', tool_use_id: 'a', content: [text('seen')] },
    { type: 'tool_result', tool_use_id: 'b', content: [text('HEARD'), image('image/png', png)] },
    text('And?'),
  ])
})

test('an id that the API would refuse, or that was used before, is replaced alike in call and result', () => {
  const turn = [{ role: 'assistant', content: null, tool_calls: [call('x|y.1')] }, result('x|y.1')]
  const { history, prompt } = readMessages(user, ...turn, ...turn)
  const ids = history.flatMap(({ content }) =>
    (content as { type: string; id?: string }[]).flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])),
  )
  assert.deepEqual(ids, ['x_y_1', 'x_y_1-2'])
  assert.deepEqual(prompt, [{ type: 'tool_result', tool_use_id: 'x_y_1-2', content: [text('seen')] }])
})

test('legacy function calls and their results are matched by name', () => {
  const { history, prompt } = readMessages(
    user,
    { role: 'assistant', content: null, function_call: { name: 'look', arguments: '{}' } },
    { role: 'function', name: 'look', content: 'seen' },
  )
  assert.deepEqual(history.at(-1)?.content, [{ type: 'tool_use', id: 'call_1', name: 'look', input: {} }])
  assert.deepEqual(prompt, [{ type: 'tool_result', tool_use_id: 'call_1', content: [text('seen')] }])
})

test('an answer without text is left out, and refusals count as text', () => {
  const { history, prompt } = readMessages(
    user,
    { role: 'assistant', content: '' },
    { role: 'user', content: 'Still there?' },
    { role: 'assistant', content: null, refusal: 'No.' },
    user,
  )
  assert.deepEqual(history, [
    { role: 'user', content: [text('hi'), text('Still there?')] },
    { role: 'assistant', content: [text('No.')] },
  ])
  assert.deepEqual(prompt, [text('hi')])
})

test('a conversation that starts with the assistant gets a user message before it', () => {
  const { history } = readMessages({ role: 'assistant', content: 'Welcome.' }, user)
  assert.deepEqual(
    history.map(({ role }) => role),
    ['user', 'assistant'],
  )
})

test('images and files get their actual type, whatever their data URL says', () => {
  const { prompt } = readMessages({
    role: 'user',
    content: [
      { type: 'image_url', image_url: { url: `data:image/png;base64,${jpeg}`, detail: 'low' } },
      { type: 'input_image', image_url: `data:image/png;name=a;base64,${png}` },
      { type: 'file', file: { file_data: `data:application/pdf;base64,${pdf}`, filename: 'a.pdf' } },
      { type: 'input_file', file_data: pdf },
      { type: 'file', file: { file_data: 'data:text/plain;base64,w6k=' } },
    ],
  })
  const pdfSource = { type: 'base64', media_type: 'application/pdf', data: pdf }
  assert.deepEqual(prompt, [
    image('image/jpeg', jpeg),
    image('image/png', png),
    { type: 'document', source: pdfSource, title: 'a.pdf' },
    { type: 'document', source: pdfSource },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é' } },
  ])
})

const lookTool = { name: 'look', description: 'Looks.', inputSchema: { properties: {}, type: 'object' } }
const shoutTool = { name: 'shout', description: '', inputSchema: { properties: {}, type: 'object' } }

const toolCases: [string, object, object[], RegExp | null][] = [
  ['tools are offered unchanged', { tools: [look, shout] }, [lookTool, shoutTool], null],
  ['tool_choice none offers no tools', { tools: [look], tool_choice: 'none' }, [], null],
  [
    'tool_choice required instructs the model to make a call',
    { tools: [look], tool_choice: 'required' },
    [lookTool],
    /at least one/,
  ],
  [
    'a named tool is the only one offered',
    { tools: [look, shout], tool_choice: { type: 'function', function: { name: 'shout' } } },
    [shoutTool],
    /calling the tool shout/,
  ],
  [
    'allowed_tools restricts the tools offered',
    {
      tools: [look, shout],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [look] } },
    },
    [lookTool],
    null,
  ],
  ['functions are tools', { functions: [look.function], function_call: 'auto' }, [lookTool], null],
  [
    'a named function is the only one offered',
    { functions: [look.function, shout.function], function_call: { name: 'look' } },
    [lookTool],
    /calling the tool look/,
  ],
]
for (const [title, body, tools, instruction] of toolCases) {
  test(title, () => {
    const { run } = read(body)
    assert.deepEqual(run.plain?.tools, tools)
    if (instruction === null) assert.equal(run.options.systemPrompt, '')
    else assert.match(run.options.systemPrompt ?? '', instruction)
  })
}

test('a custom tool takes a single text, and its grammar is reported as ignored', () => {
  const custom = { name: 'sql', format: { type: 'grammar' } }
  const { run, plan, ignored } = read({ tools: [{ type: 'custom', custom }] })
  assert.deepEqual(run.plain?.tools[0]?.inputSchema.required, ['input'])
  assert.equal(plan.tools.get('sql'), 'text')
  assert.deepEqual(ignored, ['tools[0].custom.format'])
})

test('limits and stop sequences reach the model, and -1 or empty values mean none', () => {
  const { run } = read({ max_tokens: 5, max_completion_tokens: 7, stop: 'END' })
  assert.deepEqual(run.plain, { ...noPlainOptions, maxOutputTokens: 7, stopSequences: ['END'] })
  const unlimited = read({ max_tokens: -1, stop: ['', 'a', 'b'] }).run.plain
  assert.deepEqual(unlimited, { ...noPlainOptions, stopSequences: ['a', 'b'] })
})

const efforts: [object, string | null, boolean][] = [
  [{}, null, false],
  [{ reasoning_effort: 'none' }, 'none', false],
  [{ reasoning_effort: 'minimal' }, 'low', true],
  [{ reasoning_effort: 'xhigh' }, 'xhigh', true],
  [{ reasoning: { effort: 'high' } }, 'high', true],
  [{ reasoning: { effort: 'high', exclude: true } }, 'high', false],
  [{ thinking: { type: 'enabled', budget_tokens: 2048 } }, null, true],
  [{ thinking: { type: 'disabled' } }, 'none', false],
  [{ include_reasoning: true }, null, true],
]
for (const [body, effort, isShown] of efforts) {
  test(`${JSON.stringify(body)} requests effort ${effort} and ${isShown ? 'shows' : 'hides'} reasoning`, () => {
    const { run, plan } = read(body)
    assert.equal(run.plain?.thinking.isOff, effort === 'none')
    assert.deepEqual([run.options.effort, plan.showsThinking], [effort === 'none' ? null : effort, isShown])
  })
}

test('a schema goes to the CLI, a JSON object is requested by an instruction', () => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const strict = read({ response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } })
  assert.deepEqual([strict.run.options.jsonSchema, strict.plan.format], [schema, 'json_schema'])
  const beside = read({ response_format: { type: 'json_object', schema } })
  assert.deepEqual([beside.run.options.jsonSchema, beside.plan.format], [schema, 'json_schema'])
  assert.deepEqual(
    [strict.plan.schemaParam, beside.plan.schemaParam],
    ['response_format.json_schema.schema', 'response_format.schema'],
  )
  for (const format of [{ type: 'json_object' }, { type: 'json_schema', json_schema: { name: 'x' } }]) {
    const { run, plan } = read({ response_format: format })
    assert.equal(run.options.jsonSchema, null)
    assert.equal(plan.format, 'json_object')
    assert.match(run.options.systemPrompt ?? '', /one JSON object/)
  }
  assert.equal(read({ response_format: { type: 'text' } }).plan.format, 'text')
})

const ignoredCases: [object, string[]][] = [
  [{ temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, user: 'x', n: 1 }, []],
  [{ temperature: null, seed: null, whatever: null, verbosity: 'medium', logprobs: false, top_logprobs: 0 }, []],
  [{ temperature: 0, top_p: 0.5 }, ['temperature', 'top_p']],
  [{ presence_penalty: 1, frequency_penalty: 1 }, ['presence_penalty', 'frequency_penalty']],
  [{ logit_bias: { 50256: -100 }, seed: 7 }, ['logit_bias', 'seed']],
  [{ verbosity: 'low', web_search_options: {}, moderation: {} }, ['verbosity', 'web_search_options', 'moderation']],
  [{ store: true, service_tier: 'flex', prediction: {}, prompt_cache_key: 'k', safety_identifier: 's' }, []],
  [{ top_k: 4, 'a\r\nb: c': 1 }, ['top_k', '(unknown)']],
  [{ tools: [look, { type: 'web_search' }] }, ['tools[1]']],
]
for (const [body, ignored] of ignoredCases) {
  test(`ignored in ${JSON.stringify(body)}: ${ignored.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(read(body).ignored, ignored)
  })
}

test('an agent reports client tools and limits as ignored, because it has its own', () => {
  const { run, ignored, plan } = read({ tools: [look], tool_choice: 'required', stop: ['x'], max_tokens: 5 }, agent)
  assert.deepEqual(ignored.toSorted(), ['max_tokens', 'stop', 'tools'])
  assert.equal(run.options.appendSystemPrompt, null)
  assert.equal(plan.tools.size, 0)
  assert.deepEqual(read({ tools: [], stop: [], max_tokens: -1 }, agent).ignored, [])
})
