// Invents a value that fits a JSON schema, so that the demo can answer structured-output requests and call any tool.
// Covers what schemas of tools and answers usually contain; it does not solve `pattern`, `not`, `if` or contradictions.

type Schema = Record<string, unknown>

/** Optional properties are filled in only down to this depth, or a schema that contains itself would never end. */
const OPTIONAL_DEPTH = 3
const MAX_DEPTH = 12

const FORMATS: Record<string, string> = {
  date: '2025-01-31',
  time: '12:00:00Z',
  'date-time': '2025-01-31T12:00:00Z',
  email: 'demo@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
  ipv4: '127.0.0.1',
  hostname: 'example.com',
}

export function fitSchema(schema: unknown): unknown {
  return fit(schema, { root: asSchema(schema), depth: 0, name: 'demo', index: 0 })
}

/** `index` is the position in a list: its items differ if they can, for `uniqueItems`. */
type Position = { root: Schema; depth: number; name: string; index: number }

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function fit(value: unknown, position: Position): unknown {
  const schema = resolve(asSchema(value), position.root)
  if (position.depth > MAX_DEPTH) return null
  if ('const' in schema) return schema.const
  if ('default' in schema) return schema.default
  const choices = [...asList(schema.enum), ...asList(schema.examples)]
  if (choices.length > 0) return choices[position.index % choices.length]
  switch (typeOf(schema)) {
    case 'object':
      return fitObject(schema, position)
    case 'array':
      return fitArray(schema, position)
    case 'integer':
      return Math.ceil(fitNumber(schema, 1))
    case 'number':
      return fitNumber(schema, 0.5)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return fitString(schema, position)
  }
}

/** Follows `$ref`, merges `allOf`, and takes the first alternative of `anyOf` and `oneOf`. */
function resolve(schema: Schema, root: Schema, hops = 0): Schema {
  if (hops > MAX_DEPTH) return {}
  const { $ref, allOf, anyOf, oneOf, ...own } = schema
  const parts = [
    typeof $ref === 'string' ? lookUp($ref, root) : {},
    ...asList(allOf),
    asList(anyOf)[0],
    asList(oneOf)[0],
  ]
  const merged = parts.map((part) => resolveUnlessEmpty(asSchema(part), root, hops + 1)).reduce(merge, {})
  return merge(merged, own)
}

function resolveUnlessEmpty(schema: Schema, root: Schema, hops: number): Schema {
  return Object.keys(schema).length === 0 ? schema : resolve(schema, root, hops)
}

function merge(base: Schema, more: Schema): Schema {
  const merged: Schema = { ...base, ...more }
  if (base.properties || more.properties) {
    merged.properties = { ...asSchema(base.properties), ...asSchema(more.properties) }
    merged.required = [...asList(base.required), ...asList(more.required)]
  }
  return merged
}

function lookUp(ref: string, root: Schema): unknown {
  if (!ref.startsWith('#')) return {}
  let found: unknown = root
  for (const part of ref.slice(1).split('/').filter(Boolean)) {
    found = asSchema(found)[part.replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return found
}

function typeOf(schema: Schema): string {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (typeof type === 'string') return type
  if (schema.properties || schema.required) return 'object'
  return schema.items || schema.prefixItems ? 'array' : 'string'
}

function fitObject(schema: Schema, position: Position): Schema {
  const properties = asSchema(schema.properties)
  const required = new Set(asList(schema.required).map(String))
  const names = new Set([...Object.keys(properties), ...required])
  const wanted = [...names].filter((name) => required.has(name) || isEasy(properties[name], position))
  return Object.fromEntries(
    wanted.map((name) => [name, fit(properties[name], { ...position, depth: position.depth + 1, name, index: 0 })]),
  )
}

function isEasy(property: unknown, position: Position): boolean {
  return position.depth < OPTIONAL_DEPTH && !('pattern' in resolve(asSchema(property), position.root))
}

function fitArray(schema: Schema, position: Position): unknown[] {
  const inner = { ...position, depth: position.depth + 1 }
  const first = asList(schema.prefixItems).map((item) => fit(item, inner))
  const preferred = position.depth < OPTIONAL_DEPTH ? 1 : 0
  const length = Math.max(
    asNumber(schema.minItems) ?? 0,
    Math.min(preferred, asNumber(schema.maxItems) ?? preferred),
    first.length,
  )
  const rest = Array.from({ length: length - first.length }, (_, index) => fit(schema.items, { ...inner, index }))
  return [...first, ...rest]
}

function fitNumber(schema: Schema, smallest: number): number {
  const above = asNumber(schema.exclusiveMinimum)
  const below = asNumber(schema.exclusiveMaximum)
  const low = asNumber(schema.minimum) ?? (above === undefined ? undefined : above + smallest)
  const high = asNumber(schema.maximum) ?? (below === undefined ? undefined : below - smallest)
  const preferred = Math.min(Math.max(1, low ?? 1), high ?? Number.POSITIVE_INFINITY)
  const step = asNumber(schema.multipleOf)
  if (!step) return preferred
  const up = Math.ceil(preferred / step) * step
  return high !== undefined && up > high ? Math.floor(high / step) * step : up
}

function fitString(schema: Schema, { name, index }: Position): string {
  const formatted = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined
  if (formatted !== undefined) return formatted
  const text = `demo ${name}${index > 0 ? ` ${index + 1}` : ''}`.padEnd(asNumber(schema.minLength) ?? 0, '.')
  return text.slice(0, asNumber(schema.maxLength) ?? text.length)
}
