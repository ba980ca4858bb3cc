// Fuzzed conversations as requests of each surface. The bodies are well-formed JSON, but not all of them are valid requests.
import fc from 'fast-check'
import { type FollowUp, followUps } from './fuzz-follow-ups.ts'
import { type Expected, expectedOf, promptFor } from './fuzz-model.ts'
import { chatBody, choiceField, content, type Json, responseBody, textsOf, turnsOf } from './fuzz-openai.ts'
import { type Conversation, conversation, type Part, type Turn } from './fuzz-turns.ts'
import { type Arb, oneOf, seldom } from './fuzz-values.ts'

export type FuzzRequest = {
  path: string
  headers: Record<string, string>
  body: Json
  /** Whether it needs a process of its own kind, whose start takes a second. */
  isCostly: boolean
  /** What follows a good answer; null for nothing. */
  next: FollowUp | null
  expected: () => Promise<Expected>
}

export const surfaceNames = ['native', 'chat', 'responses', 'messages'] as const
export type SurfaceName = (typeof surfaceNames)[number]

/** Some of the fields that a program may send, and in one of twenty requests a field as it must not be. */
const extras = (fields: Record<string, Arb>, odd: readonly Json[]): Arb<Json> => {
  const absent = Symbol('absent')
  const rare = Object.entries(fields).map(([name, value]): [string, Arb] => [
    name,
    seldom(8, value, fc.constant(absent)),
  ])
  return fc
    .tuple(fc.record(Object.fromEntries(rare)), seldom(20, oneOf(...odd), fc.constant<Json>({})))
    .map(([made, more]) => ({
      ...Object.fromEntries(Object.entries(made).filter(([, value]) => value !== absent)),
      ...more,
    }))
}

const models = seldom(
  60,
  oneOf('agent/sonnet', 'no-such-model', '', 'claude-sonnet-4-5-20250929', 'gpt-4o'),
  seldom(8, oneOf('haiku', 'opus'), fc.constant('sonnet')),
)
const limits = oneOf<unknown>(1000, 1, 32, 64_000, 2 ** 40)
const stops = oneOf<unknown>(['END'], [], ['Fine'], ['', ' '], ['\n\n', '\ud800'], Array(20).fill('x'), null)
const metadata = oneOf<unknown>({}, { user_id: 'u' }, null)
const fractions = oneOf<unknown>(1, 0, 0.7, null)

const shared = {
  temperature: fractions,
  top_p: fractions,
  metadata,
  service_tier: oneOf('auto', 'flex'),
  unknown_field: oneOf(1),
}
const oddShared: Json[] = [
  { temperature: '1' },
  { top_p: -1 },
  { metadata: { a: 1 } },
  { metadata: { a: 'b', '': '' } },
  { stream: 'true' },
  { model: null },
  { messages: [] },
  { tools: {} },
  { input: [] },
]

const chatExtras = extras(
  {
    ...shared,
    stop: stops,
    max_tokens: limits,
    max_completion_tokens: limits,
    reasoning_effort: oneOf('low', 'none', 'minimal', 'xhigh'),
    seed: oneOf(1),
    logit_bias: oneOf<unknown>({ 50256: -100 }, {}),
    parallel_tool_calls: fc.boolean(),
    stream_options: oneOf<unknown>({ include_usage: true }, {}, null, { include_obfuscation: false }),
    user: oneOf('u'),
    verbosity: oneOf('low'),
  },
  [
    ...[...oddShared, { n: 2 }, { n: 0 }, { logprobs: true }, { seed: 2 ** 60 }, { modalities: ['text', 'audio'] }],
    ...[{ max_tokens: 0 }, { max_tokens: -1 }, { max_tokens: '10' }, { reasoning_effort: 'extreme' }, { stop: 'END' }],
    ...[{ functions: [] }, { function_call: 'auto' }, { stream_options: 1 }, { logit_bias: [] }],
  ],
)

