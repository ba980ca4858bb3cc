// Processes that freeze: stopped by a signal at each point of their life, so that they neither answer nor end. A request gets its answer
// from another process, or a timeout in time; no process is lost to the pool, and the server can be closed.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { chat, chatError, openStream, post, readChatEvents } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { makeFolders, startTestServer, step, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'
import { processesIn, until } from './killed-scene.ts'

const limits = { controlMs: 1500, pingAfterMs: 0 }
const plain = { tools: [], system_prompt: 'S' }

const start = (t: TestContext, config: TestServerOptions['config'] = {}) =>
  startTestServer(t, { config: { maxProcesses: 2, ...config }, processLimits: limits })

/** Stops every process of the CLI. Returns their ids. */
function freeze({ folders }: TestServer): number[] {
  const pids = processesIn(folders).map(({ pid }) => pid)
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return pids
}

async function processesOf({ url }: TestServer) {
  const { processes } = (await (await fetch(`${url}/v1/health`)).json()) as { processes: { spare: number } }
  return processes
}

async function gone({ folders }: TestServer, pids: readonly number[]): Promise<void> {
  const isGone = (pid: number) => processesIn(folders).every((each) => each.pid !== pid)
  await until('the frozen processes are gone', () => pids.every(isGone))
}

const openai = (content: string, messages: object[] = []) => ({
  model: 'haiku',
  messages: [{ role: 'system', content: 'T' }, ...messages, { role: 'user', content }],
})

const past = [
  { role: 'user', content: 'before' },
  { role: 'assistant', content: 'then' },
]

type Request = { path: string; body: (session: string | undefined) => Record<string, unknown> }

/** What is sent once every process is frozen: what it needs of the process that had been used before. */
const requests: Record<string, Request> = {
  'another conversation': { path: '/v1/chat', body: () => ({ ...plain, prompt: 'next' }) },
  'another system prompt': { path: '/v1/chat', body: () => ({ ...plain, system_prompt: 'Z', prompt: 'next' }) },
  'the same session': { path: '/v1/chat', body: (session_id) => ({ ...plain, prompt: 'next', session_id }) },
  'a history': { path: '/v1/chat/completions', body: () => openai('next', past) },
  'an agent': { path: '/v1/chat', body: () => ({ prompt: 'next' }) },
}

for (const [what, { path, body }] of Object.entries(requests)) {
  testIf(what === 'another conversation' || what === 'the same session')(
    `an idle process that is frozen costs neither an answer nor its place: ${what}`,
    async (t) => {
      const server = await start(t)
      const first = await post(server, path, body(undefined))
      assert.equal(first.status, 200, JSON.stringify(first.body))
      const pids = freeze(server)
      assert.equal(pids.length, 1)
      const session = first.body.session_id
      const { status, body: reply } = await post(server, path, body(typeof session === 'string' ? session : undefined))
      assert.equal(status, 200, JSON.stringify(reply))
      // An agent that begins a new conversation has a process of its own from the start.
      if (what !== 'an agent') await gone(server, pids)
      const prompts = server.upstream.requests.filter(({ raw, method }) => method === 'POST' && raw.includes('next'))
      assert.equal(prompts.length, 2)
    },
  )
}

test('a spare that is frozen before its first turn is replaced', async (t) => {
  const server = await start(t, { warm: 1 })
  await until('the spare is ready', async () => (await processesOf(server)).spare === 1)
  const pids = freeze(server)
  assert.notEqual(pids.length, 0)
  await chat(server, { ...plain, prompt: 'hi' })
  await gone(server, pids)
})

test('a run whose process freezes in mid-answer is ended for its silence, and its place is free', async (t) => {
  const processLimits = { ...limits, silenceMs: 2000 }
  const server = await startTestServer(t, { config: { maxProcesses: 1 }, processLimits })
  const prompt = step({ text: 'x '.repeat(50), tokens: 50, gap: 50 })
  const response = await openStream(server, { ...plain, prompt })
  const events: ChatEvent[] = []
  let pids: number[] = []
  for await (const event of readChatEvents(response)) {
    events.push(event)
    if (event.type === 'delta' && pids.length === 0) pids = freeze(server)
  }
  assert.partialDeepStrictEqual(events.at(-1), { type: 'error', code: 'timeout' })
  const next = await chat(server, { ...plain, prompt: 'next' })
  assert.notEqual(next.result, '')
  await gone(server, pids)
})

const silent = 'silent-between-turns'

test('a process that answers no request between its turns is ended, and the run gets another', async (t) => {
  const server = await startTestServer(t, { fake: silent, config: { maxProcesses: 1 }, processLimits: limits })
  const first = await chat(server, { ...plain, prompt: 'first' })
  const pids = processesIn(server.folders).map(({ pid }) => pid)
  await chat(server, { ...plain, prompt: 'another' })
  await gone(server, pids)
  await chat(server, { ...plain, prompt: 'the same', session_id: first.session_id })
})

test('a process that ignores one request is not taken for a frozen one', async (t) => {
  const folders = makeFolders(t)
  writeFileSync(join(folders.home, 'altered.json'), '["unanswered:mcp_status"]')
  const server = await startTestServer(t, { folders, fake: 'altered', processLimits: limits })
  await chat(server, { ...plain, prompt: 'first' })
  const pids = processesIn(folders).map(({ pid }) => pid)
  await chat(server, { ...plain, prompt: 'another' })
  await chat(server, { ...plain, prompt: 'a third' })
  assert.deepEqual(
    processesIn(folders).map(({ pid }) => pid),
    pids,
  )
})

test('a run that is cancelled while its process is frozen ends at once', async (t) => {
  const processLimits = { controlMs: 60_000 }
  const server = await startTestServer(t, { fake: silent, config: { maxProcesses: 1 }, processLimits })
  await chat(server, { ...plain, prompt: 'first' })
  const accepted = await post(server, '/v1/chat', { ...plain, prompt: 'next', background: true })
  const id = String(accepted.body.id)
  const cancelled = await post(server, `/v1/runs/${id}/cancel`, {})
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body))
  const read = await fetch(`${server.url}/v1/runs/${id}/events`)
  const events: ChatEvent[] = []
  for await (const event of readChatEvents(read)) events.push(event)
  assert.partialDeepStrictEqual(events.at(-1), { type: 'error', code: 'cancelled' })
})

test('a deadline is kept while a process that is frozen is prepared', async (t) => {
  const processLimits = { controlMs: 60_000 }
  const server = await startTestServer(t, { fake: silent, config: { maxProcesses: 1 }, processLimits })
  await chat(server, { ...plain, prompt: 'first' })
  const { status, body } = await chatError(server, { ...plain, prompt: 'next', timeout_s: 1 })
  assert.deepEqual([status, body.code], [504, 'timeout'])
})

test('the server closes although every process is frozen, whatever it was doing', async (t) => {
  const server = await start(t, { maxProcesses: 4 })
  await chat(server, { ...plain, prompt: 'idle' })
  await chat(server, { prompt: 'held' })
  const run = (prompt: string, fields = {}) =>
    post(server, '/v1/chat', { ...plain, prompt, background: true, ...fields })
  await run(`busy ${step({ hang: 'body' })}`)
  await server.upstream.waitForRequest(({ raw }) => raw.includes('busy'))
  const pids = freeze(server)
  assert.equal(pids.length, 2)
  await run('waits for a frozen one')
  await server.close(500)
  await gone(server, pids)
})
