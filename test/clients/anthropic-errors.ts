// Cases of the Anthropic suite: failures are raised as the client's own errors and are not retried.
import assert from 'node:assert/strict'
import { test as clientTest, testIf as clientTestIf, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import {
  ask,
  errorOf,
  fromUser,
  type MessageEvent,
  openStream,
  textOf,
  textOfEvents,
  toBody,
} from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'

/** An error of the model's API that the CLI does not retry. */
const refusal = (status: number, fields: Record<string, unknown> = {}) =>
  step({ status, headers: { 'x-should-retry': 'false' }, ...fields })

type ErrorBody = { type: string; error: { type: string; message: string }; request_id: string }

const credit = 'Your credit balance is too low to access the Anthropic API.'
const tooLong = 'prompt is too long: 250000 tokens > 200000 maximum'

export function testErrors({ client, server, Anthropic, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test, testIf } = testsIf(!isFormer)
  const { upstream } = server
  const { APIError, InternalServerError } = Anthropic
  // The older client knows fewer classes.
  const PaymentRequiredError = Anthropic.PaymentRequiredError ?? APIError
  const ContentTooLargeError = Anthropic.ContentTooLargeError ?? APIError
  const OverloadedError = Anthropic.OverloadedError ?? InternalServerError

  const failures = [
    [401, {}, Anthropic.AuthenticationError, 401, 'authentication_error', /./, null, 'false'],
    [400, { message: credit }, PaymentRequiredError, 402, 'billing_error', /credit balance is too low/i, null, null],
    [
      400,
      { message: tooLong },
      Anthropic.BadRequestError,
      400,
      'invalid_request_error',
      /prompt is too long/,
      null,
      null,
    ],
    [429, {}, Anthropic.RateLimitError, 429, 'rate_limit_error', /./, '30', 'false'],
    [500, {}, InternalServerError, 500, 'api_error', /./, null, 'false'],
    [529, {}, OverloadedError, 529, 'overloaded_error', /./, '5', 'false'],
  ] as const

  for (const [upstreamStatus, fields, ErrorClass, status, type, message, wait, retry] of failures) {
    for (const stream of [false, true]) {
      clientTestIf(stream === (upstreamStatus === 529) && upstreamStatus !== 500)(
        `a ${upstreamStatus} of the model's API is raised once as ${status} ${type}${stream ? ', streamed' : ''}`,
        async () => {
          let tries = 0
          const counting = client.withOptions({
            fetch: (target, init) => {
              tries++
              return fetch(target, init)
            },
          })
          const messages = [fromUser(refusal(upstreamStatus, fields))]
          const error = await errorOf(ask(counting, { stream, messages }), ErrorClass)
          const body = error.error as ErrorBody
          assert.deepEqual([error.status, body.type, body.error.type], [status, 'error', type])
          assert.match(body.error.message, message)
          assert.deepEqual(
            [error.headers?.get('retry-after') ?? null, error.headers?.get('x-should-retry')],
            [wait, retry],
          )
          assert.match(String(error.requestID), /^req_/)
          assert.equal(body.request_id, error.requestID)
          assert.equal(tries, 1)
        },
      )
    }
  }

  extendedTest('a rate limit that lasts for hours is raised without a retry', async () => {
    const prompt = step({ status: 429, retry_after: 7200 })
    const error = await errorOf(ask(client, { messages: [fromUser(prompt)] }), Anthropic.RateLimitError)
    assert.equal(error.headers.get('x-should-retry'), 'false')
    assert.ok(Number(error.headers.get('retry-after')) > 0)
  })

  test('a request from a foreign web page is refused in the format of the API', async () => {
    const headers = { origin: 'https://evil.example' }
    const error = await errorOf(
      ask(client, { messages: [fromUser('hi')] }, { headers }),
      Anthropic.PermissionDeniedError,
    )
    const body = error.error as ErrorBody
    assert.deepEqual([body.type, body.error.type, body.request_id], ['error', 'permission_error', error.requestID])
    assert.equal(upstream.requests.length, 0)
  })

  test("a model that the model's API does not know is not found", async () => {
    const prompt = step({ status: 404, error_type: 'not_found_error', message: 'model: claude-none-1' })
    const answer = ask(client, { model: 'claude-none-1', messages: [fromUser(prompt)] })
    const error = await errorOf(answer, Anthropic.NotFoundError)
    assert.equal((error.error as ErrorBody).error.type, 'not_found_error')
  })

  for (const [what, prompt] of [
    ["by the model's API", refusal(413, { message: 'Request exceeds the maximum size' })],
    ['by the server', 'x'.repeat(33 * 1024 * 1024)],
  ] as const) {
    testIf(what === "by the model's API")(`a request that is too large is refused ${what} with 413`, async () => {
      const error = await errorOf(ask(client, { messages: [fromUser(prompt)] }), ContentTooLargeError)
      assert.equal(error.status, 413)
      assert.equal((error.error as ErrorBody).error.type, 'invalid_request_error')
    })
  }

  for (const [failure, fields] of [
    ['breaks off', { cut: 3 }],
    ['ends too early', { eof: 3 }],
    ['sends an error', { sse_error: 'overloaded_error', after: 3 }],
  ] as const) {
    const messages = [fromUser(step({ tokens: 10, gap: 50, ...fields }))]

    clientTestIf(failure === 'breaks off')(
      `a stream whose source ${failure} raises an error and never looks complete`,
      async () => {
        const stream = await openStream(client, { messages })
        const events: MessageEvent[] = []
        const read = async () => {
          for await (const event of stream) events.push(event)
        }
        const error = await errorOf(read(), APIError)
        const body = error.error as ErrorBody
        assert.equal(body.type, 'error')
        assert.ok(body.error.type.endsWith('_error') && body.error.message.length > 4)
        assert.match(textOfEvents(events), /^tok0 /)
        assert.ok(events.every(({ type }) => type !== 'message_delta' && type !== 'message_stop'))
      },
    )

    clientTestIf(failure === 'sends an error')(
      `the stream helper raises an error if the source ${failure}`,
      async () => {
        const stream = client.messages.stream({ ...toBody({ messages }), stream: true })
        const words: string[] = []
        stream.on('text', (word) => words.push(word))
        await errorOf(stream.finalMessage(), APIError)
        assert.equal(words[0], 'tok0 ')
      },
    )
  }

  clientTest('a failure in the middle of a stream is an error event', async () => {
    const messages = [fromUser(step({ tokens: 10, gap: 50, cut: 3 }))]
    const response = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...toBody({ messages }), stream: true }),
    })
    const last = (await response.text()).trimEnd().split('\n\n').at(-1) ?? ''
    const [, name, data = ''] = /^event: (\w+)\ndata: ([^\n]+)$/.exec(last) ?? []
    const body = JSON.parse(data) as ErrorBody
    assert.deepEqual([name, body.type], ['error', 'error'])
    assert.equal(body.request_id, response.headers.get('request-id'))
  })

  extendedTest('a failure does not become part of a later conversation', async () => {
    await errorOf(ask(client, { messages: [fromUser(refusal(500))] }), InternalServerError)
    const message = await ask(client, { messages: [fromUser(step({ text: 'Fine.' }))] })
    assert.equal(textOf(message), 'Fine.')
    assert.doesNotMatch(upstream.requests.at(-1)?.raw ?? '', /API Error|"status":500/)
  })

  test('a body that is not JSON is refused in the format of the API', async () => {
    const response = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model":',
    })
    const body = (await response.json()) as ErrorBody
    assert.deepEqual([response.status, body.type, body.error.type], [400, 'error', 'invalid_request_error'])
    assert.equal(body.request_id, response.headers.get('request-id'))
  })
}
