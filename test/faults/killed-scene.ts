// Runs `claude-serve` as a process that can be killed as the system would, one after the other on the same folders; the
// test's own process plays the model's API. For the tests of what remains of runs.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { type ChatEvent, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { readChatEvents } from '../helpers/client.ts'
import { compileCache } from '../helpers/compile-cache.ts'
import { loggedInCli, makeFolders, prepareHome, type TestFolders, testEnvironment } from '../helpers/test-server.ts'

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export type KillableServer = {
  url: string
  pid: number
  killNow(): Promise<void>
  /** Ends it with SIGTERM. Returns its exit code; null if it was killed by a signal. */
  stop(): Promise<number | null>
  log(): string
}

export type KillScene = {
  folders: TestFolders
  upstream: Upstream
  /** Resolves when it listens. With another data folder than the scene's, if one is given. */
  start(dataDir?: string): Promise<KillableServer>
}

export async function setUp(t: Pick<TestContext, 'after'>, ...flags: string[]): Promise<KillScene> {
  const folders = makeFolders(t)
  prepareHome(folders.home)
  const claude = `--claude-bin=${loggedInCli(folders)}`
  const upstream = await startUpstream({ keep: 100_000 })
  const children: ChildProcess[] = []
  t.after(async () => {
    for (const child of children) await end(child)
    for (const { pid } of processesIn(folders)) process.kill(pid, 'SIGKILL')
    await upstream.close()
  })
  const start = async (dataDir = folders.dataDir) => {
    const settings = ['--port=0', `--data-dir=${dataDir}`, `--default-cwd=${folders.cwd}`, '--log-format=json']
    noteExamined(dataDir, [claude])
    const child = spawn(process.execPath, [program, 'serve', ...settings, '--warm=0', claude, ...flags], {
      cwd: folders.cwd,
      env: { ...testEnvironment(folders, upstream.url), ...compileCache },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    let errors = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    const url = await listening(child, () => errors)
    return { url, pid: child.pid ?? 0, killNow: () => end(child), stop: () => stop(child), log: () => errors }
  }
  return { folders, upstream, start }
}

/** The address on which a server listens. Rejects if it ends instead, with its exit code and all of its output. */
export async function listening(child: ChildProcess, errors: () => string = () => ''): Promise<string> {
  const closed = once(child, 'close')
  let output = ''
  for await (const text of child.stdout?.setEncoding('utf8') ?? []) {
    output += text
    const url = /listening on (http:\S+)/.exec(output)?.[1]
    if (url === undefined) continue
    child.stdout?.resume()
    return url
  }
  const [code] = await closed
  assert.fail(`the server did not start (exit code ${code}): ${output} ${errors()}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  return (await exited)[0]
}

/** The CLI processes in these folders and the processes they have started. */
export function processesIn({ home }: TestFolders): { pid: number; parent: number; command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0')
      const isOurs = environment.some((entry) => entry.startsWith('CLAUDE_SERVE_WORKER='))
      const [state, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      if (!isOurs || !environment.includes(`HOME=${home}`) || state === 'Z') return []
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim()
      return [{ pid: Number(name), parent: Number(parent), command }]
    } catch {
      return []
    }
  })
}

/** Polls for a condition that no event reports. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `not within ${withinMs} ms: ${what}`)
    await delay(20)
  }
}

export async function runOf({ url }: { url: string }, id: string): Promise<RunReply> {
  const response = await fetch(`${url}/v1/runs/${id}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return RunReply.parse(JSON.parse(text))
}

/** What must hold for a run's events, whatever its end. */
export async function checkEvents(server: { url: string }, run: RunReply): Promise<void> {
  const all: ChatEvent[] = []
  for await (const event of readChatEvents(await fetch(`${server.url}/v1/runs/${run.id}/events`))) all.push(event)
  // What came before a restart does not count.
  const events = all.slice(all.findLastIndex(({ type }) => type === 'restart') + 1)
  const last = events.at(-1)
  assert.equal(events.filter(({ type }) => type === 'start').length, 1)
  if (run.status === 'succeeded') {
    assert.equal(last?.type, 'done')
    assert.equal(events.map((event) => (event.type === 'delta' ? event.text : '')).join(''), run.result)
  } else assert.equal(last?.type === 'error' && last.code, run.error?.code)
}

/** Returns the same numbers from 0 to 1 for the same seed. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
