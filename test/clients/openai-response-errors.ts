// Cases of the Responses API: failures must be raised as the client's own errors, and must not be retried.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  ask,
  endOf,
  fromUser,
  model,
  openStream,
  readUntilError,
  type Subject,
  weatherTool,
} from './openai-response-calls.ts'
import { assertEvent } from './openai-response-types.ts'

/** A failure of the model's API that the CLI does not retry by itself. */
const refusal = (status: number, fields: Record<string, unknown> = {}) =>
  step({ status, headers: { 'x-should-retry': 'false' }, ...fields })

export function testErrors({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { responses } = client

  const failures = [
    [401, OpenAI.AuthenticationError, 401, 'authentication_error', 'upstream_not_authenticated'],
    [429, OpenAI.RateLimitError, 429, 'rate_limit_error', 'rate_limit_exceeded'],
    [500, OpenAI.InternalServerError, 500, 'server_error', 'cli_error'],
    [529, OpenAI.InternalServerError, 503, 'server_error', 'overloaded'],
  ] as const

  for (const [upstreamStatus, ErrorClass, status, type, code] of failures) {
    for (const stream of [false, true]) {
      testIf(stream === (upstreamStatus === 529) && upstreamStatus !== 500)(
        `a ${upstreamStatus} of the model's API is raised once${stream ? ', as a stream' : ''}`,
        async () => {
          const answer = responses.create({ model, input: refusal(upstreamStatus), stream })
          const error = await failureOf(answer, ErrorClass)
          assert.deepEqual([error.status, error.type, error.code], [status, type, code])
          assert.equal(error.headers?.get('x-should-retry'), 'false')
          assert.match(String(error.requestID), /^req_/)
          assert.equal(upstream.requests.length, 1)
        },
      )
    }
  }

  extendedTest('a prompt that is too long has its own code', async () => {
    const message = 'prompt is too long: 250000 tokens > 200000 maximum'
    const error = await failureOf(ask(client, { input: refusal(400, { message }) }), OpenAI.BadRequestError)
    assert.equal(error.code, 'context_length_exceeded')
  })

  for (const [failure, fields, code] of [
    ['breaks off', { cut: 3 }, 'cli_error'],
    ['ends too early', { eof: 3 }, 'cli_error'],
    ['sends an error', { sse_error: 'overloaded_error', after: 3 }, 'overloaded'],
  ] as const) {
    testIf(failure !== 'ends too early')(
      `a stream whose source ${failure} fails, and the error is raised after the text before it`,
      async () => {
        const stream = await openStream(client, { input: step({ tokens: 10, gap: 50, ...fields }) })
        const { events, error } = await readUntilError(stream)
        for (const event of events) assertEvent(event)
        assert.ok(error instanceof OpenAI.APIError)
        assert.equal(error.code, code)
        const words = events.flatMap((event) => (event.type === 'response.output_text.delta' ? event.delta : []))
        assert.equal(words[0], 'tok0 ')
        assert.deepEqual(
          events.map((event) => event.sequence_number),
          [...events.keys()],
        )
        assert.equal(events.at(-1)?.type, 'response.failed')
        const failed = endOf(events)
        assert.deepEqual([failed.status, failed.error?.code], ['failed', 'server_error'])
        assert.equal(error.message, failed.error?.message)
        const found = await responses.retrieve(failed.id)
        assert.deepEqual([found.status, found.error], ['failed', failed.error])
        const again = await readUntilError(await responses.retrieve(failed.id, { stream: true }))
        assert.deepEqual(again.events, events)
      },
    )
  }

  extendedTest('the stream helper also raises a failure', async () => {
    const stream = responses.stream({ model, input: step({ tokens: 10, gap: 50, cut: 3 }) })
    assert.equal((await failureOf(stream.finalResponse(), OpenAI.APIError)).code, 'cli_error')
  })

  const call = { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{}' }
  const unknownId = `resp_${'0'.repeat(32)}`
  type Bad = [what: string, body: Record<string, unknown>, param: string, code?: string]
  const bad: Bad[] = [
    ['no model', { input: 'hi' }, 'model', 'missing_required_parameter'],
    ['no input', { model }, 'input', 'missing_required_parameter'],
    ['no input but a previous response', { model, previous_response_id: unknownId }, 'input'],
    ['an empty input', { model, input: '' }, 'input'],
    ['an empty list', { model, input: [] }, 'input'],
    ['an input that is a number', { model, input: 5 }, 'input'],
    ['an item that is a string', { model, input: ['hi'] }, 'input[0]'],
    ['an unknown role', { model, input: [{ role: 'king', content: 'hi' }] }, 'input[0].role'],
    ['content that is a number', { model, input: [{ role: 'user', content: 5 }] }, 'input[0].content'],
    [
      'a part of an unknown type',
      { model, input: [{ role: 'user', content: [{ type: 'smell' }] }] },
      'input[0].content[0].type',
    ],
    [
      'an output without a call',
      { model, input: [fromUser('hi'), { type: 'function_call_output', call_id: 'x', output: '' }] },
      'input[1].call_id',
    ],
    ['a call without an output', { model, input: [fromUser('hi'), call, fromUser('so?')] }, 'input[1]'],
    ['two calls of one id', { model, input: [fromUser('hi'), call, call] }, 'input[2].call_id'],
    [
      'a prefilled answer at the end',
      { model, input: [fromUser('hi'), { role: 'assistant', content: 'Ho' }] },
      'input',
    ],
    [
      'a reference to an unknown item',
      { model, input: [fromUser('hi'), { type: 'item_reference', id: 'msg_1' }] },
      'input[1].id',
    ],
    [
      'an unknown previous response',
      { model, input: 'hi', previous_response_id: unknownId },
      'previous_response_id',
      'previous_response_not_found',
    ],
    [
      'an invalid id of a previous response',
      { model, input: 'hi', previous_response_id: 'x' },
      'previous_response_id',
      'previous_response_not_found',
    ],
    ['a conversation that is a number', { model, input: 'hi', conversation: 7 }, 'conversation'],
    ['a stored prompt', { model, input: 'hi', prompt: { id: 'pmpt_1' } }, 'prompt'],
    ['a limit that is a string', { model, input: 'hi', max_output_tokens: 'many' }, 'max_output_tokens'],
    ['an unknown effort', { model, input: 'hi', reasoning: { effort: 'heroic' } }, 'reasoning.effort'],
    ['an unknown text format', { model, input: 'hi', text: { format: { type: 'yaml' } } }, 'text.format.type'],
    [
      'a text format without a schema',
      { model, input: 'hi', text: { format: { type: 'json_schema', name: 'x' } } },
      'text.format.schema',
    ],
    ['a stream that is a number', { model, input: 'hi', stream: 3 }, 'stream'],
    ['a tool without a name', { model, input: 'hi', tools: [{ ...weatherTool, name: undefined }] }, 'tools[0].name'],
    ['metadata that is not a string', { model, input: 'hi', metadata: { a: 1 } }, 'metadata.a'],
  ]

  for (const [what, body, param, code] of bad) {
    test(`a request with ${what} is refused, naming the field`, async () => {
      const error = await failureOf(client.post('/responses', { body }), OpenAI.BadRequestError)
      assert.equal(error.param, param)
      assert.equal(error.type, 'invalid_request_error')
      if (code !== undefined) assert.equal(error.code, code)
      assert.equal(upstream.requests.length, 0)
    })
  }

  for (const stream of [false, true]) {
    testIf(!stream)(`an unknown model is not found${stream ? ', as a stream' : ''}`, async () => {
      const answer = responses.create({ model: 'gpt-unheard-of', input: 'hi', stream })
      const error = await failureOf(answer, OpenAI.NotFoundError)
      assert.deepEqual([error.code, error.param, error.type], ['model_not_found', 'model', 'invalid_request_error'])
      assert.match(error.message, /gpt-unheard-of/)
    })
  }

  for (const [what, query] of [
    ['empty pages', { limit: 0 }],
    ['pages that are too large', { limit: 101 }],
    ['an unknown order', { order: 'sideways' as 'asc' }],
  ] as const) {
    test(`a list of items in ${what} is refused, naming the field`, async () => {
      const { id } = await ask(client, { input: 'hi' })
      const error = await failureOf(responses.inputItems.list(id, query), OpenAI.BadRequestError)
      assert.equal(error.param, Object.keys(query)[0])
    })
  }
}
