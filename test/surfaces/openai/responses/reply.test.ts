// Runs as responses, whole and as events: the order and the numbers of the events, how each kind of answer is written,
// and that both forms agree. Every response and every event is checked against its schema.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AnswerCollector } from '../../../../src/compat/answer-stream.ts'
import type { RunEnd, RunEvent } from '../../../../src/core/events.ts'
import { runFailure } from '../../../../src/core/runs.ts'
import { AppError } from '../../../../src/errors.ts'
import { parseBody } from '../../../../src/http/validate.ts'
import { decodeThinking } from '../../../../src/surfaces/openai/responses/encrypted-reasoning.ts'
import {
  endedResponse,
  failedResponse,
  openResponse,
  ResponseEvents,
  responseId,
  runIdOf,
  runIdOfItem,
} from '../../../../src/surfaces/openai/responses/reply.ts'
import { Response, ResponseEvent } from '../../../../src/surfaces/openai/responses/reply-schemas.ts'
import { planOf, type ResponsePlan } from '../../../../src/surfaces/openai/responses/request.ts'
import { ResponseRequest } from '../../../../src/surfaces/openai/responses/schemas.ts'
import { testSealer } from '../../../helpers/inject-app.ts'
import { runEnd, runStart, textBlock } from '../../../helpers/scripted-agent.ts'

const name = '0123456789abcdef0123456789abcdef'
const facts = { runId: `run_${name}`, createdAtMs: 1_790_000_000_500 }

const look = { type: 'function', name: 'look' }
const sql = { type: 'custom', name: 'sql' }
const tools = [look, sql, { type: 'namespace', name: 'fs', tools: [look, sql] }]
const summary = { reasoning: { summary: 'auto' } }
const encrypted = { include: ['reasoning.encrypted_content'] }

function planFrom(body: object = {}, isAgent = false): ResponsePlan {
  const parsed = parseBody(ResponseRequest, { model: 'sonnet', input: 'hi', ...(isAgent ? {} : { tools }), ...body })
  return planOf({ body: parsed, model: `${isAgent ? 'agent/' : ''}claude-sonnet-5`, isAgent }, testSealer)
}

const toolBlock = (index: number, toolId: string, tool: string, pieces: readonly string[]): RunEvent[] => [
  { type: 'tool-start', index, toolId, name: tool },
  ...pieces.map((json): RunEvent => ({ type: 'tool-delta', index, json })),
  { type: 'tool-end', index },
]
const thinkingBlock = (index: number, pieces: readonly string[], signature = 'sig'): RunEvent[] => [
  { type: 'thinking-start', index },
  ...pieces.map((text): RunEvent => ({ type: 'thinking-delta', index, text })),
  ...(signature === '' ? [] : [{ type: 'thinking-signature', index, signature } as const]),
  { type: 'thinking-end', index },
]
const redacted = (index: number, data: string): RunEvent => ({ type: 'thinking-redacted', index, data })

function whole(plan: ResponsePlan, events: readonly RunEvent[], end: Partial<RunEnd> = {}): Response {
  const answer = new AnswerCollector(plan)
  const last = runEnd(end)
  for (const event of [runStart(), ...events, last]) answer.accept(event)
  return Response.parse(endedResponse(plan, facts, answer.end(last)))
}

/** All events, checked against the rules for every stream. */
function streamed(plan: ResponsePlan, events: readonly RunEvent[], end: Partial<RunEnd> = {}): ResponseEvent[] {
  const encoder = new ResponseEvents(plan, facts)
  return inOrder([runStart(), ...events, runEnd(end)].flatMap((event) => encoder.encode(event)))
}

function inOrder(events: readonly ResponseEvent[]): ResponseEvent[] {
  events.forEach((event, index) => {
    ResponseEvent.parse(event)
    assert.equal(event.sequence_number, index)
  })
  assert.deepEqual(
    events.slice(0, 2).map(({ type }) => type),
    ['response.created', 'response.in_progress'],
  )
  let open: string | null = null
  let count = 0
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      assert.equal(open, null, 'an item is added while another is open')
      assert.equal(event.output_index, count++)
      assert.equal('status' in event.item && event.item.status, 'in_progress')
      open = event.item.id
    } else if ('item_id' in event) {
      assert.deepEqual([event.item_id, event.output_index], [open, count - 1], event.type)
    } else if (event.type === 'response.output_item.done') {
      assert.deepEqual([event.item.id, event.output_index], [open, count - 1])
      open = null
    }
  }
  return [...events]
}

