// Which process the server of a data folder is, also while it starts or stops: then its address is not in the folder. The process
// is known by its number and start time, so that no other is ever signalled.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { identityOf } from '../../claude/process/process-registry.ts'
import { processInfo } from '../../claude/process/process-tree.ts'
import { type LocationFlags, settingsFor } from '../command.ts'
import { runningServer } from '../server-client.ts'

/** `process` is its number and start time as one word. */
export type Target = { pid: number; process: string; isListening: boolean }

export async function findTarget(flags: LocationFlags): Promise<Target | null> {
  const listed = await runningServer(flags)
  return listed === null ? unlistedServer(settingsFor(flags).dataDir) : { ...listed, isListening: true }
}

/** Each server has a folder of its own name below its data folder, from its first moment to its last (claude/process/process-registry.ts). */
export async function unlistedServer(dataDir: string): Promise<Target | null> {
  for (const word of await readdir(join(dataDir, 'servers')).catch(() => [])) {
    const target = { pid: Number.parseInt(word, 10), process: word, isListening: false }
    if (await isThere(target)) return target
  }
  return null
}

export async function isThere({ pid, process }: Pick<Target, 'pid' | 'process'>): Promise<boolean> {
  const info = Number.isSafeInteger(pid) && pid > 0 ? await processInfo(pid) : null
  return info !== null && identityOf(info) === process
}
