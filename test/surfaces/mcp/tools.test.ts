// The tools of the MCP endpoint, called by the official SDK's client: the real CLI and the scripted model. Permission prompts and the end of
// calls are tested in files of their own.
import assert from 'node:assert/strict'
import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SessionsResult } from '../../../src/surfaces/mcp/schemas.ts'
import { startTestServer, step } from '../../helpers/test-server.ts'
import { call, connect, dataOf, fail, lastMessage, send, succeed, textOf } from './mcp-scene.ts'

const file = { after: (end: () => Promise<void>) => after(end) }
const server = await startTestServer(file, { config: { maxProcesses: 3 } })
const client = await connect(file, server)

test('a client learns who the server is and which tools it has', async () => {
  assert.equal(client.client.getServerVersion()?.name, 'claude-serve')
  assert.match(client.client.getInstructions() ?? '', /Claude Code/)
  const { tools } = await client.client.listTools()
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['ask', 'run', 'continue', 'sessions', 'run_status'],
  )
  for (const { name, description, inputSchema, outputSchema, annotations } of tools) {
    assert.ok(description, name)
    assert.equal(inputSchema.additionalProperties, false)
    assert.equal(outputSchema?.type, 'object')
    assert.equal(annotations?.readOnlyHint, ['ask', 'sessions', 'run_status'].includes(name), name)
    for (const [field, schema] of Object.entries(inputSchema.properties ?? {})) {
      assert.ok('description' in schema, `${name}.${field}`)
      assert.ok(!('anyOf' in schema), `${name}.${field} shows that null counts as absent`)
    }
  }
  assert.equal(tools.find(({ name }) => name === 'run')?.annotations?.destructiveHint, true)
})

test('ask reaches the model alone: the system prompt, and neither tools nor settings', async () => {
  writeFileSync(join(server.folders.cwd, 'CLAUDE.md'), 'Always answer in Latin.')
  const prompt = `What is it? ${step({ text: 'An answer' })}`
  const result = await succeed(client, 'ask', { prompt, system_prompt: 'You are brief.', model: 'sonnet' })
  assert.equal(result.text, 'An answer')
  assert.deepEqual([result.result, result.status, result.session_id], ['An answer', 'succeeded', null])
  assert.match(result.run_id ?? '', /^run_/)
  assert.match(result.model ?? '', /sonnet/)
  assert.equal(typeof result.cost_usd, 'number')
  const body = JSON.stringify(server.upstream.requests.at(-1))
  assert.match(body, /What is it\?/)
  assert.match(body, /You are brief\./)
  assert.doesNotMatch(body, /Always answer in Latin/)
})

test('an ask that fails names no session, because nothing can continue it, and neither does its status', async () => {
  const prompt = `x ${step({ status: 400, error_type: 'invalid_request_error', message: 'no' })}`
  const failed = await fail(client, 'ask', { prompt })
  assert.deepEqual([failed.status, failed.session_id], ['failed', null])
  assert.ok(failed.run_id)
  const answered = await succeed(client, 'ask', { prompt: `y ${step({ text: 'An answer' })}` })
  for (const [{ run_id }, status] of [
    [failed, 'failed'],
    [answered, 'succeeded'],
  ] as const) {
    const looked = await succeed(client, 'run_status', { run_id })
    assert.deepEqual([looked.status, looked.session_id], [status, null])
    assert.doesNotMatch(looked.text, /session_id/)
  }
  const run = await fail(client, 'run', { prompt })
  assert.ok(run.session_id)
  assert.equal((await succeed(client, 'run_status', { run_id: run.run_id })).session_id, run.session_id)
})

test('ask returns an answer that matches a schema', async () => {
  const json_schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const prompt = `Which city? ${step({ tool: 'StructuredOutput', input: { city: 'Rome' } })} ${step({ text: 'done' })}`
  const result = await succeed(client, 'ask', { prompt, json_schema })
  assert.deepEqual(result.structured_output, { city: 'Rome' })
  assert.equal(result.text, '{"city":"Rome"}')
})

test('ask names what is wrong with an argument', async () => {
  assert.deepEqual(
    [await fail(client, 'ask', {}), await fail(client, 'ask', { prompt: 'x', modle: 'sonnet' })].map((each) => [
      each.code,
      each.field,
      each.message,
      each.run_id,
    ]),
    [
      ['invalid_request', 'prompt', 'prompt is required', null],
      ['invalid_request', 'modle', 'modle is not a field of this request; did you mean model?', null],
    ],
  )
  assert.equal((await fail(client, 'ask', { prompt: 'x', model: 'gpt-9' })).code, 'model_not_found')
  assert.match((await fail(client, 'ask', { prompt: 'x', model: 'agent/sonnet' })).message, /use the tool run/)
  assert.equal((await fail(client, 'ask', { prompt: 'x', timeout_s: 1e9 })).field, 'timeout_s')
  const schema = await fail(client, 'ask', { prompt: 'x', json_schema: { type: 'array' } })
  assert.equal(schema.field, 'json_schema')
})

