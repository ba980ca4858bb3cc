// The command `models`: the names that a running server knows, and the messages if the server cannot be reached.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extendedTest, test } from '../helpers/extended.ts'
import { makeFolders, startTestServer } from '../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, fakeClaude, Running, run } from './command-process.ts'
import { keys } from './keys/process.ts'
import { startSharedServer } from './shared-server.ts'

const { folders, url } = await startSharedServer({
  config: { claudeBin: fakeClaude, modelMap: { mine: 'sonnet', worker: 'agent/sonnet' } },
})

test('lists each model next to its agent, and the names that the operator defined', async () => {
  const { code, stdout, stderr } = await run(folders, ['models'])
  assert.deepEqual([code, stderr], [0, ''])
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/))
  assert.deepEqual(rows[0], ['model', 'as Claude Code'])
  for (const row of [
    ['sonnet', 'agent/sonnet'],
    ['mine', 'agent/mine'],
    ['worker', '-'],
  ])
    assert.ok(
      rows.some((each) => each.join() === row.join()),
      `${row} in ${stdout}`,
    )
  const asJson: { id: string; agent: boolean }[] = JSON.parse((await run(folders, ['models', '--json'])).stdout)
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] }
  assert.deepEqual(
    asJson,
    data.map(({ id }) => ({ id, agent: id.startsWith('agent/') })),
  )
})

extendedTest('a reader that stops early is not an error', async () => {
  const running = new Running(folders, ['models'])
  running.child.stdout?.destroy()
  const { code, stderr } = await running.outcome()
  assert.deepEqual([code, stderr], [0, ''])
})

// From here on, the server requires a key.
test('if the server has API keys, it says which variable must hold one', async () => {
  const secret = (await keys(folders, ['create', 'laptop', '--scope', 'chat', '--quiet'])).stdout.trim()
  const without = await run(folders, ['models'])
  assertFailure(without, /set CLAUDE_SERVE_API_KEY to a key of this server/)
  assert.equal(without.stdout, '')
  assert.equal((await run(folders, ['models'], { environment: { CLAUDE_SERVE_API_KEY: secret } })).code, 0)
})

test('without a running server it says how to start one, and exits with 1', async (t) => {
  const outcome = await run(makeFolders(t), ['models', '--json'])
  assertFailure(outcome, /no server is running in .*: start one with \S+claude-serve/)
  assert.equal(outcome.stdout, '')
})

test('the message of a server that cannot list its models is shown', async (t) => {
  const { folders } = await startTestServer(t, { config: { claudeBin: '/nowhere/claude' } })
  assertFailure(await run(folders, ['models']), /\/nowhere\/claude is not an executable file/)
})

test('another program at an address is distinguished from an unused address', async (t) => {
  const folders = makeFolders(t)
  const server = createServer((_request, response) => response.end('{"data":[{"name":"x"}]}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  assertFailure(
    await run(folders, ['models', '--url', url]),
    /is not claude-serve: pass the correct address with --url/,
  )
  await new Promise((resolve) => server.close(resolve))
  assertFailure(await run(folders, ['models', '--url', url]), /no server responds at http:\S+ \(ECONNREFUSED\)/)
})

const wrong: [words: string[], message: RegExp][] = [
  [['--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
  [['sonnet'], /too many arguments/],
  [['--url', 'nowhere'], /--url: "nowhere" is not accepted/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong) assertWrongUsage(await run(folders, ['models', ...words]), 'models', message)
})
