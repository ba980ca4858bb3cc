// The tools of requests to the Responses API and the tool choice: which tools the model is offered, under which names,
// and the errors, each with the field that it names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../../src/errors.ts'
import { parseBody } from '../../../../src/http/validate.ts'
import { ResponseRequest } from '../../../../src/surfaces/openai/responses/schemas.ts'
import { readResponseTools } from '../../../../src/surfaces/openai/responses/tools.ts'

const look = { type: 'function', name: 'look', description: 'Looks.', strict: null, parameters: { type: 'object' } }
const sql = { type: 'custom', name: 'sql', description: 'Asks.' }
const space = (name: string, ...tools: object[]) => ({ type: 'namespace', name, description: 'Many.', tools })
const named = (name: string) => ({ type: 'function', name })

const read = (tools: unknown, toolChoice?: unknown) =>
  readResponseTools(parseBody(ResponseRequest, { model: 'sonnet', input: 'hi', tools, tool_choice: toolChoice }))

function refusal(tools: unknown, toolChoice?: unknown): [string, string] {
  try {
    read(tools, toolChoice)
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown))
    assert.equal(thrown.code, 'invalid_request')
    const field = thrown.details.field ?? ''
    assert.ok(thrown.message.startsWith(`${field} `), thrown.message)
    return [field, thrown.message.slice(field.length + 1)]
  }
  assert.fail('it was accepted')
}

const namesOf = ({ tools }: Pick<ReturnType<typeof read>, 'tools'>) => tools.map(({ name }) => name)

test('functions and custom tools are offered with their descriptions and schemas', () => {
  const { tools, kinds, names, instruction, ignored } = read([look, sql])
  assert.deepEqual(tools, [
    { name: 'look', description: 'Looks.', inputSchema: { type: 'object', properties: {} } },
    {
      name: 'sql',
      description: 'Asks.',
      inputSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    },
  ])
  assert.deepEqual(
    [...kinds],
    [
      ['look', 'json'],
      ['sql', 'text'],
    ],
  )
  assert.deepEqual(names.get('look'), { name: 'look', namespace: null })
  assert.deepEqual([instruction, ignored], [null, []])
})

for (const [title, tools] of [
  ['none', undefined],
  ['null', null],
  ['an empty list', []],
] as const) {
  test(`tools that are ${title} offer nothing`, () => {
    assert.partialDeepStrictEqual(read(tools), { tools: [], instruction: null, ignored: [] })
  })
}

test('a tool with only a name takes an object', () => {
  assert.deepEqual(read([{ type: 'function', name: 'f', description: null, parameters: null }]).tools, [
    { name: 'f', description: '', inputSchema: { type: 'object', properties: {} } },
  ])
})

test('tools in namespaces are offered under both names, and mapped back to them', () => {
  const { tools, kinds, names, requested } = read([space('fs', look, sql), space('db', sql), look])
  assert.deepEqual(namesOf({ tools }), ['fs__look', 'fs__sql', 'db__sql', 'look'])
  assert.deepEqual(names.get('fs__sql'), { name: 'sql', namespace: 'fs' })
  assert.deepEqual(names.get('db__sql'), { name: 'sql', namespace: 'db' })
  assert.deepEqual(names.get('look'), { name: 'look', namespace: null })
  assert.deepEqual([kinds.get('fs__look'), kinds.get('fs__sql')], ['json', 'text'])
  assert.deepEqual(
    requested.map(({ nameParam, schemaParam }) => [nameParam, schemaParam]),
    [
      ['tools[0].tools[0].name', 'tools[0].tools[0].parameters'],
      ['tools[0].tools[1].name', 'tools[0].tools[1]'],
      ['tools[1].tools[0].name', 'tools[1].tools[0]'],
      ['tools[2].name', 'tools[2].parameters'],
    ],
  )
})

const hosted = [
  'web_search',
  'web_search_preview',
  'file_search',
  'code_interpreter',
  'image_generation',
  'mcp',
  'shell',
]

