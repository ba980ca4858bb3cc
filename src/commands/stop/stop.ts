// The command `stop`: ends the server of the data folder, politely or at once, and waits until it is gone.
import { setTimeout as delay } from 'node:timers/promises'
import { killAll, type ProcessInfo, processTree } from '../../claude/process/process-tree.ts'
import { duration } from '../../config/values.ts'
import {
  answer,
  CommandError,
  type ExitCode,
  type LocationFlags,
  note,
  print,
  printJson,
  settingsFor,
  UsageError,
} from '../command.ts'
import { runningServer } from '../server-client.ts'
import { findTarget, isThere, type Target } from './target.ts'

export type StopFlags = LocationFlags & { timeout?: string; now?: boolean }

const timeoutUsualMs = 60_000

export function stopServer(flags: StopFlags): Promise<ExitCode> {
  return answer('stop', async () => {
    const timeoutMs = readTimeout(flags)
    const target = await findTarget(flags)
    if (target === null) return tellNone(flags)
    const isGone = flags.now === true ? await endNow(target) : await end(target, flags, timeoutMs)
    if (!isGone) {
      const hint =
        flags.now === true ? '' : ': it has requests under way; claude-serve stop --now does not wait for them'
      throw new CommandError(`claude-serve (pid ${target.pid}) still runs after ${timeoutMs / 1000} s${hint}`)
    }
    if (flags.json === true) printJson({ stopped: true, pid: target.pid })
    else print(`stopped claude-serve (pid ${target.pid})`)
  })
}

/**
 * No failure: `systemctl stop` and `docker stop` say the same of what does not run, and a script that stops before it starts goes on.
 * It is told all the same, as the server may run in another folder.
 */
function tellNone(flags: StopFlags): void {
  if (flags.json === true) printJson({ stopped: false, pid: null })
  note(`no server runs in ${settingsFor(flags).dataDir}`)
}

function readTimeout({ timeout, now }: StopFlags): number {
  if (timeout === undefined) return timeoutUsualMs
  if (now === true) throw new UsageError('give --timeout or --now, not both')
  const read = duration(0).safeParse(timeout)
  if (read.success) return read.data
  throw new UsageError(`--timeout: ${JSON.stringify(timeout)} is not accepted; give a time such as 30s or 2m`)
}

/** A second signal would cut a server short that is ending already; such a one is only waited for. */
async function end(target: Target, flags: StopFlags, timeoutMs: number): Promise<boolean> {
  if (target.isListening || (await isStarting(target, flags))) send(target, 'SIGTERM')
  return waitFor(target, timeoutMs)
}

/** One that starts is soon to be found at its address, one that ends never again. */
async function isStarting(target: Target, flags: StopFlags): Promise<boolean> {
  const began = performance.now()
  while (performance.now() - began < 1500 && (await isThere(target))) {
    if ((await runningServer(flags)) !== null) return true
    await delay(pollMs)
  }
  return false
}

/** What is tried, and how long each is waited for. A server without requests is gone well before the second signal. */
const steps: readonly [signal: NodeJS.Signals, waitMs: number][] = [
  ['SIGTERM', 1000],
  // The second one ends the server without a look at its requests (serve.ts).
  ['SIGTERM', 2000],
  ['SIGKILL', 5000],
]

/** A server that is cut short cannot end its own processes: what it leaves is ended here. */
async function endNow(target: Target): Promise<boolean> {
  const left: ProcessInfo[] = []
  for (const [signal, waitMs] of steps) {
    const tree = await processTree(target.pid)
    if (!(await isThere(target))) break
    left.push(...tree.filter(({ pid }) => pid !== target.pid))
    send(target, signal)
    if (await waitFor(target, waitMs)) break
  }
  const isGone = !(await isThere(target))
  if (isGone) await killAll(left)
  return isGone
}

function send({ pid }: Target, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException
    if (code === 'EPERM') throw new CommandError(`claude-serve (pid ${pid}) belongs to another user, who can stop it`)
    if (code !== 'ESRCH') throw fault
  }
}

const pollMs = 100

/** True once it is gone, false where it is there still after so long. Nobody tells us of the end of a process that is not our own. */
async function waitFor(target: Target, timeoutMs: number): Promise<boolean> {
  const began = performance.now()
  let seconds = 0
  while (await isThere(target)) {
    const elapsedMs = performance.now() - began
    if (elapsedMs >= timeoutMs) break
    if (elapsedMs >= (seconds + 1) * 1000) {
      seconds = Math.floor(elapsedMs / 1000)
      draw(`waiting for requests to end: ${seconds} s`)
    }
    await delay(Math.min(pollMs, timeoutMs))
  }
  if (seconds > 0) draw('')
  return !(await isThere(target))
}

/** On a terminal, in place of what was drawn before. */
function draw(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001b[K`)
}
