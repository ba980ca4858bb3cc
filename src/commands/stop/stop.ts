// The command `stop`: stops the server of the data folder, gracefully or at once, and waits until it has exited.
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning } from '../../claude/process/process-registry.ts'
import { killAll, type ProcessInfo, processTree } from '../../claude/process/process-tree.ts'
import { duration } from '../../config/values.ts'
import { ownCommand } from '../../platform/installation.ts'
import {
  CommandError,
  type ExitCode,
  type LocationFlags,
  notAccepted,
  note,
  print,
  printJson,
  runCommand,
  settingsFor,
  UsageError,
} from '../command.ts'
import { runningServer } from '../server-client.ts'
import { findTarget, type Target } from './target.ts'

export type StopFlags = LocationFlags & { timeout?: string; now?: boolean }

const defaultTimeoutMs = 60_000

export function stopServer(flags: StopFlags): Promise<ExitCode> {
  return runCommand('stop', async () => {
    const timeoutMs = readTimeout(flags)
    const target = await findTarget(flags)
    if (target === null) return reportNoServer(flags)
    const hasExited = flags.now === true ? await stopNow(target) : await stop(target, flags, timeoutMs)
    if (!hasExited) {
      const hint =
        flags.now === true ? '' : `: requests are in progress; ${ownCommand('stop --now')} does not wait for them`
      throw new CommandError(`claude-serve (pid ${target.pid}) is still running after ${timeoutMs / 1000} s${hint}`)
    }
    if (flags.json === true) printJson({ stopped: true, pid: target.pid })
    else print(`stopped claude-serve (pid ${target.pid})`)
  })
}

/**
 * Not a failure, as with `systemctl stop` and `docker stop`: a script that stops the server before it starts one can continue. It is
 * reported nevertheless, because the server may run in another folder.
 */
function reportNoServer(flags: StopFlags): void {
  if (flags.json === true) printJson({ stopped: false, pid: null })
  note(`no server is running in ${settingsFor(flags).dataDir}`)
}

function readTimeout({ timeout, now }: StopFlags): number {
  if (timeout === undefined) return defaultTimeoutMs
  if (now === true) throw new UsageError('pass either --timeout or --now, not both')
  const parsed = duration(0).safeParse(timeout)
  if (parsed.success) return parsed.data
  throw notAccepted('--timeout', timeout, 'give a time such as 30s or 2m')
}

/** A second signal would cut short a server that is already stopping, so such a server is only waited for. */
async function stop(target: Target, flags: StopFlags, timeoutMs: number): Promise<boolean> {
  if (target.isListening || (await isStarting(target, flags))) send(target, 'SIGTERM')
  return waitFor(target, timeoutMs)
}

/** A starting server soon appears at its address, a stopping one never again. */
async function isStarting(target: Target, flags: StopFlags): Promise<boolean> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < 1500 && (await isRunning(target.process))) {
    if ((await runningServer(flags)) !== null) return true
    await delay(pollMs)
  }
  return false
}

/** The signals in order, with the wait after each. A server without requests has exited well before the second signal. */
const steps: readonly [signal: NodeJS.Signals, waitMs: number][] = [
  ['SIGTERM', 1000],
  // The second one makes the server exit regardless of its requests (serve.ts).
  ['SIGTERM', 2000],
  ['SIGKILL', 5000],
]

/** A server that is cut short cannot end its own processes: those that it leaves behind are ended here. */
async function stopNow(target: Target): Promise<boolean> {
  const descendants: ProcessInfo[] = []
  for (const [signal, waitMs] of steps) {
    const tree = await processTree(target.pid)
    if (!(await isRunning(target.process))) break
    descendants.push(...tree.filter(({ pid }) => pid !== target.pid))
    send(target, signal)
    if (await waitFor(target, waitMs)) break
  }
  const hasExited = !(await isRunning(target.process))
  if (hasExited) await killAll(descendants)
  return hasExited
}

function send({ pid }: Target, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPERM')
      throw new CommandError(`claude-serve (pid ${pid}) belongs to another user: ask that user to stop it`)
    if (code !== 'ESRCH') throw error
  }
}

const pollMs = 100

/** True once it has exited, false if it still runs after the timeout. Polls, because only a parent is notified of a process's end. */
async function waitFor(target: Target, timeoutMs: number): Promise<boolean> {
  const startedAt = performance.now()
  let seconds = 0
  while (await isRunning(target.process)) {
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs >= timeoutMs) break
    if (elapsedMs >= (seconds + 1) * 1000) {
      seconds = Math.floor(elapsedMs / 1000)
      draw(`waiting for requests to finish: ${seconds} s`)
    }
    await delay(Math.min(pollMs, timeoutMs))
  }
  if (seconds > 0) draw('')
  return !(await isRunning(target.process))
}

/** On a terminal only; replaces what was drawn before. */
function draw(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001b[K`)
}
