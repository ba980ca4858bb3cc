// The ends of a connection that a good request does not have: bytes that are not HTTP are answered in their turn, and the
// rest of a refused body is read before the connection closes. Not for refusing requests (see guard.ts).
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { protectiveHeaders } from './guard.ts'

export const newRequestId = () => `req_${randomBytes(12).toString('hex')}`

const unreadable: Record<string, [status: string, text: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
}

const unreadableCodes: Record<string, string> = { 408: 'request_timeout', 431: 'headers_too_large' }

export class Connections {
  /** By connection: the answers that are still to be sent, in order. */
  readonly #open = new WeakMap<Duplex, Set<ServerResponse>>()
  /** Connections that have sent bytes that are not HTTP. The parser reports that again for whatever follows. */
  readonly #broken = new WeakSet<Duplex>()

  /** Must know every request before it is handled. */
  add({ socket }: IncomingMessage, response: ServerResponse): void {
    const open = this.#open.get(socket) ?? new Set()
    this.#open.set(socket, open.add(response))
    response.once('close', () => open.delete(response))
  }

  /** Bytes that are not valid HTTP have no route and no surface, so they are answered here: after the requests before them. */
  async answerUnreadable(cause: NodeJS.ErrnoException, socket: Duplex): Promise<void> {
    if (cause.code === 'ECONNRESET') return void socket.destroy()
    if (this.#broken.has(socket)) return
    this.#broken.add(socket)
    if (!socket.writable) return void socket.destroy()
    const open = [...(this.#open.get(socket) ?? [])]
    // The body of the last request may be what cannot be read. Then this is its answer, unless it has one already.
    const unread = open.find(({ req }) => !req.complete)
    await Promise.all(open.filter((each) => each !== unread || each.headersSent).map(settled))
    if (!socket.writable || unread?.headersSent) return void socket.destroy()
    // Close the connection even if the client does not.
    socket.end(unreadableAnswer(cause), () => socket.destroy())
  }
}

async function settled(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close')
}

function unreadableAnswer(cause: NodeJS.ErrnoException): string {
  const [status, error] = unreadable[cause.code ?? ''] ?? ['400 Bad Request', 'the request is not valid HTTP']
  const code = unreadableCodes[status.slice(0, 3)] ?? 'invalid_request'
  const id = newRequestId()
  const body = JSON.stringify({ error, code, request_id: id, details: {} })
  const headers = {
    ...protectiveHeaders,
    'x-request-id': id,
    'request-id': id,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`
}

/**
 * Reads and drops the rest of a refused body after the answer, until nothing comes for `lingerMs`, and as many bytes as are
 * left of `bytesMax`: a connection that is closed while bytes are unread is reset, and then the client loses the answer too.
 */
export function closeAfterBody(request: IncomingMessage, lingerMs: number, bytesMax: number): void {
  const { socket } = request
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return
  let bytesLeft = bytesMax
  let isAnswered = false
  let timer: NodeJS.Timeout | null = null
  const close = () => socket.destroy()
  request.on('data', (piece: Buffer) => {
    bytesLeft -= piece.length
    timer?.refresh()
    if (isAnswered && bytesLeft <= 0) close()
  })
  // Node calls it once the last answer of the connection is sent.
  socket.destroySoon = () => {
    const silence = setTimeout(close, lingerMs)
    timer = silence
    socket.once('close', () => clearTimeout(silence))
    socket.end(() => {
      isAnswered = true
      if (request.complete || bytesLeft <= 0) close()
      else request.once('end', close)
    })
  }
}
