// Translates messages requests into runs: bodies in, run inputs out. bad-input.test.ts tests what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noOptions, noPlainOptions, type Thinking } from '../../../src/core/agent.ts'
import type { AppError } from '../../../src/errors.ts'
import { parseBody } from '../../../src/http/validate.ts'
import { toMessagesRun } from '../../../src/surfaces/anthropic/request.ts'
import { CountRequest, MessagesRequest } from '../../../src/surfaces/anthropic/schemas.ts'
import { readVersion } from '../../../src/surfaces/anthropic/version.ts'

const plain = { model: 'sonnet', agent: false, publicName: 'claude-sonnet-5' }
const agent = { model: 'sonnet', agent: true, publicName: 'agent/claude-sonnet-5' }
const older = '2023-06-01'
const newer = '2026-10-21'

const user = { role: 'user', content: 'hi' }
const assistant = (...content: object[]) => ({ role: 'assistant', content })
const call = (id: string, name = 'look', input: object = { x: 1 }) => ({ type: 'tool_use', id, name, input })
const result = (id: string, content: unknown = 'seen') => ({ type: 'tool_result', tool_use_id: id, content })
const png = 'iVBORw0KGgoAAAANSUhEUg=='
const jpeg = '/9j/4AAQSkZJRg=='
const pdf = 'JVBERi0xLjQK'

const text = (value: string) => ({ type: 'text', text: value })
const image = (mediaType: string, data: string) => ({
  type: 'image',
  source: { type: 'base64', media_type: mediaType, data },
})
const textSource = (data: string) => ({ type: 'text', media_type: 'text/plain', data })
const pdfSource = { type: 'base64', media_type: 'application/pdf', data: pdf }

function read(body: object, { model = plain, version = older }: { model?: typeof plain; version?: string } = {}) {
  const request = { model: 'sonnet', max_tokens: 5, messages: [user], ...body }
  return toMessagesRun(parseBody(MessagesRequest, request), model, readVersion(version))
}

const readMessages = (...messages: object[]) => {
  const { run, ignored } = read({ messages })
  assert.equal(run.session.kind, 'history')
  const history = run.session.kind === 'history' ? run.session.messages : []
  return { system: run.options.systemPrompt, history, prompt: run.prompt, ignored }
}
const promptOf = (...content: object[]) => readMessages({ role: 'user', content }).prompt
/** The blocks of an earlier answer as the model gets them. */
const answerOf = (...content: object[]) => readMessages(user, assistant(...content), user).history[1]?.content

const noThinking: Thinking = { isOff: true, budgetTokens: null, display: null }
const plainOptions = { ...noPlainOptions, maxOutputTokens: 5, thinking: noThinking }

test('a single message is a plain run without thinking, with an empty system prompt and no history', () => {
  assert.deepEqual(read({}).run, {
    prompt: [text('hi')],
    session: { kind: 'history', messages: [] },
    options: { ...noOptions, model: 'sonnet', systemPrompt: '' },
    streaming: false,
    plain: plainOptions,
    surface: 'anthropic',
    approvals: false,
    persist: false,
    isAuxiliary: false,
  })
  assert.deepEqual(read({}).ignored, [])
})

test('a streaming request is a streaming run', () => {
  assert.equal(read({ stream: true }).run.streaming, true)
  assert.equal(read({ stream: false }).run.streaming, false)
})

test('a null field counts as absent', () => {
  const names = Object.keys(MessagesRequest.shape).filter(
    (name) => name !== 'model' && name !== 'messages' && name !== 'max_tokens',
  )
  const nulls = Object.fromEntries(names.map((name) => [name, null]))
  for (const version of [older, newer]) assert.deepEqual(read(nulls, { version }), read({}))
})

test('a token count needs no max_tokens', () => {
  const body = parseBody(CountRequest, { model: 'sonnet', messages: [user] })
  const { run } = toMessagesRun(body, plain, readVersion(older))
  assert.deepEqual([run.prompt, run.plain?.maxOutputTokens], [[text('hi')], null])
})

