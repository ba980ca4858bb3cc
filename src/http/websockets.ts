// Upgrades connections to WebSockets, which happens in a route's handler: by then the request has passed the same hooks
// as any other. Limits what a connection may cost. Not for what its messages mean.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { RawData, WebSocket, WebSocketServer } from 'ws'
import { invalidField } from '../errors.ts'
import { canonicalUrl } from './path-aliases.ts'

export type SocketLimits = {
  messageBytesMax: number
  /** How often a ping is sent. A client that has not answered the one before is gone. */
  pingMs: number
  /** How long a connection may do nothing. */
  idleMs: number
  /** How long a client may take nothing of a message. */
  stallMs: number
}

/** Codes of RFC 6455. */
export const closeCodes = { goingAway: 1001, policy: 1008 } as const

/** A client that does not answer the closing of its connection is cut off after this time, in milliseconds. */
const closeMs = 1_000

/** The paths that connections may be upgraded at. All other requests for an upgrade are answered as if they had none. */
const upgradePaths: readonly string[] = ['/v1/responses']

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Accepts the upgrade that the request asks for; null if it asks for none. Settles to null if the client has left, or its
     * handshake was not valid, which has been answered then. Rejects with `invalid_request` if the key or version of the protocol is wrong.
     */
    upgrade: (() => Promise<Connection | null>) | null
  }
}

export const mayUpgrade = ({ method, url = '', headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  upgradePaths.includes(canonicalUrl(url, headers).split('?')[0] ?? '')

/** The library would answer in HTML. */
function checkHandshake({ headers }: IncomingMessage): void {
  const { 'sec-websocket-key': key = '', 'sec-websocket-version': version } = headers
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key))
    throw invalidField('sec-websocket-key', 'must be 16 bytes in base64: connect with a client for WebSockets')
  if (version !== '13') throw invalidField('sec-websocket-version', 'must be 13: connect with a client for WebSockets')
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** An open WebSocket. */
export class Connection {
  readonly #socket: WebSocket
  readonly #limits: SocketLimits
  /** Aborted when the connection is closed, by whomever. */
  readonly gone: AbortSignal
  #isAlive = true
  #activeAtMs = performance.now()

  constructor(socket: WebSocket, limits: SocketLimits) {
    this.#socket = socket
    this.#limits = limits
    const gone = new AbortController()
    this.gone = gone.signal
    const timer = setInterval(() => this.#check(), limits.pingMs).unref()
    socket.on('pong', () => {
      this.#isAlive = true
    })
    // What is wrong with a client's bytes is in the code with which the connection is closed.
    socket.on('error', () => {})
    socket.once('close', () => {
      clearInterval(timer)
      gone.abort()
    })
  }

  /** Calls `accept` with each message; null is one that is not text. */
  listen(accept: (text: string | null) => void): void {
    this.#socket.on('message', (data: RawData, isBinary: boolean) => {
      this.keepOpen()
      accept(isBinary ? null : String(data))
    })
  }

  /** Settles once the client has taken the message: to false if it is gone, or has stalled for too long. */
  send(text: string): Promise<boolean> {
    this.keepOpen()
    if (!this.isOpen) return Promise.resolve(false)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#socket.terminate()
        resolve(false)
      }, this.#limits.stallMs)
      this.#socket.send(text, (error) => {
        clearTimeout(timer)
        resolve(!error)
      })
    })
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** The connection is in use. */
  keepOpen(): void {
    this.#activeAtMs = performance.now()
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    // The protocol allows 123 bytes.
    this.#socket.close(code, reason.slice(0, 120))
    const timer = setTimeout(() => this.#socket.terminate(), closeMs)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #check(): void {
    if (!this.#isAlive) return this.#socket.terminate()
    if (performance.now() - this.#activeAtMs > this.#limits.idleMs) {
      return this.close(closeCodes.goingAway, 'the connection was not used for too long')
    }
    this.#isAlive = false
    this.#socket.ping()
  }
}

/** The upgrades of a server's listeners. */
export class Upgrades {
  readonly #limits: SocketLimits
  readonly #waiting = new WeakMap<IncomingMessage, { socket: Duplex; head: Buffer }>()
  readonly #open = new Set<Connection>()
  #server: WebSocketServer | null = null

  constructor(limits: SocketLimits) {
    this.#limits = limits
  }

  /** Passes requests for an upgrade on like all others. Their answer is an ordinary one unless a handler upgrades them. */
  serve(server: Server, handle: Handle): void {
    const { ServerResponse } = process.getBuiltinModule('node:http')
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.assignSocket(socket as IncomingMessage['socket'])
      response.once('finish', () => request.socket.destroySoon())
      this.#waiting.set(request, { socket, head })
      handle(request, response)
    })
  }

  /** Lets handlers of the app upgrade requests, and closes what they have upgraded with the app. */
  join(app: FastifyInstance): void {
    app.decorateRequest('upgrade', null)
    app.addHook('onRequest', async (request, reply) => {
      if (!this.#waiting.has(request.raw)) return
      request.upgrade = async () => {
        checkHandshake(request.raw)
        reply.hijack()
        return this.#accept(request.raw, reply.raw)
      }
    })
    app.addHook('preClose', async () => {
      for (const connection of this.#open) connection.close(closeCodes.goingAway, 'the server is shutting down')
    })
  }

  async #accept(request: IncomingMessage, response: ServerResponse): Promise<Connection | null> {
    const server = await this.#load()
    const { socket, head } = this.#waiting.get(request) ?? {}
    if (socket === undefined || head === undefined) throw new Error('the request asks for no upgrade')
    response.detachSocket(request.socket)
    const { promise, resolve } = Promise.withResolvers<WebSocket | null>()
    // A handshake that is not valid is answered there, or the client has left.
    socket.once('close', () => resolve(null))
    server.handleUpgrade(request, socket, head, resolve)
    const accepted = await promise
    response.statusCode = accepted === null ? 400 : 101
    // Nothing else will be reported for the request.
    response.emit('close')
    if (accepted === null) return null
    const connection = new Connection(accepted, this.#limits)
    this.#open.add(connection)
    connection.gone.addEventListener('abort', () => this.#open.delete(connection))
    return connection
  }

  /** Most servers never upgrade a connection. */
  async #load(): Promise<WebSocketServer> {
    const { WebSocketServer } = await import('ws')
    this.#server ??= new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.messageBytesMax,
    })
    return this.#server
  }
}
