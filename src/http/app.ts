// Creates the HTTP application: the framework, the guard in front of every route, request ids, and one access log line
// per request. Not for what a route does, nor for how errors are reported (request-errors.ts).
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Authenticator, anonymousCaller } from '../auth/authenticate.ts'
import type { AnswerFacts, Observer, RequestTrace } from '../core/observer.ts'
import { AppError } from '../errors.ts'
import { Connections, closeAfterBody, newRequestId } from './connections.ts'
import { allowOrigin, answerPreflight, isPreflight } from './cors.ts'
import { checkBodyType, checkRequest, clientRequestId, protectiveHeaders, refuseKeysInUrl } from './guard.ts'
import { canonicalUrl } from './path-aliases.ts'
import { routeError } from './request-errors.ts'
import { surfaceConstraint } from './requested-surface.ts'
import { parseJsonBodies, requireDeclaredScopes } from './routes.ts'
import { mayUpgrade, Upgrades } from './websockets.ts'

// An import would read every export of the module, and one of them loads Node's HTTP client, which a server never uses.
const { createServer } = process.getBuiltinModule('node:http')

export type AppOptions = {
  log: FastifyBaseLogger
  bodyBytesMax: number
  allowHosts: readonly string[]
  corsOrigins?: readonly string[]
  /** Authenticates callers; if absent, everybody may call. */
  callers?: Authenticator
  limits?: Partial<HttpLimits>
  /** Notified of each answer. */
  observer?: Pick<Observer, 'onAnswer' | 'beginRequest'>
}

/** Limits on what a client may cost before its request is read; times in milliseconds, sizes in bytes. */
export const httpLimits = {
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveMs: 15_000,
  /** How long the rest of a refused body may pause. A request must arrive in its time, whatever becomes of it. */
  lingerMs: 5_000,
  /** How often connections are checked for the two timeouts. */
  checkIntervalMs: 5_000,
  urlBytesMax: 4096,
  headersMax: 100,
  connectionsMax: 2048,
  /** For WebSockets: see SocketLimits. */
  pingMs: 30_000,
  idleMs: 3_600_000,
  stallMs: 120_000,
}

export type HttpLimits = typeof httpLimits

declare module 'fastify' {
  interface FastifyRequest {
    /** Null unless requests are traced. */
    trace: RequestTrace | null
  }
}

export type App = FastifyInstance

const noSchemas = (): never => {
  throw new Error('routes declare no schemas to Fastify: see validate.ts')
}

/** Creates a server that serves the app: there is one per address to listen on. */
export type ServerFactory = () => Server

export function createApp(options: AppOptions): { app: App; createListener: ServerFactory } {
  let handler: ((request: IncomingMessage, response: ServerResponse) => void) | null = null
  const limits = { ...httpLimits, ...options.limits }
  const connections = new Connections()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    connections.add(request, response)
    handler?.(request, response)
  }
  const upgrades = new Upgrades({ ...limits, messageBytesMax: options.bodyBytesMax })
  const createListener = () => newServer(handle, connections, upgrades, limits)
  const app = fastify({
    loggerInstance: options.log,
    logController: new fastify.LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: options.bodyBytesMax,
    rewriteUrl: ({ url = '', headers }) => canonicalUrl(url, headers),
    genReqId: (request) => clientRequestId(request.headers) ?? newRequestId(),
    // Bodies are validated by zod (validate.ts). Fastify would load two compilers of JSON Schemas at start.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: { maxParamLength: 200, ignoreDuplicateSlashes: true, constraints: { surface: surfaceConstraint } },
    // A body with such a key could reach an object's prototype.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    return503OnClosing: false,
    forceCloseConnections: true,
    // These errors occur before any hook, but such requests must pass the guard too.
    frameworkErrors: (error, request, reply) => {
      reply.headers({ ...protectiveHeaders, 'x-request-id': request.id, 'request-id': request.id })
      app.errorHandler(refusal(request, options) ?? error, request, reply)
    },
    // newServer has a handler of its own, for both addresses.
    clientErrorHandler: () => {},
    serverFactory: (fastifyHandler) => {
      handler = fastifyHandler
      return createListener()
    },
  })
  requireDeclaredScopes(app)
  parseJsonBodies(app)
  logAccess(app, options.observer)
  upgrades.join(app)
  guard(app, options, limits)
  continueLate(app, options.bodyBytesMax)
  return { app, createListener }
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** Newer than Node's own types, and than the oldest Node that runs this server: without it there are no upgrades. */
type UpgradeOptions = { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }

