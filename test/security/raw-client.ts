// A small HTTP client on bare sockets. It sends bytes unchanged, even those that no library would send, and misbehaves as no library
// would: it goes silent, closes half of the connection, never reads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { ErrorBody } from '../../src/surfaces/native/reply-schemas.ts'

export type Answer = { status: number; headers: Map<string, string>; body: string }

/** Sends the bytes unchanged and reads until the server closes the connection. */
export async function exchange(request: string, port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(request, 'latin1')
  return text(socket)
}

/** The first answer in the received bytes. */
export function parse(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, end).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
  assert.ok(status, `no answer: ${JSON.stringify(raw.slice(0, 500))}`)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(status), headers: new Map(headers), body: raw.slice(end + 4) }
}

/** The statuses of all answers on a connection. */
export const statusesOf = (raw: string): number[] =>
  [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, each]) => Number(each))

export const good = '{"prompt":"hi"}'

export type Head = { method?: string; target?: string; host?: string | null; headers?: string[]; body?: string }

/** A request with a good Host header, unless another or none is requested. */
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

/** A good request for a run; each part can be replaced. */
export const post = ({ headers = [], ...rest }: Head = {}): Head => ({
  method: 'POST',
  target: '/v1/chat',
  headers: [typed, `Content-Length: ${good.length}`, ...headers],
  body: good,
  ...rest,
})

/** A request with a JSON body of any value. */
export function jsonRequest(target: string, body: unknown, headers: string[] = []): string {
  const bytes = Buffer.from(JSON.stringify(body)).toString('latin1')
  return head({ method: 'POST', target, headers: [typed, `Content-Length: ${bytes.length}`, ...headers], body: bytes })
}

/** Checks the headers that every answer must have. */
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

/** A connection that does only what a test says: it stays open even when the server closes its side. */
export class RawConnection {
  readonly socket: Socket
  /** Everything received so far. */
  text = ''
  /** Settles when the server has closed the connection, in whatever way. */
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
    // A connection that was reset is over as well.
    socket.on('error', settle)
  }

  /** The connection is closed at the end of the test. */
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

  /** Waits until the received text matches; throws if the server closes the connection first. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      assert.ok(!this.#isOver, `the connection ended before ${pattern}: ${JSON.stringify(this.text.slice(-500))}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** Checks on requests that must not reach the agents. */
export function refusals(defaultPort: number, agents: readonly { requests: readonly unknown[] }[]) {
  const requestCount = () => agents.reduce((sum, { requests }) => sum + requests.length, 0)

  /** The answer to a request that must neither reach an agent nor be allowed to a web page. */
  async function blocked(request: string, port = defaultPort): Promise<Answer> {
    const before = requestCount()
    const answer = parse(await exchange(request, port))
    assert.equal(requestCount(), before, 'the agent received a request')
    for (const name of answer.headers.keys()) assert.doesNotMatch(name, /^access-control-/)
    return answer
  }

  /** One of the server's own refusals: checks the status, the code, the id and the headers of every answer. */
  async function refused(request: string, status: number, code: string, port = defaultPort): Promise<Answer> {
    const answer = await blocked(request, port)
    const body = ErrorBody.parse(JSON.parse(answer.body))
    assert.deepEqual([answer.status, body.code], [status, code], body.error)
    assertProtected(answer)
    assert.equal(body.request_id, answer.headers.get('x-request-id'))
    return answer
  }

  return { blocked, refused }
}
