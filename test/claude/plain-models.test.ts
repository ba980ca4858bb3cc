// Plain models over the real CLI: only the caller's content reaches the model, histories keep their roles, client tools
// stay the client's, and conversations never mix.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { Pool } from '../../src/claude/pool/pool.ts'
import { ownIdentity, ProcessRegistry } from '../../src/claude/process/process-registry.ts'
import { noOptions, noPlainOptions, type RunOptions, type Thinking } from '../../src/core/agent.ts'
import type { AssistantBlock, ClientTool, ConversationMessage, UserBlock } from '../../src/core/conversation.ts'
import type { RunEnd, RunEvent } from '../../src/core/events.ts'
import { startUpstream } from '../../src/demo/upstream.ts'
import { createCliPool } from '../helpers/cli-pool.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { OrderChecker } from '../helpers/order-checker.ts'
import { makeFolders, step } from '../helpers/test-server.ts'

const upstream = await startUpstream()
const folders = makeFolders({ after: () => {} })
const registry = new ProcessRegistry(folders.dataDir, await ownIdentity())
const warnings: string[] = []
const pools: Pool[] = []

function makePool(maxProcesses: number): Pool {
  const onWarning = (message: string) => warnings.push(message)
  const pool = createCliPool({ folders, registry, upstreamUrl: upstream.url, limits: { maxProcesses }, onWarning })
  pools.push(pool)
  return pool
}

const pool = makePool(2)
after(async () => {
  await Promise.all(pools.map((each) => each.close(2000)))
  await registry.close()
  await upstream.close()
})

const text = (value: string): UserBlock[] => [{ type: 'text', text: value }]
const assistant = (value: string): ConversationMessage => ({
  role: 'assistant',
  content: [{ type: 'text', text: value }],
})
const user = (value: string): ConversationMessage => ({ role: 'user', content: text(value) })

type Request = {
  prompt: UserBlock[] | string
  history?: ConversationMessage[]
  tools?: ClientTool[]
  max?: number
  stop?: string[]
  thinking?: Partial<Thinking>
  options?: Partial<RunOptions>
  from?: Pool
}
type Answer = { end: RunEnd; text: string; events: RunEvent[]; calls: { id: string; name: string; json: string }[] }

async function ask({ prompt, history = [], tools = [], max, stop = [], ...rest }: Request): Promise<Answer> {
  const { thinking = {}, options = {}, from = pool } = rest
  const checker = new OrderChecker()
  const events: RunEvent[] = []
  const request = {
    runId: 'run_plain',
    prompt: typeof prompt === 'string' ? text(prompt) : prompt,
    session: { kind: 'history' as const, messages: history },
    options: { ...noOptions, systemPrompt: 'You are A.', ...options },
    streaming: true,
    plain: {
      ...noPlainOptions,
      tools,
      maxOutputTokens: max ?? null,
      stopSequences: stop,
      thinking: { ...noPlainOptions.thinking, ...thinking },
    },
    approvals: false,
    isAuxiliary: false,
  }
  for await (const event of from.run(request, new AbortController().signal)) {
    checker.accept(event)
    events.push(event)
  }
  checker.finish()
  const end = events.at(-1)
  assert.ok(end?.type === 'run-end')
  const answer = events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : [])).join('')
  return { end, text: answer, events, calls: callsIn(events) }
}

function callsIn(events: readonly RunEvent[]) {
  const calls = events.flatMap((event) => (event.type === 'tool-start' ? [event] : []))
  return calls.map(({ toolId, name, index }) => {
    const json = events.flatMap((event) => (event.type === 'tool-delta' && event.index === index ? [event.json] : []))
    return { id: toolId, name, json: json.join('') }
  })
}

function lastBody() {
  const body = upstream.requests.at(-1)?.body
  assert.ok(body)
  return body
}

/** The conversation that the model received: roles and contents, without what the CLI always adds. */
function conversation(): unknown[] {
  return lastBody().messages.flatMap(({ role, content }) => {
    if (role === 'system') return []
    assert.ok(Array.isArray(content))
    return [[role, ...content.map(({ cache_control: _, ...block }) => (block.type === 'text' ? block.text : block))]]
  })
}

