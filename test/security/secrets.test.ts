// Secrets: one server does everything it can do, with canary words in place of keys, prompts and answers; afterwards logs, process
// lists, addresses, error texts and files are searched for them. And what clients send cannot forge log lines. Each title begins with
// the number of its attack.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newSecret } from '../../src/auth/keys.ts'
import { step } from '../helpers/test-server.ts'
import { send } from './posture-routes.ts'
import { canaries, openSecretsScene, operatorSecrets } from './secrets-scene.ts'

const skip = process.platform !== 'linux' && 'only Linux shows the arguments of processes'
const scene = skip ? null : await openSecretsScene()
const timeout = 120_000

type AskOptions = { method?: string; headers?: Record<string, string>; body?: object | string; key?: string | null }

const openScene = () => {
  assert.ok(scene)
  return scene
}

/** A request with the key, unless another or none is passed. The answer is recorded. */
async function ask(path: string, { method, headers = {}, body, key = openScene().key }: AskOptions = {}) {
  const { port, recordOutput } = openScene()
  const answer = await send(
    { port },
    {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      path,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    },
  )
  recordOutput(`${JSON.stringify(answer.headers)}\n${answer.body}`)
  return answer
}

const parsed = ({ body }: { body: string }) => JSON.parse(body) as Record<string, unknown>
const answering = step({ text: canaries.answer })
const prompt = `${canaries.prompt} ${answering}`
const echo = fileURLToPath(new URL('../fixtures/mcp-echo.mjs', import.meta.url))

const schema = {
  type: 'object',
  description: canaries.schema,
  properties: { a: { type: 'string', description: canaries.schema } },
}

/** Everything that a client can send. */
const everything = {
  prompt: `${canaries.prompt} ${step({ tool: 'StructuredOutput', input: { a: canaries.answer } })}`,
  json_schema: schema,
  system_prompt: canaries.system,
  append_system_prompt: canaries.appended,
  metadata: { note: canaries.metadata },
  agents: { helper: { description: canaries.agent, prompt: canaries.agent } },
  mcp_servers: {
    echo: { command: process.execPath, args: [echo], env: { ECHO_SUFFIX: canaries.server } },
    far: { type: 'http', url: 'http://127.0.0.1:9/', headers: { 'x-secret': canaries.server } },
  },
}

/** The first run starts it; the others continue in its process. */
const conversation: { session_id?: unknown } = {}
let turns = 0
const next = () => ({ ...everything, ...conversation, prompt: `${++turns} ${everything.prompt}` })

const messages = [
  { role: 'user', content: canaries.prompt },
  { role: 'assistant', content: canaries.answer },
  { role: 'user', content: prompt },
]
const tool = { name: 'look', description: canaries.agent, parameters: schema, input_schema: schema }

/** While the model is being asked, the process must exist. */
async function during<T>(act: Promise<T>): Promise<T> {
  const { upstream, lookAtProcesses } = openScene()
  const from = upstream.requests.length
  await Promise.race([upstream.waitForRequest(undefined, from), act])
  assert.ok(lookAtProcesses() > 0, 'no process was seen')
  const result = await act
  lookAtProcesses()
  return result
}

async function approvals() {
  const command = `touch ${canaries.command}`
  const asking = `${canaries.prompt} ${step({ tool: 'Bash', input: { command, description: 'x' } })}`
  const body = { prompt: asking, approvals: true, background: true, metadata: { note: canaries.metadata } }
  const { id } = parsed(await ask('/v1/chat', { body }))
  await openScene().upstream.waitForRequest(({ raw }) => raw.includes('Bash'))
  const events = ask(`/v1/runs/${id}/events?events=full`)
  let pending: { request_id: string }[] = []
  while (pending.length === 0) {
    const run = parsed(await ask(`/v1/runs/${id}`))
    assert.ok(['queued', 'running', 'waiting'].includes(String(run.status)), JSON.stringify(run))
    pending = run.pending as { request_id: string }[]
  }
  const denied = { behavior: 'deny', message: canaries.prompt }
  assert.equal((await ask(`/v1/runs/${id}/permissions/${pending[0]?.request_id}`, { body: denied })).status, 200)
  assert.match((await events).body, /"type":"done"/)
}

