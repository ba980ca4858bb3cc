// Runs as messages, whole and as the events of a stream: the same events must say the same either way. What is streamed is put
// together by the official SDK's own helper.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { OrderChecker, type RunEnd, type RunEvent, type Usage } from '../../../src/core/events.ts'
import { MessageAnswer, MessageEvents } from '../../../src/surfaces/anthropic/reply.ts'
import { type Block, Message, MessageEvent } from '../../../src/surfaces/anthropic/reply-schemas.ts'
import type { MessagePlan } from '../../../src/surfaces/anthropic/request.ts'
import { failedEnd, runEnd, runStart, textBlock } from '../../helpers/scripted-agent.ts'
import { assertFits, undeclaredIn } from '../../helpers/sdk-schemas.ts'

const id = 'msg_1'
const shapeOf = (fields: Partial<MessagePlan> = {}): MessagePlan => ({
  model: 'claude-sonnet-5',
  isAgent: false,
  tools: new Map([
    ['look', 'json'],
    ['leap', 'json'],
  ]),
  wantsCall: false,
  isParallel: true,
  showsThinking: true,
  format: 'text',
  formatParam: 'output_config.format',
  ...fields,
})

const toolBlock = (index: number, toolId: string, name: string, pieces: readonly string[]): RunEvent[] => [
  { type: 'tool-start', index, toolId, name },
  ...pieces.map((json): RunEvent => ({ type: 'tool-delta', index, json })),
  { type: 'tool-end', index },
]
const thinkingBlock = (index: number, pieces: readonly string[], signature: string | null = 'c2ln'): RunEvent[] => [
  { type: 'thinking-start', index },
  ...pieces.map((text): RunEvent => ({ type: 'thinking-delta', index, text })),
  ...(signature === null ? [] : [{ type: 'thinking-signature', index, signature } as const]),
  { type: 'thinking-end', index },
]
const redactedBlock = (index: number, data: string): RunEvent[] => [
  { type: 'thinking-start', index },
  { type: 'thinking-redacted', index, data },
  { type: 'thinking-end', index },
]
const usageOf = (inputTokens: number, outputTokens: number, raw: Record<string, unknown> = {}): Usage => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokens: 3,
  cacheCreationInputTokens: 4,
  raw,
})
const counted = (inputTokens = 10): RunEvent => ({ type: 'usage', usage: usageOf(inputTokens, 1) })

/** What an agent yields in the end must keep the rules of its order, or the test proves nothing. */
function checked(events: readonly RunEvent[], end: Partial<RunEnd>): RunEvent[] {
  const all = [runStart(), ...events, runEnd(end)]
  const order = new OrderChecker()
  for (const event of all) order.accept(event)
  order.finish()
  return all
}

function whole(events: readonly RunEvent[], end: Partial<RunEnd> = {}, fields?: Partial<MessagePlan>): Message {
  const answer = new MessageAnswer(shapeOf(fields))
  for (const event of checked(events, end)) answer.accept(event)
  const message = Message.parse(answer.toMessage(runEnd(end), id))
  assertFits('anthropic', 'Message', message)
  assert.deepEqual(undeclaredIn('anthropic', 'Message', message), [])
  return message
}

/** The events of a stream, held against our schema, the SDK's, and the order that the API promises. */
function streamed(
  events: readonly RunEvent[],
  end: Partial<RunEnd> = {},
  fields?: Partial<MessagePlan>,
): MessageEvent[] {
  const writer = new MessageEvents(shapeOf(fields), id)
  const told = checked(events, end).flatMap((event) => writer.encode(event))
  assertOrder(told)
  for (const event of told) {
    assert.deepEqual(MessageEvent.parse(event), event)
    assertFits('anthropic', 'RawMessageStreamEvent', event)
    assert.deepEqual(undeclaredIn('anthropic', 'RawMessageStreamEvent', event), [])
  }
  return told
}