const responseExtras = extras(
  {
    ...shared,
    instructions: oneOf<unknown>('Be brief.', '', ' ', '\ud800', null),
    max_output_tokens: limits,
    reasoning: oneOf<unknown>({ effort: 'low', summary: 'auto' }, { effort: 'none' }, {}, null),
    include: oneOf(['reasoning.encrypted_content'], ['message.output_text.logprobs'], []),
    store: fc.boolean(),
    parallel_tool_calls: fc.boolean(),
    truncation: oneOf('auto', 'disabled'),
    max_tool_calls: oneOf(1),
    previous_response_id: fc.constant(null),
  },
  [
    ...[...oddShared, { previous_response_id: 'resp_none' }, { previous_response_id: `resp_${'0'.repeat(32)}` }],
    ...[
      { previous_response_id: '' },
      { conversation: 'conv_1' },
      { prompt: { id: 'a' } },
      { reasoning: { effort: 'x' } },
    ],
    ...[{ max_output_tokens: 0 }, { text: { format: { type: 'x' } } }, { instructions: [] }, { background: 'true' }],
  ],
)

const messageExtras = extras(
  {
    ...shared,
    stop_sequences: stops,
    max_tokens: limits,
    top_k: oneOf(5),
    thinking: oneOf<unknown>({ type: 'enabled', budget_tokens: 1024 }, { type: 'adaptive' }, { type: 'disabled' }),
    system: oneOf<unknown>('Be brief.', '', [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }], []),
    mcp_servers: oneOf([{ type: 'url', url: 'https://example.com', name: 'a' }]),
  },
  [
    ...[...oddShared, { max_tokens: 0 }, { max_tokens: null }, { thinking: { type: 'enabled', budget_tokens: 1 } }],
    ...[{ system: [{ type: 'image' }] }, { stop_sequences: 'END' }, { top_k: 'a' }, { thread: {} }, { container: 'a' }],
  ],
)

/** Few values, as each combination of options is a process of its own. */
const nativeExtras = extras(
  {
    system_prompt: oneOf('Be brief.', ' ', '', '$' + '{HOME}', '\ud800', 'a\r\nb'),
    metadata,
    events: oneOf('full', 'default'),
    timeout_s: oneOf(60),
    permission_mode: oneOf('default'),
    session_id: fc.constant(null),
  },
  [
    ...[{ max_turns: 0 }, { effort: 'extreme' }, { events: 'all' }, { max_budget_usd: 0 }, { fork: true }],
    ...[
      { timeout_s: 1e9 },
      { session_id: '11111111-2222-4333-8444-555555555555' },
      { session_id: 'a' },
      { promt: 'a' },
    ],
    ...[{ permission_mode: 'bypassPermissions' }, { permission_mode: 'x' }, { on_crash: 'restart' }, { prompt: '' }],
    ...[
      { metadata: { a: 1 } },
      { tools: 'Read' },
      { cwd: '/no/such/folder' },
      { mcp_servers: { a: {} } },
      { agents: [] },
    ],
  ],
)

const effects = oneOf<Record<string, string>>({ 'x-claude-serve-strict': 'true' })

function messageBlocks(parts: readonly Part[]): unknown[] {
  return parts.flatMap((part): unknown[] => {
    switch (part.kind) {
      case 'text':
      case 'refusal':
        return [{ type: 'text', text: part.text }]
      case 'thinking':
        return [{ type: 'thinking', thinking: part.text, signature: part.signature }]
      case 'redacted':
        return [{ type: 'redacted_thinking', data: part.text }]
      case 'picture':
        return [{ type: 'image', source: sourceOf(part) }]
      case 'file':
        return [{ type: 'document', source: sourceOf(part), title: 'a', context: null }]
      default:
        return [part.value]
    }
  })
}

function sourceOf({ media: { data, mediaType }, isUrl }: Extract<Part, { kind: 'picture' | 'file' }>): Json {
  if (isUrl) return { type: 'url', url: 'https://example.com/a.png' }
  if (mediaType === 'text/plain')
    return { type: 'text', media_type: mediaType, data: Buffer.from(data, 'base64').toString() }
  return { type: 'base64', media_type: mediaType, data }
}

