// The HTTP application: the framework, the door in front of every route, request ids, one access line per request. Not for
// what any route does, nor for how a failure is told (faults.ts).
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type ServerOptions } from 'node:http'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'
import { checkBodyType, checkRequest, givenRequestId, protectiveHeaders } from './guard.ts'

export type AppOptions = {
  log: FastifyBaseLogger
  bodyBytesMax: number
  allowHosts: readonly string[]
}

/** Bounds on what a client may cost before its request is understood; times in milliseconds, sizes in bytes. */
const httpLimits = {
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveMs: 15_000,
  urlBytesMax: 4096,
  headersMax: 100,
  connectionsMax: 2048,
}

export type App = FastifyInstance

/** One of the servers that answer for the app: there is one per address that is listened on. */
export type ServerFactory = () => Server

export function createApp(options: AppOptions): { app: App; createListener: ServerFactory } {
  let handler: ((request: unknown, response: unknown) => void) | null = null
  const createListener = () => newServer((request, response) => handler?.(request, response))
  const app = fastify({
    loggerInstance: options.log,
    logController: new fastify.LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: options.bodyBytesMax,
    genReqId: (request) => givenRequestId(request.headers) ?? `req_${randomBytes(12).toString('hex')}`,
    routerOptions: { maxParamLength: 200 },
    // A body with such a name could reach an object's prototype.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    return503OnClosing: false,
    forceCloseConnections: true,
    serverFactory: (handle) => {
      handler = handle as unknown as typeof handler
      return createListener()
    },
  })
  guard(app, options)
  logAccess(app)
  return { app, createListener }
}

function newServer(handle: (request: unknown, response: unknown) => void): Server {
  const options: ServerOptions = {
    maxHeaderSize: httpLimits.headerBytesMax,
    headersTimeout: httpLimits.headersTimeoutMs,
    requestTimeout: httpLimits.requestTimeoutMs,
    keepAliveTimeout: httpLimits.keepAliveMs,
    connectionsCheckingInterval: 5_000,
  }
  const server = createServer(options, handle)
  // One more than is accepted, so that too many are seen as such and not cut off in silence.
  server.maxHeadersCount = httpLimits.headersMax + 1
  server.maxConnections = httpLimits.connectionsMax
  return server
}

function guard(app: App, { allowHosts }: AppOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...protectiveHeaders, 'x-request-id': request.id })
    if (request.raw.rawHeaders.length > httpLimits.headersMax * 2)
      throw new AppError('invalid_request', 'too many headers')
    if ((request.raw.url ?? '').length > httpLimits.urlBytesMax)
      throw new AppError('invalid_request', 'the URL is too long')
    checkRequest(request.raw, { allowHosts })
    if (request.is404) return
    checkBodyType(request.raw)
  })
}

function logAccess(app: App): void {
  app.addHook('onResponse', async (request, reply) => {
    const facts = {
      method: request.method,
      route: request.is404 ? null : (request.routeOptions.url ?? null),
      status: reply.raw.writableFinished ? reply.statusCode : 499,
      ms: Math.round(reply.elapsedTime),
    }
    request.log.info(facts, 'request')
  })
}