const typesOf = (events: readonly ResponseEvent[]) => events.map(({ type }) => type.replace(/^response\./, ''))
/** The types between the two that start a stream and the one that ends it. */
const between = (events: readonly ResponseEvent[]) => typesOf(events).slice(2, -1)

function lastOf(events: readonly ResponseEvent[]): Response {
  const last = events.at(-1)
  assert.ok(last !== undefined && 'response' in last, `the last event is ${last?.type}`)
  assert.ok(['response.completed', 'response.incomplete', 'response.failed'].includes(last.type))
  assert.equal(last.type, `response.${last.response.status}`)
  return last.response
}

const textTypes = (deltas: number) => [
  'output_item.added',
  'content_part.added',
  ...Array(deltas).fill('output_text.delta'),
  'output_text.done',
  'content_part.done',
  'output_item.done',
]
const callTypes = (deltas: number, type = 'function_call_arguments') => [
  'output_item.added',
  ...Array(deltas).fill(`${type}.delta`),
  `${type}.done`,
  'output_item.done',
]
const summaryTypes = (deltas: number) => [
  'output_item.added',
  'reasoning_summary_part.added',
  ...Array(deltas).fill('reasoning_summary_text.delta'),
  'reasoning_summary_text.done',
  'reasoning_summary_part.done',
  'output_item.done',
]

const message = (index: number, text: string, status = 'completed') => ({
  type: 'message',
  id: `msg_${name}_${index}`,
  status,
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
})
const functionCall = (index: number, id: string, args: string, more: object = {}) => ({
  type: 'function_call',
  id: `fc_${name}_${index}`,
  status: 'completed',
  call_id: id,
  name: 'look',
  arguments: args,
  ...more,
})
const customCall = (index: number, id: string, input: string, more: object = {}) => ({
  type: 'custom_tool_call',
  id: `ctc_${name}_${index}`,
  status: 'completed',
  call_id: id,
  name: 'sql',
  input,
  ...more,
})

test('a response has every field that clients expect', () => {
  const response = whole(planFrom(), textBlock(0, ['Hel', 'lo']), {
    usage: { inputTokens: 10, outputTokens: 5, cacheReadInputTokens: 3, cacheCreationInputTokens: 2, raw: {} },
    durationMs: 7_400,
  })
  assert.deepEqual(response, {
    id: `resp_${name}`,
    object: 'response',
    created_at: 1_790_000_000,
    completed_at: 1_790_000_007,
    status: 'completed',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    max_tool_calls: null,
    model: 'claude-sonnet-5',
    output: [message(0, 'Hello')],
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: 'default',
    store: true,
    temperature: 1,
    top_p: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: [{ ...look, description: null, strict: null }, ...tools.slice(1)],
    top_logprobs: 0,
    truncation: 'disabled',
    usage: {
      input_tokens: 15,
      input_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 20,
    },
    metadata: {},
    access_programs: null,
  })
})

test('a response repeats the fields of its request', () => {
  const requested = {
    background: true,
    instructions: 'Be brief.',
    max_output_tokens: 9,
    max_tool_calls: 3,
    metadata: { a: 'b' },
    parallel_tool_calls: false,
    previous_response_id: 'resp_1',
    prompt_cache_key: 'k',
    reasoning: { effort: 'low', summary: 'auto' },
    safety_identifier: 's',
    store: false,
    temperature: 0.5,
    top_p: 0.25,
    text: { format: { type: 'json_object' }, verbosity: 'low' },
    tool_choice: { type: 'function', name: 'look' },
    top_logprobs: 2,
  }
  assert.partialDeepStrictEqual(Response.parse(openResponse(planFrom(requested), facts, 'queued')), requested)
})