const systems: [string, object, string][] = [
  ['a string', { system: 'Be brief.' }, 'Be brief.'],
  ['an empty string', { system: '' }, ''],
  ['white space', { system: ' \n' }, ''],
  [
    'text blocks',
    { system: [text('One.'), { ...text('Two.'), cache_control: { type: 'ephemeral' } }] },
    'One.\n\nTwo.',
  ],
  ['no blocks', { system: [] }, ''],
  ['blocks of white space', { system: [text(''), text('One.'), text(' ')] }, 'One.'],
  ['a message', { messages: [{ role: 'system', content: 'One.' }, user] }, 'One.'],
  [
    'messages of strings and blocks',
    {
      messages: [
        { role: 'system', content: 'One.' },
        { role: 'system', content: [text('Two.'), text('Three.')] },
        user,
      ],
    },
    'One.\n\nTwo.\n\nThree.',
  ],
  [
    'the field, then messages before the first user message',
    { system: 'One.', messages: [{ role: 'system', content: 'Two.' }, user] },
    'One.\n\nTwo.',
  ],
]
for (const [what, body, expected] of systems) {
  test(`${what} as system gives the system prompt ${JSON.stringify(expected)}`, () => {
    const { run } = read(body)
    assert.equal(run.options.systemPrompt, expected)
    assert.deepEqual(run.prompt, [text('hi')])
  })
}

test('a system message in the middle keeps its position, as marked user text', () => {
  const { system, history, prompt } = readMessages(
    { role: 'system', content: 'One.' },
    { role: 'user', content: 'Two' },
    { role: 'system', content: [text('Three.'), text('Four.')] },
    assistant(text('Five')),
    { role: 'system', content: 'Six.' },
    { role: 'user', content: 'Seven' },
  )
  const marked = (value: string) => text(`<system-message>\n${value}\n</system-message>`)
  assert.equal(system, 'One.')
  assert.deepEqual(history, [
    { role: 'user', content: [text('Two'), marked('Three.'), marked('Four.')] },
    { role: 'assistant', content: [text('Five')] },
  ])
  assert.deepEqual(prompt, [marked('Six.'), text('Seven')])
})

test('a system message may come between a call and its result', () => {
  const { history, prompt } = readMessages(
    user,
    assistant(call('a')),
    { role: 'system', content: 'Mind the gap.' },
    { role: 'user', content: [result('a')] },
  )
  assert.equal(history.length, 2)
  assert.deepEqual(prompt[0], { type: 'tool_result', tool_use_id: 'a', content: [text('seen')] })
  assert.deepEqual(prompt[1], text('<system-message>\nMind the gap.\n</system-message>'))
})

test('the messages after the last answer are the prompt, those before it the history with its roles', () => {
  const { history, prompt } = readMessages(
    { role: 'user', content: 'One' },
    { role: 'user', content: [text('Two')] },
    { role: 'assistant', content: 'Three' },
    assistant(text('Four')),
    { role: 'user', content: 'Five' },
    { role: 'user', content: [text('Six'), text('Seven')] },
  )
  assert.deepEqual(history, [
    { role: 'user', content: [text('One'), text('Two')] },
    { role: 'assistant', content: [text('Three'), text('Four')] },
  ])
  assert.deepEqual(prompt, [text('Five'), text('Six'), text('Seven')])
})

test('a string means the same as one text block, in every role', () => {
  const withContent = (as: (value: string) => unknown) =>
    readMessages(
      { role: 'system', content: as('One.') },
      { role: 'user', content: as('Two') },
      { role: 'assistant', content: as('Three') },
      { role: 'system', content: as('Four.') },
      { role: 'user', content: as('Five') },
    )
  assert.deepEqual(
    withContent((value) => value),
    withContent((value) => [text(value)]),
  )
})

test('text that is only white space is dropped, and so is an answer without text', () => {
  const { history, prompt } = readMessages(
    { role: 'user', content: [text(' '), text('One')] },
    assistant(text('\n')),
    { role: 'assistant', content: '' },
    { role: 'user', content: [text(''), text('Two')] },
  )
  assert.deepEqual([history, prompt], [[], [text('One'), text('Two')]])
})

test('a conversation that starts with the assistant gets a user message before it', () => {
  const { history } = readMessages({ role: 'assistant', content: 'Welcome.' }, user)
  assert.deepEqual(
    history.map(({ role }) => role),
    ['user', 'assistant'],
  )
})

