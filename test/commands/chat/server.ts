// A stand-in for the server of `claude-serve chat` whose every response byte a test decides: it records requests and sends the configured
// reply.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { ChatEvent } from '../../../src/surfaces/native/reply-schemas.ts'

export const sessionId = '11111111-2222-4333-8444-555555555555'

export const done = (fields: Record<string, unknown> = {}) => ({
  type: 'done',
  result: '',
  session_id: sessionId,
  cost_usd: 0.0123,
  usage: {},
  model: 'm',
  run_id: 'run_1',
  num_turns: 1,
  duration_ms: 1234,
  stop_reason: 'end_turn',
  structured_output: null,
  permission_denials: [],
  ...fields,
})

const start = { type: 'start', session_id: sessionId, model: 'm', run_id: 'run_1' }
export const delta = (text: string) => ({ type: 'delta', text })

type Event = { type: ChatEvent['type'] | string }

/** A whole run as an event stream; its start event is added. */
export function streamOf(...events: Event[]): string {
  const frames = [start, ...events].map((event, index) => `id: ${index + 1}\ndata: ${JSON.stringify(event)}\n\n`)
  return frames.join(': still here\n\n')
}

export type ChatServer = { url: string; bodies: Record<string, unknown>[]; paths: string[] }

export type Reply = (response: ServerResponse, request: IncomingMessage) => void

/** Answers every request with the stream. */
export const stream =
  (text: string): Reply =>
  (response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end(text)

export async function startChatServer(t: TestContext, reply: Reply): Promise<ChatServer> {
  const bodies: Record<string, unknown>[] = []
  const paths: string[] = []
  const server = createServer(async (request, response) => {
    paths.push(request.url ?? '')
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    if (text !== '') bodies.push(JSON.parse(text))
    reply(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, paths }
}
