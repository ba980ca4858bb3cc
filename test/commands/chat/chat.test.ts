// The command `chat` with a real server and the real CLI: the answer is streamed, sessions continue, and disconnecting cancels the run.
// Details of what is sent and shown are in prompt.test.ts and view.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeFolders, startTestServer, step, type TestServer } from '../../helpers/test-server.ts'
import { assertFailure, run, start } from '../command-process.ts'
import { keys } from '../keys/process.ts'

const ask = (server: TestServer, words: string[], environment: Record<string, string> = {}) =>
  run(server.folders, ['chat', ...words], { environment })

const json = async (server: TestServer, ...words: string[]): Promise<{ session_id: string; result: string }> => {
  const { code, stdout, stderr } = await ask(server, ['--json', ...words])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

test('an answer, a session that continues, and options that reach the model', async (t) => {
  const server = await startTestServer(t)
  const say = (text: string) => step({ text })
  const hello = await ask(server, ['greet', say('Hello there')])
  assert.deepEqual(hello, { code: 0, stdout: 'Hello there\n', stderr: '' })
  const first = await json(server, 'zebra-1', say('1'), '--system', 'You are terse.', '--model', 'agent/haiku')
  const request = await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra-1'))
  assert.ok(JSON.stringify(request.body?.system).includes('You are terse.'))
  assert.match(request.body?.model ?? '', /haiku/)
  const second = await json(server, 'more', say('2'), '--session', first.session_id)
  const third = await json(server, 'zebra-2', say('3'), '--continue')
  assert.deepEqual([second.session_id, third.session_id, third.result], [first.session_id, first.session_id, '3'])
  const last = await server.upstream.waitForRequest(({ raw }) => raw.includes('zebra-2'))
  assert.ok(last.raw.includes('zebra-1'))
})

/** So many tokens that no test waits for the last one. */
const endless = step({ tokens: 5000, gap: 20 })

test('the answer is streamed; Ctrl-C cancels the run, exit 1', async (t) => {
  const server = await startTestServer(t)
  const running = start(t, server.folders, ['chat', 'go on', endless])
  await running.until('stdout', /^tok0 tok1 /)
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.outcome()
  assert.deepEqual([code, stderr], [1, 'claude-serve: cancelled\n'])
  assert.match(stdout, /^tok0 .*\n$/)
  await server.upstream.waitForAbort(({ raw }) => raw.includes('go on'))
})

test('a reader of stdout that stops early cancels the run too', async (t) => {
  const server = await startTestServer(t)
  const running = start(t, server.folders, ['chat', 'go on', endless])
  await running.until('stdout', /^tok0 tok1 /)
  running.child.stdout?.destroy()
  assert.equal((await running.outcome()).code, 1)
  await server.upstream.waitForAbort(({ raw }) => raw.includes('go on'))
})

test('Ctrl-C before the run has started cancels it as well', async (t) => {
  const server = await startTestServer(t)
  const running = start(t, server.folders, ['chat', 'go on', step({ hang: 'headers' })])
  await server.upstream.waitForRequest(({ raw }) => raw.includes('go on'))
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.outcome()
  assert.deepEqual([code, stdout, stderr], [1, '', 'claude-serve: cancelled\n'])
})

test('an error of the server or the model is one line and exit 1', async (t) => {
  const server = await startTestServer(t)
  const rows: [words: string[], message: RegExp][] = [
    [['x', '--cwd', '/nowhere'], /cwd is not an existing folder: "\/nowhere"/],
    [['x', '--model', 'a b'], /model must be the name of a model/],
    [['x', '-s', '11111111-2222-4333-8444-555555555555'], /session/i],
    [[step({ status: 400, message: 'The prompt is too odd.' })], /The prompt is too odd\./],
  ]
  for (const [words, message] of rows) {
    const outcome = await ask(server, words)
    assertFailure(outcome, message)
    assert.equal(outcome.stdout, '')
  }
})

test('with API keys, the error names the variable to set', async (t) => {
  const server = await startTestServer(t)
  const secret = (await keys(server.folders, ['create', 'laptop', '--quiet'])).stdout.trim()
  assertFailure(await ask(server, ['x']), /needs an API key.*set CLAUDE_SERVE_API_KEY to a key/)
  const words = ['x', step({ text: 'ok' })]
  assert.equal((await ask(server, words, { CLAUDE_SERVE_API_KEY: secret })).stdout, 'ok\n')
})

test('if no server is running, the error says how to start one, exit 1', async (t) => {
  const outcome = await run(makeFolders(t), ['chat', 'x'])
  assertFailure(outcome, /no server is running in .*: start one with claude-serve/)
  assert.equal(outcome.stdout, '')
})