test('calls stay at the end of their answer, and results come first in the next message', () => {
  const { history, prompt } = readMessages(user, assistant(text('Let me see.'), call('a'), call('b', 'shout', {})), {
    role: 'user',
    content: [text('Here:'), { ...result('a'), is_error: false }, { ...result('b', 'no'), is_error: true }],
  })
  assert.deepEqual(history.at(-1)?.content, [text('Let me see.'), call('a'), call('b', 'shout', {})])
  assert.deepEqual(prompt, [
    { type: 'tool_result', tool_use_id: 'a', content: [text('seen')] },
    { type: 'tool_result', tool_use_id: 'b', content: [text('no')], is_error: true },
    text('Here:'),
  ])
})

test('results may come in any order and in several user messages', () => {
  const { prompt } = readMessages(
    user,
    assistant(call('a'), call('b')),
    { role: 'user', content: [result('b', 'two')] },
    { role: 'user', content: [result('a', 'one'), text('And?')] },
  )
  assert.deepEqual(prompt, [
    { type: 'tool_result', tool_use_id: 'b', content: [text('two')] },
    { type: 'tool_result', tool_use_id: 'a', content: [text('one')] },
    text('And?'),
  ])
})

const results: [string, unknown, object[]][] = [
  ['a string', 'seen', [text('seen')]],
  ['an empty string', '', []],
  ['nothing', undefined, []],
  ['null', null, []],
  ['no blocks', [], []],
  ['text blocks', [text('a'), text(' '), text('b')], [text('a'), text('b')]],
  ['an image', [text('a'), image('image/png', png)], [text('a'), image('image/png', png)]],
  ['a document', [{ type: 'document', source: pdfSource }], [{ type: 'document', source: pdfSource }]],
  [
    'a search result',
    [{ type: 'search_result', title: 'A', source: 'https://a.example', content: [text('b'), text('c')] }],
    [text('A (https://a.example)\n\nb\n\nc')],
  ],
]
for (const [what, content, expected] of results) {
  test(`a tool result may be ${what}`, () => {
    const { prompt, ignored } = readMessages(user, assistant(call('a')), {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'a', content }],
    })
    // `is_error` is present only if it is true.
    assert.deepEqual(prompt, [{ type: 'tool_result', tool_use_id: 'a', content: expected }])
    assert.deepEqual(ignored, [])
  })
}

test('a block of a server tool in a result becomes text and is named as ignored', () => {
  const reference = { type: 'browser_state', url: 'x' }
  const { prompt, ignored } = readMessages(user, assistant(call('a')), {
    role: 'user',
    content: [result('a', [text('Found:'), reference])],
  })
  assert.deepEqual(prompt, [
    { type: 'tool_result', tool_use_id: 'a', content: [text('Found:'), text(JSON.stringify(reference))] },
  ])
  assert.deepEqual(ignored, ['messages[2].content[0].content[1]'])
})

test('an id that the API would refuse, or that was used before, is replaced consistently in call and result', () => {
  const turn = [assistant(call('x|y.1')), { role: 'user', content: [result('x|y.1')] }]
  const { history, prompt } = readMessages(user, ...turn, ...turn)
  const ids = history.flatMap(({ content }) =>
    (content as { type: string; id?: string }[]).flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])),
  )
  assert.deepEqual(ids, ['x_y_1', 'x_y_1-2'])
  assert.deepEqual(prompt, [{ type: 'tool_result', tool_use_id: 'x_y_1-2', content: [text('seen')] }])
})

const thought = { type: 'thinking', thinking: 'Hmm.', signature: 'c2lnbmVk' }
const redacted = { type: 'redacted_thinking', data: 'aGlkZGVu' }

test('signed thinking goes back to the model unchanged and in its position', () => {
  const { history } = readMessages(
    user,
    assistant(thought, redacted, text('Let me see.'), call('a')),
    { role: 'user', content: [result('a')] },
    assistant({ ...thought, signature: 'YW5vdGhlcg==' }, text('Seen.')),
    user,
  )
  assert.deepEqual(history[1]?.content, [thought, redacted, text('Let me see.'), call('a')])
  assert.deepEqual(history[3]?.content, [{ ...thought, signature: 'YW5vdGhlcg==' }, text('Seen.')])
})

for (const signature of [undefined, null, '']) {
  test(`thinking with the signature ${JSON.stringify(signature)} is dropped silently`, () => {
    assert.deepEqual(answerOf({ ...thought, signature }, text('Yes.')), [text('Yes.')])
  })
}

