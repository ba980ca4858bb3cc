// Runs that end early, wait their turn or find no room: a client that disconnects, a timeout, a full queue. The CLI
// does no work that no client waits for, its commands end with the run, and conversations can continue.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { chat, chatError, openStream, post, readChatEvents } from '../helpers/client.ts'
import { extendedTest, test, testIf } from '../helpers/extended.ts'
import { startTestServer, step, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

const plain = { tools: [], system_prompt: 'S' }
const endless = step({ tokens: 100_000, gap: 20 })
const hanging = step({ hang: 'headers' })

const start = (t: Pick<TestContext, 'after'>, options: TestServerOptions = {}) =>
  startTestServer(t, { ...options, config: { maxProcesses: 1, ...options.config } })

/** For tests that leave one idle process or none: it has one process, and one run may wait for it. */
const shared = await start({ after: after as TestContext['after'] }, { config: { queueLimit: 1 } })
beforeEach(() => shared.upstream.reset())

/** Polls for a condition that no event reports, for at most a minute. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; await delay(15)) if (await condition()) return
  assert.fail(`within a minute: ${what}`)
}

type Health = { processes: Record<'live' | 'idle' | 'busy' | 'starting' | 'max', number>; queue: { waiting: number } }

const health = async ({ url }: TestServer) => (await (await fetch(`${url}/v1/health`)).json()) as Health

const untilWaiting = (server: TestServer, count: number) =>
  until(`${count} runs wait`, async () => (await health(server)).queue.waiting === count)

/** The processes below this one that work for the server: the CLI and everything it started. */
function processesOf({ folders }: TestServer): { pid: number; parent: number; command: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
      const isOurs = environment.some((entry) => entry.startsWith('CLAUDE_SERVE_WORKER='))
      if (!isOurs || !environment.includes(`HOME=${folders.home}`)) return []
      const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      if (state === 'Z') return []
      return [{ pid: Number(pid), parent: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }]
    } catch {
      return []
    }
  })
}

/** Only the CLI processes. */
const pidsOf = (server: TestServer) =>
  processesOf(server).flatMap(({ pid, parent }) => (parent === process.pid ? [pid] : []))

/** The texts of the conversation in the last request, without what the CLI adds. */
function history({ upstream }: TestServer): string[] {
  return (upstream.requests.at(-1)?.body?.messages ?? []).flatMap(({ role, content }) => {
    if (role === 'system') return []
    const texts = typeof content === 'string' ? [content] : content.map((block) => block.text ?? '')
    return texts.filter((text) => !text.startsWith('<system-reminder>')).map((text) => text.split(' ')[0]?.trim() ?? '')
  })
}

const has = (word: string) => (request: { raw: string }) => request.raw.includes(word)

/** Starts a request that the client can abort; the abort does not fail the test. */
function startRequest(server: TestServer, path: string, body: Record<string, unknown>) {
  const controller = new AbortController()
  const answer = post(server, path, body, { signal: controller.signal })
  answer.catch(() => {})
  return { answer, disconnect: () => controller.abort() }
}

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', plain],
] as const) {
  testIf(kind === 'without tools')(
    `a client that disconnects in the middle of an answer stops it, and the conversation can continue, ${kind}`,
    async () => {
      const server = shared
      const { session_id } = await chat(server, { prompt: 'one', ...options })
      const pids = pidsOf(server)
      const controller = new AbortController()
      const body = { prompt: `two ${endless}`, session_id, ...options }
      const response = await openStream(server, body, { signal: controller.signal })
      for await (const event of readChatEvents(response)) if (event.type === 'delta') break
      controller.abort()
      await server.upstream.waitForAbort(has('two '))
      const reply = await chat(server, { prompt: 'three', session_id, ...options })
      assert.equal(reply.session_id, session_id)
      assert.deepEqual(pidsOf(server), pids)
      const texts = history(server)
      assert.deepEqual([texts[0], texts.at(-1)], ['one', 'three'])
      assert.ok(texts.includes('two'))
    },
  )
}

test('a client that disconnects before the first event stops the run', async () => {
  const server = shared
  await chat(server, { prompt: 'one', ...plain })
  const pids = pidsOf(server)
  for (const path of ['/v1/chat', '/v1/chat/stream']) {
    const word = `word${path}`
    const { disconnect } = startRequest(server, path, { prompt: `${word} ${hanging}`, ...plain })
    await server.upstream.waitForRequest(has(word))
    disconnect()
    await server.upstream.waitForAbort(has(word))
    await chat(server, { prompt: 'and now', ...plain })
  }
  assert.deepEqual(pidsOf(server), pids)
})

