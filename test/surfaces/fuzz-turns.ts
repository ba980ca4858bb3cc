// Fuzzed conversations without the form of any API: turns in usual and unusual orders, the tools on offer, and what the scripted model
// is to do. fuzz-requests.ts writes them as each surface wants them.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { type Schema, schema } from './fuzz-schemas.ts'
import { type Arb, file, type Media, oddText, oneOf, picture, plainText, seldom, text } from './fuzz-values.ts'

export type Part =
  | { kind: 'text' | 'refusal' | 'redacted'; text: string }
  | { kind: 'thinking'; text: string; signature: string | null }
  | { kind: 'picture' | 'file'; media: Media; isUrl: boolean }
  | { kind: 'odd'; value: unknown }

/** `input` is an object, or the text of arguments that are none. */
export type Call = { id: string; name: string; input: Schema | string; isCustom: boolean }
export type Result = { id: string; parts: Part[]; isError: boolean }

/** A turn has parts; those of an assistant may have calls, those of a user results. */
export type Turn = { role: string; isString: boolean; parts: Part[]; calls: Call[]; results: Result[] }

export type Tool = { name: string; description: string | null; schema: Schema; kind: 'function' | 'custom' | 'builtin' }

export type Choice =
  | { kind: 'absent' | 'auto' | 'none' | 'required' | 'odd' }
  | { kind: 'named' | 'allowed'; name: string }

/** What the model does. `fits`: whether the input of its calls is to fit their schemas. */
export type Model = {
  does:
    | 'text'
    | 'thinks'
    | 'calls'
    | 'calls-twice'
    | 'breaks'
    | 'stops'
    | 'says-json'
    | 'says-nothing'
    | 'refuses'
    | 'is-refused'
  fits: boolean
}

export type Conversation = {
  turns: Turn[]
  /** The text of the last turn, in which the model finds what it is to do. Null if the conversation ends otherwise. */
  prompt: string | null
  tools: Tool[]
  choice: Choice
  answerSchema: Schema | null
  wantsJson: boolean
  model: Model
  stream: boolean
}

const textPart: Arb<Part> = text.map((value) => ({ kind: 'text', text: value }))

const oddPart: Arb<Part> = oneOf<unknown>(
  { type: 'text' },
  { type: 'text', text: null },
  { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
  { type: 'unknown', text: 'a' },
  { type: 'image' },
  { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'high' } },
  { type: 'input_image', file_id: 'file_1' },
  {
    type: 'document',
    source: { type: 'content', content: [{ type: 'text', text: 'a' }] },
    citations: { enabled: true },
  },
  { type: 'document', source: { type: 'text', media_type: 'text/plain', data: ' ' }, title: '' },
  { type: 'search_result', source: 'a', title: 'b', content: [{ type: 'text', text: ' ' }] },
  { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'a' } },
  { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
  { type: 'tool_reference', tool_name: 'a' },
  { type: 'container_upload', file_id: 'file_1' },
  { type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' }, citations: null },
  { type: 'output_text', text: 'a', annotations: [], logprobs: [] },
  {},
  null,
  'a',
).map((value) => ({ kind: 'odd', value }))

const mediaPart = (kind: 'picture' | 'file', media: Arb<Media>): Arb<Part> =>
  fc
    .tuple(media, seldom(8, fc.constant(true), fc.constant(false)))
    .map(([data, isUrl]) => ({ kind, media: data, isUrl }))

const userParts: Arb<Part[]> = fc.oneof(
  { weight: 5, arbitrary: textPart.map((part) => [part]) },
  {
    weight: 3,
    arbitrary: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: textPart },
        { weight: 2, arbitrary: mediaPart('picture', picture) },
        { weight: 2, arbitrary: mediaPart('file', file) },
        { weight: 1, arbitrary: seldom(5, oddPart, textPart) },
      ),
      { maxLength: 3 },
    ),
  },
)

const signature = Buffer.from('demo-signature').toString('base64')

