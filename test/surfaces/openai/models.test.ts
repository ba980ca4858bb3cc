// Model names: what each resolves to, which are listed, and the error for an unknown one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelNames, resolveModel } from '../../../src/compat/models.ts'
import type { ModelFact } from '../../../src/core/agent.ts'
import { AppError } from '../../../src/errors.ts'
import { ModelList } from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import { toModelList } from '../../../src/surfaces/openai/shared/models.ts'

const facts: ModelFact[] = [
  { value: 'default', resolvedModel: 'claude-opus-5', displayName: 'Default' },
  { value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' },
  { value: 'sonnet[1m]', resolvedModel: 'claude-sonnet-5[1m]', displayName: 'Sonnet, long' },
  { value: 'opus', resolvedModel: 'claude-opus-5', displayName: 'Opus' },
]
const modelMap = { 'gpt-4o': 'sonnet', coder: 'agent/opus', 'openai/o3': 'opus' }

const names: [string, string | null, boolean, string][] = [
  ['sonnet', 'sonnet', false, 'claude-sonnet-5'],
  ['sonnet[1m]', 'sonnet[1m]', false, 'claude-sonnet-5[1m]'],
  ['claude-sonnet-5', 'claude-sonnet-5', false, 'claude-sonnet-5'],
  ['claude-haiku-4-5-20251001', 'claude-haiku-4-5-20251001', false, 'claude-haiku-4-5-20251001'],
  ['default', null, false, 'claude-opus-5'],
  ['agent/default', null, true, 'agent/claude-opus-5'],
  ['agent/sonnet', 'sonnet', true, 'agent/claude-sonnet-5'],
  ['anthropic/claude-opus-5', 'claude-opus-5', false, 'claude-opus-5'],
  ['openai/sonnet', 'sonnet', false, 'claude-sonnet-5'],
  ['claude-serve/agent/opus', 'opus', true, 'agent/claude-opus-5'],
  ['gpt-4o', 'sonnet', false, 'claude-sonnet-5'],
  ['openai/gpt-4o', 'sonnet', false, 'claude-sonnet-5'],
  ['agent/gpt-4o', 'sonnet', true, 'agent/claude-sonnet-5'],
  ['coder', 'opus', true, 'agent/claude-opus-5'],
  ['openai/o3', 'opus', false, 'claude-opus-5'],
  ['sonnet:latest', 'sonnet', false, 'claude-sonnet-5'],
  ['sonnet[1m]:latest', 'sonnet[1m]', false, 'claude-sonnet-5[1m]'],
  ['agent/sonnet:latest', 'sonnet', true, 'agent/claude-sonnet-5'],
  ['claude-sonnet-5:latest', 'claude-sonnet-5', false, 'claude-sonnet-5'],
  ['coder:latest', 'opus', true, 'agent/claude-opus-5'],
]
for (const [name, model, agent, publicName] of names) {
  test(`${name} is ${model ?? 'the default'}${agent ? ' as an agent' : ''} and is shown as ${publicName}`, () => {
    assert.deepEqual(resolveModel(name, facts, modelMap), { model, agent, publicName })
  })
}

const unknown: [string, RegExp][] = [
  ['sonet', /did you mean sonnet\?/],
  ['agent/opsu', /did you mean opus\?/],
  ['gpt-4', /did you mean gpt-4o\?/],
  ['llama', /GET \/v1\/models/],
  ['toString', /"toString"/],
  ['__proto__', /"__proto__"/],
  ['Claude Sonnet; rm', /there is no model/],
  ['x'.repeat(5000), /^.{0,200}$/],
]
for (const [name, message] of unknown) {
  test(`${name.slice(0, 40)} is an unknown model`, () => {
    assert.throws(
      () => resolveModel(name, facts, modelMap),
      (error) => {
        assert.ok(error instanceof AppError)
        assert.equal(error.code, 'model_not_found')
        assert.match(error.message, message)
        return true
      },
    )
  })
}

test('the list contains each alias, full id and mapped name once, and each as an agent', () => {
  const list = ModelList.parse(toModelList(modelNames(facts, modelMap)))
  const ids = list.data.map(({ id }) => id)
  const plain = ['default', 'sonnet', 'sonnet[1m]', 'opus', 'claude-opus-5', 'claude-sonnet-5', 'claude-sonnet-5[1m]']
  assert.deepEqual(ids.slice(0, 10), [...plain, 'gpt-4o', 'coder', 'openai/o3'])
  assert.ok(ids.includes('agent/sonnet') && ids.includes('agent/gpt-4o') && !ids.includes('agent/coder'))
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.doesNotThrow(() => resolveModel(id, facts, modelMap))
})

const others: [name: string, model: string | null, publicName: string][] = [
  ['opus[1m]', 'opus[1m]', 'claude-opus-5[1m]'],
  ['agent/opus[1m]', 'opus[1m]', 'agent/claude-opus-5[1m]'],
  ['claude-opus-5[1m]', 'claude-opus-5[1m]', 'claude-opus-5[1m]'],
  ['claude-tomorrow-9[1m]', 'claude-tomorrow-9[1m]', 'claude-tomorrow-9[1m]'],
  ['claude-opus-4-1@20250805', 'claude-opus-4-1@20250805', 'claude-opus-4-1@20250805'],
  [
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
  ],
  [
    'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6',
    'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6',
    'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6',
  ],
  ['opusplan', 'opusplan', 'opusplan'],
  ['long', 'opus[1m]', 'claude-opus-5[1m]'],
]
test('every model may have a longer context, and the ids of other providers are models', () => {
  for (const [name, model, publicName] of others) {
    const resolved = resolveModel(name, facts, { long: 'opus[1m]' })
    assert.deepEqual(resolved, { model, agent: name.startsWith('agent/'), publicName }, name)
    // A client may send the name in an answer back.
    assert.equal(resolveModel(resolved.publicName, facts, {}).publicName, publicName)
  }
})
