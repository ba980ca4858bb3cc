// Cases of the OpenAI suite: failures must be raised as the client's own errors, and must not be retried.
import assert from 'node:assert/strict'
import { testIf as clientTestIf, testsIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { type Chunk, failureOf, finishOf, fromUser, model, type Subject, weatherTool } from './openai-calls.ts'

/** A failure of the model's API that the CLI does not retry by itself. */
const refusal = (status: number, fields: Record<string, unknown> = {}) =>
  step({ status, headers: { 'x-should-retry': 'false' }, ...fields })

export function testErrors({ client, server, OpenAI, isFormer }: Subject): void {
  // These cases depend only on the server.
  const { extendedTest, test } = testsIf(!isFormer)
  const { upstream } = server
  const { completions } = client.chat

  // The wait is an estimate: the CLI does not report what the model's API returned.
  const failures = [
    [401, OpenAI.AuthenticationError, 401, 'authentication_error', 'upstream_not_authenticated', null],
    [429, OpenAI.RateLimitError, 429, 'rate_limit_error', 'rate_limit_exceeded', '30'],
    [500, OpenAI.InternalServerError, 500, 'server_error', 'cli_error', null],
    [529, OpenAI.InternalServerError, 503, 'server_error', 'overloaded', '5'],
  ] as const

  for (const [upstreamStatus, ErrorClass, status, type, code, wait] of failures) {
    for (const stream of [false, true]) {
      clientTestIf(stream === (upstreamStatus === 529) && upstreamStatus !== 500)(
        `a ${upstreamStatus} of the model's API is raised once${stream ? ', as a stream' : ''}`,
        async () => {
          const messages = [fromUser(refusal(upstreamStatus))]
          const error = await failureOf(completions.create({ model, messages, stream }), ErrorClass)
          assert.deepEqual([error.status, error.type, error.code], [status, type, code])
          assert.equal(error.headers?.get('x-should-retry'), 'false')
          assert.equal(error.headers?.get('retry-after'), wait)
          assert.match(String(error.requestID), /^req_/)
          assert.equal(upstream.requests.length, 1)
        },
      )
    }
  }

  extendedTest('a prompt that is too long has its own code', async () => {
    const message = 'prompt is too long: 250000 tokens > 200000 maximum'
    const answer = completions.create({ model, messages: [fromUser(refusal(400, { message }))] })
    const error = await failureOf(answer, OpenAI.BadRequestError)
    assert.equal(error.code, 'context_length_exceeded')
  })

  for (const [failure, fields] of [
    ['breaks off', { cut: 3 }],
    ['ends too early', { eof: 3 }],
    ['sends an error', { sse_error: 'overloaded_error', after: 3 }],
  ] as const) {
    clientTestIf(failure === 'breaks off')(
      `a stream whose source ${failure} raises an error and never looks complete`,
      async () => {
        const messages = [fromUser(step({ tokens: 10, gap: 50, ...fields }))]
        const stream = await completions.create({ model, messages, stream: true })
        const chunks: Chunk[] = []
        const read = async () => {
          for await (const chunk of stream) chunks.push(chunk)
        }
        await failureOf(read(), OpenAI.APIError)
        assert.deepEqual(finishOf(chunks), [])
        assert.ok(chunks.some(({ choices }) => choices[0]?.delta.content === 'tok0 '))
      },
    )
  }

  extendedTest('a failure does not become part of a later conversation', async () => {
    await failureOf(completions.create({ model, messages: [fromUser(refusal(500))] }), OpenAI.InternalServerError)
    const completion = await completions.create({ model, messages: [fromUser(step({ text: 'Fine.' }))] })
    assert.equal(completion.choices[0]?.message.content, 'Fine.')
    assert.doesNotMatch(upstream.requests.at(-1)?.raw ?? '', /API Error|"status":500/)
  })

  const valid = { model, messages: [fromUser('hi')] }
  const orphan = { role: 'tool', tool_call_id: 'call_none', content: 'x' }
  const bad: [param: RegExp, what: string, body: Record<string, unknown>][] = [
    [/^model$/, 'no model', { messages: valid.messages }],
    [/^messages$/, 'no messages', { model }],
    [/^messages$/, 'an empty list of messages', { model, messages: [] }],
    [/^messages$/, 'messages that are a text', { model, messages: 'hi' }],
    [/^messages[.[]0\]?\.role$/, 'an unknown role', { model, messages: [{ role: 'king', content: 'hi' }] }],
    [/^messages[.[]0\]?\.content$/, 'content that is a number', { model, messages: [{ role: 'user', content: 5 }] }],
    [/^messages[.[]1\]?\.tool_call_id$/, 'a result without a call', { model, messages: [fromUser('hi'), orphan] }],
    [/^tools/, 'two tools of one name', { ...valid, tools: [weatherTool, weatherTool] }],
    [
      /^tools[.[]0/,
      'a tool with an invalid name',
      { ...valid, tools: [{ type: 'function', function: { name: 'a b' } }] },
    ],
    [
      /^tool_choice/,
      'a choice of an unknown tool',
      { ...valid, tool_choice: { type: 'function', function: { name: 'x' } } },
    ],
    [/^max_tokens$/, 'a limit that is a text', { ...valid, max_tokens: 'many' }],
    [/^reasoning_effort$/, 'an unknown effort', { ...valid, reasoning_effort: 'heroic' }],
    [/^n$/, 'several answers at once', { ...valid, n: 2 }],
    [/^logprobs$/, 'probabilities', { ...valid, logprobs: true }],
    [/^response_format/, 'an unknown response format', { ...valid, response_format: { type: 'yaml' } }],
    [/^stream$/, 'a stream that is a number', { ...valid, stream: 3 }],
  ]

  for (const [param, what, body] of bad) {
    test(`a request with ${what} is refused, naming the field`, async () => {
      const error = await failureOf(client.post('/chat/completions', { body }), OpenAI.BadRequestError)
      assert.match(String(error.param), param)
      assert.equal(error.type, 'invalid_request_error')
      assert.equal(upstream.requests.length, 0)
    })
  }

  test("an unknown route is not found, with an error in the vendor's form", async () => {
    const error = await failureOf(client.embeddings.create({ model, input: 'hi' }), OpenAI.NotFoundError)
    assert.equal(error.type, 'invalid_request_error')
    assert.ok(error.message.length > 4)
  })

  test('a placeholder API key is accepted if the server has no keys', async () => {
    const other = new OpenAI({ baseURL: client.baseURL, apiKey: 'anything', organization: 'org', project: 'p' })
    const completion = await other.chat.completions.create(valid)
    assert.equal(completion.object, 'chat.completion')
  })
}