const assistantParts: Arb<Part[]> = fc.oneof(
  { weight: 6, arbitrary: plainText.map((value): Part[] => [{ kind: 'text', text: value }]) },
  {
    weight: 3,
    arbitrary: fc.array(
      fc.oneof(
        { weight: 5, arbitrary: textPart },
        {
          weight: 3,
          arbitrary: fc
            .tuple(text, oneOf(signature, null, '', 'no signature'))
            .map(([value, signed]): Part => ({ kind: 'thinking', text: value, signature: signed })),
        },
        { weight: 1, arbitrary: text.map((value): Part => ({ kind: 'refusal', text: value })) },
        { weight: 1, arbitrary: oneOf(signature, '', 'a').map((value): Part => ({ kind: 'redacted', text: value })) },
        { weight: 1, arbitrary: seldom(5, oddPart, textPart) },
      ),
      { maxLength: 3 },
    ),
  },
)

const resultParts: Arb<Part[]> = fc.oneof(
  { weight: 4, arbitrary: textPart.map((part) => [part]) },
  { weight: 1, arbitrary: fc.constant<Part[]>([]) },
  { weight: 2, arbitrary: fc.array(fc.oneof(textPart, mediaPart('picture', picture)), { maxLength: 2 }) },
)

const toolNames = seldom(
  40,
  oneOf(
    'Bash',
    'StructuredOutput',
    'ToolSearch',
    'mcp__a__b',
    'a'.repeat(64),
    'a'.repeat(129),
    'a b',
    '',
    'é',
    '__proto__',
    'Task',
  ),
  oneOf('read_file', 'search', 'get-weather', 'f', 'Read', 'done_2'),
)

/** Calls mostly have ids of their own, but programs count them from 0 in each answer, and some use the tool's name. */
const callIds = seldom(
  24,
  oneOf('', ' ', 'call_0', 'call_0_2', 'x'.repeat(100), 'é', 'functions.f:0', 'toolu_1', '__proto__', '\ud800'),
  oneOf('call_1', 'call_2', 'toolu_01A09q90qw90lq917835lq9', 'b'),
)

const inputs = seldom(
  10,
  oneOf<Schema | string>(
    '',
    '{',
    '[]',
    'null',
    '"a"',
    '{"a":1}{"b":2}',
    '{"a":"\\ud800"}',
    `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`,
  ),
  oneOf<Schema | string>({}, { a: 1 }, { path: 'a\nb' }, { a: { b: [null, true, 1e21] } }, { '': 0 }, { input: 'x' }),
)

const call: Arb<Call> = fc.record({
  id: callIds,
  name: toolNames,
  input: inputs,
  isCustom: seldom(10, fc.constant(true), fc.constant(false)),
})

const turn = (role: string, more: Partial<Turn>): Turn => ({
  role,
  isString: false,
  parts: [],
  calls: [],
  results: [],
  ...more,
})

/** A question, and its answer: in words, or with calls and their results. */
const exchange: Arb<Turn[]> = fc
  .tuple(
    userParts,
    assistantParts,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant<Call[]>([]) },
      { weight: 3, arbitrary: fc.uniqueArray(call, { selector: ({ id }) => id, minLength: 1, maxLength: 3 }) },
    ),
    fc.array(resultParts, { minLength: 3, maxLength: 3 }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([question, answer, calls, results, isString, speaks]) => [
    turn('user', { parts: question, isString }),
    turn('assistant', { parts: calls.length > 0 && !speaks ? [] : answer, isString, calls }),
    ...(calls.length === 0
      ? []
      : [
          turn('user', {
            results: calls.map(({ id }, index) => ({ id, parts: results[index] ?? [], isError: index === 1 })),
          }),
        ]),
  ])

const instructions: Arb<Turn> = fc
  .tuple(oneOf('system', 'developer'), seldom(4, oddText, oneOf('Be brief.', 'You are a pirate.')), fc.boolean())
  .map(([role, value, isString]) => turn(role, { isString, parts: [{ kind: 'text', text: value }] }))