test('an answer with only thinking is dropped', () => {
  const { history, prompt } = readMessages(user, assistant(thought, redacted), user)
  assert.deepEqual([history, prompt], [[], [text('hi'), text('hi')]])
})

const serverBlocks: object[] = [
  { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'a' } },
  { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result', title: 'A' }] },
  { type: 'web_fetch_tool_result', tool_use_id: 'srvtoolu_1', content: { type: 'web_fetch_result', url: 'x' } },
  { type: 'code_execution_tool_result', tool_use_id: 'srvtoolu_1', content: { stdout: 'a' } },
  { type: 'bash_code_execution_tool_result', tool_use_id: 'srvtoolu_1', content: { stdout: 'a' } },
  { type: 'text_editor_code_execution_tool_result', tool_use_id: 'srvtoolu_1', content: {} },
  { type: 'tool_search_tool_result', tool_use_id: 'srvtoolu_1', content: {} },
  { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'a', server_name: 'b', input: {} },
  { type: 'mcp_tool_result', tool_use_id: 'mcptoolu_1', is_error: false, content: [text('a')] },
  { type: 'container_upload', file_id: 'file_1' },
  { type: 'compaction', content: 'All that was said.' },
]
for (const block of serverBlocks) {
  test(`${(block as { type: string }).type} becomes text and is named as ignored, in a message of either role`, () => {
    const { history, prompt, ignored } = readMessages(
      { role: 'user', content: [text('One'), block] },
      assistant(block, text('Two')),
      { role: 'user', content: [block] },
    )
    const shown = text(JSON.stringify(block))
    assert.deepEqual(history, [
      { role: 'user', content: [text('One'), shown] },
      { role: 'assistant', content: [shown, text('Two')] },
    ])
    assert.deepEqual(prompt, [shown])
    assert.deepEqual(ignored, ['messages[0].content[1]', 'messages[1].content[0]', 'messages[2].content[0]'])
  })
}

const documents: [string, object, object[]][] = [
  ['a PDF', { source: pdfSource }, [{ type: 'document', source: pdfSource }]],
  [
    'a PDF of another media type',
    { source: { ...pdfSource, media_type: 'text/plain' } },
    [{ type: 'document', source: pdfSource }],
  ],
  ['text', { source: textSource('a') }, [{ type: 'document', source: textSource('a') }]],
  [
    'text with a title and context',
    { source: textSource('a'), title: 'T', context: 'C', citations: { enabled: true } },
    [{ type: 'document', source: textSource('a'), title: 'T', context: 'C' }],
  ],
  [
    'text with an empty title',
    { source: textSource('a'), title: '', context: null },
    [{ type: 'document', source: textSource('a') }],
  ],
  [
    'a string of content',
    { source: { type: 'content', content: 'a' } },
    [{ type: 'document', source: textSource('a') }],
  ],
  [
    'blocks of content',
    { source: { type: 'content', content: [text('a'), image('image/png', png), text('b')] }, title: 'T' },
    [{ type: 'document', source: textSource('a\n\nb'), title: 'T' }, image('image/png', png)],
  ],
  ['only images', { source: { type: 'content', content: [image('image/png', png)] } }, [image('image/png', png)]],
]
for (const [what, fields, expected] of documents) {
  test(`a document may be ${what}`, () => {
    assert.deepEqual(promptOf({ type: 'document', ...fields }), expected)
  })
}

test('a search result becomes text: title, source and content', () => {
  const found = { type: 'search_result', title: 'A', source: 'a.md', content: [text('b')], citations: {} }
  assert.deepEqual(promptOf(found), [text('A (a.md)\n\nb')])
})

const pictures: [string, string, string][] = [
  ['a PNG', png, 'image/png'],
  ['a JPEG', jpeg, 'image/jpeg'],
  ['a GIF', 'R0lGODlhAQABAAAAACw=', 'image/gif'],
  ['a WebP', 'UklGRiQAAABXRUJQ', 'image/webp'],
]
for (const [what, data, mediaType] of pictures) {
  test(`${what} gets its real media type, whatever the request says`, () => {
    for (const mediaTypeSent of ['image/png', 'image/jpg', 'application/octet-stream', undefined, null]) {
      const source = { type: 'base64', media_type: mediaTypeSent, data }
      assert.deepEqual(promptOf({ type: 'image', source }), [image(mediaType, data)])
    }
  })
}

