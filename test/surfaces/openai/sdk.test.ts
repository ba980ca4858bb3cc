// Two major versions of the official SDK against the routes: how they read answers, streams and errors.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import type { RunEvent } from '../../../src/core/events.ts'
import { createRuns } from '../../../src/core/run-registry.ts'
import { AppError } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { listenApp, openaiRest } from '../../helpers/inject-app.ts'
import {
  failedEnd,
  goodRun,
  queueFull,
  runEnd,
  runStart,
  ScriptedAgent,
  textBlock,
} from '../../helpers/scripted-agent.ts'

const agent = new ScriptedAgent()
const { url } = await listenApp(
  { after },
  {
    agent,
    prepare: (app) => {
      void app.register(async (scope) =>
        registerOpenai(scope, {
          ...openaiRest(),
          runs: createRuns({ agent, store: openMemoryStore() }),
          models: async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }],
          modelMap: {},
          requestTimeoutMs: 300_000,
        }),
      )
    },
  },
)

const settings = { baseURL: `${url}/v1`, apiKey: 'sk-dummy' }
const hello = { model: 'sonnet', messages: [{ role: 'user' as const, content: 'hi' }] }
const look = { type: 'function' as const, function: { name: 'look', parameters: { type: 'object' } } }

const calls: RunEvent[] = [
  runStart(),
  ...textBlock(0, ['Let me see.']),
  { type: 'tool-start', index: 1, toolId: 'toolu_1', name: 'look' },
  { type: 'tool-delta', index: 1, json: '{"row"' },
  { type: 'tool-delta', index: 1, json: ':1}' },
  { type: 'tool-end', index: 1 },
  { type: 'tool-start', index: 2, toolId: 'toolu_2', name: 'look' },
  { type: 'tool-end', index: 2 },
  runEnd({ stopReason: 'tool_use' }),
]

for (const [version, client, errors] of [
  [7, new OpenAI(settings), OpenAI],
  [6, new OpenAI6(settings) as unknown as OpenAI, OpenAI6],
] as const) {
  test(`openai ${version} reads a whole answer`, async () => {
    agent.script = goodRun(['Hello', ' there'])
    const { choices, usage } = await client.chat.completions.create(hello)
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], ['Hello there', 'stop'])
    assert.equal(usage?.total_tokens, 12)
  })

  test(`openai ${version} assembles a stream of text and calls`, async () => {
    agent.script = calls
    const stream = client.chat.completions.stream({
      ...hello,
      tools: [look],
      stream_options: { include_usage: true },
    })
    const { choices, usage } = await stream.finalChatCompletion()
    const message = choices[0]?.message
    assert.equal(message?.content, 'Let me see.')
    assert.deepEqual(
      message?.tool_calls?.map((call) => [call.id, call.type === 'function' ? call.function.arguments : '']),
      [
        ['toolu_1', '{"row":1}'],
        ['toolu_2', '{}'],
      ],
    )
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
    assert.equal(usage?.total_tokens, 12)
  })

  test(`openai ${version} runs tools to the end of the conversation`, async () => {
    const before = agent.requests.length
    agent.script = (request) =>
      request.session.kind === 'history' && request.session.messages.length > 0 ? goodRun(['Seen.']) : calls
    const runner = client.chat.completions.runTools({
      ...hello,
      tools: [
        {
          type: 'function',
          function: { name: 'look', description: 'Looks.', parameters: { type: 'object' }, function: () => 'a wall' },
        },
      ],
    })
    assert.equal(await runner.finalContent(), 'Seen.')
    assert.deepEqual(agent.requests[before + 1]?.prompt, [
      { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'a wall' }] },
      { type: 'tool_result', tool_use_id: 'toolu_2', content: [{ type: 'text', text: 'a wall' }] },
    ])
  })

  test(`openai ${version} parses an answer that fits a schema`, async () => {
    agent.script = [runStart(), runEnd({ structuredOutput: { a: 1 }, result: '{"a":1}' })]
    const schema = { type: 'object', properties: { a: { type: 'number' } } }
    const { choices } = await client.chat.completions.parse({
      ...hello,
      response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } },
    })
    assert.deepEqual(JSON.parse(choices[0]?.message.content ?? ''), { a: 1 })
  })

  test(`openai ${version} raises its own errors, and does not retry once a run has started`, async () => {
    await assert.rejects(client.chat.completions.create({ ...hello, model: 'llama' }), errors.NotFoundError)
    await assert.rejects(client.chat.completions.create({ ...hello, n: 2 }), errors.BadRequestError)
    const before = agent.requests.length
    agent.script = [runStart(), failedEnd(new AppError('rate_limited', 'Too much.', { retryAfterS: 1 }))]
    await assert.rejects(client.chat.completions.create(hello), errors.RateLimitError)
    assert.equal(agent.requests.length, before + 1)
  })

  test(`openai ${version} retries if the queue was full`, async () => {
    let count = 0
    agent.script = () => {
      if (count++ === 0) throw new AppError('queue_full', queueFull().message, { retryAfterS: 0 })
      return goodRun(['Now.'])
    }
    const { choices } = await client.chat.completions.create(hello)
    assert.equal(choices[0]?.message.content, 'Now.')
  })

  test(`openai ${version} raises an error for a stream that breaks`, async () => {
    agent.script = [runStart(), ...textBlock(0, ['Half']), failedEnd(new AppError('claude_failed', 'It broke.'))]
    const texts: string[] = []
    const read = async () => {
      for await (const chunk of await client.chat.completions.create({ ...hello, stream: true })) {
        texts.push(chunk.choices[0]?.delta.content ?? '')
      }
    }
    await assert.rejects(read(), /It broke/)
    assert.equal(texts.join(''), 'Half')
  })

  test(`openai ${version} lists models and finds one with a slash in its name`, async () => {
    const ids: string[] = []
    for await (const { id } of client.models.list()) ids.push(id)
    assert.ok(ids.includes('agent/sonnet'))
    assert.equal((await client.models.retrieve('agent/sonnet')).id, 'agent/sonnet')
  })
}
