// Sends every example of openapi.json, and every request that needs none, to a real server with the demo model, and
// checks each answer against the document. Sample values in the examples, such as ids, are replaced by existing ones.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import {
  sampleBatch,
  sampleConversation,
  sampleFile,
  sampleFolder,
  sampleItem,
  sampleMessageBatch,
  sampleRequest,
  sampleResponse,
  sampleRun,
  sampleSession,
} from '../../scripts/openapi/examples.ts'
import { newSecret } from '../../src/auth/keys.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { keyRecord } from '../contract/store-api-keys-suite.ts'
import { chat, post, readChatEvents } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { startTestServer, type TestServer } from '../helpers/test-server.ts'
import { assertFits, document, type Operation, operations, type Parameter, resolve, responseOf } from './api-scene.ts'

const hello = [{ role: 'user', content: 'hi' }]

/** What needs no agent shares one warm process. */
const plain = { tools: [] }

let server: TestServer
const ends: (() => unknown)[] = []
/** The existing values that replace the samples of the document. */
const actualValues = new Map<string, string>()

before(async () => {
  const file = { after: (end?: unknown) => void ends.unshift(end as () => unknown) }
  server = await startTestServer(file, { config: { demo: true } })
  const first = await chat(server, { prompt: 'Say hello' })
  await respond('Say hello')
  await createConversation()
  await uploadFile()
  await createBatch()
  await createMessageBatch()
  actualValues.set(sampleFolder, server.folders.cwd).set(sampleRun, first.run_id).set(sampleSession, first.session_id)
})

after(async () => {
  for (const end of ends) await end()
})

const withActualValues = (text: string): string =>
  [...actualValues].reduce((result, [from, to]) => result.replaceAll(from, to), text)

/** Creates a response, and stores its id for the samples. */
async function respond(input: string, more: object = {}): Promise<void> {
  const { status, body } = await post(server, '/v1/responses', { model: 'sonnet', input, ...more })
  assert.equal(status, 200)
  actualValues.set(sampleResponse, String(body.id))
}

/** Creates a conversation of one item, and stores the ids of both for the samples. */
async function createConversation(): Promise<void> {
  const { body } = await post(server, '/v1/conversations', { items: [{ id: 'msg_1', role: 'user', content: 'hi' }] })
  actualValues.set(sampleConversation, String(body.id)).set(sampleItem, 'msg_1')
}

const json = async (path: string) => (await fetch(`${server.url}${path}`)).json() as Promise<Record<string, unknown>>

/** Uploads a file as the document says, and stores its id for the samples. */
async function uploadFile(): Promise<void> {
  const body = { model: 'sonnet', messages: [{ role: 'user', content: 'Say hello' }] }
  const line = { custom_id: 'first', method: 'POST', url: '/v1/chat/completions', body }
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', new Blob([JSON.stringify(line)]), 'requests.jsonl')
  const headers = { authorization: 'Bearer none' }
  const response = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form, headers })
  const { id } = (await response.clone().json()) as { id: string }
  actualValues.set(sampleFile, id)
  const operation = operations.find(({ operationId }) => operationId === 'uploadFile')
  assert.ok(operation?.requestBody?.content['multipart/form-data'])
  await check(operation, response)
}

/** Creates a batch that nobody waits for, and stores its id for the samples. */
async function createBatch(): Promise<void> {
  const request = { endpoint: '/v1/chat/completions', completion_window: '24h' }
  const { body } = await post(server, '/v1/batches', { ...request, input_file_id: actualValues.get(sampleFile) })
  actualValues.set(sampleBatch, String(body.id))
}

/** Creates a batch, waits until it has ended, and stores its id for the samples. */
async function createMessageBatch(): Promise<void> {
  const params = { model: 'sonnet', max_tokens: 10, messages: hello }
  const { body } = await post(server, '/v1/messages/batches', { requests: [{ custom_id: 'first', params }] })
  const path = `/v1/messages/batches/${body.id}`
  while ((await json(path)).processing_status !== 'ended');
  actualValues.set(sampleMessageBatch, String(body.id))
}

const eventsOf = (runId: unknown) => fetch(`${server.url}/v1/runs/${runId}/events`)

/** The last of these runs. */
let approvalRun: { id: unknown; sessionId: string } | null = null

