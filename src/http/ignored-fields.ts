// Reports request fields that have no effect: in a header of the answer, or as an error if the caller asks for
// strictness.
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { invalidField } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Fields that had no effect, by name; null if there are none. */
    ignoredFields: readonly string[] | null
  }
}

/** Clients limit the length of a header. */
const listedMax = 30

function listed(names: readonly string[]): string {
  const left = names.length - listedMax
  return [...names.slice(0, listedMax), ...(left > 0 ? [`and ${left} more`] : [])].join(', ')
}

/** Names the fields that have no effect. Throws `invalid_request` if the caller asked for strictness. */
export function reportIgnoredFields(reply: FastifyReply, names: readonly string[]): void {
  refuseIgnoredFields(reply.request.headers, names)
  if (names.length > 0) nameIgnoredFields(reply, names)
}

/** Throws `invalid_request` if the caller asked for strictness. */
export function refuseIgnoredFields(headers: IncomingHttpHeaders, [first]: readonly string[]): void {
  if (first === undefined || headers['x-claude-serve-strict'] !== 'true') return
  throw invalidField(first, 'cannot be honored by this server (x-claude-serve-strict)', 'unsupported_parameter')
}

/** For fields that turn out to have no effect only during the run. */
export function nameIgnoredFields(reply: FastifyReply, names: readonly string[]): void {
  reply.request.ignoredFields = names
  reply.header('x-claude-serve-ignored', listed(names))
}
