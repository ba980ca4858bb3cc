// JSON Schema: whether a schema is valid, whether a value fits it, and how it reads in draft-07. Ajv does the work. Not for what a
// request may contain (see compat/json-schema-checks.ts).
import type { Options } from 'ajv'
import { isObject } from './json.ts'

export type JsonSchema = Record<string, unknown>

/** What does not fit, as the end of a sentence that begins with the value's name; null if it fits. */
export type SchemaCheck = (value: unknown) => string | null

/**
 * `inlineRefs` is off because deciding which references can be inlined takes forever on deeply nested lists. Without a precision, 0.07
 * would be no multiple of 0.01. Optimized code takes six times as long to make, for 1,000 properties, and each runs only once or twice.
 */
const rules: Options = {
  validateFormats: false,
  logger: false,
  inlineRefs: false,
  multipleOfPrecision: 10,
  code: { optimize: false },
}

/** The versions that can be read; their addresses are never followed. */
const versions = /^https?:\/\/json-schema\.org\/(draft-0[467]|draft\/20(19-09|20-12))\/schema#?$/

/** Only these need the newest version; what others have that it lacks, such as lists in `items`, is in the one before. */
const isDraft2020 = (schema: JsonSchema) =>
  String(schema.$schema).includes('2020-12') || /"(prefixItems|\$dynamicRef)":/.test(JSON.stringify(schema))

/** Loaded on first use: few requests contain a schema. */
async function ajvFor(schema: JsonSchema) {
  return isDraft2020(schema) ? (await import('ajv/dist/2020.js')).Ajv2020 : (await import('ajv/dist/2019.js')).Ajv2019
}

/** By class of Ajv, as creating one takes several milliseconds. They hold no data of requests. */
const metas = new Map<unknown, { validateSchema(schema: JsonSchema, throws: boolean): unknown }>()

/** Unknown keywords are ignored, as the standard has it. Throws an Error that says what is wrong with the schema. */
export async function compileSchema(requested: JsonSchema): Promise<SchemaCheck> {
  const Ajv = await ajvFor(requested)
  const { $schema: version, ...schema } = withoutVoidNullable(requested) as JsonSchema
  if (version !== undefined && (typeof version !== 'string' || !versions.test(version)))
    throw new Error('its $schema is not a known version of JSON Schema')
  const meta = metas.get(Ajv) ?? new Ajv({ ...rules, strict: false })
  metas.set(Ajv, meta)
  void meta.validateSchema(schema, true)
  const ajv = new Ajv({ ...rules, strict: false, meta: false, validateSchema: false })
  const validate = ajv.compile(schema)
  return (value) => {
    try {
      return validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'it' })
    } catch (error) {
      if (error instanceof RangeError) return 'it cannot be checked: the schema refers to itself without end'
      throw error
    }
  }
}

/** What is wrong with the schema, as the end of a sentence that begins with its name; null if it is valid. */
export async function schemaProblem(schema: JsonSchema): Promise<string | null> {
  if (schema.type !== 'object') return 'must have "type": "object" at its root'
  try {
    await compileSchema(schema)
    return null
  } catch (error) {
    if (error instanceof RangeError) return 'is too large to be checked: make the schema simpler'
    return `is not a valid JSON Schema: ${(error as Error).message}`
  }
}

/**
 * The same, for a schema that an answer has to fit. The CLI knows draft-07 only. What that cannot say is checked in the answer; a
 * reference must lead somewhere.
 */
export async function answerSchemaProblem(schema: JsonSchema): Promise<string | null> {
  const problem = await schemaProblem(schema)
  if (problem !== null) return problem
  const ruleCount = rulesForOneValue(schema)
  if (ruleCount === Number.POSITIVE_INFINITY)
    return 'refers to itself without end: no answer could be checked against it'
  if (ruleCount > rulesMax) return 'has too many rules for one value once its references are followed: make it simpler'
  const unsayable = await strictDraft07Problem(toDraft07(schema) as JsonSchema)
  if (unsayable === null) return null
  return `cannot be said in draft-07 of JSON Schema, the only version that the CLI knows: ${unsayable}`
}

/** The CLI checks some 10 million in a second. */
const rulesMax = 100_000

/**
 * How many parts of the schema at most apply to one value, the most of any part: references that meet again and again double it each time.
 * Infinite if a part refers to itself without going into the value, so that no value can ever be checked; the standard leaves open what
 * such a schema means. References to other documents are not followed.
 */
