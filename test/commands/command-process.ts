// A command as a process of its own, for its tests: to its end, step by step, or on a terminal. Folders and environment are those of
// one test.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { TestFolders } from '../helpers/test-server.ts'
import { cli, environmentOf, type Outcome } from './keys/process.ts'

export type Given = {
  environment?: Record<string, string>
  /** What comes on stdin; it is closed after that. */
  input?: string | Buffer
  cwd?: string
  /** For node itself. */
  nodeFlags?: string[]
}

export class Running {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #exit: Promise<Outcome>

  constructor(folders: TestFolders, words: readonly string[], given: Given = {}) {
    this.child = spawn(process.execPath, [...(given.nodeFlags ?? []), cli, ...words], {
      cwd: given.cwd ?? folders.cwd,
      env: environmentOf(folders, given.environment),
    })
    this.#exit = this.#watch()
    this.child.stdin?.on('error', () => {})
    this.child.stdin?.end(given.input ?? '')
  }

  /** Resolves once this was written to one of them. */
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

/** Ended with the test, where it has not ended by itself. */
export function start(t: TestContext, folders: TestFolders, words: readonly string[], given?: Given): Running {
  const running = new Running(folders, words, given)
  t.after(async () => {
    running.child.kill('SIGKILL')
    await running.outcome()
  })
  return running
}

export const run = (folders: TestFolders, words: readonly string[], given?: Given): Promise<Outcome> =>
  new Running(folders, words, given).outcome()

export const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
export const noTerminal = hasScript ? false : 'there is no script of util-linux, which gives a process a terminal'

/** On a terminal, where stdout and stderr are one; colours are on unless the environment says no. */
export async function runOnTerminal(
  folders: TestFolders,
  words: readonly string[],
  given: Given = {},
): Promise<Outcome> {
  const { NO_COLOR, ...plain } = environmentOf(folders)
  const command = [process.execPath, cli, ...words].map(quoted).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: given.cwd ?? folders.cwd,
    env: { ...plain, TERM: 'xterm', SHELL: '/bin/sh', ...given.environment },
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

/** A demo server as its own process, told to stop with the test. */
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

/** Refused in one line that says what to give, and where to look. */
export function assertWrongUsage({ code, stdout, stderr }: Outcome, command: string, said: RegExp): void {
  assert.deepEqual([code, stdout], [2, ''], stderr)
  const [first = '', ...rest] = stderr.split('\n')
  assert.match(first, /^claude-serve: /)
  assert.match(first, said)
  assert.deepEqual(rest, [`see claude-serve ${command} --help`, ''])
}

/** Failed in one line. */
export function assertFailure({ code, stderr }: Outcome, said: RegExp): void {
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^claude-serve: [^\n]+\n$/)
  assert.match(stderr, said)
}
