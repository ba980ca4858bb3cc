// Runs a command as a separate process, for its tests: to its end, step by step, or on a terminal. Each test has its own folders and
// environment.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { TestFolders } from '../helpers/test-server.ts'
import { cli, environmentOf, type Outcome } from './keys/process.ts'

export type RunOptions = {
  environment?: Record<string, string>
  /** Written to stdin, which is then closed. */
  input?: string | Buffer
  cwd?: string
  /** Flags for node itself. */
  nodeFlags?: string[]
}

export class Running {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #exit: Promise<Outcome>

  constructor(folders: TestFolders, words: readonly string[], options: RunOptions = {}) {
    this.child = spawn(process.execPath, [...(options.nodeFlags ?? []), cli, ...words], {
      cwd: options.cwd ?? folders.cwd,
      env: environmentOf(folders, options.environment),
    })
    this.#exit = this.#watch()
    this.child.stdin?.on('error', () => {})
    this.child.stdin?.end(options.input ?? '')
  }

  /** Resolves once the stream contains the pattern. */
  async until(stream: 'stdout' | 'stderr', wanted: RegExp): Promise<void> {
    const source = this.child[stream]
    while (!wanted.test(this[stream]) && source !== null) {
      const closed = once(source, 'close').then(() => true)
      const isClosed = await Promise.race([closed, once(source, 'data').then(() => false)])
      if (isClosed && !wanted.test(this[stream])) assert.fail(`ended without ${wanted}: ${this.stdout}\n${this.stderr}`)
    }
  }

  outcome(): Promise<Outcome> {
    return this.#exit
  }

  async #watch(): Promise<Outcome> {
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    const [code, signal] = await once(this.child, 'close')
    return { code: code ?? signal, stdout: this.stdout, stderr: this.stderr }
  }
}

/** Killed at the end of the test if it is still running. */
export function start(t: TestContext, folders: TestFolders, words: readonly string[], options?: RunOptions): Running {
  const running = new Running(folders, words, options)
  t.after(async () => {
    running.child.kill('SIGKILL')
    await running.outcome()
  })
  return running
}

export const run = (folders: TestFolders, words: readonly string[], options?: RunOptions): Promise<Outcome> =>
  new Running(folders, words, options).outcome()

export const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
export const noTerminal = hasScript ? false : 'needs script of util-linux, which gives a process a terminal'

/** On a terminal, where stdout and stderr are one; colors are on unless the environment disables them. */
export async function runOnTerminal(
  folders: TestFolders,
  words: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { NO_COLOR, ...plain } = environmentOf(folders)
  const command = [process.execPath, cli, ...words].map(quoted).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: options.cwd ?? folders.cwd,
    env: { ...plain, TERM: 'xterm', SHELL: '/bin/sh', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  const [code] = await once(child, 'close')
  return { code, stdout: stdout.replaceAll('\r\n', '\n'), stderr: '' }
}

export type Server = { url: string; pid: number; process: Running }

/** A demo server as a separate process, stopped at the end of the test. */
export async function startDemo(t: TestContext, folders: TestFolders, ...words: string[]): Promise<Server> {
  const running = new Running(folders, ['--demo', '--port', '0', '--warm', '0', '--log-level', 'silent', ...words])
  t.after(async () => {
    running.child.kill('SIGTERM')
    await running.outcome()
  })
  await running.until('stdout', /listening on \S+\n/)
  const [, url = ''] = /listening on (\S+)/.exec(running.stdout) ?? []
  return { url, pid: running.child.pid ?? 0, process: running }
}

/** Refused in one line that says what to pass, followed by a hint at --help. */
export function assertWrongUsage({ code, stdout, stderr }: Outcome, command: string, message: RegExp): void {
  assert.deepEqual([code, stdout], [2, ''], stderr)
  const [first = '', ...rest] = stderr.split('\n')
  assert.match(first, /^claude-serve: /)
  assert.match(first, message)
  assert.deepEqual(rest, [`see claude-serve ${command} --help`, ''])
}

/** Failed with one line. */
export function assertFailure({ code, stderr }: Outcome, message: RegExp): void {
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^claude-serve: [^\n]+\n$/)
  assert.match(stderr, message)
}