test('base64 may contain line breaks', () => {
  const data = 'iVBORw0KGgoA\r\nAAANSUhEUg==\n'
  assert.deepEqual(promptOf(image('image/png', data)), [image('image/png', data)])
})

const citing = { messages: [{ role: 'user', content: [{ ...text('hi'), citations: [{ type: 'char_location' }] }] }] }
const shown = (source: object) => ({ messages: [user, assistant({ type: 'document', source }), user] })
const removed: [string, object, string][] = [
  ['temperature', { temperature: 1 }, 'temperature'],
  ['top_p', { top_p: 1 }, 'top_p'],
  ['top_k', { top_k: 5 }, 'top_k'],
  ['citations in a user message', citing, 'messages[0].content[0].citations'],
  ['a document in an assistant message', shown(textSource('a')), 'messages[1].content[0].type'],
]
const versions: [string, string | undefined, boolean][] = [
  ['the older version', older, false],
  ['the newer version', newer, true],
  ['a later version', '2027-01-01', true],
  ['no version', undefined, false],
  ['an empty version', '', false],
  ['a nonsensical version', 'latest', false],
  ['two versions at once', `${newer}, ${newer}`, false],
]
for (const [which, version, isStrict] of versions) {
  for (const [what, body, field] of removed) {
    test(`${which} ${isStrict ? 'refuses' : 'accepts'} ${what}`, () => {
      const translate = () =>
        toMessagesRun(
          parseBody(MessagesRequest, { model: 'sonnet', max_tokens: 5, messages: [user], ...body }),
          plain,
          readVersion(version),
        )
      if (!isStrict) return assert.doesNotThrow(translate)
      assert.throws(translate, (error: AppError) => {
        assert.deepEqual([error.code, error.details.field], ['invalid_request', field])
        assert.ok(error.message.startsWith(`${field} `), error.message)
        return true
      })
    })
  }
}

test('the older version turns a document in an assistant message into text', () => {
  const { run } = read(shown(textSource('a')), { version: older })
  assert.deepEqual(run.session.kind === 'history' && run.session.messages[1]?.content, [text('a')])
})

test('every version accepts empty citations', () => {
  for (const citations of [[], null]) {
    const body = { messages: [{ role: 'user', content: [{ ...text('hi'), citations }] }] }
    assert.deepEqual(read(body, { version: newer }).run.prompt, [text('hi')])
  }
})

test('every version accepts citations in an answer, and they do not reach the model', () => {
  const cited = assistant({ ...text('So it is.'), citations: [{ type: 'char_location', cited_text: 'a' }] })
  for (const version of [older, newer]) {
    const { run } = read({ messages: [user, cited, user] }, { version })
    assert.deepEqual(run.session.kind === 'history' && run.session.messages[1]?.content, [text('So it is.')])
  }
})

const look = { name: 'look', description: 'Looks.', input_schema: { type: 'object', required: ['x'] } }
const shout = { type: 'custom', name: 'shout', input_schema: {} }
const lookTool = {
  name: 'look',
  description: 'Looks.',
  inputSchema: { properties: {}, type: 'object', required: ['x'] },
}
const shoutTool = { name: 'shout', description: '', inputSchema: { properties: {}, type: 'object' } }

const choices: [string, object | undefined, object[], RegExp | null, 'call' | null][] = [
  ['no choice offers all tools', undefined, [lookTool, shoutTool], null, null],
  ['auto offers all tools', { type: 'auto' }, [lookTool, shoutTool], null, null],
  ['none offers none', { type: 'none' }, [], null, null],
  [
    'any instructs the model to call one of them',
    { type: 'any' },
    [lookTool, shoutTool],
    /at least one of the tools/,
    'call',
  ],
  [
    'tool offers only that tool and instructs the model to call it',
    { type: 'tool', name: 'shout' },
    [shoutTool],
    /calling the tool shout/,
    'call',
  ],
]
for (const [title, choice, tools, instruction, must] of choices) {
  test(`tool_choice: ${title}`, () => {
    const { run, plan, ignored } = read({ system: 'Be brief.', tools: [look, shout], tool_choice: choice })
    assert.deepEqual([run.plain?.tools, run.plain?.requiredOutput], [tools, must])
    assert.deepEqual(
      [...plan.tools.keys()],
      tools.map((tool) => (tool as typeof lookTool).name),
    )
    assert.ok(run.options.systemPrompt?.startsWith('Be brief.'))
    if (instruction === null) assert.equal(run.options.systemPrompt, 'Be brief.')
    else assert.match(run.options.systemPrompt ?? '', instruction)
    assert.deepEqual(ignored, [])
  })
}

