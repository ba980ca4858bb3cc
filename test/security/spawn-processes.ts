// What the system's process list shows of a server's CLI processes: arguments, environments, folders. Linux only.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { markerName } from '../../src/claude/cli/environment.ts'

export type CliProcess = { pid: number; arguments: string[]; environment: Record<string, string>; cwd: string }

/** The live processes that `parent` has started, the oldest first, without what they have started themselves. */
export async function liveProcesses(parent = process.pid): Promise<CliProcess[]> {
  return markedNow('')
    .filter((info) => info.parent === parent)
    .sort((a, b) => a.pid - b.pid)
    .flatMap(({ pid }) => look(pid))
}

/**
 * All processes whose marker begins like this. Read synchronously, as it is needed after every test: that is many times cheaper than
 * reading the same files asynchronously.
 */
export function markedNow(prefix: string): { pid: number; parent: number }[] {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.flatMap((pid) => {
    try {
      const isMarked = readFileSync(`/proc/${pid}/environ`, 'latin1')
        .split('\0')
        .some((entry) => entry.startsWith(`${markerName}=${prefix}`))
      if (!isMarked) return []
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' ? [] : [{ pid: Number(pid), parent: Number(parent) }]
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}

/** Empty if it has ended meanwhile. */
function look(pid: number): CliProcess[] {
  try {
    const [, ...args] = entriesOf(pid, 'cmdline')
    const environment = Object.fromEntries(entriesOf(pid, 'environ').map(variable))
    return [{ pid, arguments: args, environment, cwd: readlinkSync(`/proc/${pid}/cwd`) }]
  } catch {
    return []
  }
}

const entriesOf = (pid: number, what: string) => readFileSync(`/proc/${pid}/${what}`, 'utf8').split('\0').slice(0, -1)

function variable(entry: string): [name: string, value: string] {
  const equals = entry.indexOf('=')
  return [entry.slice(0, equals), entry.slice(equals + 1)]
}