test('a run whose client disconnects leaves the queue', async () => {
  const server = shared
  const first = startRequest(server, '/v1/chat', { prompt: `first ${hanging}`, ...plain })
  await server.upstream.waitForRequest(has('first '))
  const second = startRequest(server, '/v1/chat', { prompt: 'second', ...plain })
  await untilWaiting(server, 1)
  second.disconnect()
  await untilWaiting(server, 0)
  first.disconnect()
  await chat(server, { prompt: 'third', ...plain })
  assert.equal(server.upstream.requests.some(has('second')), false)
})

extendedTest('a client that disconnects while a process starts for it leaves nothing behind', async (t) => {
  const server = await start(t)
  const { disconnect } = startRequest(server, '/v1/chat', { prompt: 'first', ...plain })
  await until('a process starts', async () => (await health(server)).processes.starting === 1)
  disconnect()
  await untilWaiting(server, 0)
  await chat(server, { prompt: 'second', ...plain })
  assert.equal(server.upstream.requests.some(has('first')), false)
  assert.equal(pidsOf(server).length, 1)
})

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', plain],
] as const) {
  testIf(kind === 'without tools')(
    `a run that takes longer than timeout_s returns 504, and the conversation can continue, ${kind}`,
    async () => {
      const server = shared
      const { session_id } = await chat(server, { prompt: 'one', ...options })
      const pids = pidsOf(server)
      const late = { prompt: `two ${endless}`, session_id, timeout_s: 0.4, ...options }
      const { status, body } = await chatError(server, late)
      assert.deepEqual(
        [status, body.code, body.error, body.session_id],
        [504, 'timeout', 'Request timed out', session_id],
      )
      // On a slow machine the time may be up before the request is made.
      if (server.upstream.requests.some(has('two '))) await server.upstream.waitForAbort(has('two '))
      await chat(server, { prompt: 'three', session_id, ...options })
      assert.deepEqual([history(server)[0], history(server).at(-1)], ['one', 'three'])
      assert.deepEqual(pidsOf(server), pids)
    },
  )
}

test('the time that a run spends in the queue counts towards its timeout', async () => {
  const server = shared
  const first = startRequest(server, '/v1/chat', { prompt: `first ${hanging}`, ...plain })
  await server.upstream.waitForRequest(has('first '))
  const { status, body } = await chatError(server, { prompt: 'second', timeout_s: 0.3, ...plain })
  assert.deepEqual([status, body.code, body.error], [504, 'timeout', 'Request timed out'])
  assert.equal(server.upstream.requests.some(has('second')), false)
  first.disconnect()
})

for (const path of ['/v1/chat', '/v1/chat/stream']) {
  testIf(path === '/v1/chat/stream')(
    `a request beyond the queue limit gets 429 with Retry-After, ${path}`,
    async () => {
      const server = shared
      const first = startRequest(server, '/v1/chat', { prompt: `first ${hanging}`, ...plain })
      await server.upstream.waitForRequest(has('first '))
      const second = startRequest(server, '/v1/chat', { prompt: 'second', ...plain })
      await untilWaiting(server, 1)
      const { status, headers, body } = await post(server, path, { prompt: 'third', ...plain })
      assert.deepEqual([status, body.code], [429, 'queue_full'])
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
      assert.match(headers.get('content-type') ?? '', /^application\/json/)
      first.disconnect()
      assert.equal((await second.answer).status, 200)
      assert.equal(server.upstream.requests.some(has('third')), false)
    },
  )
}

extendedTest('a conversation can continue if no idle process is retained', async (t) => {
  const server = await start(t, { config: { keepAliveMs: 0 } })
  const { session_id } = await chat(server, { prompt: 'one', ...plain })
  await until('the process is gone', () => pidsOf(server).length === 0)
  await chat(server, { prompt: 'two', session_id, timeout_s: 60, ...plain })
  assert.deepEqual([history(server)[0], history(server).at(-1)], ['one', 'two'])
})

for (const how of ['disconnects', 'runs out of time'] as const) {
  testIf(how === 'disconnects')(`a command that runs for a client that ${how} is ended`, async (t) => {
    const server = shared
    const cwd = join(server.folders.cwd, how)
    mkdirSync(cwd)
    const watcher = watch(cwd)
    t.after(() => watcher.close())
    const command = 'touch started; while true; do sleep 1; done'
    const prompt = `go ${step({ tool: 'Bash', input: { command, description: 'wait' } })}`
    const timeout = how === 'disconnects' ? {} : { timeout_s: 10 }
    const run = startRequest(server, '/v1/chat', { prompt, cwd, allowed_tools: ['Bash'], ...timeout })
    while (!existsSync(join(cwd, 'started'))) await once(watcher, 'change')
    const isShell = ({ command: line }: { command: string }) => line.includes('touch started')
    assert.ok(processesOf(server).some(isShell))
    if (how === 'disconnects') run.disconnect()
    else assert.equal((await run.answer).status, 504)
    await until(
      'the shell is gone',
      () => !processesOf(server).some((each) => isShell(each) || /^sleep\b/.test(each.command)),
    )
    await chat(server, { prompt: 'and now', ...plain })
  })
}
