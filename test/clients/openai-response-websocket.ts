// Cases of the Responses API: over a WebSocket, with the SDK's own client for it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { ResponsesWS } from 'openai/resources/responses/ws'
import { test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { type Event, endOf, fromUser, type Subject, textOf, typesOf } from './openai-response-calls.ts'
import { assertEvent } from './openai-response-types.ts'
import { assistant, conversationOf, sent, toolNames, user } from './sent.ts'

type ServerEvent = Event & {
  stream_id?: string
  status?: number
  error?: { code: string | null; param: string | null }
}
type Fields = Record<string, unknown>

/** A connection whose events are read one answer at a time. */
async function connect({ client }: Subject) {
  const connection = new ResponsesWS(client)
  const events: ServerEvent[] = []
  let wake = () => {}
  connection.on('event', (event) => {
    events.push(event as ServerEvent)
    wake()
  })
  // Errors are read as events.
  connection.on('error', () => {})
  await once(connection.socket as never, 'open')
  const next = async () => {
    while (events.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return events.shift() as ServerEvent
  }
  const send = (fields: Fields) => connection.send({ type: 'response.create', model: 'sonnet', ...fields } as never)
  return {
    connection,
    send,
    next,
    async answer(): Promise<ServerEvent[]> {
      const answer: ServerEvent[] = []
      for (;;) {
        const event = await next()
        answer.push(event)
        const isFailure = event.type === 'response.failed'
        if (event.type === 'error' || (/\.(?:completed|incomplete)$/.test(event.type) && 'response' in event))
          return answer
        if (isFailure) continue
      }
    },
  }
}

export function testWebsocket(subject: Subject): void {
  const { server, client } = subject
  const { upstream } = server

  test('an answer over a WebSocket is the events of a stream', async () => {
    const { connection, send, answer } = await connect(subject)
    send({ input: `Say it ${step({ text: 'Hello there', tokens: 2 })}` })
    const events = await answer()
    for (const event of events) assertEvent(event)
    assert.deepEqual(
      events.map(({ sequence_number: number }) => number),
      [...events.keys()],
    )
    const response = endOf(events)
    assert.deepEqual(response.output.map(textOf), ['Hello there'])
    assert.deepEqual((await client.responses.retrieve(response.id)).output, response.output)
    connection.close()
  })

  test('a connection continues its responses, whether or not they are stored', async () => {
    const { connection, send, answer } = await connect(subject)
    const prompts = ['one', 'two', 'three'].map((word) => `${word} ${step({ text: `Polly ${word}.`, thinking: 1 })}`)
    const [one = '', two = '', three = ''] = prompts
    send({ input: one, store: false })
    const first = endOf(await answer())
    send({ input: two, store: false, previous_response_id: first.id })
    const second = endOf(await answer())
    send({ input: three, previous_response_id: second.id })
    const third = endOf(await answer())
    const [head, ...rest] = conversationOf(sent(upstream))
    assert.deepEqual(head, user(one))
    assert.match(JSON.stringify(rest), /think0.*Polly one\..*two.*think0.*Polly two\..*three/)
    // The stored one is continued over HTTP too, and the others are not.
    await client.responses.create({ model: 'sonnet', input: 'four', previous_response_id: third.id })
    assert.match(JSON.stringify(conversationOf(sent(upstream))), /Polly one\..*Polly two\..*Polly three\..*four/)
    const foreign = client.responses.create({ model: 'sonnet', input: 'x', previous_response_id: first.id })
    await assert.rejects(foreign, { status: 400, code: 'previous_response_not_found' })
    connection.close()
  })

  test('calls of tools go on with their outputs alone', async () => {
    const { connection, send, answer } = await connect(subject)
    const tools = [{ type: 'function', name: 'look', parameters: {}, strict: null }]
    send({ input: `Look ${step({ tool: 'look', input: {} })}${step({ text: 'Seen.' })}`, tools, store: false })
    const first = endOf(await answer())
    const [call] = first.output
    assert.ok(call?.type === 'function_call')
    const output = { type: 'function_call_output', call_id: call.call_id, output: 'a bird' }
    send({ input: [output], tools, store: false, previous_response_id: first.id })
    assert.deepEqual(endOf(await answer()).output.map(textOf), ['Seen.'])
    assert.equal(toolNames(sent(upstream)).length, 1)
    connection.close()
  })

  test('a request without an answer prepares the next one', async () => {
    const { connection, send, answer } = await connect(subject)
    send({ input: [fromUser('What I know already.')], generate: false, store: false })
    const events = await answer()
    assert.deepEqual(typesOf(events), ['response.created', 'response.in_progress', 'response.completed'])
    assert.equal(upstream.requests.length, 0)
    send({ input: 'And you?', store: false, previous_response_id: endOf(events).id })
    await answer()
    assert.deepEqual(conversationOf(sent(upstream)), [user('What I know already.', 'And you?')])
    connection.close()
  })

  test('errors keep the connection open, and name the request that they belong to', async () => {
    const { connection, send, answer, next } = await connect(subject)
    const unknown = `resp_${'0'.repeat(32)}`
    for (const [fields, status, code, param] of [
      [{ input: 'hi', model: 'nobody' }, 404, 'model_not_found', 'model'],
      [{ input: 'hi', previous_response_id: unknown }, 400, 'previous_response_not_found', 'previous_response_id'],
      [{ input: 7 }, 400, null, 'input'],
      [{ input: 'hi', background: true }, 400, null, 'background'],
      [{ input: 'hi', type: 'response.steer' }, 400, 'unsupported_value', 'type'],
      [{ input: 'hi', stream_id: 'lane', model: '' }, 400, null, 'model'],
    ] as const) {
      send(fields)
      const error = await next()
      assert.deepEqual(
        [error.type, error.status, error.error?.code, error.error?.param],
        ['error', status, code, param],
      )
      assert.equal(error.stream_id, 'stream_id' in fields ? 'lane' : undefined)
    }
    connection.sendRaw('not JSON')
    assert.equal((await next()).status, 400)
    connection.sendRaw(Buffer.from('{}') as never)
    assert.equal((await next()).status, 400)
    send({ input: 'hi', stream_id: 'lane' })
    const events = await answer()
    assert.ok(events.every(({ stream_id: id }) => id === 'lane'))
    assert.equal(endOf(events).status, 'completed')
    connection.close()
  })

  test('requests are answered in order, and a failed one makes its predecessor unknown', async () => {
    const { connection, send, answer } = await connect(subject)
    send({ input: `first ${step({ text: 'First.' })}`, store: false })
    send({ input: `second ${step({ text: 'Second.' })}`, store: false })
    const [first, second] = [endOf(await answer()), endOf(await answer())]
    assert.deepEqual(
      [first, second].map(({ output: [item] }) => item && textOf(item)),
      ['First.', 'Second.'],
    )
    send({ input: [{ type: 'function_call_output', call_id: 'none', output: 'x' }], previous_response_id: first.id })
    assert.equal((await answer()).at(-1)?.status, 400)
    send({ input: 'again', previous_response_id: first.id })
    assert.equal((await answer()).at(-1)?.error?.code, 'previous_response_not_found')
    send({ input: 'on', store: false, previous_response_id: second.id })
    assert.equal(endOf(await answer()).status, 'completed')
    assert.deepEqual(conversationOf(sent(upstream)).slice(1), [assistant('Second.'), user('on')])
    connection.close()
  })

  test('closing the connection cancels the request that is being answered', async () => {
    const { connection, send, next } = await connect(subject)
    send({ input: `hang ${step({ text: 'Half of it', hang: 'body' })}` })
    await upstream.waitForRequest()
    const aborted = upstream.waitForAbort()
    connection.close()
    await aborted
    void next
  })
}
