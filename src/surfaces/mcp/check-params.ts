// Checks the parameters of a request before MCP's library does: its own answer would be the output of a validator, under a code that
// means an error of the server. Loads the library, as endpoint.ts does. Not for the arguments of the tools (tools.ts).
import {
  CallToolRequestSchema,
  InitializeRequestSchema,
  ListToolsRequestSchema,
  PingRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { z } from 'zod'

const schemas: Readonly<Record<string, z.ZodType>> = {
  initialize: InitializeRequestSchema,
  ping: PingRequestSchema,
  'tools/list': ListToolsRequestSchema,
  'tools/call': CallToolRequestSchema,
}

const expectations: Readonly<Record<string, string>> = {
  object: 'must be an object',
  record: 'must be an object',
  string: 'must be a string',
  boolean: 'must be true or false',
}

/** What is wrong with the parameters of a request, as a sentence; null if nothing is, or its method is unknown. */
export function paramsProblem(message: Readonly<Record<string, unknown>>): string | null {
  const method = typeof message.method === 'string' ? message.method : ''
  const schema = Object.hasOwn(schemas, method) ? schemas[method] : undefined
  // The form of the rest is the library's business: without it, nothing is a request.
  const [issue] = schema?.safeParse({ method, params: message.params }).error?.issues ?? []
  if (issue === undefined) return null
  const path = issue.path.map(String).join('.')
  return `${path || 'params'} ${isMissing(message, issue.path) ? 'is required' : expectationOf(issue)}`
}

const expectationOf = (issue: z.core.$ZodIssue) =>
  (issue.code === 'invalid_type' ? expectations[issue.expected] : undefined) ?? 'is not what MCP defines there'

function isMissing(message: object, path: readonly PropertyKey[]): boolean {
  let value: unknown = message
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part]
  return value === undefined
}
