// Web pages of origins that the operator has named may call, and read the answers: what a browser asks beforehand, and what it must
// be told. Never a wildcard, never with credentials. Whether an origin may call is decided at the door (guard.ts).
import type { FastifyReply, FastifyRequest } from 'fastify'

const methods = 'GET, HEAD, POST, PATCH, DELETE'

/** What programs read beside the body. */
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
].join(', ')

/** How long a browser may remember what it was told, in seconds. */
const maxAgeS = '600'

/** For a request that has passed the door and brings a foreign origin. */
export function allowOrigin(reply: FastifyReply, origin: string): void {
  reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed, vary: 'origin' })
}

export const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Whatever headers the page wants to send: SDKs bring many of their own. */
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
