// CORS: lets web pages of the origins that the operator has allowed call and read the answers. Never a wildcard, never
// with credentials. Whether an origin may call is decided in guard.ts.
import type { FastifyReply, FastifyRequest } from 'fastify'

const methods = 'GET, HEAD, POST, PATCH, DELETE'

/** Response headers that pages may read. */
const exposed = [
  'x-request-id',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-run-id',
  'idempotent-replayed',
  'x-claude-serve-ignored',
  'x-claude-serve-estimate',
  'location',
  'mcp-session-id',
].join(', ')

/** How long a browser may cache a preflight answer, in seconds. */
const maxAgeS = '600'

/** For a request from an allowed foreign origin that has passed the guard. */
export function allowOrigin(reply: FastifyReply, origin: string): void {
  reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed, vary: 'origin' })
}

export const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Allows whatever headers the page wants to send: SDKs add many of their own. */
export function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const wanted = headers['access-control-request-headers']
  const isPrivate = headers['access-control-request-private-network'] === 'true'
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': methods,
      'access-control-max-age': maxAgeS,
      ...(typeof wanted === 'string' ? { 'access-control-allow-headers': wanted } : {}),
      ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}),
    })
    .send()
}
