// Takes each HTTP request of an MCP client to the library, and the library's answer back: in the session that the request names, or, if
// it names none, on its own. Loaded with the first request. Not for what the messages mean (tool-server.ts).
import { randomUUID } from 'node:crypto'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport as Transport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { ErrorCode } from '@modelcontextprotocol/sdk/types.js'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { pipeSse } from '../../http/sse.ts'
import { shapeError } from '../../http/validate.ts'
import { isObject } from '../../platform/json.ts'
import { paramsProblem } from './check-params.ts'
import type { McpOptions } from './options.ts'
import { type McpSession, McpSessions } from './sessions.ts'
import { createToolServer, type Exchange, toAuthInfo } from './tool-server.ts'

/** The library's two halves: what speaks HTTP, and what speaks MCP. */
type Connection = { transport: Transport; server: Server; close(): Promise<void> }

/** The headers that the library reads; `host` and others were checked before. */
const passedHeaders = ['accept', 'content-type', 'mcp-session-id', 'mcp-protocol-version']

/** Those of the library that every answer of this server has in its own form. */
const ownHeaders = new Set(['connection', 'cache-control', 'x-accel-buffering', 'content-type'])

const single = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join() : value
}

export class McpEndpoint {
  readonly #options: McpOptions
  readonly #sessions: McpSessions<Connection>

  constructor(options: McpOptions) {
    this.#options = options
    this.#sessions = new McpSessions<Connection>(options.clock)
  }

  async post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const message = checkMessage(request.body)
    const session = this.#sessionOf(request)
    const problem = paramsProblem(message)
    const { id, method } = message
    if (problem !== null && isRequestId(id)) return refuseParams({ id, method }, problem, request, reply)
    const isFirst = method === 'initialize' && session === null
    if (isFirst) return this.#initialize(message, request, reply)
    if (session === null) return this.#answerAlone(message, request, reply)
    const { connection } = session
    const endUse = this.#sessions.use(session)
    const endCall = enterCall(session, message)
    try {
      return await this.#answer(connection, message, request, reply)
    } finally {
      endCall()
      endUse()
    }
  }

  /** The stream for messages that answer no request. This server sends none, but some clients insist on it. */
  async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const session = this.#requireSession(request)
    if (session.isRead) throw new AppError('conflict', 'the stream of this MCP session is already being read')
    const owner = request.caller.key?.id ?? null
    const reading = this.#options.readers.enter(`of the MCP session ${session.id}`, owner)
    const endUse = this.#sessions.use(session)
    session.isRead = true
    try {
      const response = await session.connection.transport.handleRequest(toWebRequest(request))
      const end = () => session.connection.transport.closeStandaloneSSEStream()
      void reading.revoked.catch(end)
      return await send(response, reply)
    } finally {
      session.isRead = false
      reading.leave()
      endUse()
    }
  }

  async delete(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { id, connection } = this.#requireSession(request)
    const response = await connection.transport.handleRequest(toWebRequest(request))
    if (response.ok) await this.#sessions.end(id)
    return send(response, reply)
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }

  #sessionOf(request: FastifyRequest): McpSession<Connection> | null {
    const id = single(request, 'mcp-session-id')
    return id === undefined ? null : this.#sessions.find(id, request.caller.key?.id ?? null)
  }

  #requireSession(request: FastifyRequest): McpSession<Connection> {
    const session = this.#sessionOf(request)
    if (session === null) throw new AppError('invalid_request', 'the mcp-session-id header is required')
    return session
  }

  async #initialize(message: Message, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = randomUUID()
    const connection = await this.#connect({ sessionIdGenerator: () => id })
    const session = this.#sessions.add(id, request.caller.key?.id ?? null, connection)
    const endUse = this.#sessions.use(session)
    try {
      const answer = await this.#answer(connection, message, request, reply)
      if (reply.statusCode >= 400) await this.#sessions.end(id)
      return answer
    } finally {
      endUse()
    }
  }

  /** For clients that keep no session: what they can do is unknown, so nobody is asked anything. */
  async #answerAlone(message: Message, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const connection = await this.#connect({})
    try {
      return await this.#answer(connection, message, request, reply)
    } finally {
      await connection.close()
    }
  }

  async #connect(ids: { sessionIdGenerator?: () => string }): Promise<Connection> {
    const transport = new Transport(ids)
    const server = createToolServer(this.#options)
    await server.connect(transport)
    return { transport, server, close: () => server.close() }
  }

  async #answer(
    { transport }: Connection,
    message: Message,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const gone = new AbortController()
    const leave = () => {
      if (!reply.raw.writableFinished) gone.abort()
    }
    if (request.raw.socket.destroyed) leave()
    else reply.raw.once('close', leave)
    const drop: Exchange['drop'] = (id) => {
      transport.closeSSEStream(id)
      // With its stream gone, this sends nothing: the library only forgets the call.
      void transport.send({ jsonrpc: '2.0', id, result: {} }).catch(() => {})
    }
    const exchange: Exchange = { request, gone: gone.signal, drop }
    const response = await transport.handleRequest(toWebRequest(request), {
      parsedBody: message,
      authInfo: toAuthInfo(exchange),
    })
    return send(response, reply)
  }
}

type Message = Record<string, unknown>

const isRequestId = (id: unknown): id is string | number => typeof id === 'string' || Number.isSafeInteger(id)

/** As the answer to the request, because the message itself could be read. What opens no session has the status of its error too. */
function refuseParams(
  { id, method }: { id: string | number; method?: unknown },
  problem: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.errorCode = 'invalid_request'
  return reply
    .code(method === 'initialize' ? 400 : 200)
    .send({ jsonrpc: '2.0', id, error: { code: ErrorCode.InvalidParams, message: problem } })
}

/** The form of the body; the library checks the rest. */
function checkMessage(body: unknown): Message {
  if (Array.isArray(body)) {
    throw new AppError('invalid_request', 'the body must be one JSON-RPC message, not a batch: send them one by one')
  }
  if (!isObject(body)) throw new AppError('invalid_request', 'the body must be a JSON-RPC message')
  const problem = shapeError(body)
  if (problem !== null) throw new AppError('invalid_request', problem)
  return body
}

/** Returns the function that ends the call. A message that is no request is no call. */
function enterCall({ calls }: McpSession<Connection>, { id, method }: Message): () => void {
  if (method === undefined || id === undefined) return () => {}
  const key = JSON.stringify(id)
  if (calls.has(key)) throw new AppError('invalid_request', `a request with the id ${key.slice(0, 80)} is in progress`)
  calls.add(key)
  return () => calls.delete(key)
}

function toWebRequest(request: FastifyRequest): Request {
  const headers = passedHeaders.flatMap((name) => {
    const value = single(request, name)
    return value === undefined ? [] : [[name, value] as [string, string]]
  })
  return new Request('http://127.0.0.1/mcp', { method: request.method, headers })
}

async function send(response: Response, reply: FastifyReply): Promise<FastifyReply> {
  for (const [name, value] of response.headers) if (!ownHeaders.has(name)) reply.header(name, value)
  const type = response.headers.get('content-type') ?? ''
  if (response.body !== null && type === 'text/event-stream') {
    reply.hijack()
    await pipeSse(reply.raw, response.body, { headers: reply.getHeaders() })
    return reply
  }
  reply.code(response.status)
  return response.body === null ? reply.send() : reply.type(type).send(await response.text())
}
