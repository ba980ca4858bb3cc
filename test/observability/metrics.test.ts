// Prometheus metrics of a whole server: they match the requests that were sent, and the text can be parsed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import parse from 'parse-prometheus-text-format'
import { clientName } from '../../src/observability/client-names.ts'
import { UsageReply } from '../../src/surfaces/native/reply-schemas.ts'
import { startTestServer, step, type TestServer } from '../helpers/test-server.ts'

/** `name{label="value",…} 1` */
const sample = /^([a-z_]+?)(?:_count)?(?:\{(.*)\})? (\S+)$/

async function read({ url }: TestServer) {
  const response = await fetch(`${url}/metrics`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  const families = parse(text)
  const names = new Set(families.map(({ name }) => name))
  for (const { name, metrics } of families) assert.ok(Array.isArray(metrics), name)
  /** The value of a counter or gauge, or the count of a histogram, summed over all series with these labels. */
  return (name: string, labels: Record<string, string> = {}): number => {
    assert.ok(names.has(name), `no ${name}`)
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const lines = text.split('\n').flatMap((line) => {
      const [, found, foundLabels = '', value] = sample.exec(line) ?? []
      return found === name && wanted.every((each) => foundLabels.split(',').includes(each)) ? [Number(value)] : []
    })
    return lines.reduce((sum, value) => sum + value, 0)
  }
}

const post = ({ url }: TestServer, path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

test('the share of the prompt cache, computed from the metrics, is that of the usage', async (t) => {
  const server = await startTestServer(t)
  const usage = { input_tokens: 10, cache_read_input_tokens: 60, cache_creation_input_tokens: 2 }
  await post(server, '/v1/chat', { prompt: step({ text: 'hi', usage }), tools: [] })
  const value = await read(server)
  const [input, cacheRead, cacheWrite] = ['input', 'cache_read', 'cache_write'].map((type) =>
    value('claude_serve_tokens_total', { type }),
  )
  assert.deepEqual([input, cacheRead, cacheWrite], [10, 60, 2])
  const { total } = UsageReply.parse(await (await fetch(`${server.url}/v1/usage`)).json())
  assert.equal(total.cache_read_share, 60 / 72)
})

test('metrics match the requests and the retries of the CLI', async (t) => {
  const server = await startTestServer(t)
  server.upstream.enqueue({ status: 529 })
  const chat = { model: 'sonnet', messages: [{ role: 'user', content: 'hi' }] }
  for (const status of [200, 200, 400]) {
    const body = status === 200 ? { prompt: 'hi', tools: [] } : { promt: 'hi' }
    assert.equal((await post(server, '/v1/chat', body, { 'user-agent': 'curl/8' })).status, status)
  }
  assert.equal((await post(server, '/v1/chat/completions', { ...chat, temperature: 0.5, seed: 1 })).status, 200)
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-dummy' })
  await openai.chat.completions.create({ model: 'sonnet', messages: [{ role: 'user', content: 'hi' }] })
  assert.equal((await post(server, '/v1/chat', { prompt: 'hi' }, { origin: 'http://evil.example' })).status, 403)
  const limited = {
    ...chat,
    messages: [{ role: 'user', content: step({ text: 'one two three', stop_reason: 'max_tokens' }) }],
  }
  await post(server, '/v1/chat/completions', limited)
  await post(server, '/api/chat', { ...chat, messages: [] })

  const value = await read(server)
  assert.equal(value('claude_serve_requests_total', { route: '/v1/chat', status: '200', client: 'curl' }), 2)
  assert.equal(value('claude_serve_retries_total', { status: '529' }), 1)
  assert.equal(value('claude_serve_requests_total', { surface: 'openai', client: 'openai-node' }), 1)
  assert.equal(value('claude_serve_requests_total', { surface: 'ollama', route: '/api/chat', status: '200' }), 1)
  assert.equal(value('http_server_request_duration_seconds', { route: '/v1/chat', status: '400' }), 1)
  assert.equal(value('claude_serve_errors_total', { code: 'invalid_request', surface: 'native' }), 1)
  assert.equal(value('claude_serve_errors_total', { code: 'origin_not_allowed' }), 1)
  assert.equal(value('claude_serve_ignored_fields_total', { field: 'temperature' }), 1)
  assert.equal(value('claude_serve_ignored_fields_total', { field: 'seed' }), 1)
  assert.equal(value('claude_serve_runs_total', { outcome: 'succeeded', kind: 'agent' }), 2)
  assert.equal(value('claude_serve_runs_total', { kind: 'plain' }), 3)
  assert.equal(value('claude_serve_queue_wait_seconds'), 5)
  assert.equal(value('claude_serve_time_to_first_content_seconds'), 5)
  assert.equal(value('gen_ai_server_time_to_first_token_seconds'), 5)
  assert.equal(value('claude_serve_truncations_total', { reason: 'max_tokens' }), 1)
  assert.ok(value('claude_serve_tokens_total', { type: 'output' }) > 0)
  assert.ok(value('claude_serve_cost_usd_total') > 0)
  assert.equal(value('claude_serve_process_starts_total', { code: 'ok' }), value('claude_serve_process_start_seconds'))
  assert.ok(value('claude_serve_processes', { state: 'idle' }) >= 1)
  assert.equal(value('claude_serve_processes', { state: 'busy' }), 0)
  assert.equal(value('claude_serve_queue_waiting'), 0)
  assert.ok(value('process_resident_memory_bytes') > 0)
})

test('a process that cannot start is counted', async (t) => {
  const broken = await startTestServer(t, { fake: 'crash-at-start' })
  assert.equal((await post(broken, '/v1/chat', { prompt: 'hi' })).status, 502)
  const value = await read(broken)
  assert.equal(value('claude_serve_process_starts_total', { code: 'claude_failed' }), 2)
  assert.equal(value('claude_serve_runs_total', { outcome: 'failed', code: 'claude_failed' }), 1)
})

for (const [agent, name] of [
  ['', 'none'],
  ['OpenAI/Python 1.99.0', 'openai-python'],
  ['OpenAI/JS 7.1.0', 'openai-node'],
  ['Anthropic/JS 1.12.0', 'anthropic-node'],
  ['ollama-js/0.6.4 (x64 linux Node.js/v24.21.0)', 'ollama-node'],
  ['claude-cli/2.1.330 (external, cli)', 'claude-code'],
  ['claude-code/2.1.332 (sdk-ts)', 'claude-code'],
  ['Mozilla/5.0 (X11; Linux x86_64)', 'browser'],
  ['somebody’s own', 'other'],
] as const) {
  test(`the user agent ${JSON.stringify(agent)} counts as ${name}`, () => assert.equal(clientName(agent), name))
}
