// Bodies for fuzzing: valid ones derived from a schema, and what mistakes or malice make of them. A mistake stays close to a valid body,
// as a body that is wrong altogether is refused at the first check.
import fc from 'fast-check'
import { z } from 'zod'
import { nested } from './surfaces.ts'

/** The part of JSON Schema that the project's own schemas use. */
type Node = {
  type?: string | string[]
  anyOf?: Node[]
  oneOf?: Node[]
  allOf?: Node[]
  const?: unknown
  enum?: unknown[]
  pattern?: string
  properties?: Record<string, Node>
  required?: string[]
  additionalProperties?: boolean | Node
  propertyNames?: Node
  items?: Node
  minItems?: number
}

type Arb = fc.Arbitrary<unknown>
type Json = Record<string, unknown>

const oneOf = (values: readonly unknown[]): Arb => fc.constantFrom(...values)

const png = 'iVBORw0KGgoAAAANSUhEUg=='
const pdf = 'JVBERi0xLjQKJQ=='

const texts = [
  ...[
    'hi',
    'a',
    'f',
    'x y',
    'sonnet',
    'agent/sonnet',
    'claude-sonnet-5',
    '{}',
    '{"a":1}',
    'auto',
    'none',
    'user',
    '/tmp',
  ],
  ...[png, pdf, `data:image/png;base64,${png}`, `data:text/plain;base64,aGk=`, 'bash_20250124', 'custom', 'function'],
  ...['11111111-2222-4333-8444-555555555555', 'generate a title for this chat', '🦉', 'a\r\nb', ''],
]

const schemas = [
  { type: 'object' },
  { type: 'object', properties: { a: { type: 'string', pattern: '^a' } }, required: ['a'] },
  { type: 'object', $defs: { d: { type: 'number' } }, properties: { a: { $ref: '#/$defs/d' } } },
  { type: 'object', $schema: 'https://json-schema.org/draft/2020-12/schema', additionalProperties: false },
]

/** Valid values for fields whose schema alone does not describe them. */
const known: Record<string, Arb> = {
  model: oneOf(['sonnet', 'sonnet', 'agent/sonnet', 'claude-sonnet-5', 'default']),
  fallback_model: oneOf(['sonnet', 'haiku']),
  cwd: oneOf(['/tmp', '/']),
  add_dirs: oneOf([['/tmp'], []]),
  permission_mode: oneOf(['default', 'plan', 'dontAsk']),
  timeout_s: oneOf([1, 30, 3600]),
  // Needs a store, and is tested elsewhere.
  background: oneOf([false]),
  on_crash: oneOf(['fail']),
  json_schema: oneOf(schemas),
  schema: oneOf(schemas),
  parameters: oneOf(schemas),
  input_schema: oneOf(schemas),
  arguments: oneOf(['{}', '{"a":[1]}', '', { a: 1 }]),
  image_url: oneOf([`data:image/png;base64,${png}`, { url: `data:image/png;base64,${png}` }]),
  file_data: oneOf([`data:application/pdf;base64,${pdf}`, pdf, 'data:text/plain;base64,aGk=']),
  data: oneOf([png, pdf, 'aGk=']),
  media_type: oneOf(['image/png', 'application/pdf', 'text/plain']),
  id: oneOf(['a', 'b']),
  tool_call_id: oneOf(['a', 'b']),
  tool_use_id: oneOf(['a', 'b']),
  name: oneOf(['f', 'g', 'Bash']),
  n: oneOf([1]),
  max_tokens: oneOf([1, 100, 128_000]),
}

const absent = Symbol('absent')
const maybe = (value: Arb): Arb =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(absent) }, { weight: 1, arbitrary: value })

/** Bodies that are valid, or nearly so. */
export function bodiesOf(schema: z.ZodObject, more: Record<string, Arb> = {}): fc.Arbitrary<Json> {
  const node = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', metadata: z.registry() }) as Node
  return madeFor(node, { ...known, ...more }) as fc.Arbitrary<Json>
}