/** Starts a background run that waits for an approval, and stores both ids for the samples. */
async function startApprovalRun(prompt: string): Promise<void> {
  // It continues the conversation of the last one, once that is answered.
  if (approvalRun !== null) await (await eventsOf(approvalRun.id)).text()
  const session = approvalRun === null ? {} : { session_id: approvalRun.sessionId }
  const { status, body } = await post(server, '/v1/chat', { prompt, approvals: true, background: true, ...session })
  assert.equal(status, 202)
  actualValues.set(sampleRun, String(body.id))
  for await (const event of readChatEvents(await eventsOf(body.id))) {
    if (event.type === 'start') approvalRun = { id: body.id, sessionId: event.session_id }
    if (event.type !== 'permission_request' && event.type !== 'question') continue
    actualValues.set(sampleRequest, event.request_id)
    return
  }
  assert.fail('the run requested nothing')
}

/** What an operation requires to succeed. */
const preparations: Record<string, () => Promise<void>> = {
  answerPermission: () => startApprovalRun('Write a file, please'),
  answerQuestion: () => startApprovalRun('Ask me something'),
  async cancelRun() {
    const { body } = await post(server, '/v1/chat', { ...plain, prompt: 'Be slow', background: true })
    actualValues.set(sampleRun, String(body.id))
  },
  deleteResponse: () => respond('Say hello'),
  cancelResponse: () => respond('Be slow', { background: true }),
  deleteConversation: createConversation,
  deleteFile: uploadFile,
  createBatch: uploadFile,
  cancelBatch: createBatch,
  deleteMessageBatch: createMessageBatch,
  getConversation: createConversation,
  deleteConversationItem: createConversation,
  getConversationItem: createConversation,
  async deleteSession() {
    const { body } = await post(server, `/v1/sessions/${actualValues.get(sampleSession)}/fork`, {})
    actualValues.set(sampleSession, String(body.session_id))
  },
}

function pathOf({ path, parameters }: Operation): string {
  const example = (name: string) => parameters.find((each: Parameter) => each.name === name)?.example
  return withActualValues(path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(example(name))))
}

/** Protective headers are not documented; the others belong to HTTP itself or duplicate another one. */
const common =
  /^(content-|cross-origin-|referrer-policy|x-content-type-options|x-frame-options|x-accel-buffering|cache-control|connection|date|keep-alive|transfer-encoding|etag|request-id|vary|allow)/

/** Checks an answer against the document's response for its status. */
async function check(operation: Operation, response: Response, eventsMin = 3): Promise<void> {
  const { found, location } = responseOf(operation, response.status)
  const text = await response.text()
  const named = Object.keys(found.headers ?? {})
  for (const [name, value] of response.headers) {
    if (common.test(name)) continue
    assert.ok(named.includes(name), `${operation.operationId} does not document the header ${name}`)
    const { location: headerLocation } = resolve({ $ref: `#/components/headers/${name}` }, [])
    assertFits(/^\d+$/.test(value) ? Number(value) : value, [...headerLocation, 'schema'])
  }
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  if (found.content === undefined) return assert.equal(text, '')
  assert.ok(found.content[type], `${operation.operationId} does not document ${type}`)
  const schema = [...location, 'content', type, 'schema']
  if (type === 'application/json') return assertFits(JSON.parse(text), schema)
  if (type === 'application/x-ndjson') {
    const lines = text.trim().split('\n')
    for (const line of lines) assertFits(JSON.parse(line), schema)
    return assert.match(lines.at(-1) ?? '', lastLines[operation.operationId] ?? /"done":true/)
  }
  if (type !== 'text/event-stream') return assertFits(text, schema)
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data ?? '')
  assert.ok(events.length >= eventsMin, text)
  for (const data of events) if (data !== '[DONE]') assertFits(JSON.parse(data), schema)
  assert.match(events.at(-1) ?? '', lastEvents[operation.operationId] ?? /^$/)
}

const lastLines: Record<string, RegExp> = { getMessageBatchResults: /"type":"succeeded"/ }

const lastEvents: Record<string, RegExp> = {
  chatStream: /"type":"done"/,
  followRun: /"type":"done"/,
  createChatCompletion: /^\[DONE\]$/,
  createResponse: /"type":"response.completed"/,
  getResponse: /"type":"response.completed"/,
  createMessage: /"type":"message_stop"/,
  sendMcpMessage: /"result":/,
}

const assertStatus = (operation: Operation, { status }: Response, wanted: number) =>
  assert.equal(status, wanted, `${operation.operationId} answered ${status}`)

/** Statuses of examples that differ from the operation's first success status. */
const statuses: Record<string, number> = { 'chat background': 202, 'forkSession plain': 201, 'forkSession titled': 201 }

