// Work that Claude starts in the background belongs to the run: the run lasts until it has reported, and nothing of it is left behind for
// the next one. With the real CLI, as `claude -p` does it.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, beforeEach, type TestContext } from 'node:test'
import OpenAI from 'openai'
import { chat, chatStream, post, textOf } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { startTestServer, step } from '../helpers/test-server.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 2 } })
const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })

type Call = { fromMs: number; toMs: number }
let calls: Call[] = []

/** A call of the API whose requests to the model are checked afterwards: they must fall into one. */
async function during<T>(call: () => Promise<T>): Promise<T> {
  const fromMs = Date.now()
  try {
    return await call()
  } finally {
    calls.push({ fromMs, toMs: Date.now() })
  }
}

beforeEach(() => {
  calls = []
  server.upstream.reset()
})

afterEach(() => {
  const isInCall = (atMs: number) => calls.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs)
  const strays = server.upstream.requests.filter(({ receivedAtMs }) => !isInCall(receivedAtMs))
  assert.deepEqual(
    strays.map(({ raw }) => raw.slice(-300)),
    [],
    'requests to the model that belong to no run',
  )
})

const agent = (text: string) =>
  step({ tool: 'Agent', input: { description: 'look', prompt: `in the background ${step({ text })}` } })
const launched = `${agent('Seen.')}${step({ text: 'LAUNCHED' })}${step({ text: 'FINAL' })}`
const shell = (command: string) =>
  step({ tool: 'Bash', input: { command, description: 'wait', run_in_background: true } })
const allowed = { allowed_tools: ['Agent', 'Bash'] }

const fixture = join(import.meta.dirname, '../fixtures/session-with-a-background-task.jsonl')

test('the answer is that of the turn in which Claude has read what a sub-agent reported, and usage is that of all', async () => {
  const reply = await during(() => chat(server, { prompt: launched, ...allowed }))
  assert.equal(reply.result, 'FINAL')
  assert.equal(reply.usage?.output_tokens, 60)
  assert.equal(reply.num_turns, 3)
  const next = await during(() => chat(server, { prompt: step({ text: 'NEXT' }), session_id: reply.session_id }))
  assert.equal(next.result, 'NEXT')
})

extendedTest('a stream has the text of every turn, and with "events": "full" the tasks', async () => {
  const events = await during(() => chatStream(server, { prompt: launched, events: 'full', ...allowed }))
  assert.equal(textOf(events), 'LAUNCHEDFINAL')
  const tasks = events.flatMap((event) => (event.type.startsWith('task_') ? [event.type] : []))
  assert.deepEqual([...new Set(tasks)], ['task_started', 'task_ended'])
  assert.equal(events.at(-1)?.type, 'done')
})

const agentRequest = { model: 'agent/sonnet', messages: [{ role: 'user' as const, content: launched }] }

extendedTest('a model that is an agent streams in the same way', async () => {
  const texts: string[] = []
  await during(async () => {
    for await (const chunk of await openai.chat.completions.create({ ...agentRequest, stream: true }))
      texts.push(chunk.choices[0]?.delta.content ?? '')
  })
  assert.equal(texts.join(''), 'LAUNCHED\n\nFINAL')
})

extendedTest('a model that is an agent answers in the same way', async () => {
  const whole = await during(() => openai.chat.completions.create(agentRequest))
  assert.equal(whole.choices[0]?.message.content, 'FINAL')
})

// The other one is over while the next prompts are answered.
for (const seconds of [40, 1]) {
  testIf(seconds === 40)(
    `a shell that would work for ${seconds} s ends with its run, and the next prompts get their own answers`,
    async () => {
      const prompt = `${shell(`sleep ${seconds}; echo over`)}${step({ text: 'STARTED' })}`
      const first = await during(() => chat(server, { prompt, ...allowed }))
      assert.equal(first.result, 'STARTED')
      const { session_id } = first
      for (const word of ['SECOND', 'THIRD']) {
        const slow = step({ text: word, tokens: 4, gap: 400 })
        const reply = await during(() => chat(server, { prompt: slow, session_id, ...allowed }))
        assert.deepEqual([reply.result, reply.num_turns], [word, 1])
      }
    },
  )
}

test('a conversation whose background work ended with its terminal continues', async () => {
  const id = '33333333-3333-4333-8333-333333333333'
  const folder = join(server.folders.configDir, 'projects', '-tmp-proj')
  mkdirSync(folder, { recursive: true })
  mkdirSync('/tmp/proj', { recursive: true })
  copyFileSync(fixture, join(folder, `${id}.jsonl`))
  for (const word of ['ANSWER', 'ANOTHER']) {
    const reply = await during(() => chat(server, { prompt: step({ text: word }), session_id: id }))
    assert.deepEqual([reply.result, reply.num_turns], [word, 1])
  }
})

test('a run whose background work takes too long ends with the limit of the run, and its work with it', async () => {
  const prompt = `${agent('never')}${step({ text: 'LAUNCHED' })}`.replace(
    'in the background',
    'in the background [[fake {\\"hang\\":\\"headers\\"}]]',
  )
  const { status, body } = await during(() => post(server, '/v1/chat', { prompt, timeout_s: 8, ...allowed }))
  assert.deepEqual([status, body.code], [504, 'timeout'])
  const reply = await during(() => chat(server, { prompt: step({ text: 'AFTER' }), session_id: body.session_id }))
  assert.equal(reply.result, 'AFTER')
})
