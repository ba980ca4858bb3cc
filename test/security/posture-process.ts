// `claude-serve` as a process of its own: its exit code, its output, and what it listens on. For the tests of start-up and of what gets
// into logs; test-server.ts starts a server inside the test's process.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCache } from '../helpers/compile-cache.ts'
import { type TestFolders, testEnvironment } from '../helpers/test-server.ts'

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** Nothing listens there. */
const nowhere = 'http://127.0.0.1:9'

export type Outcome = { code: number | null; stdout: string; stderr: string }

export type ProgramOptions = {
  folders: TestFolders
  environment?: Record<string, string>
  /** A command in front of the server's: a program that changes its surroundings. */
  before?: readonly string[]
  /** In octal, such as `000`. */
  umask?: string
  /** Whether even Node's compile cache must be empty, as on the very first start. */
  isFirst?: boolean
}

/** All starts share what the tests have compiled: they would otherwise take twice as long. */
export function shareCompiled({ home }: TestFolders): void {
  const folder = join(home, '.cache', 'claude-serve')
  if (existsSync(folder)) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const target of Object.values(compileCache)) symlinkSync(target, join(folder, 'compiled'))
}

export class Program {
  readonly #child: ChildProcess
  /** Settles once it has ended and all its output was read. */
  readonly exited: Promise<Outcome>
  #stdout = ''
  #stderr = ''
  #isOver = false
  readonly #waiting = new Set<() => void>()

  constructor(words: readonly string[], options: ProgramOptions) {
    const { folders, environment = {}, before = [], umask } = options
    if (options.isFirst !== true) shareCompiled(folders)
    const inShell = umask === undefined ? [] : ['/bin/sh', '-c', `umask ${umask}; exec "$0" "$@"`]
    const [command = '', ...args] = [...before, ...inShell, process.execPath, program, ...words]
    const env = { ...testEnvironment(folders, nowhere), ...environment }
    this.#child = spawn(command, args, { cwd: folders.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.exited = promise
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text, ''))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear('', text))
    this.#child.once('error', reject)
    this.#child.once('close', (code) => {
      this.#isOver = true
      this.#hear('', '')
      resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
    })
  }

  #hear(stdout: string, stderr: string): void {
    this.#stdout += stdout
    this.#stderr += stderr
    for (const look of this.#waiting) look()
  }

  get pid(): number {
    assert.ok(this.#child.pid)
    return this.#child.pid
  }

  /** Everything that it has printed so far. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Resolves as soon as its output matches. Rejects if it ends before. */
  printed(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(this.output)
        if (found === null && !this.#isOver) return
        this.#waiting.delete(look)
        if (found === null) reject(new Error(`it never printed ${pattern}: ${this.output}`))
        else resolve(found[1] ?? found[0])
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** The address at which it listens. */
  url(): Promise<string> {
    return this.printed(/listening on (http:\S+)/)
  }

  signal(name: NodeJS.Signals): void {
    if (!this.#isOver) this.#child.kill(name)
  }

  /** Ends it as a person would. */
  async stop(): Promise<Outcome> {
    this.signal('SIGTERM')
    return this.exited
  }
}

/** The program is ended after the test. */
export function startProgram(
  t: Pick<TestContext, 'after'>,
  words: readonly string[],
  options: ProgramOptions,
): Program {
  const started = new Program(words, options)
  t.after(async () => {
    const force = setTimeout(() => started.signal('SIGKILL'), 10_000)
    await started.stop()
    clearTimeout(force)
  })
  return started
}

/** `serve` on a free port, without spares, in the folders of the test. */
export const serveWords = ({ dataDir, cwd }: TestFolders, ...more: string[]): string[] => [
  ...['serve', '--port=0', '--warm=0', '--log-format=json'],
  ...[`--data-dir=${dataDir}`, `--default-cwd=${cwd}`],
  ...more,
]

/** Runs it to its end. */
export const runProgram = (
  t: Pick<TestContext, 'after'>,
  words: readonly string[],
  options: ProgramOptions,
): Promise<Outcome> => startProgram(t, words, options).exited

const loopback: Record<string, string> = {
  '0100007F': '127.0.0.1',
  '00000000000000000000000001000000': '::1',
}

/** The target of a file descriptor; it may be closed by now. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}

/** Everything that a process listens on, from the kernel's socket table, as `127.0.0.1 5005`; an address beyond loopback stays in the table's form. */
export function listeningOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  const sockets = new Set(readdirSync(folder).map((fd) => targetOf(`${folder}/${fd}`)))
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
        if (state !== '0A' || !sockets.has(`socket:[${inode}]`)) return []
        const [address = '', port = ''] = local.split(':')
        return [`${loopback[address] ?? address} ${Number.parseInt(port, 16)}`]
      }),
  )
}

/** A port that another server holds at this address until the end of the test. */
export async function occupy(t: Pick<TestContext, 'after'>, host: string): Promise<number> {
  const other = createServer()
  t.after(() => void other.close())
  await new Promise<void>((resolve) => other.listen({ host, port: 0, ipv6Only: true }, resolve))
  const address = other.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
