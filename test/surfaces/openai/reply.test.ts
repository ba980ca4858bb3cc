// Runs as chat completions, whole and in chunks: the same events must produce the same answer either way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerCollector } from '../../../src/compat/answer-stream.ts'
import type { RunEnd, RunEvent } from '../../../src/core/events.ts'
import { ChatChunks, toCompletion } from '../../../src/surfaces/openai/chat/reply.ts'
import { ChatCompletion, ChatCompletionChunk, type Delta } from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import type { ChatPlan } from '../../../src/surfaces/openai/chat/request.ts'
import { runEnd, runStart, textBlock } from '../../helpers/scripted-agent.ts'

const ids = { id: 'chatcmpl-1', created: 1_790_000_000 }
const planWith = (fields: Partial<ChatPlan> = {}): ChatPlan => ({
  model: 'claude-sonnet-5',
  isAgent: false,
  tools: new Map([
    ['look', 'json'],
    ['sql', 'text'],
  ]),
  isLegacy: false,
  isParallel: true,
  showsThinking: false,
  format: 'text',
  formatParam: 'response_format',
  schemaParam: 'response_format.json_schema.schema',
  includeUsage: false,
  metadata: null,
  ...fields,
})

const toolBlock = (index: number, toolId: string, name: string, pieces: readonly string[]): RunEvent[] => [
  { type: 'tool-start', index, toolId, name },
  ...pieces.map((json): RunEvent => ({ type: 'tool-delta', index, json })),
  { type: 'tool-end', index },
]
const thinkingBlock = (index: number, text: string): RunEvent[] => [
  { type: 'thinking-start', index },
  { type: 'thinking-delta', index, text },
  { type: 'thinking-end', index },
]

function whole(events: readonly RunEvent[], end: Partial<RunEnd>, fields?: Partial<ChatPlan>) {
  const plan = planWith(fields)
  const answer = new AnswerCollector(plan)
  for (const event of [runStart(), ...events]) answer.accept(event)
  const { choices, ...rest } = ChatCompletion.parse(toCompletion(answer.end(runEnd(end)), plan, ids))
  return { ...rest, ...choices[0] }
}

function chunked(events: readonly RunEvent[], end: Partial<RunEnd>, fields?: Partial<ChatPlan>) {
  const chunks = new ChatChunks(planWith(fields), ids)
  return [runStart(), ...events, runEnd(end)].flatMap((event) =>
    chunks.encode(event).map((each) => ChatCompletionChunk.parse(each)),
  )
}

const deltasOf = (chunks: readonly ChatCompletionChunk[]): Delta[] =>
  chunks.flatMap(({ choices: [choice] }) => (choice === undefined ? [] : [choice.delta]))
const finishOf = (chunks: readonly ChatCompletionChunk[]) =>
  chunks.flatMap(({ choices: [choice] }) => (choice?.finish_reason ? [choice.finish_reason] : []))
const textIn = (chunks: readonly ChatCompletionChunk[]) =>
  deltasOf(chunks)
    .map(({ content }) => content ?? '')
    .join('')

test('a whole answer has every field that OpenAI documents', () => {
  const plan = planWith({ metadata: { a: 'b' } })
  const answer = new AnswerCollector(plan)
  for (const event of textBlock(0, ['Hel', 'lo'])) answer.accept(event)
  assert.deepEqual(toCompletion(answer.end(runEnd({ result: 'Hello' })), plan, ids), {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: 'claude-sonnet-5',
    service_tier: 'default',
    system_fingerprint: 'fp_claude_serve',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello', refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 10,
      completion_tokens: 2,
      total_tokens: 12,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    metadata: { a: 'b' },
  })
})

test('a stream consists of the role, the text and the end', () => {
  const chunks = chunked(textBlock(0, ['Hel', 'lo']), { result: 'Hello' })
  assert.deepEqual(deltasOf(chunks), [{ role: 'assistant', content: '' }, { content: 'Hel' }, { content: 'lo' }, {}])
  assert.deepEqual(finishOf(chunks), ['stop'])
  for (const { id, created, model, usage } of chunks) {
    assert.deepEqual([id, created, model, usage], ['chatcmpl-1', 1_790_000_000, 'claude-sonnet-5', undefined])
  }
})

const usage = {
  inputTokens: 10,
  outputTokens: 20,
  cacheReadInputTokens: 300,
  cacheCreationInputTokens: 40,
  raw: { output_tokens_details: { thinking_tokens: 7 } },
}

