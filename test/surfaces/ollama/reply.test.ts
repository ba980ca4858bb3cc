// The answers of runs as Ollama's chat and generate return them, whole and line by line, and what is reported of models.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerCollector } from '../../../src/compat/answer-stream.ts'
import type { RunEnd, RunEvent } from '../../../src/core/events.ts'
import { AppError, type ErrorCode, errorCodes } from '../../../src/errors.ts'
import { ollamaHeaders, ollamaStatus, toErrorBody } from '../../../src/surfaces/ollama/errors.ts'
import { toModelList, toShownModel } from '../../../src/surfaces/ollama/models.ts'
import { ReplyLines, toLoadReply, toReply } from '../../../src/surfaces/ollama/reply.ts'
import {
  ChatReply,
  ErrorBody,
  GenerateReply,
  ModelList,
  ShownModel,
} from '../../../src/surfaces/ollama/reply-schemas.ts'
import type { OllamaPlan } from '../../../src/surfaces/ollama/request.ts'
import { runEnd, runStart, textBlock } from '../../helpers/scripted-agent.ts'

const chat: OllamaPlan = {
  model: 'sonnet:latest',
  route: 'chat',
  isAgent: false,
  tools: new Map([['look', 'json']]),
  holdsCalls: true,
  isParallel: true,
  showsThinking: true,
  format: 'text',
  formatParam: 'format',
}
const generate: OllamaPlan = { ...chat, route: 'generate', tools: new Map() }

const created_at = '2026-11-22T10:00:00.000Z'
const createdAtMs = Date.parse(created_at)
const head = { model: 'sonnet:latest', created_at }

const usage = { inputTokens: 10, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4, raw: {} }
const figures = {
  total_duration: 7_000_000,
  load_duration: 2_000_000,
  prompt_eval_count: 17,
  prompt_eval_duration: 0,
  eval_count: 2,
  eval_duration: 5_000_000,
}

const start: RunEvent = { ...runStart(), waitedMs: 2 } as RunEvent
const thinking: RunEvent[] = [
  { type: 'thinking-start', index: 0 },
  { type: 'thinking-delta', index: 0, text: 'Hm.' },
  { type: 'thinking-signature', index: 0, signature: 'signed' },
  { type: 'thinking-end', index: 0 },
]
const called = (index: number, ...json: string[]): RunEvent[] => [
  { type: 'tool-start', index, toolId: `toolu_${index}`, name: 'look' },
  ...json.map((part): RunEvent => ({ type: 'tool-delta', index, json: part })),
  { type: 'tool-end', index },
]
const call = (index: number, block: number, args: object) => ({
  id: `toolu_${block}`,
  function: { index, name: 'look', arguments: args },
})

/** The answer, whole and as lines, both checked against their schema. */
function answers(plan: OllamaPlan, events: RunEvent[], end: Partial<RunEnd> = {}) {
  const schema = plan.route === 'chat' ? ChatReply : GenerateReply
  const last = runEnd({ usage, ...end })
  const collector = new AnswerCollector(plan)
  const lines = new ReplyLines(plan, createdAtMs)
  const all = [start, ...events, last]
  for (const event of all) collector.accept(event)
  const whole = toReply(collector.end(last), plan, createdAtMs)
  const streamed = all.flatMap((event) => lines.encode(event))
  for (const reply of [whole, lines.silence, ...streamed]) schema.parse(reply)
  return { whole, streamed }
}

const message = (content: string, more: object = {}) => ({ message: { role: 'assistant', content, ...more } })
const going = { done: false }

test('an answer is a message with the figures of the run', () => {
  const { whole, streamed } = answers(chat, [...thinking, ...textBlock(1, ['Hel', 'lo'])], { result: 'Hello' })
  const end = { done: true, done_reason: 'stop', ...figures }
  assert.deepEqual(whole, { ...head, ...message('Hello', { thinking: 'Hm.' }), ...end })
  assert.deepEqual(streamed, [
    { ...head, ...message('', { thinking: 'Hm.' }), ...going },
    { ...head, ...message('Hel'), ...going },
    { ...head, ...message('lo'), ...going },
    { ...head, ...message(''), ...end },
  ])
})

test('the answer of generate is a text', () => {
  const { whole, streamed } = answers(generate, [...thinking, ...textBlock(1, ['Hello'])], { result: 'Hello' })
  const end = { done: true, done_reason: 'stop', ...figures }
  assert.deepEqual(whole, { ...head, response: 'Hello', thinking: 'Hm.', ...end })
  assert.deepEqual(streamed, [
    { ...head, response: '', thinking: 'Hm.', ...going },
    { ...head, response: 'Hello', ...going },
    { ...head, response: '', ...end },
  ])
})

