// The items of requests to the Responses API as conversations: the system prompt, the history and the prompt; and the
// errors in them, each with the field that it names.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ThinkingBlock } from '../../../../src/core/conversation.ts'
import { AppError } from '../../../../src/errors.ts'
import { parseBody } from '../../../../src/http/validate.ts'
import { decodeThinking, encodeThinking } from '../../../../src/surfaces/openai/responses/encrypted-reasoning.ts'
import { readItems } from '../../../../src/surfaces/openai/responses/items.ts'
import { ResponseRequest } from '../../../../src/surfaces/openai/responses/schemas.ts'
import { testSealer } from '../../../helpers/inject-app.ts'

const png = 'iVBORw0KGgoAAAANSUhEUg=='
const pdf = 'JVBERi0xLjQK'

const text = (value: string) => ({ type: 'text', text: value })
const turn = (role: 'user' | 'assistant', ...values: string[]) => ({ role, content: values.map(text) })
const user = { type: 'message', role: 'user', content: 'hi' }
const call = (id: string, more: object = {}) => ({
  type: 'function_call',
  call_id: id,
  name: 'look',
  arguments: '{"row":1}',
  ...more,
})
const output = (id: string, value: unknown = 'seen') => ({ type: 'function_call_output', call_id: id, output: value })
const custom = (id: string, input = 'select 1') => ({ type: 'custom_tool_call', call_id: id, name: 'sql', input })
const used = (id: string, name = 'look', input: object = { row: 1 }) => ({ type: 'tool_use', id, name, input })
const result = (id: string, ...content: object[]) => ({ type: 'tool_result', tool_use_id: id, content })
const thought = (thinking: string, signature = 'sig'): ThinkingBlock => ({ type: 'thinking', thinking, signature })
const reasoning = (...blocks: ThinkingBlock[]) => ({
  type: 'reasoning',
  id: 'rs_1',
  summary: [],
  encrypted_content: encodeThinking(blocks),
})

/** Reads items as a request contains them. */
function read(...items: unknown[]) {
  const { input } = parseBody(ResponseRequest, { model: 'sonnet', input: items })
  assert.ok(Array.isArray(input))
  return readItems(
    input.map((item, index) => ({ item, param: `input[${index}]` })),
    testSealer.open,
  )
}

function refusal(...items: unknown[]): [string, string] {
  try {
    read(...items)
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown))
    assert.equal(thrown.code, 'invalid_request')
    const field = thrown.details.field ?? ''
    assert.ok(thrown.message.startsWith(`${field} `), thrown.message)
    return [field, thrown.message.slice(field.length + 1)]
  }
  assert.fail('it was accepted')
}

const messages: [title: string, item: object, prompt: object[]][] = [
  ['with its type', user, [text('hi')]],
  ['without a type', { role: 'user', content: 'hi' }, [text('hi')]],
  ['with null for a type', { type: null, role: 'user', content: 'hi' }, [text('hi')]],
  ['of one part', { role: 'user', content: [{ type: 'input_text', text: 'hi' }] }, [text('hi')]],
  ['of a chat completions part', { role: 'user', content: [text('hi')] }, [text('hi')]],
  ['with fields without effect', { ...user, id: 'msg_1', status: 'completed', phase: 'x' }, [text('hi')]],
  [
    'of several parts, without the blank ones',
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'a' },
        { type: 'input_text', text: ' \n' },
        { type: 'input_text', text: 'b' },
      ],
    },
    [text('a'), text('b')],
  ],
  [
    'of an image',
    { role: 'user', content: [{ type: 'input_image', detail: 'low', image_url: `data:image/png;base64,${png}` }] },
    [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }],
  ],
]
for (const [title, item, prompt] of messages) {
  test(`a user message ${title} is the prompt`, () => {
    assert.deepEqual(read(item), { system: [], history: [], prompt, ignored: [] })
  })
}

