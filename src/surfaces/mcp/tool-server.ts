// The library's side of one MCP session: it lists the tools that the caller may use, and calls them. The library is large, so only
// endpoint.ts, which is loaded with the first request, may load this file.
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  EmptyResultSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { requireScope } from '../../auth/authenticate.ts'
import { toRequestError } from '../../http/request-errors.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { isObject } from '../../platform/json.ts'
import type { McpOptions } from './options.ts'
import { toFailure } from './results.ts'
import { RunResult } from './schemas.ts'
import type { ToolCall } from './tool-call.ts'
import { type Tool, tools } from './tools.ts'

/** The HTTP exchange that a message came with. */
export type Exchange = {
  request: FastifyRequest
  gone: AbortSignal
  /** Ends the answer to a call without a result: its client has cancelled it and expects none. */
  drop(requestId: string | number): void
}

type JsonSchema = { [name: string]: unknown }
type ListedSchema = JsonSchema & { type: 'object' }

/** Checked here anyway, and not every client can read them. */
const unlisted = new Set(['$schema', 'pattern', 'propertyNames'])

/** What models need to know of an input. Null counts as absent, but that would double every field. */
function simplify(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(simplify)
  if (!isObject(value)) return value
  const { anyOf, ...rest } = value
  const others = Array.isArray(anyOf) ? (anyOf as JsonSchema[]).filter(({ type }) => type !== 'null') : []
  const [only] = others
  const merged = only !== undefined && others.length === 1 ? { ...only, ...rest } : value
  const entries = Object.entries(merged).filter(([name]) => !unlisted.has(name))
  return Object.fromEntries(entries.map(([name, below]) => [name, simplify(below)]))
}

function toListed({ name, title, description, annotations, input, output }: Tool) {
  const { $schema: _, ...outputSchema } = z.toJSONSchema(output) as JsonSchema
  const inputSchema = { ...(simplify(z.toJSONSchema(input, { io: 'input' })) as JsonSchema), type: 'object' as const }
  return { name, title, description, annotations, inputSchema, outputSchema: outputSchema as ListedSchema }
}

const listed = tools.map((tool) => ({ scope: tool.scope, shown: toListed(tool) }))

const instructions =
  'Claude Code on the machine of this server. Use ask for a question that needs no files or tools, and run to delegate a task to an agent with its own tools and folder.'

/** Elicitation is checked here, by the answers that a run needs; the library's own validator would be one per session. */
const noValidator = {
  getValidator: () => () => {
    throw new Error('nothing is validated by the library')
  },
}

export function createToolServer(options: McpOptions): Server {
  const server = new Server(
    { name: 'claude-serve', title: 'claude-serve', version: options.version },
    { capabilities: { tools: {} }, instructions, jsonSchemaValidator: noValidator },
  )
  let hasPinged = false
  /** Clients made with the library do not notice that its request number 0 is withdrawn, so that number goes to a ping. */
  const useUpZero = (extra: ToolCall['extra']) => {
    if (!hasPinged) void extra.sendRequest({ method: 'ping' }, EmptyResultSchema).catch(() => {})
    hasPinged = true
  }
  server.setRequestHandler(ListToolsRequestSchema, (_request, { authInfo }) => {
    const { caller } = exchangeOf(authInfo).request
    return { tools: listed.filter(({ scope }) => caller.may(scope)).map(({ shown }) => shown) }
  })
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { request, gone, drop } = exchangeOf(extra.authInfo)
    const call: ToolCall = {
      request,
      gone,
      extra,
      canElicit: server.getClientCapabilities()?.elicitation?.form !== undefined,
      elicit(form, limits) {
        useUpZero(extra)
        const params = { mode: 'form' as const, ...form }
        return extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema, limits)
      },
    }
    const tool = find(params.name)
    try {
      requireScope(request.caller, tool.scope)
      return await tool.call(params.arguments ?? {}, call, options)
    } catch (thrown) {
      const shown = { hasRunResult: tool.output === RunResult, keepsSession: tool.keepsSession }
      return toFailure(toRequestError(thrown, request), shown)
    } finally {
      if (extra.signal.aborted) drop(extra.requestId)
    }
  })
  return server
}

function find(name: string): Tool {
  const tool = tools.find((each) => each.name === name)
  if (tool !== undefined) return tool
  const names = tools.map((each) => each.name)
  const nearest = nearestName(name.slice(0, 80), names)
  const hint = nearest === null ? `the tools are ${names.join(', ')}` : `did you mean ${nearest}?`
  throw new McpError(ErrorCode.InvalidParams, `there is no tool ${JSON.stringify(name.slice(0, 80))}; ${hint}`)
}

/** The library passes what the endpoint knows of a request to the handlers in this form only. */
export const toAuthInfo = (exchange: Exchange) => ({ token: '', clientId: '', scopes: [], extra: { exchange } })

function exchangeOf(info: { extra?: Record<string, unknown> } | undefined): Exchange {
  if (info?.extra === undefined) throw new Error('a message came without its exchange')
  return info.extra.exchange as Exchange
}