const deltasOf: Record<Block['type'], string[]> = {
  text: ['text_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
}

/** A start, blocks one after the other with indices from 0 on, one delta of the message, a stop. */
function assertOrder(events: readonly MessageEvent[]): void {
  let open: Block | null = null
  let next = 0
  events.forEach((event, at) => {
    assert.equal(event.type === 'message_start', at === 0, `${event.type} at ${at}`)
    assert.equal(event.type === 'message_delta', at === events.length - 2, `${event.type} at ${at}`)
    assert.equal(event.type === 'message_stop', at === events.length - 1, `${event.type} at ${at}`)
    switch (event.type) {
      case 'message_start':
        assert.deepEqual(
          [event.message.content, event.message.stop_reason, event.message.stop_sequence, event.message.stop_details],
          [[], null, null, null],
        )
        return
      case 'content_block_start': {
        assert.equal(open, null, 'a block begins in another')
        assert.equal(event.index, next++)
        open = event.content_block
        const empty = { text: '', thinking: '', signature: '', input: {} }
        for (const [key, value] of Object.entries(empty)) {
          if (key in open) assert.deepEqual((open as Record<string, unknown>)[key], value, `a block begins with ${key}`)
        }
        return
      }
      case 'content_block_delta':
        assert.ok(
          open !== null && deltasOf[open.type].includes(event.delta.type),
          `${event.delta.type} in ${open?.type}`,
        )
        assert.equal(event.index, next - 1)
        return
      case 'content_block_stop':
        assert.ok(open !== null, 'no block is open')
        assert.equal(event.index, next - 1)
        open = null
        return
      case 'message_delta':
        assert.equal(open, null, 'a block is not closed')
        return
      case 'message_stop':
        return
      default:
        assert.fail(`${event.type} is none of the events of an answer`)
    }
  })
}

/** What the SDK makes of the events. */
async function accumulated(events: readonly MessageEvent[]): Promise<Record<string, unknown>> {
  const lines = new Blob(events.map((event) => `${JSON.stringify(event)}\n`))
  const { ...message } = await MessageStream.fromReadableStream(lines.stream()).finalMessage()
  // A reading of the text as JSON, which the helper adds where it was told of a format.
  delete (message as Record<string, unknown>).parsed_output
  return JSON.parse(JSON.stringify(message))
}

/** Of the usage, what the helper takes from the end of the stream, which tells no more; the rest is as the message began with it. */
const countedLast = ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens']
const withoutUsage = ({ usage: _, ...rest }: Record<string, unknown>) => rest

async function assertSame(message: Message, events: readonly MessageEvent[]): Promise<void> {
  const put = await accumulated(events)
  // The helper reads whole blocks; `parsed_output` stands in those of text.
  const content = (put.content as Record<string, unknown>[]).map(({ parsed_output: _, ...block }) => block)
  assert.deepEqual({ ...withoutUsage(put), content }, withoutUsage(message))
  for (const name of countedLast) {
    assert.equal((put.usage as Record<string, unknown>)[name], message.usage[name as 'input_tokens'], name)
  }
  const delta = events.find((event) => event.type === 'message_delta')
  const { cache_creation: _c, service_tier: _t, inference_geo: _g, speed: _s, ...counted } = message.usage
  assert.deepEqual(delta?.type === 'message_delta' && delta.usage, counted)
}

const text = (value: string): Block => ({ type: 'text', text: value, citations: null })
const thinking = (value: string, signature = 'c2ln'): Block => ({ type: 'thinking', thinking: value, signature })
const toolUse = (toolId: string, name: string, input: Record<string, unknown>): Block => ({
  type: 'tool_use',
  id: toolId,
  name,
  input,
  caller: { type: 'direct' },
})

type Script = {
  events: RunEvent[]
  end?: Partial<RunEnd>
  shape?: Partial<MessagePlan>
  content: Block[]
  stop?: Message['stop_reason']
}

const calls: RunEvent[] = [
  ...textBlock(0, ['Let me ', 'see.']),
  ...toolBlock(1, 'toolu_1', 'look', ['', '{"at"', ':1}']),
  ...toolBlock(2, 'toolu_2', 'leap', []),
]
const seen = toolUse('toolu_1', 'look', { at: 1 })
const leapt = toolUse('toolu_2', 'leap', {})
const byCall = { stopReason: 'tool_use' }
const jsonSchema: Partial<MessagePlan> = { format: 'json_schema' }
const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 1, upstreamStatus: 529 }

