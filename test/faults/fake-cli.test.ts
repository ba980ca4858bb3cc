// How the server handles a CLI that misbehaves, one fake of test/fakes after the other: which answer the caller gets,
// how many processes were started, that the server continues, and that no process is left.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { defaultProcessLimits } from '../../src/claude/pool/limits.ts'
import { ownIdentity } from '../../src/claude/process/process-registry.ts'
import { chat, chatError, chatStream, openStream, readChatEvents, textOf } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import {
  fakeCli,
  makeFolders,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from '../helpers/test-server.ts'

const goodText = 'Hello from the fake CLI, this is an answer.'
const toolless = { tools: [] }

type Start = { pid: number; argv: string[]; cwd: string; env: Record<string, string> }

/** A server with the fake of that name, whose starts are recorded. */
async function startFaulty(t: TestContext, fake: string, options: TestServerOptions = {}): Promise<TestServer> {
  const folders = makeFolders(t)
  writeFileSync(join(folders.cwd, 'record-here'), '')
  const limits = { ...defaultProcessLimits, interruptMs: 500, ...options.processLimits }
  return startTestServer(t, { fake, folders, ...options, processLimits: limits })
}

/** The processes that were started to work, in order; those that only print their version run elsewhere. */
function startsOf({ folders }: TestServer): Start[] {
  const file = join(folders.cwd, '.fake-cli-log.jsonl')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Start)
}

const startCount = (server: TestServer) => startsOf(server).length

/** A process that has ended but was not reaped yet counts as gone. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

/** Ids of the live processes that this test's servers have started, and of everything those have started. */
async function leftOver(): Promise<number[]> {
  const ours = `${await ownIdentity()}.`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAlive(pid) && markerOf(pid).includes(ours))
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return []
  }
}

/** The marker of the server that has started a process; empty if no server has. */
function markerOf(pid: number): string {
  return environmentOf(pid).find((entry) => entry.startsWith('CLAUDE_SERVE_WORKER=')) ?? ''
}

/** Polls, because the end of a process that is not our child is not reported. */
async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `${what}: not within ${withinMs} ms`)
    await delay(20)
  }
}

