// The command `stop`: stops the server of the data folder and nothing else, gracefully or at once, and waits until it has exited.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { processInfo, processTree } from '../../../src/claude/process/process-tree.ts'
import { openStream } from '../../helpers/client.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import {
  assertFailure,
  assertWrongUsage,
  fakeClaude,
  noTerminal,
  run,
  runOnTerminal,
  runProcess,
  type Server,
  startDemo,
} from '../command-process.ts'

test('if no server runs, it says so and exits with 0', async (t) => {
  const folders = makeFolders(t)
  const { code, stdout, stderr } = await run(folders, ['stop'])
  assert.deepEqual([code, stdout, stderr], [0, '', `claude-serve: no server is running in ${folders.dataDir}\n`])
  const asJson = await run(folders, ['stop', '--json'])
  assert.deepEqual([asJson.code, JSON.parse(asJson.stdout)], [0, { stopped: false, pid: null }])
})

test('a server shuts down cleanly, and has exited when the command returns', async (t) => {
  const folders = makeFolders(t)
  const server = await startDemo(t, folders, '--claude-bin', fakeClaude)
  const { code, stdout, stderr } = await runProcess(folders, ['stop', '--json'])
  assert.deepEqual([code, JSON.parse(stdout), stderr], [0, { stopped: true, pid: server.pid }, ''])
  assert.equal((await server.process.outcome()).code, 0)
  assert.ok(!existsSync(join(folders.dataDir, 'server.json')))
})

/** A server whose claude starts to answer, never finishes, and can only be ended by SIGKILL. */
async function startStuck(t: TestContext, folders: TestFolders): Promise<Server> {
  const claude = join(folders.root, 'claude')
  const shared = JSON.stringify(join(import.meta.dirname, '../../fakes/fake-cli.mjs'))
  const turn = 'async (turn) => { await turn.init(); await turn.begin(); await turn.deltas(3); await hang() }'
  const program = `import { hang, runFake } from ${shared}\nawait runFake({ immortal: true, turn: ${turn} })\n`
  writeFileSync(`${claude}.mjs`, program)
  writeFileSync(claude, `#!/bin/sh\nexec '${process.execPath}' '${claude}.mjs' "$@"\n`, { mode: 0o755 })
  return startDemo(t, folders, '--claude-bin', claude)
}

/** Sends a request that is never answered, and returns the processes that work on it. */
async function ask(t: TestContext, { url, pid }: Server): Promise<number[]> {
  const gone = new AbortController()
  t.after(() => gone.abort())
  const response = await openStream({ url }, { prompt: 'x' }, { signal: gone.signal })
  await response.body?.getReader().read()
  const descendants = (await processTree(pid)).map((info) => info.pid).filter((each) => each !== pid)
  assert.notDeepEqual(descendants, [])
  return descendants
}

test('it waits for a request, also when called twice; --now ends the request and all processes of the server', async (t) => {
  const folders = makeFolders(t)
  const server = await startStuck(t, folders)
  const descendants = await ask(t, server)
  for (let n = 1; n <= 2; n++) {
    const still = await run(folders, ['stop', '--timeout', '10ms'])
    assertFailure(still, /is still running after 0.01 s: requests are in progress; .*stop --now does not wait/)
    assert.equal(still.stdout, '')
    // Nothing has been cut short.
    assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  }
  await t.test('on a terminal it shows that it is waiting', { skip: noTerminal }, async () => {
    const { code, stdout } = await runOnTerminal(folders, ['stop', '--timeout', '3s'])
    assert.equal(code, 1)
    const [first, ...drawn] = stdout.split('\r')
    const shown = drawn.map((text) => text.replace('\u001b[K', '<clear>'))
    assert.deepEqual([first, shown.length > 1], ['', true])
    for (const text of shown.slice(0, -1)) assert.match(text, /^waiting for requests to finish: \d s<clear>$/)
    assert.match(shown.at(-1) ?? '', /^<clear>claude-serve: .* is still running after 3 s/)
  })
  const { code, stdout } = await run(folders, ['stop', '--now'])
  assert.deepEqual([code, stdout], [0, `stopped claude-serve (pid ${server.pid})\n`])
  await server.process.outcome()
  for (const pid of descendants) assert.equal(await processInfo(pid), null)
  assert.equal((await run(folders, ['stop'])).code, 0)
})

test('a process that only has the process number of a former server is left alone', async (t) => {
  const folders = makeFolders(t)
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  await once(child, 'spawn')
  mkdirSync(join(folders.dataDir, 'servers', `${child.pid}-1`), { recursive: true })
  const address = { url: 'http://127.0.0.1:1', pid: child.pid, process: `${child.pid}-1`, version: '1', startedAt: '' }
  writeFileSync(join(folders.dataDir, 'server.json'), JSON.stringify(address))
  for (const words of [[], ['--now']]) {
    const { code, stderr } = await run(folders, ['stop', ...words])
    assert.deepEqual([code, stderr], [0, `claude-serve: no server is running in ${folders.dataDir}\n`])
  }
  const exited = once(child, 'exit')
  child.stdin.end()
  assert.deepEqual(await exited, [0, null])
})

const wrong: [words: string[], message: RegExp][] = [
  [['--timout', '1s'], /unknown option '--timout' \(Did you mean --timeout\?\)/],
  [['--timeout'], /argument missing/],
  [['--timeout', 'soon'], /--timeout: "soon" is not accepted; give a time such as 30s or 2m/],
  [['--timeout', '-1s'], /is not accepted|argument missing/],
  [['--timeout', '5s', '--now'], /pass either --timeout or --now, not both/],
  [['all'], /too many arguments/],
]
test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of wrong) assertWrongUsage(await run(folders, ['stop', ...words]), 'stop', message)
})
