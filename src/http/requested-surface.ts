// Which API a request means, where its path does not tell: two of them have routes of the same name, and a path that is not there
// is refused in words that the client understands.
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppError } from '../errors.ts'

export type Dialect = 'anthropic' | 'openai'

/** For paths that both have. */
export const dialectOf = (headers: IncomingHttpHeaders): Dialect =>
  headers['anthropic-version'] || headers['x-api-key'] ? 'anthropic' : 'openai'

/** The dialect of a client that can only be one of the two, by headers that only its SDKs send; null for any other. */
export function clientDialect(headers: IncomingHttpHeaders): Dialect | null {
  if (headers['anthropic-version']) return 'anthropic'
  return headers['x-stainless-lang'] ? 'openai' : null
}

/** Sends an error in a dialect's own shape. */
export type TellError = (error: AppError, request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Paths differ by dialect as by host or version: see Fastify's constraints. */
export const dialectConstraint = {
  name: 'dialect',
  storage() {
    const handlers = new Map<unknown, never>()
    return {
      get: (dialect: unknown) => handlers.get(dialect) ?? null,
      set: (dialect: unknown, handler: never) => void handlers.set(dialect, handler),
    }
  },
  deriveConstraint: ({ headers }: { headers: IncomingHttpHeaders }) => dialectOf(headers),
}
