// The tools that a client's choice leaves, in cases that the tests of the surfaces do not cover: several names, choices
// that leave nothing, and which schema is invalid.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkToolSchemas,
  choiceInstruction,
  freeChoice,
  offeredTools,
  type RequestedTool,
  type ToolChoice,
  toClientTool,
} from '../../src/compat/client-tools.ts'
import { AppError } from '../../src/errors.ts'

const requested = (
  name: string,
  index = 0,
  inputSchema: Record<string, unknown> = { type: 'object' },
): RequestedTool => ({
  tool: { name, description: '', inputSchema },
  nameParam: `tools[${index}].name`,
  schemaParam: `tools[${index}].schema`,
})
const three = ['look', 'leap', 'shout'].map((name, index) => requested(name, index))

const choice = (mode: ToolChoice['mode'], names: string[] | null = null): ToolChoice => ({
  mode,
  names,
  param: 'tool_choice.name',
})

const isInvalidField = (field: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError)
  assert.deepEqual([error.code, error.details.field], ['invalid_request', field])
  assert.match(error.message, message)
  return true
}

const one = /^Answer by calling the tool leap, whatever the request\./
const any = /^Answer by calling at least one of the tools, whatever the request\./
const offers: [title: string, choice: ToolChoice, offered: string[], instruction: RegExp | null][] = [
  ['a free choice', freeChoice, ['look', 'leap', 'shout'], null],
  ['none', choice('none'), [], null],
  ['none, with a name', choice('none', ['leap']), [], null],
  ['none, with an unknown name', choice('none', ['fly']), [], null],
  ['a free choice of two', choice('auto', ['shout', 'look']), ['look', 'shout'], null],
  ['a free choice of no tools', choice('auto', []), [], null],
  ['required', choice('required'), ['look', 'leap', 'shout'], any],
  ['required, with two names', choice('required', ['shout', 'look']), ['look', 'shout'], any],
  ['required, with one name', choice('required', ['leap']), ['leap'], one],
]
for (const [title, toolChoice, offered, instruction] of offers) {
  test(`${title}: offers [${offered}] ${instruction === null ? 'without' : 'with'} an instruction`, () => {
    assert.deepEqual(
      offeredTools(three, toolChoice).map(({ name }) => name),
      offered,
    )
    if (instruction === null) assert.equal(choiceInstruction(toolChoice), null)
    else assert.match(choiceInstruction(toolChoice) ?? '', instruction)
  })
}

test('a choice of an unknown tool is refused with its field, and the name is truncated', () => {
  const long = 'x'.repeat(200)
  assert.throws(
    () => offeredTools(three, choice('auto', ['look', long])),
    isInvalidField('tool_choice.name', /not "x{80}"$/),
  )
})

test('a required call without tools is refused', () => {
  assert.throws(() => offeredTools([], choice('required')), isInvalidField('tool_choice', /requires at least one tool/))
  assert.throws(
    () => offeredTools(three, choice('required', [])),
    isInvalidField('tool_choice', /requires at least one tool/),
  )
})

for (const mode of ['none', 'auto', 'required'] as const) {
  test(`duplicate names are refused with the choice ${mode}`, () => {
    const twice = [...three, requested('leap', 3)]
    assert.throws(() => offeredTools(twice, choice(mode)), isInvalidField('tools[3].name', /another tool/))
  })
}

test('a tool keeps its schema, and what an object needs is added if it is missing', () => {
  const schema = { properties: { a: {} }, required: ['a'], additionalProperties: false }
  assert.deepEqual(toClientTool({ name: 't', description: 'T' }, schema, 'p'), {
    name: 't',
    description: 'T',
    inputSchema: { ...schema, type: 'object' },
  })
  for (const description of [null, undefined]) {
    assert.deepEqual(toClientTool({ name: 't', description }, {}, 'p'), {
      name: 't',
      description: '',
      inputSchema: { type: 'object', properties: {} },
    })
  }
})

for (const type of ['array', 'string', null, ['object', 'null']]) {
  test(`a schema of ${JSON.stringify(type)} is refused, because the model writes an object`, () => {
    assert.throws(
      () => toClientTool({ name: 't' }, { type }, 'tools[0].schema'),
      isInvalidField('tools[0].schema', /"object"/),
    )
  })
}

test('the first schema that the CLI would not accept is refused with its field, and valid ones are not', async () => {
  const invalid = { type: 'object', properties: { a: { type: 'strnig' } } }
  const badName = { type: 'object', properties: { 'a b': {} } }
  await checkToolSchemas(three)
  await assert.rejects(
    checkToolSchemas([requested('a'), requested('b', 1, invalid), requested('c', 2, badName)]),
    isInvalidField('tools[1].schema', /not a valid JSON Schema/),
  )
  await assert.rejects(checkToolSchemas([requested('c', 2, badName)]), isInvalidField('tools[2].schema', /"a b"/))
})
