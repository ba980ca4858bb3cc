// Memory and processor time of a process and everything below it. From /proc on Linux; elsewhere `ps`, for the memory only.

import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const LINUX = process.platform === 'linux'
/** USER_HZ, the unit of processor time in /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

const run = promisify(execFile)

interface ProcessStat {
  pid: number
  parent: number
  /** Its own time and that of its ended children. */
  cpuSeconds: number
  ownCpuSeconds: number
}

/** Resident memory in MB. */
export async function residentMb(pid: number): Promise<number> {
  if (!LINUX) return Number((await run('ps', ['-o', 'rss=', '-p', String(pid)])).stdout.trim()) / 1024
  return kilobytes(await readFile(`/proc/${pid}/status`, 'utf8'), /^VmRSS:\s+(\d+)/m) / 1024
}

/** Memory that would be freed if the process ended, in MB; null if the system does not report it. */
export async function privateMb(pid: number): Promise<number | null> {
  if (!LINUX) return null
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  return (kilobytes(text, /^Private_Clean:\s+(\d+)/m) + kilobytes(text, /^Private_Dirty:\s+(\d+)/m)) / 1024
}

/** Seconds of processor time of a process and everything below it, including ended children; null except on Linux. */
export async function treeCpuSeconds(pid: number): Promise<number | null> {
  if (!LINUX) return null
  const all = await readAll()
  const tree = new Set([pid, ...descendants(all, pid)])
  return all.filter((stat) => tree.has(stat.pid)).reduce((sum, stat) => sum + stat.cpuSeconds, 0)
}

/** Seconds of processor time of a process alone, without its children; null except on Linux. */
export async function ownCpuSeconds(pid: number): Promise<number | null> {
  if (!LINUX) return null
  return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8')).at(0)?.ownCpuSeconds ?? null
}

/** Memory of processes and everything below them in MB, a page that several share counted once in parts; null except on Linux. */
export async function proportionalMb(pids: readonly number[]): Promise<number | null> {
  if (!LINUX) return null
  const all = await readAll()
  const trees = pids.flatMap((pid) => [pid, ...descendants(all, pid)])
  const texts = await Promise.all(trees.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, 'utf8')))
  return texts.reduce((sum, text) => sum + kilobytes(text, /^Pss:\s+(\d+)/m), 0) / 1024
}

/** The ids of the direct children of a process. */
export async function childrenOf(pid: number): Promise<number[]> {
  if (LINUX) return (await readAll()).filter((stat) => stat.parent === pid).map((stat) => stat.pid)
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid='])
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []))
}

function descendants(all: readonly ProcessStat[], pid: number): number[] {
  const below = all.filter((stat) => stat.parent === pid).map((stat) => stat.pid)
  return below.flatMap((child) => [child, ...descendants(all, child)])
}

async function readAll(): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return stats.flatMap((text) => parseStat(text))
}

/** The name in the second field may contain spaces and brackets, so the fields are counted from its end. */
function parseStat(text: string): ProcessStat[] {
  const close = text.lastIndexOf(')')
  if (close < 0) return []
  const fields = text.slice(close + 2).split(' ')
  const seconds = (...indexes: number[]) =>
    indexes.reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) / TICKS_PER_SECOND
  return [
    {
      pid: Number.parseInt(text, 10),
      parent: Number(fields[1]),
      cpuSeconds: seconds(11, 12, 13, 14),
      ownCpuSeconds: seconds(11, 12),
    },
  ]
}

function kilobytes(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN)
}