test('the model gets the system prompt, the prompt, and only what the CLI always adds', async () => {
  await ask({ prompt: 'hello' })
  const { system, messages, tools, model } = lastBody() as {
    system: { text: string }[]
    messages: { role: string }[]
    tools: unknown[]
    model: string
  }
  assert.equal(system.length, 3)
  assert.match(system[0]?.text ?? '', /^x-anthropic-billing-header: /)
  assert.equal(system[1]?.text, "You are a Claude agent, built on Anthropic's Claude Agent SDK.")
  assert.equal(system[2]?.text, 'You are A.')
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'system'],
  )
  assert.deepEqual(tools, [])
  assert.ok(model.startsWith('claude-'))
  assert.ok((upstream.requests.at(-1)?.bytes ?? 0) < 2500)
})

test('a history reaches the model with its roles, even if no process holds it', async () => {
  const history = [user('q1'), assistant('a1'), user('q2'), assistant('a2')]
  await ask({ prompt: 'q3', history })
  assert.deepEqual(conversation(), [
    ['user', 'q1'],
    ['assistant', 'a1'],
    ['user', 'q2'],
    ['assistant', 'a2'],
    ['user', 'q3'],
  ])
})

test('the next turn of a conversation goes to the process that holds it', async () => {
  const first = await ask({ prompt: 'walrus' })
  const before = warnings.length
  await ask({ prompt: 'next', history: [user('walrus'), assistant(first.text)] })
  assert.deepEqual(conversation(), [
    ['user', 'walrus'],
    ['assistant', first.text],
    ['user', 'next'],
  ])
  assert.equal(warnings.length, before)
})

test('a conversation with the same start but another continuation is a different one', async () => {
  const first = await ask({ prompt: 'alike' })
  await ask({ prompt: 'next', history: [user('alike'), assistant(`${first.text}!`)] })
  assert.deepEqual(conversation(), [
    ['user', 'alike'],
    ['assistant', `${first.text}!`],
    ['user', 'next'],
  ])
})

const weather: ClientTool = {
  name: 'get_weather',
  description: 'The weather of a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const bash: ClientTool = {
  name: 'Bash',
  description: "The client's own",
  inputSchema: { type: 'object', properties: {} },
}
const prefixed: ClientTool = {
  name: 'mcp__x',
  description: "The client's own",
  inputSchema: { type: 'object', properties: {} },
}

const calling = (...names: string[]) =>
  step({ text: 'I look.', tools: names.map((name) => ({ name, input: { city: name } })) })

test("the client's tools reach the model under their own names, and a call ends the answer", async () => {
  const prompt = `look ${calling('get_weather', 'Bash', 'mcp__x')}`
  const tools = [weather, bash, prefixed]
  const { end, calls, text: answer } = await ask({ prompt, tools })
  assert.deepEqual([end.outcome, end.stopReason, answer], ['succeeded', 'tool_use', 'I look.'])
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['get_weather', 'Bash', 'mcp__x'],
  )
  assert.deepEqual(
    calls.map(({ json }) => JSON.parse(json)),
    ['get_weather', 'Bash', 'mcp__x'].map((city) => ({ city })),
  )
  const offered = (lastBody().tools ?? []) as { name: string; input_schema: unknown }[]
  assert.deepEqual(offered.map(({ name }) => name).sort(), ['Bash', 'get_weather', 'mcp__x'])
  assert.deepEqual(offered.find(({ name }) => name === 'get_weather')?.input_schema, weather.inputSchema)

  const uses: AssistantBlock[] = calls.map(({ id, name, json }) => ({
    type: 'tool_use',
    id,
    name,
    input: JSON.parse(json),
  }))
  const results: UserBlock[] = calls.toReversed().map(({ id, name }) => ({
    type: 'tool_result',
    tool_use_id: id,
    content: [{ type: 'text', text: `of ${name}` }],
  }))
  const history: ConversationMessage[] = [
    user(prompt),
    { role: 'assistant', content: [{ type: 'text', text: 'I look.' }, ...uses] },
  ]
  const before = upstream.requests.length
  const next = await ask({ prompt: results, history, tools })
  assert.equal(next.end.outcome, 'succeeded')
  assert.equal(upstream.requests.length, before + 1)
  const sent = conversation()
  assert.deepEqual(sent[1], ['assistant', 'I look.', ...uses])
  assert.deepEqual(
    JSON.stringify(sent[2])
      .match(/of \w+/g)
      ?.sort(),
    ['of Bash', 'of get_weather', 'of mcp__x'],
  )
})

