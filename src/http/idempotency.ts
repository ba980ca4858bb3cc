// The header by which a client names a request, so that sending it twice does not do it twice.
import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Idempotency } from '../core/runs.ts'
import { invalidField } from '../errors.ts'

const keyPattern = /^[\x21-\x7e]{1,255}$/

/** Null where the request has none. Throws `invalid_request` for what is no key. */
export function readIdempotency(request: FastifyRequest): Idempotency | null {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || !keyPattern.test(key)) {
    throw invalidField('idempotency-key', 'must be 1 to 255 printable characters without spaces')
  }
  const asked = JSON.stringify([request.routeOptions.url ?? '', request.body])
  return { key, bodyHash: createHash('sha256').update(asked).digest('base64url') }
}
