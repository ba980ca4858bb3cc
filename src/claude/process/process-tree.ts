// Processes by id: whether an id still belongs to the same process, what that process started, and how to end all of
// it. The CLI runs shell commands in sessions of their own, which outlive it and its process group; they are found by
// their parent or by the marker in their environment. Not for the lifecycle of one worker (worker.ts).
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { markerName } from '../cli/environment.ts'

export type ProcessInfo = { pid: number; parent: number; started: string }

const run = promisify(execFile)

/** The fields after the command, which may itself contain spaces and parentheses. */
const statFields = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

/**
 * Fields after the command's closing parenthesis: the state is the first, the parent the second, the start time the
 * 20th. A zombie, which has ended but was not reaped by its parent, counts as gone.
 */
function parseStat(pid: number, stat: string): ProcessInfo | null {
  const [state, parent, ...others] = statFields(stat)
  return state === 'Z' ? null : { pid, parent: Number(parent), started: others[17] ?? '' }
}

const hasProc = process.platform === 'linux'
/** The unit of /proc/PID/statm on the platforms the CLI is built for, except some ARM systems, where it is larger. */
const pageBytes = 4096

async function procInfo(pid: number): Promise<ProcessInfo | null> {
  try {
    return parseStat(pid, await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return null
  }
}

/** Lines of `ps -o pid=,ppid=,lstart=`: two numbers and a date. */
function parsePs(output: string): ProcessInfo[] {
  return output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.+?)\s*$/.exec(line)
    return match ? [{ pid: Number(match[1]), parent: Number(match[2]), started: match[3] ?? '' }] : []
  })
}

async function ps(...selection: string[]): Promise<ProcessInfo[]> {
  if (process.platform === 'win32') return []
  try {
    const { stdout } = await run('ps', [...selection, '-o', 'pid=,ppid=,lstart='], {
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' },
    })
    return parsePs(stdout)
  } catch {
    return []
  }
}

/** The process that has this id now; null if there is none. */
export async function processInfo(pid: number): Promise<ProcessInfo | null> {
  return hasProc ? procInfo(pid) : ((await ps('-p', String(pid)))[0] ?? null)
}

async function allProcesses(): Promise<ProcessInfo[]> {
  if (!hasProc) return ps('-A')
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const infos = await Promise.all(pids.map((pid) => procInfo(Number(pid))))
  return infos.filter((info) => info !== null)
}

/** Whether a signal has stopped the process, so that it does nothing until another one lets it go on. Linux only. */
export function isStopped(pid: number): boolean {
  try {
    return hasProc && statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[0] === 'T'
  } catch {
    return false
  }
}

/** The value of our marker in a process's environment; null if it has none or cannot be read. Linux only. */
async function markerOf(pid: number): Promise<string | null> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
    const entry = environment.split('\0').find((line) => line.startsWith(`${markerName}=`))
    return entry ? entry.slice(markerName.length + 1) : null
  } catch {
    return null
  }
}

/**
 * All processes that carry a marker for which `matches` is true. Empty on systems that do not expose it (all but
 * Linux).
 */
export async function markedProcesses(matches: (marker: string) => boolean): Promise<ProcessInfo[]> {
  if (!hasProc) return []
  const found: ProcessInfo[] = []
  for (const info of await allProcesses()) {
    const marker = info.pid === process.pid ? null : await markerOf(info.pid)
    if (marker !== null && matches(marker)) found.push(info)
  }
  return found
}

/** The process and all its current descendants. */
export async function processTree(root: number): Promise<ProcessInfo[]> {
  const all = await allProcesses()
  const tree = all.filter((info) => info.pid === root)
  for (const parent of tree) tree.push(...all.filter((info) => info.parent === parent.pid && !tree.includes(info)))
  return tree
}

/** Resident memory of the process in bytes; null if it cannot be determined. */
export async function residentBytes(pid: number): Promise<number | null> {
  try {
    if (hasProc) return Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1]) * pageBytes
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)], { env: { PATH: '/bin:/usr/bin' } })
    return Number(stdout.trim()) * 1024
  } catch {
    return null
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is already gone, as intended.
  }
}

/** True while one of these processes runs; another process that has been given one of their ids does not count. */
export async function anyRunning(targets: readonly ProcessInfo[]): Promise<boolean> {
  for (const target of targets) if ((await processInfo(target.pid))?.started === target.started) return true
  return false
}

/** A process that the kernel cannot end at once, because it waits for a disk, must not hold up its killer for ever. */
const killWaitMs = 5000

/**
 * Ends exactly these processes with SIGKILL, and waits until they are gone; if an id now belongs to another process,
 * that process is left alone. The kernel may need a while: it gives back a process's memory before the process ends.
 */
export async function killAll(targets: readonly ProcessInfo[]): Promise<void> {
  for (const target of targets) if (await anyRunning([target])) signal(target.pid, 'SIGKILL')
  for (let waited = 0; waited < killWaitMs && (await anyRunning(targets)); waited += 10) await delay(10)
}