test('a function and a format have every field, whether it was sent or not', () => {
  const schema = { type: 'object' }
  const format = { type: 'json_schema', name: 'x', schema }
  const { tools: returned, text } = whole(planFrom({ text: { format } }), [], { structuredOutput: {} })
  assert.deepEqual(returned, [{ ...look, description: null, strict: null }, sql, tools[2]])
  assert.deepEqual(text.format, { ...format, description: null })
  const described = { ...look, description: 'Looks.', strict: true }
  assert.deepEqual(whole(planFrom({ tools: [described] }), []).tools, [described])
})

test('a schema beside json_object counts', () => {
  const schema = { type: 'object' }
  assert.equal(planFrom({ text: { format: { type: 'json_object', schema } } }).format, 'json_schema')
  assert.equal(planFrom({ text: { format: { type: 'json_object' } } }).format, 'json_object')
})

test('text is one item with one part, and its events are in order', () => {
  const events = streamed(planFrom(), textBlock(0, ['Hel', 'lo']))
  assert.deepEqual(between(events), textTypes(2))
  const [, , added, part, first, second, done, partDone, itemDone] = events
  assert.partialDeepStrictEqual(added, { item: { ...message(0, '', 'in_progress'), content: [] } })
  const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] }
  assert.partialDeepStrictEqual(part, { content_index: 0, part: empty })
  assert.partialDeepStrictEqual([first, second], [{ delta: 'Hel' }, { delta: 'lo' }])
  assert.partialDeepStrictEqual([done, partDone], [{ text: 'Hello' }, { part: { ...empty, text: 'Hello' } }])
  assert.partialDeepStrictEqual(itemDone, { item: message(0, 'Hello') })
  assert.deepEqual(lastOf(events).output, [message(0, 'Hello')])
})

test('later events do not change those already emitted', () => {
  const encoder = new ResponseEvents(planFrom(summary), facts)
  const seen: [ResponseEvent, string][] = []
  const events = [
    runStart(),
    ...thinkingBlock(0, ['a', 'b']),
    ...textBlock(1, ['c', 'd']),
    ...toolBlock(2, 'toolu_1', 'look', ['{}']),
    runEnd(),
  ]
  for (const event of events) for (const each of encoder.encode(event)) seen.push([each, JSON.stringify(each)])
  for (const [event, before] of seen) assert.equal(JSON.stringify(event), before)
})

test('the first two events contain a response in progress without output', () => {
  const [created, progress] = streamed(planFrom(), [])
  for (const event of [created, progress]) {
    assert.partialDeepStrictEqual(event, {
      response: { status: 'in_progress', output: [], usage: null, completed_at: null, created_at: 1_790_000_000 },
    })
  }
})

test('an empty answer is completed without output', () => {
  for (const response of [whole(planFrom(), []), lastOf(streamed(planFrom(), []))]) {
    assert.deepEqual([response.status, response.output], ['completed', []])
  }
})

test('thinking is an item of its own if a summary is requested', () => {
  const events = streamed(planFrom(summary), [...thinkingBlock(0, ['One', ' two']), ...textBlock(1, ['Hi'])])
  assert.deepEqual(between(events), [...summaryTypes(2), ...textTypes(1)])
  assert.deepEqual(lastOf(events).output, [
    {
      type: 'reasoning',
      id: `rs_${name}_0`,
      status: 'completed',
      summary: [{ type: 'summary_text', text: 'One two' }],
    },
    message(0, 'Hi'),
  ])
})

test('encrypted thinking has no summary, and contains its text and signature', () => {
  const events = streamed(planFrom(encrypted), [
    ...thinkingBlock(0, ['One'], 'sig-1'),
    ...thinkingBlock(1, ['Two'], 'sig-2'),
    redacted(2, 'dark'),
    ...textBlock(3, ['Hi']),
  ])
  assert.deepEqual(between(events), ['output_item.added', 'output_item.done', ...textTypes(1)])
  const [reasoning] = lastOf(events).output
  assert.ok(reasoning?.type === 'reasoning')
  assert.deepEqual(reasoning.summary, [])
  assert.deepEqual(decodeThinking(reasoning.encrypted_content ?? ''), [
    { type: 'thinking', thinking: 'One', signature: 'sig-1' },
    { type: 'thinking', thinking: 'Two', signature: 'sig-2' },
    { type: 'redacted_thinking', data: 'dark' },
  ])
  const added = events[2]
  assert.ok(added?.type === 'response.output_item.added' && added.item.type === 'reasoning')
  assert.equal(added.item.encrypted_content, undefined)
})