async function getJson(server: TestServer, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.url}${path}`)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

type Processes = { live: number; idle: number; busy: number; starting: number }
const processesOf = async (server: TestServer) => (await getJson(server, '/v1/health')).body.processes as Processes

/**
 * What must hold at the end of every test: the server answers, no run is stuck in it, and it ends without leaving a
 * process.
 */
async function checkContinuesAndEndsClean(server: TestServer): Promise<void> {
  assert.equal((await getJson(server, '/livez')).status, 200)
  const { body } = await getJson(server, '/v1/health')
  assert.equal((body.processes as Processes).busy, 0)
  assert.deepEqual((body.queue as { waiting: number }).waiting, 0)
  await server.close(0)
  assert.deepEqual(await leftOver(), [])
}

/** Posts to the stream and reads it to its end, which must be an error. */
async function brokenStream(server: TestServer, body: Record<string, unknown>) {
  const events = await chatStream(server, body)
  const last = events.at(-1)
  assert.ok(last?.type === 'error', JSON.stringify(last))
  assert.equal(
    events.some((event) => event.type === 'done'),
    false,
  )
  return { text: textOf(events), error: last as { error: string; code: string; [fact: string]: unknown } }
}

for (const path of ['/v1/chat', '/v1/chat/stream']) {
  testIf(path === '/v1/chat')(`a CLI that dies at its start returns 502 at ${path}, after a retry`, async (t) => {
    const server = await startFaulty(t, 'crash-at-start')
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'x' }),
    })
    const body = (await response.json()) as Record<string, unknown>
    assert.equal(response.status, 502)
    assert.equal(body.code, 'claude_failed')
    assert.equal(body.returncode, 3)
    assert.match(String(body.stderr), /^fatal: the fake CLI cannot start$/)
    const message = 'Claude Code ended while it was starting: fatal: the fake CLI cannot start.'
    assert.equal(body.error, message)
    const reasons = server.logLines.filter(({ msg }) => msg === 'a CLI process could not be started')
    assert.match(String(reasons[0]?.reason), /the fake CLI cannot start/)
    assert.equal(startCount(server), 2)
    await checkContinuesAndEndsClean(server)
  })
}

extendedTest('each of several callers gets the reason why the CLI does not start', async (t) => {
  const server = await startFaulty(t, 'crash-at-start')
  const answers = await Promise.all([1, 2, 3].map(() => chatError(server, { prompt: 'x' })))
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body.returncode]),
    [
      [502, 3],
      [502, 3],
      [502, 3],
    ],
  )
  await checkContinuesAndEndsClean(server)
})

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', toolless],
] as const) {
  extendedTest(`a run ${kind} whose CLI dies on the prompt is retried by a fresh process, once`, async (t) => {
    const server = await startFaulty(t, 'crash-once')
    writeFileSync(join(server.folders.cwd, 'crash-once'), '')
    const events = await chatStream(server, { prompt: 'x', ...options })
    assert.deepEqual(
      events.map((event) => event.type).filter((type) => type !== 'delta'),
      ['start', 'done'],
    )
    assert.equal(textOf(events), goodText)
    assert.equal(startCount(server), 2)
    assert.equal((await processesOf(server)).live, 1)
    await checkContinuesAndEndsClean(server)
  })
}

extendedTest('a run whose CLI dies twice returns 502', async (t) => {
  const server = await startFaulty(t, 'crash-once')
  // The file is created again as soon as the first process has deleted it.
  const flag = join(server.folders.cwd, 'crash-once')
  writeFileSync(flag, '')
  const answer = chatError(server, { prompt: 'x' })
  await until('the first crash', () => !existsSync(flag))
  writeFileSync(flag, '')
  const { status, body } = await answer
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.equal(body.returncode, 7)
  assert.equal(startCount(server), 2)
  await checkContinuesAndEndsClean(server)
})

for (const [fake, returncode] of [
  ['crash-mid-answer', 7],
  ['exit-zero-without-result', 0],
] as const) {
  extendedTest(`${fake}: a stream ends with an error after the words that arrived`, async (t) => {
    const server = await startFaulty(t, fake)
    const { text, error } = await brokenStream(server, { prompt: 'x' })
    assert.equal(text, 'Hello from the ')
    assert.equal(error.code, 'claude_failed')
    assert.equal(error.returncode, returncode)
    assert.equal(startCount(server), 1)
    await checkContinuesAndEndsClean(server)
  })

  testIf(fake === 'exit-zero-without-result')(
    `${fake}: a whole answer returns 502 and is not requested again`,
    async (t) => {
      const server = await startFaulty(t, fake)
      const { status, body } = await chatError(server, { prompt: 'x' })
      assert.equal(status, 502)
      assert.equal(body.code, 'claude_failed')
      assert.equal(body.returncode, returncode)
      assert.equal(startCount(server), 1)
      await checkContinuesAndEndsClean(server)
    },
  )
}

test('a CLI that does not become ready in time is ended, started once more, and reported', async (t) => {
  const server = await startFaulty(t, 'silent-at-start', { processLimits: { startMs: 400 } })
  const { status, body } = await chatError(server, { prompt: 'x' })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /did not start within 0\.4 s/)
  // On a slow machine they are ended before they can record their start.
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  assert.match(metrics, /^claude_serve_process_starts_total\{code="claude_failed"\} 2$/m)
  await until('both are gone', async () => (await leftOver()).length === 0)
  await checkContinuesAndEndsClean(server)
})

test('a CLI that does not react to a prompt is ended, started once more, and reported', async (t) => {
  const server = await startFaulty(t, 'silent-turn', { processLimits: { firstMessageMs: 300 } })
  const { status, body } = await chatError(server, { prompt: 'x' })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /did not respond to the prompt/)
  assert.equal(startCount(server), 2)
  await until('both are gone', () => startsOf(server).every(({ pid }) => !isAlive(pid)))
  await checkContinuesAndEndsClean(server)
})

test('a CLI that falls silent returns 504, is interrupted, and takes the next turn', async (t) => {
  const server = await startFaulty(t, 'stalls-mid-answer', { processLimits: { silenceMs: 1500 } })
  const first = await chatError(server, { prompt: 'x' })
  assert.equal(first.status, 504)
  assert.equal(first.body.code, 'timeout')
  assert.match(first.body.error, /^Request timed out/)
  const { idle, live } = await processesOf(server)
  assert.deepEqual({ idle, live }, { idle: 1, live: 1 })
  const { text, error } = await brokenStream(server, { prompt: 'y', session_id: first.body.session_id })
  assert.equal(text, 'Hello from the ')
  assert.equal(error.code, 'timeout')
  assert.match(error.error, /^Request timed out/)
  assert.equal(startCount(server), 1)
  await checkContinuesAndEndsClean(server)
})

extendedTest("a run's own deadline interrupts a CLI that has fallen silent", async (t) => {
  const server = await startFaulty(t, 'stalls-mid-answer')
  const { status, body } = await chatError(server, { prompt: 'x', timeout_s: 3 })
  assert.equal(status, 504)
  assert.equal(body.error, 'Request timed out')
  assert.equal((await processesOf(server)).idle, 1)
  await checkContinuesAndEndsClean(server)
})

extendedTest('a CLI whose output is mostly noise is ended, and its run returns 502', async (t) => {
  const server = await startFaulty(t, 'babble')
  const { status, body } = await chatError(server, { prompt: 'x' })
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /sent output that could not be parsed: the CLI wrote more than 100 lines that are not JSON/)
  await until('it is gone', () => startsOf(server).every(({ pid }) => !isAlive(pid)))
  await checkContinuesAndEndsClean(server)
})

extendedTest('an endless line is cut off before it fills the memory', async (t) => {
  const server = await startFaulty(t, 'endless-line')
  const before = process.memoryUsage.rss()
  const { status, body } = await chatError(server, { prompt: 'x' })
  const grownBy = process.resourceUsage().maxRSS * 1024 - before
  assert.equal(status, 502)
  assert.equal(body.code, 'claude_failed')
  assert.match(body.error, /sent output that could not be parsed: the CLI wrote a line of more than \d+ bytes/)
  assert.ok(grownBy < 100 * 1024 * 1024, `${Math.round(grownBy / 1024 / 1024)} MiB more`)
  await until('it is gone', () => startsOf(server).every(({ pid }) => !isAlive(pid)))
  await checkContinuesAndEndsClean(server)
})

test('a CLI that ignores every request to end is ended by SIGKILL when its run is over', async (t) => {
  const server = await startFaulty(t, 'refuses-to-die')
  const { status, body } = await chatError(server, { prompt: 'x', timeout_s: 3 })
  assert.equal(status, 504)
  assert.equal(body.error, 'Request timed out')
  await until('it is gone', () => startsOf(server).every(({ pid }) => !isAlive(pid)))
  await until('the server has noticed', async () => (await processesOf(server)).live === 0)
  await checkContinuesAndEndsClean(server)
})

extendedTest('a CLI that ignores every request to end is ended by SIGKILL when the client disconnects', async (t) => {
  const server = await startFaulty(t, 'refuses-to-die')
  const client = new AbortController()
  const answer = openStream(server, { prompt: 'x' }, { signal: client.signal })
  await until('it has the prompt', async () => (await processesOf(server)).busy === 1)
  client.abort()
  await assert.rejects(answer, { name: 'AbortError' })
  await until('it is gone', () => startsOf(server).every(({ pid }) => !isAlive(pid)))
  await checkContinuesAndEndsClean(server)
})

test('a CLI that ignores every request to end does not outlive the server', async (t) => {
  const server = await startFaulty(t, 'refuses-to-die')
  const answer = chatError(server, { prompt: 'x' })
  await until('it has the prompt', async () => (await processesOf(server)).busy === 1)
  await server.close(0)
  assert.equal((await answer).body.code, 'shutting_down')
  assert.deepEqual(await leftOver(), [])
})

/** Starts a turn of orphan-maker, and returns the tool's process, which keeps running in a session of its own. */
async function startOrphan(
  server: TestServer,
  signal: AbortSignal,
): Promise<{ child: number; rest: Promise<unknown> }> {
  const events = readChatEvents(await openStream(server, { prompt: 'x' }, { signal }))
  for (;;) {
    const { value, done } = await events.next()
    assert.ok(!done && value.type !== 'error', JSON.stringify(value))
    if (value.type !== 'delta') continue
    const child = Number(value.text.replace('child ', ''))
    assert.ok(isAlive(child))
    return { child, rest: drain(events).catch(() => {}) }
  }
}

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

/** Ends the process that a failed test would leave behind. */
function killAfter(t: TestContext, pid: number): void {
  t.after(() => {
    if (markerOf(pid) !== '') process.kill(pid, 'SIGKILL')
  })
}

extendedTest('a command that a cancelled run leaves behind is ended at the latest with its process', async (t) => {
  const server = await startFaulty(t, 'orphan-maker', { config: { keepAliveMs: 200 } })
  const client = new AbortController()
  const { child, rest } = await startOrphan(server, client.signal)
  killAfter(t, child)
  client.abort()
  await rest
  await until('it is gone', () => !isAlive(child))
  await checkContinuesAndEndsClean(server)
})

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  extendedTest(`a command does not outlive a CLI that is ended by ${signal}`, async (t) => {
    const server = await startFaulty(t, 'orphan-maker')
    const { child, rest } = await startOrphan(server, AbortSignal.timeout(20_000))
    killAfter(t, child)
    const [start] = startsOf(server)
    assert.ok(start)
    process.kill(start.pid, signal)
    await until('it is gone', () => !isAlive(child))
    await rest
    await checkContinuesAndEndsClean(server)
  })
}

extendedTest('a command does not outlive a CLI that ends with an exception', async (t) => {
  const folders = makeFolders(t)
  const crasher = join(folders.root, 'crasher.mjs')
  const lines = [
    `#!${process.execPath}`,
    `import { spawn } from 'node:child_process'`,
    `import { exit, runFake } from ${JSON.stringify(fakeCli('fake-cli'))}`,
    'await runFake({ turn: async (turn) => {',
    `  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })`,
    '  child.unref()',
    '  await turn.init()',
    '  await turn.begin()',
    '  await turn.delta("child " + child.pid)',
    '  await exit(1)',
    '} })',
  ]
  writeFileSync(crasher, lines.join('\n'), { mode: 0o755 })
  const server = await startTestServer(t, { folders, config: { claudeBin: crasher } })
  const { text, error } = await brokenStream(server, { prompt: 'x' })
  assert.equal(error.returncode, 1)
  const child = Number(text.replace('child ', ''))
  killAfter(t, child)
  await until('it is gone', () => !isAlive(child))
  await checkContinuesAndEndsClean(server)
})