test('disable_parallel_tool_use turns parallel calls off', () => {
  for (const type of ['auto', 'any'] as const) {
    const isParallel = (disabled: unknown) =>
      read({ tools: [look], tool_choice: { type, disable_parallel_tool_use: disabled } }).plan.isParallel
    assert.deepEqual([true, false, null, undefined].map(isParallel), [false, true, true, true])
  }
})

const found = (...names: string[]) => [
  assistant(call('a')),
  {
    role: 'user',
    content: [
      result(
        'a',
        names.map((name) => ({ type: 'tool_reference', tool_name: name })),
      ),
    ],
  },
]
const later = (name: string) => ({ ...look, name, defer_loading: true })

const deferrals: [what: string, body: Record<string, unknown>, offered: string[], ignored: string[]][] = [
  ['nothing has found', {}, ['look'], []],
  ['a search has found', { messages: [user, ...found('b')] }, ['look', 'b'], []],
  [
    'was called before',
    { messages: [user, assistant(call('x', 'c')), { role: 'user', content: [result('x')] }] },
    ['look', 'c'],
    [],
  ],
  ['the choice names', { tool_choice: { type: 'tool', name: 'b' } }, ['b'], []],
  [
    'a server would search for',
    { tools: [{ type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' }, look, later('b')] },
    ['look', 'b'],
    ['tools[0]', 'tools[2].defer_loading'],
  ],
  ['is not in the request', { messages: [user, ...found('gone')] }, ['look'], ['messages[2].content[0].content[0]']],
]
for (const [what, body, offered, ignored] of deferrals) {
  test(`of tools that are loaded later, one that ${what} is offered as the API would`, () => {
    const { run, ignored: named } = read({ tools: [look, later('b'), later('c')], ...body })
    assert.deepEqual([run.plain?.tools.map(({ name }) => name), named], [offered, ignored])
  })
}

test('the other fields of a tool have no effect', () => {
  const extras = {
    strict: true,
    input_examples: [{ x: 1 }],
    eager_input_streaming: true,
    allowed_callers: ['direct'],
    cache_control: { type: 'ephemeral' },
  }
  const { run, ignored } = read({ tools: [{ ...look, ...extras, type: null }] })
  assert.deepEqual([run.plain?.tools, ignored], [[lookTool], []])
})

test('a tool’s schema reaches the model unchanged', () => {
  const schema = {
    type: 'object',
    properties: { x: { $ref: '#/$defs/location' } },
    $defs: { location: { type: 'string' } },
    additionalProperties: false,
  }
  const { run } = read({ tools: [{ name: 'look', input_schema: schema }] })
  assert.deepEqual(run.plain?.tools[0]?.inputSchema, schema)
})

const typedTools: [string, string, string[]][] = [
  ['bash_20241022', 'bash', ['command', 'restart']],
  ['bash_20250124', 'bash', ['command', 'restart']],
  ['text_editor_20241022', 'str_replace_editor', ['command', 'path', 'file_text', 'old_str', 'new_str', 'view_range']],
  ['text_editor_20250124', 'str_replace_editor', ['command', 'path', 'insert_line']],
  ['text_editor_20250429', 'str_replace_based_edit_tool', ['command', 'path', 'insert_text']],
  ['text_editor_20250728', 'str_replace_based_edit_tool', ['command', 'path', 'insert_text']],
  ['memory_20250818', 'memory', ['command', 'path', 'old_path', 'new_path']],
]
for (const [type, name, fields] of typedTools) {
  test(`the built-in tool ${type} is offered as ${name}, for the client to run`, () => {
    const { run, plan, ignored } = read({ tools: [{ type, name }], tool_choice: { type: 'tool', name } })
    const [tool] = run.plain?.tools ?? []
    assert.equal(tool?.name, name)
    assert.notEqual(tool?.description, '')
    const properties = Object.keys((tool?.inputSchema.properties ?? {}) as object)
    for (const field of fields) assert.ok(properties.includes(field), `${field} in ${properties.join(', ')}`)
    assert.equal(plan.tools.get(name), 'json')
    assert.deepEqual(ignored, [])
  })
}

test('only the older text editors have undo_edit', () => {
  const commands = (type: string) => {
    const { properties } = read({ tools: [{ type }] }).run.plain?.tools[0]?.inputSchema ?? {}
    return (properties as { command: { enum: string[] } }).command.enum
  }
  assert.ok(commands('text_editor_20250124').includes('undo_edit'))
  assert.ok(!commands('text_editor_20250728').includes('undo_edit'))
})

for (const type of [
  'web_search_20250305',
  'web_fetch_20250910',
  'code_execution_20250825',
  'tool_search_tool_regex_20251119',
  'mcp_toolset',
]) {
  test(`the built-in tool ${type} is left out and named as ignored, and the others are offered`, () => {
    const { run, ignored } = read({ tools: [look, { type, name: 'whatever' }, shout] })
    assert.deepEqual(run.plain?.tools, [lookTool, shoutTool])
    assert.deepEqual(ignored, ['tools[1]'])
  })
}

const budget = { type: 'enabled', budget_tokens: 2048 }
const thoughts: [object, Thinking][] = [
  [{}, noThinking],
  [{ thinking: { type: 'disabled' } }, noThinking],
  [{ thinking: { type: 'disabled', budget_tokens: 2048, display: 'omitted' } }, noThinking],
  [{ thinking: budget }, { isOff: false, budgetTokens: 2048, display: 'summarized' }],
  [{ thinking: { type: 'enabled' } }, { isOff: false, budgetTokens: null, display: 'summarized' }],
  [{ thinking: { type: 'adaptive' } }, { isOff: false, budgetTokens: null, display: 'summarized' }],
  [{ thinking: { type: 'between_tools' } }, { isOff: false, budgetTokens: null, display: 'summarized' }],
  [{ thinking: { ...budget, display: 'omitted' } }, { isOff: false, budgetTokens: 2048, display: 'omitted' }],
  [{ thinking: { type: 'adaptive', display: null } }, { isOff: false, budgetTokens: null, display: 'summarized' }],
]
for (const [body, thinking] of thoughts) {
  test(`${JSON.stringify(body)} sets thinking to ${JSON.stringify(thinking)}`, () => {
    const { run, plan, ignored } = read(body)
    assert.deepEqual(run.plain?.thinking, thinking)
    // Omitted thinking is also left out of the answer, except for the signature that the model needs back.
    assert.equal(plan.showsThinking, !thinking.isOff && (thinking.display === 'omitted' ? 'signed' : true))
    assert.deepEqual(ignored, [])
  })
}

for (const effort of ['low', 'medium', 'high', 'xhigh', 'max', null]) {
  test(`the effort ${effort} reaches the CLI and does not change thinking`, () => {
    const { run, plan } = read({ output_config: { effort } })
    assert.equal(run.options.effort, effort)
    assert.deepEqual([run.plain?.thinking, plan.showsThinking], [noThinking, false])
  })
}

const schema = { type: 'object', properties: { a: { type: 'string' } } }
const formats: [string, object][] = [
  ['output_config.format', { output_config: { format: { type: 'json_schema', schema } } }],
  ['output_format', { output_format: { type: 'json_schema', schema } }],
  [
    'both',
    {
      output_config: { effort: null, format: { type: 'json_schema', schema } },
      output_format: { type: 'json_schema', schema: { type: 'object' } },
    },
  ],
]
for (const [fields, body] of formats) {
  test(`a schema in ${fields} goes to the CLI`, () => {
    const { run, plan, ignored } = read(body)
    assert.deepEqual([run.options.jsonSchema, plan.format, ignored], [schema, 'json_schema', []])
    assert.equal(run.options.systemPrompt, '')
  })
}

test('without a schema the answer is text', () => {
  for (const body of [{}, { output_config: {} }, { output_config: { format: null } }, { output_format: null }]) {
    const { run, plan } = read(body)
    assert.deepEqual([run.options.jsonSchema, plan.format], [null, 'text'])
  }
})

test('max_tokens and every non-empty stop sequence reach the plain options', () => {
  const { run } = read({ max_tokens: 7, stop_sequences: ['END', '', '\n\n', 'a', 'b', 'c', 'd'] })
  assert.deepEqual(run.plain, {
    ...plainOptions,
    maxOutputTokens: 7,
    stopSequences: ['END', '\n\n', 'a', 'b', 'c', 'd'],
  })
  assert.deepEqual(read({ stop_sequences: [] }).run.plain?.stopSequences, [])
})

const ignoredCases: [object, string[]][] = [
  [{ temperature: 1, top_p: 1, metadata: { user_id: 'a' }, service_tier: 'auto', speed: 'fast' }, []],
  [{ temperature: null, top_k: null, whatever: null }, []],
  [{ temperature: 0, top_p: 0.5, top_k: 5 }, ['temperature', 'top_p', 'top_k']],
  [{ mcp_servers: [], container: '', context_management: {} }, []],
  [
    { mcp_servers: [{ type: 'url', url: 'https://a.example' }], container: 'container_1' },
    ['mcp_servers', 'container'],
  ],
  [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, ['context_management']],
  [{ cache_control: { type: 'ephemeral' }, inference_geo: 'us', diagnostics: {}, betas: ['a'] }, []],
  [{ cache_control: { type: 'ephemeral', ttl: '5m' } }, []],
  [{ cache_control: { type: 'ephemeral', ttl: '1h' } }, ['cache_control']],
  [{ user_profile_id: 'a', workspace_id: 'b' }, []],
  [{ seed: 4, 'a\r\nb: c': 1 }, ['seed', '(unknown)']],
  [{ seed: 4, tools: [{ type: 'web_search_20250305' }, look] }, ['seed', 'tools[0]']],
]
for (const [body, ignored] of ignoredCases) {
  test(`the ignored fields of ${JSON.stringify(body)} are: ${ignored.join(', ') || 'none'}`, () => {
    assert.deepEqual(read(body).ignored, ignored)
  })
}

test('an agent gets the system prompt appended to its own, and no plain options', () => {
  const body = { system: 'One.', messages: [{ role: 'system', content: 'Two.' }, user] }
  const { run, plan } = read(body, { model: agent })
  assert.deepEqual(run.options, { ...noOptions, model: 'sonnet', appendSystemPrompt: 'One.\n\nTwo.' })
  assert.equal(run.plain, null)
  assert.deepEqual([plan.isAgent, plan.model], [true, 'agent/claude-sonnet-5'])
  assert.equal(read({}, { model: agent }).run.options.appendSystemPrompt, null)
})

test('an agent reports client tools and stop sequences as ignored, but not max_tokens, which is always sent', () => {
  const body = { tools: [look], tool_choice: { type: 'any' }, stop_sequences: ['x'], max_tokens: 5 }
  const { run, ignored, plan } = read(body, { model: agent })
  assert.deepEqual(ignored.toSorted(), ['stop_sequences', 'tools'])
  assert.equal(run.options.appendSystemPrompt, null)
  assert.deepEqual([plan.tools.size, run.plain], [0, null])
  assert.deepEqual(read({ tools: [], stop_sequences: [] }, { model: agent }).ignored, [])
})

test('an agent accepts effort and a schema, and does not show its thinking', () => {
  const output = { effort: 'high', format: { type: 'json_schema', schema } }
  const { run, plan } = read({ output_config: output, thinking: { type: 'adaptive' } }, { model: agent })
  assert.deepEqual([run.options.effort, run.options.jsonSchema], ['high', schema])
  assert.equal(plan.showsThinking, false)
})

const auxiliaryCases: [string, object, boolean][] = [
  ['a title for a conversation', { system: 'You are a title generator. Output only a title.' }, true],
  [
    'a task from a template',
    { messages: [{ role: 'user', content: '### Task:\nSuggest 3-5 follow-up questions.' }] },
    true,
  ],
  [
    'a title requested in blocks',
    { messages: [{ role: 'user', content: [text('Generate a concise title for this conversation.')] }] },
    true,
  ],
  ['a title with tools', { system: 'You are a title generator.', tools: [look] }, false],
  ['a greeting', {}, false],
]
for (const [what, body, isAuxiliary] of auxiliaryCases) {
  test(`${what} is ${isAuxiliary ? 'an auxiliary request' : 'not an auxiliary request'}, and never for an agent`, () => {
    assert.equal(read(body).run.isAuxiliary, isAuxiliary)
    assert.equal(read(body, { model: agent }).run.isAuxiliary, false)
  })
}