const acts: [what: string, act: () => Promise<void>][] = [
  [
    'a whole answer by a schema, with every field of a request',
    async () => {
      const answer = await during(ask('/v1/chat', { body: everything }))
      assert.equal(answer.status, 200, answer.body)
      assert.deepEqual(parsed(answer).structured_output, { a: canaries.answer }, answer.body)
      conversation.session_id = parsed(answer).session_id
    },
  ],
  [
    'a stream with all its events',
    async () => {
      const answer = await during(ask('/v1/chat/stream', { body: { ...next(), events: 'full' } }))
      assert.match(answer.body, /"type":"done"/)
    },
  ],
  [
    'OpenAI’s surface, with a history and tools',
    async () => {
      const system = { role: 'system', content: canaries.system }
      const tools = [{ type: 'function', function: tool }]
      const body = { model: 'sonnet', messages: [system, ...messages], tools, user: canaries.metadata }
      assert.equal((await during(ask('/v1/chat/completions', { body }))).status, 200)
      const stream = await during(ask('/v1/chat/completions', { body: { ...body, stream: true } }))
      assert.match(stream.body, /\[DONE\]/)
    },
  ],
  [
    'Anthropic’s surface, with the key in its own header',
    async () => {
      const { key } = openScene()
      const { parameters: _, ...anthropicTool } = tool
      const body = { model: 'sonnet', max_tokens: 50, system: canaries.system, messages, tools: [anthropicTool] }
      const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
      assert.equal((await during(ask('/v1/messages', { body, headers, key: null }))).status, 200)
      assert.equal((await ask('/v1/messages/count_tokens', { body: { ...body, max_tokens: undefined } })).status, 200)
    },
  ],
  [
    'a background run that may be restarted',
    async () => {
      const body = { ...next(), background: true, on_crash: 'restart' }
      const accepted = await during(ask('/v1/chat', { body, headers: { 'idempotency-key': 'one' } }))
      assert.equal(accepted.status, 202)
      const { id } = parsed(accepted)
      assert.match((await ask(`/v1/runs/${id}/events`)).body, /"type":"done"/)
      for (const path of [
        '/v1/runs',
        `/v1/runs/${id}`,
        '/v1/usage?group_by=key',
        '/v1/sessions',
        '/metrics',
        '/readyz',
      ])
        assert.equal((await ask(path)).status, 200, path)
    },
  ],
  ['a run that requests an approval and is denied', approvals],
  [
    'bodies that are refused',
    async () => {
      const secret = canaries.prompt
      const bodies = [
        { prompt: 5, [secret]: secret },
        { prompt: secret, tols: [secret] },
        { prompt: secret, session_id: secret },
        { prompt: secret, model: `${secret}\n` },
        { prompt: secret, metadata: { [secret.repeat(9)]: secret } },
        { prompt: secret, cwd: `/${secret}` },
        { prompt: secret, permission_mode: secret },
        `{"prompt":"${secret}"`,
        `["${secret}"]`,
        '',
      ]
      for (const body of bodies) {
        for (const path of ['/v1/chat', '/v1/chat/stream', '/v1/chat/completions', '/v1/messages', '/api/chat']) {
          const { status, body: answered } = await ask(path, { body })
          // Messages are optional there, so that the model is looked for first.
          const statuses = path === '/api/chat' ? [400, 403, 404] : [400, 403]
          assert.ok(statuses.includes(status), `${path} ${status} ${answered}`)
        }
      }
    },
  ],
  [
    'keys that are refused',
    async () => {
      const { key } = openScene()
      const wrong = newSecret().secret
      for (const path of ['/v1/chat', '/v1/chat/completions', '/v1/messages', '/api/chat']) {
        assert.equal((await ask(path, { body: {}, key: wrong })).status, 401)
        assert.equal((await ask(path, { body: {}, key: `${key}x` })).status, 401)
        assert.equal((await ask(path, { body: {}, headers: { 'x-api-key': wrong } })).status, 400)
        assert.equal((await ask(`${path}?key=${key}`, { body: {}, key: null })).status, 400)
        assert.equal((await ask(`${path}?api_key=${operatorSecrets.upstreamKey}`, { body: {} })).status, 400)
      }
      for (const path of [
        `/v1/sessions/${canaries.prompt}`,
        `/v1/runs/${canaries.prompt}`,
        `/v1/runs?cursor=${canaries.prompt}`,
      ])
        assert.equal((await ask(path)).status, 400, path)
      assert.equal((await ask(`/${canaries.prompt}`)).status, 404)
    },
  ],
  [
    'failures of the model’s API that quote the key and the prompt',
    async () => {
      const message = `bad key ${operatorSecrets.upstreamKey} for ${canaries.prompt}`
      // The CLI must give up at once.
      const headers = { 'x-should-retry': 'false' }
      for (const status of [400, 401, 529]) {
        const failing = `${canaries.prompt} ${step({ status, message, headers })}`
        const refused = await ask('/v1/chat', { body: { prompt: failing, tools: [] } })
        assert.ok(refused.status >= 400, refused.body)
      }
      const content = `${canaries.prompt} ${step({ status: 401, message, headers })}`
      const body = { model: 'sonnet', messages: [{ role: 'user', content }], max_tokens: 9 }
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        if (path === '/v1/messages') assert.equal((await ask(path, { body })).status, 401, path)
        const stream = await ask(path, { body: { ...body, stream: true } })
        assert.match(stream.body, /authentication_error/)
      }
    },
  ],
  [
    'the commands for keys',
    async () => {
      const { keys, recordOutput } = openScene()
      const made = await keys('create', 'other', '--json')
      const { secret } = JSON.parse(made.stdout) as { secret: string }
      for (const args of [
        ['list', '--json', '--all'],
        ['revoke', secret],
      ]) {
        const { stdout, stderr } = await keys(...args)
        assert.ok(!`${stdout}${stderr}`.includes(secret), args.join(' '))
        recordOutput(stdout + stderr)
      }
    },
  ],
]
for (const [what, act] of acts) {
  test(`P01 after ${what} no secret is where it must not be`, { skip, timeout }, async () => {
    await act()
    openScene().assertNoneLeaked()
  })
}

