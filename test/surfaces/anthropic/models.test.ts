// The models routes of both compatible APIs, registered side by side: which client gets which format on the same path,
// and the pages of Anthropic's list. test/surfaces/openai tests what the names stand for.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { modelNames } from '../../../src/compat/models.ts'
import type { ModelFact } from '../../../src/core/agent.ts'
import { createRuns } from '../../../src/core/run-registry.ts'
import type { AppError } from '../../../src/errors.ts'
import { openMemoryStore } from '../../../src/store/sqlite.ts'
import { toModelInfo, toModelPage } from '../../../src/surfaces/anthropic/models.ts'
import { ErrorBody, ModelInfo, ModelPage } from '../../../src/surfaces/anthropic/reply-schemas.ts'
import { registerAnthropic } from '../../../src/surfaces/anthropic/routes.ts'
import * as openai from '../../../src/surfaces/openai/chat/reply-schemas.ts'
import { registerOpenai } from '../../../src/surfaces/openai/routes.ts'
import { batchOptions } from '../../helpers/batch-options.ts'
import { createInjectApp, openaiRest } from '../../helpers/inject-app.ts'
import { ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { assertFits, undeclaredIn } from '../../helpers/sdk-schemas.ts'

const facts: ModelFact[] = [
  { value: 'default', resolvedModel: 'claude-opus-5', displayName: 'Default' },
  { value: 'sonnet', resolvedModel: 'claude-sonnet-5', displayName: 'Sonnet' },
  { value: 'sonnet[1m]', resolvedModel: 'claude-sonnet-5[1m]', displayName: 'Sonnet, long' },
  { value: 'haiku', resolvedModel: 'claude-haiku-4-5', displayName: 'Haiku' },
]
const modelMap = { 'gpt-4o': 'sonnet', coder: 'agent/default' }
const named = modelNames(facts, modelMap)
const ids = named.map(({ id }) => id)

const agent = new ScriptedAgent()
const { inject } = await createInjectApp(
  { after },
  {
    agent,
    prepare: (app) => {
      const shared = {
        runs: createRuns({ agent, store: openMemoryStore() }),
        models: async () => facts,
        modelMap,
        requestTimeoutMs: 300_000,
      }
      void app.register(async (scope) => registerOpenai(scope, { ...openaiRest(), ...shared }))
      void app.register(async (scope) =>
        registerAnthropic(scope, { ...shared, ...batchOptions(), countTokens: () => 1 }),
      )
    },
  },
)

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
const send = (url: string, more: Record<string, string> = {}, method: Method = 'GET') =>
  inject({ method, url, headers: { host: 'localhost:5005', 'content-type': 'application/json', ...more } })

const version = { 'anthropic-version': '2026-10-21' }
const page = async (query = '') => {
  const answer = await send(`/v1/models${query}`, version)
  assert.equal(answer.statusCode, 200, answer.body)
  return ModelPage.parse(answer.json())
}

const byAnthropic: [string, Record<string, string>][] = [
  ['the newer version', version],
  ['the older version', { 'anthropic-version': '2023-06-01' }],
  ['a nonsensical version', { 'anthropic-version': 'latest' }],
  ['a key in Anthropic’s header', { 'x-api-key': 'sk-dummy' }],
  ['both', { ...version, 'x-api-key': 'sk-dummy' }],
  ['both and a bearer', { ...version, 'x-api-key': 'sk-dummy', authorization: 'Bearer sk-dummy' }],
]
const byOpenai: [string, Record<string, string>][] = [
  ['nothing', {}],
  ['a bearer', { authorization: 'Bearer sk-dummy' }],
  ['a key in another header', { 'api-key': 'sk-dummy' }],
  ['an empty key', { 'x-api-key': '' }],
]

for (const url of [
  '/v1/models',
  '/v1/models/',
  '/v1/v1/models',
  '/models',
  '/models/',
  '//v1//models',
  '/v1/models?beta=true',
]) {
  for (const [what, headers] of byAnthropic) {
    test(`GET ${url} with ${what} is Anthropic's list`, async () => {
      const answer = await send(url, headers)
      assert.equal(answer.statusCode, 200, answer.body)
      assert.ok(ModelPage.parse(answer.json()).data.length > 0)
    })
  }
  for (const [what, headers] of byOpenai) {
    test(`GET ${url} with ${what} is OpenAI's list`, async () => {
      const answer = await send(url, headers)
      assert.equal(answer.statusCode, 200, answer.body)
      assert.deepEqual(
        openai.ModelList.parse(answer.json()).data.map(({ id }) => id),
        ids,
      )
    })
  }
}

for (const id of ids) {
  for (const written of new Set([id, encodeURIComponent(id), encodeURIComponent(id).toLowerCase(), `${id}/`])) {
    test(`GET of the model ${written} answers each API in its own format`, async () => {
      const model = ModelInfo.parse((await send(`/v1/models/${written}`, version)).json())
      assert.equal(model.id, id)
      assertFits('anthropic', 'ModelInfo', model)
      const other = openai.Model.parse((await send(`/v1/models/${written}`)).json())
      assert.deepEqual([other.id, other.owned_by], [id, 'anthropic'])
    })
  }
}

test('a model in the list equals the model that is fetched by its id', async () => {
  const { data } = await page('?limit=1000')
  for (const model of data) {
    assert.deepEqual((await send(`/v1/models/${encodeURIComponent(model.id)}`, version)).json(), model)
  }
})

test('a full id that is not in the list is still a model', async () => {
  const model = ModelInfo.parse((await send('/v1/models/claude-sonnet-4-5-20250929', version)).json())
  assert.deepEqual(
    [model.id, model.display_name, model.line],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5-20250929', 'sonnet'],
  )
})

test('the list and each model in it match the types of the SDK', async () => {
  const { data, ...rest } = await page('?limit=1000')
  assert.deepEqual(Object.keys(rest).sort(), ['first_id', 'has_more', 'last_id'])
  for (const model of data) {
    assertFits('anthropic', 'ModelInfo', model)
    assert.deepEqual(undeclaredIn('anthropic', 'ModelInfo', model), [])
  }
})

test('a model has its line and a display name', () => {
  const models = named.map((each) => toModelInfo(each))
  const of = (id: string) => {
    const model = models.find((each) => each.id === id)
    return [model?.line, model?.display_name]
  }
  assert.deepEqual(of('sonnet[1m]'), ['sonnet', 'Sonnet, long'])
  assert.deepEqual(of('claude-haiku-4-5'), ['haiku', 'Haiku'])
  assert.deepEqual(of('agent/sonnet'), ['sonnet', 'Sonnet, as an agent'])
  assert.deepEqual(of('gpt-4o'), [null, 'Sonnet'])
  assert.deepEqual(of('coder'), [null, 'Default, as an agent'])
})

test('a short list fits on one page, which reports that there is no more', async () => {
  assert.ok(ids.length <= 20)
  assert.deepEqual(
    (await page()).data.map(({ id }) => id),
    ids,
  )
  const { has_more: hasMore, first_id: first, last_id: last } = await page()
  assert.deepEqual([hasMore, first, last], [false, ids[0], ids.at(-1)])
})

/** The ids of a page, and whether there are more in its direction. */
const pageOf = (query: Parameters<typeof toModelPage>[1], models = named) => {
  const { data, has_more: hasMore, first_id: first, last_id: last } = ModelPage.parse(toModelPage(models, query))
  const found = data.map(({ id }) => id)
  assert.deepEqual([first, last], [found[0] ?? null, found.at(-1) ?? null])
  return [found, hasMore] as const
}

const many = Array.from({ length: 50 }, (_, index) => ({ id: `model-${index}`, displayName: `Model ${index}` }))
const range = (from: number, to: number) => many.slice(from, to).map(({ id }) => id)

const pages: [string, Parameters<typeof toModelPage>[1], string[], boolean][] = [
  ['no query', {}, range(0, 20), true],
  ['a limit', { limit: '5' }, range(0, 5), true],
  ['a limit of one', { limit: '1' }, range(0, 1), true],
  ['a limit of exactly the whole list', { limit: '50' }, range(0, 50), false],
  ['the greatest limit', { limit: '1000' }, range(0, 50), false],
  ['after an id', { limit: '5', after_id: 'model-4' }, range(5, 10), true],
  ['after an id without a limit', { after_id: 'model-9' }, range(10, 30), true],
  ['after an id near the end', { limit: '5', after_id: 'model-44' }, range(45, 50), false],
  ['after the last', { after_id: 'model-49' }, [], false],
  ['before an id', { limit: '5', before_id: 'model-10' }, range(5, 10), true],
  ['before an id near the start', { limit: '5', before_id: 'model-5' }, range(0, 5), false],
  ['before an id nearer than the limit', { limit: '5', before_id: 'model-2' }, range(0, 2), false],
  ['before the first', { before_id: 'model-0' }, [], false],
  ['between two ids', { after_id: 'model-4', before_id: 'model-8' }, range(5, 8), false],
  ['between two ids that are far apart', { limit: '2', after_id: 'model-4', before_id: 'model-8' }, range(5, 7), true],
  ['between ids in the wrong order', { after_id: 'model-8', before_id: 'model-4' }, [], false],
]
for (const [what, query, expected, hasMore] of pages) {
  test(`a page of models with ${what} has ${expected.length} models, and there are ${hasMore ? 'more' : 'no more'}`, () => {
    assert.deepEqual(pageOf(query, many), [expected, hasMore])
  })
}

test('pages cover the whole list exactly once, forward and backward, for every limit', () => {
  for (let limit = 1; limit <= 51; limit++) {
    const forward: string[] = []
    const backward: string[] = []
    let [found, hasMore] = pageOf({ limit: String(limit) }, many)
    for (forward.push(...found); hasMore; forward.push(...found)) {
      ;[found, hasMore] = pageOf({ limit: String(limit), after_id: forward.at(-1) }, many)
    }
    assert.deepEqual(forward, range(0, 50))
    let before = 'model-49'
    do {
      ;[found, hasMore] = pageOf({ limit: String(limit), before_id: before }, many)
      backward.unshift(...found)
      before = found[0] ?? ''
    } while (hasMore)
    assert.deepEqual(backward, range(0, 49))
  }
})

test('a list without models is an empty page', () => {
  assert.deepEqual(pageOf({}, []), [[], false])
})

const badQueries: [string, string][] = [
  ['limit=0', 'limit must be an integer from 1 to 1000'],
  ['limit=-5', 'limit must be an integer from 1 to 1000'],
  ['limit=1001', 'limit must be an integer from 1 to 1000'],
  ['limit=1.5', 'limit must be an integer from 1 to 1000'],
  ['limit=all', 'limit must be an integer from 1 to 1000'],
  ['limit=', 'limit must be an integer from 1 to 1000'],
  ['limit=5&limit=6', 'limit must be an integer from 1 to 1000'],
  ['limit=NaN', 'limit must be an integer from 1 to 1000'],
  ['limit=Infinity', 'limit must be an integer from 1 to 1000'],
  ['after_id=llama', 'after_id is not the id of a model in the list'],
  ['after_id=', 'after_id is not the id of a model in the list'],
  ['before_id=llama', 'before_id is not the id of a model in the list'],
  ['before_id=sonnet&before_id=haiku', 'before_id is not the id of a model in the list'],
  ['after_id=sonnet&before_id=__proto__', 'before_id is not the id of a model in the list'],
]
for (const [query, message] of badQueries) {
  test(`?${query} is refused: ${message}`, async () => {
    const answer = await send(`/v1/models?${query}`, version)
    assert.equal(answer.statusCode, 400, answer.body)
    const { error } = ErrorBody.parse(answer.json())
    assert.deepEqual(error, { type: 'invalid_request_error', message })
  })

  test(`?${query} has no effect on OpenAI's list`, async () => {
    assert.equal(openai.ModelList.parse((await send(`/v1/models?${query}`)).json()).data.length, ids.length)
  })
}

test('the error for an invalid query names its field', () => {
  const fieldOf = (query: object) => {
    try {
      toModelPage(named, query)
    } catch (error) {
      return (error as AppError).details.field
    }
    return null
  }
  assert.deepEqual([{ limit: 'x' }, { after_id: 'x' }, { before_id: 'x' }].map(fieldOf), [
    'limit',
    'after_id',
    'before_id',
  ])
})

for (const id of ['llama', 'sonet', 'agent/llama', 'a/b/c', 'toString', '__proto__', 'x'.repeat(150)]) {
  test(`the unknown model ${id.slice(0, 20)} is a 404 in the format of each API`, async () => {
    const answer = await send(`/v1/models/${id}`, version)
    assert.equal(answer.statusCode, 404, answer.body)
    const body = ErrorBody.parse(answer.json())
    assert.deepEqual([body.error.type, body.request_id], ['not_found_error', answer.headers['request-id']])
    assert.match(body.error.message, /^there is no model/)
    assertFits('anthropic', 'ErrorResponse', body)
    const other = await send(`/v1/models/${id}`)
    assert.equal(other.statusCode, 404, other.body)
    const { error } = openai.ErrorBody.parse(other.json())
    assert.deepEqual([error.code, error.message], ['model_not_found', body.error.message])
  })
}

for (const [what, headers] of [
  ['Anthropic', version],
  ['OpenAI', {}],
] as const) {
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    test(`${method} /v1/models from a client of ${what} is 405 and names the allowed methods`, async () => {
      for (const url of ['/v1/models', '/v1/models/sonnet']) {
        const answer = await send(url, headers, method)
        assert.equal(answer.statusCode, 405, answer.body)
        assert.match(String(answer.headers.allow), /\bGET\b/)
        assert.match(answer.body, new RegExp(`${url} supports GET.*, not ${method}`))
      }
    })
  }

  test(`HEAD /v1/models from a client of ${what} is 200 without a body`, async () => {
    const answer = await send('/v1/models', headers, 'HEAD')
    assert.deepEqual([answer.statusCode, answer.body], [200, ''])
  })
}
