// One call of a tool: who sent it, and what its client can be sent until it has the result.
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type {
  ElicitRequestFormParams,
  ElicitResult,
  ServerNotification,
  ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'
import type { FastifyRequest } from 'fastify'

/** A form that a client shows to a person. */
export type Form = Pick<ElicitRequestFormParams, 'message' | 'requestedSchema'>

export type ToolCall = {
  request: FastifyRequest
  /** Aborted if the client disconnects before it has the result. */
  gone: AbortSignal
  /** Whether the client can show a form to a person. */
  canElicit: boolean
  extra: RequestHandlerExtra<ServerRequest, ServerNotification>
  /** Asks the client to show a form. */
  elicit(form: Form, options: { timeout: number; signal: AbortSignal }): Promise<ElicitResult>
}