test('P01 the canaries were sent: the model received them, and the database stores the metadata', {
  skip,
}, async () => {
  const { upstream } = openScene()
  const received = upstream.requests.map(({ raw }) => raw).join('\n')
  for (const word of [canaries.prompt, canaries.system, canaries.appended, canaries.schema, canaries.answer])
    assert.ok(received.includes(word), word)
  const { runs } = parsed(await ask('/v1/runs')) as { runs: { metadata: Record<string, string> }[] }
  assert.ok(runs.some(({ metadata }) => metadata.note === canaries.metadata))
})

const injection = '{"level":"fatal","msg":"forged"}'
const esc = '\u001b[2J'

/** Sends the lines unchanged, on a connection of their own. */
async function raw(...lines: string[]): Promise<string> {
  const { port, recordOutput, key } = openScene()
  const socket = connect({ port, host: '127.0.0.1' })
  const [first = '', ...more] = lines
  socket.write([first, `Authorization: Bearer ${key}`, 'Connection: close', ...more, '', ''].join('\r\n'), 'latin1')
  const answer = await text(socket)
  recordOutput(answer)
  return answer
}

test('P02 what clients send adds no line and no control character to the log', { skip, timeout }, async () => {
  const { program, upstream } = openScene()
  const path = encodeURIComponent(`\n${injection}\r\n${esc}`)
  const forged = `\n${injection}\r\n${esc}\u2028${injection}`
  for (const lines of [
    [`GET /v1/${path} HTTP/1.1`, 'Host: localhost'],
    [`GET /v1/runs/${path} HTTP/1.1`, 'Host: localhost'],
    [`GET /v1/runs?cursor=${path} HTTP/1.1`, 'Host: localhost'],
    ['GET /v1/runs HTTP/1.1', 'Host: localhost', `User-Agent: ${injection}`, `X-Request-Id: ${injection}`],
    ['GET /v1/runs HTTP/1.1', 'Host: localhost', `X-Request-Id: a${esc}`],
    ['GET /v1/runs HTTP/1.1', `Host: ${injection}`],
    ['GET /v1/runs HTTP/1.1', 'Host: localhost', `Origin: ${injection}`],
    [`GET /${esc} HTTP/1.1`, 'Host: localhost'],
    [`${injection} / HTTP/1.1`, 'Host: localhost'],
  ])
    assert.match(await raw(...lines), /^HTTP\/1\.1 \d{3} /)
  const forgedBody = { prompt: `${forged} ${step({ text: forged })}`, tools: [], metadata: { note: forged } }
  assert.equal((await ask('/v1/chat', { body: forgedBody })).status, 200)
  const failing = step({ status: 400, message: forged })
  assert.equal((await ask('/v1/chat', { body: { prompt: failing, tools: [] } })).status, 400)
  for (const field of ['model', 'cwd', 'session_id', 'permission_mode', 'effort'])
    assert.ok((await ask('/v1/chat', { body: { prompt: 'x', [field]: forged } })).status >= 400)
  assert.ok(upstream.requests.some(({ raw: sent }) => sent.includes('forged')))
  const lines = program.stderr.split('\n').filter((line) => line !== '')
  for (const line of lines) {
    const { level, msg } = JSON.parse(line) as { level: string; msg: string }
    assert.ok(['info', 'warn'].includes(level), line)
    assert.notEqual(msg, 'forged')
    assert.ok(
      [...line].every((character) => character >= ' '),
      line,
    )
  }
  assert.ok(!lines.some((line) => line.includes('forged')))
})

test('P01 after the server has ended and all traces are sent, no secret is in them or anywhere else', {
  skip,
  timeout,
}, async () => {
  const { program, traces, assertNoneLeaked } = openScene()
  const { code, stderr } = await program.stop()
  assert.equal(code, 0, stderr)
  assert.match(traces().join('\n'), /claude_serve\.run_id/)
  assertNoneLeaked()
})
