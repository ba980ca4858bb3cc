// The schemas of MCP's messages as openapi.json lists them. Only for the document and for tests: MCP's library checks messages itself.
import { z } from 'zod'

const id = z.union([z.string(), z.number()])

export const McpMessage = z
  .looseObject({
    jsonrpc: z.literal('2.0').describe('The version of JSON-RPC.'),
    id: id.optional().describe('Of the request; absent in notifications.'),
    method: z.string().optional().describe('Such as `initialize`, `tools/list` or `tools/call`.'),
    params: z.looseObject({}).optional().describe('As MCP defines them for the method.'),
    result: z.looseObject({}).optional().describe('In a response.'),
    error: z.looseObject({}).optional().describe('In a response.'),
  })
  .meta({ id: 'McpMessage', description: 'One message of the Model Context Protocol, in JSON-RPC.' })

export const McpError = z
  .object({
    jsonrpc: z.literal('2.0').describe('The version of JSON-RPC.'),
    id: z.null().describe('Always null: the message was not accepted.'),
    error: z
      .object({
        code: z.int().describe('The code of JSON-RPC.'),
        message: z.string().describe('What is wrong.'),
        data: z
          .object({
            code: z.string().describe('The error code, as in the native API.'),
            request_id: z.string().describe('The id of the request, as in `x-request-id`.'),
          })
          .optional()
          .describe('For programs.'),
      })
      .describe('The error.'),
  })
  .meta({ id: 'McpError', description: 'Why a message was not accepted.' })
export type McpError = z.output<typeof McpError>
