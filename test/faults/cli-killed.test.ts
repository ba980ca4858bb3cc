// kill -9 of a CLI process in the middle of a run: the run's record and events show it, no process is left, and the
// conversation can continue afterwards.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { chat, openStream, post, readChatEvents, textOf } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { startTestServer, step, type TestServer } from '../helpers/test-server.ts'
import { processesIn, runOf, until } from './killed-scene.ts'

const plain = { tools: [], system_prompt: 'S' }
const has = (word: string) => (request: { raw: string }) => request.raw.includes(word)
const start = (t: Pick<TestContext, 'after'>) => startTestServer(t, { config: { maxProcesses: 1 } })
const shared = await start({ after: after as TestContext['after'] })

/** Kills only the CLI process, not the processes it has started. */
function killCli({ folders }: TestServer): void {
  const pids = processesIn(folders).flatMap(({ pid, parent }) => (parent === process.pid ? [pid] : []))
  assert.equal(pids.length, 1)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

extendedTest('a run whose CLI is killed after its first word fails, and the conversation can continue', async (t) => {
  const server = await start(t)
  const { session_id } = await chat(server, { prompt: 'one', ...plain })
  const prompt = `two ${step({ tokens: 100_000, gap: 20 })}`
  const response = await openStream(server, { prompt, session_id, background: true, ...plain })
  const events = readChatEvents(response)
  let isKilled = false
  let last = null
  for await (const event of events) {
    if (event.type === 'delta' && !isKilled) killCli(server)
    isKilled ||= event.type === 'delta'
    last = event
  }
  assert.ok(last?.type === 'error')
  assert.equal(last.code, 'claude_failed')
  const run = await runOf(server, String(response.headers.get('x-run-id')))
  assert.deepEqual([run.status, run.error?.code, run.session_id], ['failed', 'claude_failed', session_id])
  assert.ok(run.ended_at)
  const reply = await chat(server, { prompt: `three ${step({ text: 'drei' })}`, session_id, ...plain })
  assert.deepEqual([reply.session_id, reply.result], [session_id, 'drei'])
})

test('a run whose CLI is killed before any content was emitted is retried once, and succeeds', async () => {
  const server = shared
  const prompt = `one ${step({ hang: 'headers', times: 1, text: 'eins' })}`
  const { body } = await post(server, '/v1/chat', { prompt, background: true, ...plain })
  await server.upstream.waitForRequest(has('one '))
  killCli(server)
  await until('the run has ended', async () => (await runOf(server, String(body.id))).ended_at !== null)
  const run = await runOf(server, String(body.id))
  assert.deepEqual([run.status, run.result, run.error], ['succeeded', 'eins', null])
  const again = await fetch(`${server.url}/v1/runs/${run.id}/events`)
  const types: string[] = []
  for await (const { type } of readChatEvents(again)) types.push(type)
  assert.deepEqual([types.filter((type) => type === 'start').length, types.at(-1)], [1, 'done'])
})

extendedTest('a run whose CLI is killed twice before any content was emitted fails', async (t) => {
  const server = await start(t)
  const prompt = `one ${step({ hang: 'headers' })}`
  const { body } = await post(server, '/v1/chat', { prompt, background: true, ...plain })
  const first = await server.upstream.waitForRequest(has('one '))
  killCli(server)
  await server.upstream.waitForRequest(({ raw, n }) => n > first.n && has('one ')({ raw }))
  killCli(server)
  await until('the run has ended', async () => (await runOf(server, String(body.id))).ended_at !== null)
  const run = await runOf(server, String(body.id))
  assert.deepEqual([run.status, run.error?.code], ['failed', 'claude_failed'])
})

test('a run whose CLI is killed while a command runs fails after its first words, the command is ended, and the conversation can continue', async () => {
  const server = shared
  const command = 'touch started; while true; do sleep 1; done'
  const prompt = `go ${step({ text: 'I wait.', tool: 'Bash', input: { command, description: 'wait' } })}`
  const response = await openStream(server, { prompt, background: true, allowed_tools: ['Bash'] })
  const received: ChatEvent[] = []
  const reading = (async () => {
    for await (const event of readChatEvents(response)) received.push(event)
  })()
  await until('the command runs', () => existsSync(join(server.folders.cwd, 'started')))
  killCli(server)
  await reading
  assert.equal(textOf(received), 'I wait.')
  const last = received.at(-1)
  assert.ok(last?.type === 'error')
  assert.equal(last.code, 'claude_failed')
  const run = await runOf(server, String(response.headers.get('x-run-id')))
  assert.deepEqual([run.status, run.error?.code], ['failed', 'claude_failed'])
  assert.ok(run.ended_at)
  await until('the command is gone', () => processesIn(server.folders).length === 0)
  const more = { prompt: `more ${step({ text: 'mehr' })}`, session_id: run.session_id }
  const reply = await chat(server, more)
  assert.deepEqual([reply.session_id, reply.result], [run.session_id, 'mehr'])
})

extendedTest(
  'a background run that is ended by its route ends its command, and the conversation can continue',
  async (t) => {
    const server = await start(t)
    const command = 'touch started; while true; do sleep 1; done'
    const prompt = `go ${step({ tool: 'Bash', input: { command, description: 'wait' } })}`
    const request = { prompt, background: true, allowed_tools: ['Bash'] }
    const { body } = await post(server, '/v1/chat', request)
    const isShell = ({ command: line }: { command: string }) => line.includes('touch started') || /^sleep /.test(line)
    await until('the command runs', () => existsSync(join(server.folders.cwd, 'started')))
    assert.ok(processesIn(server.folders).some(isShell))
    const id = String(body.id)
    await post(server, `/v1/runs/${id}/cancel`, {})
    await until('the run has ended', async () => (await runOf(server, id)).ended_at !== null)
    await until('the command is gone', () => !processesIn(server.folders).some(isShell))
    const run = await runOf(server, id)
    assert.deepEqual([run.status, run.error?.code], ['cancelled', 'cancelled'])
    const { result } = await chat(server, { prompt: `more ${step({ text: 'mehr' })}`, session_id: run.session_id })
    assert.equal(result, 'mehr')
  },
)
