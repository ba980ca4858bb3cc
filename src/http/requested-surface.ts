// Finds the surface that a request means if no route shows it: two surfaces share some paths, and the error for an unknown
// path must be one that the client understands.
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppError } from '../errors.ts'

export type CompatibleSurface = 'anthropic' | 'openai' | 'ollama'

/** For paths that both surfaces have. */
export const requestedSurface = (headers: IncomingHttpHeaders): CompatibleSurface =>
  headers['anthropic-version'] || headers['x-api-key'] ? 'anthropic' : 'openai'

/** The surface of a client that can only be one of these two, by headers that only its SDKs send; null for any other. */
export function clientSurface(headers: IncomingHttpHeaders): CompatibleSurface | null {
  if (headers['anthropic-version']) return 'anthropic'
  return headers['x-stainless-lang'] ? 'openai' : null
}

/** All of Ollama's paths, and no others, are here. */
const ollamaPath = /^\/+api\//

/** The surface of a request without a route; null if it can be that of any client. */
export const unknownPathSurface = ({ url, headers }: FastifyRequest): CompatibleSurface | null =>
  ollamaPath.test(url) ? 'ollama' : clientSurface(headers)

/** Sends an error in a surface's own format. */
export type SendError = (error: AppError, request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Lets routes differ by surface as they can by host or version: see Fastify's constraints. */
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
