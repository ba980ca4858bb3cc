// Who may use the MCP endpoint and how: keys and scopes, sessions and whose they are, headers and bodies, and what is left when the server
// stops.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openKeyStore } from '../../../src/store/key-store.ts'
import { McpError } from '../../../src/surfaces/mcp/message-schemas.ts'
import { makeFolders, startTestServer, step } from '../../helpers/test-server.ts'
import { call, connect, createKey, endpointOf, fail, initialize, lastMessage, send, succeed } from './mcp-scene.ts'

const file = { after: (end: () => Promise<void>) => after(end) }
const open = await startTestServer(file, { config: { maxProcesses: 2 } })
const folders = makeFolders(file)
const locked = await startTestServer(file, { folders, config: { maxProcesses: 2 } })
const [chatKey, agentKey, otherKey] = [
  await createKey(folders, 'chat'),
  await createKey(folders, 'agent'),
  await createKey(folders, 'agent'),
]

/** The status of an answer, and the codes of its error. */
function errorOf({ status, body }: { status: number; body: string }) {
  const { error } = McpError.parse(JSON.parse(body))
  return [status, error.code, error.data?.code]
}

async function openSession(target = open, headers: Record<string, string> = {}): Promise<Record<string, string>> {
  const opened = await send(target, initialize, { headers })
  assert.equal(opened.status, 200, opened.body)
  const id = opened.headers.get('mcp-session-id')
  assert.ok(id)
  return { ...headers, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
}

const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

test('each key sees the tools that it may use, and gets a clear error for the others', async (t) => {
  await assert.rejects(connect(t, locked), /401|unauthorized/i)
  const chat = await connect(t, locked, { key: chatKey })
  const names = async ({ client }: typeof chat) => (await client.listTools()).tools.map(({ name }) => name)
  assert.deepEqual(await names(chat), ['ask'])
  assert.equal((await succeed(chat, 'ask', { prompt: `hi ${step({ text: 'hello' })}` })).result, 'hello')
  const refused = await fail(chat, 'run', { prompt: 'x' })
  assert.deepEqual([refused.code, refused.run_id], ['insufficient_scope', null])
  assert.match(refused.message, /lacks the scope agent/)
  const agent = await connect(t, locked, { key: agentKey })
  assert.deepEqual(await names(agent), ['ask', 'run', 'continue', 'sessions', 'run_status'])
})

test("a key's runs are not shown to another key", async (t) => {
  const [agent, other] = await Promise.all([agentKey, otherKey].map((key) => connect(t, locked, { key })))
  assert.ok(agent && other)
  const { run_id } = await succeed(agent, 'run', { prompt: `mine ${step({ text: 'ok' })}`, tools: [] })
  assert.equal((await succeed(agent, 'run_status', { run_id })).result, 'ok')
  assert.equal((await fail(other, 'run_status', { run_id })).code, 'run_not_found')
})

test('the policy of a key holds', async (t) => {
  const policy = {
    models: ['haiku'],
    tools: ['Read'],
    cwdRoots: [folders.cwd],
    permissionModes: null,
    runsMax: null,
    budgetPeriod: null,
  }
  const key = await createKey(folders, 'agent', { policy })
  const limited = await connect(t, locked, { key })
  assert.equal((await fail(limited, 'ask', { prompt: 'x', model: 'opus' })).code, 'insufficient_scope')
  assert.equal((await fail(limited, 'run', { prompt: 'x', tools: ['Bash'] })).code, 'insufficient_scope')
  assert.equal((await fail(limited, 'run', { prompt: 'x', cwd: '/tmp' })).code, 'cwd_not_allowed')
  const spent = await connect(t, locked, { key: await createKey(folders, 'agent', { budgetUsd: 0 }) })
  assert.equal((await fail(spent, 'ask', { prompt: 'x' })).code, 'budget_exceeded')
})

test('a session belongs to the key that opened it', async () => {
  const own = await openSession(locked, bearer(agentKey))
  assert.equal((await send(locked, list, { headers: own })).status, 200)
  const theirs = { ...own, ...bearer(otherKey) }
  assert.deepEqual(errorOf(await send(locked, list, { headers: theirs })), [404, -32000, 'not_found'])
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(endpointOf(locked), { method, headers: { ...theirs, accept: 'text/event-stream' } })
    assert.equal(answer.status, 404)
  }
  assert.equal((await send(locked, list, { headers: own })).status, 200)
})

