// The processes of the running server: whether a signal has stopped one of them, so that it does nothing until another lets it go on. Linux
// only, because elsewhere nothing says so. Not for what the server itself reports (server.ts).
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isStopped, processTree } from '../../claude/process/process-tree.ts'
import { serverOf } from '../server-client.ts'
import { type DoctorContext, type Finding, ok, problem } from './finding.ts'

const check = 'processes'

export async function examineProcesses({ config: { dataDir } }: DoctorContext): Promise<Finding[]> {
  const address = await serverOf(dataDir)
  if (address === null) return [ok(check, 'none: no server is running in this data folder')]
  const started = startedBy(dataDir, address.process)
  const trees = await Promise.all(started.map((pid) => processTree(pid)))
  const all = [...new Set([address.pid, ...trees.flat().map(({ pid }) => pid)])]
  const stopped = all.filter(isStopped)
  if (stopped.length === 0) return [ok(check, `${started.length} of the server, none of them stopped`)]
  const who = stopped.includes(address.pid) ? 'the server itself' : 'claude, or what it has started'
  const text = `frozen by a signal: ${stopped.join(', ')} (${who}); a server replaces its own when it next needs them`
  return [problem(check, text, `kill -CONT ${stopped.join(' ')}`)]
}

function startedBy(dataDir: string, server: string): number[] {
  try {
    return readdirSync(join(dataDir, 'servers', server, 'processes'))
      .map(Number)
      .filter(Number.isInteger)
  } catch {
    return []
  }
}
