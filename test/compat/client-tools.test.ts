// The offer that is left of a client's tools by its choice among them, where the faces' own tests do not look: several
// names, choices that leave nothing, and whose schema is at fault.
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

const given = (name: string, at = 0, inputSchema: Record<string, unknown> = { type: 'object' }): RequestedTool => ({
  tool: { name, description: '', inputSchema },
  nameParam: `tools[${at}].name`,
  schemaParam: `tools[${at}].schema`,
})
const three = ['look', 'leap', 'shout'].map((name, at) => given(name, at))

const choice = (mode: ToolChoice['mode'], names: string[] | null = null): ToolChoice => ({
  mode,
  names,
  param: 'tool_choice.name',
})

const isFault = (field: string, message: RegExp) => (fault: unknown) => {
  assert.ok(fault instanceof AppError)
  assert.deepEqual([fault.code, fault.details.field], ['invalid_request', field])
  assert.match(fault.message, message)
  return true
}

const one = /^Answer by calling the tool leap, whatever the request\./
const any = /^Answer by calling at least one of the tools, whatever the request\./
const offers: [title: string, choice: ToolChoice, offered: string[], instruction: RegExp | null][] = [
  ['a free choice', freeChoice, ['look', 'leap', 'shout'], null],
  ['none', choice('none'), [], null],
  ['none, though it names one', choice('none', ['leap']), [], null],
  ['none, though it names one that is not there', choice('none', ['fly']), [], null],
  ['a free choice of two', choice('auto', ['shout', 'look']), ['look', 'shout'], null],
  ['a free choice of nothing', choice('auto', []), [], null],
  ['any', choice('required'), ['look', 'leap', 'shout'], any],
  ['any of two', choice('required', ['shout', 'look']), ['look', 'shout'], any],
  ['just this one', choice('required', ['leap']), ['leap'], one],
]
for (const [title, wanted, offered, instruction] of offers) {
  test(`${title}: the model is offered [${offered}] and is ${instruction === null ? 'told nothing' : 'told to call'}`, () => {
    assert.deepEqual(
      offeredTools(three, wanted).map(({ name }) => name),
      offered,
    )
    if (instruction === null) assert.equal(choiceInstruction(wanted), null)
    else assert.match(choiceInstruction(wanted) ?? '', instruction)
  })
}

test('a choice of a tool that is not there is refused where it stands, its name cut short', () => {
  const long = 'x'.repeat(200)
  assert.throws(() => offeredTools(three, choice('auto', ['look', long])), isFault('tool_choice.name', /not "x{80}"$/))
})

test('a call that must be made of nothing is refused', () => {
  assert.throws(() => offeredTools([], choice('required')), isFault('tool_choice', /needs tools/))
  assert.throws(() => offeredTools(three, choice('required', [])), isFault('tool_choice', /needs tools/))
})

for (const mode of ['none', 'auto', 'required'] as const) {
  test(`names that cannot be used are refused with the choice ${mode}`, () => {
    const twice = [...three, given('leap', 3)]
    assert.throws(() => offeredTools(twice, choice(mode)), isFault('tools[3].name', /another tool/))
    const taken = [...three, given('ToolSearch', 3)]
    assert.throws(() => offeredTools(taken, choice(mode)), isFault('tools[3].name', /ToolSearch/))
  })
}

test('a tool keeps its schema, and gets what an object needs where it says nothing of it', () => {
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
  test(`a schema of ${JSON.stringify(type)} is refused, as the model writes an object`, () => {
    assert.throws(
      () => toClientTool({ name: 't' }, { type }, 'tools[0].schema'),
      isFault('tools[0].schema', /"object"/),
    )
  })
}

test('the first schema that the CLI would not take is refused by its place, and good ones are not', async () => {
  const bad = { type: 'object', properties: { a: { type: 'strnig' } } }
  const named = { type: 'object', properties: { 'a b': {} } }
  await checkToolSchemas(three)
  await assert.rejects(
    checkToolSchemas([given('a'), given('b', 1, bad), given('c', 2, named)]),
    isFault('tools[1].schema', /not a valid JSON Schema/),
  )
  await assert.rejects(checkToolSchemas([given('c', 2, named)]), isFault('tools[2].schema', /"a b"/))
})
