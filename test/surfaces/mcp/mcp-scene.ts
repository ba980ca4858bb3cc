// Clients of the MCP endpoint for tests: the official SDK's, and single requests without it.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  type CallToolResult,
  type ElicitRequest,
  ElicitRequestSchema,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js'
import { newSecret } from '../../../src/auth/keys.ts'
import { type KeyRecord, type Scope, unlimitedKey } from '../../../src/core/key-record.ts'
import { openKeyStore } from '../../../src/store/key-store.ts'
import { RunResult } from '../../../src/surfaces/mcp/schemas.ts'
import type { TestFolders } from '../../helpers/test-server.ts'

export type Target = { url: string }

export const endpointOf = ({ url }: Target) => new URL('/mcp', url)

export type ClientOptions = {
  key?: string
  /** Answers what a person is asked; without it the client cannot ask. */
  elicit?: (request: ElicitRequest, signal: AbortSignal) => ElicitResult | Promise<ElicitResult>
}

export type Connected = { client: Client; transport: StreamableHTTPClientTransport }

/** A client with a session of its own. */
export async function connect(
  t: Pick<TestContext, 'after'>,
  target: Target,
  { key, elicit }: ClientOptions = {},
): Promise<Connected> {
  const capabilities = elicit === undefined ? {} : { elicitation: { form: {} } }
  const client = new Client({ name: 'test', version: '1' }, { capabilities })
  if (elicit !== undefined)
    client.setRequestHandler(ElicitRequestSchema, (request, { signal }) => elicit(request, signal))
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const transport = new StreamableHTTPClientTransport(endpointOf(target), { requestInit: { headers } })
  await client.connect(transport as Parameters<Client['connect']>[0])
  t.after(() => client.close())
  return { client, transport }
}

type CallOptions = Parameters<Client['callTool']>[2]

export async function call(
  { client }: Connected,
  name: string,
  args: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<CallToolResult> {
  return (await client.callTool({ name, arguments: args }, undefined, options)) as CallToolResult
}

/** The data of a result, checked against its schema. */
export const dataOf = ({ structuredContent }: CallToolResult) => RunResult.parse(structuredContent)

export const textOf = ({ content }: CallToolResult): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')

/** The result of a call that must succeed. */
export async function succeed(...args: Parameters<typeof call>) {
  const result = await call(...args)
  assert.ok(!result.isError, textOf(result))
  return { ...dataOf(result), text: textOf(result) }
}

/** The error of a call that must fail. */
export async function fail(...args: Parameters<typeof call>) {
  const result = await call(...args)
  assert.equal(result.isError, true, textOf(result))
  const { error, ...rest } = dataOf(result)
  assert.ok(error !== null)
  assert.equal(textOf(result), `${error.message} (${error.code})`)
  return { ...rest, ...error }
}

/** One request without the SDK. */
export async function send(target: Target, message: unknown, init: RequestInit = {}) {
  const response = await fetch(endpointOf(target), {
    method: 'POST',
    body: JSON.stringify(message),
    ...init,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...init.headers },
  })
  const body = await response.text()
  return { status: response.status, headers: response.headers, body }
}

/** The last message of an answer that is a stream. */
export function lastMessage(body: string): Record<string, unknown> {
  const data = body.split('\n').filter((line) => line.startsWith('data: '))
  return JSON.parse(data.at(-1)?.slice('data: '.length) ?? 'null')
}

export const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
}

export async function createKey(
  { dataDir }: TestFolders,
  scope: Scope,
  fields: Partial<KeyRecord> = {},
): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const store = await openKeyStore(dataDir)
  const names = { id: `key_${prefix.replaceAll(/\W/g, '')}`, name: `${scope} ${prefix}` }
  await store.createKey({
    ...names,
    prefix,
    hash,
    scopes: [scope],
    createdAtMs: Date.now(),
    ...unlimitedKey,
    ...fields,
  })
  await store.close()
  return secret
}
