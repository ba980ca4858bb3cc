// JSON Schemas for fuzzed requests, for the inputs of tools and for answers: what people and generators write, in all drafts, deep,
// recursive, contradictory or empty. They are well-formed JSON, but not all of them are valid schemas.
import fc from 'fast-check'
import { type Arb, oneOf, seldom } from './fuzz-values.ts'

export type Schema = Record<string, unknown>

const names = seldom(
  40,
  oneOf(
    ...['', ' ', 'a b', 'a.b', '$ref', 'é', '🦉', '0', 'x'.repeat(65), '__proto__', 'constructor', 'toString', 'then'],
    ...['type', 'properties', 'required', '$defs', 'nul\u0000', '\ud800', 'a/b', '~0', 'input', 'x-y', '@type', 'enum'],
  ),
  oneOf('a', 'b', 'path', 'query', 'items', 'is_open', 'camelCase', 'node', 'value', 'max-size'),
)

const formats = oneOf('date-time', 'email', 'uri', 'uuid', 'ipv4', 'int64', 'byte', 'regex', 'no-such-format', '')
const patterns = seldom(
  12,
  oneOf('(?i)a', '[', '\\Z', '^[\\w-.]+$'),
  oneOf('^a', '^[a-z]+$', '\\d{3}', '^\\p{L}+$', '(?<year>\\d{4})', '(?<=a)b', '^(a+)+$', ''),
)
const numbers = oneOf(1, 0, -1, 0.1, 100, 2 ** 53, 1e21, 1e308, -(2 ** 63), 18_446_744_073_709_552_000, 5e-324)
/** The least of something stays small, or no value would fit. */
const fewest = seldom(20, oneOf(-1, 1.5), oneOf(1, 0, 2, 3))
const most = seldom(20, oneOf(-1, 1.5), oneOf(3, 1, 0, 2 ** 31, 2 ** 53))
const constants = oneOf<unknown>('a', 1, null, true, '', [], {}, { a: [1] }, 1e21, '\ud800', 'm²', ['a', 'a'])
const references = seldom(
  6,
  oneOf(
    ...['#/definitions/none', '#/$defs/none', '#none', 'node', '##', 'https://example.com/schema.json'],
    ...['http://json-schema.org/draft-07/schema#', '#/$defs/node/properties/a'],
  ),
  oneOf('#', '#/properties/a', ''),
)

/** Some of the keywords, each with its value or left out. */
const some = (keywords: Record<string, Arb>): Arb<Schema> => fc.record(keywords, { requiredKeys: [] }) as Arb<Schema>

const notes = some({
  description: oneOf('A value.', '', 'm²', '\u200b', 'x'.repeat(2100)),
  title: oneOf('Value', ''),
  default: constants,
  examples: fc.array(constants, { maxLength: 2 }),
  deprecated: fc.boolean(),
  readOnly: fc.boolean(),
  example: constants,
  'x-order': oneOf(1),
  $comment: oneOf('None.'),
  discriminator: fc.constant({ propertyName: 'type' }),
})

const texts = some({
  format: formats,
  pattern: patterns,
  minLength: fewest,
  maxLength: most,
  contentEncoding: oneOf('base64'),
})

const figures = some({
  minimum: numbers,
  maximum: numbers,
  exclusiveMinimum: seldom<unknown>(20, fc.boolean(), numbers),
  multipleOf: numbers,
})

const withType = (type: unknown, rules: Arb<Schema>): Arb<Schema> =>
  fc
    .tuple(rules, seldom(8, oneOf({ nullable: true }), oneOf({})))
    .map(([schema, more]) => ({ type, ...schema, ...more }))

