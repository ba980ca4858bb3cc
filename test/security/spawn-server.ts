// `claude-serve` as a process of its own, for what cannot be seen from inside: its start in a bad environment, with an open umask or as
// another user, its refusals to start, and what is left when it is killed.

import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { processesIn } from '../faults/killed-scene.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { makeFolders, type TestFolders, testEnvironment } from '../helpers/test-server.ts'
import { shareCompiled } from './posture-process.ts'

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export type ProcessOptions = {
  flags?: readonly string[]
  /** In addition to the environment of every test. */
  environment?: Record<string, string>
  umask?: string
  uid?: number
}

export type ServerProcess = { url: string; pid: number; log(): string; kill(signal: NodeJS.Signals): Promise<void> }

export type Ended = { code: number | null; output: string }

export type ProcessScene = {
  folders: TestFolders
  upstream: Upstream
  /** Resolves when it listens. */
  start(options?: ProcessOptions): Promise<ServerProcess>
  /** For a server that should end by itself; if it listens instead, its output says so. */
  runToEnd(options?: ProcessOptions): Promise<Ended>
}

type Child = ChildProcessByStdio<null, Readable, Readable>

const listening = /listening on (http:\S+)/

export async function makeProcessScene(t: TestContext): Promise<ProcessScene> {
  const folders = makeFolders(t)
  const upstream = await startUpstream()
  const children: Child[] = []
  t.after(async () => {
    await Promise.all(children.map((child) => end(child, 'SIGKILL')))
    for (const { pid } of processesIn(folders)) process.kill(pid, 'SIGKILL')
    await upstream.close()
  })
  const launch = (options: ProcessOptions) => {
    const child = spawnServer(folders, upstream, options)
    children.push(child)
    return { child, output: listen(child) }
  }
  return {
    folders,
    upstream,
    start: async (options = {}) => {
      const { child, output } = launch(options)
      const url = await output.url
      assert.ok(url !== null, `the server did not start: ${output.text()}`)
      return { url, pid: child.pid ?? 0, log: output.text, kill: (signal) => end(child, signal) }
    },
    runToEnd: async (options = {}) => {
      const { child, output } = launch(options)
      if ((await output.url) !== null) await end(child, 'SIGKILL')
      return { code: await exitOf(child), output: output.text() }
    },
  }
}

function spawnServer(folders: TestFolders, upstream: Upstream, options: ProcessOptions): Child {
  const { flags = [], environment = {}, umask, uid } = options
  const where = ['--port=0', `--data-dir=${folders.dataDir}`, `--default-cwd=${folders.cwd}`, '--log-format=json']
  const command = [process.execPath, program, 'serve', ...where, '--warm=0', ...flags]
  const withUmask = umask === undefined ? command : ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...command]
  const [first = '', ...rest] = withUmask
  shareCompiled(folders)
  noteExamined(folders.dataDir, flags)
  return spawn(first, rest, {
    cwd: folders.cwd,
    env: { ...testEnvironment(folders, upstream.url), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
}

/** `url` is null if it ended without listening. */
function listen(child: Child): { url: Promise<string | null>; text: () => string } {
  let text = ''
  const url = new Promise<string | null>((resolve) => {
    const add = (more: string) => {
      text += more
      const found = listening.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.setEncoding('utf8').on('data', add)
    child.stderr.setEncoding('utf8').on('data', add)
    child.once('close', () => resolve(null))
  })
  return { url, text: () => text }
}

async function exitOf(child: Child): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

async function end(child: Child, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