test('a call and its result reach the model even if no process holds them, whatever tools are offered now', async () => {
  const history: ConversationMessage[] = [
    user('q'),
    { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'gone', input: { a: 1 } }] },
  ]
  const prompt: UserBlock[] = [
    { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'r' }], is_error: true },
  ]
  await ask({ prompt, history, tools: [weather] })
  const [first, call, result] = conversation() as [
    unknown,
    unknown[],
    [string, { tool_use_id: string; is_error: boolean }],
  ]
  assert.deepEqual(first, ['user', 'q'])
  assert.deepEqual(call, ['assistant', { type: 'tool_use', id: 'call_1', name: 'gone', input: { a: 1 } }])
  assert.deepEqual([result[1].tool_use_id, result[1].is_error], ['call_1', true])
})

test('tools of one request are gone in the next', async () => {
  await ask({ prompt: 'with', tools: [weather] })
  await ask({ prompt: 'without' })
  assert.deepEqual(lastBody().tools, [])
})

for (const [what, script, request, stopReason, answer] of [
  ['the output limit', { text: 'cut here', stop_reason: 'max_tokens' }, { max: 77 }, 'max_tokens', 'cut here'],
  ['a refusal', { text: 'I will not', stop_reason: 'refusal' }, {}, 'refusal', 'I will not'],
  ['a stop sequence', { text: 'one STOP two', tokens: 12 }, { stop: ['no options', 'STOP'] }, 'stop_sequence', 'one '],
] as const) {
  test(`an answer ends at ${what}, once`, async () => {
    const { end, text: words } = await ask({
      prompt: `${what} ${step(script)}`,
      ...request,
      stop: [...('stop' in request ? request.stop : [])],
    })
    assert.deepEqual([end.outcome, end.stopReason, end.result, words], ['succeeded', stopReason, answer, answer])
    assert.equal(end.stopSequence, what === 'a stop sequence' ? 'STOP' : null)
    assert.equal(lastBody().max_tokens, 'max' in request ? request.max : 128_000)
    await ask({ prompt: 'afterwards' })
    assert.deepEqual(conversation(), [['user', 'afterwards']])
    assert.equal(lastBody().max_tokens, 128_000)
  })
}

test('a text that only looks like the start of a stop sequence is emitted completely', async () => {
  const { text: words } = await ask({ prompt: `x ${step({ text: 'one STO', tokens: 7 })}`, stop: ['STOP'] })
  assert.equal(words, 'one STO')
})

test('a history that starts with an answer leaves nothing behind in a process', async () => {
  await ask({ prompt: 'q', history: [assistant('capybara'), user('x'), assistant('y')] })
  assert.match(upstream.requests.at(-1)?.raw ?? '', /capybara/)
  for (let turn = 0; turn < 3; turn++) {
    await ask({ prompt: 'fresh' })
    assert.doesNotMatch(upstream.requests.at(-1)?.raw ?? '', /capybara/)
  }
})

test('a structured answer matches its schema, and the conversation continues from its text', async () => {
  const jsonSchema = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }
  const prompt = `s ${step({ tool: 'StructuredOutput', input: { a: 1 } })}`
  const { end } = await ask({ prompt, options: { jsonSchema } })
  assert.deepEqual([end.structuredOutput, end.result], [{ a: 1 }, '{"a":1}'])
  await ask({ prompt: 'next', history: [user(prompt), assistant(end.result)] })
  assert.deepEqual(conversation(), [
    ['user', prompt],
    ['assistant', '{"a":1}'],
    ['user', 'next'],
  ])
})