test('a session ends with DELETE, without a body and its type', async () => {
  const headers = await openSession()
  const ended = await fetch(endpointOf(open), { method: 'DELETE', headers })
  assert.equal(ended.status, 200)
  assert.deepEqual(errorOf(await send(open, list, { headers })), [404, -32000, 'not_found'])
  const again = await fetch(endpointOf(open), { method: 'DELETE', headers })
  assert.equal(again.status, 404)
})

test('an unknown session is 404, and a second initialize in a session is refused', async () => {
  const unknown = { 'mcp-session-id': '11111111-2222-4333-8444-555555555555' }
  assert.deepEqual(errorOf(await send(open, list, { headers: unknown })), [404, -32000, 'not_found'])
  const headers = await openSession()
  assert.equal((await send(open, initialize, { headers })).status, 400)
})

test('a session that cannot be initialized leaves nothing', async () => {
  const answer = await send(open, { ...initialize, params: {} })
  assert.equal(answer.status, 400)
  assert.equal(answer.headers.get('mcp-session-id'), null)
})

test('headers are checked as the protocol says', async () => {
  const headers = await openSession()
  const version = await send(open, list, { headers: { ...headers, 'mcp-protocol-version': '1999-01-01' } })
  assert.equal(version.status, 400)
  assert.match(version.body, /Unsupported protocol version/)
  for (const accept of ['application/json', 'text/event-stream', '*/*']) {
    assert.equal((await send(open, list, { headers: { ...headers, accept } })).status, 406, accept)
  }
  const stream = await fetch(endpointOf(open), { headers: { ...headers, accept: 'application/json' } })
  assert.equal(stream.status, 406)
  const none = await fetch(endpointOf(open), { headers: { accept: 'text/event-stream' } })
  assert.equal(none.status, 400)
  const head = await fetch(endpointOf(open), { method: 'HEAD', headers })
  assert.deepEqual([head.status, head.headers.get('allow')], [405, 'GET, POST, DELETE'])
})

test('bodies that are no message are refused in the form of JSON-RPC', async () => {
  const text = (body: string, headers = {}) => send(open, null, { body, headers })
  assert.deepEqual(errorOf(await text('{')), [400, -32700, 'invalid_request'])
  assert.deepEqual(errorOf(await text('[]')), [400, -32600, 'invalid_request'])
  assert.deepEqual(errorOf(await text('7')), [400, -32600, 'invalid_request'])
  assert.equal((await text('{"a":1}')).status, 400)
  const deep = JSON.stringify({ ...list, params: JSON.parse('['.repeat(80) + ']'.repeat(80)) })
  assert.deepEqual(errorOf(await text(deep)), [400, -32600, 'invalid_request'])
  assert.deepEqual(errorOf(await text('{}', { 'content-type': 'text/plain' })), [415, -32000, 'unsupported_media_type'])
  assert.deepEqual(errorOf(await text('{}', { origin: 'https://evil.example' })), [403, -32000, 'origin_not_allowed'])
  const missing = lastMessage((await send(open, { ...list, method: 'nothing/here' })).body)
  assert.equal((missing.error as { code: number }).code, -32601)
})

test('two calls of a session with the same id cannot be in progress', async () => {
  const headers = await openSession()
  const params = { name: 'ask', arguments: { prompt: `same id ${step({ hang: 'headers' })}` } }
  const tool = { jsonrpc: '2.0', id: 9, method: 'tools/call', params }
  const controller = new AbortController()
  const first = send(open, tool, { headers, signal: controller.signal })
  const rejected = assert.rejects(first)
  await open.upstream.waitForRequest((request) => JSON.stringify(request).includes('same id'))
  assert.deepEqual(errorOf(await send(open, tool, { headers })), [400, -32600, 'invalid_request'])
  controller.abort()
  await rejected
})

