// The command `chat` with a real server: the real CLI answers and continues sessions, the answer is streamed, and disconnecting cancels
// the run.
// Details of what is sent and shown are in prompt.test.ts and view.test.ts.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { extendedTest, test } from '../../helpers/extended.ts'
import { listenApp } from '../../helpers/inject-app.ts'
import { aborted, failedEnd, runStart, ScriptedAgent, untilAborted } from '../../helpers/scripted-agent.ts'
import { makeFolders, startTestServer, step, type TestServer } from '../../helpers/test-server.ts'
import { assertFailure, fakeClaude, run, runProcess, start } from '../command-process.ts'
import { keys } from '../keys/process.ts'

const ask = (server: TestServer, words: string[], environment: Record<string, string> = {}) =>
  run(server.folders, ['chat', ...words], { environment })

const json = async (server: TestServer, ...words: string[]): Promise<{ session_id: string; result: string }> => {
  const { code, stdout, stderr } = await ask(server, ['--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

test('an answer, a session that continues, options that reach the model, and its errors', async (t) => {
  const server = await startTestServer(t)
  const say = (text: string) => step({ text })
  const first = await json(server, 'zebra-1', say('1'), '--system', 'You are terse.', '--model', 'agent/haiku')
  const request = await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra-1'))
  assert.ok(JSON.stringify(request.body?.system).includes('You are terse.'))
  assert.match(request.body?.model ?? '', /haiku/)
  const second = await runProcess(server.folders, ['chat', 'more', say('Hello there'), '--session', first.session_id])
  assert.deepEqual(second, { code: 0, stdout: 'Hello there\n', stderr: '' })
  const third = await json(server, 'zebra-2', say('3'), '--continue')
  assert.deepEqual([third.session_id, third.result], [first.session_id, '3'])
  const last = await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra-2'))
  for (const text of ['zebra-1', 'more']) assert.ok(last.raw.includes(text))
  const unknown = '11111111-2222-4333-8444-555555555555'
  const rows: [words: string[], message: RegExp][] = [
    [['x', '--cwd', '/nowhere'], /cwd is not an existing folder: "\/nowhere"/],
    [['x', '--model', 'a b'], /model must be the name of a model/],
    [['x', '-s', unknown], /session/i],
    [['-s', first.session_id, step({ status: 400, message: 'The prompt is too odd.' })], /The prompt is too odd\./],
  ]
  for (const [words, message] of rows) {
    const outcome = await ask(server, words)
    assertFailure(outcome, message)
    assert.equal(outcome.stdout, '')
  }
})

/** A server whose runs emit two words at most, and go on until they are cancelled. */
async function startEndless(t: TestContext, pieces: string[]) {
  const agent = new ScriptedAgent((_request, signal) => untilAborted(signal, pieces))
  const { url } = await listenApp(t, { agent })
  const running = start(t, makeFolders(t), ['chat', 'go on', '--no-cwd', '--url', url])
  return { agent, running }
}

test('the answer is streamed; Ctrl-C cancels the run, exit 1', async (t) => {
  const { agent, running } = await startEndless(t, ['one ', 'two '])
  await running.until('stdout', /^one two /)
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.outcome()
  assert.deepEqual([code, stdout, stderr], [1, 'one two \n', 'claude-serve: cancelled\n'])
  await agent.ended(0)
  assert.equal(agent.signals[0]?.aborted, true)
})

test('a reader of stdout that stops early cancels the run too', async (t) => {
  const agent = new ScriptedAgent(async function* (_request, signal) {
    yield runStart()
    yield { type: 'text-start', index: 0 }
    while (!signal.aborted) {
      yield { type: 'text-delta', index: 0, text: 'tok ' }
      await setImmediate()
    }
    yield failedEnd(await aborted(signal))
  })
  const { url } = await listenApp(t, { agent })
  const running = start(t, makeFolders(t), ['chat', 'go on', '--no-cwd', '--url', url])
  await running.until('stdout', /^tok tok /)
  running.child.stdout?.destroy()
  assert.equal((await running.outcome()).code, 1)
  await agent.ended(0)
  assert.equal(agent.signals[0]?.aborted, true)
})

extendedTest('Ctrl-C before the run has started cancels it as well', async (t) => {
  const { agent, running } = await startEndless(t, [])
  await agent.requested(1)
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.outcome()
  assert.deepEqual([code, stdout, stderr], [1, '', 'claude-serve: cancelled\n'])
  await agent.ended(0)
  assert.equal(agent.signals[0]?.aborted, true)
})

test('with API keys, the error names the variable to set', async (t) => {
  const server = await startTestServer(t, { config: { claudeBin: fakeClaude } })
  const secret = (await keys(server.folders, ['create', 'laptop', '--quiet'])).stdout.trim()
  assertFailure(await ask(server, ['x']), /needs an API key.*set CLAUDE_SERVE_API_KEY to a key/)
  assert.match((await ask(server, ['x'], { CLAUDE_SERVE_API_KEY: secret })).stdout, /^Hello from .*\n$/)
})

test('if no server is running, the error says how to start one, exit 1', async (t) => {
  const outcome = await run(makeFolders(t), ['chat', 'x'])
  assertFailure(outcome, /no server is running in .*: start one with \S+claude-serve/)
  assert.equal(outcome.stdout, '')
})