export function rulesForOneValue(root: JsonSchema): number {
  const ids = namedParts(root)
  const counted = new Map<unknown, number>()
  const open = new Set<unknown>()
  const count = (part: unknown): number => {
    if (!isObject(part)) return 0
    if (open.has(part)) return Number.POSITIVE_INFINITY
    const known = counted.get(part)
    if (known !== undefined) return known
    open.add(part)
    const { $ref, allOf, anyOf, oneOf, not, if: condition, dependentSchemas, dependencies } = part
    const byProperty = [dependentSchemas, dependencies].filter(isObject).flatMap((map) => Object.values(map))
    const target = resolveReference(root, ids, $ref)
    const applied = [target, allOf, anyOf, oneOf, not, condition, part.then, part.else, ...byProperty].flat()
    const sum = applied.reduce<number>((total, each) => total + count(each), 1)
    open.delete(part)
    counted.set(part, sum)
    return sum
  }
  let most = 0
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    most = Math.max(most, count(part))
    for (const value of Object.values(part)) visit(value)
  }
  visit(root)
  return most
}

/** The parts that have a name of their own, by `$id` and `#` with `$anchor`. */
function namedParts(root: JsonSchema): Map<string, unknown> {
  const ids = new Map<string, unknown>()
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    const { $id, $anchor } = part as JsonSchema
    if (typeof $id === 'string') ids.set($id, part)
    if (typeof $anchor === 'string') ids.set(`#${$anchor}`, part)
    for (const value of Object.values(part)) visit(value)
  }
  visit(root)
  return ids
}

function resolveReference(root: JsonSchema, ids: Map<string, unknown>, reference: unknown): unknown {
  if (typeof reference !== 'string') return undefined
  if (ids.has(reference)) return ids.get(reference)
  const [base = '', fragment = ''] = reference.split('#')
  const named = base === '' ? root : ids.get(base)
  return isObject(named) ? resolvePath(named, `#${decoded(fragment)}`) : undefined
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

function resolvePath(root: JsonSchema, reference: string): unknown {
  if (!/^#(\/|$)/.test(reference)) return undefined
  const names = reference.split('/').slice(1)
  return names.reduce<unknown>((part, name) => {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
    return typeof part === 'object' && part !== null ? (part as JsonSchema)[key] : undefined
  }, root)
}

/** Why a program that knows draft-07 only, and refuses everything else, cannot use the schema; null if it can. */
export async function strictDraft07Problem(schema: JsonSchema): Promise<string | null> {
  const { Ajv } = await import('ajv')
  try {
    new Ajv({ ...rules, meta: false, validateSchema: false }).compile(schema)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

const mapValues = (map: JsonSchema, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]))

/** The keywords of draft-07 and of OpenAPI that draft-07's users know, by what their values are. */
const inside = {
  schema: ['additionalProperties', 'contains', 'else', 'if', 'not', 'propertyNames', 'then'],
  list: ['allOf', 'anyOf', 'oneOf'],
  map: ['$defs', 'definitions', 'patternProperties', 'properties'],
  value: [
    ...[
      '$comment',
      '$id',
      '$ref',
      'const',
      'contentEncoding',
      'contentMediaType',
      'default',
      'deprecated',
      'description',
    ],
    ...['enum', 'examples', 'exclusiveMaximum', 'exclusiveMinimum', 'format', 'maximum', 'maxItems', 'maxLength'],
    ...['maxProperties', 'minimum', 'minItems', 'minLength', 'minProperties', 'multipleOf', 'pattern', 'readOnly'],
    ...['required', 'title', 'type', 'uniqueItems', 'writeOnly'],
  ],
}

/**
 * The schema in draft-07. What that version has under another name is renamed; annotations and what it has no word for are left out, so
 * that more may fit it than fits `schema`, never less.
 */
export function toDraft07(schema: unknown, isLossy = lossiness(schema)): unknown {
  if (!isObject(schema)) return schema
  const convert = (part: unknown) => toDraft07(part, isLossy)
  const kept: JsonSchema = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (inside.value.includes(keyword)) kept[keyword] = value
    else if (inside.schema.includes(keyword)) kept[keyword] = convert(value)
    else if (inside.list.includes(keyword) && Array.isArray(value)) kept[keyword] = value.map((part) => convert(part))
    else if (inside.map.includes(keyword) && isObject(value)) kept[keyword] = mapValues(value, convert)
  }
  if (schema.nullable !== undefined && schema.type !== undefined) kept.nullable = schema.nullable
  loosen(kept, schema, isLossy)
  return { ...kept, ...itemsOf(schema, convert), ...dependenciesOf(schema, convert) }
}

const mapKeywords = [...inside.map, 'dependencies', 'dependentSchemas']
const schemaKeywords = [...inside.schema, ...inside.list, 'additionalItems', 'items', 'prefixItems']

/** Ajv refuses OpenAPI's `nullable` in a schema without a type, which it has no meaning in. */
function withoutVoidNullable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutVoidNullable)
  if (!isObject(schema)) return schema
  const isVoid = schema.nullable !== undefined && schema.type === undefined
  const kept = Object.entries(schema).filter(([keyword]) => keyword !== 'nullable' || !isVoid)
  return Object.fromEntries(
    kept.map(([keyword, value]) => {
      if (mapKeywords.includes(keyword) && isObject(value)) return [keyword, mapValues(value, withoutVoidNullable)]
      return [keyword, schemaKeywords.includes(keyword) ? withoutVoidNullable(value) : value]
    }),
  )
}