test('tools that OpenAI runs, and grammars, are left out and reported', () => {
  const types = hosted.map((type) => ({ type }))
  const grammar = { type: 'grammar', syntax: 'lark', definition: 'x' }
  const { tools, ignored } = read([...types, { ...sql, format: grammar }, space('fs', { type: 'mcp' }, look)])
  assert.deepEqual(namesOf({ tools }), ['sql', 'fs__look'])
  assert.deepEqual(ignored, [...types.map((_, index) => `tools[${index}]`), 'tools[7].format', 'tools[8].tools[0]'])
})

test('a custom tool with the format text has nothing ignored', () => {
  assert.deepEqual(read([{ ...sql, format: { type: 'text' } }]).ignored, [])
})

test('an empty namespace offers nothing', () => {
  assert.deepEqual(read([space('fs')]).tools, [])
})

const all = [look, sql, space('fs', look), { type: 'web_search' }]
const everything = ['look', 'sql', 'fs__look']
const any = /calling at least one of the tools/
const only = (name: string) => new RegExp(`calling the tool ${name},`)
const choices: [title: string, choice: unknown, names: string[], instruction: RegExp | null][] = [
  ['nothing', undefined, everything, null],
  ['null', null, everything, null],
  ['auto', 'auto', everything, null],
  ['none', 'none', [], null],
  ['required', 'required', everything, any],
  ['a function', named('look'), ['look'], only('look')],
  ['a custom tool', { type: 'custom', name: 'sql' }, ['sql'], only('sql')],
  ['a function in a namespace', { ...named('look'), namespace: 'fs' }, ['fs__look'], only('fs__look')],
  ['a function in no namespace', { ...named('look'), namespace: null }, ['look'], only('look')],
  ['some that may be called', { type: 'allowed_tools', mode: 'auto', tools: [named('sql')] }, ['sql'], null],
  ['some, without a mode', { type: 'allowed_tools', tools: [named('look')] }, ['look'], null],
  [
    'some of which one must be called',
    { type: 'allowed_tools', mode: 'required', tools: [named('look'), { ...named('look'), namespace: 'fs' }] },
    ['look', 'fs__look'],
    any,
  ],
  ['one that must be called', { type: 'allowed_tools', mode: 'required', tools: [named('sql')] }, ['sql'], only('sql')],
  ['none of them', { type: 'allowed_tools', mode: 'auto', tools: [] }, [], null],
]
for (const [title, choice, names, instruction] of choices) {
  test(`the choice of ${title} offers only what may be called`, () => {
    const offer = read(all, choice)
    assert.deepEqual(namesOf(offer), names)
    assert.deepEqual([...offer.kinds.keys()].toSorted(), names.toSorted())
    if (instruction === null) assert.equal(offer.instruction, null)
    else assert.match(offer.instruction ?? '', instruction)
    // All schemas are checked, also those of tools that may not be called.
    assert.equal(offer.requested.length, 3)
  })
}

