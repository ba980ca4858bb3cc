// Cases of the Responses API: responses that are stored, retrieved, created in the background, cancelled and deleted.
import assert from 'node:assert/strict'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { makeFolders, startTestServer, step } from '../helpers/test-server.ts'
import { failureOf } from './openai-calls.ts'
import {
  ask,
  askForEvents,
  checkEvents,
  checkResponse,
  type Event,
  endOf,
  model,
  type Params,
  type Response,
  readEvents,
  readUntilError,
  type Subject,
  weatherTool,
} from './openai-response-calls.ts'

const unknownId = `resp_${'0'.repeat(32)}`
const long = (mark: string) => `${mark} ${step({ tokens: 1000, gap: 20 })}`

/**
 * A live stream takes `completed_at` from a clock, a retrieved response from the store: they may differ by a second.
 */
function timeless<T>(events: T): T {
  const text = JSON.stringify(events, (key, value) => (key === 'completed_at' && value !== null ? 'some time' : value))
  return JSON.parse(text) as T
}

export function testStored({ client, server, OpenAI }: Subject): void {
  const { upstream } = server
  const { responses } = client

  const replay = async (id: string, after?: number) =>
    readEvents(
      await responses.retrieve(id, { stream: true, ...(after === undefined ? {} : { starting_after: after }) }),
    )

  /** Retrieves the response repeatedly until it has finished. */
  async function poll(id: string): Promise<{ response: Response; seen: Set<string | undefined> }> {
    const seen = new Set<string | undefined>()
    for (;;) {
      const response = await responses.retrieve(id)
      checkResponse(response)
      seen.add(response.status)
      if (response.status !== 'queued' && response.status !== 'in_progress') return { response, seen }
    }
  }

  for (const [what, params] of [
    ['a text', { input: step({ text: 'one two three', tokens: 3 }) }],
    [
      'thinking, text and calls',
      {
        tools: [weatherTool],
        reasoning: { summary: 'auto' },
        include: ['reasoning.encrypted_content'],
        input: step({
          thinking: 2,
          text: 'I will look.',
          tokens: 2,
          tools: ['Rome', 'Oslo'].map((city) => ({ name: 'get_weather', input: { city } })),
        }),
      },
    ],
    ['an answer that was cut short', { input: step({ text: 'one two', tokens: 2, stop_reason: 'max_tokens' }) }],
  ] satisfies [string, Params][]) {
    testIf(what === 'thinking, text and calls')(
      `${what} can be replayed as it was streamed, from any event on`,
      async () => {
        const live = await askForEvents(client, params)
        const { id, ...response } = endOf(live)
        const { output_text: _, ...found } = await responses.retrieve(id)
        assert.deepEqual(timeless(found), timeless({ id, ...response }))
        assert.deepEqual(timeless(await replay(id)), timeless(live))
        for (const after of [0, 1, 4, live.length - 2]) {
          assert.deepEqual(timeless(await replay(id, after)), timeless(live.slice(after + 1)))
        }
        assert.deepEqual(await replay(id, live.length - 1), [])
      },
    )
  }

  extendedTest('a response that was returned whole can be retrieved as a stream', async () => {
    const { output_text: _, ...response } = await ask(client, {
      input: step({ text: 'one two', tokens: 2, thinking: 1 }),
    })
    const events = await replay(response.id)
    checkEvents(events)
    assert.deepEqual(timeless(endOf(events)), timeless(response))
  })

  extendedTest('the stream helper resumes a stored response', async () => {
    const { id, output_text } = await ask(client, { input: step({ text: 'one two', tokens: 2 }) })
    const stream = responses.stream({ response_id: id, starting_after: 3 })
    assert.equal((await stream.finalResponse()).output_text, output_text)
  })

  extendedTest('other options of retrieving a stored response have no effect', async () => {
    const { id, output } = await ask(client, { input: step({ text: 'one', tokens: 1 }), stream_options: {} } as Params)
    const found = await responses.retrieve(id, { include: ['reasoning.encrypted_content'], include_obfuscation: false })
    assert.deepEqual(found.output, output)
  })

  test('a response with store false is not found by any route', async () => {
    const { id, store } = await ask(client, { input: 'hi', store: false })
    assert.equal(store, false)
    await failureOf(responses.retrieve(id), OpenAI.NotFoundError)
    await failureOf(responses.inputItems.list(id), OpenAI.NotFoundError)
    const next = ask(client, { input: 'hi', previous_response_id: id })
    const error = await failureOf(next, OpenAI.BadRequestError)
    assert.deepEqual([error.code, error.param], ['previous_response_not_found', 'previous_response_id'])
  })

  test('a response exists until it is deleted', async () => {
    const { id } = await ask(client, { input: step({ text: 'Hello.' }) })
    assert.equal((await responses.retrieve(id)).output_text, 'Hello.')
    await responses.delete(id)
    const routes = [() => responses.retrieve(id), () => responses.delete(id), () => responses.inputItems.list(id)]
    for (const route of routes) {
      const error = await failureOf(Promise.resolve(route()), OpenAI.NotFoundError)
      assert.equal(error.type, 'invalid_request_error')
    }
    const error = await failureOf(ask(client, { input: 'hi', previous_response_id: id }), OpenAI.BadRequestError)
    assert.equal(error.code, 'previous_response_not_found')
  })

  for (const id of [unknownId, 'resp_x', `msg_${'0'.repeat(32)}_0`, `run_${'0'.repeat(32)}`]) {
    test(`${id} is not found by any route`, async () => {
      const requests = [
        () => responses.retrieve(id),
        () => responses.retrieve(id, { stream: true }),
        () => responses.delete(id),
        () => responses.cancel(id),
        () => responses.inputItems.list(id),
      ]
      for (const ask of requests) {
        const error = await failureOf(Promise.resolve(ask()), OpenAI.NotFoundError)
        assert.equal(error.type, 'invalid_request_error')
      }
    })
  }

  test('a background response can be polled until it is completed', async () => {
    const params = {
      model,
      background: true,
      input: step({ text: 'one two', tokens: 2, gap: 400 }),
      metadata: { a: 'b' },
    }
    const created = await responses.create(params)
    checkResponse(created)
    assert.match(String(created.status), /^(queued|in_progress)$/)
    assert.deepEqual([created.background, created.output, created.completed_at], [true, [], null])
    const { response, seen } = await poll(created.id)
    assert.ok(seen.has('in_progress') || seen.has('queued'))
    assert.deepEqual([response.status, response.output_text, response.background], ['completed', 'one two', true])
    assert.deepEqual([response.metadata, response.created_at], [{ a: 'b' }, created.created_at])
  })

  test('a background response that fails has its error when it is polled', async () => {
    const input = step({ status: 529, headers: { 'x-should-retry': 'false' } })
    const { id } = await responses.create({ model, background: true, input })
    const { response } = await poll(id)
    assert.deepEqual([response.status, response.error?.code, response.output], ['failed', 'server_error', []])
    assert.match(response.error?.message ?? '', /529/)
    const { events } = await readUntilError(await responses.retrieve(id, { stream: true }))
    assert.equal(events.at(-1)?.type, 'response.failed')
  })

  test('a long background response can be cancelled, and stays cancelled', async () => {
    const { id } = await responses.create({ model, background: true, input: long('cancel') })
    await upstream.waitForRequest()
    const cancelled = await responses.cancel(id)
    checkResponse(cancelled)
    assert.deepEqual([cancelled.status, cancelled.id, cancelled.error], ['cancelled', id, null])
    await upstream.waitForAbort()
    assert.deepEqual(await responses.cancel(id), cancelled)
    const found = await responses.retrieve(id)
    assert.deepEqual([found.status, found.output], ['cancelled', []])
  })

  extendedTest(
    'cancelling a finished response changes nothing, and only background responses can be cancelled',
    async () => {
      const { id } = await responses.create({ model, background: true, input: step({ text: 'Done.' }) })
      const { response } = await poll(id)
      const { status, output } = await responses.cancel(id)
      assert.deepEqual([status, output], ['completed', response.output])
      const other = await ask(client, { input: 'hi' })
      const error = await failureOf(responses.cancel(other.id), OpenAI.BadRequestError)
      assert.equal(error.type, 'invalid_request_error')
    },
  )

  test('a background response must be stored', async () => {
    const answer = responses.create({ model, background: true, store: false, input: 'hi' })
    assert.equal((await failureOf(answer, OpenAI.BadRequestError)).param, 'background')
    assert.equal(upstream.requests.length, 0)
  })

  test('a background stream continues without its reader, who can resume it later', async () => {
    const input = step({ tokens: 12, gap: 20 })
    const stream = await responses.create({ model, background: true, stream: true, input })
    const seen: Event[] = []
    for await (const event of stream) {
      seen.push(event)
      if (event.type === 'response.output_text.delta') break
    }
    const [created] = seen
    assert.ok(created?.type === 'response.created')
    const { id } = created.response
    const last = seen.at(-1)?.sequence_number ?? 0
    const rest = await replay(id, last)
    assert.equal(rest[0]?.sequence_number, last + 1)
    const all = [...seen, ...rest]
    checkEvents(all)
    assert.equal(endOf(all).status, 'completed')
    assert.deepEqual(timeless(await replay(id)), timeless(all))
    assert.equal(upstream.aborted(), 0)
    assert.equal(upstream.requests.length, 1)
  })

  extendedTest('two readers of one background response get the same events', async () => {
    const { id } = await responses.create({ model, background: true, input: step({ tokens: 5, gap: 20 }) })
    const [one, two] = await Promise.all([replay(id), replay(id)])
    checkEvents(one)
    assert.deepEqual(timeless(one), timeless(two))
  })

  extendedTest('a reader of a response that is cancelled gets an error', async () => {
    const { id } = await responses.create({ model, background: true, input: long('reader') })
    const reading = readUntilError(await responses.retrieve(id, { stream: true }))
    await upstream.waitForRequest()
    await responses.cancel(id)
    const { events, error } = await reading
    assert.deepEqual([events.at(-1)?.type, endOf(events).status], ['response.failed', 'cancelled'])
    assert.ok(error instanceof OpenAI.APIError)
    assert.equal(error.code, 'cancelled')
  })

  test('a response that has not finished cannot be continued', async () => {
    const { id } = await responses.create({ model, background: true, input: long('not ended') })
    const error = await failureOf(ask(client, { input: 'hi', previous_response_id: id }), OpenAI.BadRequestError)
    assert.equal(error.param, 'previous_response_id')
    await responses.cancel(id)
  })

  extendedTest('stored responses outlive the server', async (t) => {
    const folders = makeFolders(t)
    const clientOf = ({ url }: { url: string }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-dummy' })
    const before = await startTestServer(t, { folders, fake: 'wrong-init' })
    const live = await askForEvents(clientOf(before), { model: 'claude-fake-1', input: 'hi' })
    const { id, output } = endOf(live)
    await before.close(0)
    const after = clientOf(await startTestServer(t, { folders, fake: 'wrong-init' }))
    assert.deepEqual((await after.responses.retrieve(id)).output, output)
    const again = await readEvents(await after.responses.retrieve(id, { stream: true }))
    assert.deepEqual(timeless(again), timeless(live))
  })
}
