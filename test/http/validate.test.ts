// How a body or a query is validated: the first problem names the field, what is wrong and the fix. What each API requires of a body is
// tested with its surface; large and deep bodies on real connections in test/security/bodies.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { AppError } from '../../src/errors.ts'
import { parseBody, parsePart, parseQuery, queryInteger, shapeError } from '../../src/http/validate.ts'

const text = { error: 'must be a string' }
const Body = z.strictObject({
  prompt: z.string(text),
  max_turns: z.int({ error: 'must be an integer' }).optional(),
  blocks: z.array(z.object({ type: z.literal('text', { error: 'must be "text"' }), text: z.string(text) })).optional(),
  choice: z.union([z.literal('auto'), z.object({ name: z.string(text) })], { error: 'must be a choice' }).optional(),
})

/** The message and the field of the error. */
function problemOf(act: () => unknown): [message: string, field: unknown] | null {
  try {
    act()
    return null
  } catch (error) {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'invalid_request')
    return [error.message, error.details.field]
  }
}

const problem = (body: unknown) => problemOf(() => parseBody(Body, body))

test('a valid body is returned as its schema reads it', () => {
  assert.deepEqual(parseBody(Body, { prompt: 'hi', max_turns: 2 }), { prompt: 'hi', max_turns: 2 })
})

for (const body of [null, undefined, 'hi', 5, true, []]) {
  test(`a body that is ${JSON.stringify(body)} is no object`, () =>
    assert.deepEqual(problem(body), ['the body must be a JSON object', undefined]))
}

const problems: [what: string, body: object, message: string, field: string][] = [
  ['a missing field', {}, 'prompt is required', 'prompt'],
  ['a field of the wrong type', { prompt: 5 }, 'prompt must be a string', 'prompt'],
  ['a field that is null', { prompt: null }, 'prompt must be a string', 'prompt'],
  [
    'an element of a list',
    {
      prompt: 'hi',
      blocks: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 5 },
      ],
    },
    'blocks[1].text must be a string',
    'blocks[1].text',
  ],
  [
    'a missing part of an element',
    { prompt: 'hi', blocks: [{ type: 'text' }] },
    'blocks[0].text is required',
    'blocks[0].text',
  ],
  ['no alternative of several', { prompt: 'hi', choice: 5 }, 'choice must be a choice', 'choice'],
  [
    'the alternative that fits best',
    { prompt: 'hi', choice: { name: 5 } },
    'choice.name must be a string',
    'choice.name',
  ],
  ['an unknown field', { prompt: 'hi', zebra: 1 }, 'zebra is not a field of this request', 'zebra'],
  [
    'a misspelled field',
    { prompt: 'hi', max_turn: 1 },
    'max_turn is not a field of this request; did you mean max_turns?',
    'max_turn',
  ],
]
for (const [what, body, message, field] of problems) {
  test(`the error names ${what}`, () => assert.deepEqual(problem(body), [message, field]))
}

test('a long name of a field is shortened', () => {
  const [message, field] = problem({ prompt: 'hi', ['x'.repeat(500)]: 1 }) ?? []
  assert.equal(field, `${'x'.repeat(80)}…`)
  assert.ok(message !== undefined && message.length < 200)
})

test('a part of a body is named by its position in the whole', () => {
  const Part = z.object({ name: z.string(text) })
  assert.deepEqual(parsePart(Part, { name: 'a' }, 'tools[0]'), { name: 'a' })
  assert.deepEqual(
    problemOf(() => parsePart(Part, { name: 5 }, 'tools[0]')),
    ['tools[0].name must be a string', 'tools[0].name'],
  )
})

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])

test('a body may be 64 levels deep, with 10,000 entries in a list and 500,000 in total', () => {
  assert.equal(shapeError(nested(64)), null)
  assert.match(shapeError(nested(66)) ?? '', /more than 64 levels deep/)
  assert.equal(shapeError(Array(10_000).fill(0)), null)
  assert.match(shapeError(Array(10_001).fill(0)) ?? '', /more than 10000 entries/)
  const lists = (count: number) => Array.from({ length: count }, () => Array(9_999).fill(0))
  assert.equal(shapeError(lists(50)), null)
  assert.match(shapeError(lists(51)) ?? '', /more than 500000 values/)
})

test('a body that is too deep is refused before its schema is applied', () => {
  assert.deepEqual(problem({ prompt: nested(70) }), ['the body is nested more than 64 levels deep', undefined])
})

const Query = z.strictObject({ limit: queryInteger(1, 100).optional() })
const query = (value: unknown) => problemOf(() => parseQuery(Query, value))

test('a number in a query is read from its digits, within its limits', () => {
  assert.deepEqual(parseQuery(Query, { limit: '100' }), { limit: 100 })
  for (const limit of ['0', '101', '-1', '1e1', '1.5', '', ' 1', '0x1', '1'.repeat(17)])
    assert.deepEqual(query({ limit }), ['limit must be an integer from 1 to 100', 'limit'], limit)
})

test('a parameter that was sent twice is refused by its name', () => {
  assert.deepEqual(query({ limit: ['1', '2'] }), ['limit was sent more than once', 'limit'])
})

test('an object that has a length is no text', () => {
  const schema = z.object({ model: z.string().min(1) })
  const body = { model: { length: { toString: 'x' } } }
  assert.throws(() => parseBody(schema, body), { code: 'invalid_request', message: /an object with a field length/ })
})
