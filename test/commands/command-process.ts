// Runs a command for its tests. `run` runs it to its end in a process that all commands of a test file share (command-host.ts);
// `runProcess` and `start` give it a process of its own, and `runOnTerminal` a terminal too. Each test has its own folders and environment.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { ownCommand } from '../../src/platform/installation.ts'
import { compileCache } from '../helpers/compile-cache.ts'
import type { TestFolders } from '../helpers/test-server.ts'
import type { HostReply, HostRequest } from './command-host.ts'

export const cli = join(import.meta.dirname, '../../src/cli.ts')

/** For servers whose tests are about a command: the real CLI takes longer to start, and shows nothing more. */
export const fakeClaude = join(import.meta.dirname, 'fake-claude.mjs')

export const environmentOf = ({ home, dataDir }: TestFolders, overrides: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  HOME: home,
  CLAUDE_SERVE_DATA_DIR: dataDir,
  NO_COLOR: '1',
  ...compileCache,
  ...overrides,
})

export type Outcome = { code: number | string | null; stdout: string; stderr: string }

export type RunOptions = {
  environment?: Record<string, string>
  /** Written to stdin, which is then closed. */
  input?: string | Buffer
  cwd?: string
}

/** The process that runs this file's commands one after the other. It starts with the first of them. */
class CommandHost {
  #child: ChildProcess | null = null
  #exit: Promise<never> | null = null
  #output = ''
  #last: Promise<unknown> = Promise.resolve()

  /** A promise of the caller's own: Node takes what follows one that another test file has made for a part of that file. */
  async run(request: HostRequest): Promise<Outcome> {
    const outcome = this.#last.then(() => this.#send(request))
    this.#last = outcome.catch(() => {})
    return outcome
  }

  async close(): Promise<void> {
    this.#child?.disconnect()
    await this.#exit?.catch(() => {})
    assert.equal(this.#output, '', 'a command wrote past its streams')
  }

  async #send(request: HostRequest): Promise<HostReply> {
    const child = this.#child ?? this.#start()
    const replied = once(child, 'message').then(([reply]) => reply as HostReply)
    child.send(request)
    return Promise.race(this.#exit === null ? [replied] : [replied, this.#exit])
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'command-host.ts')], {
      env: { PATH: process.env.PATH ?? '', ...compileCache },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
    this.#child = child
    this.#exit = once(child, 'exit').then(() => assert.fail(`the command host has ended: ${this.#output}`))
    this.#exit.catch(() => {})
    return child
  }
}

export type HostOptions = RunOptions & {
  /** The platform that the command shall believe it runs on. */
  platform?: NodeJS.Platform
  /** Whether `environment` is all of it. */
  isWhole?: boolean
}

export class Running {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #exit: Promise<Outcome>

  constructor(folders: TestFolders, words: readonly string[], options: RunOptions = {}) {
    this.child = spawn(process.execPath, [cli, ...words], {
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

export const runProcess = (folders: TestFolders, words: readonly string[], options?: RunOptions): Promise<Outcome> =>
  new Running(folders, words, options).outcome()

const host = new CommandHost()
after(() => host.close())

/** In the process that all commands of this file share. */
export const run = (
  folders: TestFolders,
  words: readonly string[],
  { environment = {}, input = '', cwd = folders.cwd, platform = process.platform, isWhole = false }: HostOptions = {},
): Promise<Outcome> =>
  host.run({
    argv: [cli, ...words],
    cwd,
    environment: isWhole ? environment : environmentOf(folders, environment),
    input,
    platform,
    isTerminal: false,
  })

/** In the same process, with streams that say that they are a terminal, for what a command prints there. Compare runOnTerminal. */
export function runAsOnTerminal(
  folders: TestFolders,
  words: readonly string[],
  { environment = {}, cwd = folders.cwd }: RunOptions = {},
): Promise<Outcome> {
  const { NO_COLOR, ...plain } = environmentOf(folders)
  return host.run({
    argv: [cli, ...words],
    cwd,
    environment: { ...plain, ...terminalVariables, ...environment },
    input: '',
    platform: process.platform,
    isTerminal: true,
  })
}

export const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
export const noTerminal = hasScript ? false : 'needs script of util-linux, which gives a process a terminal'

const terminalVariables = { TERM: 'xterm', SHELL: '/bin/sh' }

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
    env: { ...plain, ...terminalVariables, ...options.environment },
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
  assert.deepEqual(rest, [`see ${ownCommand(`${command} --help`)}`, ''])
}

/** Failed with one line. */
export function assertFailure({ code, stderr }: Outcome, message: RegExp): void {
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^claude-serve: [^\n]+\n$/)
  assert.match(stderr, message)
}