test('redacted thinking can be sent back', () => {
  const [reasoning] = whole(planFrom({ ...summary, ...encrypted }), [
    redacted(0, 'dark'),
    ...textBlock(1, ['Hi']),
  ]).output
  assert.ok(reasoning?.type === 'reasoning')
  assert.deepEqual(reasoning.summary, [])
  assert.deepEqual(decodeThinking(reasoning.encrypted_content ?? ''), [{ type: 'redacted_thinking', data: 'dark' }])
})

test('thinking with a signature and no text can be sent back', () => {
  const [reasoning] = whole(planFrom(encrypted), [...thinkingBlock(0, [], 'sig'), ...textBlock(1, ['Hi'])]).output
  assert.ok(reasoning?.type === 'reasoning')
  assert.deepEqual(decodeThinking(reasoning.encrypted_content ?? ''), [
    { type: 'thinking', thinking: '', signature: 'sig' },
  ])
})

test('thinking that was not requested is not shown', () => {
  for (const body of [{}, { reasoning: { effort: 'none', summary: 'auto' } }]) {
    const events = streamed(planFrom(body), [...thinkingBlock(0, ['One']), redacted(1, 'x'), ...textBlock(2, ['Hi'])])
    assert.deepEqual(between(events), textTypes(1))
  }
})

test('each encrypted thinking item contains the thinking before its call', () => {
  const { output } = whole(planFrom(encrypted), [
    ...thinkingBlock(0, ['One']),
    ...toolBlock(1, 'toolu_1', 'look', []),
    ...thinkingBlock(2, ['Two']),
    ...toolBlock(3, 'toolu_2', 'look', []),
  ])
  const thoughts = output.flatMap((item) =>
    item.type === 'reasoning' ? decodeThinking(item.encrypted_content ?? '') : [],
  )
  assert.deepEqual(
    thoughts.map((thought) => (thought.type === 'thinking' ? thought.thinking : '')),
    ['One', 'Two'],
  )
  assert.deepEqual(
    output.map(({ id }) => id),
    [`rs_${name}_0`, `fc_${name}_0`, `rs_${name}_1`, `fc_${name}_1`],
  )
})

test('calls are items with ids of their own, and their arguments come in pieces', () => {
  const events = streamed(
    planFrom(),
    [
      ...textBlock(0, ['I look.']),
      ...toolBlock(1, 'toolu_1', 'look', ['{"a', '":1}']),
      ...toolBlock(2, 'toolu_2', 'look', []),
      ...toolBlock(3, 'toolu_3', 'look', ['', '{}']),
    ],
    { stopReason: 'tool_use' },
  )
  assert.deepEqual(between(events), [...textTypes(1), ...callTypes(2), ...callTypes(1), ...callTypes(1)])
  const dones = events.filter(({ type }) => type === 'response.function_call_arguments.done')
  assert.partialDeepStrictEqual(dones, [
    { item_id: `fc_${name}_0`, name: 'look', arguments: '{"a":1}' },
    { item_id: `fc_${name}_1`, name: 'look', arguments: '{}' },
    { item_id: `fc_${name}_2`, name: 'look', arguments: '{}' },
  ])
  const response = lastOf(events)
  assert.equal(response.status, 'completed')
  assert.deepEqual(response.output, [
    message(0, 'I look.'),
    functionCall(0, 'toolu_1', '{"a":1}'),
    functionCall(1, 'toolu_2', '{}'),
    functionCall(2, 'toolu_3', '{}'),
  ])
})

