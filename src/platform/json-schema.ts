// JSON Schema: whether a schema is valid, whether a value fits it, and how it reads in draft-07. Ajv does the work. Not for what a
// request may contain (see compat/json-schema-checks.ts).
import type { Options } from 'ajv'

export type JsonSchema = Record<string, unknown>

/** What does not fit, as the end of a sentence that begins with the value's name; null if it fits. */
export type SchemaCheck = (value: unknown) => string | null

/** `inlineRefs` is off because deciding which references can be inlined takes forever on deeply nested lists. */
const rules: Options = { validateFormats: false, logger: false, inlineRefs: false }

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
  const { $schema: _, ...schema } = requested
  const meta = metas.get(Ajv) ?? new Ajv({ ...rules, strict: false })
  metas.set(Ajv, meta)
  void meta.validateSchema(schema, true)
  const ajv = new Ajv({ ...rules, strict: false, meta: false, validateSchema: false })
  const validate = ajv.compile(schema)
  return (value) => (validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'it' }))
}

/** Whether a program that knows draft-07 only, and refuses everything else, can use the schema. */
export async function isStrictDraft07(schema: JsonSchema): Promise<boolean> {
  const { Ajv } = await import('ajv')
  try {
    new Ajv({ ...rules, meta: false, validateSchema: false }).compile(schema)
    return true
  } catch {
    return false
  }
}

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

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
export function toDraft07(schema: unknown): unknown {
  if (!isObject(schema)) return schema
  const kept: JsonSchema = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (inside.value.includes(keyword)) kept[keyword] = value
    else if (inside.schema.includes(keyword)) kept[keyword] = toDraft07(value)
    else if (inside.list.includes(keyword) && Array.isArray(value)) kept[keyword] = value.map(toDraft07)
    else if (inside.map.includes(keyword) && isObject(value)) kept[keyword] = mapValues(value, toDraft07)
  }
  if (schema.nullable !== undefined && schema.type !== undefined) kept.nullable = schema.nullable
  // These have no meaning by themselves.
  if (kept.if === undefined) for (const keyword of ['then', 'else']) delete kept[keyword]
  return { ...kept, ...itemsOf(schema), ...dependenciesOf(schema) }
}

function itemsOf({ prefixItems, items, additionalItems }: JsonSchema): JsonSchema {
  const [list, others] = Array.isArray(prefixItems) ? [prefixItems, items] : [items, additionalItems]
  if (!Array.isArray(list)) return list === undefined ? {} : { items: toDraft07(list) }
  if (list.length === 0) return others === undefined ? {} : { items: toDraft07(others) }
  return { items: list.map(toDraft07), ...(others === undefined ? {} : { additionalItems: toDraft07(others) }) }
}

function dependenciesOf({ dependencies, dependentRequired, dependentSchemas }: JsonSchema): JsonSchema {
  const maps = [dependencies, dependentSchemas, dependentRequired].filter(isObject)
  if (maps.length === 0) return {}
  const merged: Record<string, unknown> = {}
  for (const [name, value] of maps.flatMap((map) => Object.entries(map))) {
    const added = Array.isArray(value) ? value : toDraft07(value)
    const before = merged[name]
    merged[name] = before === undefined ? added : { allOf: [asSchema(before), asSchema(added)] }
  }
  return { dependencies: merged }
}

const asSchema = (dependency: unknown) => (Array.isArray(dependency) ? { required: dependency } : dependency)
