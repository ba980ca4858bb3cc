// Names of models in the native API: which are passed to the CLI, as what, and the error for an unknown one.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { chat } from '../../helpers/client.ts'
import { extendedTest, test, testIf } from '../../helpers/extended.ts'
import { createInjectApp } from '../../helpers/inject-app.ts'
import { startTestServer, step } from '../../helpers/test-server.ts'

const facts = [
  { value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' },
  { value: 'custom-model', resolvedModel: 'custom-model', displayName: 'Custom' },
]
const modelMap = { 'gpt-4o': 'sonnet', coder: 'agent/opus[1m]', 'openai/o3': 'claude-opus-5' }

async function setUp(t: TestContext) {
  let lookups = 0
  const models = async () => {
    lookups++
    return facts
  }
  const { inject, agent } = await createInjectApp(t, { native: { models, modelMap } })
  const post = (body: object, path = '/v1/chat') =>
    inject({
      method: 'POST',
      url: path,
      headers: { host: 'localhost', 'content-type': 'application/json' },
      payload: { prompt: 'x', ...body },
    })
  return { agent, post, lookups: () => lookups }
}

const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1B2c3'
const known: [name: string, model: string][] = [
  ['sonnet', 'sonnet'],
  ['agent/sonnet', 'sonnet'],
  ['sonnet[1m]', 'sonnet[1m]'],
  ['agent/sonnet[1m]', 'sonnet[1m]'],
  ['anthropic/claude-opus-5', 'claude-opus-5'],
  ['default', 'default'],
  ['opusplan', 'opusplan'],
  ['claude-tomorrow-9', 'claude-tomorrow-9'],
  ['claude-opus-4-1@20250805', 'claude-opus-4-1@20250805'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
  ['anthropic.claude-haiku-5-5[1m]', 'anthropic.claude-haiku-5-5[1m]'],
  [arn, arn],
  ['gpt-4o', 'sonnet'],
  ['agent/gpt-4o', 'sonnet'],
  ['coder', 'opus[1m]'],
  ['openai/o3', 'claude-opus-5'],
]

test('names that need no lookup are passed on as the CLI has them', async (t) => {
  const { agent, post, lookups } = await setUp(t)
  for (const [name, model] of known) {
    const body = {
      model: name,
      fallback_model: name,
      agents: { helper: { description: 'd', prompt: 'p', model: name } },
    }
    assert.equal((await post(body)).statusCode, 200, name)
    const { options } = agent.requests.at(-1) ?? {}
    assert.deepEqual([options?.model, options?.fallbackModel, options?.agents?.helper?.model], [model, model, model])
  }
  await post({ model: null, agents: { helper: { description: 'd', prompt: 'p', model: 'inherit' } } })
  const { options } = agent.requests.at(-1) ?? {}
  assert.deepEqual([options?.model, options?.agents?.helper?.model], [null, 'inherit'])
  assert.equal(lookups(), 0)
})

test('names that only the CLI knows are looked up', async (t) => {
  const { agent, post, lookups } = await setUp(t)
  for (const name of ['custom-model', 'custom-model[1m]']) {
    assert.equal((await post({ model: name })).statusCode, 200, name)
    assert.equal(agent.requests.at(-1)?.options.model, name)
  }
  assert.equal(lookups(), 2)
})

const unknown: [body: object, field: string, message: RegExp][] = [
  [{ model: 'sonet' }, 'model', /there is no model "sonet"; did you mean sonnet\?/],
  [{ model: 'agent/sonet' }, 'model', /did you mean sonnet\?/],
  [{ model: 'sonet[1m]' }, 'model', /did you mean sonnet\[1m\]\?/],
  [{ model: 'gpt-4' }, 'model', /did you mean gpt-4o\?/],
  [{ model: 'llama' }, 'model', /GET \/v1\/models/],
  [{ model: 'default[1m]' }, 'model', /there is no model/],
  [{ model: 'sonnet', fallback_model: 'hiaku' }, 'fallback_model', /did you mean haiku\?/],
  [
    { agents: { helper: { description: 'd', prompt: 'p', model: 'opsu' } } },
    'agents.helper.model',
    /did you mean opus\?/,
  ],
]

test('an unknown name is refused before a run starts, with the nearest one', async (t) => {
  const { agent, post } = await setUp(t)
  for (const [body, field, message] of unknown) {
    for (const path of ['/v1/chat', '/v1/chat/stream']) {
      const response = await post(body, path)
      assert.equal(response.statusCode, 400, response.body)
      const { code, error, details } = ErrorBody.parse(response.json())
      assert.deepEqual([code, details.field], ['model_not_found', field])
      assert.match(error, message)
    }
  }
  assert.equal(agent.requests.length, 0)
})

for (const model of ['long', 'sonnet[1m]', 'agent/sonnet[1m]']) {
  testIf(model === 'long')(
    `the real CLI runs a model with a longer context on the compatible APIs: ${model}`,
    async (t) => {
      const { url, upstream } = await startTestServer(t, { config: { modelMap: { long: 'sonnet[1m]' } } })
      const answer = step({ text: 'yes' })
      const post = async (path: string, body: object, headers = {}) => {
        const response = await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        })
        assert.equal(response.status, 200, await response.clone().text())
        assert.match(upstream.requests.at(-1)?.body?.model ?? '', /^claude-sonnet-/)
      }
      const messages = [{ role: 'user', content: answer }]
      await post('/v1/chat/completions', { model, messages })
      await post('/v1/responses', { model, input: answer })
      await post('/v1/messages', { model, messages, max_tokens: 100 }, { 'anthropic-version': '2023-06-01' })
      assert.equal((await fetch(`${url}/v1/models/${encodeURIComponent(model)}`)).status, 200, model)
    },
  )

  extendedTest(`the real CLI runs a model with a longer context as an agent: ${model}`, async (t) => {
    const { url } = await startTestServer(t, { config: { modelMap: { long: 'sonnet[1m]' } } })
    const { model: answered } = await chat({ url }, { prompt: step({ text: 'yes' }), model })
    assert.match(answered, /^claude-sonnet-/)
  })
}
