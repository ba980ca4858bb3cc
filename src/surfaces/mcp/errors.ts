// Turns errors into what an MCP client understands: a JSON-RPC error for a message that was not accepted, and a tool result with
// `isError` for a call that failed. Pure.
import type { AppError } from '../../errors.ts'
import type { McpError } from './message-schemas.ts'
import type { RunResult } from './schemas.ts'

/** Those of JSON-RPC, and the one that MCP's own library uses for everything else. */
const rpcCodes = { parseError: -32_700, invalidRequest: -32_600, other: -32_000 } as const

export function toErrorBody(error: AppError, requestId: string, isUnreadable = false): McpError {
  const known = isUnreadable ? rpcCodes.parseError : rpcCodes.invalidRequest
  const code = error.code === 'invalid_request' ? known : rpcCodes.other
  return {
    jsonrpc: '2.0',
    id: null,
    error: { code, message: error.message, data: { code: error.code, request_id: requestId } },
  }
}

export const toErrorText = ({ code, message }: Pick<AppError, 'code' | 'message'>): string => `${message} (${code})`

export function toResultError({ code, message, details }: Pick<AppError, 'code' | 'message' | 'details'>) {
  return {
    code,
    message,
    field: details.field ?? null,
    retry_after_s: details.retryAfterS ?? null,
  } satisfies RunResult['error']
}