test('custom calls contain only their text', () => {
  const events = streamed(
    planFrom(),
    [
      ...toolBlock(0, 'toolu_1', 'sql', ['{"input":', '"select 1"}']),
      ...toolBlock(1, 'toolu_2', 'sql', ['{"other":1}']),
      ...toolBlock(2, 'toolu_3', 'sql', ['no JSON']),
    ],
    { stopReason: 'tool_use' },
  )
  const types = callTypes(1, 'custom_tool_call_input')
  assert.deepEqual(between(events), [...types, ...types, ...types])
  assert.deepEqual(lastOf(events).output, [
    customCall(0, 'toolu_1', 'select 1'),
    customCall(1, 'toolu_2', '{"other":1}'),
    customCall(2, 'toolu_3', 'no JSON'),
  ])
})

test('a call of a tool in a namespace has both of its names', () => {
  const events = streamed(planFrom(), [
    ...toolBlock(0, 'toolu_1', 'fs__look', ['{}']),
    ...toolBlock(1, 'toolu_2', 'fs__sql', ['{"input":"x"}']),
  ])
  assert.deepEqual(lastOf(events).output, [
    functionCall(0, 'toolu_1', '{}', { namespace: 'fs' }),
    customCall(0, 'toolu_2', 'x', { namespace: 'fs' }),
  ])
  const added = events.filter((event) => event.type === 'response.output_item.added')
  assert.partialDeepStrictEqual(added, [{ item: { namespace: 'fs' } }, { item: { namespace: 'fs' } }])
})

test('calls of an agent’s own tools are left out, and those of tools that a plain model was not offered are not', () => {
  const events = toolBlock(0, 'toolu_0', 'Bash', ['{"command":"ls"}'])
  const plan = planFrom()
  for (const response of [
    whole({ ...plan, isAgent: true }, events),
    lastOf(streamed({ ...plan, isAgent: true }, events)),
  ])
    assert.deepEqual(response.output, [])
  for (const response of [whole(plan, events), lastOf(streamed(plan, events))])
    assert.deepEqual(response.output, [{ ...functionCall(0, 'toolu_0', '{"command":"ls"}'), name: 'Bash' }])
})

test('without parallel calls, all but the first are left out', () => {
  const events = [...toolBlock(1, 'toolu_1', 'look', ['{}']), ...toolBlock(2, 'toolu_2', 'look', ['{"b":2}'])]
  const plan = planFrom({ parallel_tool_calls: false })
  for (const response of [whole(plan, events), lastOf(streamed(plan, events))]) {
    assert.deepEqual(response.output, [functionCall(0, 'toolu_1', '{}')])
  }
})

test('a refusal without text is a part of its own in a completed response', () => {
  const events = streamed(planFrom(), [], { stopReason: 'refusal' })
  assert.deepEqual(between(events), [
    'output_item.added',
    'content_part.added',
    'refusal.delta',
    'refusal.done',
    'content_part.done',
    'output_item.done',
  ])
  const { status, output } = lastOf(events)
  assert.equal(status, 'completed')
  assert.partialDeepStrictEqual(output, [{ type: 'message', content: [{ type: 'refusal' }] }])
  const [item] = output
  const [part] = item?.type === 'message' ? item.content : []
  assert.ok(part?.type === 'refusal' && part.refusal !== '')
})

test('text before a refusal leaves the response incomplete because of the content filter', () => {
  const events = streamed(planFrom(), textBlock(0, ['I would']), { stopReason: 'refusal' })
  const response = lastOf(events)
  assert.deepEqual(
    [response.status, response.incomplete_details, response.completed_at],
    ['incomplete', { reason: 'content_filter' }, null],
  )
  assert.deepEqual(whole(planFrom(), textBlock(0, ['I would']), { stopReason: 'refusal' }), response)
})

for (const stopReason of ['max_tokens', 'model_context_window_exceeded']) {
  test(`text that ends at a limit is incomplete: ${stopReason}`, () => {
    const events = streamed(planFrom(), textBlock(0, ['Once upon']), { stopReason })
    assert.deepEqual(between(events), textTypes(1))
    const response = lastOf(events)
    assert.deepEqual(
      [response.status, response.incomplete_details, response.completed_at],
      ['incomplete', { reason: 'max_output_tokens' }, null],
    )
    assert.deepEqual(response.output, [message(0, 'Once upon', 'incomplete')])
    assert.ok(response.usage)
    assert.deepEqual(whole(planFrom(), textBlock(0, ['Once upon']), { stopReason }), response)
  })
}