function newServer(handle: Handle, connections: Connections, upgrades: Upgrades, limits: HttpLimits): Server {
  const bounds: ServerOptions & UpgradeOptions = {
    shouldUpgradeCallback: mayUpgrade,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    // The guard checks this itself, with its own message.
    requireHostHeader: false,
  }
  const server = createServer(bounds, handle)
  // One more than is accepted, so that too many are detected instead of silently cut off.
  server.maxHeadersCount = limits.headersMax + 1
  server.maxConnections = limits.connectionsMax
  server.on('clientError', (error, socket) => void connections.answerUnreadable(error, socket))
  // A Node that does not ask about each request would refuse to answer all others that ask for an upgrade.
  if ('shouldUpgradeCallback' in server) upgrades.serve(server, handle)
  server.on('checkContinue', handle)
  server.on('checkExpectation', handle)
  return server
}

/** Answers `expect: 100-continue` only once everything but the body has been checked. */
function continueLate(app: App, bodyBytesMax: number): void {
  app.addHook('preParsing', async ({ headers, routeOptions }, reply) => {
    // A form has a limit of its own.
    const isTooLarge = !routeOptions.config.takesForms && Number(headers['content-length'] ?? 0) > bodyBytesMax
    if (headers.expect?.toLowerCase() === '100-continue' && !isTooLarge) reply.raw.writeContinue()
  })
}

/** The guard's error for a request; null if it may pass. */
function refusal({ raw }: { raw: IncomingMessage }, { allowHosts, corsOrigins = [] }: AppOptions): unknown {
  try {
    checkRequest(raw, { allowHosts, corsOrigins })
    return null
  } catch (error) {
    return error
  }
}

function guard(
  app: App,
  { allowHosts, corsOrigins = [], callers, bodyBytesMax }: AppOptions,
  limits: HttpLimits,
): void {
  app.decorateRequest('caller')
  app.decorateRequest('identify')
  // Do not wait for the rest of a body whose request is refused.
  app.addHook('onSend', async (request, reply) => {
    if (request.raw.complete !== false) return
    reply.header('connection', 'close')
    // A body of known length may be somewhat too long; one of unknown length that was too long has no end.
    const isEndless = request.headers['content-length'] === undefined && reply.statusCode === 413
    closeAfterBody(request.raw, limits.lingerMs, isEndless ? 0 : 2 * bodyBytesMax)
  })
  app.decorateRequest('errorCode', null)
  app.decorateRequest('ignoredFields', null)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...protectiveHeaders, 'x-request-id': request.id, 'request-id': request.id })
    if (request.raw.rawHeaders.length > limits.headersMax * 2)
      throw new AppError('headers_too_large', `a request may have at most ${limits.headersMax} headers`)
    const target = request.originalUrl
    if (target.length > limits.urlBytesMax)
      throw new AppError('url_too_long', `the URL may have at most ${limits.urlBytesMax} characters`)
    const origin = checkRequest(request.raw, { allowHosts, corsOrigins })
    if (origin !== null) allowOrigin(reply, origin)
    if (origin !== null && isPreflight(request)) return answerPreflight(request, reply)
    refuseKeysInUrl(target)
    if (request.is404) throw routeError(app, request, reply)
    const { scope = 'admin', refusal, takesForms = false } = request.routeOptions.config
    request.identify = async () => (await callers?.identify(request, scope, origin !== null)) ?? anonymousCaller
    request.caller = await request.identify()
    if (refusal !== undefined) throw refusal(target.split('?')[0] ?? target)
    checkBodyType(request.raw, takesForms)
  })
}

function logAccess(app: App, observer: AppOptions['observer']): void {
  app.decorateRequest('trace', null)
  if (observer?.beginRequest !== undefined) {
    app.addHook('onRequest', async (request) => {
      const { traceparent } = request.headers
      request.trace =
        observer.beginRequest?.(request.method, typeof traceparent === 'string' ? traceparent : undefined) ?? null
    })
  }
  // Not the framework's hook, which skips answers that were cut short.
  app.addHook('onRequest', async (request, reply) => {
    let isReported = false
    const report = () => {
      if (!isReported) reportAnswer(request, reply)
      isReported = true
    }
    reply.raw.once('finish', report).once('close', report)
  })
  function reportAnswer(request: FastifyRequest, reply: FastifyReply): void {
    const facts = {
      method: request.method,
      route: request.is404 ? null : (request.routeOptions.url ?? null),
      status: reply.raw.writableFinished || reply.raw.statusCode === 101 ? reply.raw.statusCode : 499,
      ms: Math.round(reply.elapsedTime),
    }
    request.log.info(facts, 'request')
    const answer = answerFacts(request, reply, facts.status)
    observer?.onAnswer(answer)
    request.trace?.end(answer)
  }
}

function answerFacts(request: FastifyRequest, reply: FastifyReply, status: number): AnswerFacts {
  return {
    method: request.method,
    route: request.is404 ? null : (request.routeOptions.url ?? null),
    status,
    durationMs: reply.elapsedTime,
    code: request.errorCode,
    userAgent: request.headers['user-agent'] ?? '',
    // Any other name is the client's own, and would create a label of its own.
    ignored: (request.ignoredFields ?? []).filter((name) => /^(?:[\w.]|\[\])+$/.test(name)),
  }
}