test('usage counts tokens read from and written to the cache as prompt tokens', () => {
  const counted = whole([], { usage }).usage
  assert.deepEqual([counted.prompt_tokens, counted.completion_tokens, counted.total_tokens], [350, 20, 370])
  assert.equal(counted.prompt_tokens_details.cached_tokens, 300)
  assert.equal(counted.completion_tokens_details.reasoning_tokens, 7)
})

test('a requested usage chunk without choices comes last, and the others have null', () => {
  const chunks = chunked(textBlock(0, ['Hi']), { usage }, { includeUsage: true })
  const last = chunks.at(-1)
  assert.deepEqual([last?.choices, last?.usage?.total_tokens], [[], 370])
  for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.usage, null)
})

const twoCalls = [
  ...textBlock(0, ['Let me see.']),
  ...toolBlock(1, 'toolu_1', 'look', ['', '{"row"', ':1}']),
  ...toolBlock(2, 'toolu_2', 'look', []),
]

test('calls have their arguments as the model wrote them, or an empty object if there are none', () => {
  const { message, finish_reason } = whole(twoCalls, { stopReason: 'tool_use' })
  assert.equal(finish_reason, 'tool_calls')
  assert.equal(message.content, 'Let me see.')
  assert.deepEqual(message.tool_calls, [
    { id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"row":1}' } },
    { id: 'toolu_2', type: 'function', function: { name: 'look', arguments: '{}' } },
  ])
})