const scripts: Record<string, Script> = {
  words: { events: textBlock(0, ['Hel', 'lo']), content: [text('Hello')] },
  'words that the model’s API had counted for': {
    events: [counted(), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(10, 20) },
    content: [text('Hello')],
  },
  'an input that is counted anew in the end': {
    events: [counted(5), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(12, 20) },
    content: [text('Hello')],
  },
  nothing: { events: [], content: [] },
  'nothing but a count': { events: [counted()], content: [] },
  'a block without a word': { events: textBlock(0, []), content: [] },
  'deltas without a letter': { events: textBlock(0, ['', 'Hello', '']), content: [text('Hello')] },
  'words in two blocks': {
    events: [...textBlock(0, ['One. ']), ...textBlock(1, ['Two.'])],
    content: [text('One. Two.')],
  },
  'letters of every kind': {
    events: textBlock(0, [
      '"\\\n\r\t\u2028\u0000',
      '\ud83d\ude00 \u{1f468}\u200d\u{1f469} é中\u00a0',
      'data: [DONE]\n\n',
    ]),
    content: [text('"\\\n\r\t\u2028\u0000\ud83d\ude00 \u{1f468}\u200d\u{1f469} é中\u00a0data: [DONE]\n\n')],
  },
  'thinking before words': {
    events: [...thinkingBlock(0, ['Hm', 'm.']), ...textBlock(1, ['Yes.'])],
    content: [thinking('Hmm.'), text('Yes.')],
  },
  'thinking whose words are not shown': {
    events: [...thinkingBlock(0, []), ...textBlock(1, ['Yes.'])],
    content: [thinking(''), text('Yes.')],
  },
  'thinking without a signature': {
    events: [...thinkingBlock(0, ['Hmm.'], null), ...textBlock(1, ['Yes.'])],
    content: [thinking('Hmm.', ''), text('Yes.')],
  },
  'two blocks of thinking, one after the other': {
    events: [...thinkingBlock(0, ['One.'], 'YQ=='), ...thinkingBlock(1, ['Two.'], 'Yg=='), ...textBlock(2, ['Yes.'])],
    content: [thinking('One.', 'YQ=='), thinking('Two.', 'Yg=='), text('Yes.')],
  },
  'thinking that is hidden by the API, between thinking that is not': {
    events: [
      ...thinkingBlock(0, ['One.']),
      ...redactedBlock(1, 'aGlkZGVu'),
      ...redactedBlock(2, 'bW9yZQ=='),
      ...thinkingBlock(3, ['Two.']),
      ...textBlock(4, ['Yes.']),
    ],
    content: [
      thinking('One.'),
      { type: 'redacted_thinking', data: 'aGlkZGVu' },
      { type: 'redacted_thinking', data: 'bW9yZQ==' },
      thinking('Two.'),
      text('Yes.'),
    ],
  },
  'thinking that nobody asked for': {
    events: [
      ...textBlock(0, ['One. ']),
      ...thinkingBlock(1, ['Hmm.']),
      ...redactedBlock(2, 'aGlkZGVu'),
      ...textBlock(3, ['Two.']),
    ],
    shape: { showsThinking: false },
    content: [text('One. Two.')],
  },
  'thinking whose words nobody asked for': {
    events: [...thinkingBlock(0, ['Hm', 'm.']), ...redactedBlock(1, 'aGlkZGVu'), ...textBlock(2, ['Yes.'])],
    shape: { showsThinking: 'signed' },
    content: [thinking(''), { type: 'redacted_thinking', data: 'aGlkZGVu' }, text('Yes.')],
  },
  'thinking alone': {
    events: thinkingBlock(0, ['Hmm.']),
    end: { stopReason: 'max_tokens' },
    content: [thinking('Hmm.')],
    stop: 'max_tokens',
  },
  'words before calls': { events: calls, end: byCall, content: [text('Let me see.'), seen, leapt], stop: 'tool_use' },
  'thinking before a call': {
    events: [...thinkingBlock(0, ['Hmm.']), ...toolBlock(1, 'toolu_1', 'look', ['{"at":1}'])],
    end: byCall,
    content: [thinking('Hmm.'), seen],
    stop: 'tool_use',
  },
  'a call without a word': {
    events: toolBlock(0, 'toolu_1', 'look', ['{"at":1}']),
    end: byCall,
    content: [seen],
    stop: 'tool_use',
  },
  'a call whose input is empty': {
    events: toolBlock(0, 'toolu_2', 'leap', ['{}']),
    end: byCall,
    content: [leapt],
    stop: 'tool_use',
  },
  'a call with a deep input, letter by letter': {
    events: toolBlock(0, 'toolu_1', 'look', [...'{"a":{"b":[1,"\\u00e9\\"}",null,{"c":true}]},"d":-1.5e3}']),
    end: byCall,
    content: [toolUse('toolu_1', 'look', { a: { b: [1, 'é"}', null, { c: true }] }, d: -1500 })],
    stop: 'tool_use',
  },
  'words after a call': {
    events: [...toolBlock(0, 'toolu_1', 'look', ['{"at":1}']), ...textBlock(1, ['There.'])],
    end: byCall,
    content: [seen, text('There.')],
    stop: 'tool_use',
  },
  'calls one at a time': {
    events: calls,
    end: byCall,
    shape: { isParallel: false },
    content: [text('Let me see.'), seen],
    stop: 'tool_use',
  },
  'a call of no tool of the client’s': {
    events: [...textBlock(0, ['One. ']), ...toolBlock(1, 'toolu_1', 'Read', ['{"a":1}']), ...textBlock(2, ['Two.'])],
    content: [text('One. Two.')],
  },
  'a call that is told although the end says nothing of it': {
    events: calls,
    end: { stopReason: 'end_turn' },
    content: [text('Let me see.'), seen, leapt],
    stop: 'tool_use',
  },
  'an end at the limit': {
    events: textBlock(0, ['Half an']),
    end: { stopReason: 'max_tokens' },
    content: [text('Half an')],
    stop: 'max_tokens',
  },
  'an end at the limit after a whole call': {
    events: toolBlock(0, 'toolu_1', 'look', ['{"at":1}']),
    end: { stopReason: 'max_tokens' },
    content: [seen],
    stop: 'max_tokens',
  },
  'an end at the context window': {
    events: textBlock(0, ['Half an']),
    end: { stopReason: 'model_context_window_exceeded' },
    content: [text('Half an')],
    stop: 'model_context_window_exceeded',
  },
  'an end at a stop sequence': {
    events: textBlock(0, ['One ']),
    end: { stopReason: 'stop_sequence', stopSequence: 'END' },
    content: [text('One ')],
    stop: 'stop_sequence',
  },
  'an end at a stop sequence at once': {
    events: [],
    end: { stopReason: 'stop_sequence', stopSequence: '\n' },
    content: [],
    stop: 'stop_sequence',
  },
  'an end without a reason': { events: textBlock(0, ['One']), end: { stopReason: null }, content: [text('One')] },
  'an end for a reason of another day': {
    events: textBlock(0, ['One']),
    end: { stopReason: 'pause_turn' },
    content: [text('One')],
  },
  'a refusal in the middle': {
    events: textBlock(0, ['I would']),
    end: { stopReason: 'refusal' },
    content: [text('I would')],
    stop: 'refusal',
  },
  'a refusal without a word': { events: [], end: { stopReason: 'refusal' }, content: [], stop: 'refusal' },
  'an answer that fits a schema': {
    events: textBlock(0, ['Here it comes: {"a":', '1}']),
    end: { structuredOutput: { a: 1, b: ['é'] } },
    shape: jsonSchema,
    content: [text('{"a":1,"b":["é"]}')],
  },
  'thinking before an answer that fits a schema': {
    events: [...thinkingBlock(0, ['Hmm.']), ...textBlock(1, ['Well.'])],
    end: { structuredOutput: { a: 1 } },
    shape: jsonSchema,
    content: [thinking('Hmm.'), text('{"a":1}')],
  },
  'calls where a schema was given': {
    events: calls,
    end: byCall,
    shape: jsonSchema,
    content: [seen, leapt],
    stop: 'tool_use',
  },
  'a limit where a schema was given': {
    events: textBlock(0, ['{"a"']),
    end: { stopReason: 'max_tokens' },
    shape: jsonSchema,
    content: [],
    stop: 'max_tokens',
  },
  'a second try before the first word': {
    events: [retry, counted(), retry, counted(7), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(7, 2) },
    content: [text('Hello')],
  },
  'an agent that answers at once': {
    events: textBlock(0, ['It ', 'is.']),
    end: { result: 'It is.' },
    shape: { isAgent: true, tools: new Map(), showsThinking: false },
    content: [text('It is.')],
  },
}