const unknownTool = /must name one of the tools, not "nothing"/
const badName = /must be 1 to 128 letters, digits, _ and -/
const tooLong = /is too long together with its namespace: at most 128 characters/
const sameName = /is already the name of another tool/
const required = /is required/
const refusals: [title: string, tools: unknown, choice: unknown, field: string, what: RegExp][] = [
  ['tools that are not a list', { look }, null, 'tools', /must be an array of tools/],
  ['a tool that is a string', ['look'], null, 'tools[0]', /must be a tool, as an object/],
  ['a tool without a type', [look, { name: 'look' }], null, 'tools[1].type', required],
  ['a tool whose type is null', [{ type: null }], null, 'tools[0].type', /must be a string/],
  ['a function without a name', [look, { type: 'function' }], null, 'tools[1].name', required],
  ['a function nested as in chat completions', [{ type: 'function', function: look }], null, 'tools[0].name', required],
  ['a function with a space in its name', [named('a b')], null, 'tools[0].name', badName],
  ['a function with an empty name', [named('')], null, 'tools[0].name', badName],
  ['a function with a long name', [named('x'.repeat(129))], null, 'tools[0].name', badName],
  ['a custom tool without a name', [{ type: 'custom' }], null, 'tools[0].name', required],
  ['parameters that are a list', [{ ...look, parameters: [] }], null, 'tools[0].parameters', /must be an object/],
  [
    'parameters whose type is not object',
    [look, { ...named('b'), parameters: { type: 'string' } }],
    null,
    'tools[1].parameters',
    /must be a JSON Schema with "type": "object"/,
  ],
  ['a format that is a string', [{ ...sql, format: 'text' }], null, 'tools[0].format', /must be an object/],
  ['a description that is a number', [{ ...look, description: 7 }], null, 'tools[0].description', /must be a string/],
  ['a namespace without tools', [{ type: 'namespace', name: 'fs' }], null, 'tools[0].tools', required],
  ['a namespace without a name', [{ type: 'namespace', tools: [] }], null, 'tools[0].name', required],
  ['a namespace with a dot in its name', [space('a.b', look)], null, 'tools[0].name', badName],
  [
    'a namespace in a namespace',
    [space('a', look, space('b', look))],
    null,
    'tools[0].tools[1].type',
    /namespace inside/,
  ],
  [
    'a function without a name in a namespace',
    [look, space('a', look, { type: 'function' })],
    null,
    'tools[1].tools[1].name',
    required,
  ],
  [
    'names that are too long together',
    [space('x'.repeat(63), named('y'.repeat(64)))],
    null,
    'tools[0].tools[0].name',
    tooLong,
  ],
  ['the same name twice', [look, sql, { ...sql, name: 'look' }], null, 'tools[2].name', sameName],
  ['the same name twice in a namespace', [space('a', look, look)], null, 'tools[0].tools[1].name', sameName],
  [
    'a name that equals that of a tool in a namespace',
    [space('a', look), named('a__look')],
    null,
    'tools[1].name',
    sameName,
  ],
  ['an unknown function chosen', [look], named('nothing'), 'tool_choice.name', unknownTool],
  [
    'an unknown function allowed',
    [look],
    { type: 'allowed_tools', tools: [named('look'), named('nothing')] },
    'tool_choice.tools',
    unknownTool,
  ],
  [
    'a function chosen from another namespace',
    all,
    { ...named('look'), namespace: 'db' },
    'tool_choice.name',
    /not "db__look"/,
  ],
  ['a function chosen without its namespace', [space('fs', look)], named('look'), 'tool_choice.name', /not "look"/],
  ['a choice without a name', [look], { type: 'function' }, 'tool_choice.name', required],
  ['a choice of an empty name', [look], named(''), 'tool_choice.name', required],
  ['allowed tools that are missing', [look], { type: 'allowed_tools', mode: 'auto' }, 'tool_choice.tools', required],
  [
    'an allowed tool without a name',
    [look],
    { type: 'allowed_tools', tools: [named('look'), {}] },
    'tool_choice.tools[1].name',
    required,
  ],
  [
    'an unknown mode',
    [look],
    { type: 'allowed_tools', mode: 'any', tools: [] },
    'tool_choice.mode',
    /must be auto or required/,
  ],
  ['an unknown choice', [look], 'any', 'tool_choice', /must be none, auto, required or an object/],
  ['a choice that is a number', [look], 7, 'tool_choice', /must be none, auto, required or an object/],
  ['a choice without a type', [look], { name: 'look' }, 'tool_choice.type', required],
  ['a hosted tool chosen', all, { type: 'web_search' }, 'tool_choice.type', /other types are not supported/],
  ['a required choice without tools', [], 'required', 'tool_choice', /requires at least one tool to choose from/],
  [
    'a required choice among hosted tools only',
    [{ type: 'mcp' }],
    'required',
    'tool_choice',
    /requires at least one tool to choose from/,
  ],
  [
    'a required choice with no tools allowed',
    [look],
    { type: 'allowed_tools', mode: 'required', tools: [] },
    'tool_choice',
    /requires at least one tool to choose from/,
  ],
]
for (const [title, tools, choice, field, what] of refusals) {
  test(`a request with ${title} is refused, naming the field`, () => {
    const [where, message] = refusal(tools, choice)
    assert.equal(where, field)
    assert.match(message, what)
  })
}

test('names of the maximum length are accepted', () => {
  const [tool] = read([space('x'.repeat(62), named('y'.repeat(64)))]).tools
  assert.equal(tool?.name.length, 128)
  assert.equal(read([named('x'.repeat(128))]).tools.length, 1)
})