test('a session has one reader of its stream, which ends with the session', async () => {
  const headers = { ...(await openSession()), accept: 'text/event-stream' }
  const first = await fetch(endpointOf(open), { headers })
  assert.equal(first.status, 200)
  assert.match(first.headers.get('content-type') ?? '', /^text\/event-stream/)
  const second = await fetch(endpointOf(open), { headers })
  assert.equal(second.status, 409)
  assert.equal((await fetch(endpointOf(open), { method: 'DELETE', headers })).status, 200)
  assert.equal(await first.text(), '')
})

test('a revoked key loses its stream', async () => {
  const id = 'key_revoked'
  const key = await createKey(folders, 'agent', { id })
  const headers = { ...(await openSession(locked, bearer(key))), accept: 'text/event-stream' }
  const stream = await fetch(endpointOf(locked), { headers })
  assert.equal(stream.status, 200)
  const store = await openKeyStore(folders.dataDir)
  await store.revokeKey(id, Date.now())
  await store.close()
  // It ends when the server next looks for keys that are no longer valid.
  await stream.text()
  assert.equal((await send(locked, list, { headers })).status, 401)
})

test('a server that closes ends the streams and the calls', async (t) => {
  const closing = await startTestServer(t, { config: { maxProcesses: 1 } })
  const client = await connect(t, closing)
  const headers = { ...(await openSession(closing)), accept: 'text/event-stream' }
  const stream = await fetch(endpointOf(closing), { headers })
  const calling = call(client, 'ask', { prompt: `to the end ${step({ hang: 'headers' })}` })
  const settled = Promise.allSettled([calling, stream.text()])
  await closing.upstream.waitForRequest((request) => JSON.stringify(request).includes('to the end'))
  await closing.close(0)
  const [answer] = await settled
  assert.ok(answer.status === 'rejected' || answer.value.isError)
})

test('parameters that MCP does not define are refused in words, as the answer to their request', async () => {
  const session = await openSession()
  const { protocolVersion, capabilities, clientInfo } = initialize.params
  const cases: [method: string, params: unknown, message: string][] = [
    ['initialize', undefined, 'params is required'],
    ['initialize', [], 'params must be an object'],
    ['initialize', { capabilities, clientInfo }, 'params.protocolVersion is required'],
    ['initialize', { protocolVersion, clientInfo }, 'params.capabilities is required'],
    ['initialize', { protocolVersion, capabilities }, 'params.clientInfo is required'],
    ['initialize', { protocolVersion, capabilities, clientInfo: 'x' }, 'params.clientInfo must be an object'],
    ['tools/call', undefined, 'params is required'],
    ['tools/call', { arguments: {} }, 'params.name is required'],
    ['tools/call', { name: 5 }, 'params.name must be a string'],
    ['tools/call', { name: 'ask', arguments: [] }, 'params.arguments must be an object'],
    ['tools/call', { name: 'ask', arguments: 'x' }, 'params.arguments must be an object'],
    ['tools/call', { name: 'ask', arguments: null }, 'params.arguments must be an object'],
    ['tools/list', { cursor: 5 }, 'params.cursor must be a string'],
    ['tools/list', [], 'params must be an object'],
    ['ping', { _meta: 5 }, 'params._meta must be an object'],
    ['ping', { _meta: { progressToken: {} } }, 'params._meta.progressToken is not what MCP defines there'],
  ]
  for (const headers of [{}, session]) {
    for (const [method, params, message] of cases) {
      const { status, body } = await send(open, { jsonrpc: '2.0', id: 'a', method, params }, { headers })
      assert.equal(status, method === 'initialize' ? 400 : 200, body)
      assert.deepEqual(JSON.parse(body), { jsonrpc: '2.0', id: 'a', error: { code: -32602, message } })
    }
  }
  const gone = { ...session, 'mcp-session-id': 'none' }
  assert.deepEqual(errorOf(await send(open, { ...list, params: [] }, { headers: gone })).slice(0, 1), [404])
  assert.equal((await send(open, list, { headers: session })).status, 200)
})
