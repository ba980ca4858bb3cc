// A route is a row of a table: its path, who may call it, what it takes and returns, and its handler. The rows are read
// twice: to register the routes (here), and to describe them in openapi.json (scripts/openapi.ts). Files of pages have
// no rows: see static-files.ts.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Caller, RouteScope } from '../auth/authenticate.ts'
import { AppError } from '../errors.ts'
import type { ErrorGroup } from './error-groups.ts'
import { ScannedBody } from './validate.ts'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller
    /** Identifies the caller once more: for a connection that outlives its request. */
    identify: () => Promise<Caller>
  }
  interface FastifyContextConfig {
    scope?: RouteScope
    mayBeEmpty?: boolean
    /** Its body is a form with files (multipart/form-data), of which its handler reads the parts. */
    takesForms?: boolean
    /** Why the route is not supported: it answers so whatever its body is. The argument is the path as the client sent it. */
    refusal?: (path: string) => AppError
  }
}

/**
 * `json`, `events` and `lines` are ids of schemas, for the body, for the `data:` of server-sent events and for lines of
 * JSON: a server does not load the schemas of what it returns. `text` is a media type. `headers` are names of response
 * headers.
 */
export type Answer = {
  about: string
  json?: string
  events?: string
  lines?: string
  text?: string
  headers?: readonly string[]
}

/** What openapi.json says about a route. */
type Operation = {
  id: string
  summary: string
  about?: string
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodType
  /** A body that is a form with files, instead of JSON. */
  form?: z.ZodType
  /** Names of request headers, besides those that follow from the rest of the row. */
  headers?: readonly string[]
  answers: Readonly<Record<number, Answer>>
  /** Besides those that follow from the rest of the row. */
  errors?: readonly ErrorGroup[]
  startsRun?: true
  reportsIgnoredFields?: true
}

/** The parameters of all paths; a route has those that its own path names. */
export type RouteRequest = FastifyRequest<{ Params: { id: string; item_id: string; request_id: string; '*': string } }>

type Registered<Options> = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'ALL'
  path: string
  /** Instead of the table's. */
  scope?: RouteScope
  /** Two APIs have this path; the request decides which of them is meant (requested-surface.ts). */
  isShared?: true
  /** Whether a body may be empty although it is declared as JSON. */
  mayBeEmpty?: true
  /** See the route's configuration. */
  takesForms?: true
  /** See the route's configuration. */
  refusal?: (path: string) => AppError
  handler(options: Options, request: RouteRequest, reply: FastifyReply): unknown
}

export type Route<Options> = Registered<Options> & Operation

export type RouteTable<Options> = {
  /** The part of openapi.json that the routes are in. */
  tag: 'native' | 'openai' | 'anthropic' | 'ollama' | 'mcp' | 'server'
  scope: RouteScope
  routes: readonly Route<Options>[]
  /** Routes that only say what to use instead, in the format of their API. */
  refusals?: readonly Registered<unknown>[]
}

export function registerRoutes<Options>(
  app: FastifyInstance,
  { tag, scope, routes, refusals = [] }: RouteTable<Options>,
  options: Options,
): void {
  for (const { method, path, handler, isShared, mayBeEmpty = false, takesForms = false, refusal, ...row } of [
    ...routes,
    ...refusals,
  ]) {
    app.route({
      method: method === 'ALL' ? app.supportedMethods : method,
      url: path,
      config: { scope: row.scope ?? scope, mayBeEmpty, takesForms, ...(refusal === undefined ? {} : { refusal }) },
      ...(isShared ? { constraints: { surface: tag } } : {}),
      handler: (request, reply) => handler(options, request as RouteRequest, reply),
    })
  }
}

/** `GET` of a path that takes a body. */
export const postOnly = (path: string): Registered<unknown> => ({
  method: 'GET',
  path,
  async handler(_options, _request, reply) {
    reply.header('allow', 'POST')
    throw new AppError('method_not_allowed', `${path} supports POST, not GET`)
  },
})

/** All methods of a path, below `path` if it ends in `*`. The error names the path as the client sent it. */
export const refuse = (path: string, error: (path: string) => AppError, isShared = false): Registered<unknown> => ({
  method: 'ALL',
  path,
  ...(isShared ? { isShared } : {}),
  refusal: error,
  async handler() {
    throw error(path)
  },
})

/** Throws when the app becomes ready if a route declares no scope. */
export function requireDeclaredScopes(app: FastifyInstance): void {
  const routes: { url: string; config?: { scope?: RouteScope } }[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onReady', async () => {
    const open = routes.find(({ config }) => config?.scope === undefined)
    if (open !== undefined)
      throw new Error(`the route ${open.url} does not declare its scope: see auth/authenticate.ts`)
  })
}

/** Parsing a smaller body takes a few milliseconds, whatever its structure, in bytes. */
const scannedBytesMin = 200_000

/** Reads JSON; an empty body is undefined where the route allows one. */
export function parseJsonBodies(app: FastifyInstance): void {
  app.addHook('preParsing', async ({ headers, routeOptions }, _reply, payload) => {
    const { 'content-length': length, 'transfer-encoding': coding } = headers
    const bytes = coding === undefined ? Number(length ?? 0) : null
    // One that is too large is refused unread.
    const isUnread = bytes !== null && bytes > (routeOptions.bodyLimit ?? Number.POSITIVE_INFINITY)
    if ((bytes !== null && bytes <= scannedBytesMin) || isUnread || routeOptions.config.takesForms) return payload
    const scanned = new ScannedBody()
    payload.once('error', (error) => scanned.destroy(error))
    return payload.pipe(scanned)
  })
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 && request.routeOptions.config.mayBeEmpty) return done(null, undefined)
    // Decoding would replace such bytes, and Claude would read something else than was sent.
    if (!isUtf8(body)) return done(new AppError('invalid_request', 'the body is not valid UTF-8'))
    return parse(request, body.toString(), done)
  })
}
