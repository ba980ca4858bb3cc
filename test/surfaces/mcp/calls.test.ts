// What a client gets and may do while a call lasts: progress, cancellation, and permission prompts and questions by elicitation.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ElicitRequest, ElicitResult, Progress } from '@modelcontextprotocol/sdk/types.js'
import { RunList } from '../../../src/surfaces/native/reply-schemas.ts'
import { post } from '../../helpers/client.ts'
import { SkippingClock } from '../../helpers/hand-clock.ts'
import { startTestServer, step } from '../../helpers/test-server.ts'
import { call, connect, endpointOf, initialize, send, succeed } from './mcp-scene.ts'

const file = { after: (end: () => Promise<void>) => after(end) }
const clock = new SkippingClock()
const server = await startTestServer(file, { config: { maxProcesses: 3 }, clock })
const client = await connect(file, server)

const done = step({ text: 'done' })
const bash = (command: string) => step({ tool: 'Bash', input: { command, description: 'a test' } })
const has = (name: string) => existsSync(join(server.folders.cwd, name))
const about = (word: string) => (request: unknown) => JSON.stringify(request).includes(word)

/** The run of the server that was started last. */
async function lastRun() {
  const response = await fetch(`${server.url}/v1/runs?limit=1`)
  const [run] = RunList.parse(await response.json()).runs
  assert.ok(run !== undefined)
  return run
}

/** Settles when the run has ended. */
const ended = async (id: string, { url } = server) => (await fetch(`${url}/v1/runs/${id}/events`)).text()

test('a client that wants progress learns what Claude Code is doing', async () => {
  const notes: Progress[] = []
  const result = await succeed(
    client,
    'run',
    { prompt: `go ${bash('echo hi')} ${done}`, allowed_tools: ['Bash(echo *)'] },
    { onprogress: (note) => void notes.push(note) },
  )
  assert.equal(result.result, 'done')
  const words = notes.map(({ message }) => message)
  assert.equal(words[0], 'Started')
  assert.ok(words.includes('Using Bash'), words.join())
  assert.deepEqual(
    notes.map(({ progress }) => progress),
    notes.map((_, index) => index + 1),
  )
})

test('a silent call gives a sign of life', async () => {
  const notes: string[] = []
  const { promise: heard, resolve } = Promise.withResolvers<void>()
  const controller = new AbortController()
  const running = call(
    client,
    'ask',
    { prompt: `a long silence ${step({ hang: 'headers' })}` },
    {
      signal: controller.signal,
      onprogress: ({ message = '' }) => {
        notes.push(message)
        if (message.startsWith('Working')) resolve()
      },
    },
  )
  await server.upstream.waitForRequest(about('a long silence'))
  clock.skip(10_000)
  await heard
  assert.match(notes.at(-1) ?? '', /^Working, for \d+ s$/)
  controller.abort()
  await assert.rejects(running)
  await server.upstream.waitForAbort(about('a long silence'))
})

test('a call that the client cancels ends its run, and its answer without a result', async () => {
  const params = { name: 'run', arguments: { prompt: `cancel me ${step({ hang: 'headers' })}` } }
  const opened = await send(server, initialize)
  const headers = {
    'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  }
  const answering = send(server, { jsonrpc: '2.0', id: 5, method: 'tools/call', params }, { headers })
  await server.upstream.waitForRequest(about('cancel me'))
  const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } }
  assert.equal((await send(server, cancelled, { headers })).status, 202)
  await server.upstream.waitForAbort(about('cancel me'))
  const answer = await answering
  assert.deepEqual([answer.status, answer.body.replaceAll(/^:.*\n\n/gm, '')], [200, ''])
  const run = await lastRun()
  assert.deepEqual(
    [run.status, run.error?.code, run.error?.error],
    ['cancelled', 'cancelled', 'The client cancelled the call.'],
  )
  const again = await send(server, { jsonrpc: '2.0', id: 5, method: 'ping' }, { headers })
  assert.match(again.body, /"result":\{\}/)
})