test('calls are whole, with their arguments as objects', () => {
  const events = [...textBlock(0, ['I look.']), ...called(1, '{"row"', ':1}'), ...called(2)]
  const { whole, streamed } = answers(chat, events, { stopReason: 'tool_use' })
  const calls = [call(0, 1, { row: 1 }), call(1, 2, {})]
  assert.deepEqual('message' in whole && whole.message, message('I look.', { tool_calls: calls }).message)
  assert.deepEqual(
    streamed.slice(0, -1),
    [message('I look.'), ...calls.map((each) => message('', { tool_calls: [each] }))].map((each) => ({
      ...head,
      ...each,
      ...going,
    })),
  )
  assert.equal(whole.done_reason, 'stop')
})

for (const [stopReason, reason] of [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
] as const) {
  test(`an answer that ends with ${stopReason} is done because of ${reason}`, () => {
    const { whole, streamed } = answers(chat, textBlock(0, ['Hi']), { stopReason, result: 'Hi' })
    assert.deepEqual([whole.done_reason, streamed.at(-1)?.done_reason], [reason, reason])
  })
}

test('a refusal is a text', () => {
  const { whole, streamed } = answers(chat, [], { stopReason: 'refusal' })
  assert.ok('message' in whole && whole.message.content.startsWith('The model declined'))
  assert.deepEqual(
    streamed.map((line) => 'message' in line && line.message.content !== ''),
    [true, false],
  )
})

test('a run that failed has no last line', () => {
  const lines = new ReplyLines(chat, createdAtMs)
  assert.deepEqual(lines.encode(runEnd({ outcome: 'failed' })), [])
})

test('an answer to a request that only loads a model is done', () => {
  const reply = toLoadReply({ plan: chat, createdAtMs }, 'load')
  assert.deepEqual(ChatReply.parse(reply), { ...head, ...message(''), done: true, done_reason: 'load' })
  const other = toLoadReply({ plan: generate, createdAtMs }, 'unload')
  assert.deepEqual(GenerateReply.parse(other), { ...head, response: '', done: true, done_reason: 'unload' })
})

test('models are listed under names with tags, each with a digest of its own', () => {
  const ids = ['sonnet', 'sonnet[1m]', 'agent/sonnet', 'us.anthropic.claude-sonnet-4-5-v1:0', 'gpt-4o']
  const list = toModelList(ids.map((id) => ({ id, displayName: id })))
  const { models } = ModelList.parse(list)
  assert.deepEqual(
    models.map(({ name }) => name),
    [
      'sonnet:latest',
      'sonnet[1m]:latest',
      'agent/sonnet:latest',
      'us.anthropic.claude-sonnet-4-5-v1:0',
      'gpt-4o:latest',
    ],
  )
  assert.equal(new Set(models.map(({ digest }) => digest)).size, ids.length)
  assert.deepEqual(toModelList([{ id: 'sonnet', displayName: 'Sonnet' }]).models[0], models[0])
})

test('a model is shown with what it can do and how long a conversation may be', () => {
  const show = (publicName: string, agent = false) =>
    ShownModel.parse(toShownModel({ model: null, agent, publicName }, 'Sonnet'))
  assert.deepEqual(show('claude-sonnet-5').model_info, {
    'general.architecture': 'claude',
    'general.basename': 'Sonnet',
    'claude.context_length': 200_000,
  })
  assert.equal(show('claude-sonnet-5[1m]').model_info['claude.context_length'], 1_000_000)
  assert.equal(show('claude-sonnet-5[500k]').model_info['claude.context_length'], 500_000)
  assert.ok(show('claude-sonnet-5').capabilities.includes('tools'))
  assert.ok(!show('agent/claude-sonnet-5', true).capabilities.includes('tools'))
})

/** Written out here, so that a change of what clients see also requires a change of this table. */
const statuses: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  budget_exceeded: 402,
  insufficient_scope: 403,
  model_not_found: 404,
  not_found: 404,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  queue_full: 429,
  quota_exhausted: 429,
  internal: 500,
  claude_failed: 500,
  claude_not_logged_in: 503,
  overloaded: 503,
  timeout: 504,
}

test('every error has a status, and a body with its text alone', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const error = new AppError(code, 'The text.')
    assert.deepEqual(ErrorBody.parse(toErrorBody(error)), { error: 'The text.' })
    const status = ollamaStatus(error)
    assert.ok(status >= 400 && status < 600)
    if (code in statuses) assert.equal(status, statuses[code], code)
  }
})

test('an error says when to try again', () => {
  const full = new AppError('queue_full', 'Full.', { retryAfterS: 2.2 })
  assert.deepEqual(ollamaHeaders(full), { 'retry-after': '3' })
  const failed = new AppError('claude_failed', 'No.', { runId: 'run_1' })
  assert.deepEqual(ollamaHeaders(failed), { 'x-should-retry': 'false' })
})
