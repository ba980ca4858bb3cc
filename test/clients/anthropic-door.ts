// Cases of the Anthropic suite: base URLs, keys, versions and betas that clients send. The server needs no key here.
import assert from 'node:assert/strict'
import { test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { ask, errorOf, fromUser, textOf, toBody } from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'

export function testDoor({ client, server, Anthropic }: Subject): void {
  const { url, upstream } = server
  const params = { messages: [fromUser(step({ text: 'Hello.' }))] }

  for (const ending of ['', '/', '/v1', '/v1/']) {
    testIf(ending === '' || ending === '/v1/')(`the base URL may end in ${JSON.stringify(ending)}`, async () => {
      const other = new Anthropic({ baseURL: `${url}${ending}`, apiKey: 'sk-dummy' })
      assert.equal(textOf(await ask(other, params)), 'Hello.')
      assert.ok((await other.models.list()).data.length > 0)
      const counted = await other.messages.countTokens({ model: 'sonnet', messages: params.messages })
      assert.equal(typeof counted.input_tokens, 'number')
    })
  }

  for (const path of ['/messages', '/v1/messages/', '/v1/v1/messages', '/v1/messages?beta=true']) {
    testIf(path === '/v1/v1/messages' || path === '/v1/messages?beta=true')(
      `messages are accepted at ${path}`,
      async () => {
        const message = await client.post<{ stop_reason: string }>(path, { body: toBody(params) })
        assert.equal(message.stop_reason, 'end_turn')
      },
    )
  }

  test('the beta surface of the client works with any beta', async () => {
    const betas = ['context-1m-2025-08-07', 'interleaved-thinking-2025-05-14', 'unheard-of-2030-01-01']
    const request = { model: 'sonnet', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }], betas }
    const { data, response } = await client.beta.messages.create(request).withResponse()
    assert.equal(data.stop_reason, 'end_turn')
    assert.equal(response.headers.get('x-claude-serve-ignored'), null)
    const message = await client.beta.messages.stream(request).finalMessage()
    assert.equal(message.stop_reason, 'end_turn')
    assert.equal(upstream.requests.length, 2)
  })

  for (const [what, headers] of [
    ['in x-api-key', { 'x-api-key': 'anything', authorization: null }],
    ['as Authorization: Bearer', { 'x-api-key': null, authorization: 'Bearer anything' }],
    ['in both', { 'x-api-key': 'anything', authorization: 'Bearer else' }],
    ['nowhere (no key)', { 'x-api-key': null, authorization: null }],
  ] as const) {
    testIf(what.startsWith('nowhere') || what === 'in x-api-key')(`a key is accepted ${what}`, async () => {
      assert.equal(textOf(await ask(client, params, { headers })), 'Hello.')
      assert.ok((await client.models.list({}, { headers })).data.length > 0)
    })
  }

  test('a client without a version gets the older version', async () => {
    const headers = { 'anthropic-version': null }
    assert.equal(textOf(await ask(client, { ...params, temperature: 0.2 }, { headers })), 'Hello.')
  })

  test('a batch is created, read to its end, and deleted', async () => {
    const requests = [{ custom_id: 'a', params: { ...toBody(params), stream: false as const } }]
    const { batches } = client.messages
    const { id } = await batches.create({ requests })
    while ((await batches.retrieve(id)).processing_status !== 'ended');
    for await (const { custom_id: customId, result } of await batches.results(id)) {
      assert.deepEqual([customId, result.type], ['a', 'succeeded'])
      assert.equal(result.type === 'succeeded' && textOf(result.message), 'Hello.')
    }
    await batches.delete(id)
    const error = await errorOf(batches.retrieve(id), Anthropic.NotFoundError)
    assert.equal(error.status, 404)
  })

  test('a thread is refused with the details that let clients continue without it', async () => {
    const answer = client.post('/v1/messages', { body: { ...toBody(params), thread: { type: 'create' } } })
    const { error } = await errorOf(answer, Anthropic.BadRequestError)
    const { details } = (error as { error: { details?: { error_code?: string; unsupported?: string[] } } }).error
    assert.equal(details?.error_code, 'thread_unsupported_request')
    assert.ok(Array.isArray(details?.unsupported))
    assert.equal(upstream.requests.length, 0)
  })

  test('an unknown route is a 404 in the format of the API', async () => {
    const error = await errorOf(client.get('/v1/files', { headers: { 'x-api-key': 'a' } }), Anthropic.NotFoundError)
    const body = error.error as { type: string; error: { type: string }; request_id: string }
    assert.deepEqual([body.type, body.error.type], ['error', 'not_found_error'])
    assert.equal(body.request_id, error.requestID)
  })
}
