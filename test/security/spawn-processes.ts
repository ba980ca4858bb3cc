// What the system's process list shows of a server's CLI processes: arguments, environments, folders. Linux only.
import { readFileSync, readlinkSync } from 'node:fs'
import { markedProcesses } from '../../src/claude/process/process-tree.ts'

export type CliProcess = { pid: number; arguments: string[]; environment: Record<string, string>; cwd: string }

/** The live processes that `parent` has started, the oldest first, without what they have started themselves. */
export async function liveProcesses(parent = process.pid): Promise<CliProcess[]> {
  const marked = await markedProcesses((marker) => marker !== '')
  return marked
    .filter((info) => info.parent === parent)
    .sort((a, b) => a.pid - b.pid)
    .flatMap(({ pid }) => look(pid))
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