test('run works in a folder with its tools, and continue goes on with the conversation', async () => {
  writeFileSync(join(server.folders.cwd, 'note.txt'), 'remember the milk')
  const read = step({ tool: 'Read', input: { file_path: join(server.folders.cwd, 'note.txt') } })
  const first = await succeed(client, 'run', {
    prompt: `Read the note. ${read} ${step({ text: 'I read it' })}`,
    cwd: server.folders.cwd,
  })
  assert.deepEqual([first.result, first.status, first.num_turns], ['I read it', 'succeeded', 2])
  assert.ok(first.session_id)
  assert.match(first.text, new RegExp(`^I read it\nsession_id: ${first.session_id}\nrun_id: ${first.run_id}$`))
  assert.match(JSON.stringify(server.upstream.requests.at(-1)), /remember the milk/)
  const second = await succeed(client, 'continue', {
    session_id: first.session_id,
    prompt: `And now? ${step({ text: 'Still here' })}`,
  })
  assert.deepEqual([second.result, second.session_id], ['Still here', first.session_id])
  assert.match(JSON.stringify(server.upstream.requests.at(-1)), /Read the note/)

  const listed = await call(client, 'sessions', { cwd: server.folders.cwd, limit: 1 })
  const { sessions } = SessionsResult.parse(listed.structuredContent)
  assert.deepEqual(
    sessions.map(({ session_id, cwd, running }) => [session_id, cwd, running]),
    [[first.session_id, realpathSync(server.folders.cwd), null]],
  )
  assert.deepEqual(JSON.parse(textOf(listed)), listed.structuredContent)
})

test('what nobody can permit is denied', async () => {
  const write = step({ tool: 'Bash', input: { command: 'touch made', description: 'x' } })
  const result = await succeed(client, 'run', { prompt: `go ${write} ${step({ text: 'well then' })}` })
  assert.deepEqual(
    result.permission_denials.map(({ tool_name }) => tool_name),
    ['Bash'],
  )
})

test('a background run is returned at once, and run_status reports its end', async () => {
  const prompt = `go ${step({ text: 'at last' })}`
  const accepted = await succeed(client, 'run', { prompt, background: true })
  assert.match(accepted.status ?? '', /queued|running/)
  assert.match(accepted.text, /run_status/)
  await (await fetch(`${server.url}/v1/runs/${accepted.run_id}/events`)).text()
  const ended = await succeed(client, 'run_status', { run_id: accepted.run_id })
  assert.deepEqual([ended.status, ended.result, ended.error], ['succeeded', 'at last', null])
  assert.match(ended.text, /^status: succeeded\nsession_id: /)
})

test('the failure of a run is an error with its code and its run', async () => {
  const failed = await fail(client, 'run', {
    prompt: `go ${step({ status: 400, error_type: 'invalid_request_error' })}`,
  })
  assert.deepEqual([failed.status, failed.code], ['failed', 'invalid_request'])
  const status = dataOf(await call(client, 'run_status', { run_id: failed.run_id }))
  assert.deepEqual([status.status, status.error?.code], ['failed', 'invalid_request'])
})

test('run, continue and run_status name what is wrong with an argument', async () => {
  assert.equal((await fail(client, 'run', { prompt: 'x', cwd: 'here' })).field, 'cwd')
  assert.equal((await fail(client, 'run', { prompt: 'x', cwd: '/no/such/folder' })).code, 'cwd_not_found')
  const mode = await fail(client, 'run', { prompt: 'x', permission_mode: 'bypassPermissions' })
  assert.equal(mode.code, 'permission_mode_not_allowed')
  assert.equal((await fail(client, 'run', { prompt: 'x', mcp_servers: {} })).field, 'mcp_servers')
  assert.equal((await fail(client, 'continue', { prompt: 'x' })).field, 'session_id')
  const session = { session_id: '00000000-0000-4000-8000-000000000000', prompt: 'x' }
  assert.equal((await fail(client, 'continue', session)).code, 'session_not_found')
  assert.equal((await fail(client, 'run_status', { run_id: `run_${'0'.repeat(32)}` })).code, 'run_not_found')
  assert.equal((await call(client, 'sessions', { limit: 0 })).isError, true)
  await assert.rejects(call(client, 'rum'), /there is no tool "rum"; did you mean run\?/)
})

test('a client without a session can list and call the tools', async () => {
  const listed = await send(server, { jsonrpc: '2.0', id: 7, method: 'tools/list' })
  assert.equal(listed.status, 200)
  assert.equal(listed.headers.get('mcp-session-id'), null)
  assert.equal((lastMessage(listed.body).result as { tools: unknown[] }).tools.length, 5)
  const params = { name: 'ask', arguments: { prompt: `hi ${step({ text: 'alone' })}` } }
  const answer = await send(server, { jsonrpc: '2.0', id: 0, method: 'tools/call', params })
  const { id, result } = lastMessage(answer.body) as { id: number; result: { structuredContent: unknown } }
  assert.equal(id, 0)
  assert.equal((result.structuredContent as { result: string }).result, 'alone')
})
