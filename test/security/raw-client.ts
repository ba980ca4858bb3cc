// A small HTTP client on bare sockets: it sends bytes as they are, also those that no library would send, and does what no library
// would do: goes silent, hangs up half, never reads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { ErrorBody } from '../../src/surfaces/native/schemas.ts'

export type Answer = { status: number; headers: Map<string, string>; body: string }

/** Sends bytes as they are, and reads until the server has closed the connection. */
export async function exchange(request: string, port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(request, 'latin1')
  return text(socket)
}

/** The first answer of what was read. */
export function parse(raw: string): Answer {
  const at = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, at).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
  assert.ok(status, `no answer: ${JSON.stringify(raw.slice(0, 500))}`)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(status), headers: new Map(headers), body: raw.slice(at + 4) }
}

/** The statuses of all answers on a connection. */
export const statusesOf = (raw: string): number[] =>
  [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, each]) => Number(each))

export const good = '{"prompt":"hi"}'

export type Head = { method?: string; target?: string; host?: string | null; headers?: string[]; body?: string }

/** A request with a good Host unless another, or none, is given. */
export function head({ method = 'GET', target = '/livez', host = 'localhost', headers = [], body = '' }: Head): string {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(host === null ? [] : [`Host: ${host}`]),
    'Connection: close',
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

export const typed = 'Content-Type: application/json'

/** A good request for a run, unless something else is given. */
export const post = ({ headers = [], ...rest }: Head = {}): Head => ({
  method: 'POST',
  target: '/v1/chat',
  headers: [typed, `Content-Length: ${good.length}`, ...headers],
  body: good,
  ...rest,
})

/** A request that is asked with JSON, which may be anything. */
export function jsonRequest(target: string, body: unknown, headers: string[] = []): string {
  const bytes = Buffer.from(JSON.stringify(body)).toString('latin1')
  return head({ method: 'POST', target, headers: [typed, `Content-Length: ${bytes.length}`, ...headers], body: bytes })
}

/** The headers that every answer has, whatever it is. */
export function assertProtected({ headers }: Answer): void {
  const { 'content-security-policy': policy, ...rest } = Object.fromEntries(
    protective.map((name) => [name, headers.get(name)]),
  )
  assert.match(policy ?? '', /default-src 'none'.*frame-ancestors 'none'/)
  assert.deepEqual(rest, {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
}

const protective = [
  'content-security-policy',
  'x-content-type-options',
  'x-frame-options',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'cache-control',
  'referrer-policy',
]

/** A connection that stays as it is until a test says otherwise: it does not hang up when the server does. */
export class RawConnection {
  readonly socket: Socket
  /** Everything that came so far. */
  text = ''
  /** Settles when the server has hung up, in whatever way. */
  readonly over: Promise<void>
  #wake: () => void = () => {}
  #isOver = false

  private constructor(socket: Socket) {
    this.socket = socket
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    const settle = () => {
      this.#isOver = true
      resolve()
      this.#wake()
    }
    socket.setEncoding('latin1')
    socket.on('data', (piece: string) => {
      this.text += piece
      this.#wake()
    })
    socket.on('end', settle).on('close', settle)
    // A connection that was cut is one that is over.
    socket.on('error', settle)
  }

  /** Hung up when the test is over. */
  static async open(t: { after(end: () => void): void }, port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const connection = new RawConnection(socket)
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return connection
  }

  write(bytes: string): void {
    if (this.socket.writable) this.socket.write(bytes, 'latin1')
  }

  /** Waits until what came has a match; throws where the server hangs up before. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      assert.ok(!this.#isOver, `it was over before ${pattern}: ${JSON.stringify(this.text.slice(-500))}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** Requests that must not get as far as the agents. */
export function refusals(defaultPort: number, agents: readonly { requests: readonly unknown[] }[]) {
  const asked = () => agents.reduce((sum, { requests }) => sum + requests.length, 0)

  /** The answer to a request that must not reach an agent, nor be allowed to a web page. */
  async function kept(request: string, port = defaultPort): Promise<Answer> {
    const before = asked()
    const answer = parse(await exchange(request, port))
    assert.equal(asked(), before, 'the agent was asked')
    for (const name of answer.headers.keys()) assert.doesNotMatch(name, /^access-control-/)
    return answer
  }

  /** One refusal of our own: status, code, id, and the headers that every answer has. */
  async function refused(request: string, status: number, code: string, port = defaultPort): Promise<Answer> {
    const answer = await kept(request, port)
    const body = ErrorBody.parse(JSON.parse(answer.body))
    assert.deepEqual([answer.status, body.code], [status, code], body.error)
    assertProtected(answer)
    assert.equal(body.request_id, answer.headers.get('x-request-id'))
    return answer
  }

  return { kept, refused }
}
