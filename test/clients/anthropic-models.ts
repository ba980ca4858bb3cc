// Cases of the Anthropic suite: the list of models, and token counts.
import assert from 'node:assert/strict'
import type { Anthropic } from '@anthropic-ai/sdk'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { assertFits } from '../helpers/sdk-schemas.ts'
import { step } from '../helpers/test-server.ts'
import { ask, errorOf, fromUser, longModel, textOf, weatherTool } from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'
import { sent } from './sent.ts'

export function testModels({ client, server, Anthropic, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test } = testsIf(!isFormer)
  const { upstream } = server

  clientTest('the list has each model as a plain model and as an agent', async () => {
    const models: Anthropic.ModelInfo[] = []
    for await (const model of client.models.list({ limit: 1000 })) models.push(model)
    const ids = models.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ['sonnet', 'opus', 'haiku']) {
      assert.ok(ids.includes(id), id)
      assert.ok(ids.includes(`agent/${id}`), `agent/${id}`)
    }
    for (const model of models) assertFits('anthropic', 'ModelInfo', model)
  })

  clientTest('the pages together are the whole list', async () => {
    const whole = await client.models.list({ limit: 1000 })
    assert.equal(whole.has_more, false)
    const ids: string[] = []
    let pages = 0
    for await (const page of (await client.models.list({ limit: 3 })).iterPages()) {
      assert.ok(page.data.length <= 3)
      pages++
      ids.push(...page.data.map(({ id }) => id))
    }
    assert.deepEqual(
      ids,
      whole.data.map(({ id }) => id),
    )
    assert.equal(pages, Math.ceil(whole.data.length / 3))
  })

  clientTest('the list can be read backwards', async () => {
    const { data } = await client.models.list({ limit: 1000 })
    const before = await client.models.list({ limit: 2, before_id: data[3]?.id ?? '' })
    assert.deepEqual(before.data, data.slice(1, 3))
    assert.equal(before.has_more, true)
  })

  for (const [what, query, field] of [
    ['an invalid limit', { limit: 0 }, /limit/],
    ['an unknown id', { after_id: 'nobody' }, /after_id/],
  ] as const) {
    test(`a list with ${what} is refused`, async () => {
      const error = await errorOf(client.models.list(query), Anthropic.BadRequestError)
      assert.match(error.message, field)
    })
  }

  clientTest('every model of the list can be retrieved', async () => {
    const { data } = await client.models.list({ limit: 1000 })
    assert.ok(data.some(({ id }) => id === longModel))
    for (const model of data) {
      const found = await client.models.retrieve(model.id)
      assertFits('anthropic', 'ModelInfo', found)
      assert.deepEqual([found.id, found.display_name], [model.id, model.display_name])
    }
  })

  extendedTest('a full model id works, even if it is not in the list', async () => {
    const message = await ask(client, { model: 'claude-haiku-5-5', messages: [fromUser(step({ text: 'Hello.' }))] })
    assert.deepEqual([textOf(message), message.model], ['Hello.', 'claude-haiku-5-5'])
    assert.equal(sent(upstream).model, 'claude-haiku-5-5')
    assert.equal((await client.models.retrieve('claude-sonnet-4-5')).id, 'claude-sonnet-4-5')
  })

  clientTest('a model name that needs URL encoding works', async () => {
    const message = await ask(client, { model: longModel, messages: [fromUser(step({ text: 'Hello.' }))] })
    assert.equal(textOf(message), 'Hello.')
    assert.match(String(sent(upstream).model), /haiku/)
    assert.equal((await client.models.retrieve(`agent/${longModel}`)).id, `agent/${longModel}`)
  })

  test('an unknown model is not found', async () => {
    for (const answer of [
      () => ask(client, { model: 'gpt-unheard-of', messages: [fromUser('hi')] }),
      () => ask(client, { model: 'agent/gpt-unheard-of', messages: [fromUser('hi')], stream: true }),
      () => client.messages.countTokens({ model: 'gpt-unheard-of', messages: [fromUser('hi')] }),
      () => client.models.retrieve('gpt-unheard-of'),
    ]) {
      const error = await errorOf(answer(), Anthropic.NotFoundError)
      assert.match(error.message, /gpt-unheard-of/)
      assert.equal((error.error as { error: { type: string } }).error.type, 'not_found_error')
    }
    assert.equal(upstream.requests.length, 0)
  })

  clientTest('tokens are estimated without a request to the model', async () => {
    const words = 'All happy families are alike; each unhappy family is unhappy in its own way. '
    const count = async (times: number, more = {}) => {
      const messages = [fromUser(words.repeat(times))]
      const counting = client.messages.countTokens({ model: 'sonnet', messages, ...more })
      const { data, response } = await counting.withResponse()
      assertFits('anthropic', 'MessageTokensCount', data)
      assert.ok(response.headers.has('x-claude-serve-estimate'))
      return data.input_tokens
    }
    const [short, long] = [await count(1), await count(100)]
    assert.ok(short > 0, `${short} tokens`)
    // Both include what the CLI adds to every request.
    assert.ok(long - short > 99 * 5, `${long} against ${short}`)
    assert.ok((await count(1, { system: words.repeat(10), tools: [weatherTool] })) > short)
    assert.equal(upstream.requests.length, 0)
  })

  test('a token count refuses an invalid request', async () => {
    const answer = client.messages.countTokens({ model: 'sonnet', messages: [] })
    assert.match((await errorOf(answer, Anthropic.BadRequestError)).message, /messages/)
  })
}
