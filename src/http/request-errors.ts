// Whatever a request failed with, as an AppError: the framework's refusals, wrong paths and methods, the unexpected. How it
// is told is each surface's own business.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, errorCodes, toAppError } from '../errors.ts'
import { requestedSurface } from './requested-surface.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of what it was refused or failed with, for figures. */
    errorCode: string | null
  }
}

/** The framework's own refusals, in our codes. */
const frameworkCodes: Record<string, (fault: FastifyError) => AppError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('body_too_large', 'the body is larger than --body-limit allows'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new AppError('unsupported_media_type', "the body must be JSON: add -H 'content-type: application/json'"),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new AppError('invalid_request', 'the body is empty; it must be a JSON object'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new AppError('invalid_request', 'the body is not valid JSON'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('invalid_request', 'the body is not as long as content-length says'),
  FST_ERR_BAD_URL: () => new AppError('invalid_request', 'the URL is not valid'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('not_found', 'there is nothing of so long a name'),
}

/** Any thrown thing as an AppError, which is noted; what nobody expected is logged with the request's id. */
export function toRequestError(thrown: unknown, request: FastifyRequest): AppError {
  const error = toKnown(thrown, request)
  request.errorCode = error.code
  return error
}

function toKnown(thrown: unknown, request: FastifyRequest): AppError {
  const fault = thrown as FastifyError
  const known = frameworkCodes[fault.code ?? '']
  if (known !== undefined) return known(fault)
  if (fault.statusCode === 400) return new AppError('invalid_request', 'the body is not valid JSON')
  const error = toAppError(thrown)
  if (error.code === 'internal') request.log.error({ err: thrown }, 'unexpected error')
  return error
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** For a path that exists under another method the answer is 405, with the methods that it has. */
export function routeError(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): AppError {
  const path = request.url.split('?')[0] ?? '/'
  const constraints = { surface: requestedSurface(request.headers) }
  const hasRoute = (route: { method: (typeof methods)[number]; url: string; constraints?: { surface: string } }) => {
    try {
      return app.findRoute(route) !== null || app.hasRoute(route)
    } catch {
      // The path is read as the pattern of a route, and is not a good one.
      return false
    }
  }
  const allowed = methods.filter(
    (method) => hasRoute({ method, url: path }) || hasRoute({ method, url: path, constraints }),
  )
  if (allowed.length === 0) return new AppError('not_found', `there is no ${request.method} ${path}`)
  reply.header('allow', allowed.join(', '))
  return new AppError('method_not_allowed', `${path} takes ${allowed.join(', ')}, not ${request.method}`)
}

/** The headers of an error answer that go with its facts. */
export function errorHeaders(error: AppError): Record<string, string> {
  const { retryAfterS } = error.details
  return {
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterS)) }),
    ...(error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}),
  }
}

/** Longer waits than this, in seconds, would leave a program that follows `retry-after` hanging. */
const patientS = 60

/** Where the SDKs of other APIs would by themselves try again; elsewhere they need no telling. */
const isRetried = (status: number) => [408, 409, 429].includes(status) || status >= 500

/**
 * Whether the same request may be sent again without harm and with hope. Once a run has begun it may have done its work, or
 * part of it.
 */
function mayRetry({ code, details }: AppError): boolean {
  return errorCodes[code].retry && details.runId === undefined && (details.retryAfterS ?? 0) <= patientS
}

/** Keeps the SDKs of other APIs from trying again in vain; `status` is the one that the surface gives the error. */
export function retryHeaders(error: AppError, status: number): Record<string, string> {
  const wouldTry = isRetried(status) || error.code === 'claude_not_logged_in'
  return wouldTry && !mayRetry(error) ? { 'x-should-retry': 'false' } : {}
}
