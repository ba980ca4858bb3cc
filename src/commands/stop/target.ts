// Finds the process of a data folder's server, also while it starts or stops and its address is not in the folder. The process is
// identified by its number and start time, so that no other process is ever signaled.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from '../../claude/process/process-registry.ts'
import { type LocationFlags, settingsFor } from '../command.ts'
import { runningServer } from '../server-client.ts'

/** `process` is the process's number and start time in one string. */
export type Target = { pid: number; process: string; isListening: boolean }

export async function findTarget(flags: LocationFlags): Promise<Target | null> {
  const listed = await runningServer(flags)
  return listed === null ? unlistedServer(settingsFor(flags).dataDir) : { ...listed, isListening: true }
}

/** From start to exit, each server has a folder named after it below its data folder (claude/process/process-registry.ts). */
export async function unlistedServer(dataDir: string): Promise<Target | null> {
  for (const name of await readdir(join(dataDir, 'servers')).catch(() => [])) {
    if (await isRunning(name)) return { pid: Number.parseInt(name, 10), process: name, isListening: false }
  }
  return null
}