test('a call that ends at a limit is incomplete, and the items before it are completed', () => {
  const cut: RunEvent[] = [
    ...textBlock(0, ['I look.']),
    ...toolBlock(1, 'toolu_1', 'look', ['{}']),
    ...toolBlock(2, 'toolu_2', 'look', ['{"a']),
  ]
  const response = lastOf(streamed(planFrom(), cut, { stopReason: 'max_tokens' }))
  assert.deepEqual([response.status, response.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }])
  assert.deepEqual(response.output, [
    message(0, 'I look.'),
    functionCall(0, 'toolu_1', '{}'),
    functionCall(1, 'toolu_2', '{"a', { status: 'incomplete' }),
  ])
})

test('thinking that ends at a limit is incomplete', () => {
  const response = lastOf(streamed(planFrom(summary), thinkingBlock(0, ['Hm'], ''), { stopReason: 'max_tokens' }))
  assert.partialDeepStrictEqual(response.output, [{ type: 'reasoning', status: 'incomplete' }])
})

const schema = { text: { format: { type: 'json_schema', name: 'x', schema: { type: 'object' } } } }
const object = { text: { format: { type: 'json_object' } } }

test('an answer with a schema comes at the end, as the JSON that fits', () => {
  const end = { structuredOutput: { a: [1] }, result: 'words' }
  const events = streamed(planFrom(schema), textBlock(0, ['not ', 'this']), end)
  assert.deepEqual(between(events), textTypes(1))
  assert.deepEqual(lastOf(events).output, [message(0, '{"a":[1]}')])
  assert.deepEqual(whole(planFrom(schema), textBlock(0, ['not this']), end), lastOf(events))
})

test('a JSON object is returned without the text around it', () => {
  const answer = textBlock(0, ['Here: ```json\n{"a"', ':1}\n``` done'])
  assert.deepEqual(lastOf(streamed(planFrom(object), answer)).output, [message(0, '{"a":1}')])
  assert.deepEqual(whole(planFrom(object), answer).output, [message(0, '{"a":1}')])
})

for (const [title, body] of [
  ['with a schema', schema],
  ['as a JSON object', object],
] as const) {
  test(`an answer ${title} that does not fit is an error after the text already emitted`, () => {
    const misfit = (thrown: unknown) => thrown instanceof AppError && /matches text\.format/.test(thrown.message)
    assert.throws(() => whole(planFrom(body), textBlock(0, ['No.'])), misfit)
    const encoder = new ResponseEvents(planFrom(body), facts)
    const events = [runStart(), ...textBlock(0, ['No.'])].flatMap((event) => encoder.encode(event))
    assert.throws(() => encoder.encode(runEnd({ result: 'No.' })), misfit)
    const ends = inOrder([...events, ...encoder.failure(new AppError('claude_failed', 'It does not fit.'))]).slice(-2)
    assert.partialDeepStrictEqual(ends, [
      { type: 'response.failed', response: { status: 'failed', error: { code: 'server_error' } } },
      { type: 'error', message: 'It does not fit.', code: 'cli_error', param: null },
    ])
  })
}

test('a call remains a call if JSON was requested', () => {
  const call = toolBlock(0, 'toolu_1', 'look', ['{}'])
  for (const body of [schema, object])
    assert.deepEqual(whole(planFrom(body), call).output, [functionCall(0, 'toolu_1', '{}')])
})

test('an agent’s texts are paragraphs in a stream, and a whole response contains only the last one', () => {
  const events = [...textBlock(0, ['First.']), ...textBlock(1, ['Second', '.'])]
  const plan = planFrom({}, true)
  assert.deepEqual(lastOf(streamed(plan, events, { result: 'Second.' })).output, [message(0, 'First.\n\nSecond.')])
  const response = whole(plan, events, { result: 'Second.' })
  assert.deepEqual([response.output, response.model], [[message(0, 'Second.')], 'agent/claude-sonnet-5'])
})

