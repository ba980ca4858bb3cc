// What a conversation's file says about the conversation as a whole: the model of its last answer, and what its answers have used and, at
// list prices, cost.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { estimateCost } from '../../../src/claude/sessions/prices.ts'
import { createSessionFiles } from '../../../src/claude/sessions/session-files.ts'
import { projectFolder } from '../../../src/claude/sessions/transcript.ts'
import { SessionList, SessionReply } from '../../../src/surfaces/native/session-reply-schemas.ts'
import { chat } from '../../helpers/client.ts'
import { extendedTest, test } from '../../helpers/extended.ts'
import { inTerminal } from '../../helpers/terminal.ts'
import { makeFolders, startTestServer, step, type TestServer } from '../../helpers/test-server.ts'

const cwd = '/tmp/proj'

/** For all conversations of this file: each reader of files starts a thread that loads the SDK. */
const { configDir, home } = makeFolders({ after: after as TestContext['after'] })
const files = createSessionFiles({ environment: { HOME: home }, deadlineMs: 250_000 })
after(() => files.close())

/** Stores a conversation as an older CLI in a terminal writes it. */
function store(lines: readonly object[], folderName?: string): { id: string; folder: string } {
  const id = randomUUID()
  const folder = folderName === undefined ? projectFolder(configDir, cwd) : join(configDir, 'projects', folderName)
  mkdirSync(folder, { recursive: true })
  const common = { isSidechain: false, cwd, sessionId: id, version: '2.1.38', timestamp: '2026-02-10T10:00:01.000Z' }
  const text = lines.map((line, index) => `${JSON.stringify({ ...common, uuid: `uuid-${index}`, ...line })}\n`)
  writeFileSync(join(folder, `${id}.jsonl`), text.join(''))
  return { id, folder }
}

const prompt = { type: 'user', message: { role: 'user', content: 'question' } }
const answer = (messageId: string, model: string, usage: object, more: object = {}) => ({
  type: 'assistant',
  message: { id: messageId, role: 'assistant', model, content: [{ type: 'text', text: 'answer' }], usage },
  ...more,
})
const usage = (input: number, output: number, read = 0, created = 0) => ({
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: read,
  cache_creation_input_tokens: created,
})
const sums = (inputTokens: number, outputTokens: number, costUsd: number | null) => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  costUsd,
})

test('each answer counts once, although the CLI repeats its usage on each of its lines', async () => {
  const { id } = store([
    prompt,
    answer('msg_1', 'claude-opus-4-6', usage(100, 1)),
    answer('msg_1', 'claude-opus-4-6', usage(100, 1)),
    answer('msg_1', 'claude-opus-4-6', usage(100, 40)),
    prompt,
    answer('msg_2', 'claude-haiku-4-5-20251001', usage(1000, 200, 3000, 400)),
  ])
  const { model, compactions, all, terminal } = await files.content(id)
  assert.deepEqual([model, compactions, terminal], ['claude-haiku-4-5-20251001', 0, null])
  assert.ok(all !== null && all.costUsd !== null)
  assert.deepEqual(
    { ...all, costUsd: Math.round(all.costUsd * 1e7) / 1e7 },
    {
      inputTokens: 1100,
      outputTokens: 240,
      cacheReadInputTokens: 3000,
      cacheCreationInputTokens: 400,
      // 100 × $5 + 40 × $25, and 1000 × $1 + 200 × $5 + 3000 × $0.10 + 400 × $1.25, per million.
      costUsd: 0.0015 + 0.0028,
    },
  )
})

test('the model is that of the last answer of the conversation itself, not of the CLI or of a sub-agent', async () => {
  const { id } = store([
    prompt,
    answer('msg_1', 'claude-opus-4-6', usage(1, 1)),
    answer('msg_2', 'claude-haiku-4-5', usage(1, 1), { isSidechain: true }),
    answer('msg_3', '<synthetic>', usage(0, 0)),
  ])
  assert.equal((await files.content(id)).model, 'claude-opus-4-6')
  assert.deepEqual(await files.models([{ id, cwd }]), ['claude-opus-4-6'])
  // What a sub-agent used was used for the conversation.
  assert.equal((await files.content(id)).all?.inputTokens, 2)
})

test('the files of sub-agents count, and answers that were copied from another conversation do not', async () => {
  const { id, folder } = store([
    prompt,
    answer('msg_1', 'claude-opus-4-6', usage(7, 1), { forkedFrom: { sessionId: 'other', messageUuid: 'x' } }),
    answer('msg_2', 'claude-opus-4-6', usage(200_000, 0)),
  ])
  mkdirSync(join(folder, id, 'subagents'), { recursive: true })
  const line = answer('msg_3', 'claude-opus-4-6', usage(800_000, 0), { isSidechain: true, sessionId: id })
  writeFileSync(join(folder, id, 'subagents', 'agent-a1.jsonl'), `${JSON.stringify(line)}\n`)
  assert.deepEqual((await files.content(id)).all, sums(1_000_000, 0, 5))
})

test('a model without a known price makes the cost unknown, and tokens still count', async () => {
  const { id } = store([
    prompt,
    answer('msg_1', 'claude-opus-4-6', usage(10, 10)),
    answer('msg_2', 'claude-tomorrow-9', usage(10, 10)),
  ])
  assert.deepEqual((await files.content(id)).all, sums(20, 20, null))
})

