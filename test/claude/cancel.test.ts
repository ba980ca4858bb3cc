// Runs that end before they are done, wait their turn or find no room: a client that hangs up, a time that is over, a full
// queue. The CLI stops working for nobody, its commands die with the run, and conversations go on.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { chat, chatError, openStream, post, readChatEvents } from '../helpers/client.ts'
import { startTestServer, step, type TestServer, type TestServerOptions } from '../helpers/test-server.ts'

const plain = { tools: [], system_prompt: 'S' }
const endless = step({ tokens: 100_000, gap: 20 })
const held = step({ hang: 'headers' })

const start = (t: TestContext, options: TestServerOptions = {}) =>
  startTestServer(t, { ...options, config: { maxProcesses: 1, ...options.config } })

/** Waits for something that no event tells, for ten seconds at most. */
async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; await delay(15)) if (await isTrue()) return
  assert.fail(`within ten seconds: ${what}`)
}

type Health = { processes: Record<'live' | 'idle' | 'busy' | 'starting' | 'max', number>; queue: { waiting: number } }

const health = async ({ url }: TestServer) => (await (await fetch(`${url}/v1/health`)).json()) as Health

const untilWaiting = (server: TestServer, count: number) =>
  until(`${count} runs wait`, async () => (await health(server)).queue.waiting === count)

/** The processes below this one that work for the server: the CLI, and all that it started. */
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

/** The CLI processes alone. */
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

/** A request that can be hung up on; a hang-up is no fault of the test. */
function begin(server: TestServer, path: string, body: Record<string, unknown>) {
  const controller = new AbortController()
  const answer = post(server, path, body, { signal: controller.signal })
  answer.catch(() => {})
  return { answer, hangUp: () => controller.abort() }
}

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', plain],
] as const) {
  test(`a client that hangs up in the middle of an answer stops it, and the conversation goes on, ${kind}`, async (t) => {
    const server = await start(t)
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
    const said = history(server)
    assert.deepEqual([said[0], said.at(-1)], ['one', 'three'])
    assert.ok(said.includes('two'))
  })
}

test('a client that hangs up before the first event stops the run', async (t) => {
  const server = await start(t)
  // The CLI's very first start changes the user's folder, which counts as a change of settings: the second one lasts.
  for (const prompt of ['one', 'two']) await chat(server, { prompt, ...plain })
  const pids = pidsOf(server)
  for (const path of ['/v1/chat', '/v1/chat/stream']) {
    const word = `word${path}`
    const { hangUp } = begin(server, path, { prompt: `${word} ${held}`, ...plain })
    await server.upstream.waitForRequest(has(word))
    hangUp()
    await server.upstream.waitForAbort(has(word))
    await chat(server, { prompt: 'and now', ...plain })
  }
  assert.deepEqual(pidsOf(server), pids)
})

test('a client that hangs up while its run waits is forgotten', async (t) => {
  const server = await start(t)
  const first = begin(server, '/v1/chat', { prompt: `first ${held}`, ...plain })
  await server.upstream.waitForRequest(has('first '))
  const second = begin(server, '/v1/chat', { prompt: 'second', ...plain })
  await untilWaiting(server, 1)
  second.hangUp()
  await untilWaiting(server, 0)
  first.hangUp()
  await chat(server, { prompt: 'third', ...plain })
  assert.equal(server.upstream.requests.some(has('second')), false)
})

test('a client that hangs up while a process starts for it leaves nothing behind', async (t) => {
  const server = await start(t)
  const { hangUp } = begin(server, '/v1/chat', { prompt: 'first', ...plain })
  await until('a process starts', async () => (await health(server)).processes.starting === 1)
  hangUp()
  await untilWaiting(server, 0)
  await chat(server, { prompt: 'second', ...plain })
  assert.equal(server.upstream.requests.some(has('first')), false)
  assert.equal(pidsOf(server).length, 1)
})

