// What a killed server leaves behind, and what the next one does about it; and how a server ends on a signal. The
// server is a separate process here, the CLI is the real one, and this process plays the model's API.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { chat, openStream, post, readChatEvents, textOf } from '../helpers/client.ts'
import { compileCache } from '../helpers/compile-cache.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import {
  loggedInCli,
  makeFolders,
  prepareHome,
  step,
  type TestFolders,
  testEnvironment,
} from '../helpers/test-server.ts'

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

type Exit = { code: number | null; signal: NodeJS.Signals | null }
type LogLine = { msg?: string; processes?: number; [fact: string]: unknown }

/** `claude-serve` as a process, in a process group of its own, as a terminal would start it. */
class ServerProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  url = ''
  #output = ''
  #errors = ''
  #listeners = new Set<() => void>()

  constructor(folders: TestFolders, upstream: Upstream, flags: string[]) {
    const settings = ['--port=0', `--data-dir=${folders.dataDir}`, `--default-cwd=${folders.cwd}`, '--log-format=json']
    noteExamined(folders.dataDir, flags)
    this.child = spawn(process.execPath, [program, 'serve', ...settings, ...flags], {
      cwd: folders.cwd,
      env: { ...testEnvironment(folders, upstream.url), ...compileCache },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.exited = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }))
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#onText(text, ''))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#onText('', text))
    this.child.once('close', () => this.#onText('', ''))
  }

  get pid(): number {
    assert.ok(this.child.pid)
    return this.child.pid
  }

  get errors(): string {
    return this.#errors
  }

  get log(): LogLine[] {
    return this.#errors.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []))
  }

  #onText(output: string, errors: string): void {
    this.#output += output
    this.#errors += errors
    for (const listener of this.#listeners) listener()
  }

  #wait<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find()
        const isOver = this.child.exitCode !== null || this.child.signalCode !== null
        if (found === undefined && !isOver) return
        this.#listeners.delete(check)
        if (found === undefined) reject(new Error(`no ${what}: ${this.#output} ${this.#errors}`))
        else resolve(found)
      }
      this.#listeners.add(check)
      check()
    })
  }

  async listening(): Promise<void> {
    this.url = await this.#wait('address', () => /listening on (http:\S+)/.exec(this.#output)?.[1])
  }

  logged(message: string): Promise<LogLine> {
    return this.#wait(message, () => this.log.find((line) => line.msg === message))
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** Kills it as the system would, without a chance to clean up. */
  async killNow(): Promise<void> {
    this.kill('SIGKILL')
    await this.exited
  }
}

type Scene = { folders: TestFolders; upstream: Upstream; start: (...flags: string[]) => Promise<ServerProcess> }

async function setUp(t: TestContext): Promise<Scene> {
  const folders = makeFolders(t)
  prepareHome(folders.home)
  const claude = `--claude-bin=${loggedInCli(folders)}`
  const upstream = await startUpstream()
  const servers: ServerProcess[] = []
  t.after(async () => {
    for (const server of servers)
      if (server.child.exitCode === null && server.child.signalCode === null) await server.killNow()
    for (const server of servers) for (const pid of processesOf(server)) process.kill(pid, 'SIGKILL')
    await upstream.close()
  })
  const start = async (...flags: string[]) => {
    const server = new ServerProcess(folders, upstream, [claude, ...flags])
    servers.push(server)
    await server.listening()
    return server
  }
  return { folders, upstream, start }
}

const read = (file: string) => {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

const isZombie = (pid: number) => read(`/proc/${pid}/stat`).includes(') Z ')

/** The CLI processes that the server has started and everything those have started, found by their marker. */
function processesOf(server: ServerProcess): number[] {
  const marker = new RegExp(`^CLAUDE_SERVE_WORKER=(.*\\.)?${server.pid}-`)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && !isZombie(pid))
    .filter((pid) =>
      read(`/proc/${pid}/environ`)
        .split('\0')
        .some((entry) => marker.test(entry)),
    )
}

const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()

/** The third field after the name: the process group. */
function groupOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
}

/** Polls, because the start and end of processes that are not our children are not reported. */
async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `${what}: not within ${withinMs} ms`)
    await delay(20)
  }
}

const endedMessage = 'ended processes that a previous server left running'

type Counts = Record<'live' | 'busy' | 'idle', number>

const processesIn = async (server: ServerProcess): Promise<Counts> =>
  ((await (await fetch(`${server.url}/v1/health`)).json()) as { processes: Counts }).processes

const hang = (server: ServerProcess) => {
  const answer = post(server, '/v1/chat', { prompt: step({ hang: 'body' }) })
  answer.catch(() => {})
}

async function refusesRuns(server: ServerProcess): Promise<boolean> {
  const { status, body } = await post(server, '/v1/chat', { prompt: 'x' })
  return status === 503 && body.code === 'shutting_down'
}

/** An endless command; the CLI refuses a plain `sleep`. */
const endless = 'tail -f /dev/null'

async function startCommand(server: ServerProcess): Promise<void> {
  const prompt = step({ tool: 'Bash', input: { command: endless, description: 'Wait', timeout: 600_000 } })
  post(server, '/v1/chat', { prompt, allowed_tools: ['Bash'] }).catch(() => {})
  await until('the command runs', () => processesOf(server).some((pid) => commandOf(pid) === endless))
}