test('a client that disconnects ends its run', async () => {
  const controller = new AbortController()
  const params = { name: 'run', arguments: { prompt: `leave me ${step({ hang: 'headers' })}` } }
  const answering = fetch(endpointOf(server), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    signal: controller.signal,
  }).then((response) => response.text())
  await server.upstream.waitForRequest(about('leave me'))
  controller.abort()
  await assert.rejects(answering)
  await server.upstream.waitForAbort(about('leave me'))
  const { id } = await lastRun()
  await ended(id)
  const run = await lastRun()
  assert.deepEqual([run.id, run.status, run.error?.error], [id, 'cancelled', 'The client disconnected.'])
})

test('the end of a session ends the runs of its calls', async (t) => {
  const other = await connect(t, server)
  const running = call(other, 'run', { prompt: `end all ${step({ hang: 'headers' })}` })
  const rejected = assert.rejects(running)
  await server.upstream.waitForRequest(about('end all'))
  await other.transport.terminateSession()
  await server.upstream.waitForAbort(about('end all'))
  await other.client.close()
  await rejected
})

const answers: [string, ElicitResult, boolean, string | null][] = [
  ['accepts', { action: 'accept', content: {} }, true, null],
  ['declines', { action: 'decline' }, false, 'The user did not allow this.'],
  ['cancels', { action: 'cancel' }, false, 'The user closed the prompt without a decision.'],
]

for (const [what, answer, isAllowed, message] of answers) {
  test(`a person who ${what} a permission prompt ${isAllowed ? 'allows' : 'denies'} it`, async (t) => {
    const prompts: ElicitRequest[] = []
    const elicit = (request: ElicitRequest) => {
      prompts.push(request)
      return answer
    }
    const asking = await connect(t, server, { elicit })
    const result = await succeed(asking, 'run', { prompt: `go ${bash(`touch ${what}`)} ${done}` })
    assert.equal(result.result, 'done')
    assert.equal(prompts.length, 1)
    const { params } = prompts[0] ?? assert.fail()
    assert.match(params.message, /^Claude Code wants to use Bash\./)
    assert.match(params.message, new RegExp(`touch ${what}`))
    assert.equal(has(what), isAllowed)
    assert.equal(result.permission_denials.length, isAllowed ? 0 : 1)
    if (message !== null) assert.match(JSON.stringify(server.upstream.requests.at(-1)), new RegExp(message))
  })
}

test('a permission that is allowed for the conversation is not asked for again', async (t) => {
  let count = 0
  const elicit = (): ElicitResult => {
    count++
    return { action: 'accept', content: { remember: true } }
  }
  const asking = await connect(t, server, { elicit })
  await succeed(asking, 'run', { prompt: `go ${bash('touch again')} ${bash('touch again')} ${done}` })
  assert.equal(count, 1)
})

test('without elicitation, or with "approvals": false, nobody is asked', async (t) => {
  const asking = await connect(t, server, { elicit: () => assert.fail('nobody may be asked') })
  const prompt = `go ${bash('touch unasked')} ${done}`
  for (const [from, args] of [
    [client, { prompt }],
    [asking, { prompt, approvals: false }],
  ] as const) {
    const { permission_denials } = await succeed(from, 'run', args)
    assert.equal(permission_denials.length, 1)
  }
  assert.equal(has('unasked'), false)
})

const questions = [
  {
    question: 'Which color?',
    header: 'Color',
    options: [
      { label: 'Red', description: 'like fire' },
      { label: 'Blue', description: 'like water' },
    ],
    multiSelect: false,
  },
  {
    question: 'Which sizes?',
    header: 'Sizes',
    options: [
      { label: 'Small', description: '' },
      { label: 'Large', description: '' },
    ],
    multiSelect: true,
  },
]

