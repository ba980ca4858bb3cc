// A whole server with a fake CLI: what it listens on, what it reports about itself, and that it leaves nothing behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startUpstream } from '../src/demo/upstream.ts'
import { StartupError } from '../src/errors.ts'
import { HealthReply } from '../src/surfaces/native/server-schemas.ts'
import { chat, chatError, chatStream, post } from './helpers/client.ts'
import { test, testIf } from './helpers/extended.ts'
import {
  fakeCli,
  makeFolders,
  startTestServer,
  type TestFolders,
  type TestServer,
  type TestServerOptions,
} from './helpers/test-server.ts'

const fake = 'well-behaved'
const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'))

/** Whether something accepts connections there. */
async function isTaken(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return false
  } finally {
    socket.destroy()
  }
}

async function get(server: { url: string }, path: string) {
  const response = await fetch(`${server.url}${path}`)
  assert.match(response.headers.get('x-request-id') ?? '', /^req_/)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const serversIn = ({ dataDir }: TestFolders) => {
  const folder = join(dataDir, 'servers')
  return existsSync(folder) ? readdirSync(folder) : []
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
    return false
  }
}

for (const host of ['127.0.0.1', '::1', 'localhost']) {
  testIf(host === '127.0.0.1')(
    `with host ${host} it answers on both loopback addresses`,
    { skip: !hasIpv6 && 'no IPv6 here' },
    async (t) => {
      const server = await startTestServer(t, { fake, config: { host } })
      for (const url of [
        `http://127.0.0.1:${server.port}`,
        `http://[::1]:${server.port}`,
        `http://localhost:${server.port}`,
      ]) {
        assert.deepEqual(await get({ url }, '/livez'), { status: 200, body: { status: 'ok' } })
        assert.equal((await chatError({ url }, {})).status, 400)
      }
      assert.deepEqual(await get(server, '/livez'), { status: 200, body: { status: 'ok' } })
      await server.close(0)
      assert.deepEqual([await isTaken('127.0.0.1', server.port), await isTaken('::1', server.port)], [false, false])
    },
  )
}

/** Another server on a free port. */
async function occupy(t: TestContext, host: string): Promise<number> {
  const other = createServer()
  t.after(() => void other.close())
  other.listen({ host, port: 0, ipv6Only: true })
  await once(other, 'listening')
  return (other.address() as AddressInfo).port
}

/** A start that must fail with EADDRINUSE; whatever it leaves listening is closed after the test. */
async function failToStart(t: TestContext, options: TestServerOptions): Promise<Server[]> {
  const upstream = await startUpstream()
  const opened: Server[] = []
  const { listen } = Server.prototype
  t.mock.method(Server.prototype, 'listen', function (this: Server, ...args: Parameters<typeof listen>) {
    opened.push(this)
    return listen.apply(this, args)
  })
  t.after(async () => {
    for (const server of opened) if (server.listening) server.close()
    await upstream.close()
  })
  await assert.rejects(startTestServer(t, { fake, upstream, ...options }), { code: 'EADDRINUSE' })
  return opened
}

for (const [taken, free] of [
  ['127.0.0.1', '::1'],
  ['::1', '127.0.0.1'],
] as const) {
  test(`a port that is in use on ${taken} stops the start, and nothing listens on ${free}`, {
    skip: !hasIpv6 && 'no IPv6 here',
  }, async (t) => {
    const folders = makeFolders(t)
    const port = await occupy(t, taken)
    const opened = await failToStart(t, { folders, config: { port } })
    assert.deepEqual(serversIn(folders), [])
    assert.equal(await isTaken(free, port), false)
    assert.deepEqual(
      opened.map(({ listening }) => listening),
      opened.map(() => false),
    )
  })
}

test('livez and readyz are for supervisors; health reports what the contract names, starts no process, and counts one that waits', async (t) => {
  const server = await startTestServer(t, { fake, config: { maxProcesses: 3, queueLimit: 7 } })
  await server.claude
  const { status, body } = await get(server, '/v1/health')
  assert.equal(status, 200)
  const health = HealthReply.parse(body)
  assert.equal(health.claude_version, '2.1.330 (Claude Code)')
  assert.equal(health.claude_path, fakeCli(fake))
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.deepEqual([health.version, health.demo], [version, false])
  assert.deepEqual([health.logged_in, health.auth_method], [true, 'api_key'])
  assert.ok(health.uptime_s >= 0 && health.uptime_s < 60, String(health.uptime_s))
  assert.deepEqual(health.processes, { live: 0, idle: 0, spare: 0, busy: 0, starting: 0, max: 3 })
  assert.deepEqual(health.queue, { waiting: 0, limit: 7 })
  assert.deepEqual(await get(server, '/livez'), { status: 200, body: { status: 'ok' } })
  assert.equal((await fetch(`${server.url}/livez`, { method: 'HEAD' })).status, 200)
  const ready = await get(server, '/readyz')
  assert.deepEqual([ready.status, ready.body.status, ready.body.logged_in], [200, 'ready', true])
  await chat(server, { prompt: 'hi' })
  const { processes } = HealthReply.parse((await get(server, '/v1/health')).body)
  assert.deepEqual([processes.live, processes.idle, processes.busy, processes.starting], [1, 1, 0, 0])
})