const simple = fc.oneof(
  { weight: 4, arbitrary: withType('string', texts) },
  { weight: 3, arbitrary: withType('integer', figures) },
  { weight: 2, arbitrary: withType('number', figures) },
  { weight: 2, arbitrary: fc.constant<Schema>({ type: 'boolean' }) },
  { weight: 1, arbitrary: fc.constant<Schema>({ type: 'null' }) },
  {
    weight: 2,
    arbitrary: seldom(20, fc.constant<unknown[]>([]), fc.array(constants, { minLength: 1, maxLength: 4 })).map(
      (values): Schema => ({ enum: values }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Schema>({ type: 'string', enum: ['a', 'b'] }) },
  { weight: 1, arbitrary: constants.map((value): Schema => ({ const: value })) },
  { weight: 1, arbitrary: fc.constant<Schema>({}) },
  { weight: 1, arbitrary: fc.constant<Schema>({ type: ['string', 'null'] }) },
  { weight: 1, arbitrary: references.map((reference): Schema => ({ $ref: reference })) },
  {
    weight: 1,
    arbitrary: seldom<Schema>(
      3,
      oneOf<Schema>({ type: 'any' }, { type: [] }, { type: 'String' }, { type: null }, { anyOf: [{}], nullable: true }),
      fc.constant({ type: 'object' }),
    ),
  },
)

const annotated = (schema: Arb<Schema>): Arb<Schema> =>
  fc.tuple(schema, seldom(3, notes, fc.constant({}))).map(([rules, more]) => ({ ...more, ...rules }))

const conditionOf = (any: Arb): Arb<Schema> =>
  fc.oneof(
    any.map((not): Schema => ({ not })),
    fc
      .tuple(any, any, any)
      // biome-ignore lint/suspicious/noThenProperty: this is a keyword of JSON Schema.
      .map(([condition, positive, negative]): Schema => ({ if: condition, then: positive, else: negative })),
  )

/** `true` and `false` are schemas, too. */
const part = fc.letrec<{ any: unknown; nested: Schema }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 6, arbitrary: annotated(simple) },
    { weight: 3, arbitrary: annotated(tie('nested')) },
    { weight: 1, arbitrary: fc.boolean() },
  ),
  nested: fc.oneof(
    { weight: 5, arbitrary: objectOf(tie('any')) },
    { weight: 4, arbitrary: listOf(tie('any')) },
    { weight: 4, arbitrary: choiceOf(tie('any')) },
    { weight: 1, arbitrary: conditionOf(tie('any')) },
  ),
}))

function mapOf(any: Arb, maxKeys: number): Arb<Schema> {
  return fc.dictionary(names, any, { maxKeys, noNullPrototype: true })
}

function objectOf(any: Arb): Arb<Schema> {
  const properties = mapOf(any, 3)
  const required = fc.array(names, { maxLength: 3 })
  const rules = some({
    additionalProperties: fc.oneof<Arb[]>(fc.boolean(), any),
    patternProperties: fc.dictionary(patterns, any, { maxKeys: 2, noNullPrototype: true }),
    propertyNames: any,
    dependentRequired: fc.dictionary(names, required, { maxKeys: 1, noNullPrototype: true }),
    dependentSchemas: mapOf(any, 1),
    dependencies: mapOf(any, 1),
    unevaluatedProperties: fc.boolean(),
    minProperties: fewest,
    maxProperties: most,
  })
  return fc
    .tuple(properties, seldom(3, required, fc.constant(null)), seldom(3, rules, fc.constant({})))
    .map(([named, odd, more]) => ({
      type: 'object',
      properties: named,
      ...(odd === null ? { required: Object.keys(named).slice(0, 2) } : { required: odd }),
      ...more,
    }))
}

function listOf(any: Arb): Arb<Schema> {
  const rules = some({
    prefixItems: fc.array(any, { maxLength: 2 }),
    items: fc.oneof<Arb[]>(any, fc.array(any, { maxLength: 2 })),
    additionalItems: any,
    contains: any,
    minContains: fewest,
    unevaluatedItems: fc.boolean(),
    minItems: fewest,
    maxItems: most,
    uniqueItems: fc.boolean(),
  })
  return fc.oneof(
    { weight: 3, arbitrary: any.map((items): Schema => ({ type: 'array', items })) },
    { weight: 1, arbitrary: withType('array', rules) },
  )
}