test('the next server removes all that a killed one leaves, and logs it: a spare, CLIs in the middle of a run, commands, files', async (t) => {
  const { folders, upstream, start } = await setUp(t)
  const first = await start('--warm=1', '--max-processes=3')
  await until('there is a spare', async () => (await processesIn(first)).idle > 0)
  hang(first)
  await upstream.waitForRequest()
  await startCommand(first)
  await until('there is a spare beside them', async () => {
    const { live, busy, idle } = await processesIn(first)
    return live === 3 && busy === 2 && idle === 1
  })
  const left = processesOf(first)
  assert.ok(left.some((pid) => commandOf(pid) === endless))
  // They cannot react to SIGTERM, so SIGKILL is needed.
  for (const pid of left) process.kill(pid, 'SIGSTOP')
  await first.killNow()
  assert.equal(readdirSync(join(folders.dataDir, 'servers')).length, 1)

  const second = await start('--warm=0')
  const { processes, level } = await second.logged(endedMessage)
  assert.deepEqual({ processes, level }, { processes: left.length, level: 'warn' })
  await until('all are gone', () => processesOf(first).length === 0)
  assert.match((await chat(second, { prompt: 'x' })).result, /tok0/)
  const [own, ...others] = readdirSync(join(folders.dataDir, 'servers'))
  assert.match(own ?? '', new RegExp(`^${second.pid}-`))
  assert.deepEqual(others, [])

  // An idle server, with an idle process.
  assert.equal(processesOf(second).length, 1)
  second.kill('SIGTERM')
  assert.deepEqual(await second.exited, { code: 0, signal: null })
  assert.deepEqual(processesOf(second), [])
  assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
})

extendedTest('the next server ends a command whose CLI was killed together with the server', async (t) => {
  const { start } = await setUp(t)
  const first = await start('--warm=0')
  await startCommand(first)
  const [cli] = processesOf(first)
  assert.ok(cli)
  await first.killNow()
  process.kill(cli, 'SIGKILL')
  await start('--warm=0')
  await until('all are gone', () => processesOf(first).length === 0)
})

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  extendedTest(`${signal} right after the start ends the server with code 0 and leaves nothing`, async (t) => {
    const { folders, start } = await setUp(t)
    const server = await start('--warm=2')
    server.kill(signal)
    const exit = await server.exited
    const what = `it ended with ${JSON.stringify(exit)} and wrote: ${server.errors}`
    assert.deepEqual(exit, { code: 0, signal: null }, what)
    assert.deepEqual(processesOf(server), [])
    assert.deepEqual(readdirSync(join(folders.dataDir, 'servers')), [])
  })
}

test('a terminal that closes stops the server like SIGTERM, a second signal ends it at once, and the next one cleans up; a further one on the data folder does not start; Ctrl-C lets runs finish', async (t) => {
  const { folders, upstream, start } = await setUp(t)
  const first = await start('--warm=0')
  await startCommand(first)
  first.kill('SIGHUP')
  await until('the first one has arrived', () => refusesRuns(first))
  const [stopped] = processesOf(first)
  assert.ok(stopped)
  // It would not notice that the server is gone.
  process.kill(stopped, 'SIGSTOP')
  first.kill('SIGTERM')
  assert.deepEqual(await first.exited, { code: 1, signal: null })
  await until('its CLI is gone, although it was stopped', () => !processesOf(first).includes(stopped))

  // The SDK ends the CLI with the server, so there may be nothing left to end.
  const second = await start('--warm=0')
  await until('all are gone', () => processesOf(first).length === 0)
  await until('its folder is gone', () => readdirSync(join(folders.dataDir, 'servers')).length === 1)
  assert.match(readdirSync(join(folders.dataDir, 'servers'))[0] ?? '', new RegExp(`^${second.pid}-`))

  const before = upstream.requests.length
  const plain = { prompt: `walrus ${step({ hang: 'body', times: 1 })}`, tools: [], system_prompt: 'S' }
  const silent = new AbortController()
  const held = openStream(second, plain, { signal: silent.signal })
  await upstream.waitForRequest(({ raw }) => raw.includes('walrus'), before)
  const pids = processesOf(second)
  await assert.rejects(start('--warm=1'), (error: Error) => {
    assert.match(error.message, new RegExp(`The data folder ${folders.dataDir} is in use by another claude-serve`))
    assert.match(error.message, /--data-dir/)
    return true
  })
  assert.deepEqual(processesOf(second), pids)
  silent.abort()
  await held.then(
    (response) => response.body?.cancel().catch(() => {}),
    () => {},
  )
  // A new system prompt needs the server's folder.
  const prompted = { prompt: 'x', tools: [], system_prompt: 'Speak like a pirate.' }
  assert.equal((await chat(second, prompted)).stop_reason, 'end_turn')
  assert.match(JSON.stringify(upstream.requests.at(-1)?.body), /Speak like a pirate/)

  // Ctrl-C reaches only the server: it ends its processes itself, after their runs.
  const [cli] = processesOf(second)
  assert.ok(cli)
  assert.equal(groupOf(second.pid), second.pid)
  assert.equal(groupOf(cli), cli)
  const received = []
  const prompt = `finish ${step({ tokens: 20, gap: 100 })}`
  for await (const event of readChatEvents(await openStream(second, { ...prompted, prompt }))) {
    received.push(event)
    if (received.length !== 2) continue
    process.kill(-second.pid, 'SIGINT')
    await until('it refuses runs', () => refusesRuns(second))
  }
  assert.equal(received.at(-1)?.type, 'done')
  assert.match(textOf(received), /tok19/)
  assert.deepEqual(await second.exited, { code: 0, signal: null })
  assert.deepEqual(processesOf(second), [])
})
