// Tools that come in items of the conversation, not in the field `tools`: additional tools, and those that a search by the client has
// found. They are offered and called like any others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { RunRequest } from '../../../../src/core/agent.ts'
import type { RunEvent } from '../../../../src/core/events.ts'
import { goodRun, runEnd, runStart } from '../../../helpers/scripted-agent.ts'
import { startTestServer, step } from '../../../helpers/test-server.ts'
import { errorOf, eventsIn, responseOf, setUp, textIn } from './scene.ts'

const look = { type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object' } }
const sql = { type: 'custom', name: 'sql', description: 'Asks.' }
const fs = { type: 'namespace', name: 'fs', description: 'Files.', tools: [look, sql] }
const additional = (...tools: object[]) => ({ type: 'additional_tools', role: 'developer', tools })
const user = { type: 'message', role: 'user', content: 'hi' }
const search = {
  type: 'tool_search',
  execution: 'client',
  description: 'Finds tools.',
  parameters: { type: 'object', properties: { goal: { type: 'string' } } },
}

/** A run in which the model calls a tool. */
const calling = (name: string, ...json: string[]): RunEvent[] =>
  [
    runStart(),
    { type: 'tool-start', index: 0, toolId: `toolu_${name}`, name },
    ...json.map((part): RunEvent => ({ type: 'tool-delta', index: 0, json: part })),
    { type: 'tool-end', index: 0 },
    runEnd({ stopReason: 'tool_use' }),
  ] as RunEvent[]

const namesIn = (request: RunRequest | undefined) => request?.plain?.tools.map(({ name }) => name).sort()

test('tools of an item are offered and called as if they were in tools', async (t) => {
  const { agent, make, post } = await setUp(t)
  const input = [additional(fs, sql), user]
  agent.script = calling('fs__look', '{"row":', '1}')
  const { output } = await make({ input, tools: [{ ...look, name: 'own' }] })
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['fs__look', 'fs__sql', 'own', 'sql'])
  assert.partialDeepStrictEqual(output, [
    { type: 'function_call', call_id: 'toolu_fs__look', name: 'look', namespace: 'fs', arguments: '{"row":1}' },
  ])
  agent.script = calling('sql', '{"input":"select 1"}')
  const streamed = eventsIn(await post('/v1/responses', { model: 'sonnet', input, stream: true }))
  const last = streamed.at(-1)
  assert.ok(last?.type === 'response.completed')
  assert.partialDeepStrictEqual(last.response.output, [{ type: 'custom_tool_call', name: 'sql', input: 'select 1' }])
  const answer = await post('/v1/responses', { model: 'sonnet', input })
  assert.equal(answer.headers['x-claude-serve-ignored'], undefined)
  const counted = await post('/v1/responses/input_tokens', { model: 'sonnet', input })
  assert.equal(counted.status, 200)
})

test('they remain in later responses of the conversation, and a stored response is written again with its calls', async (t) => {
  const { agent, make, get } = await setUp(t)
  const first = await make({ input: [additional(fs), user] })
  agent.script = calling('fs__sql', '{"input":"x"}')
  const second = await make({ input: 'go on', previous_response_id: first.id })
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['fs__look', 'fs__sql'])
  const call = { type: 'custom_tool_call', call_id: 'toolu_fs__sql', name: 'sql', namespace: 'fs', input: 'x' }
  assert.partialDeepStrictEqual(second.output, [call])
  assert.deepEqual(responseOf(await get(`/v1/responses/${second.id}`)).output, second.output)
  agent.script = goodRun(['done'])
  const output = { type: 'custom_tool_call_output', call_id: 'toolu_fs__sql', output: 'seen' }
  const third = await make({ input: [output], previous_response_id: second.id })
  assert.equal(textIn(third), 'done')
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['fs__look', 'fs__sql'])
  const { session } = agent.requests.at(-1) ?? {}
  assert.partialDeepStrictEqual(session?.kind === 'history' && session.messages.at(-1), {
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_fs__sql', name: 'fs__sql', input: { input: 'x' } }],
  })
})