for (const how of ['hangs up', 'runs out of time'] as const) {
  test(`a command that runs for a client that ${how} is ended`, async (t) => {
    const server = await start(t)
    const { cwd } = server.folders
    const watcher = watch(cwd)
    t.after(() => watcher.close())
    const command = 'touch started; while true; do sleep 1; done'
    const prompt = `go ${step({ tool: 'Bash', input: { command, description: 'wait' } })}`
    const timeout = how === 'hangs up' ? {} : { timeout_s: 3 }
    const run = begin(server, '/v1/chat', { prompt, allowed_tools: ['Bash'], ...timeout })
    while (!existsSync(join(cwd, 'started'))) await once(watcher, 'change')
    const isShell = ({ command: line }: { command: string }) => line.includes('touch started')
    assert.ok(processesOf(server).some(isShell))
    if (how === 'hangs up') run.hangUp()
    else assert.equal((await run.answer).status, 504)
    await until(
      'the shell is gone',
      () => !processesOf(server).some((each) => isShell(each) || /^sleep\b/.test(each.command)),
    )
    await chat(server, { prompt: 'and now', ...plain })
  })
}

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', plain],
] as const) {
  test(`a run that takes longer than timeout_s is a 504, and the conversation goes on, ${kind}`, async (t) => {
    const server = await start(t)
    const { session_id } = await chat(server, { prompt: 'one', ...options })
    const pids = pidsOf(server)
    const late = { prompt: `two ${endless}`, session_id, timeout_s: 0.4, ...options }
    const { status, body } = await chatError(server, late)
    assert.deepEqual(
      [status, body.code, body.error, body.session_id],
      [504, 'timeout', 'Request timed out', session_id],
    )
    await server.upstream.waitForAbort(has('two '))
    await chat(server, { prompt: 'three', session_id, ...options })
    assert.deepEqual([history(server)[0], history(server).at(-1)], ['one', 'three'])
    assert.deepEqual(pidsOf(server), pids)
  })
}

test('the time that a run waits for its turn counts', async (t) => {
  const server = await start(t)
  const first = begin(server, '/v1/chat', { prompt: `first ${held}`, ...plain })
  await server.upstream.waitForRequest(has('first '))
  const { status, body } = await chatError(server, { prompt: 'second', timeout_s: 0.3, ...plain })
  assert.deepEqual([status, body.code, body.error], [504, 'timeout', 'Request timed out'])
  assert.equal(server.upstream.requests.some(has('second')), false)
  first.hangUp()
})

test('requests for one conversation run one after the other, in order of arrival', async (t) => {
  const server = await start(t, { config: { maxProcesses: 3 } })
  const { session_id } = await chat(server, { prompt: `zero ${step({ text: 'null' })}`, ...plain })
  const slow = step({ tokens: 8, gap: 30, text: 'eins' })
  const order: string[] = []
  const say = async (word: string, prompt: string) => {
    const reply = await chat(server, { prompt, session_id, ...plain })
    order.push(word)
    return reply
  }
  const first = say('one', `one ${slow}`)
  await server.upstream.waitForRequest(has('one '))
  const second = say('two', `two ${step({ text: 'zwei' })}`)
  await untilWaiting(server, 1)
  const third = say('three', `three ${step({ text: 'drei' })}`)
  await Promise.all([first, second, third])
  assert.deepEqual(order, ['one', 'two', 'three'])
  assert.deepEqual(history(server), ['zero', 'null', 'one', 'eins', 'two', 'zwei', 'three'])
  assert.equal((await health(server)).processes.live, 1)
})

for (const path of ['/v1/chat', '/v1/chat/stream']) {
  test(`a request beyond the queue is a 429 with a time to come back, ${path}`, async (t) => {
    const server = await start(t, { config: { queueLimit: 1 } })
    const first = begin(server, '/v1/chat', { prompt: `first ${held}`, ...plain })
    await server.upstream.waitForRequest(has('first '))
    const second = begin(server, '/v1/chat', { prompt: 'second', ...plain })
    await untilWaiting(server, 1)
    const { status, headers, body } = await post(server, path, { prompt: 'third', ...plain })
    assert.deepEqual([status, body.code], [429, 'queue_full'])
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    assert.match(headers.get('content-type') ?? '', /^application\/json/)
    first.hangUp()
    assert.equal((await second.answer).status, 200)
    assert.equal(server.upstream.requests.some(has('third')), false)
  })
}