for (const [what, { events, end, shape, content, stop = 'end_turn' }] of Object.entries(scripts)) {
  test(`${what}: a stream says what a whole answer says`, async () => {
    const message = whole(events, end, shape)
    assert.deepEqual([message.content, message.stop_reason], [content, stop])
    await assertSame(message, streamed(events, end, shape))
  })
}

/** Numbers that look random and are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** Cuts a text anywhere, between the halves of a letter too. */
function cut(whole: string, roll: (sides: number) => number): string[] {
  const pieces: string[] = []
  for (let at = 0; at < whole.length; ) {
    const length = roll(6)
    pieces.push(whole.slice(at, at + length))
    at += length
  }
  return pieces
}

const words = 'The \ud83d\ude00 "quick"\n brown \\ fox — jumps.'
const ways: [string | null, ...unknown[]][] = [
  ['end_turn'],
  ['tool_use'],
  ['max_tokens'],
  ['stop_sequence'],
  ['refusal'],
  [null],
]

function randomBlock(index: number, roll: (sides: number) => number): RunEvent[] {
  const input = JSON.stringify({ at: roll(100), what: words, deep: [{ a: [] }] })
  switch (roll(7)) {
    case 0:
      return thinkingBlock(index, cut(words, roll), roll(3) === 0 ? null : `c2ln${index}`)
    case 1:
      return redactedBlock(index, `ZGF0YQ${index}`)
    case 2:
    case 3:
      return toolBlock(index, `toolu_${index}`, roll(2) === 0 ? 'look' : 'leap', cut(input, roll))
    case 4:
      return toolBlock(index, `toolu_${index}`, roll(2) === 0 ? 'look' : 'Bash', [])
    default:
      return textBlock(index, cut(words.repeat(roll(3)), roll))
  }
}