/** The request that was sent, without the id that differs between processes. */
function wire(): { raw: string; session: string } {
  const request = upstream.requests.at(-1)
  assert.ok(request)
  const session = String(request.headers['x-claude-code-session-id'])
  assert.ok(request.raw.includes(session))
  return { raw: request.raw.replaceAll(session, 'SESSION'), session }
}

type Settings = Pick<Request, 'thinking' | 'max' | 'options' | 'tools'>

/** `thinking` is what the model's API receives; undefined if the field must be absent. */
type Expected = { effort: string; max: number; thinking: Record<string, unknown> | undefined }

/** How the CLI itself requests that no thinking is shown. */
const notShown = { type: 'adaptive', display: 'updates' }
const defaults: Expected = { effort: 'medium', max: 128_000, thinking: notShown }
const off = { isOff: true }

/** One after the other, in one process. */
const sequence: [title: string, settings: Settings, expected: Expected][] = [
  ['no options', {}, defaults],
  ['low effort', { options: { effort: 'low' } }, { ...defaults, effort: 'low' }],
  ['maximum effort', { options: { effort: 'max' } }, { ...defaults, effort: 'max' }],
  ['no options, after an effort', {}, defaults],
  ['thinking off', { thinking: off }, { ...defaults, thinking: undefined }],
  ['no options, after thinking was off', {}, defaults],
  [
    'thinking off, an effort and a limit',
    { thinking: off, options: { effort: 'high' }, max: 77 },
    { effort: 'high', max: 77, thinking: undefined },
  ],
  [
    'the same with another system prompt and model',
    { thinking: off, options: { effort: 'high', systemPrompt: 'You are B.', model: 'haiku' }, max: 77 },
    { effort: 'high', max: 77, thinking: undefined },
  ],
  [
    'the same effort and limit, with thinking',
    { options: { effort: 'high' }, max: 77 },
    { ...defaults, effort: 'high', max: 77 },
  ],
  ['another limit', { max: 78 }, { ...defaults, max: 78 }],
  ['no options, after a limit', {}, defaults],
  [
    'thinking shown in summaries',
    { thinking: { display: 'summarized' } },
    { ...defaults, thinking: { type: 'adaptive', display: 'summarized' } },
  ],
  [
    'the same with tools, a limit and an effort',
    { thinking: { display: 'summarized' }, tools: [weather], max: 79, options: { effort: 'xhigh' } },
    { effort: 'xhigh', max: 79, thinking: { type: 'adaptive', display: 'summarized' } },
  ],
  ['thinking not shown', { thinking: { display: 'omitted' } }, defaults],
  ['no options, after thinking was shown', {}, defaults],
  ['a budget, which is for older models', { thinking: { budgetTokens: 2048 } }, defaults],
  ['no options, in the end', {}, defaults],
]

const alone = makePool(1)
let only: string | null = null
/** What it sent first. */
let fresh: string | null = null

/** What the live process sends. */
async function sentLive(settings: Settings, expected: Expected): Promise<string> {
  await ask({ prompt: 'same words', ...settings, from: alone })
  const { thinking, output_config: output, max_tokens: max } = lastBody()
  assert.deepEqual({ effort: output?.effort, max, thinking }, expected)
  assert.equal('thinking' in lastBody(), expected.thinking !== undefined)
  const live = wire()
  only ??= live.session
  fresh ??= live.raw
  assert.equal(live.session, only, 'the process is the first one')
  return live.raw
}

/** What a process sends that was started for this request. */
async function sentFresh(settings: Settings): Promise<string> {
  const other = makePool(1)
  await ask({ prompt: 'same words', ...settings, from: other })
  const { raw, session } = wire()
  await other.close(2000)
  assert.notEqual(session, only)
  return raw
}

for (const [title, settings, expected] of sequence) {
  test(`a live process with ${title} sends the model what was requested`, async () => {
    await sentLive(settings, expected)
  })

  // The others are these, or one of the two settings alone.
  const isCombined = / and /.test(title) || title.startsWith('thinking')
  if (isCombined)
    extendedTest(`a live process with ${title} sends the model exactly what a fresh one would`, async () => {
      assert.equal(await sentLive(settings, expected), await sentFresh(settings))
    })
}