test('the latest definition of a name counts; two in one list are refused', async (t) => {
  const { agent, make, post } = await setUp(t)
  const described = (description: string) => ({ ...look, description })
  const descriptionOf = () => agent.requests.at(-1)?.plain?.tools.map(({ description }) => description)
  const first = await make({ input: [additional(described('1')), user, additional(described('2'))] })
  assert.deepEqual(descriptionOf(), ['2'])
  await make({ input: 'x', previous_response_id: first.id, tools: [described('3')] })
  assert.deepEqual(descriptionOf(), ['3'])
  await make({ input: [user, additional(described('4'))], tools: [described('3')] })
  assert.deepEqual(descriptionOf(), ['4'])
  const twice = await post('/v1/responses', { model: 'sonnet', input: [user, additional(look, look)] })
  assert.deepEqual(errorOf(twice), [400, null, 'input[1].tools[1].name'])
})

test('what cannot be offered is named with its location, and only by the request that has it', async (t) => {
  const { agent, make, post } = await setUp(t)
  const hosted = additional({ type: 'web_search' }, look, { type: 'tool_search' })
  const answer = await post('/v1/responses', { model: 'sonnet', input: [user, hosted] })
  assert.equal(answer.headers['x-claude-serve-ignored'], 'input[1].tools[0], input[1].tools[2]')
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['look'])
  const next = { model: 'sonnet', input: 'x', previous_response_id: responseOf(answer).id }
  assert.equal((await post('/v1/responses', next)).headers['x-claude-serve-ignored'], undefined)
  const agentAnswer = await post('/v1/responses', { model: 'agent/sonnet', input: [user, hosted] })
  assert.equal(agentAnswer.headers['x-claude-serve-ignored'], 'input[1].tools')
  const wrong = await post('/v1/responses', { model: 'sonnet', input: [user, { type: 'additional_tools' }] })
  assert.deepEqual(errorOf(wrong).slice(0, 3), [400, 'missing_required_parameter', 'input[1].tools'])
  assert.equal((await make({ input: [user, additional()] })).status, 'completed')
})

test('tool_choice can name a tool of an item', async (t) => {
  const { agent, make } = await setUp(t, calling('fs__look', '{}'))
  const input = [additional(fs), user]
  await make({ input, tool_choice: { type: 'function', name: 'look', namespace: 'fs' } })
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['fs__look'])
  agent.script = calling('tool_search', '{}')
  const allowed = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'tool_search' }] }
  await make({ input, tools: [search], tool_choice: allowed })
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['tool_search'])
})

const searched = {
  type: 'tool_search_call',
  call_id: 'toolu_tool_search',
  execution: 'client',
  arguments: { goal: 'x' },
}
const found = (...tools: object[]) => ({
  type: 'tool_search_output',
  call_id: 'toolu_tool_search',
  execution: 'client',
  tools,
})

test("the model calls the client's search, and what it finds is offered from then on", async (t) => {
  const { agent, make, post, get } = await setUp(t, calling('tool_search', '{"goal":', '"x"}'))
  const first = await make({ input: [user], tools: [search] })
  assert.partialDeepStrictEqual(agent.requests.at(-1)?.plain?.tools, [
    { name: 'tool_search', description: 'Finds tools.', inputSchema: search.parameters },
  ])
  assert.partialDeepStrictEqual(first.output, [{ ...searched, status: 'completed' }])
  assert.deepEqual(responseOf(await get(`/v1/responses/${first.id}`)).output, first.output)
  const events = eventsIn(await post('/v1/responses', { model: 'sonnet', input: 'hi', tools: [search], stream: true }))
  const done = events.find(({ type }) => type === 'response.output_item.done')
  assert.partialDeepStrictEqual(done, { item: searched })
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type.includes('item')),
    ['response.output_item.added', 'response.output_item.done'],
  )

  // By the stored response, and with everything sent again.
  agent.script = calling('fs__look', '{}')
  for (const body of [
    { input: [found(fs)], previous_response_id: first.id },
    { input: [user, searched, found(fs)] },
    { input: [user, { ...searched, arguments: '{"goal":"x"}' }, found(fs)] },
  ]) {
    const { output } = await make({ ...body, tools: [search] })
    assert.partialDeepStrictEqual(output, [{ type: 'function_call', name: 'look', namespace: 'fs' }])
    const { session, prompt } = agent.requests.at(-1) ?? {}
    assert.deepEqual(namesIn(agent.requests.at(-1)), ['fs__look', 'fs__sql', 'tool_search'])
    assert.partialDeepStrictEqual(session?.kind === 'history' && session.messages.at(-1)?.content, [
      { type: 'tool_use', id: 'toolu_tool_search', name: 'tool_search', input: { goal: 'x' } },
    ])
    const text = 'These tools are available now: fs__look, fs__sql'
    assert.partialDeepStrictEqual(prompt, [
      { type: 'tool_result', tool_use_id: 'toolu_tool_search', content: [{ type: 'text', text }] },
    ])
  }
})

