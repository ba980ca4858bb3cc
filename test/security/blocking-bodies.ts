// Bodies of many shapes and sizes, and how long the event loop is kept from everything else while the server works on each. That is
// measured in the processor time of this thread, in units of what it takes to parse the same body (or a plain one of 1 MB, if that is
// larger) on this machine: a cost in proportion to a body passes wherever it runs, and one that grows faster does not.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after } from 'node:test'
import { createInjectApp, type InjectApp } from '../helpers/inject-app.ts'
import { goodRun, ScriptedAgent } from '../helpers/scripted-agent.ts'
import { allSurfaces, anthropic, native, ollama, openai, responses, type Surface } from './surfaces.ts'

type Shape = { title: string; path: string; make(size: number): unknown }

/** What the slowest of these bodies took was 13 units, on a machine that did other things too. */
const unitsMax = 25
const unitBytes = 1_000_000

const list = <T>(size: number, make: (index: number) => T): T[] =>
  Array.from({ length: size }, (_, index) => make(index))
const record = (size: number, make: (index: number) => unknown) =>
  Object.fromEntries(list(size, (index) => [`name${index}`, make(index)]))
const nested = (depth: number, inner: unknown): unknown => (depth === 0 ? inner : { a: [nested(depth - 2, inner)] })

/** Schemas, whose cost is not in proportion to anything. */
const schemas: Record<string, (size: number) => Record<string, unknown>> = {
  'an enum of objects': (size) => ({ properties: { a: { enum: list(size, (id) => ({ id, name: 'x' })) } } }),
  'enums of strings': (size) => ({ properties: record(10, () => ({ enum: list(size / 10, (id) => `value ${id}`) })) }),
  properties: (size) => ({ properties: record(size, () => ({ type: 'string' })) }),
  'required names': (size) => ({ required: list(size, (id) => `name${id}`) }),
  alternatives: (size) => ({ anyOf: list(size, (id) => ({ required: [`name${id}`] })) }),
  'patterns and names': (size) => ({
    properties: record(size / 2, () => ({})),
    patternProperties: Object.fromEntries(list(size / 2, (id) => [`^x${id}$`, {}])),
  }),
  'a pattern that takes for ever': (size) => ({
    properties: { [`${'a'.repeat(size / 100)}!`]: {} },
    patternProperties: { '^(a+)+$': {} },
  }),
  references: (size) => ({
    $defs: record(size / 2, () => ({ type: 'string' })),
    properties: record(size / 2, (id) => ({ $ref: `#/$defs/name${id}` })),
  }),
  'a chain of references': (size) => ({
    $defs: record(size / 4, (id) => ({ $ref: `#/$defs/name${id + 1 < size / 4 ? id + 1 : 0}` })),
    properties: { a: { $ref: '#/$defs/name0' } },
  }),
  'unevaluated parts': (size) => ({
    allOf: list(size / 10, () => ({ properties: { a: {} }, unevaluatedProperties: false })),
  }),
  'deep parts': (size) => nested(28, { enum: list(size, String) }) as Record<string, unknown>,
}

const withSchema = (schema: Record<string, unknown>) => ({ type: 'object', ...schema })

const inSchemas: Shape[] = Object.entries(schemas).flatMap(([title, make]) => [
  {
    title: `${title} in a schema for the answer, native`,
    path: native.path,
    make: (size) => native.body('x', { json_schema: withSchema(make(size)) }),
  },
  {
    title: `${title} in a tool, OpenAI`,
    path: openai.path,
    make: (size) =>
      openai.body('x', { tools: [{ type: 'function', function: { name: 'f', parameters: withSchema(make(size)) } }] }),
  },
  {
    title: `${title} in a tool, Anthropic`,
    path: anthropic.path,
    make: (size) => anthropic.body('x', { tools: [{ name: 'f', input_schema: withSchema(make(size)) }] }),
  },
])

const pieces: Record<string, (size: number) => string> = {
  letters: (size) => 'a'.repeat(size * 100),
  words: (size) => 'word and '.repeat(size * 10),
  braces: (size) => '{'.repeat(size * 100),
  'line breaks': (size) => '\n'.repeat(size * 100),
  slashes: (size) => '/x @y '.repeat(size * 10),
  emoji: (size) => '🦉'.repeat(size * 10),
  escapes: (size) => '\\"\u0000'.repeat(size * 10),
  markers: (size) => '<system-reminder>'.repeat(size * 10),
}

const inTexts: Shape[] = Object.entries(pieces).flatMap(([title, make]) =>
  [native, openai, responses, anthropic, ollama].map(({ name, path, body }: Surface) => ({
    title: `${title} in a prompt, ${name}`,
    path,
    make: (size: number) => body(make(size)),
  })),
)

const turns = (size: number) =>
  list(size, (id) => ({ role: id % 2 === 0 ? 'user' : 'assistant', content: `message ${id}` }))
