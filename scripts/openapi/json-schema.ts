// Simplifies the JSON Schemas that Zod makes, without changing their meaning, for readers and generators of OpenAPI. Pure.

export type Schema = { [keyword: string]: unknown }

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const single = ['items', 'additionalProperties', 'propertyNames', 'not', 'contentSchema']
const named = ['properties', '$defs', 'patternProperties']
const listed = ['anyOf', 'oneOf', 'allOf', 'prefixItems']

/** The schema with each schema directly below it replaced. */
export function mapBelow(schema: Schema, change: (below: Schema) => Schema): Schema {
  const each = (value: unknown) => (isObject(value) ? change(value) : value)
  const entries = Object.entries(schema).map(([keyword, value]) => {
    if (single.includes(keyword)) return [keyword, each(value)]
    if (listed.includes(keyword) && Array.isArray(value)) return [keyword, value.map(each)]
    if (!named.includes(keyword) || !isObject(value)) return [keyword, value]
    return [keyword, Object.fromEntries(Object.entries(value).map(([name, below]) => [name, each(below)]))]
  })
  return Object.fromEntries(entries) as Schema
}

const isNull = ({ type }: Schema) => type === 'null'

/** Turns `anyOf` of a simple type and null into a list of types. */
function mergeNull(schema: Schema): Schema {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf)) return schema
  const others = (anyOf as Schema[]).filter((option) => !isNull(option))
  const [only] = others
  if (only === undefined || others.length !== 1 || anyOf.length !== 2 || typeof only.type !== 'string') return schema
  if ('const' in only) return schema
  const names = Array.isArray(only.enum) ? { enum: [...only.enum, null] } : {}
  return { ...rest, ...only, type: [only.type, 'null'], ...names }
}

const whole = Number.MAX_SAFE_INTEGER

/** Keywords that add nothing, or that not every program can read. */
const isIdle: Record<string, (value: unknown, schema: Schema) => boolean> = {
  $schema: () => true,
  $id: () => true,
  id: () => true,
  minimum: (value) => value === -whole,
  maximum: (value) => value === whole,
  propertyNames: (value) => JSON.stringify(value) === '{"type":"string"}',
  pattern: (_value, { format }) => format !== undefined,
}

/** The class of control characters for engines without Unicode properties. */
const portable = (pattern: string) => pattern.replace('^\\P{Cc}*$', '^[^\\u0000-\\u001f\\u007f-\\u009f]*$')

function clean(schema: Schema): Schema {
  const kept = Object.entries(schema).filter(([keyword, value]) => isIdle[keyword]?.(value, schema) !== true)
  const entries = kept.map(([keyword, value]) => {
    if (keyword === 'pattern') return [keyword, portable(String(value))]
    if (keyword === 'additionalProperties' && JSON.stringify(value) === '{}') return [keyword, true]
    return [keyword, value]
  })
  const { description, ...others } = Object.fromEntries(entries) as Schema
  const made: Schema = description === undefined ? others : { description, ...others }
  // A list that is always empty: the standard requires at least one entry in `prefixItems`.
  if (!Array.isArray(made.prefixItems) || made.prefixItems.length > 0) return mergeNull(made)
  const { prefixItems: _, items: __, ...rest } = made
  return { ...rest, maxItems: 0 }
}

export const tidy = (schema: Schema): Schema => clean(mapBelow(schema, tidy))