test('whatever blocks an answer has and however they are cut, a stream says what a whole answer says', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const roll = dice(seed)
    const blocks = Array.from({ length: roll(7) }, (_, index) => randomBlock(index, roll)).flat()
    const events = roll(2) === 0 ? blocks : [counted(roll(50)), ...blocks]
    const end = {
      stopReason: ways[roll(ways.length)]?.[0] ?? null,
      stopSequence: 'END',
      usage: usageOf(roll(50), roll(50)),
      structuredOutput: { a: 1 },
    }
    const shape: Partial<MessagePlan> = {
      isParallel: roll(2) === 0,
      showsThinking: ([true, true, 'signed', false] as const)[roll(4)] ?? true,
      format: roll(4) === 0 ? 'json_schema' : 'text',
    }
    try {
      await assertSame(whole(events, end, shape), streamed(events, end, shape))
    } catch (fault) {
      throw new Error(`seed ${seed}: ${JSON.stringify({ events, end, shape })}`, { cause: fault })
    }
  }
})

test('a whole answer has every field that Anthropic promises', () => {
  assert.deepEqual(whole(textBlock(0, ['Hel', 'lo']), { result: 'Hello' }), {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5',
    content: [{ type: 'text', text: 'Hello', citations: null }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: 10,
      output_tokens: 2,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: null,
      output_tokens_details: null,
      server_tool_use: null,
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
    },
  })
})

