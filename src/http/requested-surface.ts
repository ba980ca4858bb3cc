// Which API a request means, where its path does not tell: two of them have routes of the same name, and a path that is not there
// is refused in words that the client understands.
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppError } from '../errors.ts'

export type CompatibleSurface = 'anthropic' | 'openai'

/** For paths that both have. */
export const requestedSurface = (headers: IncomingHttpHeaders): CompatibleSurface =>
  headers['anthropic-version'] || headers['x-api-key'] ? 'anthropic' : 'openai'

/** The surface of a client that can only be one of the two, by headers that only its SDKs send; null for any other. */
export function clientSurface(headers: IncomingHttpHeaders): CompatibleSurface | null {
  if (headers['anthropic-version']) return 'anthropic'
  return headers['x-stainless-lang'] ? 'openai' : null
}

/** Sends an error in a surface's own shape. */
export type SendError = (error: AppError, request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Paths differ by surface as by host or version: see Fastify's constraints. */
export const surfaceConstraint = {
  name: 'surface',
  storage() {
    const handlers = new Map<unknown, never>()
    return {
      get: (surface: unknown) => handlers.get(surface) ?? null,
      set: (surface: unknown, handler: never) => void handlers.set(surface, handler),
    }
  },
  deriveConstraint: ({ headers }: { headers: IncomingHttpHeaders }) => requestedSurface(headers),
}
