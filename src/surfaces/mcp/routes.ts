// Registers the MCP endpoint: one path with three methods. What they do is in endpoint.ts, which is loaded with the first request,
// because the library is large.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { errorHeaders, toRequestError } from '../../http/request-errors.ts'
import { type RouteTable, registerRoutes } from '../../http/routes.ts'
import type { McpEndpoint } from './endpoint.ts'
import { toErrorBody } from './errors.ts'
import { McpMessage } from './message-schemas.ts'
import type { McpOptions } from './options.ts'

type Lazy = { endpoint(): Promise<McpEndpoint> }

const path = '/mcp'
const sessionHeaders = ['mcp-session-id', 'mcp-protocol-version'] as const

const notAcceptable = { about: 'The `accept` header lacks a type that MCP requires.', json: 'McpError' } as const

export const mcpRoutes: RouteTable<Lazy> = {
  tag: 'mcp',
  // Each tool names the scope that it needs.
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path,
      id: 'sendMcpMessage',
      summary: 'Send a message of the Model Context Protocol',
      about:
        'The tools `ask`, `run`, `continue`, `sessions` and `run_status`, over Streamable HTTP. `initialize` opens a session, which belongs to the caller; a request without a session works too. A client that disconnects, or sends `notifications/cancelled`, cancels the run of its call.',
      headers: sessionHeaders,
      body: McpMessage,
      answers: {
        200: {
          about: 'The response, after what belongs to it.',
          json: 'McpMessage',
          events: 'McpMessage',
          headers: ['mcp-session-id'],
        },
        202: { about: 'Accepted: the message was no request.' },
        406: notAcceptable,
      },
      errors: ['mcpSession'],
      handler: async ({ endpoint }, request, reply) => (await endpoint()).post(request, reply),
    },
    {
      method: 'GET',
      path,
      id: 'readMcpStream',
      summary: 'Read the stream of an MCP session',
      about: 'For messages that answer no request. One reader per session.',
      headers: sessionHeaders,
      answers: {
        200: { about: 'The messages.', events: 'McpMessage', headers: ['mcp-session-id'] },
        406: notAcceptable,
      },
      errors: ['mcpSession', 'held'],
      handler: readStream,
    },
    {
      method: 'DELETE',
      path,
      id: 'endMcpSession',
      summary: 'End an MCP session',
      about: 'Cancels what is in progress in it.',
      headers: sessionHeaders,
      mayBeEmpty: true,
      answers: { 200: { about: 'Ended.' } },
      errors: ['mcpSession'],
      handler: async ({ endpoint }, request, reply) => (await endpoint()).delete(request, reply),
    },
  ],
}

async function readStream({ endpoint }: Lazy, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (request.method === 'HEAD') {
    reply.header('allow', 'GET, POST, DELETE')
    throw new AppError('method_not_allowed', `${path} supports GET, POST and DELETE, not HEAD`)
  }
  return (await endpoint()).get(request, reply)
}

/** In a scope of its own, for the format of its errors. */
export function registerMcp(app: FastifyInstance, options: McpOptions): void {
  let loading: Promise<McpEndpoint> | null = null
  const load = async () => {
    const { McpEndpoint } = await import('./endpoint.ts')
    return new McpEndpoint(options)
  }
  const endpoint = () => {
    loading ??= load()
    return loading
  }
  app.addHook('preClose', async () => (await loading)?.close())
  app.setErrorHandler((thrown, request, reply) => sendError(thrown, request, reply))
  registerRoutes(app, mcpRoutes, { endpoint })
}

function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toRequestError(thrown, request)
  const isUnreadable = error.code === 'invalid_request' && request.body === undefined && request.method === 'POST'
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .send(toErrorBody(error, request.id, isUnreadable))
}