test('a stream is the message without its words, each block from its start to its stop, and the end', () => {
  const events = streamed([counted(), ...calls], { ...byCall, usage: usageOf(10, 20) })
  const [start, ...rest] = events
  assert.ok(start?.type === 'message_start')
  assert.deepEqual([start.message.id, start.message.model], ['msg_1', 'claude-sonnet-5'])
  assert.deepEqual([start.message.usage.input_tokens, start.message.usage.output_tokens], [10, 1])
  assert.deepEqual(
    rest.slice(0, -2).map((event) => {
      if (event.type === 'content_block_start') return [event.index, event.content_block]
      if (event.type === 'content_block_delta') return [event.index, event.delta]
      return [event.type === 'content_block_stop' ? event.index : null, event.type]
    }),
    [
      [0, { type: 'text', text: '', citations: null }],
      [0, { type: 'text_delta', text: 'Let me ' }],
      [0, { type: 'text_delta', text: 'see.' }],
      [0, 'content_block_stop'],
      [1, { type: 'tool_use', id: 'toolu_1', name: 'look', input: {}, caller: { type: 'direct' } }],
      [1, { type: 'input_json_delta', partial_json: '{"at"' }],
      [1, { type: 'input_json_delta', partial_json: ':1}' }],
      [1, 'content_block_stop'],
      [2, { type: 'tool_use', id: 'toolu_2', name: 'leap', input: {}, caller: { type: 'direct' } }],
      [2, { type: 'input_json_delta', partial_json: '{}' }],
      [2, 'content_block_stop'],
    ],
  )
  assert.deepEqual(
    rest.slice(-2).map((event) => (event.type === 'message_delta' ? event.delta.stop_reason : event.type)),
    ['tool_use', 'message_stop'],
  )
})

test('words are passed on as they come, in the event that brought them', () => {
  const writer = new MessageEvents(shapeOf(), id)
  const perEvent = [runStart(), counted(), ...textBlock(0, ['Hel', 'lo']), runEnd()].map((event) =>
    writer.encode(event).map(({ type }) => type),
  )
  assert.deepEqual(perEvent, [
    [],
    ['message_start'],
    [],
    ['content_block_start', 'content_block_delta'],
    ['content_block_delta'],
    [],
    ['content_block_stop', 'message_delta', 'message_stop'],
  ])
})

test('a stop is told with its sequence, and a sequence only with that stop', () => {
  const stopped = whole([], { stopReason: 'stop_sequence', stopSequence: 'END' })
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', 'END'])
  assert.equal(whole([], { stopReason: 'max_tokens', stopSequence: 'END' }).stop_sequence, null)
})

test('a refusal has details, and nothing else has', () => {
  const details = { type: 'refusal', category: null, explanation: null }
  assert.deepEqual(whole([], { stopReason: 'refusal' }).stop_details, details)
  for (const stopReason of ['end_turn', 'max_tokens', 'stop_sequence', null]) {
    assert.equal(whole([], { stopReason }).stop_details, null)
  }
})