test('after all these settings a live process sends the model exactly what it did when it was new', async () => {
  const [[, settings, expected] = assert.fail()] = sequence
  assert.ok(fresh)
  assert.equal(await sentLive(settings, expected), fresh)
})

test('a conversation continues in its process with another effort, without thinking and with another limit', async () => {
  const from = alone
  const first = await ask({ prompt: 'dugong', from, options: { effort: 'low' }, max: 90 })
  const { session } = wire()
  await ask({
    prompt: 'next',
    history: [user('dugong'), assistant(first.text)],
    from,
    options: { effort: 'high' },
    thinking: off,
    max: 91,
  })
  assert.equal(wire().session, session)
  assert.deepEqual(conversation(), [
    ['user', 'dugong'],
    ['assistant', first.text],
    ['user', 'next'],
  ])
  const { thinking, output_config: output, max_tokens: max } = lastBody()
  assert.deepEqual([output?.effort, max, thinking], ['high', 91, undefined])
})

const thought = { type: 'thinking' as const, thinking: 'Rain is likely.', signature: 'c2lnbmVk' }
const hidden = { type: 'redacted_thinking' as const, data: 'aGlkZGVu' }

test('thinking that the client sends back reaches the model unchanged, even if no process holds the conversation', async () => {
  const use = { type: 'tool_use' as const, id: 'call_7', name: 'get_weather', input: { city: 'Rome' } }
  const history: ConversationMessage[] = [
    user('thoughtful'),
    { role: 'assistant', content: [thought, hidden, { type: 'text', text: 'I look.' }] },
    user('Go on.'),
    { role: 'assistant', content: [hidden, thought, use] },
  ]
  const prompt: UserBlock[] = [
    { type: 'tool_result', tool_use_id: 'call_7', content: [{ type: 'text', text: 'rain' }] },
  ]
  await ask({ prompt, history, tools: [weather], options: { model: 'sonnet' } })
  assert.deepEqual(conversation().slice(0, -1), [
    ['user', 'thoughtful'],
    ['assistant', thought, hidden, 'I look.'],
    ['user', 'Go on.'],
    ['assistant', hidden, thought, use],
  ])
})

for (const isReturned of [true, false]) {
  test(`the model's thinking stays in its conversation, ${isReturned ? 'sent back' : 'left out'} by the client`, async () => {
    const prompt = `${isReturned} ${step({ thinking: 2, text: 'It rains.' })}`
    const { events, text: words } = await ask({ prompt })
    const signature = events.flatMap((event) => (event.type === 'thinking-signature' ? [event.signature] : [])).join('')
    const thinking = events.flatMap((event) => (event.type === 'thinking-delta' ? [event.text] : [])).join('')
    assert.notEqual(signature, '')
    const own: AssistantBlock = { type: 'thinking', thinking, signature }
    const content: AssistantBlock[] = [...(isReturned ? [own] : []), { type: 'text', text: words }]
    await ask({ prompt: 'next', history: [user(prompt), { role: 'assistant', content }] })
    assert.deepEqual(conversation(), [
      ['user', prompt],
      ['assistant', own, 'It rains.'],
      ['user', 'next'],
    ])
  })
}

for (const count of [4, 20]) {
  testIf(count === 4)(`${count} parallel conversations with the same start never mix`, async () => {
    const talk = async (n: number) => {
      const history: ConversationMessage[] = []
      for (let turn = 1; turn <= 3; turn++) {
        const prompt = `same start ${turn === 1 ? '' : `secret-${n}-${turn}`} ${step({ text: `answer-${n}-${turn}` })}`
        const { text: words } = await ask({ prompt, history })
        assert.equal(words, `answer-${n}-${turn}`)
        history.push(user(prompt), assistant(words))
      }
    }
    const from = upstream.requests.length
    await Promise.all(Array.from({ length: count }, (_, n) => talk(n)))
    const sent = upstream.requests.slice(from)
    assert.equal(sent.length, count * 3)
    for (const { raw } of sent) {
      const owners = new Set([...raw.matchAll(/(?:answer|secret)-(\d+)-\d/g)].map(([, n]) => n))
      assert.equal(owners.size, 1, [...owners].join())
    }
  })
}