test('a file in a user message is a document', () => {
  const { prompt } = read({
    role: 'user',
    content: [{ type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` }],
  })
  assert.partialDeepStrictEqual(prompt, [{ type: 'document', source: { data: pdf }, title: 'a.pdf' }])
})

test('instructions at the start are the system prompt, later ones stay where they are', () => {
  const { system, history, prompt } = read(
    { role: 'system', content: 'One.' },
    { role: 'developer', content: [{ type: 'input_text', text: 'Two.' }] },
    user,
    { type: 'message', role: 'developer', content: 'Three.' },
    { role: 'assistant', content: 'Yes.' },
    { role: 'system', content: 'Four.' },
    { role: 'user', content: 'Go on.' },
  )
  assert.deepEqual(system, ['One.', 'Two.'])
  assert.deepEqual(history, [
    turn('user', 'hi', '<system-message>\nThree.\n</system-message>'),
    turn('assistant', 'Yes.'),
  ])
  assert.deepEqual(prompt, [text('<system-message>\nFour.\n</system-message>'), text('Go on.')])
})

test('an answer keeps its parts, including a refusal', () => {
  const { history } = read(
    user,
    {
      type: 'message',
      id: 'msg_1',
      role: 'assistant',
      status: 'completed',
      content: [
        { type: 'output_text', text: 'No,', annotations: [], logprobs: [] },
        { type: 'refusal', refusal: 'never.' },
      ],
    },
    user,
  )
  assert.deepEqual(history, [turn('user', 'hi'), turn('assistant', 'No,', 'never.')])
})

test('a conversation that starts with an answer gets an opening before it', () => {
  const { history } = read({ role: 'assistant', content: 'Welcome.' }, user)
  assert.deepEqual(
    history.map(({ role }) => role),
    ['user', 'assistant'],
  )
})

test('calls with outputs between them are separate turns', () => {
  const { history, prompt } = read(user, call('a'), output('a', 'A'), call('b'), output('b', 'B'))
  assert.deepEqual(history, [
    turn('user', 'hi'),
    { role: 'assistant', content: [used('a')] },
    { role: 'user', content: [result('a', text('A'))] },
    { role: 'assistant', content: [used('b')] },
  ])
  assert.deepEqual(prompt, [result('b', text('B'))])
})

test('adjacent calls are one turn, whatever the order of their outputs', () => {
  const { history, prompt } = read(user, call('a'), custom('b'), output('b', 'B'), output('a', 'A'))
  assert.deepEqual(history.at(-1), { role: 'assistant', content: [used('a'), used('b', 'sql', { input: 'select 1' })] })
  assert.deepEqual(prompt, [result('b', text('B')), result('a', text('A'))])
})

test('text before, between and after calls and outputs stays in the right message', () => {
  const { history, prompt } = read(
    user,
    { role: 'assistant', content: 'I look.' },
    call('a'),
    call('b'),
    output('a'),
    { role: 'user', content: 'And?' },
    output('b'),
  )
  assert.deepEqual(history.at(-1), { role: 'assistant', content: [text('I look.'), used('a'), used('b')] })
  assert.deepEqual(prompt, [result('a', text('seen')), result('b', text('seen')), text('And?')])
})

test('an output of either type answers a call of either type, and its parts are blocks', () => {
  const parts = [
    { type: 'input_text', text: 'a' },
    { type: 'input_image', image_url: `data:image/png;base64,${png}` },
  ]
  const { prompt } = read(
    user,
    call('a'),
    custom('b'),
    { type: 'custom_tool_call_output', call_id: 'a', output: parts },
    { type: 'function_call_output', call_id: 'b', output: 'b' },
  )
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }
  assert.deepEqual(prompt, [result('a', text('a'), image), result('b', text('b'))])
})

for (const [title, value] of [
  ['null', null],
  ['missing', undefined],
  ['blank', ' '],
  ['an empty list', []],
] as const) {
  test(`an output that is ${title} is a result without content`, () => {
    assert.deepEqual(read(user, call('a'), { ...output('a'), output: value }).prompt, [result('a')])
  })
}

test('the same id in a later turn is another call', () => {
  const { history, prompt } = read(user, call('a'), output('a', 'A'), call('a'), output('a', 'B'))
  assert.deepEqual(history.at(-1), { role: 'assistant', content: [used('a-2')] })
  assert.deepEqual(prompt, [result('a-2', text('B'))])
})

const argumentCases: [title: string, args: unknown, input: object][] = [
  ['an object', { row: 1 }, { row: 1 }],
  ['nothing', undefined, {}],
  ['null', null, {}],
  ['an empty string', '', {}],
  ['whitespace', ' \n', {}],
  ['JSON', '{"a":{"b":[null]}}', { a: { b: [null] } }],
  ['invalid JSON', '{"a":', { INVALID_JSON: '{"a":' }],
  ['a list', '[1]', { INVALID_JSON: '[1]' }],
  ['JSON null', 'null', { INVALID_JSON: 'null' }],
  ['a JSON string', '"x"', { INVALID_JSON: '"x"' }],
]
for (const [title, args, input] of argumentCases) {
  test(`arguments that are ${title} are accepted`, () => {
    const { history } = read(user, call('a', { arguments: args }), output('a'))
    assert.deepEqual(history.at(-1), { role: 'assistant', content: [used('a', 'look', input)] })
  })
}

test('a call in a namespace gets a name made of both names', () => {
  const { history } = read(
    user,
    call('a', { namespace: 'fs' }),
    call('b', { namespace: null }),
    output('a'),
    output('b'),
  )
  assert.deepEqual(history.at(-1), { role: 'assistant', content: [used('a', 'fs__look'), used('b', 'look')] })
})

test('encrypted thinking goes before the next text or call of the model', () => {
  const redacted: ThinkingBlock = { type: 'redacted_thinking', data: 'dark' }
  const { history } = read(
    user,
    reasoning(thought('One'), redacted),
    call('a'),
    output('a'),
    reasoning(thought('Two')),
    { role: 'assistant', content: 'Done.' },
    user,
  )
  assert.deepEqual(history[1], { role: 'assistant', content: [thought('One'), redacted, used('a')] })
  assert.deepEqual(history[3], { role: 'assistant', content: [thought('Two'), text('Done.')] })
})

test('thinking in the middle of a turn stays between the text before and after it', () => {
  const { history } = read(
    user,
    reasoning(thought('One')),
    { role: 'assistant', content: 'I look.' },
    reasoning(thought('Two')),
    call('a'),
    output('a'),
  )
  assert.deepEqual(history[1], {
    role: 'assistant',
    content: [thought('One'), text('I look.'), thought('Two'), used('a')],
  })
})

for (const [title, next] of [
  ['a user message', { role: 'user', content: 'And?' }],
  ['instructions', { role: 'developer', content: 'Be brief.' }],
] as const) {
  test(`thinking before ${title} was cut short and is left out and named, also from later messages`, () => {
    const { history, ignored } = read(
      user,
      { role: 'assistant', content: 'A' },
      reasoning(thought('lost')),
      next,
      {
        role: 'assistant',
        content: 'B',
      },
      user,
    )
    assert.doesNotMatch(JSON.stringify(history), /lost/)
    assert.deepEqual(history.at(-1), turn('assistant', 'B'))
    assert.deepEqual(ignored, ['input[2]'])
  })
}

test('thinking before an output is left out and named', () => {
  const { history, prompt, ignored } = read(
    user,
    call('a'),
    reasoning(thought('lost')),
    output('a'),
    call('b'),
    output('b'),
  )
  assert.doesNotMatch(JSON.stringify([history, prompt]), /lost/)
  assert.deepEqual(ignored, ['input[2]'])
})

const own = encodeThinking([thought('own')])
const foreign: [title: string, content: unknown][] = [
  ['of another vendor', 'gAAAAABo'],
  ['that is missing', undefined],
  ['that is null', null],
  ['that is empty', ''],
  ['cut in the middle', own.slice(0, -9)],
  ['with another prefix', own.replace('cs1.', 'cs2.')],
  ['that is not base64', 'cs1.%%%'],
  ['of JSON that is not a list', `cs1.${Buffer.from('{"type":"thinking"}').toString('base64url')}`],
  ['of a block of another type', `cs1.${Buffer.from('[{"type":"text","text":"x"}]').toString('base64url')}`],
  [
    'of a block with an extra field',
    `cs1.${Buffer.from('[{"type":"thinking","thinking":"x","signature":"s","cache_control":{}}]').toString('base64url')}`,
  ],
  ['with nothing after the prefix', 'cs1.'],
]
for (const [title, content] of foreign) {
  test(`thinking ${title} is left out and named`, () => {
    const item = {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'S' }],
      encrypted_content: content,
    }
    const { history, ignored } = read(user, item, { role: 'assistant', content: 'A' }, user)
    assert.deepEqual(history, [turn('user', 'hi'), turn('assistant', 'A')])
    assert.deepEqual(ignored, ['input[1]'])
  })
}

test('encoded thinking decodes to the same blocks, whatever they contain', () => {
  const blocks: ThinkingBlock[] = [thought('ä🦉\u0000\u2028"', 'a+/='), { type: 'redacted_thinking', data: '' }]
  assert.deepEqual(decodeThinking(encodeThinking(blocks)), blocks)
  assert.deepEqual(decodeThinking(encodeThinking([])), [])
})

test('items of other types are left out and reported, and the items around them are read', () => {
  const { prompt, history, ignored } = read(
    { type: 'computer_call', call_id: 'x' },
    user,
    { type: 'web_search_call', id: 'ws_1', status: 'completed' },
    call('a'),
    { type: 'local_shell_call', call_id: 'b' },
    output('a'),
    { type: 'Message', role: 'user', content: 'lost' },
    { type: '', role: 'user', content: 'lost' },
  )
  assert.deepEqual(ignored, ['input[0]', 'input[2]', 'input[4]', 'input[6]', 'input[7]'])
  assert.deepEqual(history.at(-1), { role: 'assistant', content: [used('a')] })
  assert.deepEqual(prompt, [result('a', text('seen'))])
})

const ends = /must end with a user message or the output of a call/
const empty = /must contain a user message that is not empty/
const noOutput = /has no output: each call must be followed by an item with its output/
const orphan = /matches no open call in the preceding items/
const notText = /must be text in a message of this role/
const notNothing = /must be a string that is not empty/
const refusals: [title: string, items: unknown[], field: string, what: RegExp][] = [
  ['nothing at all', [], 'input', empty],
  ['empty instructions only', [{ role: 'system', content: ' ' }], 'input', empty],
  ['nothing but whitespace', [{ role: 'user', content: ' \n\t' }], 'input', empty],
  ['an empty list of parts', [{ role: 'user', content: [] }], 'input', empty],
  ['nothing but items that are left out', [{ type: 'web_search_call' }], 'input', empty],
  ['thinking only', [reasoning(thought('x'))], 'input', empty],
  ['an answer at the end', [user, { role: 'assistant', content: 'A' }], 'input', ends],
  ['a call at the end', [user, call('a')], 'input', ends],
  ['a call without an output', [user, call('a'), { role: 'user', content: 'x' }], 'input[1]', noOutput],
  ['one of two calls without an output', [user, call('a'), call('b'), output('a')], 'input[2]', noOutput],
  [
    'a call in the next turn before the output',
    [user, call('a'), call('b'), output('a'), call('c')],
    'input[2]',
    noOutput,
  ],
  ['an output without a call', [user, output('a')], 'input[1].call_id', orphan],
  ['an output before its call', [user, output('a'), call('a')], 'input[1].call_id', orphan],
  ['a second output of a call', [user, call('a'), output('a'), output('a')], 'input[3].call_id', orphan],
  ['an output of another call', [user, call('a'), output('b')], 'input[2].call_id', orphan],
  ['an id of two open calls', [user, call('a'), custom('a')], 'input[2].call_id', /is also the id of another call/],
  ['a call with an empty id', [user, call('')], 'input[1].call_id', notNothing],
  ['a call without an id', [user, call('a', { call_id: undefined })], 'input[1].call_id', /is required/],
  ['an output with an empty id', [user, output('')], 'input[1].call_id', notNothing],
  ['a custom call with an empty id', [user, custom('')], 'input[1].call_id', notNothing],
  ['a call without a name', [user, call('a', { name: undefined })], 'input[1].name', /is required/],
  ['a call whose name is a number', [user, call('a', { name: 7 })], 'input[1].name', /must be a string/],
  ['a call whose namespace is a number', [user, call('a', { namespace: 7 })], 'input[1].namespace', /must be a string/],
  ['a custom call without input', [user, { ...custom('a'), input: undefined }], 'input[1].input', /is required/],
  ['a custom call of an object', [user, { ...custom('a'), input: {} }], 'input[1].input', /must be a string/],
  ['an output that is a number', [user, call('a'), output('a', 7)], 'input[2].output', /must be a string or an array/],
  [
    'an output that is an object',
    [user, call('a'), output('a', {})],
    'input[2].output',
    /must be a string or an array/,
  ],
  [
    'an output with an unknown part',
    [user, call('a'), output('a', [{ type: 'x' }])],
    'input[2].output[0].type',
    /must be a content part/,
  ],
  [
    'an output with an image by URL',
    [user, call('a'), output('a', [{ type: 'input_image', image_url: 'https://example.org/a.png' }])],
    'input[2].output[0].image_url',
    /must be a data: URL/,
  ],
  ['an item without a role or a type', [{ content: 'x' }], 'input[0].role', /is required/],
  ['an unknown role', [{ role: 'tool', content: 'x' }], 'input[0].role', /must be one of system, developer/],
  ['a message without content', [{ role: 'user' }], 'input[0].content', /is required/],
  ['a message of null', [{ role: 'user', content: null }], 'input[0].content', /must be a string or an array/],
  ['a message of a number', [user, { role: 'user', content: 7 }], 'input[1].content', /must be a string or an array/],
  [
    'a part without a type',
    [{ role: 'user', content: [{}] }],
    'input[0].content[0].type',
    /is required|must be a content part/,
  ],
  [
    'a part without text',
    [{ role: 'user', content: [{ type: 'input_text' }] }],
    'input[0].content[0].text',
    /is required/,
  ],
  [
    'an image by URL',
    [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://example.org/a.png' }] }],
    'input[0].content[0].image_url',
    /must be a data: URL/,
  ],
  [
    'an image by id',
    [{ role: 'user', content: [{ type: 'input_image', file_id: 'file_1' }] }],
    'input[0].content[0].image_url',
    /is required/,
  ],
  [
    'a file by id',
    [{ role: 'user', content: [{ type: 'input_file', file_id: 'file_1' }] }],
    'input[0].content[0].file_id',
    /is not supported/,
  ],
  [
    'an image in an answer',
    [user, { role: 'assistant', content: [{ type: 'input_image', image_url: `data:image/png;base64,${png}` }] }],
    'input[1].content[0].type',
    notText,
  ],
  [
    'an image in instructions',
    [{ role: 'developer', content: [{ type: 'input_image', image_url: `data:image/png;base64,${png}` }] }],
    'input[0].content[0].type',
    notText,
  ],
  ['an item that is a string', ['hi'], 'input[0]', /must be an item, as an object/],
  ['an item that is a list', [user, []], 'input[1]', /must be an item, as an object/],
  ['an item that is null', [user, null], 'input[1]', /must be an item, as an object/],
  ['an item whose type is a number', [{ type: 7 }], 'input[0].type', /must be a string/],
  [
    'encrypted thinking that is not a string',
    [{ type: 'reasoning', encrypted_content: 7 }],
    'input[0].encrypted_content',
    /must be a string/,
  ],
]
for (const [title, items, field, what] of refusals) {
  test(`a conversation with ${title} is refused, naming the field`, () => {
    const [named, message] = refusal(...items)
    assert.equal(named, field)
    assert.match(message, what)
  })
}

const deep = `{"a":${'['.repeat(100)}${']'.repeat(100)}}`
for (const [title, args, what] of [
  ['nested too deeply', deep, /nested more than 64 levels/],
  ['a number', 7, /must be a string of JSON/],
] as const) {
  test(`arguments that are ${title} are refused, naming the field`, () => {
    const [named, message] = refusal(user, call('a', { arguments: args }))
    assert.equal(named, 'input[1].arguments')
    assert.match(message, what)
  })
}
