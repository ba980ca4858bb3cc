// Cases of the OpenAI suite: the list and the lookup of models.
import assert from 'node:assert/strict'
import type { OpenAI } from 'openai'
import { test as clientTest, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { contentOf, failureOf, fromUser, type Subject } from './openai-calls.ts'
import { sent } from './sent.ts'

export function testModels({ client, server, OpenAI, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test } = testsIf(!isFormer)
  const { upstream } = server
  const { completions } = client.chat

  clientTest('the list of models contains each as itself and as an agent', async () => {
    const models: OpenAI.Model[] = []
    for await (const model of client.models.list()) models.push(model)
    const ids = models.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ['sonnet', 'opus', 'haiku']) {
      assert.ok(ids.includes(id), id)
      assert.ok(ids.includes(`agent/${id}`), `agent/${id}`)
    }
    for (const { object, created, owned_by } of models) {
      assert.deepEqual([object, typeof created, owned_by], ['model', 'number', 'anthropic'])
    }
  })

  for (const id of ['sonnet', 'agent/sonnet', 'claude-haiku-5-5']) {
    clientTest(`the model ${id} can be looked up`, async () => {
      const model = await client.models.retrieve(id)
      assert.deepEqual([model.id, model.object], [id, 'model'])
    })
  }

  extendedTest('a model is found by its full name', async () => {
    const messages = [fromUser(step({ text: 'Hello.' }))]
    const completion = await completions.create({ model: 'claude-haiku-5-5', messages })
    assert.equal(contentOf(completion), 'Hello.')
    assert.equal(sent(upstream).model, 'claude-haiku-5-5')
  })

  test('an unknown model is not found', async () => {
    for (const ask of [
      () => completions.create({ model: 'gpt-unheard-of', messages: [fromUser('hi')] }),
      () => completions.create({ model: 'agent/gpt-unheard-of', messages: [fromUser('hi')], stream: true }),
      () => client.models.retrieve('gpt-unheard-of'),
    ]) {
      const error = await failureOf(ask(), OpenAI.NotFoundError)
      assert.equal(error.code, 'model_not_found')
      assert.equal(error.type, 'invalid_request_error')
      assert.match(error.message, /gpt-unheard-of/)
    }
    assert.equal(upstream.requests.length, 0)
  })

  test("a model that is unknown to the model's API is not found", async () => {
    const refusal = step({ status: 404, error_type: 'not_found_error', message: 'model: claude-none-1' })
    const answer = completions.create({ model: 'claude-none-1', messages: [fromUser(refusal)] })
    const error = await failureOf(answer, OpenAI.NotFoundError)
    assert.equal(error.code, 'model_not_found')
  })
}