test('chunks of a call start with its id and name and continue with pieces of its arguments', () => {
  const chunks = chunked(twoCalls, { stopReason: 'tool_use' })
  assert.deepEqual(deltasOf(chunks).slice(2, -1), [
    { tool_calls: [{ index: 0, id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"row"' } }] },
    { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
    { tool_calls: [{ index: 1, id: 'toolu_2', type: 'function', function: { name: 'look', arguments: '' } }] },
    { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
  ])
  assert.deepEqual(finishOf(chunks), ['tool_calls'])
})

test('content is null if there are only calls', () => {
  assert.equal(whole(toolBlock(0, 'a', 'look', ['{}']), { stopReason: 'tool_use' }).message.content, null)
})

test('without parallel calls only the first is returned', () => {
  const fields = { isParallel: false }
  assert.equal(whole(twoCalls, { stopReason: 'tool_use' }, fields).message.tool_calls?.length, 1)
  const opened = deltasOf(chunked(twoCalls, { stopReason: 'tool_use' }, fields)).filter(
    ({ tool_calls: calls }) => calls?.[0]?.id !== undefined,
  )
  assert.equal(opened.length, 1)
})

test('a request with functions gets a legacy function_call', () => {
  const fields = { isLegacy: true, isParallel: false }
  const { message, finish_reason } = whole(twoCalls, { stopReason: 'tool_use' }, fields)
  assert.deepEqual(message.function_call, { name: 'look', arguments: '{"row":1}' })
  assert.equal(message.tool_calls, undefined)
  assert.equal(finish_reason, 'function_call')
  assert.deepEqual(deltasOf(chunked(twoCalls, { stopReason: 'tool_use' }, fields)).slice(2, -1), [
    { function_call: { name: 'look', arguments: '' } },
    { function_call: { arguments: '{"row"' } },
    { function_call: { arguments: ':1}' } },
  ])
})

test('a custom tool is called with a single text', () => {
  const events = toolBlock(0, 'a', 'sql', ['{"input":', '"select 1"}'])
  assert.deepEqual(whole(events, { stopReason: 'tool_use' }).message.tool_calls, [
    { id: 'a', type: 'custom', custom: { name: 'sql', input: 'select 1' } },
  ])
  assert.deepEqual(deltasOf(chunked(events, { stopReason: 'tool_use' })).slice(1, -1), [
    { tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'sql', input: '' } }] },
    { tool_calls: [{ index: 0, custom: { input: 'select 1' } }] },
  ])
})

test("an agent's own tools are not shown, and its texts are paragraphs", () => {
  const fields = { isAgent: true, tools: new Map() }
  const events = [...textBlock(0, ['I look.']), ...toolBlock(1, 'a', 'Read', ['{}']), ...textBlock(2, ['It ', 'is.'])]
  const chunks = chunked(events, { result: 'It is.' }, fields)
  assert.equal(textIn(chunks), 'I look.\n\nIt is.')
  assert.deepEqual(finishOf(chunks), ['stop'])
  assert.equal(whole(events, { result: 'It is.' }, fields).message.content, 'It is.')
})

test('reasoning is shown only if it was requested', () => {
  const events = [...thinkingBlock(0, 'Hmm.'), ...textBlock(1, ['Yes'])]
  assert.equal(whole(events, { result: 'Yes' }).message.reasoning_content, undefined)
  assert.equal(deltasOf(chunked(events, {})).length, 3)
  assert.equal(whole(events, { result: 'Yes' }, { showsThinking: true }).message.reasoning_content, 'Hmm.')
  assert.deepEqual(deltasOf(chunked(events, {}, { showsThinking: true }))[1], { reasoning_content: 'Hmm.' })
})

const ends: [string | null, string][] = [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  [null, 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['refusal', 'content_filter'],
]
for (const [stopReason, finishReason] of ends) {
  test(`the stop reason ${stopReason} becomes ${finishReason}`, () => {
    const events = textBlock(0, ['Some'])
    assert.equal(whole(events, { stopReason, result: 'Some' }).finish_reason, finishReason)
    assert.deepEqual(finishOf(chunked(events, { stopReason })), [finishReason])
  })
}

test('a refusal without text gets a default text', () => {
  const { message } = whole([], { stopReason: 'refusal' })
  assert.deepEqual([message.content, message.refusal], [null, 'The model declined to answer.'])
  assert.deepEqual(deltasOf(chunked([], { stopReason: 'refusal' }))[1], { refusal: 'The model declined to answer.' })
})

test('calls from before a retry are dropped', () => {
  const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 1, upstreamStatus: null }
  const events = [...toolBlock(0, 'a', 'look', ['{"a']), retry, ...toolBlock(1, 'b', 'look', ['{"row":1}'])]
  assert.deepEqual(
    whole(events, { stopReason: 'tool_use' }).message.tool_calls?.map(({ id }) => id),
    ['b'],
  )
})

const schemaFields = { format: 'json_schema' as const }

test('an answer that fits a schema is only its JSON, in one piece', () => {
  const end = { structuredOutput: { a: 1 }, result: '{"a":1}' }
  const events = textBlock(0, ['Here it comes.'])
  assert.equal(whole(events, end, schemaFields).message.content, '{"a":1}')
  assert.deepEqual(deltasOf(chunked(events, end, schemaFields)).slice(1), [{ content: '{"a":1}' }, {}])
})

test('an answer that does not fit its schema is an error', () => {
  const misfit = { code: 'claude_failed', message: /response_format/ }
  assert.throws(() => whole(textBlock(0, ['No.']), {}, schemaFields), misfit)
  assert.throws(() => chunked(textBlock(0, ['No.']), {}, schemaFields), misfit)
})

test('calls, limits and refusals keep their finish reason if a schema was requested', () => {
  const calls = toolBlock(0, 'a', 'look', ['{}'])
  assert.equal(whole(calls, { stopReason: 'tool_use' }, schemaFields).finish_reason, 'tool_calls')
  assert.equal(whole([], { stopReason: 'max_tokens' }, schemaFields).finish_reason, 'length')
  assert.equal(whole([], { stopReason: 'refusal' }, schemaFields).finish_reason, 'content_filter')
})

const objectFields = { format: 'json_object' as const }
const jsonAnswers: [string[], string][] = [
  [['{"a":', '1}'], '{"a":1}'],
  [['```json\n', '{"a": "}"', '}\n', '```'], '{"a": "}"}'],
  [['Here: {"a": {"b": "\\"', '}"}} done {'], '{"a": {"b": "\\"}"}}'],
]
for (const [pieces, json] of jsonAnswers) {
  test(`the JSON object is extracted from the answer ${JSON.stringify(pieces)}`, () => {
    const end = { result: pieces.join('') }
    assert.equal(whole(textBlock(0, pieces), end, objectFields).message.content, json)
    assert.equal(textIn(chunked(textBlock(0, pieces), end, objectFields)), json)
  })
}
for (const words of ['I cannot.', '{"a":', '{a}']) {
  test(`the answer ${words} is an error if a JSON object was requested`, () => {
    assert.throws(() => whole(textBlock(0, [words]), {}, objectFields), { code: 'claude_failed' })
    assert.throws(() => chunked(textBlock(0, [words]), {}, objectFields), { code: 'claude_failed' })
  })
}