test('if an agent’s result is empty, its earlier texts are the answer', () => {
  const events = [...textBlock(0, ['First.']), ...textBlock(1, ['Second.'])]
  assert.deepEqual(whole(planFrom({}, true), events, { result: '' }).output, [message(0, 'First.\n\nSecond.')])
})

test('an agent’s own tools are not shown', () => {
  const events = [...textBlock(0, ['A']), ...toolBlock(1, 'toolu_1', 'Bash', ['{}']), ...textBlock(2, ['B'])]
  assert.deepEqual(between(streamed(planFrom({}, true), events, { result: 'B' })), textTypes(2))
})

test('a text item of an agent does not start with a paragraph break', () => {
  const events = [...textBlock(0, ['First.']), ...thinkingBlock(1, ['Hm']), ...textBlock(2, ['Second.'])]
  const { output } = lastOf(streamed(planFrom(summary, true), events, { result: 'Second.' }))
  assert.deepEqual(output.at(-1), message(1, 'Second.'))
})

test('the ids and boundaries of items are the same whether or not thinking is shown', () => {
  const events = [
    ...textBlock(0, ['First.']),
    ...thinkingBlock(1, ['Hm']),
    ...textBlock(2, ['Second.']),
    ...toolBlock(3, 'toolu_1', 'look', ['{}']),
  ]
  const items = [message(0, 'First.'), message(1, 'Second.'), functionCall(0, 'toolu_1', '{}')]
  assert.deepEqual(whole(planFrom(), events, { stopReason: 'tool_use' }).output, items)
  const { output } = whole(planFrom(summary), events, { stopReason: 'tool_use' })
  assert.deepEqual(
    output.filter(({ type }) => type !== 'reasoning'),
    items,
  )
})

test('the answer of a retry replaces the one before it', () => {
  const retry: RunEvent = { type: 'retry', attempt: 1, delayMs: 0, upstreamStatus: 529 }
  const { output } = whole(planFrom(), [...textBlock(0, ['Half']), retry, ...textBlock(1, ['Whole'])])
  assert.deepEqual(output, [message(0, 'Whole')])
})

const failures: [error: AppError, code: string | null, status: string][] = [
  [new AppError('claude_failed', 'It broke.'), 'server_error', 'failed'],
  [new AppError('overloaded', 'It is busy.'), 'server_error', 'failed'],
  [new AppError('queue_full', 'No room.'), 'rate_limit_exceeded', 'failed'],
  [new AppError('invalid_request', 'prompt is too long', { upstreamStatus: 400 }), 'invalid_prompt', 'failed'],
  [new AppError('claude_failed', 'Pay.', { reason: 'billing_error' }), 'rate_limit_exceeded', 'failed'],
  [new AppError('cancelled', 'The run was cancelled.'), null, 'cancelled'],
]
for (const [error, code, status] of failures) {
  test(`a run that ends with ${error.code} (${error.message}) is a response with that error`, () => {
    const response = Response.parse(failedResponse(planFrom(), facts, error))
    assert.deepEqual([response.status, response.output, response.usage], [status, [], null])
    assert.deepEqual(response.error, code === null ? null : { code, message: error.message })
  })
}

for (const [title, before] of [
  ['before the first event', []],
  ['after the first event', [runStart()]],
  ['in the middle of an item', [runStart(), ...textBlock(0, ['Half']).slice(0, -1)]],
] as const) {
  test(`a failure ${title} ends the stream with both error events`, () => {
    const encoder = new ResponseEvents(planFrom(), facts)
    const error = new AppError('overloaded', 'It is busy.')
    const events = inOrder([...before.flatMap((event) => encoder.encode(event)), ...encoder.failure(error)])
    const [failed, last] = events.slice(-2)
    assert.partialDeepStrictEqual(failed, {
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error', message: 'It is busy.' } },
    })
    const words = { code: 'overloaded', message: 'It is busy.', param: null }
    assert.partialDeepStrictEqual(last, { type: 'error', ...words, error: { type: 'server_error', ...words } })
  })
}

