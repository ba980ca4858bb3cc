// A small client of the native API for tests: JSON in, JSON or checked stream events out.
import assert from 'node:assert/strict'
import { ChatEvent, ChatReply, ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'

export type Target = { url: string }
export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }

export async function post(target: Target, path: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${target.url}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

/** `POST /v1/chat` that must succeed; the answer is checked against its schema. */
export async function chat(target: Target, body: Record<string, unknown>, init?: RequestInit): Promise<ChatReply> {
  const answer = await post(target, '/v1/chat', body, init)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return ChatReply.parse(answer.body)
}

/** `POST /v1/chat` that must fail; the answer is checked against its schema. */
export async function chatError(target: Target, body: unknown, init?: RequestInit) {
  const answer = await post(target, '/v1/chat', body, init)
  assert.notEqual(answer.status, 200, JSON.stringify(answer.body))
  return { ...answer, body: ErrorBody.parse(answer.body) }
}

/** Parses a native event stream and checks ids, order and schemas on the way. */
export async function* readChatEvents(response: Response): AsyncGenerator<ChatEvent> {
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text())
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.ok(response.body)
  let buffered = ''
  let id = 0
  let last: ChatEvent['type'] | null = null
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    buffered += chunk
    const frames = buffered.split('\n\n')
    buffered = frames.pop() ?? ''
    for (const frame of frames) {
      if (frame.startsWith(':')) continue
      const [, frameId, data] = /^id: (\d+)\ndata: ([^\n]*)$/.exec(frame) ?? []
      const event = ChatEvent.parse(JSON.parse(data ?? ''))
      // What the next server adds is numbered from the next million on.
      const isOfNext = event.type === 'restart' || (event.type === 'error' && event.code === 'interrupted')
      id = isOfNext ? (Math.floor(id / 1e6) + 1) * 1e6 + 1 : id + 1
      assert.equal(Number(frameId), id, frame)
      assert.ok(last !== 'done' && last !== 'error', `${event.type} after ${last}`)
      assert.equal(event.type === 'start', last === null || last === 'restart', `${event.type} after ${last}`)
      last = event.type
      yield event
    }
  }
  assert.equal(buffered, '')
  assert.ok(last === 'done' || last === 'error', `the stream ended with ${last}`)
}

export type Numbered = { id: number; event: ChatEvent }

/** The events of one connection, as they arrive. Throws if it breaks. */
export async function* eventsAfter(url: string, id: string, last: number): AsyncGenerator<Numbered> {
  const headers = last === 0 ? {} : { 'last-event-id': String(last) }
  const response = await fetch(`${url}/v1/runs/${id}/events`, { headers })
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text())
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const [, number, data] = /^id: (\d+)\n(?:event: .*\n)?data: (.*)$/m.exec(frame) ?? []
      if (data !== undefined) yield { id: Number(number), event: JSON.parse(data) as ChatEvent }
    }
  }
}

export function openStream(target: Target, body: Record<string, unknown>, init: RequestInit = {}): Promise<Response> {
  return fetch(`${target.url}/v1/chat/stream`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json' },
  })
}

/** `POST /v1/chat/stream`, read to its end. */
export async function chatStream(target: Target, body: Record<string, unknown>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of readChatEvents(await openStream(target, body))) events.push(event)
  return events
}

export const textOf = (events: readonly ChatEvent[]) =>
  events.map((event) => (event.type === 'delta' ? event.text : '')).join('')
