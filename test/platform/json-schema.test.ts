// How a schema reads in draft-07: what fits a schema also fits that, whatever it leaves out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  answerSchemaProblem,
  compileSchema,
  type JsonSchema,
  rulesForOneValue,
  strictDraft07Problem,
  toDraft07,
} from '../../src/platform/json-schema.ts'

const unevaluated = (name: string) => ({ type: 'object', properties: { [name]: {} }, unevaluatedProperties: false })

/** A schema, values that fit it, and values that do not. */
const cases: [title: string, schema: JsonSchema, fitting: unknown[], others: unknown[]][] = [
  ['prefixItems', { prefixItems: [{ type: 'integer' }], items: false }, [[1], []], [['x'], [1, 2]]],
  ['dependentRequired', { dependentRequired: { a: ['b'] } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
  ['unevaluatedProperties', unevaluated('a'), [{ a: 1 }], [{ b: 1 }]],
  ['oneOf of such schemas', { oneOf: [unevaluated('a'), unevaluated('b')] }, [{ a: 1 }, { b: 1 }], [{ c: 1 }, {}]],
  ['not of minContains', { not: { type: 'array', contains: { const: 1 }, minContains: 2 } }, [[1], 'x'], [[1, 1]]],
  ['minContains 0', { type: 'array', contains: { const: 1 }, minContains: 0 }, [[], [2]], ['x']],
  [
    'if of unevaluatedProperties',
    { if: unevaluated('a'), else: { required: ['c'] } },
    [{ a: 1 }, { b: 1, c: 1 }],
    [{ b: 1 }],
  ],
  ['if alone', { if: { const: 1 } }, [1, 2], []],
  ['annotations', { type: 'integer', example: 'x', 'x-order': 1, discriminator: { propertyName: 'a' } }, [1], ['x']],
  [
    'properties and patterns',
    { properties: { ab: { type: 'integer' } }, patternProperties: { '^a': {} } },
    [{ ab: 1 }],
    [{ ab: 'x' }],
  ],
  [
    'nullable without a type',
    { properties: { a: { anyOf: [{ type: 'string' }], nullable: true } } },
    [{ a: 'x' }],
    [{ a: 1 }],
  ],
  ['nullable in lists', { items: [{ nullable: true, allOf: [{ nullable: false }] }] }, [[1], 'x'], []],
  [
    'a property with the name of nullable',
    { properties: { nullable: { type: 'string' } }, const: { nullable: 'x' } },
    [{ nullable: 'x' }],
    [{ nullable: 1 }, {}],
  ],
  [
    'an invalid pattern in an unused part',
    { type: 'integer', $defs: { a: { properties: { b: {} }, patternProperties: { '[': {} } } } },
    [1],
    ['x'],
  ],
  ['a decimal multiple', { multipleOf: 0.01 }, [0.07, 1], [0.001]],
  ['a reference', { $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, ['x'], [1]],
  ['a not of a reference', { not: { $ref: '#/$defs/a' }, $defs: { a: unevaluated('a') } }, [{ b: 1 }], [{ a: 1 }]],
]

for (const [title, schema, fitting, others] of cases) {
  test(`${title}: what fits also fits in draft-07, and only that fits`, async () => {
    const check = await compileSchema(schema)
    const converted = toDraft07(schema) as JsonSchema
    assert.equal(await strictDraft07Problem(converted), null)
    const checkConverted = await compileSchema(converted)
    for (const value of fitting)
      assert.deepEqual([check(value), checkConverted(value)], [null, null], JSON.stringify(value))
    for (const value of others) assert.notEqual(check(value), null, JSON.stringify(value))
  })
}

test('an unknown version is refused, and its address is not followed', async () => {
  await assert.rejects(compileSchema({ $schema: 'http://127.0.0.1:9/schema.json' }), /not a known version/)
})

for (const [schema, expected] of [
  [{ type: 'object', $ref: '#' }, true],
  [{ properties: { a: { $ref: '#/properties/a' } } }, true],
  [
    {
      properties: { a: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/b~1c' }] } },
      $defs: { 'b/c': { $ref: '#/properties/a' } },
    },
    true,
  ],
  [{ type: 'object', properties: { items: { type: 'array', items: { $ref: '#' } } } }, false],
  [
    { allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }], $defs: { a: { properties: { a: { $ref: '#' } } } } },
    false,
  ],
  [{ properties: { a: { $ref: '#/none/b' }, b: { $ref: 'x' } } }, false],
] as const) {
  test(`${JSON.stringify(schema)} ${expected ? 'refers' : 'does not refer'} to itself without end`, () => {
    assert.equal(rulesForOneValue(schema as JsonSchema) === Number.POSITIVE_INFINITY, expected)
  })
}

/** `count` parts, each of which refers to the next one twice. */
function doubling(count: number, refer: (next: string) => JsonSchema): JsonSchema {
  const parts = Array.from({ length: count }, (_, index) => [`d${index}`, refer(`#/$defs/d${index + 1}`)])
  return { type: 'object', $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(parts), [`d${count}`]: {} } }
}

const both = ($ref: string): JsonSchema => ({ allOf: [{ $ref }, { $ref }] })

for (const [title, schema, isRefused] of [
  ['40 times all of two references', doubling(40, both), true],
  ['10 times all of two references', doubling(10, both), false],
  ['40 times any of two references', doubling(40, ($ref) => ({ anyOf: [{ $ref }, { not: { $ref } }] })), true],
  ['30 times with a sign that is encoded', doubling(30, ($ref) => both($ref.replace('$', '%24'))), true],
  [
    '30 times by a name',
    doubling(30, ($ref) => {
      const [name = '', next] = ['d', Number($ref.split('d').at(-1))] as const
      return { $id: `urn:${name}${next - 1}`, ...(next < 30 ? both(`urn:${name}${next}`) : {}) }
    }),
    true,
  ],
  [
    '30 times if there is a property',
    doubling(30, ($ref) => ({ dependentSchemas: { x: { $ref }, y: { $ref } } })),
    true,
  ],
  [
    '40 times two properties of the same kind',
    doubling(40, ($ref) => ({ properties: { a: { $ref }, b: { $ref } } })),
    false,
  ],
] as const) {
  test(`${title}: ${isRefused ? 'refused, as no answer could be checked in time' : 'accepted'}`, async () => {
    const problem = await answerSchemaProblem(schema)
    if (isRefused) assert.match(problem ?? '', /^has too many rules for one value/)
    else assert.equal(problem, null)
  })
}

test('a value that cannot be checked does not fit', async () => {
  const check = await compileSchema({ type: 'object', $id: 'https://example.com/a', $ref: 'https://example.com/a' })
  assert.match(check({}) ?? '', /without end/)
})