test('a command does not outlive the server', async (t) => {
  const server = await startFaulty(t, 'orphan-maker')
  const { child, rest } = await startOrphan(server, AbortSignal.timeout(20_000))
  killAfter(t, child)
  await server.close(0)
  assert.equal(isAlive(child), false)
  await rest
  assert.deepEqual(await leftOver(), [])
})

test('ten megabytes on stderr do not block an answer', async (t) => {
  const server = await startFaulty(t, 'stderr-flood')
  assert.equal((await chat(server, { prompt: 'x' })).result, goodText)
  assert.equal(startCount(server), 1)
  await checkContinuesAndEndsClean(server)
})

test('a CLI that cannot load a system prompt later is started with it, also if the data folder was deleted', async (t) => {
  const server = await startFaulty(t, 'well-behaved')
  rmSync(server.folders.dataDir, { recursive: true })
  for (const prompt of ['one', 'two']) {
    const body = { prompt, system_prompt: 'Be brief.', ...toolless }
    assert.equal((await chat(server, body)).result, goodText)
    // The first process was ended because it refused; the second takes both requests.
    assert.equal(startCount(server), 2)
  }
  await checkContinuesAndEndsClean(server)
})

test('a CLI that cannot rewind a conversation serves every request without tools with a fresh process', async (t) => {
  const server = await startFaulty(t, 'no-rewind')
  for (const count of [1, 2, 3]) {
    const { result } = await chat(server, { prompt: String(count), ...toolless })
    assert.equal(result, goodText)
    assert.equal(startCount(server), count)
  }
  await checkContinuesAndEndsClean(server)
})