function madeFor(node: Node, names: Record<string, Arb>): Arb {
  const kinds = node.anyOf ?? node.oneOf
  if (kinds !== undefined) return fc.oneof(...kinds.map((kind) => madeFor(kind, names)))
  if ('const' in node) return fc.constant(node.const)
  if (node.enum !== undefined) return oneOf(node.enum)
  if (Array.isArray(node.type)) return fc.oneof(...node.type.map((type) => madeFor({ ...node, type }, names)))
  switch (node.type) {
    case 'object':
      return objectOf(node, names)
    case 'array':
      return fc.array(madeFor(node.items ?? {}, names), { minLength: node.minItems ?? 0, maxLength: 3 })
    case 'string':
      return textOf(node)
    case 'integer':
      return oneOf([0, 1, 2, 1024, 100_000])
    case 'number':
      return oneOf([0, 1, 0.5, -1, 1e6])
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return fc.oneof(oneOf(texts), oneOf([0, true, null, [], {}, { a: [1] }]))
  }
}

function textOf(node: Node): Arb {
  const patterns = [node, ...(node.allOf ?? [])].flatMap(({ pattern }) => (pattern === undefined ? [] : [pattern]))
  const rules = patterns.map((pattern) => new RegExp(pattern, 'u'))
  return oneOf(texts.filter((text) => rules.every((rule) => rule.test(text))))
}

function objectOf(node: Node, names: Record<string, Arb>): Arb {
  const { properties, required = [], additionalProperties: values } = node
  if (properties === undefined) {
    return typeof values === 'object' && Object.keys(values).length > 0
      ? fc.dictionary(fc.constantFrom('a', 'b', 'hi'), madeFor(values, names), { maxKeys: 2 })
      : oneOf(schemas)
  }
  const fields = Object.entries(properties).map(([name, field]): [string, Arb] => {
    const value = names[name] ?? madeFor(field, names)
    return [name, required.includes(name) ? value : maybe(value)]
  })
  return fc.record(Object.fromEntries(fields)).map((made) => withoutAbsent(made as Json))
}

const withoutAbsent = (made: Json): Json =>
  Object.fromEntries(Object.entries(made).filter(([, value]) => value !== absent))

const oddNames = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'hasOwnProperty', 'length'],
  ...[
    '',
    ' ',
    '0',
    '-1',
    'a.b',
    'a[0]',
    'a\r\nb',
    '\0',
    'é',
    '🦉',
    '\ud800',
    '\u202e',
    'type',
    'role',
    'model',
    '$ref',
  ],
  ...['$schema', 'x'.repeat(1000), '<script>', '../..', '--x', 'permissionMode', 'cwd', 'settings'],
]

const oddTexts = [
  ...oddNames,
  ...[
    '\ud83e',
    '\udd89',
    '\ud800\ud800',
    '\u0000',
    '\x1b[2J',
    '\u2028',
    'data: [DONE]\n\n',
    'NaN',
    'null',
    'true',
    '1e999',
  ],
  ...[
    '{',
    '[',
    '{"__proto__":{"admin":true}}',
    `${'['.repeat(500)}${']'.repeat(500)}`,
    'data:',
    'data:;base64,',
    'A'.repeat(5000),
  ],
  ...[
    'http://127.0.0.1:1/',
    'file:///etc/passwd',
    '/config theme=light',
    '@/etc/passwd',
    'agent/',
    'anthropic/',
    'a'.repeat(300),
  ],
]

const oddNumbers = [0, -0, -1, 1.5, 1e21, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 1e-7]

const odd: Arb = fc.oneof(
  { weight: 4, arbitrary: oneOf([null, true, false, [], {}, [null], [[]], [{}], { a: null }]) },
  { weight: 4, arbitrary: oneOf(oddTexts) },
  { weight: 2, arbitrary: oneOf(oddNumbers) },
  { weight: 1, arbitrary: oneOf(texts) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(oneOf(oddNames), oneOf(oddTexts)).map(([name, text]) => ({ [String(name)]: text })),
  },
)

type Change = { index: number; other: number; how: number; name: string; value: unknown }

const change: fc.Arbitrary<Change> = fc.record({
  index: fc.nat(1000),
  other: fc.nat(1000),
  how: fc.nat(100),
  name: fc.constantFrom(...oddNames),
  value: odd,
})

/** The position of a value. */
type Slot = { parent: Json | unknown[]; key: string | number }