test('the end of a run that did not succeed emits its failure', () => {
  const failed = runEnd({ outcome: 'failed', error: { code: 'overloaded', message: 'It is busy.', details: {} } })
  const emit = (end: (encoder: ResponseEvents) => ResponseEvent[]) => {
    const encoder = new ResponseEvents(planFrom(), facts)
    return [...encoder.encode(runStart()), ...end(encoder)]
  }
  const events = emit((encoder) => encoder.encode(failed))
  assert.deepEqual(
    events,
    emit((encoder) => encoder.failure(runFailure(failed, facts.runId))),
  )
  assert.equal(lastOf(events.slice(0, -1)).error?.message, 'It is busy.')
})

const hex = 'f'.repeat(32)
for (const id of [`msg_${hex}_0`, `rs_${hex}_12`, `fc_${hex}_3`, `ctc_${hex}_999999`]) {
  test(`${id} is the id of an item, not of a response`, () => {
    assert.deepEqual([runIdOfItem(id), runIdOf(id)], [`run_${hex}`, null])
  })
}
test('the id of a response names its run, and is not the id of an item', () => {
  assert.deepEqual([runIdOf(`resp_${hex}`), runIdOfItem(`resp_${hex}`)], [`run_${hex}`, null])
})
for (const id of [
  '',
  'resp_',
  `run_${hex}`,
  `resp_${hex}x`,
  `resp_${hex.slice(1)}`,
  `resp_${hex}_`,
  `resp_${hex.toUpperCase()}`,
  `resp_${hex}\n`,
  ` resp_${hex}`,
  'resp_../x',
  `chatcmpl-${hex}`,
  `msg_${hex}_1234567`,
]) {
  test(`${JSON.stringify(id)} names no run`, () => {
    assert.deepEqual([runIdOf(id), runIdOfItem(id)], [null, null])
  })
}

test('the id of a response is that of its run with another prefix', () => {
  assert.equal(responseId(`run_${hex}`), `resp_${hex}`)
})

const words = fc.array(fc.constantFrom('a', ' b', '\n', '🦉', '{"a":1}', ''), { maxLength: 3 })
const json = fc.constantFrom<string[]>([], ['{}'], ['{"input"', ':"x"}'], ['', '{"a":1}'])
const block = fc.oneof(
  words.map((pieces) => (index: number) => textBlock(index, pieces)),
  fc.tuple(words, fc.constantFrom('', 'sig')).map(
    ([pieces, signature]) =>
      (index: number) =>
        thinkingBlock(index, pieces, signature),
  ),
  fc.constant((index: number) => [redacted(index, 'dark')]),
  fc.tuple(fc.constantFrom('look', 'sql', 'fs__look', 'Bash'), json).map(
    ([tool, pieces]) =>
      (index: number) =>
        toolBlock(index, `toolu_${index}`, tool, pieces),
  ),
)
const bodies = fc.record({
  parallel_tool_calls: fc.boolean(),
  include: fc.constantFrom<string[]>([], encrypted.include),
  reasoning: fc.constantFrom<object>({}, summary.reasoning),
  text: fc.constantFrom<object>({}, object.text, schema.text),
})
const ends = fc.record({
  stopReason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', 'refusal', 'stop_sequence'),
  structuredOutput: fc.constantFrom<unknown>(null, { a: 1 }),
})

const outcome = <T>(make: () => T): T | string => {
  try {
    return make()
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown))
    return thrown.message
  }
}

test('whole and streamed responses are the same, and the items of a stream are those of its final response', () => {
  fc.assert(
    fc.property(fc.array(block, { maxLength: 5 }), bodies, ends, (blocks, body, end) => {
      const plan = planFrom(body)
      const events = blocks.flatMap((make, index) => make(index))
      const stream = outcome(() => streamed(plan, events, end))
      const response = outcome(() => whole(plan, events, end))
      if (typeof stream === 'string') return assert.equal(response, stream)
      assert.deepEqual(lastOf(stream), response)
      const done = stream.flatMap((event) => (event.type === 'response.output_item.done' ? [event.item] : []))
      assert.deepEqual(done, lastOf(stream).output)
      const deltas = stream.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []))
      const texts = stream.flatMap((event) => (event.type === 'response.output_text.done' ? [event.text] : []))
      assert.equal(deltas.join(''), texts.join(''))
    }),
    { numRuns: 300, seed: 20_261_123 },
  )
})
