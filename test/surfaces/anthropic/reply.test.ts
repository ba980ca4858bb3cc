// Runs as messages, whole and streamed: both must have the same content. The official SDK's own helper assembles the
// streamed events.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { AnswerCollector } from '../../../src/compat/answer-stream.ts'
import type { RunEnd, RunEvent, Usage } from '../../../src/core/events.ts'
import { MessageEvents, toMessage } from '../../../src/surfaces/anthropic/reply.ts'
import { type Block, Message, MessageEvent } from '../../../src/surfaces/anthropic/reply-schemas.ts'
import type { MessagePlan } from '../../../src/surfaces/anthropic/request.ts'
import { OrderChecker } from '../../helpers/order-checker.ts'
import { failedEnd, runEnd, runStart, textBlock } from '../../helpers/scripted-agent.ts'
import { assertFits, undeclaredIn } from '../../helpers/sdk-schemas.ts'

const id = 'msg_1'
const planOf = (fields: Partial<MessagePlan> = {}): MessagePlan => ({
  model: 'claude-sonnet-5',
  isAgent: false,
  tools: new Map([
    ['look', 'json'],
    ['leap', 'json'],
  ]),
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

/** Adds the start and end of a run and checks the order of events, since a wrong order would prove nothing. */
function asRun(events: readonly RunEvent[], end: Partial<RunEnd>): RunEvent[] {
  const all = [runStart(), ...events, runEnd(end)]
  const order = new OrderChecker()
  for (const event of all) order.accept(event)
  order.finish()
  return all
}

function whole(events: readonly RunEvent[], end: Partial<RunEnd> = {}, fields?: Partial<MessagePlan>): Message {
  const plan = planOf(fields)
  const answer = new AnswerCollector(plan)
  for (const event of asRun(events, end)) answer.accept(event)
  const message = Message.parse(toMessage(answer.end(runEnd(end)), plan, id))
  assertFits('anthropic', 'Message', message)
  assert.deepEqual(undeclaredIn('anthropic', 'Message', message), [])
  return message
}

/** The events of a stream, checked against our schema, the SDK's types and the order that the API promises. */
function streamed(
  events: readonly RunEvent[],
  end: Partial<RunEnd> = {},
  fields?: Partial<MessagePlan>,
): MessageEvent[] {
  const writer = new MessageEvents(planOf(fields), id)
  const emitted = asRun(events, end).flatMap((event) => writer.encode(event))
  assertOrder(emitted)
  for (const event of emitted) {
    assert.deepEqual(MessageEvent.parse(event), event)
    assertFits('anthropic', 'RawMessageStreamEvent', event)
    assert.deepEqual(undeclaredIn('anthropic', 'RawMessageStreamEvent', event), [])
  }
  return emitted
}

const deltasOf: Record<Block['type'], string[]> = {
  text: ['text_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
}

/** Expects message_start, blocks one after another with indices from 0, one message_delta and message_stop. */
function assertOrder(events: readonly MessageEvent[]): void {
  let open: Block | null = null
  let next = 0
  events.forEach((event, index) => {
    assert.equal(event.type === 'message_start', index === 0, `${event.type} at ${index}`)
    assert.equal(event.type === 'message_delta', index === events.length - 2, `${event.type} at ${index}`)
    assert.equal(event.type === 'message_stop', index === events.length - 1, `${event.type} at ${index}`)
    switch (event.type) {
      case 'message_start':
        assert.deepEqual(
          [event.message.content, event.message.stop_reason, event.message.stop_sequence, event.message.stop_details],
          [[], null, null, null],
        )
        return
      case 'content_block_start': {
        assert.equal(open, null, 'a block starts inside another')
        assert.equal(event.index, next++)
        open = event.content_block
        const empty = { text: '', thinking: '', signature: '', input: {} }
        for (const [key, value] of Object.entries(empty)) {
          if (key in open) assert.deepEqual((open as Record<string, unknown>)[key], value, `a block starts with ${key}`)
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
        assert.fail(`${event.type} is not an event of an answer`)
    }
  })
}

/** The message that the SDK assembles from the events. */
async function accumulated(events: readonly MessageEvent[]): Promise<Record<string, unknown>> {
  const lines = new Blob(events.map((event) => `${JSON.stringify(event)}\n`))
  const { ...message } = await MessageStream.fromReadableStream(lines.stream()).finalMessage()
  // The helper adds this JSON reading of the text if a format is set.
  delete (message as Record<string, unknown>).parsed_output
  return JSON.parse(JSON.stringify(message))
}

/** The usage fields that the helper takes from the end of the stream; the others stay as in message_start. */
const countedLast = ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens']
const withoutUsage = ({ usage: _, ...rest }: Record<string, unknown>) => rest

async function assertSame(message: Message, events: readonly MessageEvent[]): Promise<void> {
  const assembled = await accumulated(events)
  // The helper adds `parsed_output` to text blocks.
  const content = (assembled.content as Record<string, unknown>[]).map(({ parsed_output: _, ...block }) => block)
  assert.deepEqual({ ...withoutUsage(assembled), content }, withoutUsage(message))
  for (const name of countedLast) {
    assert.equal((assembled.usage as Record<string, unknown>)[name], message.usage[name as 'input_tokens'], name)
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
  plan?: Partial<MessagePlan>
  content: Block[]
  stop?: Message['stop_reason']
}

const calls: RunEvent[] = [
  ...textBlock(0, ['Let me ', 'see.']),
  ...toolBlock(1, 'toolu_1', 'look', ['', '{"x"', ':1}']),
  ...toolBlock(2, 'toolu_2', 'leap', []),
]
const seen = toolUse('toolu_1', 'look', { x: 1 })
const leapt = toolUse('toolu_2', 'leap', {})
const byCall = { stopReason: 'tool_use' }
const jsonSchema: Partial<MessagePlan> = { format: 'json_schema' }
const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 1, upstreamStatus: 529 }

const scripts: Record<string, Script> = {
  'plain text': { events: textBlock(0, ['Hel', 'lo']), content: [text('Hello')] },
  'text after a usage event': {
    events: [counted(), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(10, 20) },
    content: [text('Hello')],
  },
  'input tokens that change at the end': {
    events: [counted(5), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(12, 20) },
    content: [text('Hello')],
  },
  'an empty answer': { events: [], content: [] },
  'only a usage event': { events: [counted()], content: [] },
  'a block without text': { events: textBlock(0, []), content: [] },
  'empty deltas': { events: textBlock(0, ['', 'Hello', '']), content: [text('Hello')] },
  'text in two blocks': {
    events: [...textBlock(0, ['One. ']), ...textBlock(1, ['Two.'])],
    content: [text('One. Two.')],
  },
  'unusual characters': {
    events: textBlock(0, [
      '"\\\n\r\t\u2028\u0000',
      '\ud83d\ude00 \u{1f468}\u200d\u{1f469} é中\u00a0',
      'data: [DONE]\n\n',
    ]),
    content: [text('"\\\n\r\t\u2028\u0000\ud83d\ude00 \u{1f468}\u200d\u{1f469} é中\u00a0data: [DONE]\n\n')],
  },
  'thinking before text': {
    events: [...thinkingBlock(0, ['Hm', 'm.']), ...textBlock(1, ['Yes.'])],
    content: [thinking('Hmm.'), text('Yes.')],
  },
  'thinking without text': {
    events: [...thinkingBlock(0, []), ...textBlock(1, ['Yes.'])],
    content: [thinking(''), text('Yes.')],
  },
  'thinking without a signature': {
    events: [...thinkingBlock(0, ['Hmm.'], null), ...textBlock(1, ['Yes.'])],
    content: [thinking('Hmm.', ''), text('Yes.')],
  },
  'two thinking blocks in a row': {
    events: [...thinkingBlock(0, ['One.'], 'YQ=='), ...thinkingBlock(1, ['Two.'], 'Yg=='), ...textBlock(2, ['Yes.'])],
    content: [thinking('One.', 'YQ=='), thinking('Two.', 'Yg=='), text('Yes.')],
  },
  'redacted thinking between other thinking': {
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
  'thinking that was not requested': {
    events: [
      ...textBlock(0, ['One. ']),
      ...thinkingBlock(1, ['Hmm.']),
      ...redactedBlock(2, 'aGlkZGVu'),
      ...textBlock(3, ['Two.']),
    ],
    plan: { showsThinking: false },
    content: [text('One. Two.')],
  },
  'thinking whose text was not requested': {
    events: [...thinkingBlock(0, ['Hm', 'm.']), ...redactedBlock(1, 'aGlkZGVu'), ...textBlock(2, ['Yes.'])],
    plan: { showsThinking: 'signed' },
    content: [thinking(''), { type: 'redacted_thinking', data: 'aGlkZGVu' }, text('Yes.')],
  },
  'thinking alone': {
    events: thinkingBlock(0, ['Hmm.']),
    end: { stopReason: 'max_tokens' },
    content: [thinking('Hmm.')],
    stop: 'max_tokens',
  },
  'text before calls': { events: calls, end: byCall, content: [text('Let me see.'), seen, leapt], stop: 'tool_use' },
  'thinking before a call': {
    events: [...thinkingBlock(0, ['Hmm.']), ...toolBlock(1, 'toolu_1', 'look', ['{"x":1}'])],
    end: byCall,
    content: [thinking('Hmm.'), seen],
    stop: 'tool_use',
  },
  'a call without text': {
    events: toolBlock(0, 'toolu_1', 'look', ['{"x":1}']),
    end: byCall,
    content: [seen],
    stop: 'tool_use',
  },
  'a call with empty input': {
    events: toolBlock(0, 'toolu_2', 'leap', ['{}']),
    end: byCall,
    content: [leapt],
    stop: 'tool_use',
  },
  'a call with nested input, character by character': {
    events: toolBlock(0, 'toolu_1', 'look', [...'{"a":{"b":[1,"\\u00e9\\"}",null,{"c":true}]},"d":-1.5e3}']),
    end: byCall,
    content: [toolUse('toolu_1', 'look', { a: { b: [1, 'é"}', null, { c: true }] }, d: -1500 })],
    stop: 'tool_use',
  },
  'text after a call': {
    events: [...toolBlock(0, 'toolu_1', 'look', ['{"x":1}']), ...textBlock(1, ['There.'])],
    end: byCall,
    content: [seen, text('There.')],
    stop: 'tool_use',
  },
  'calls without parallel tool use': {
    events: calls,
    end: byCall,
    plan: { isParallel: false },
    content: [text('Let me see.'), seen],
    stop: 'tool_use',
  },
  'a call of a tool that the model was not offered': {
    events: [...textBlock(0, ['One. ']), ...toolBlock(1, 'toolu_1', 'Read', ['{"a":1}'])],
    end: { stopReason: 'tool_use' },
    content: [
      text('One. '),
      { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { a: 1 }, caller: { type: 'direct' } },
    ],
    stop: 'tool_use',
  },
  'a call of a tool of an agent’s own': {
    plan: { isAgent: true },
    events: [...textBlock(0, ['One. ']), ...toolBlock(1, 'toolu_1', 'Read', ['{"a":1}']), ...textBlock(2, ['Two.'])],
    content: [text('One. \n\nTwo.')],
  },
  'a call although the stop reason is not tool_use': {
    events: calls,
    end: { stopReason: 'end_turn' },
    content: [text('Let me see.'), seen, leapt],
    stop: 'tool_use',
  },
  'an end at max_tokens': {
    events: textBlock(0, ['Half an']),
    end: { stopReason: 'max_tokens' },
    content: [text('Half an')],
    stop: 'max_tokens',
  },
  'an end at max_tokens after a whole call': {
    events: toolBlock(0, 'toolu_1', 'look', ['{"x":1}']),
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
  'an immediate stop sequence': {
    events: [],
    end: { stopReason: 'stop_sequence', stopSequence: '\n' },
    content: [],
    stop: 'stop_sequence',
  },
  'an end without a reason': { events: textBlock(0, ['One']), end: { stopReason: null }, content: [text('One')] },
  'an end with an unknown stop reason': {
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
  'a refusal without text': { events: [], end: { stopReason: 'refusal' }, content: [], stop: 'refusal' },
  'an answer that fits a schema': {
    events: textBlock(0, ['Here it comes: {"a":', '1}']),
    end: { structuredOutput: { a: 1, b: ['é'] } },
    plan: jsonSchema,
    content: [text('{"a":1,"b":["é"]}')],
  },
  'thinking before an answer that fits a schema': {
    events: [...thinkingBlock(0, ['Hmm.']), ...textBlock(1, ['Well.'])],
    end: { structuredOutput: { a: 1 } },
    plan: jsonSchema,
    content: [thinking('Hmm.'), text('{"a":1}')],
  },
  'calls although a schema was given': {
    events: calls,
    end: byCall,
    plan: jsonSchema,
    content: [seen, leapt],
    stop: 'tool_use',
  },
  'max_tokens although a schema was given': {
    events: textBlock(0, ['{"a"']),
    end: { stopReason: 'max_tokens' },
    plan: jsonSchema,
    content: [],
    stop: 'max_tokens',
  },
  'a retry before the first text': {
    events: [retry, counted(), retry, counted(7), ...textBlock(0, ['Hello'])],
    end: { usage: usageOf(7, 2) },
    content: [text('Hello')],
  },
  'an agent that answers at once': {
    events: textBlock(0, ['It ', 'is.']),
    end: { result: 'It is.' },
    plan: { isAgent: true, tools: new Map(), showsThinking: false },
    content: [text('It is.')],
  },
}

for (const [what, { events, end, plan, content, stop = 'end_turn' }] of Object.entries(scripts)) {
  test(`${what}: a stream has the same content as a whole answer`, async () => {
    const message = whole(events, end, plan)
    assert.deepEqual([message.content, message.stop_reason], [content, stop])
    await assertSame(message, streamed(events, end, plan))
  })
}

/** Pseudorandom numbers that are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** Cuts a text anywhere, even between the halves of a surrogate pair. */
function cut(whole: string, roll: (sides: number) => number): string[] {
  const pieces: string[] = []
  for (let start = 0; start < whole.length; ) {
    const length = roll(6)
    pieces.push(whole.slice(start, start + length))
    start += length
  }
  return pieces
}

const words = 'The \ud83d\ude00 "quick"\n brown \\ fox — jumps.'
const stopReasons = ['end_turn', 'tool_use', 'max_tokens', 'stop_sequence', 'refusal', null]

function randomBlock(index: number, roll: (sides: number) => number): RunEvent[] {
  const input = JSON.stringify({ x: roll(100), what: words, deep: [{ a: [] }] })
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

test('random blocks, cut at random: a stream has the same content as a whole answer', async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const roll = dice(seed)
    const blocks = Array.from({ length: roll(7) }, (_, index) => randomBlock(index, roll)).flat()
    const events = roll(2) === 0 ? blocks : [counted(roll(50)), ...blocks]
    const end = {
      stopReason: stopReasons[roll(stopReasons.length)] ?? null,
      stopSequence: 'END',
      usage: usageOf(roll(50), roll(50)),
      structuredOutput: { a: 1 },
    }
    const plan: Partial<MessagePlan> = {
      isParallel: roll(2) === 0,
      showsThinking: ([true, true, 'signed', false] as const)[roll(4)] ?? true,
      format: roll(4) === 0 ? 'json_schema' : 'text',
    }
    try {
      await assertSame(whole(events, end, plan), streamed(events, end, plan))
    } catch (error) {
      throw new Error(`seed ${seed}: ${JSON.stringify({ events, end, plan })}`, { cause: error })
    }
  }
})

test('a whole answer has every field of Anthropic’s format', () => {
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

test('a stream has the empty message, each block from start to stop, and the end', () => {
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
      [1, { type: 'input_json_delta', partial_json: '{"x"' }],
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

test('text is sent on at once, with the event that brings it', () => {
  const writer = new MessageEvents(planOf(), id)
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

test('stop_sequence is set only if the stop reason is stop_sequence', () => {
  const stopped = whole([], { stopReason: 'stop_sequence', stopSequence: 'END' })
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', 'END'])
  assert.equal(whole([], { stopReason: 'max_tokens', stopSequence: 'END' }).stop_sequence, null)
})

test('only a refusal has stop_details', () => {
  const details = { type: 'refusal', category: null, explanation: null }
  assert.deepEqual(whole([], { stopReason: 'refusal' }).stop_details, details)
  for (const stopReason of ['end_turn', 'max_tokens', 'stop_sequence', null]) {
    assert.equal(whole([], { stopReason }).stop_details, null)
  }
})

const figures: [string, Usage, Partial<Message['usage']>][] = [
  [
    'cached tokens are counted separately from the input',
    { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 300, cacheCreationInputTokens: 40, raw: {} },
    { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 300, cache_creation_input_tokens: 40 },
  ],
  [
    'cache writes are split by time to live',
    usageOf(1, 1, { cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 0 } }),
    { cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 0 } },
  ],
  [
    'one time to live is enough for the split',
    usageOf(1, 1, { cache_creation: { ephemeral_1h_input_tokens: 4 } }),
    { cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 4 } },
  ],
  [
    'thinking tokens are reported if they are known',
    usageOf(1, 9, { output_tokens_details: { thinking_tokens: 7 } }),
    { output_tokens_details: { thinking_tokens: 7 } },
  ],
  ['inference_geo is reported if it is known', usageOf(1, 1, { inference_geo: 'us' }), { inference_geo: 'us' }],
  ['an empty inference_geo is null', usageOf(1, 1, { inference_geo: '' }), { inference_geo: null }],
  [
    'values of the wrong type are ignored',
    usageOf(1, 1, { cache_creation: 'much', output_tokens_details: null, inference_geo: 4, service_tier: 'priority' }),
    { cache_creation: null, output_tokens_details: null, inference_geo: null, service_tier: 'standard' },
  ],
]
for (const [title, usage, expected] of figures) {
  test(`usage: ${title}`, () => {
    const reported = whole([], { usage }).usage
    const delta = streamed([], { usage }).find((event) => event.type === 'message_delta')
    const { cache_creation: _c, service_tier: _t, inference_geo: _g, speed: _s, ...counted } = reported
    assert.deepEqual(delta?.type === 'message_delta' && delta.usage, counted)
    assert.deepEqual({ ...reported, ...expected }, reported)
  })
}

test('an answer that does not match its schema fails with an error that names the field', () => {
  const expected = { code: 'claude_failed', message: /output_config\.format/ }
  assert.throws(() => whole(textBlock(0, ['No.']), {}, jsonSchema), expected)
  assert.throws(() => streamed(textBlock(0, ['No.']), {}, jsonSchema), expected)
})

test('an agent’s whole answer is its last text; its stream has all texts as paragraphs, without tools and thinking', () => {
  const plan = { isAgent: true, tools: new Map(), showsThinking: false }
  const events = [
    ...textBlock(0, ['I look.']),
    ...thinkingBlock(1, ['Hmm.']),
    ...toolBlock(2, 'toolu_1', 'Read', ['{"a":1}']),
    { type: 'tool-result', toolId: 'toolu_1', isError: false, text: 'A wall.' } as const,
    ...textBlock(3, ['It ', 'is.']),
  ]
  assert.deepEqual(whole(events, { result: 'It is.' }, plan).content, [text('It is.')])
  assert.deepEqual(whole(events, { result: '' }, plan).content, [text('I look.\n\nIt is.')])
  const texts = streamed(events, { result: 'It is.' }, plan).map((event) =>
    event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : '',
  )
  assert.equal(texts.join(''), 'I look.\n\nIt is.')
})

test('a whole answer leaves out what came before a retry', () => {
  const events = [...toolBlock(0, 'a', 'look', ['{"a']), retry, ...toolBlock(1, 'toolu_1', 'look', ['{"x":1}'])]
  assert.deepEqual(whole(events, byCall).content, [seen])
})

/** The API’s own answers end like this if the limit cuts a call. */
for (const json of ['{"x', '{', '{"x":1', '{"text":"half a wo']) {
  test(`an answer whose call is cut after ${json} is still an answer`, () => {
    const events = [...textBlock(0, ['Let me see.']), ...toolBlock(1, 'toolu_1', 'look', [json])]
    const message = whole(events, { stopReason: 'max_tokens' })
    assert.equal(message.stop_reason, 'max_tokens')
    assert.deepEqual(message.content[0], text('Let me see.'))
  })
}

test('the stream of a failed run has no final events', () => {
  const writer = new MessageEvents(planOf(), id)
  const events = [runStart(), ...textBlock(0, ['Half an']), failedEnd(new Error('It broke.'))]
  const types = events.flatMap((event) => writer.encode(event)).map(({ type }) => type)
  assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta'])
})