test('a server that is being stopped is not ready, and says why; a request in progress goes on', async (t) => {
  const server = await startTestServer(t, { fake: 'silent-turn' })
  const run = chatError(server, { prompt: 'hi' })
  while (HealthReply.parse((await get(server, '/v1/health')).body).processes.busy === 0);
  const closing = server.close(60_000)
  const { status, body } = await get(server, '/readyz')
  assert.deepEqual([status, body.status, body.code], [503, 'not_ready', 'shutting_down'])
  assert.match(String(body.error), /is shutting down/)
  assert.equal((await get(server, '/livez')).status, 200)
  const { runs } = (await get(server, '/v1/runs')).body as { runs: { id: string }[] }
  await post(server, `/v1/runs/${runs[0]?.id}/cancel`, {})
  assert.equal((await run).body.code, 'cancelled')
  await closing
})

for (const [what, options, text] of [
  ['does not exist', { config: { claudeBin: '/nonexistent/claude' } }, /\/nonexistent\/claude/],
  ['is not a program', { config: { claudeBin: '/etc/hostname' } }, /\/etc\/hostname/],
  ['is too old', { fake: 'old-version' }, /1\.0\.3/],
] satisfies [string, TestServerOptions, RegExp][]) {
  testIf(what !== 'is not a program')(`if the CLI ${what}, the server starts and reports it`, async (t) => {
    const server = await startTestServer(t, options)
    const health = await get(server, '/v1/health')
    assert.deepEqual([health.status, health.body.status], [503, 'error'])
    assert.match(String(health.body.error), text)
    assert.deepEqual(Object.keys(health.body).sort(), ['error', 'status'])
    assert.equal((await get(server, '/livez')).status, 200)
    const ready = await get(server, '/readyz')
    assert.deepEqual([ready.status, ready.body.status], [503, 'not_ready'])
    for (const path of ['/v1/chat', '/v1/chat/stream']) {
      const answer = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"prompt":"hi"}',
      })
      const body = (await answer.json()) as Record<string, unknown>
      assert.deepEqual([answer.status, body.code], [503, 'claude_not_found'])
      assert.match(String(body.error), text)
    }
    const claude = await server.claude
    assert.equal(claude.path, null)
    assert.match(claude.error ?? '', text)
  })
}

test('without a login the server starts and reports it', async (t) => {
  const server = await startTestServer(t, { fake: 'not-logged-in' })
  assert.deepEqual((await server.claude).loggedIn, false)
  const { status, body } = await get(server, '/v1/health')
  const health = HealthReply.parse(body)
  assert.deepEqual([status, health.logged_in, health.auth_method], [200, false, 'none'])
  const answer = await chatError(server, { prompt: 'hi' })
  assert.deepEqual([answer.status, answer.body.code], [503, 'claude_not_logged_in'])
  assert.match(answer.body.error, /^Not logged in\. Run \S+claude-serve login in a terminal/)
})

/** The processes of the CLI that have been started in the server's folder. */
function startedProcesses({ folders }: TestServer): number[] {
  const lines = readFileSync(join(folders.cwd, '.fake-cli-log.jsonl'), 'utf8').trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { pid: number }).pid)
}

async function startRecorded(t: TestContext, options: TestServerOptions): Promise<TestServer> {
  const folders = makeFolders(t)
  writeFileSync(join(folders.cwd, 'record-here'), '')
  return startTestServer(t, { folders, ...options })
}

test('close may be called repeatedly, at the same time and later; after it nothing is left: no listener, no process, no folder', async (t) => {
  const server = await startRecorded(t, { fake })
  await Promise.all([
    chat(server, { prompt: 'hi' }),
    chatStream(server, { prompt: 'hi', tools: [], system_prompt: 'S' }),
  ])
  const pids = startedProcesses(server)
  assert.ok(pids.length >= 2, String(pids))
  assert.equal(pids.filter(isRunning).length, 2)
  assert.equal(serversIn(server.folders).length, 1)
  await Promise.all([server.close(0), server.close(60_000)])
  assert.deepEqual(pids.filter(isRunning), [])
  assert.deepEqual(serversIn(server.folders), [])
  assert.equal(await isTaken('127.0.0.1', server.port), false)
  await server.close()
  await server.closed
})

test('close ends a run that does not end by itself, and its process', async (t) => {
  const server = await startRecorded(t, { fake: 'stalls-mid-answer' })
  const response = await fetch(`${server.url}/v1/chat/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"prompt":"hi"}',
  })
  const pids = startedProcesses(server)
  const reading = response.text()
  await server.close(0)
  assert.deepEqual(pids.filter(isRunning), [])
  const last = (await reading).trim().split('\n').at(-1) ?? ''
  const event = JSON.parse(last.replace(/^data: /, '')) as Record<string, unknown>
  assert.deepEqual([event.type, event.code], ['error', 'shutting_down'])
})

const wide = ['0.0.0.0', '::', '0', '0x0', '::0', '[::]', '', '０', '192.168.1.5', 'example.com', '*', '::ffff:0.0.0.0']
for (const host of wide) {
  testIf(host === '0.0.0.0' || host === 'example.com')(
    `the host ${JSON.stringify(host)} is refused while there are no keys, and the data folder is released`,
    async (t) => {
      const folders = makeFolders(t)
      const open = startTestServer(t, { fake, folders, config: { host, port: 0 } })
      await assert.rejects(open, (error) => {
        assert.ok(error instanceof StartupError, String(error))
        assert.match(error.message, /needs at least one API key: create one with \S+claude-serve keys create/)
        return true
      })
      await (await startTestServer(t, { fake, folders })).close(0)
    },
  )
}