type Convert = (part: unknown) => unknown

/** Whether something is left out of a part, or may be by way of a reference. */
function lossiness(root: unknown): (part: unknown) => boolean {
  const has = (part: unknown, pattern: RegExp) => pattern.test(JSON.stringify(part) ?? '')
  const hasLost = has(root, leftOut)
  return (part) => hasLost && (has(part, leftOut) || has(part, /"\$ref":/))
}

const leftOut = /"(unevaluatedProperties|unevaluatedItems|minContains|maxContains|\$dynamicRef|\$recursiveRef)":/

/** Removes what would be stricter where a part of it was left out, and what strict programs do not take. */
function loosen(kept: JsonSchema, schema: JsonSchema, isLossy: (part: unknown) => boolean): void {
  const drop = (...keywords: string[]) => {
    for (const keyword of keywords) delete kept[keyword]
  }
  const isConditional = schema.then !== undefined || schema.else !== undefined
  if (!isConditional || schema.if === undefined || isLossy(schema.if)) drop('if', 'then', 'else')
  if (isLossy(schema.not)) drop('not')
  if (schema.minContains === 0) drop('contains')
  if (isLossy(schema.oneOf)) {
    kept.allOf = [...(Array.isArray(kept.allOf) ? (kept.allOf as unknown[]) : []), { anyOf: kept.oneOf }]
    drop('oneOf')
  }
  if (hasOverlap(schema)) drop('patternProperties', 'additionalProperties')
}

/** Whether a property has a rule by its name and one by a pattern, or may have: of parts that nothing refers to, patterns are not checked. */
function hasOverlap({ properties, patternProperties }: JsonSchema): boolean {
  if (!isObject(properties) || !isObject(patternProperties)) return false
  const names = Object.keys(properties)
  const patterns = Object.keys(patternProperties)
  if (names.length * patterns.length > pairsMax) return true
  return patterns.some((pattern) => names.some((name) => mayMatch(pattern, name)))
}

/** Bounds on what is tried while everything else waits: of names and patterns, and of what a pattern can cost. */
const pairsMax = 10_000
const lengthMax = 200
const repeats = /[*+{]/g

function mayMatch(pattern: string, name: string): boolean {
  if (pattern.length > lengthMax || name.length > lengthMax || [...pattern.matchAll(repeats)].length > 1) return true
  try {
    return new RegExp(pattern, 'u').test(name)
  } catch {
    return true
  }
}

function itemsOf({ prefixItems, items, additionalItems }: JsonSchema, convert: Convert): JsonSchema {
  const [list, others] = Array.isArray(prefixItems) ? [prefixItems, items] : [items, additionalItems]
  if (!Array.isArray(list)) return list === undefined ? {} : { items: convert(list) }
  if (list.length === 0) return others === undefined ? {} : { items: convert(others) }
  return {
    items: list.map((part) => convert(part)),
    ...(others === undefined ? {} : { additionalItems: convert(others) }),
  }
}

function dependenciesOf(
  { dependencies, dependentRequired, dependentSchemas }: JsonSchema,
  convert: Convert,
): JsonSchema {
  const maps = [dependencies, dependentSchemas, dependentRequired].filter(isObject)
  if (maps.length === 0) return {}
  const merged: Record<string, unknown> = {}
  for (const [name, value] of maps.flatMap((map) => Object.entries(map))) {
    const added = Array.isArray(value) ? value : convert(value)
    const before = merged[name]
    merged[name] = before === undefined ? added : { allOf: [asSchema(before), asSchema(added)] }
  }
  return { dependencies: merged }
}

const asSchema = (dependency: unknown) => (Array.isArray(dependency) ? { required: dependency } : dependency)