const oddTurn: Arb<Turn> = fc.oneof(
  { weight: 4, arbitrary: instructions },
  { weight: 2, arbitrary: userParts.map((parts) => turn('user', { parts })) },
  { weight: 2, arbitrary: assistantParts.map((parts) => turn('assistant', { parts })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(oneOf('tool', 'function', 'model', 'User', ''), userParts)
      .map(([role, parts]) => turn(role, { parts })),
  },
  { weight: 1, arbitrary: fc.constantFrom('user', 'assistant').map((role) => turn(role, {})) },
  { weight: 1, arbitrary: callIds.map((id) => turn('user', { results: [{ id, parts: [], isError: false }] })) },
  { weight: 1, arbitrary: call.map((one) => turn('assistant', { calls: [one] })) },
)

/** What happens to the order of turns. */
type Change = { how: 'insert' | 'drop' | 'repeat' | 'swap' | 'shuffle-results'; index: number; added: Turn }

const change: Arb<Change> = fc.record({
  how: oneOf('insert', 'insert', 'drop', 'repeat', 'swap', 'shuffle-results'),
  index: fc.nat(12),
  added: oddTurn,
})

function changed(turns: readonly Turn[], { how, index, added }: Change): Turn[] {
  const position = index % (turns.length + 1)
  const [before, after] = [turns.slice(0, position), turns.slice(position)]
  const [next, ...rest] = after
  if (how === 'insert' || next === undefined) return [...before, added, ...after]
  if (how === 'drop') return [...before, ...rest]
  if (how === 'repeat') return [...before, next, next, ...rest]
  if (how === 'swap') return [...before, ...rest.slice(0, 1), next, ...rest.slice(1)]
  return [...before, { ...next, results: next.results.toReversed() }, ...rest]
}

/** A process keeps the first definition of a name, so the same name for another tool costs the start of one. */
function withOwnName(tool: Tool): Tool {
  const mark = createHash('sha1').update(JSON.stringify(tool)).digest('hex').slice(0, 6)
  return tool.kind === 'builtin' ? tool : { ...tool, name: `${tool.name}_${mark}` }
}

const tool: Arb<Tool> = fc
  .tuple(
    fc.record({
      name: toolNames,
      description: seldom(
        4,
        oneOf('', 'm²', 'x'.repeat(5000), '\ud800', null),
        oneOf<string | null>('Does something.'),
      ),
      schema,
      kind: seldom<Tool['kind']>(8, oneOf<Tool['kind']>('custom', 'builtin'), fc.constant('function')),
    }),
    seldom(30, fc.constant(false), fc.constant(true)),
  )
  .map(([made, isOwn]) => (isOwn ? withOwnName(made) : made))

const choices = (tools: readonly Tool[]): Arb<Choice> => {
  const name = tools[0]?.name
  const likely: Arb<Choice> =
    name === undefined
      ? fc.constant({ kind: 'absent' })
      : oneOf<Choice>(
          { kind: 'absent' },
          { kind: 'auto' },
          { kind: 'none' },
          { kind: 'required' },
          { kind: 'named', name },
          { kind: 'allowed', name },
        )
  const odd = oneOf<Choice>(
    { kind: 'named', name: 'missing' },
    { kind: 'odd' },
    { kind: 'allowed', name: '' },
    { kind: 'required' },
  )
  return seldom(30, odd, likely)
}

const models: Arb<Model> = fc.record({
  does: fc.oneof(
    { weight: 5, arbitrary: oneOf<Model['does']>('text', 'thinks') },
    { weight: 6, arbitrary: oneOf<Model['does']>('calls', 'calls-twice') },
    {
      weight: 3,
      arbitrary: oneOf<Model['does']>('breaks', 'stops', 'says-json', 'says-nothing', 'refuses', 'is-refused'),
    },
  ),
  fits: seldom(4, fc.constant(false), fc.constant(true)),
})

const tools: Arb<Tool[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Tool[]>([]) },
  { weight: 5, arbitrary: fc.uniqueArray(tool, { selector: ({ name }) => name, minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(tool, { maxLength: 4 }) },
)

/** A process serves one schema of answers only, so each of these costs the start of one. */
const answerSchemas = seldom<Schema | null>(16, schema, fc.constant(null))

export const conversation: Arb<Conversation> = tools.chain((offered) =>
  fc
    .record({
      start: seldom(3, fc.array(instructions, { minLength: 1, maxLength: 2 }), fc.constant<Turn[]>([])),
      exchanges: fc.array(exchange, { maxLength: 3 }),
      changes: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Change[]>([]) },
        { weight: 1, arbitrary: fc.array(change, { maxLength: 2 }) },
      ),
      prompt: seldom(10, fc.constant(null), text as Arb<string | null>),
      choice: choices(offered),
      answerSchema: answerSchemas,
      wantsJson: seldom(12, fc.constant(true), fc.constant(false)),
      model: models,
      stream: fc.boolean(),
    })
    .map(({ start, exchanges, changes, ...rest }) => ({
      ...rest,
      tools: offered,
      turns: changes.reduce(changed, [...start, ...exchanges.flat()]),
    })),
)