test('twenty requests at once are all answered by three processes', async (t) => {
  const server = await start(t, { config: { maxProcesses: 3 } })
  const seen: number[] = []
  const watching = new AbortController()
  const look = (async () => {
    while (!watching.signal.aborted) {
      seen.push(pidsOf(server).length)
      await delay(20)
    }
  })()
  const words = Array.from({ length: 20 }, (_, n) => `word${n}.`)
  const ask = (word: string, n: number) =>
    chat(server, { prompt: `${word} ${step({ text: `re:${word}` })}`, ...plain, system_prompt: n % 2 ? 'S' : word })
  const replies = await Promise.all(words.map(ask))
  watching.abort()
  await look
  assert.deepEqual(
    replies.map(({ result }) => result),
    words.map((word) => `re:${word}`),
  )
  assert.ok(Math.max(...seen) <= 3, `${Math.max(...seen)} processes`)
  assert.equal(new Set(replies.map(({ session_id }) => session_id)).size, 20)
})

test('the idle process that was not used for longest makes room', async (t) => {
  const server = await start(t, { config: { maxProcesses: 2 } })
  const first = await chat(server, { prompt: 'first' })
  const firstPids = pidsOf(server)
  const second = await chat(server, { prompt: 'second' })
  const secondPids = pidsOf(server).filter((pid) => !firstPids.includes(pid))
  await chat(server, { prompt: 'first again', session_id: first.session_id })
  await chat(server, { prompt: 'third' })
  const pids = pidsOf(server)
  assert.equal(pids.length, 2)
  assert.ok(firstPids.every((pid) => pids.includes(pid)))
  assert.ok(secondPids.every((pid) => !pids.includes(pid)))
  const reply = await chat(server, { prompt: 'second again', session_id: second.session_id })
  assert.equal(reply.session_id, second.session_id)
  assert.deepEqual([history(server)[0], history(server).at(-1)], ['second', 'second'])
})

test('a process that nobody comes back to is ended', async (t) => {
  const server = await start(t, { config: { keepAliveMs: 300 } })
  await chat(server, { prompt: 'one', ...plain })
  assert.equal(pidsOf(server).length, 1)
  await until('the process is gone', () => pidsOf(server).length === 0)
})

test('a conversation goes on where no idle process is kept', async (t) => {
  const server = await start(t, { config: { keepAliveMs: 0 } })
  const { session_id } = await chat(server, { prompt: 'one', ...plain })
  await until('the process is gone', () => pidsOf(server).length === 0)
  await chat(server, { prompt: 'two', session_id, timeout_s: 3, ...plain })
  assert.deepEqual([history(server)[0], history(server).at(-1)], ['one', 'two'])
})

test('a process with a budget serves one run only', async (t) => {
  const server = await start(t)
  const { session_id } = await chat(server, { prompt: 'one', max_budget_usd: 5, ...plain })
  await until('the process is gone', () => pidsOf(server).length === 0)
  await chat(server, { prompt: 'two', session_id, max_budget_usd: 5, ...plain })
  assert.deepEqual([history(server)[0], history(server).at(-1)], ['one', 'two'])
})

for (const [kind, options] of [
  ['with tools', {}],
  ['without tools', plain],
] as const) {
  test(`a fork begins with the history and leaves the conversation as it was, ${kind}`, async (t) => {
    const server = await start(t, { config: { maxProcesses: 2 } })
    const { session_id } = await chat(server, { prompt: `one ${step({ text: 'uno' })}`, ...options })
    const body = { prompt: `other ${step({ text: 'otro' })}`, session_id, fork: true, ...options }
    const fork = await chat(server, body)
    assert.notEqual(fork.session_id, session_id)
    assert.deepEqual(history(server), ['one', 'uno', 'other'])
    await chat(server, { prompt: `two ${step({ text: 'dos' })}`, session_id, ...options })
    assert.deepEqual(history(server), ['one', 'uno', 'two'])
    await chat(server, { prompt: 'more', session_id: fork.session_id, ...options })
    assert.deepEqual(history(server), ['one', 'uno', 'other', 'otro', 'more'])
  })
}
