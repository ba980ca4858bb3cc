// The AI SDK's two providers for chat completions against the routes: text, calls, objects, errors.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai'
import type { RunEvent } from '../../../src/core/events.ts'
import { createRuns } from '../../../src/core/run-registry.ts'
import { AppError } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { listenApp, openaiRest } from '../../helpers/inject-app.ts'
import {
  failedEnd,
  goodRun,
  runEnd,
  runStart,
  type Script,
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

const baseURL = `${url}/v1`
const providers = {
  '@ai-sdk/openai': createOpenAI({ baseURL, apiKey: 'sk-dummy' }).chat('sonnet'),
  '@ai-sdk/openai-compatible': createOpenAICompatible({
    name: 'local',
    baseURL,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })('sonnet'),
}

const calls: RunEvent[] = [
  runStart(),
  { type: 'tool-start', index: 0, toolId: 'toolu_1', name: 'look' },
  { type: 'tool-delta', index: 0, json: '{"row":1}' },
  { type: 'tool-end', index: 0 },
  runEnd({ stopReason: 'tool_use' }),
]
const callThenSay: Script = ({ session }) =>
  session.kind === 'history' && session.messages.length > 0 ? goodRun(['Seen.']) : calls
const tools = {
  look: tool({
    inputSchema: jsonSchema<{ row: number }>({ type: 'object' }),
    execute: async ({ row }) => `wall ${row}`,
  }),
}
const quiet = { maxRetries: 0, onError: () => {} }

for (const [name, model] of Object.entries(providers)) {
  test(`${name} streams text and counts tokens`, async () => {
    agent.script = goodRun(['Hello', ' there'])
    const result = streamText({ model, prompt: 'hi', ...quiet })
    assert.equal(await result.text, 'Hello there')
    assert.equal(await result.finishReason, 'stop')
    assert.equal((await result.usage).inputTokens, 10)
  })

  test(`${name} runs tools, whole and streamed`, async () => {
    agent.script = callThenSay
    const settings = { model, prompt: 'hi', tools, stopWhen: stepCountIs(3) }
    assert.equal((await generateText(settings)).text, 'Seen.')
    assert.equal(await streamText({ ...settings, ...quiet }).text, 'Seen.')
    const [result] = agent.requests.at(-1)?.prompt ?? []
    assert.deepEqual(result, {
      type: 'tool_result',
      tool_use_id: 'toolu_1',
      content: [{ type: 'text', text: 'wall 1' }],
    })
  })

  test(`${name} gets an object that fits its schema`, async () => {
    agent.script = [runStart(), runEnd({ structuredOutput: { a: 1 }, result: '{"a":1}' })]
    const schema = jsonSchema<{ a: number }>({ type: 'object', properties: { a: { type: 'number' } } })
    const { output } = await generateText({ model, prompt: 'hi', output: Output.object({ schema }) })
    assert.deepEqual(output, { a: 1 })
    assert.equal(agent.requests.at(-1)?.options.jsonSchema?.type, 'object')
  })

  test(`${name} reports a broken stream`, async () => {
    agent.script = [runStart(), ...textBlock(0, ['Half']), failedEnd(new AppError('claude_failed', 'It broke.'))]
    const kinds: string[] = []
    for await (const { type } of streamText({ model, prompt: 'hi', ...quiet }).fullStream) kinds.push(type)
    assert.ok(kinds.includes('error'), kinds.join())
  })
}