/** Exchanging a code and a session of MCP have tests of their own below; a WebSocket is no HTTP. */
const isForAll = ({ operationId, tags }: Operation) =>
  !['login', 'connectResponses'].includes(operationId) && !tags.includes('mcp')

/** What the tests of the APIs themselves send to the CLI too. */
const repeated = ['agent', 'alone', 'folder', 'full', 'picture', 'structured', 'system', 'tools']

const isRepeated = (operationId: string, name: string) =>
  (/^(create|chat)/.test(operationId) && repeated.includes(name)) ||
  (operationId === 'answerPermission' && name !== 'allow')

for (const operation of operations.filter((each) => each.requestBody !== undefined && isForAll(each))) {
  const { operationId, method, requestBody, responses } = operation
  const expectedStatus = Number(Object.keys(responses).find((status) => status < '300'))
  for (const [name, { value }] of Object.entries(requestBody?.content['application/json']?.examples ?? {})) {
    testIf(!isRepeated(operationId, name))(
      `${operationId}: the example ${name} works, and the answer matches the document`,
      async () => {
        const before = new Map(actualValues)
        await preparations[operationId]?.()
        const response = await fetch(`${server.url}${pathOf(operation)}`, {
          method,
          headers: { 'content-type': 'application/json' },
          body: withActualValues(JSON.stringify(value)),
        })
        for (const [sample, real] of before) actualValues.set(sample, real)
        assertStatus(operation, response, statuses[`${operationId} ${name}`] ?? expectedStatus)
        await check(operation, response)
        // What is remembered holds for the rest of the conversation, so the next one is asked in another.
        if (name === 'remember') approvalRun = null
      },
    )
  }
}

const surfaceHeaders: Record<string, Record<string, string>> = {
  'as OpenAI': {},
  'as Anthropic': { 'anthropic-version': '2023-06-01' },
}

for (const operation of operations.filter((each) => each.method === 'GET' && isForAll(each))) {
  // Anthropic's SDK means its own API for files, which does not exist here.
  const isShared = operation.tags.includes('openai') && !operation.path.startsWith('/v1/files')
  for (const [name, headers] of Object.entries(isShared ? surfaceHeaders : { '': {} })) {
    test(`${operation.operationId} ${name} returns what the document says`, async () => {
      const response = await fetch(`${server.url}${pathOf(operation)}`, { headers })
      assertStatus(operation, response, 200)
      await check(operation, response)
    })
  }
}

const none = '11111111-2222-4333-8444-555555555555'

/** Errors of all kinds: operation, path, body, status. */
for (const [operationId, path, body, status] of [
  ['chat', '/v1/chat', { promt: 'hi' }, 400],
  ['chat', '/v1/chat', { prompt: 'hi', cwd: '/there/is/no/such/folder' }, 400],
  ['chat', '/v1/chat', { prompt: 'hi', session_id: none }, 404],
  ['chat', '/v1/chat', { prompt: 'hi', permission_mode: 'bypassPermissions' }, 403],
  ['chat', '/v1/chat', { ...plain, prompt: 'error 500' }, 502],
  ['chat', '/v1/chat', { ...plain, prompt: 'error 401' }, 503],
  ['chat', '/v1/chat', { ...plain, prompt: 'Be slow', timeout_s: 0.05 }, 504],
  ['chatStream', '/v1/chat/stream', { prompt: 'hi', session_id: none }, 404],
  ['getRun', `/v1/runs/run_${'0'.repeat(32)}`, null, 404],
  ['getRun', '/v1/runs/me', null, 400],
  ['getSession', `/v1/sessions/${none}`, null, 404],
  ['listRuns', '/v1/runs?limit=0', null, 400],
  ['createChatCompletion', '/v1/chat/completions', { messages: hello }, 400],
  ['createChatCompletion', '/v1/chat/completions', { model: 'gpt-9', messages: hello }, 404],
  ['createMessage', '/v1/messages', { model: 'sonnet', messages: hello }, 400],
  ['createMessage', '/v1/messages', { model: 'gpt-9', max_tokens: 1, messages: hello }, 404],
  ['countTokens', '/v1/messages/count_tokens', { model: 'sonnet', messages: [] }, 400],
  ['getModel', '/v1/models/gpt-9', null, 404],
  ['ollamaChat', '/api/chat', { messages: hello }, 400],
  ['ollamaGenerate', '/api/generate', { model: 'gpt-9', prompt: 'hi' }, 404],
  ['ollamaShow', '/api/show', {}, 400],
  ['sendMcpMessage', '/mcp', [], 400],
  ['sendMcpMessage', '/mcp', {}, 406],
  ['readMcpStream', '/mcp', null, 400],
] as const) {
  test(`${operationId}: the error matches the document: ${status} for ${JSON.stringify(body) ?? path}`, async () => {
    const operation = operations.find((each) => each.operationId === operationId)
    assert.ok(operation)
    const sent = body === null ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const response = await fetch(`${server.url}${path}`, { method: operation.method, ...sent })
    assertStatus(operation, response, status)
    await check(operation, response)
  })
}

