// Requests to Ollama's chat and generate as runs: bodies in, run inputs out, and what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noOptions, noPlainOptions } from '../../../src/core/agent.ts'
import { AppError } from '../../../src/errors.ts'
import { parseBody } from '../../../src/http/validate.ts'
import { isLoad, isUnload, toChatRun, toGenerateRun } from '../../../src/surfaces/ollama/request.ts'
import { ChatRequest, GenerateRequest } from '../../../src/surfaces/ollama/schemas.ts'

const plain = { model: 'sonnet', agent: false, publicName: 'claude-sonnet-5' }
const agent = { model: 'sonnet', agent: true, publicName: 'agent/claude-sonnet-5' }

const user = { role: 'user', content: 'hi' }
const text = (value: string) => ({ type: 'text', text: value })
const png = 'iVBORw0KGgoAAAANSUhEUg=='
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
const schema = { type: 'object', properties: { city: { type: 'string' } } }
const look = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }
const shout = { type: 'function', function: { name: 'shout' } }

const read = (body: object, model = plain) =>
  toChatRun(parseBody(ChatRequest, { model: 'sonnet:latest', messages: [user], ...body }), model)

const readGenerate = (body: object, model = plain) =>
  toGenerateRun(parseBody(GenerateRequest, { model: 'sonnet', prompt: 'hi', ...body }), model)

function conversationOf(...messages: object[]) {
  const { run } = read({ messages })
  return { history: run.session.kind === 'history' ? run.session.messages : [], prompt: run.prompt }
}

test('a single message is a plain run with an empty system prompt, streamed unless that is switched off', () => {
  const { run, plan, ignored } = read({})
  assert.deepEqual(run, {
    prompt: [text('hi')],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions, model: 'sonnet', systemPrompt: '' },
    streaming: true,
    plain: noPlainOptions,
    surface: 'ollama',
    approvals: false,
    persist: false,
    isAuxiliary: false,
  })
  assert.deepEqual([plan.model, plan.route, ignored], ['sonnet:latest', 'chat', []])
  assert.equal(read({ stream: false }).run.streaming, false)
})

test('generate is a run with one prompt, its images before its text', () => {
  const { run, plan, ignored } = readGenerate({ system: 'You are A.', images: [png], suffix: '', raw: false })
  assert.deepEqual(run.prompt, [image, text('hi')])
  assert.equal(run.options.systemPrompt, 'You are A.')
  assert.deepEqual([plan.route, ignored], ['generate', []])
})

test('what generate cannot do is ignored and named', () => {
  assert.deepEqual(readGenerate({ template: '{{ .Prompt }}', raw: true, context: [1, 2] }).ignored, [
    'template',
    'raw',
    'context',
  ])
})

for (const [options, limit, stop, ignored] of [
  [{}, null, [], []],
  [{ num_predict: 64 }, 64, [], []],
  [{ num_predict: -1 }, null, [], []],
  [{ num_predict: 0 }, null, [], []],
  [{ stop: ['a', ''] }, null, ['a'], []],
  [{ stop: 'a' }, null, ['a'], []],
  [{ num_ctx: 8192, num_gpu: 1, num_thread: 4, use_mmap: true, num_keep: 4 }, null, [], []],
  [{ temperature: 0.2, top_p: 1, seed: 7 }, null, [], ['options.temperature', 'options.seed']],
  [{ min_p: 0.1, 'a b': 1 }, null, [], ['options.min_p', 'options.(unknown)']],
] as const) {
  test(`the options ${JSON.stringify(options)} have their effect, or are named`, () => {
    const translation = read({ options, keep_alive: '5m' })
    assert.equal(translation.run.plain?.maxOutputTokens, limit)
    assert.deepEqual(translation.run.plain?.stopSequences, stop)
    assert.deepEqual(translation.ignored, ignored)
  })
}

for (const [think, isOff, display, effort] of [
  [undefined, false, null, null],
  [null, false, null, null],
  [false, true, null, null],
  [true, false, 'summarized', null],
  ['low', false, 'summarized', 'low'],
  ['high', false, 'summarized', 'high'],
  ['max', false, 'summarized', 'max'],
] as const) {
  test(`think ${think} is ${isOff ? 'off' : 'on'}, ${display === null ? 'hidden' : 'shown'}, with the effort ${effort}`, () => {
    const { run, plan } = read({ think })
    assert.deepEqual(run.plain?.thinking, { isOff, budgetTokens: null, display })
    assert.equal(run.options.effort, effort)
    assert.equal(plan.showsThinking, display !== null)
  })
}