extendedTest('a CLI without a login returns 503 with an error that says what to do', async (t) => {
  const server = await startFaulty(t, 'not-logged-in')
  const { status, body } = await chatError(server, { prompt: 'x' })
  assert.equal(status, 503)
  assert.equal(body.code, 'claude_not_logged_in')
  assert.match(body.error, /Not logged in.*ANTHROPIC_API_KEY/)
  const { loggedIn } = await server.claude
  assert.equal(loggedIn, false)
  assert.equal((await getJson(server, '/v1/health')).body.logged_in, false)
  await checkContinuesAndEndsClean(server)
})

extendedTest(
  'a CLI that is too old returns 503 with an error that names both versions, and is not started',
  async (t) => {
    const server = await startFaulty(t, 'old-version')
    const { status, body } = await chatError(server, { prompt: 'x' })
    assert.equal(status, 503)
    assert.equal(body.code, 'claude_not_found')
    assert.match(body.error, /is version 1\.0\.3; at least 2\.1\.\d+ is required/)
    assert.equal(startCount(server), 0)
    const health = await getJson(server, '/v1/health')
    assert.equal(health.status, 503)
    assert.equal(health.body.status, 'error')
    assert.equal((await getJson(server, '/readyz')).status, 503)
    assert.equal((await getJson(server, '/livez')).status, 200)
    await server.close(0)
    assert.deepEqual(await leftOver(), [])
  },
)

test('a CLI that reports less and knows fewer requests answers all the same', async (t) => {
  const server = await startFaulty(t, 'reports-less')
  for (const options of [{}, toolless, toolless]) {
    const { result } = await chat(server, { prompt: 'x', ...options })
    assert.equal(result, goodText)
  }
  const models = await getJson(server, '/v1/models')
  assert.equal(models.status, 200)
  await checkContinuesAndEndsClean(server)
})