test('a session of MCP goes as the document says', async () => {
  const [send, read, end] = ['sendMcpMessage', 'readMcpStream', 'endMcpSession'].map((id) => {
    const found = operations.find(({ operationId }) => operationId === id)
    assert.ok(found)
    return found
  }) as [Operation, Operation, Operation]
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const request = (body: unknown) => fetch(`${server.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { initialize, call } = send.requestBody?.content['application/json']?.examples ?? {}
  const opened = await request(initialize?.value)
  assertStatus(send, opened, 200)
  headers['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
  await check(send, opened, 1)
  const noted = await request({ jsonrpc: '2.0', method: 'notifications/initialized' })
  assertStatus(send, noted, 202)
  await check(send, noted)
  await check(send, await request(call?.value), 1)
  const reading = await fetch(`${server.url}/mcp`, { headers })
  assertStatus(read, reading, 200)
  const ended = await fetch(`${server.url}/mcp`, { method: 'DELETE', headers, body: '{}' })
  assertStatus(end, ended, 200)
  await check(end, ended)
  await check(read, reading, 0)
  const after = await request(call?.value)
  assertStatus(send, after, 404)
  await check(send, after)
})

test('exchanging the code of a one-time link succeeds and fails as the document says', async (t) => {
  const operation = operations.find((each) => each.operationId === 'login')
  assert.ok(operation)
  const other = await startTestServer(t, { fake: 'well-behaved' })
  const send = (key: string) =>
    fetch(`${other.url}${pathOf(operation)}`, {
      method: operation.method,
      headers: { 'content-type': 'application/json', ...(key === '' ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(operation.requestBody?.content['application/json']?.examples?.plain?.value),
    })
  const expect = async (key: string, status: number) => {
    const response = await send(key)
    assertStatus(operation, response, status)
    await check(operation, response)
  }
  await expect('', 400)
  const { secret, prefix, hash } = newSecret()
  const keys = await openKeyStore(other.folders.dataDir)
  await keys.createKey(keyRecord('key_own', { prefix, hash }))
  await keys.close()
  const [, code = ''] = (await other.pageLink())?.split('#code=') ?? []
  await expect('', 401)
  await expect(secret, 403)
  await expect(code, 201)
  await expect(code, 401)
})

test('the error for a body that is not declared as JSON matches the document', async () => {
  for (const operation of operations.filter((each) => each.requestBody !== undefined && isForAll(each))) {
    const { method } = operation
    const response = await fetch(`${server.url}${pathOf(operation)}`, { method, body: '{}' })
    assertStatus(operation, response, 415)
    await check(operation, response)
  }
})

test('an idempotency key used with another body, and a replayed answer, match the document', async () => {
  const operation = operations.find((each) => each.operationId === 'chat')
  assert.ok(operation)
  const send = (prompt: string) =>
    fetch(`${server.url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'one' },
      body: JSON.stringify({ ...plain, prompt }),
    })
  for (const [prompt, status] of [
    ['Say hello', 200],
    ['Say hello', 200],
    ['Say goodbye', 409],
  ] as const) {
    const response = await send(prompt)
    assertStatus(operation, response, status)
    await check(operation, response)
  }
})

test('fields without effect are named as the document says', async () => {
  for (const [operationId, body] of [
    ['createChatCompletion', { model: 'sonnet', messages: hello, seed: 1 }],
    ['createMessage', { model: 'sonnet', max_tokens: 99, messages: hello, top_k: 1 }],
  ] as const) {
    const operation = operations.find((each) => each.operationId === operationId)
    assert.ok(operation)
    const { url } = server
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${operation.path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.ok(response.headers.has('x-claude-serve-ignored'))
    assertStatus(operation, response, 200)
    await check(operation, response)
  }
})

test('the served document is that of the package, except for the address', async () => {
  for (const host of [`127.0.0.1:${server.port}`, `localhost:${server.port}`]) {
    const served = (await (await fetch(`http://${host}/openapi.json`)).json()) as object
    assert.deepEqual(served, { ...document, servers: [{ url: `http://${host}` }] })
  }
})