test('a format is a schema, or an instruction', () => {
  const withSchema = read({ format: schema })
  assert.deepEqual([withSchema.run.options.jsonSchema, withSchema.plan.format], [schema, 'json_schema'])
  const json = read({ format: 'json', messages: [{ role: 'system', content: 'Be brief.' }, user] })
  assert.match(json.run.options.systemPrompt ?? '', /^Be brief\.\n\nAnswer with one JSON object/)
  assert.deepEqual([json.run.plain?.requiredOutput, json.plan.format], ['json-object', 'json_object'])
  for (const format of ['', null]) assert.equal(read({ format }).plan.format, 'text')
})

test('an agent has its own prompt, tools and limits; what has no effect on it is named', () => {
  const body = { think: false, tools: [look], options: { num_predict: 9, stop: ['a'] } }
  const { run, ignored, tools } = read({ ...body, messages: [{ role: 'system', content: 'Be brief.' }, user] }, agent)
  assert.equal(run.plain, null)
  assert.deepEqual([run.options.appendSystemPrompt, run.options.effort], ['Be brief.', 'low'])
  assert.deepEqual([ignored, tools], [['tools', 'options.num_predict', 'options.stop'], []])
})

test('tools are offered with their schemas', () => {
  const { run, tools } = read({ tools: [look, shout] })
  assert.deepEqual(run.plain?.tools, [
    { name: 'look', description: 'Looks.', inputSchema: { type: 'object', properties: {} } },
    { name: 'shout', description: '', inputSchema: { type: 'object', properties: {} } },
  ])
  assert.deepEqual(
    tools.map(({ nameParam, schemaParam }) => [nameParam, schemaParam]),
    [0, 1].map((index) => [`tools[${index}].function.name`, `tools[${index}].function.parameters`]),
  )
})

const call = (name: string, more: object = {}) => ({ function: { name, arguments: { of: name } }, ...more })
const asks = (...calls: object[]) => ({ role: 'assistant', content: '', tool_calls: calls })
const result = (content: string, more: object = {}) => ({ role: 'tool', content, ...more })
const use = (id: string, name: string) => ({ type: 'tool_use', id, name, input: { of: name } })
const used = (id: string, content: string) => ({ type: 'tool_result', tool_use_id: id, content: [text(content)] })

for (const [what, calls, results, ids, wanted] of [
  [
    'in the order of the calls',
    [call('look'), call('shout')],
    [result('one'), result('two')],
    ['call-1-0', 'call-1-1'],
    ['one', 'two'],
  ],
  [
    'by the names of their tools',
    [call('look'), call('shout')],
    [result('two', { tool_name: 'shout' }), result('one', { name: 'look' })],
    ['call-1-0', 'call-1-1'],
    ['one', 'two'],
  ],
  [
    'by a name, and in order among those of the same name',
    [call('look'), call('look')],
    [result('one', { tool_name: 'look' }), result('two', { tool_name: 'look' })],
    ['call-1-0', 'call-1-1'],
    ['one', 'two'],
  ],
  [
    'by their ids',
    [call('look', { id: 'a' }), call('look', { id: 'b' })],
    [result('two', { tool_call_id: 'b' }), result('one', { tool_call_id: 'a' })],
    ['a', 'b'],
    ['one', 'two'],
  ],
  [
    'in order, if their ids are those of no call',
    [call('look'), call('shout')],
    [result('one', { tool_call_id: 'x' }), result('two', { tool_call_id: 'y' })],
    ['call-1-0', 'call-1-1'],
    ['one', 'two'],
  ],
  [
    'in order, if their names are those of no tool',
    [call('look'), call('shout')],
    [result('one', { tool_name: 'lok' }), result('two', { tool_name: '' })],
    ['call-1-0', 'call-1-1'],
    ['one', 'two'],
  ],
] as const) {
  test(`results are matched to calls ${what}`, () => {
    const { history, prompt } = conversationOf(user, asks(...calls), ...results)
    const [first, second] = ids
    assert.deepEqual(history[1], {
      role: 'assistant',
      content: calls.map((each, index) => use(ids[index] ?? '', each.function.name)),
    })
    const [one, two] = wanted
    const byId = (blocks: readonly object[]) =>
      blocks.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
    assert.deepEqual(byId(prompt), byId([used(first, one), used(second, two)]))
  })
}