function slotsIn(value: unknown, slots: Slot[] = []): Slot[] {
  if (value === null || typeof value !== 'object') return slots
  for (const key of Object.keys(value)) {
    slots.push({ parent: value as Json, key })
    slotsIn((value as Json)[key], slots)
  }
  return slots
}

const get = ({ parent, key }: Slot): unknown => (parent as Json)[key]

/** No value occurs twice or within itself. */
const copy = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))

/** Defines an own field of the object, whatever its name. */
function set({ parent, key }: Slot, value: unknown): void {
  Object.defineProperty(parent, key, { value: copy(value), enumerable: true, writable: true, configurable: true })
}

function remove({ parent, key }: Slot): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
}

const mutations: ((slot: Slot, change: Change, other: Slot) => void)[] = [
  (slot, { value }) => set(slot, value),
  (slot, { value }) => set(slot, value),
  (slot) => remove(slot),
  ({ parent }, { name, value }) => set({ parent, key: Array.isArray(parent) ? parent.length : name }, value),
  (slot, { name, value }) => {
    const current = get(slot)
    if (current !== null && typeof current === 'object' && !Array.isArray(current))
      set({ parent: current as Json, key: name }, value)
    else set(slot, { [name]: current })
  },
  (slot) => set(slot, [get(slot)]),
  (slot) => set(slot, JSON.stringify(get(slot))),
  (slot, _change, other) => {
    const [value, otherValue] = [copy(get(slot)), copy(get(other))]
    set(slot, otherValue)
    set(other, value)
  },
  (slot, { other: count }) => {
    const value = get(slot)
    if (Array.isArray(value)) set(slot, [...value, ...Array(count % 50).fill(value[0] ?? null)])
    else if (typeof value === 'string') set(slot, value.repeat(count % 50))
    else set(slot, Array(count % 50).fill(value))
  },
  (slot, { other: levels }) => set(slot, nested(1 + (levels % 90))),
  (slot) => {
    const value = get(slot)
    set(slot, typeof value === 'string' ? Number(value) : JSON.stringify(value))
  },
]

/** Repeated changes could make a body grow without limit. */
const slotsMax = 2000

function changed(body: Json, changes: readonly Change[]): unknown {
  // Wrapped in a list, so that the whole body can be changed as well.
  const whole = [copy(body)]
  for (const each of changes) {
    const slots = slotsIn(whole)
    const slot = slots[each.index % slots.length]
    const other = slots[each.other % slots.length]
    if (slot === undefined || other === undefined || slots.length > slotsMax) break
    mutations[each.how % mutations.length]?.(slot, each, other)
  }
  return whole[0]
}

/** Valid bodies with up to four changes. */
export const oddBodies = (bodies: fc.Arbitrary<Json>): fc.Arbitrary<unknown> =>
  fc.tuple(bodies, fc.array(change, { maxLength: 4 })).map(([body, changes]) => changed(body, changes))

type Noise = { position: number; byte: number; how: number }

const noise: fc.Arbitrary<Noise> = fc.record({ position: fc.nat(100_000), byte: fc.nat(255), how: fc.nat(3) })

/** Inserts, removes or changes bytes, or cuts off the rest. */
export function withNoise(original: Buffer, noises: readonly Noise[]): Buffer {
  let bytes = original
  for (const { position, byte, how } of noises) {
    const offset = position % (bytes.length + 1)
    const rest = bytes.subarray(how === 0 ? offset : offset + 1)
    bytes = Buffer.concat([
      bytes.subarray(0, offset),
      ...(how === 1 ? [] : [Buffer.of(byte)]),
      ...(how === 3 ? [] : [rest]),
    ])
  }
  return bytes
}

export const noises = fc.array(noise, { minLength: 1, maxLength: 4 })

const toBytes = (body: unknown) => Buffer.from(JSON.stringify(body) ?? '')

/** Payloads: mostly JSON, sometimes with stray bytes in it. */
export const payloads = (bodies: fc.Arbitrary<Json>): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 6, arbitrary: oddBodies(bodies).map(toBytes) },
    { weight: 1, arbitrary: fc.tuple(bodies.map(toBytes), noises).map(([bytes, noise]) => withNoise(bytes, noise)) },
  )