const calls = (size: number) =>
  list(size, (id) => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: `call_${id % 7}`, type: 'function', function: { name: 'f', arguments: '{"a": 1}' } }],
    },
    { role: 'tool', tool_call_id: `call_${id % 7}`, content: 'done' },
  ]).flat()
const last = { role: 'user', content: 'x' }

const inLists: Shape[] = [
  {
    title: 'messages, OpenAI',
    path: openai.path,
    make: (size) => ({ model: 'sonnet', messages: [...turns(size - 1), last] }),
  },
  {
    title: 'calls and results, OpenAI',
    path: openai.path,
    make: (size) => ({ model: 'sonnet', messages: [last, ...calls(size / 2 - 1), last] }),
  },
  {
    title: 'messages, Anthropic',
    path: anthropic.path,
    make: (size) => ({ model: 'sonnet', max_tokens: 9, messages: [...turns(size - 1), last] }),
  },
  {
    title: 'blocks, Anthropic',
    path: anthropic.path,
    make: (size) => anthropic.body(list(size, () => ({ type: 'text', text: 'x' }))),
  },
  {
    title: 'items, Responses',
    path: responses.path,
    make: (size) => ({ model: 'sonnet', input: [...turns(size - 1), last] }),
  },
  {
    title: 'tools, OpenAI',
    path: openai.path,
    make: (size) =>
      openai.body('x', {
        tools: list(size, (id) => ({ type: 'function', function: { name: `f${id}`, parameters: { type: 'object' } } })),
      }),
  },
  {
    title: 'unknown fields, OpenAI',
    path: openai.path,
    make: (size) =>
      openai.body(
        'x',
        record(size, () => 'x'),
      ),
  },
  {
    title: 'unknown fields in messages, OpenAI',
    path: openai.path,
    make: (size) => openai.body([{ type: 'text', text: 'x', ...record(size, () => 'x') }]),
  },
  {
    title: 'lists of lists, native',
    path: native.path,
    make: (size) => native.body('x', { a: list(40, () => list(size, String)) }),
  },
  {
    title: 'agents, native',
    path: native.path,
    make: (size) => native.body('x', { agents: record(size, () => ({ description: 'x', prompt: 'x' })) }),
  },
  {
    title: 'tool names, native',
    path: native.path,
    make: (size) => native.body('x', { allowed_tools: list(size, (id) => `Bash(x${id}:*)`) }),
  },
]

export const shapes: readonly Shape[] = [...inSchemas, ...inTexts, ...inLists]

const app: InjectApp = await createInjectApp({ after }, allSurfaces({ agent: new ScriptedAgent(goodRun(['x'])) }))

/** In milliseconds. */
function threadTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function parseTime(text: string): number {
  const times = list(3, () => {
    const startedAt = threadTime()
    JSON.parse(text)
    return threadTime() - startedAt
  })
  return Math.min(...times)
}

const plainUnit = parseTime(JSON.stringify(list(unitBytes / 20, (id) => ({ id, name: 'x' }))))

type Outcome = { status: number; body: string; longest: number }

/** `longest`: what the longest turn of the event loop cost until the answer, in milliseconds. */
async function send(path: string, payload: string | Readable): Promise<Outcome> {
  let [before, longest, isOver] = [threadTime(), 0, false]
  const turn = () => {
    const now = threadTime()
    longest = Math.max(longest, now - before)
    before = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const chunked = typeof payload === 'string' ? {} : { 'transfer-encoding': 'chunked' }
  const headers = { host: 'localhost', 'content-type': 'application/json', ...chunked }
  const { statusCode: status, body } = await app.inject({ method: 'POST', url: path, headers, payload })
  isOver = true
  return { status, body, longest }
}

/** Sends the body, and checks what the longest turn of the event loop has cost meanwhile. */
export async function checkBlocking({ title, path, make }: Shape, size: number): Promise<void> {
  const payload = JSON.stringify(make(size))
  const unit = Math.max(parseTime(payload), plainUnit)
  const { status, longest } = await send(path, payload)
  const units = longest / unit
  const facts = `${title}, ${payload.length} bytes: ${Math.round(longest)} ms, ${units.toFixed(1)} units, ${status}`
  assert.ok(units < unitsMax, facts)
  assert.ok(status < 500, facts)
}

/** Sends a body that is too wide piece by piece, and checks that it was refused without being parsed. */
export async function checkUnparsed({ path, body }: Surface): Promise<void> {
  const text = JSON.stringify({ ...body('x'), other: record(1_000_000, () => 1) })
  const pieces = list(Math.ceil(text.length / 65_536), (index) => text.slice(index * 65_536, (index + 1) * 65_536))
  const { status, body: answer, longest } = await send(path, Readable.from(pieces.map((piece) => Buffer.from(piece))))
  assert.equal(status, 400)
  assert.match(answer, /the body has a list or object of more than 10000 entries/)
  const parse = parseTime(text)
  assert.ok(longest < parse / 2, `${Math.round(longest)} ms; parsing takes ${Math.round(parse)} ms`)
}