test('calls without ids get the same ones in the next request', () => {
  const turn = [user, asks(call('look')), result('one')]
  const first = conversationOf(...turn)
  const later = conversationOf(
    ...turn,
    { role: 'assistant', content: 'Seen.' },
    user,
    asks(call('look')),
    result('two'),
  )
  assert.deepEqual(later.history.slice(0, 2), first.history)
  assert.deepEqual(later.history.slice(2, 3), [{ role: 'user', content: first.prompt }])
  assert.deepEqual(later.prompt, [used('call-5-0', 'two')])
})

test('images may have the prefix of a data: URL, and results of calls may have images', () => {
  const { prompt } = conversationOf({ ...user, images: [`data:image/jpeg;base64,${png}`] })
  assert.deepEqual(prompt, [image, text('hi')])
  const seen = conversationOf(user, asks(call('look')), result('', { images: [png] }))
  assert.deepEqual(seen.prompt, [{ type: 'tool_result', tool_use_id: 'call-1-0', content: [image] }])
})

test('thinking comes back without its signature, and is left out', () => {
  const { history } = conversationOf(user, { role: 'assistant', content: 'A', thinking: 'unsigned' }, user)
  assert.deepEqual(history[1], { role: 'assistant', content: [text('A')] })
})

for (const [body, message] of [
  [{ messages: [user, { role: 'assistant', content: 'A' }] }, /^messages must end with a user or tool message/],
  [{ messages: [{ role: 'user', content: ' ' }] }, /^messages must end with a message that is not empty/],
  [{ messages: [{ role: 'user', content: [text('hi')] }] }, /^messages\[0\]\.content must be a string/],
  [{ messages: [{ role: 'developer', content: 'hi' }] }, /^messages\[0\]\.role must be one of system/],
  [{ messages: [result('one')] }, /^messages\[0\] is the result of no open tool call/],
  [{ messages: [user, asks(call('look')), user] }, /^messages\[1\]\.tool_calls\[0\] has no result/],
  [
    { messages: [user, asks({ function: { name: 'look', arguments: '{}' } })] },
    /^messages\[1\]\.tool_calls\[0\]\.function\.arguments must be an object/,
  ],
  [{ messages: [{ ...user, images: ['not base64!'] }] }, /^messages\[0\]\.images\[0\] must be an image in base64/],
  [{ messages: [{ ...user, images: ['aGVsbG8='] }] }, /^messages\[0\]\.images\[0\] must be an image: PNG/],
  [{ format: 'yaml' }, /^format must be json or a JSON Schema/],
  [{ think: 'deeply' }, /^think must be true, false or one of low/],
  [{ options: { num_predict: 'many' } }, /^options\.num_predict must be an integer/],
  [{ logprobs: true }, /^logprobs cannot be true/],
  [{ tools: [{ type: 'function', function: { name: 'no spaces' } }] }, /^tools\[0\]\.function\.name must be 1 to 128/],
] as const) {
  test(`chat refuses ${JSON.stringify(body).slice(0, 90)}`, () => {
    assert.throws(
      () => read(body),
      (error) => error instanceof AppError && error.code === 'invalid_request' && message.test(error.message),
    )
  })
}

for (const [body, message] of [
  [{ suffix: 'end' }, /^suffix is not supported/],
  [{ prompt: ' \n' }, /^prompt must not be blank/],
  [{ images: ['not base64!'] }, /^images\[0\] must be an image/],
] as const) {
  test(`generate refuses ${JSON.stringify(body)}`, () => {
    assert.throws(
      () => readGenerate(body),
      (error) => error instanceof AppError && error.code === 'invalid_request' && message.test(error.message),
    )
  })
}

for (const [body, isLoading] of [
  [{}, true],
  [{ messages: [] }, true],
  [{ messages: null }, true],
  [{ prompt: '' }, true],
  [{ prompt: 'hi' }, false],
  [{ prompt: '', images: [png] }, false],
  [{ messages: [user] }, false],
] as const) {
  test(`${JSON.stringify(body).slice(0, 60)} ${isLoading ? 'only loads a model' : 'has something to answer'}`, () => {
    assert.equal(isLoad(body), isLoading)
  })
}

test('a model is unloaded by no time, with or without a unit', () => {
  const unloads = (keep_alive: string | number | null) =>
    isUnload(parseBody(ChatRequest, { model: 'sonnet', keep_alive }))
  for (const time of [0, '0', '0s', '0m', '0.0h']) assert.equal(unloads(time), true, String(time))
  for (const time of [null, 5, -1, '', '5m', '0.5s', '1h0m']) assert.equal(unloads(time), false, String(time))
})