function choiceOf(any: Arb): Arb<Schema> {
  const list = seldom(30, fc.constant<unknown[]>([]), fc.array(any, { minLength: 1, maxLength: 3 }))
  return fc.oneof(
    list.map((anyOf): Schema => ({ anyOf })),
    list.map((oneOf): Schema => ({ oneOf })),
    list.map((allOf): Schema => ({ allOf })),
    any.map((schema): Schema => ({ anyOf: [schema, { type: 'null' }] })),
  )
}

const versions = oneOf<unknown>(
  ...['https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema#'],
  ...[
    'http://json-schema.org/draft-04/schema#',
    'https://json-schema.org/draft/2019-09/schema',
    'http://example.com/schema',
    7,
  ],
)

const definitions: Arb<Schema> = part.any.map((node) => ({ node, a: { type: 'string' }, 'a b': {} }))

const tree: Schema = {
  type: 'object',
  properties: { a: { type: 'string' }, items: { type: 'array', items: { $ref: '#' } }, node: { $ref: '#/$defs/node' } },
  $defs: { node: { type: 'object', properties: { node: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } } } },
}

/** Nested this many levels deep, each of them several in JSON. */
function deep(levels: number): Schema {
  let schema: Schema = { type: 'string' }
  for (let level = 0; level < levels; level++)
    schema = level % 2 === 0 ? { type: 'array', items: schema } : { type: 'object', properties: { a: schema } }
  return schema
}

const wide = (count: number): Schema => ({
  type: 'object',
  properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: 'integer' }])),
})

/** A schema whose root is odd. */
const oddRoots = fc.oneof(
  { weight: 3, arbitrary: part.nested },
  {
    weight: 3,
    arbitrary: oneOf<Schema>(
      {},
      { type: 'object' },
      { properties: {} },
      { type: 'object', properties: null },
      { type: 'object', properties: [] },
      { type: 'object', properties: {}, required: null },
      { type: ['object', 'null'], properties: {} },
      { type: 'OBJECT' },
      { type: 'string' },
      { type: 'object', additionalProperties: { type: 'string' } },
      { type: 'object', properties: {}, required: ['a', 'a'] },
      { $ref: '#/$defs/node', $defs: { node: { type: 'object' } } },
      { type: 'object', $ref: '#/$defs/node', $defs: { node: { type: 'object' } } },
      { type: 'object', $ref: '#' },
      { type: 'object', $id: 'https://example.com/a', properties: { a: { $ref: 'https://example.com/a' } } },
      { type: 'object', $anchor: 'node', properties: { a: { $ref: '#node' } } },
      { type: 'object', $dynamicAnchor: 'node', properties: { a: { $dynamicRef: '#node' } } },
      { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }], properties: { a: {}, b: {} } },
      { type: 'object', oneOf: [], properties: {} },
      { type: 'object', properties: { a: true, b: false } },
      { type: 'object', not: {} },
    ),
  },
  {
    weight: 2,
    arbitrary: oneOf(tree, deep(2), deep(12), deep(24), deep(28), wide(10), wide(300), {
      type: 'object',
      properties: { a: deep(6), node: tree },
    }),
  },
)

/** Ordinary schemas of objects, so that most requests get as far as the model. */
const ordinary = fc.oneof(
  {
    weight: 2,
    arbitrary: oneOf<Schema>(
      { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false },
      tree,
    ),
  },
  { weight: 4, arbitrary: objectOf(part.any) },
)

export const schema: Arb<Schema> = fc
  .tuple(
    seldom(5, oddRoots, ordinary),
    seldom(4, definitions, fc.constant(null)),
    seldom(16, versions, fc.constant(null)),
  )
  .map(([root, $defs, $schema]) => ({
    ...($schema === null ? {} : { $schema }),
    ...root,
    ...($defs === null || '$defs' in root ? {} : { $defs, definitions: $defs }),
  }))