test("Claude's questions become a form, and its fields the answers", async (t) => {
  const forms: ElicitRequest['params'][] = []
  const elicit = ({ params }: ElicitRequest): ElicitResult => {
    forms.push(params)
    return { action: 'accept', content: { own_answer_1: 'Green', question_2: ['Small', 'Large'] } }
  }
  const asking = await connect(t, server, { elicit })
  const prompt = `go ${step({ tool: 'AskUserQuestion', input: { questions } })} ${done}`
  assert.equal((await succeed(asking, 'run', { prompt })).result, 'done')
  const [form] = forms
  assert.ok(form !== undefined && 'requestedSchema' in form)
  assert.match(form.message, /Which color\?\n- Red: like fire/)
  const { question_1, question_2 } = form.requestedSchema.properties
  assert.deepEqual(
    [question_1, question_2],
    [
      { type: 'string', title: 'Color', description: 'Which color?', enum: ['Red', 'Blue'] },
      {
        type: 'array',
        title: 'Sizes',
        description: 'Which sizes?',
        items: { type: 'string', enum: ['Small', 'Large'] },
      },
    ],
  )
  const body = JSON.stringify(server.upstream.requests.at(-1))
  assert.match(body, /Green/)
  assert.match(body, /Small, Large/)
})

test('a prompt that is answered elsewhere is withdrawn', async (t) => {
  const { promise: withdrawn, resolve } = Promise.withResolvers<void>()
  const { promise: shown, resolve: show } = Promise.withResolvers<void>()
  const asking = await connect(t, server, {
    elicit: (_request, signal) => {
      show()
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          resolve()
          reject(new Error('withdrawn'))
        }),
      )
    },
  })
  const running = succeed(asking, 'run', { prompt: `go ${bash('touch elsewhere')} ${done}` })
  await shown
  const { id, pending } = await lastRun()
  const [approval] = pending
  assert.ok(approval !== undefined)
  const status = await succeed(asking, 'run_status', { run_id: id })
  assert.deepEqual([status.status, status.pending.map(({ tool_name }) => tool_name)], ['waiting', ['Bash']])
  const response = await fetch(`${server.url}/v1/runs/${id}/permissions/${approval.request_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ behavior: 'allow' }),
  })
  assert.equal(response.status, 200)
  await withdrawn
  assert.equal((await running).result, 'done')
  assert.equal(has('elsewhere'), true)
})

test('a client that cannot show a prompt after all denies it', async (t) => {
  const asking = await connect(t, server, {
    elicit: () => {
      throw new Error('no screen')
    },
  })
  const result = await succeed(asking, 'run', { prompt: `go ${bash('touch unshown')} ${done}` })
  assert.equal(result.permission_denials.length, 1)
  assert.match(JSON.stringify(server.upstream.requests.at(-1)), /The user could not be asked/)
})

test('a run that waits for a tool of its own server ends at its time limit', async (t) => {
  const small = await startTestServer(t, { config: { maxProcesses: 1 } })
  const calling = await connect(t, small)
  const ask = step({ tool: 'mcp__self__ask', force_tool: true, input: { prompt: 'inner' } })
  const mcpServers = { self: { type: 'http', url: endpointOf(small).href } }
  // The tool run takes no servers from its caller, so the outer run comes by the native API.
  const outer = await post(small, '/v1/chat', {
    prompt: `outer ${ask} ${done}`,
    mcp_servers: mcpServers,
    allowed_tools: ['mcp__self__ask'],
    timeout_s: 4,
  })
  assert.deepEqual([outer.status, outer.body.code], [504, 'timeout'])
  const { runs } = RunList.parse(await (await fetch(`${small.url}/v1/runs`)).json())
  await Promise.all(runs.map(({ id }) => ended(id, small)))
  const after = await succeed(calling, 'ask', { prompt: `free again? ${step({ text: 'yes' })}` })
  assert.equal(after.result, 'yes')
})

test('a run can ask a plain model through the tools of its own server', async () => {
  const ask = step({ tool: 'mcp__self__ask', force_tool: true, input: { prompt: 'inner' } })
  const { status, body } = await post(server, '/v1/chat', {
    prompt: `outer ${ask} ${done}`,
    mcp_servers: { self: { type: 'http', url: endpointOf(server).href } },
    allowed_tools: ['mcp__self__ask'],
  })
  assert.deepEqual([status, body.result], [200, 'done'])
  assert.deepEqual(body.mcp_servers, [{ name: 'self', status: 'connected' }])
  assert.match(JSON.stringify(server.upstream.requests.at(-1)), /tok0 tok1/)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  assert.match(
    metrics,
    /claude_serve_requests_total\{route="\/mcp",status="200",surface="mcp",client="claude-code"\} [1-9]/,
  )
})