test('a search without results, without ids, or made by OpenAI', async (t) => {
  const { agent, make, post } = await setUp(t)
  await make({ input: [user, searched, found()], tools: [search] })
  assert.partialDeepStrictEqual(agent.requests.at(-1)?.prompt, [
    { type: 'tool_result', content: [{ type: 'text', text: 'No tools were found.' }] },
  ])
  const withoutId = [
    { type: 'tool_search_call', execution: 'client', arguments: {} },
    { type: 'tool_search_output', execution: 'client', tools: [look] },
  ]
  await make({ input: [user, ...withoutId] })
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['look'])
  const ofServer = [
    { type: 'tool_search_call', call_id: null, execution: 'server', arguments: { paths: ['fs'] }, status: 'completed' },
    { type: 'tool_search_output', call_id: null, execution: 'server', tools: [look], status: 'completed' },
  ]
  const answer = await post('/v1/responses', { model: 'sonnet', input: [...ofServer, user] })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers['x-claude-serve-ignored'], 'input[0]')
  assert.deepEqual(namesIn(agent.requests.at(-1)), ['look'])
  const orphan = await post('/v1/responses', { model: 'sonnet', input: [user, found(look)] })
  assert.deepEqual(errorOf(orphan).slice(0, 3), [400, null, 'input[1].call_id'])
})

test("the real CLI offers the tools of items, and OpenAI's own client reads the calls", async (t) => {
  const { url, upstream } = await startTestServer(t)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const tools = [search as OpenAI.Responses.ToolSearchTool]
  const input: OpenAI.Responses.ResponseInput = [
    { type: 'additional_tools', role: 'developer', tools: [fs as OpenAI.Responses.NamespaceTool] },
    {
      role: 'user',
      content: [step({ tool: 'fs__sql', input: { input: 'select 1' } })].join(' '),
    },
  ]
  const first = await client.responses.create({ model: 'sonnet', input, tools })
  const sent = upstream.requests.at(-1)?.body?.tools?.map(({ name }) => name)
  assert.deepEqual(sent, ['fs__look', 'fs__sql', 'tool_search'])
  const [call] = first.output
  assert.ok(call?.type === 'custom_tool_call')
  assert.deepEqual([call.name, call.namespace, call.input], ['sql', 'fs', 'select 1'])
  const second = await client.responses.create({
    model: 'sonnet',
    previous_response_id: first.id,
    tools,
    input: [
      { type: 'custom_tool_call_output', call_id: call.call_id, output: 'one' },
      { role: 'user', content: step({ tool: 'tool_search', input: { goal: 'more' } }) },
    ],
  })
  const searching = second.output.find(({ type }) => type === 'tool_search_call')
  assert.ok(searching?.type === 'tool_search_call' && searching.call_id !== null)
  assert.deepEqual([searching.execution, searching.arguments], ['client', { goal: 'more' }])
  const third = await client.responses.create({
    model: 'sonnet',
    previous_response_id: second.id,
    tools,
    input: [
      {
        type: 'tool_search_output',
        call_id: searching.call_id,
        execution: 'client',
        tools: [{ type: 'function', name: 'extra', strict: null, parameters: { type: 'object' } }],
      },
      { role: 'user', content: step({ tool: 'extra', input: { a: 1 } }) },
    ],
  })
  const extra = third.output.find(({ type }) => type === 'function_call')
  assert.ok(extra?.type === 'function_call')
  assert.deepEqual([extra.name, JSON.parse(extra.arguments)], ['extra', { a: 1 }])
})
