// A run with approvals, from the point of view of a real server's client: its events as they arrive, and the answers to
// them. Only for the tests of approvals and questions.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { openStream, post, readChatEvents } from '../helpers/client.ts'
import { startTestServer, step, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

export type ApprovalEvent = Extract<ChatEvent, { type: 'permission_request' | 'question' }>

export const bash = (command: string) => step({ tool: 'Bash', input: { command, description: 'do it' } })

export const startServer = (t: Pick<TestContext, 'after'>, options: TestServerOptions = {}) =>
  startTestServer(t, { ...options, config: { maxProcesses: 1, ...options.config } })

/** A conversation with approvals whose runs share one process, and the folder in which it works. */
export class Conversation {
  readonly server: TestServer
  readonly cwd: string
  #last: ApprovalRun | null = null

  constructor(server: TestServer) {
    this.server = server
    this.cwd = mkdtempSync(join(server.folders.cwd, 'scene-'))
  }

  /** The id, once its first run has started. */
  get sessionId(): string {
    assert.ok(this.#last)
    return this.#last.sessionId
  }

  async start(prompt: string, body: Record<string, unknown> = {}): Promise<ApprovalRun> {
    const session = this.#last === null ? {} : { session_id: this.sessionId }
    this.#last = await ApprovalRun.start(this.server, { prompt, cwd: this.cwd, ...session, ...body })
    return this.#last
  }

  has(file: string): boolean {
    return existsSync(join(this.cwd, file))
  }
}

export async function get<T>({ url }: TestServer, path: string, schema: { parse(value: unknown): T }): Promise<T> {
  const response = await fetch(`${url}${path}`)
  assert.equal(response.status, 200, path)
  return schema.parse(await response.json())
}

export const runOf = (server: TestServer, id: string) => get(server, `/v1/runs/${id}`, RunReply)

/** A run that is followed through its events; `next` returns the next permission prompt. */
export class ApprovalRun {
  readonly events: ChatEvent[] = []
  readonly #server: TestServer
  readonly #reading: AsyncGenerator<ChatEvent>
  readonly #controller: AbortController

  private constructor(server: TestServer, response: Response, controller: AbortController) {
    this.#server = server
    this.#controller = controller
    this.#reading = readChatEvents(response)
  }

  static async start(server: TestServer, body: Record<string, unknown>): Promise<ApprovalRun> {
    const controller = new AbortController()
    const request = { approvals: true, events: 'full', cwd: server.folders.cwd, ...body }
    return new ApprovalRun(server, await openStream(server, request, { signal: controller.signal }), controller)
  }

  get runId(): string {
    return this.#start.run_id
  }

  get sessionId(): string {
    return this.#start.session_id
  }

  get #start() {
    const [first] = this.events
    assert.ok(first?.type === 'start')
    return first
  }

  async next(): Promise<Extract<ApprovalEvent, { type: 'permission_request' }>> {
    const approval = await this.nextOf('permission_request')
    assert.ok(approval.type === 'permission_request')
    return approval
  }

  async nextOf(type: ApprovalEvent['type']): Promise<ApprovalEvent> {
    for (;;) {
      const { value, done } = await this.#reading.next()
      assert.ok(!done, `no approval was requested: ${JSON.stringify(this.events)}`)
      this.events.push(value)
      if (value.type === 'permission_request' || value.type === 'question') {
        assert.equal(value.type, type)
        return value
      }
    }
  }

  async finish(): Promise<ChatEvent> {
    for await (const event of this.#reading) this.events.push(event)
    const last = this.events.at(-1)
    assert.ok(last)
    return last
  }

  answer({ request_id }: { request_id: string }, body: Record<string, unknown>, route = 'permissions') {
    return post(this.#server, `/v1/runs/${this.runId}/${route}/${request_id}`, body)
  }

  disconnect(): void {
    this.#controller.abort()
    this.#reading.next().catch(() => {})
  }

  /** The results of tools as the client receives them. */
  get results(): { is_error: boolean; text: string }[] {
    return this.events.flatMap((event) => (event.type === 'tool_result' ? [event] : []))
  }

  /** How each approval was answered, such as `allow by caller`. */
  get answered(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'status' && event.status === 'answered' ? [`${event.behavior} by ${event.by}`] : [],
    )
  }
}

/** The results of tools as the model receives them. */
export function resultsForModel({ upstream }: TestServer): string[] {
  return (upstream.requests.at(-1)?.body?.messages ?? []).flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.flatMap((block) => (block.type === 'tool_result' ? [JSON.stringify(block.content)] : [])),
  )
}