function message(turn: Turn): Json {
  const { role, parts, calls, results } = turn
  const blocks = [
    ...results.map(({ id, parts: output, isError }) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: output.length === 1 ? textsOf(output).join('') : messageBlocks(output),
      ...(isError ? { is_error: true } : {}),
    })),
    ...messageBlocks(parts),
    // Programs send what was no object in this form.
    ...calls.map(({ id, name, input }) => ({
      type: 'tool_use',
      id,
      name,
      input: typeof input === 'string' && input !== '[]' ? { INVALID_JSON: input } : input,
    })),
  ]
  const isOnlyText = calls.length === 0 && results.length === 0
  return { role: role === 'developer' ? 'system' : role, content: isOnlyText ? content(turn, blocks) : blocks }
}

function messagesBody(made: Conversation, model: string, more: Json): Json {
  const { answerSchema, stream, tools, choice } = made
  const list = tools.map(({ name, description, schema, kind }) =>
    kind === 'function'
      ? { name, description, input_schema: schema }
      : kind === 'custom'
        ? { type: 'custom', name, description, input_schema: schema, eager_input_streaming: true }
        : { type: 'bash_20250124', name: 'bash' },
  )
  const format = { type: 'json_schema', schema: answerSchema }
  const type = { auto: 'auto', none: 'none', required: 'any' } as Record<string, string>
  return {
    model,
    max_tokens: 1000,
    messages: turnsOf(made).map(message),
    stream,
    ...(tools.length > 0 ? { tools: list } : {}),
    ...choiceField(choice, {
      named: (name) => ({ type: 'tool', name }),
      allowed: (name) => ({ type: 'tool', name, disable_parallel_tool_use: true }),
      wrap: (word) => ({ type: type[word] ?? word }),
    }),
    ...(answerSchema === null ? {} : stream ? { output_format: format } : { output_config: { format } }),
    ...more,
  }
}

/** The native API takes one prompt: the first turn of a user and the last prompt. */
function nativeBody(made: Conversation, model: string, more: Json): Json {
  const { turns, answerSchema, choice } = made
  const prompt = promptFor(made) ?? ''
  const parts = turns.find(({ role }) => role === 'user')?.parts ?? []
  return {
    prompt: parts.length === 0 ? prompt : [...messageBlocks(parts), { type: 'text', text: prompt }],
    model,
    // With tools, each request would need a process of its own.
    ...(choice.kind === 'odd' ? { tools: ['Read'] } : { tools: [] }),
    ...(answerSchema === null ? {} : { json_schema: answerSchema }),
    ...more,
  }
}

const versions = oneOf<Record<string, string>>(
  {},
  { 'anthropic-version': '2023-06-01' },
  { 'anthropic-version': '2026-10-21' },
)

function requestsOf(
  {
    path,
    more,
    headers = effects,
  }: { path: (made: Conversation) => string; more: Arb<Json>; headers?: Arb<Record<string, string>> },
  toBody: (made: Conversation, model: string, more: Json) => Json,
): Arb<FuzzRequest> {
  const sent = seldom(10, headers, fc.constant({}))
  return fc.tuple(conversation, models, more, sent, followUps).map(([made, model, fields, extra, next]) => ({
    path: path(made),
    headers: extra,
    body: toBody(made, model, fields),
    next,
    isCostly: model !== 'sonnet' || made.answerSchema !== null || 'system_prompt' in fields,
    expected: () => expectedOf(made),
  }))
}

export const requests: Record<SurfaceName, Arb<FuzzRequest>> = {
  native: requestsOf(
    {
      path: ({ stream }) => (stream ? '/v1/chat/stream' : '/v1/chat'),
      more: nativeExtras,
      headers: fc.constant<Record<string, string>>({}),
    },
    nativeBody,
  ),
  chat: requestsOf({ path: () => '/v1/chat/completions', more: chatExtras }, chatBody),
  responses: requestsOf({ path: () => '/v1/responses', more: responseExtras }, responseBody),
  messages: requestsOf({ path: () => '/v1/messages', more: messageExtras, headers: versions }, messagesBody),
}
