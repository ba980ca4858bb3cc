// A run that asks, as the client of a real server sees it: its events as they come, and the answers that it gives. For the tests of
// approvals and questions only.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { RunReply } from '../../src/surfaces/native/run-schemas.ts'
import type { ChatEvent } from '../../src/surfaces/native/schemas.ts'
import { openStream, post, readChatEvents } from '../helpers/client.ts'
import { startTestServer, step, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

export type Asked = Extract<ChatEvent, { type: 'permission_request' | 'question' }>

export const bash = (command: string) => step({ tool: 'Bash', input: { command, description: 'do it' } })

export const start = (t: TestContext, options: TestServerOptions = {}) =>
  startTestServer(t, { ...options, config: { maxProcesses: 1, ...options.config } })

export async function get<T>({ url }: TestServer, path: string, schema: { parse(value: unknown): T }): Promise<T> {
  const response = await fetch(`${url}${path}`)
  assert.equal(response.status, 200, path)
  return schema.parse(await response.json())
}

export const runOf = (server: TestServer, id: string) => get(server, `/v1/runs/${id}`, RunReply)

/** A run as its events tell it; `next` gives the next one that asks. */
export class Talk {
  readonly events: ChatEvent[] = []
  readonly #server: TestServer
  readonly #reading: AsyncGenerator<ChatEvent>
  readonly #controller: AbortController

  private constructor(server: TestServer, response: Response, controller: AbortController) {
    this.#server = server
    this.#controller = controller
    this.#reading = readChatEvents(response)
  }

  static async begin(server: TestServer, body: Record<string, unknown>): Promise<Talk> {
    const controller = new AbortController()
    const asked = { approvals: true, events: 'full', ...body }
    return new Talk(server, await openStream(server, asked, { signal: controller.signal }), controller)
  }

  get runId(): string {
    const [first] = this.events
    assert.ok(first?.type === 'start')
    return first.run_id
  }

  async next(): Promise<Extract<Asked, { type: 'permission_request' }>> {
    const asked = await this.nextOf('permission_request')
    assert.ok(asked.type === 'permission_request')
    return asked
  }

  async nextOf(type: Asked['type']): Promise<Asked> {
    for (;;) {
      const { value, done } = await this.#reading.next()
      assert.ok(!done, `nothing was asked: ${JSON.stringify(this.events)}`)
      this.events.push(value)
      if (value.type === 'permission_request' || value.type === 'question') {
        assert.equal(value.type, type)
        return value
      }
    }
  }

  async rest(): Promise<ChatEvent> {
    for await (const event of this.#reading) this.events.push(event)
    const last = this.events.at(-1)
    assert.ok(last)
    return last
  }

  answer({ request_id }: { request_id: string }, body: Record<string, unknown>, how = 'permissions') {
    return post(this.#server, `/v1/runs/${this.runId}/${how}/${request_id}`, body)
  }

  hangUp(): void {
    this.#controller.abort()
    this.#reading.next().catch(() => {})
  }

  /** What tools have answered, as the client hears it. */
  get results(): { is_error: boolean; text: string }[] {
    return this.events.flatMap((event) => (event.type === 'tool_result' ? [event] : []))
  }

  get told(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'status' && event.status === 'answered' ? [`${event.behavior} by ${event.by}`] : [],
    )
  }
}

/** What tools have answered, as the model hears it. */
export function heard({ upstream }: TestServer): string[] {
  return (upstream.requests.at(-1)?.body?.messages ?? []).flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.flatMap((block) => (block.type === 'tool_result' ? [JSON.stringify(block.content)] : [])),
  )
}