test('a conversation without answers has no model and no usage', async () => {
  const { id } = store([prompt])
  assert.deepEqual(await files.content(id), { model: null, compactions: 0, all: null, terminal: null })
  assert.deepEqual(await files.models([{ id, cwd }]), [null])
  const unknown = '00000000-0000-4000-8000-000000000000'
  assert.deepEqual(await files.models([{ id: unknown, cwd: null }]), [null])
})

test('the last answer is found far from the end of the file, between broken lines, and in an unusual folder', async () => {
  const long = { type: 'user', message: { role: 'user', content: 'ä"assistant"'.repeat(20_000) } }
  const lines = [prompt, answer('msg_1', 'claude-opus-4-6', usage(1, 1)), long, long]
  const { id, folder } = store(lines, 'another-name')
  writeFileSync(join(folder, `${id}.jsonl`), '{"type":"assistant","message":{"mod', { flag: 'a' })
  assert.deepEqual(await files.models([{ id, cwd }]), ['claude-opus-4-6'])
  assert.equal((await files.content(id)).model, 'claude-opus-4-6')
})

const million = { input_tokens: 1e6 }
const estimates: [name: string, model: string, usage: object, costUsd: number | null][] = [
  ['an id with a date', 'claude-sonnet-4-20250514', million, 3],
  ['an id of an older form', 'claude-3-5-haiku-20241022', million, 0.8],
  ['an id of Bedrock', 'us.anthropic.claude-opus-4-5-20251101-v1:0', million, 5],
  ['an ARN', 'arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6', million, 3],
  ['an id of Vertex', 'claude-opus-4-1@20250805', million, 15],
  ['a long context', 'claude-sonnet-5-5[1m]', million, 2],
  ['a later version', 'claude-opus-5-7', million, null],
  ['another model', 'gpt-4o', million, null],
  ['an alias', 'sonnet', million, null],
  ['a short prompt', 'claude-haiku-5-5', { input_tokens: 50_000, cache_read_input_tokens: 50_000 }, 0.0055],
  ['a long prompt', 'claude-haiku-5-5', { input_tokens: 50_000, cache_read_input_tokens: 50_001 }, 0.02750005],
  [
    'a cache for an hour',
    'claude-opus-5-5',
    { cache_creation_input_tokens: 3e6, cache_creation: { ephemeral_1h_input_tokens: 1e6 } },
    18,
  ],
  ['searches', 'claude-opus-5-5', { server_tool_use: { web_search_requests: 3 } }, 0.03],
  ['the United States', 'claude-opus-5-5', { ...million, inference_geo: 'us' }, 4.4],
  ['a fast answer', 'claude-opus-5-5', { ...million, speed: 'fast' }, null],
  ['no figures', 'claude-opus-5-5', { input_tokens: 'x', cache_creation: null }, 0],
]
test('list prices', () => {
  for (const [name, model, tokens, costUsd] of estimates) {
    const estimate = estimateCost(model, tokens)
    assert.equal(estimate === null ? null : Math.round(estimate * 1e8) / 1e8, costUsd, name)
  }
})

function sessionsOf(server: TestServer) {
  const get = async (path: string) => (await fetch(`${server.url}/v1/sessions${path}`)).json()
  /** An answer may arrive a moment before its run is stored as ended. */
  const withRuns = async (path: string, runs: number): Promise<SessionReply> => {
    for (;;) {
      const session = SessionReply.parse(await get(path))
      if (session.usage?.runs === runs) return session
    }
  }
  return { get, withRuns }
}

test("a terminal's session: model, tokens and an estimated cost, which is what the CLI itself reports", async (t) => {
  const server = await startTestServer(t)
  const { get, withRuns } = sessionsOf(server)
  const reported = await inTerminal(server, '--model=sonnet', `one ${step({ text: 'uno' })}`)
  const path = `/${reported.session_id}`
  const own = SessionReply.parse(await get(path))
  assert.match(own.model ?? '', /^claude-sonnet-/)
  assert.ok(own.cost_usd !== null && reported.total_cost_usd > 0)
  assert.ok(Math.abs(own.cost_usd - reported.total_cost_usd) < 1e-9, `${own.cost_usd} ${reported.total_cost_usd}`)
  assert.equal(own.cost_is_estimated, true)
  assert.ok(own.usage !== null && own.usage.output_tokens > 0)
  assert.equal(own.usage.runs, 0)
  assert.equal(SessionList.parse(await get('')).sessions[0]?.model, own.model)

  // A run of this server is added to what the terminal used.
  const { cost_usd: runCost, model } = await chat(server, {
    prompt: `two ${step({ text: 'dos' })}`,
    session_id: reported.session_id,
    model: 'haiku',
  })
  const both = await withRuns(path, 1)
  assert.ok(runCost !== null && both.cost_usd !== null)
  assert.ok(Math.abs(both.cost_usd - own.cost_usd - runCost) < 1e-9)
  assert.deepEqual([both.usage?.runs, both.cost_is_estimated, both.model], [1, true, model])
})

// session-routes.test.ts has it without the CLI.
extendedTest('the cost of a session that has only been used here is what its runs have reported', async (t) => {
  const server = await startTestServer(t)
  const here = await chat(server, { prompt: `one ${step({ text: 'uno' })}` })
  const reply = await sessionsOf(server).withRuns(`/${here.session_id}`, 1)
  assert.deepEqual([reply.cost_usd, reply.cost_is_estimated, reply.usage?.runs], [here.cost_usd, false, 1])
})
