// One CLI process as the operating system sees it: spawning it, reading its output and ending it. Not for the messages
// sent to it (worker.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpawnedProcess, SpawnOptions } from '@anthropic-ai/claude-agent-sdk'
import { maskSecrets, maskValues } from '../../platform/redact.ts'
import type { ProcessRegistry } from './process-registry.ts'
import { killAll, markedProcesses, processTree } from './process-tree.ts'
import { StdoutGate } from './stdout-gate.ts'

const stderrBytesMax = 64 * 1024
/** So much is kept before that: a secret that the cut falls into is not recognized, and must not be shown. */
const stderrMarginBytes = 16 * 1024
/** How long a CLI may take to stop its own commands after SIGTERM; 1.6 s was the longest seen. */
const termGraceMs = 4000

/**
 * Filters out arguments that must not appear in the process list: the SDK also sends the schema over stdin, where only
 * the CLI reads it.
 */
const isPublicArgument = (argument: string) => !argument.startsWith('--json-schema')

/** The processes of this program that have not ended. */
const live = new Set<number>()

/** For a program that exits at once, without waiting for anything: a stopped process would not notice that it has. */
export function killLive(): void {
  for (const pid of live) {
    try {
      // The negative id is that of its process group.
      process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

export type CliExit = { code: number | null; signal: NodeJS.Signals | null }

export class CliProcess {
  readonly gate = new StdoutGate()
  readonly exited: Promise<CliExit>
  /** Resolves when all its output was read; late if something that it has started holds the output open. */
  readonly closed: Promise<void>
  readonly marker: string
  #process: ChildProcess | null = null
  #records: ProcessRegistry
  readonly #secrets: readonly string[]
  readonly #nice: number
  #stderr = ''
  #isStderrCut = false
  #settle: (exit: CliExit) => void = () => {}
  readonly #close: () => void
  #ending: Promise<void> | null = null
  #swept: Promise<void> = Promise.resolve()

  /** `secrets`: values that are masked in its output. `nice`: see WorkerContext. */
  constructor(marker: string, records: ProcessRegistry, secrets: readonly string[], nice = 0) {
    this.marker = marker
    this.#nice = nice
    this.#secrets = secrets
    this.#records = records
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.#close = resolve
  }

  get pid(): number | null {
    return this.#process?.pid ?? null
  }

  get exitCode(): number | null {
    return this.#process?.exitCode ?? null
  }

  get hasExited(): boolean {
    return this.#process !== null && (this.#process.exitCode !== null || this.#process.signalCode !== null)
  }

  /** The end of its stderr output, without secrets. */
  get stderrTail(): string {
    const text = maskSecrets(maskValues(this.#stderr, this.#secrets))
    return (this.#isStderrCut ? text.slice(stderrMarginBytes) : text).trim()
  }

  /** Pass this to the SDK as `spawnClaudeCodeProcess`. */
  spawn = ({ command, args, cwd, env }: SpawnOptions): SpawnedProcess => {
    const child = spawn(command, args.filter(isPublicArgument), {
      ...(cwd === undefined ? {} : { cwd }),
      env: env as NodeJS.ProcessEnv,
      stdio: ['pipe', 'pipe', 'pipe'],
      // In its own process group: Ctrl-C in the server's terminal must reach only the server, which then ends its
      // processes.
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    this.#process = child
    child.once('exit', (code, signal) => this.#onExit({ code, signal }))
    child.once('error', () => this.#onExit({ code: null, signal: null }))
    child.once('close', this.#close)
    child.stdin.on('error', () => {})
    child.stdout.pipe(this.gate)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const all = this.#stderr + text
      this.#stderr = all.slice(-(stderrBytesMax + stderrMarginBytes))
      this.#isStderrCut ||= all.length > this.#stderr.length
    })
    if (child.pid !== undefined) live.add(child.pid)
    if (child.pid !== undefined && this.#nice > 0) giveWay(child.pid, this.#nice)
    if (child.pid !== undefined) void this.#records.add(child.pid).then(() => this.hasExited && this.#forget())
    return asSpawnedProcess(child, this.gate)
  }

  /** Ends the process and everything it started: SIGTERM, then SIGKILL to the whole tree. */
  end(graceMs = termGraceMs): Promise<void> {
    this.#ending ??= this.#end(graceMs)
    return this.#ending
  }

  async #end(graceMs: number): Promise<void> {
    this.gate.release()
    const pid = this.pid
    if (pid === null) return
    if (!this.hasExited) {
      this.#process?.kill('SIGTERM')
      await Promise.race([this.exited, delay(graceMs, undefined, { ref: false })])
    }
    if (!this.hasExited) await killAll(await processTree(pid))
    await this.exited
    await this.#swept
  }

  /** A CLI that was killed, or that crashed, leaves behind the commands it was running. */
  async #sweep(): Promise<void> {
    await killAll(await markedProcesses((marker) => marker === this.marker))
  }

  #onExit(exit: CliExit): void {
    if (this.pid !== null) live.delete(this.pid)
    this.#swept = this.#sweep()
    this.#forget()
    this.#settle(exit)
  }

  #forget(): void {
    if (this.pid !== null) this.#records.remove(this.pid)
  }
}

function asSpawnedProcess(child: ChildProcess, gate: StdoutGate): SpawnedProcess {
  if (child.stdin === null) throw new Error('the CLI has no stdin')
  return {
    stdin: child.stdin,
    stdout: gate,
    get killed() {
      return child.killed
    },
    get exitCode() {
      return child.exitCode
    },
    get signalCode() {
      return child.signalCode
    },
    kill: (name) => child.kill(name),
    on: child.on.bind(child) as SpawnedProcess['on'],
    once: child.once.bind(child) as SpawnedProcess['once'],
    off: child.off.bind(child) as SpawnedProcess['off'],
  }
}

function giveWay(pid: number, nice: number): void {
  try {
    setPriority(pid, nice)
  } catch {
    // It has ended already, or the system does not allow it: it is only slower for the others then.
  }
}
