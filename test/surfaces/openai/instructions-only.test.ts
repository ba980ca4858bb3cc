// Requests with nothing but instructions: the model answers them, as with OpenAI.
import assert from 'node:assert/strict'
import { createRuns } from '../../../src/core/run-registry.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { ChatCompletion } from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import { Response } from '../../../src/surfaces/openai/responses/reply-schemas.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { extendedTest, test } from '../../helpers/extended.ts'
import { createInjectApp, openaiRest } from '../../helpers/inject-app.ts'
import { goodRun, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { startTestServer } from '../../helpers/test-server.ts'

const system = (content: unknown) => ({ role: 'system', content })
const developer = (content: unknown) => ({ role: 'developer', content })
const assistantFirst = [{ type: 'text', text: '(The assistant speaks first.)' }]

async function setUp(t: Parameters<typeof createInjectApp>[0]) {
  const agent = new ScriptedAgent(goodRun(['Hello']))
  const runs = createRuns({ agent, store: openMemoryStore() })
  const { inject } = await createInjectApp(t, {
    agent,
    prepare: (app) =>
      void app.register(async (scope) =>
        registerOpenai(scope, {
          ...openaiRest(),
          runs,
          models: async () => [{ value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' }],
          modelMap: {},
          requestTimeoutMs: 300_000,
        }),
      ),
  })
  const post = (url: string, payload: object) =>
    inject({ method: 'POST', url, headers: { host: 'localhost', 'content-type': 'application/json' }, payload })
  return { agent, post }
}

const instructions: [name: string, messages: object[], prompt: string][] = [
  ['one system message', [system('Say hello.')], 'Say hello.'],
  ['one developer message', [developer('Say hello.')], 'Say hello.'],
  ['both, in parts', [system([{ type: 'text', text: 'A' }]), developer('B')], 'A\n\nB'],
  ['a user message without content', [system('A'), { role: 'user', content: '' }], 'A'],
]

test('chat completions with instructions only are answered', async (t) => {
  const { agent, post } = await setUp(t)
  for (const [name, messages, prompt] of instructions) {
    for (const model of ['sonnet', 'agent/sonnet']) {
      const response = await post('/v1/chat/completions', { model, messages })
      assert.equal(response.statusCode, 200, name)
      assert.equal(ChatCompletion.parse(response.json()).choices[0]?.message.content, 'Hello')
      const request = agent.requests.at(-1)
      assert.deepEqual(request?.prompt, assistantFirst)
      const { systemPrompt, appendSystemPrompt } = request?.options ?? {}
      assert.equal(model === 'sonnet' ? systemPrompt : appendSystemPrompt, prompt)
    }
    const streamed = await post('/v1/chat/completions', { model: 'sonnet', messages, stream: true })
    assert.deepEqual([streamed.statusCode, streamed.body.includes('Hello')], [200, true], name)
  }
})

test('responses with instructions only are answered, and continue as the conversation that the model has seen', async (t) => {
  const { agent, post } = await setUp(t)
  for (const [name, input, prompt] of instructions) {
    const response = await post('/v1/responses', { model: 'sonnet', input })
    assert.equal(response.statusCode, 200, name)
    assert.equal(agent.requests.at(-1)?.options.systemPrompt, prompt)
    assert.deepEqual(agent.requests.at(-1)?.prompt, assistantFirst)
    const streamed = await post('/v1/responses', { model: 'sonnet', input, stream: true })
    assert.deepEqual([streamed.statusCode, streamed.body.includes('response.completed')], [200, true], name)
    const { id } = Response.parse(response.json())
    await post('/v1/responses', { model: 'sonnet', input: 'And now?', previous_response_id: id })
    const session = agent.requests.at(-1)?.session
    assert.deepEqual(session?.kind === 'history' && session.messages[0], { role: 'user', content: assistantFirst })
    const counted = await post('/v1/responses/input_tokens', { model: 'sonnet', input })
    assert.equal(counted.statusCode, 200, name)
  }
})

test('a request with no words at all is refused', async (t) => {
  const { post } = await setUp(t)
  for (const messages of [[system(' ')], [{ role: 'user', content: '' }], [system(''), developer([])]]) {
    assert.equal((await post('/v1/chat/completions', { model: 'sonnet', messages })).statusCode, 400)
    assert.equal((await post('/v1/responses', { model: 'sonnet', input: messages })).statusCode, 400)
  }
})

// That the CLI sends a system prompt as it is, other tests show.
extendedTest('the model is asked with the instructions as its system prompt', async (t) => {
  const { url, upstream } = await startTestServer(t)
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sonnet', messages: [system('Say hello to nobody.')] }),
  })
  assert.equal(response.status, 200)
  const { choices } = ChatCompletion.parse(await response.json())
  assert.ok(choices[0]?.message.content)
  const sent = upstream.requests.at(-1)?.body
  assert.ok(JSON.stringify(sent?.system).includes('Say hello to nobody.'))
  assert.ok(JSON.stringify(sent?.messages).includes('(The assistant speaks first.)'))
})
