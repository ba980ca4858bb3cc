// Registers the native API's routes: the health routes are here, those for chat and runs in their own files.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AppError } from '../../errors.ts'
import { errorHeaders, toRequestError } from '../../http/request-errors.ts'
import { type CompatibleSurface, clientSurface, type SendError } from '../../http/requested-surface.ts'
import { routesNeed } from '../../http/route-options.ts'
import { type ChatOptions, registerChat } from './chat-routes.ts'
import { type RunOptions, registerRuns } from './run-routes.ts'
import { toErrorBody } from './translate.ts'

export type NativeOptions = ChatOptions &
  RunOptions & {
    /** Send the error for an unknown path in the format of another API. */
    errorSenders?: Readonly<Record<CompatibleSurface, SendError>>
    /** Facts for the health routes; `health` throws an AppError if the CLI cannot be run. */
    health(): Promise<Record<string, unknown>>
    readiness(): Promise<{ ready: boolean; facts: Record<string, unknown> }>
    /** The metrics for Prometheus; without it the route does not exist. */
    metrics?(): Promise<{ type: string; text: string }>
  }

export function registerNative(app: FastifyInstance, options: NativeOptions): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toRequestError(thrown, request)
    // An unknown path belongs to no API: the client decides the error's format.
    const surface = request.is404 ? clientSurface(request.headers) : null
    const sendForSurface = surface === null ? undefined : options.errorSenders?.[surface]
    return sendForSurface?.(error, request, reply) ?? sendError(reply, request, error)
  })
  app.register(async (scope) => registerRoutes(scope, options))
}

function registerRoutes(app: FastifyInstance, options: NativeOptions): void {
  routesNeed(app, 'agent')
  app.get('/livez', { config: { scope: 'open' } }, async () => ({ status: 'ok' }))
  app.get('/readyz', { config: { scope: 'any' } }, async (_request, reply) => {
    const { ready, facts } = await options.readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', ...facts })
  })
  app.get('/v1/health', { config: { scope: 'any' } }, async (_request, reply) => {
    try {
      return await options.health()
    } catch (error) {
      const { message } = error as Error
      return reply.code(503).send({ status: 'error', error: message })
    }
  })
  const { metrics } = options
  if (metrics !== undefined) {
    app.get('/metrics', { config: { scope: 'admin' } }, async (_request, reply) => {
      const { type, text } = await metrics()
      return reply.type(type).send(text)
    })
  }
  registerChat(app, options)
  registerRuns(app, options)
}

function sendError(reply: FastifyReply, request: FastifyRequest, error: AppError): FastifyReply {
  return reply.code(error.status).headers(errorHeaders(error)).send(toErrorBody(error, request.id))
}
