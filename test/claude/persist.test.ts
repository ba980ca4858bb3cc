// Conversations that leave no file: which ones do, whether they can be continued while their process lives, and what is said afterward. With
// the real CLI, whose folder is looked at.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { chat, chatError, post } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 2 } })
const projects = join(server.folders.configDir, 'projects')

/** The conversations that `claude --resume` would list. */
const conversations = () =>
  existsSync(projects)
    ? readdirSync(projects, { recursive: true }).filter((name) => String(name).endsWith('.jsonl')).length
    : 0

const lastRaw = () => server.upstream.requests.at(-1)?.raw ?? ''

const kinds = { 'an agent': {}, 'one without tools': { tools: [], system_prompt: 'S' } }

for (const [kind, options] of Object.entries(kinds)) {
  test(`${kind}: with persist false it leaves no file, and goes on while its process lives`, async () => {
    const before = conversations()
    const first = await chat(server, { ...options, prompt: 'the word is walrus', persist: false })
    // Also without the field: what the conversation is was decided when it began.
    for (const more of [{ persist: false }, {}]) {
      const next = await chat(server, { ...options, prompt: 'and then?', session_id: first.session_id, ...more })
      assert.equal(next.session_id, first.session_id)
      assert.match(lastRaw(), /the word is walrus/)
    }
    // Two other conversations take its process.
    for (const prompt of ['one', 'two', 'three']) await chat(server, { prompt, persist: false })
    for (const prompt of ['one', 'two', 'three']) await chat(server, { tools: [], prompt, persist: false })
    const { status, body } = await chatError(server, { ...options, prompt: 'more', session_id: first.session_id })
    assert.deepEqual([status, body.code], [404, 'session_not_found'])
    assert.equal(conversations(), before)
  })
}

test('a conversation that has a file keeps it; a copy of it need not have one', async () => {
  const first = await chat(server, { prompt: 'the word is heron' })
  const before = conversations()
  const body = { prompt: 'next', session_id: first.session_id, persist: false }
  const refused = await chatError(server, body)
  assert.deepEqual([refused.status, refused.body.details.field], [400, 'persist'])
  assert.match(refused.body.error, /"fork": true/)
  const copy = await chat(server, { ...body, fork: true })
  assert.notEqual(copy.session_id, first.session_id)
  assert.match(lastRaw(), /the word is heron/)
  assert.equal(conversations(), before)
})

test('agents on the compatible APIs leave no file', async () => {
  const before = conversations()
  const messages = [{ role: 'user', content: step({ tool: 'Bash', input: { command: 'true', description: 'x' } }) }]
  for (const [path, body] of [
    ['/v1/chat/completions', { messages }],
    ['/v1/messages', { messages, max_tokens: 100 }],
    ['/v1/responses', { input: messages, store: false }],
  ] as const) {
    const { status, body: answer } = await post(server, path, { model: 'agent/sonnet', ...body })
    assert.equal(status, 200, JSON.stringify(answer))
  }
  assert.equal(conversations(), before)
})

extendedTest('a stream and a background run leave none either', async () => {
  const before = conversations()
  const streamed = await post(server, '/v1/chat', { prompt: 'hi', persist: false, background: true })
  assert.equal(streamed.status, 202)
  for (;;) {
    const run = (await (await fetch(`${server.url}/v1/runs/${streamed.body.id}`)).json()) as { status: string }
    if (run.status === 'succeeded') break
    assert.notEqual(run.status, 'failed')
  }
  assert.equal(conversations(), before)
})
