// Turns whatever a request failed with into an AppError: the framework's errors, wrong paths and methods, unexpected
// errors. Each surface decides how to send it.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, errorCodes, toAppError } from '../errors.ts'
import { requestedSurface } from './requested-surface.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The error code of the answer, for metrics; null if there was no error. */
    errorCode: string | null
  }
}

/** The framework's own errors, with our codes. */
const frameworkCodes: Record<string, (error: FastifyError) => AppError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('body_too_large', 'the body is larger than --body-limit allows'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new AppError('unsupported_media_type', "the body must be JSON: add -H 'content-type: application/json'"),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new AppError('invalid_request', 'the body is empty; it must be a JSON object'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new AppError('invalid_request', 'the body is not valid JSON'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('invalid_request', 'the length of the body does not match content-length'),
  FST_ERR_BAD_URL: () => new AppError('invalid_request', 'the URL is not valid'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('not_found', 'nothing with such a long name exists'),
}

/** Anything thrown, as an AppError. Its code is recorded; unexpected errors are logged with the request id. */
export function toRequestError(thrown: unknown, request: FastifyRequest): AppError {
  const error = toKnown(thrown, request)
  request.errorCode = error.code
  return error
}

function toKnown(thrown: unknown, request: FastifyRequest): AppError {
  const frameworkError = thrown as FastifyError
  const known = frameworkCodes[frameworkError.code ?? '']
  if (known !== undefined) return known(frameworkError)
  if (!(thrown instanceof AppError) && frameworkError.statusCode === 400)
    return new AppError('invalid_request', 'the body is not valid JSON')
  const error = toAppError(thrown)
  if (error.code === 'internal') request.log.error({ err: thrown }, 'unexpected error')
  return error
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** A path that exists under another method gets 405 with the methods that it supports; any other path gets 404. */
export function routeError(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): AppError {
  const [url, path] = [request.url, request.originalUrl].map((each) => each.split('?')[0] ?? '/') as [string, string]
  const constraints = { surface: requestedSurface(request.headers) }
  const hasRoute = (route: { method: (typeof methods)[number]; url: string; constraints?: { surface: string } }) => {
    try {
      return app.findRoute(route) !== null || app.hasRoute(route)
    } catch {
      // The path is parsed as a route pattern, and is not a valid one.
      return false
    }
  }
  const allowed = methods.filter((method) => hasRoute({ method, url }) || hasRoute({ method, url, constraints }))
  if (allowed.length === 0) return new AppError('not_found', `${request.method} ${path} does not exist`)
  reply.header('allow', allowed.join(', '))
  return new AppError('method_not_allowed', `${path} supports ${allowed.join(', ')}, not ${request.method}`)
}

/** The headers that an error adds to its answer. */
export function errorHeaders(error: AppError): Record<string, string> {
  const { retryAfterS } = error.details
  return {
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterS)) }),
    ...(error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}),
  }
}

/** With a longer wait than this, in seconds, a program that honors `retry-after` would seem to hang. */
const retryAfterMaxS = 60

/** Statuses that the vendors' SDKs retry by themselves; for others they need no header. */
const isRetried = (status: number) => [408, 409, 429].includes(status) || status >= 500

/**
 * Whether sending the same request again is harmless and may succeed. Once a run has started, it may have done some or
 * all of its work.
 */
function mayRetry({ code, details }: AppError): boolean {
  return errorCodes[code].retry && details.runId === undefined && (details.retryAfterS ?? 0) <= retryAfterMaxS
}

/** Keeps the vendors' SDKs from retrying in vain. `status` is the one that the surface sends for the error. */
export function retryHeaders(error: AppError, status: number): Record<string, string> {
  const wouldTry = isRetried(status) || error.code === 'claude_not_logged_in'
  return wouldTry && !mayRetry(error) ? { 'x-should-retry': 'false' } : {}
}
