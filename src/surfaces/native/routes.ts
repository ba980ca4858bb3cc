// Registers the native API's routes: the health routes are here, those for chat and runs in their own files.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Quota } from '../../core/agent.ts'
import type { AppError } from '../../errors.ts'
import { errorHeaders, toRequestError } from '../../http/request-errors.ts'
import { type CompatibleSurface, type SendError, unknownPathSurface } from '../../http/requested-surface.ts'
import { type RouteTable, registerRoutes } from '../../http/routes.ts'
import { type ChatOptions, chatRoutes } from './chat-routes.ts'
import { type RunOptions, runRoutes } from './run-routes.ts'
import { toErrorBody } from './translate.ts'
import { type WhoamiOptions, whoami } from './whoami.ts'

export type NativeOptions = ChatOptions &
  RunOptions &
  WhoamiOptions & {
    /** Send the error for an unknown path in the format of another API. */
    errorSenders?: Readonly<Record<CompatibleSurface, SendError>>
    /** Facts for the health routes; `health` throws an AppError if the CLI cannot be run. */
    health(): Promise<Record<string, unknown>>
    readiness(): Promise<{ ready: boolean; facts: Record<string, unknown> }>
    quota(): Quota
    /** The metrics for Prometheus. */
    metrics(): Promise<{ type: string; text: string }>
  }

export function registerNative(app: FastifyInstance, options: NativeOptions): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toRequestError(thrown, request)
    // An unknown path is that of no route: the client decides the error's format.
    const surface = request.is404 ? unknownPathSurface(request) : null
    const sendForSurface = surface === null ? undefined : options.errorSenders?.[surface]
    return sendForSurface?.(error, request, reply) ?? sendError(reply, request, error)
  })
  registerRoutes(app, healthRoutes, options)
  registerRoutes(app, chatRoutes, options)
  registerRoutes(app, runRoutes, options)
}

/** What supervisors, health checks and metrics ask about the server. */
export const healthRoutes: RouteTable<NativeOptions> = {
  tag: 'server',
  scope: 'any',
  routes: [
    {
      method: 'GET',
      path: '/v1/health',
      id: 'getHealth',
      summary: 'Is the server healthy, and is Claude logged in?',
      about: 'Starts no process.',
      answers: {
        200: { about: 'The CLI can be run.', json: 'Health' },
        503: { about: 'The CLI cannot be run.', json: 'Unhealthy' },
      },
      handler: ({ health }, _request, reply) =>
        health().catch((error: Error) => reply.code(503).send({ status: 'error', error: error.message })),
    },
    {
      method: 'GET',
      path: '/v1/quota',
      id: 'getQuota',
      summary: 'How far is the plan used?',
      about:
        'What Claude Code last reported about the plan it is logged in with; with an API key there is no plan. Starts no process.',
      answers: { 200: { about: 'The windows of the plan.', json: 'Quota' } },
      handler: async ({ quota }) => quota(),
    },
    {
      method: 'GET',
      path: '/v1/whoami',
      id: 'whoami',
      summary: 'Who am I, and what may I do?',
      about: "The caller's key, its scopes and limits, and what is spent of its budget.",
      answers: { 200: { about: 'The caller.', json: 'Whoami' } },
      handler: (options, { caller }) => whoami(options, caller),
    },
    {
      method: 'GET',
      path: '/livez',
      scope: 'open',
      id: 'getLiveness',
      summary: 'For supervisors: does the server respond?',
      answers: { 200: { about: 'It responds.', json: 'Liveness' } },
      handler: async () => ({ status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/readyz',
      id: 'getReadiness',
      summary: 'For supervisors: can the server accept runs?',
      answers: {
        200: { about: 'It can.', json: 'Readiness' },
        503: { about: 'It cannot.', json: 'Readiness' },
      },
      async handler({ readiness }, _request, reply) {
        const { ready, facts } = await readiness()
        return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', ...facts })
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      scope: 'admin',
      id: 'getMetrics',
      summary: 'Metrics for Prometheus',
      answers: { 200: { about: 'The metrics.', text: 'text/plain' } },
      async handler({ metrics }, _request, reply) {
        const { type, text } = await metrics()
        return reply.type(type).send(text)
      },
    },
  ],
}

function sendError(reply: FastifyReply, request: FastifyRequest, error: AppError): FastifyReply {
  const runId = reply.getHeader('x-run-id')
  const body = toErrorBody(error, request.id, typeof runId === 'string' ? runId : null)
  return reply.code(error.status).headers(errorHeaders(error)).send(body)
}
