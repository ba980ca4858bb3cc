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
import { RunReply } from '../../src/surfaces/native/reply-schemas.ts'
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
  /** Resolves when it listens. */
  start(): Promise<KillableServer>
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
  const start = async () => {
    const settings = ['--port=0', `--data-dir=${folders.dataDir}`, `--default-cwd=${folders.cwd}`, '--log-format=json']
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
    let output = ''
    for await (const text of child.stdout?.setEncoding('utf8') ?? []) {
      output += text
      const url = /listening on (http:\S+)/.exec(output)?.[1]
      if (url === undefined) continue
      child.stdout?.resume()
      return { url, pid: child.pid ?? 0, killNow: () => end(child), stop: () => stop(child), log: () => errors }
    }
    assert.fail(`the server did not start: ${output} ${errors}`)
  }
  return { folders, upstream, start }
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

/** Returns the same numbers from 0 to 1 for the same seed. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
