// Ollama's routes over HTTP: streams of lines, unknown paths, refused calls, and the guard in front of all of them. That
// the real client and the real CLI understand each other is in test/clients/ollama.test.ts.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { sendAnthropicError } from '../../../src/surfaces/anthropic/routes.ts'
import { ChatReply, ErrorBody, GenerateReply } from '../../../src/surfaces/ollama/reply-schemas.ts'
import { sendOllamaError } from '../../../src/surfaces/ollama/routes.ts'
import { sendOpenaiError } from '../../../src/surfaces/openai/routes.ts'
import { createInjectApp } from '../../helpers/inject-app.ts'
import { goodRun, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import { allSurfaces } from '../../security/surfaces.ts'

const agent = new ScriptedAgent(goodRun(['Hello ', 'there']))
const errorSenders = { anthropic: sendAnthropicError, openai: sendOpenaiError, ollama: sendOllamaError }
const app = await createInjectApp({ after }, allSurfaces({ agent, native: { errorSenders } }))

const send = (method: 'GET' | 'HEAD' | 'POST' | 'DELETE', url: string, more: Partial<InjectOptions> = {}) =>
  app.inject({ method, url, ...more, headers: { host: 'localhost', ...more.headers } })
const json = { 'content-type': 'application/json' }
const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  send('POST', url, { payload, headers: { ...json, ...headers } })

const errorOf = (answer: { body: string }) => ErrorBody.parse(JSON.parse(answer.body)).error
const chat = { model: 'sonnet', messages: [{ role: 'user', content: 'hi' }] }

for (const [path, body, schema] of [
  ['/api/chat', chat, ChatReply],
  ['/api/generate', { model: 'sonnet', prompt: 'hi' }, GenerateReply],
] as const) {
  test(`${path} streams lines of JSON unless that is switched off`, async () => {
    for (const more of [{}, { stream: true }, { stream: null }]) {
      const answer = await post(path, { ...body, ...more })
      assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/x-ndjson'])
      assert.ok(answer.body.endsWith('\n'))
      const lines = answer.body.slice(0, -1).split('\n')
      const replies = lines.map((line) => schema.parse(JSON.parse(line)))
      assert.deepEqual(
        replies.map(({ done }) => done),
        [false, false, true],
      )
    }
    const whole = await post(path, { ...body, stream: false })
    assert.match(String(whole.headers['content-type']), /^application\/json/)
    assert.equal(schema.parse(whole.json()).done, true)
  })

  test(`${path} names what has no effect`, async () => {
    const options = { temperature: 0.1, num_ctx: 4096 }
    const answer = await post(path, { ...body, options, keep_alive: '5m', brand_new: 1 })
    assert.equal(answer.headers['x-claude-serve-ignored'], 'brand_new, options.temperature')
  })
}

test('the fields of messages that have no effect are named', async () => {
  const messages = [
    { role: 'user', content: 'hi', extra: 1 },
    { role: 'assistant', content: 'A', thinking: 'T', images: ['x'] },
    { role: 'user', content: 'B' },
  ]
  const tools = [{ type: 'function', function: { name: 'look', strict: true } }]
  const answer = await post('/api/chat', { ...chat, messages, tools })
  assert.equal(
    answer.headers['x-claude-serve-ignored'],
    'messages[].extra, messages[].thinking, messages[].images, tools[].function.strict',
  )
})

test('show takes the name in either field, and needs one', async () => {
  for (const body of [
    { model: 'sonnet' },
    { name: 'sonnet:latest' },
    { model: 'sonnet', name: '', system: '', template: '', verbose: false, options: null },
    { model: 'sonnet', name: null },
    { model: '', name: 'sonnet' },
  ]) {
    assert.equal((await post('/api/show', body)).statusCode, 200)
  }
  for (const body of [{}, { model: '' }, { model: null, name: '' }]) {
    const answer = await post('/api/show', body)
    assert.deepEqual([answer.statusCode, errorOf(answer)], [400, 'model is required'])
  }
})

for (const [method, path, status, error] of [
  ['GET', '/api/nothing', 404, /^GET \/api\/nothing does not exist$/],
  ['POST', '/api/experimental/web_search', 404, /does not exist$/],
  ['POST', '/api/tags', 405, /^\/api\/tags supports GET, HEAD, not POST$/],
  ['GET', '/api/chat', 405, /^\/api\/chat supports POST, not GET$/],
  ['DELETE', '/api/delete', 404, /^\/api\/delete is not supported: /],
  ['POST', '/api/pull', 404, /GET \/api\/tags lists them$/],
] as const) {
  test(`${method} ${path} is ${status} in Ollama’s form`, async () => {
    const answer = await send(method, path)
    assert.equal(answer.statusCode, status)
    assert.match(errorOf(answer), error)
  })
}

test('the error for an unknown model names the list of this API', async () => {
  for (const [path, body] of [
    ['/api/chat', { ...chat, model: 'llama-of-nobody' }],
    ['/api/chat', { ...chat, model: 'llama-of-nobody', stream: false }],
    ['/api/generate', { model: 'llama-of-nobody', prompt: 'x' }],
    ['/api/show', { model: 'llama-of-nobody' }],
  ] as const) {
    const answer = await post(path, body)
    const text = 'there is no model "llama-of-nobody"; GET /api/tags lists the available models'
    assert.deepEqual([answer.statusCode, errorOf(answer)], [404, text])
  }
})

test('a file that is sent for a model is refused whatever its type is', async () => {
  const path = `/api/blobs/sha256:${'0'.repeat(64)}`
  const headers = { 'content-type': 'application/octet-stream' }
  assert.equal((await send('HEAD', path)).statusCode, 404)
  const answer = await send('POST', path, { headers, payload: Buffer.from('GGUF') })
  assert.equal(answer.statusCode, 404)
  assert.match(errorOf(answer), /not supported/)
})

test('what a web page can send is refused', async () => {
  const runs = agent.requests.length
  for (const [headers, status, error] of [
    [{ 'content-type': 'text/plain' }, 415, /must be JSON and declare it/],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415, /must be JSON and declare it/],
    [{}, 415, /no content type/],
    [{ ...json, origin: 'http://evil.example' }, 403, /web pages/],
    [{ ...json, host: 'evil.example' }, 403, /--allow-host/],
  ] as const) {
    const answer = await send('POST', '/api/chat', { payload: JSON.stringify(chat), headers })
    assert.equal(answer.statusCode, status)
    assert.match(errorOf(answer), error)
  }
  assert.equal(agent.requests.length, runs)
})