const figures: [string, Usage, Partial<Message['usage']>][] = [
  [
    'the cache is counted apart from the input',
    { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 300, cacheCreationInputTokens: 40, raw: {} },
    { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 300, cache_creation_input_tokens: 40 },
  ],
  [
    'what is written to the cache is told by its time to live',
    usageOf(1, 1, { cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 0 } }),
    { cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 0 } },
  ],
  [
    'one time to live is enough',
    usageOf(1, 1, { cache_creation: { ephemeral_1h_input_tokens: 4 } }),
    { cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 4 } },
  ],
  [
    'tokens of thinking are told where they are known',
    usageOf(1, 9, { output_tokens_details: { thinking_tokens: 7 } }),
    { output_tokens_details: { thinking_tokens: 7 } },
  ],
  ['the place is told where it is known', usageOf(1, 1, { inference_geo: 'us' }), { inference_geo: 'us' }],
  ['a place without a name is none', usageOf(1, 1, { inference_geo: '' }), { inference_geo: null }],
  [
    'what is no number is passed over',
    usageOf(1, 1, { cache_creation: 'much', output_tokens_details: null, inference_geo: 4, service_tier: 'priority' }),
    { cache_creation: null, output_tokens_details: null, inference_geo: null, service_tier: 'standard' },
  ],
]
for (const [title, usage, expected] of figures) {
  test(`usage: ${title}`, () => {
    const told = whole([], { usage }).usage
    const delta = streamed([], { usage }).find((event) => event.type === 'message_delta')
    const { cache_creation: _c, service_tier: _t, inference_geo: _g, speed: _s, ...counted } = told
    assert.deepEqual(delta?.type === 'message_delta' && delta.usage, counted)
    assert.deepEqual({ ...told, ...expected }, told)
  })
}

test('an answer that should fit a schema and does not is a failure that names the field', () => {
  const fault = { code: 'claude_failed', message: /output_config\.format/ }
  assert.throws(() => whole(textBlock(0, ['No.']), {}, jsonSchema), fault)
  assert.throws(() => streamed(textBlock(0, ['No.']), {}, jsonSchema), fault)
})

test('of an agent the last text holds, and a stream has its texts as paragraphs, but none of its tools and thoughts', () => {
  const shape = { isAgent: true, tools: new Map(), showsThinking: false }
  const events = [
    ...textBlock(0, ['I look.']),
    ...thinkingBlock(1, ['Hmm.']),
    ...toolBlock(2, 'toolu_1', 'Read', ['{"a":1}']),
    { type: 'tool-result', toolId: 'toolu_1', isError: false, text: 'A wall.' } as const,
    ...textBlock(3, ['It ', 'is.']),
  ]
  assert.deepEqual(whole(events, { result: 'It is.' }, shape).content, [text('It is.')])
  assert.deepEqual(whole(events, { result: '' }, shape).content, [text('I look.\n\nIt is.')])
  const said = streamed(events, { result: 'It is.' }, shape).map((event) =>
    event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : '',
  )
  assert.equal(said.join(''), 'I look.\n\nIt is.')
})

test('what was said before the model was asked again is not told in a whole answer', () => {
  const events = [...toolBlock(0, 'a', 'look', ['{"a']), retry, ...toolBlock(1, 'toolu_1', 'look', ['{"at":1}'])]
  assert.deepEqual(whole(events, byCall).content, [seen])
})

/** The API’s own answers end so where the limit falls into a call. */
for (const json of ['{"at', '{', '{"at":1', '{"text":"half a wo']) {
  test(`an answer that is cut in a call, after ${json}, is an answer all the same`, () => {
    const events = [...textBlock(0, ['Let me see.']), ...toolBlock(1, 'toolu_1', 'look', [json])]
    const message = whole(events, { stopReason: 'max_tokens' })
    assert.equal(message.stop_reason, 'max_tokens')
    assert.deepEqual(message.content[0], text('Let me see.'))
  })
}

test('a run that fails has no end in its stream', () => {
  const writer = new MessageEvents(shapeOf(), id)
  const events = [runStart(), ...textBlock(0, ['Half an']), failedEnd(new Error('It broke.'))]
  const types = events.flatMap((event) => writer.encode(event)).map(({ type }) => type)
  assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta'])
})
