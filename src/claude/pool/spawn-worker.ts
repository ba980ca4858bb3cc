// Starts CLI processes for the pool. Checks what must still hold at that moment: the executable is the one whose version was read, and
// the working folder is where it was when it was checked. Both may have changed while the request waited.
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { AppError } from '../../errors.ts'
import { type AbilityBook, ClaudeReplaced } from '../cli/abilities.ts'
import { fileStamp } from '../cli/file-stamp.ts'
import { Worker } from '../process/worker.ts'
import type { WorkerContext } from '../process/worker-context.ts'
import type { Spawn } from './pool-worker.ts'

function realFolder(path: string): string | null {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isDirectory() ? realpathSync(path) : null
  } catch {
    return null
  }
}

/**
 * `cwd` is a real path that was checked against the allowed folders. Throws ClaudeReplaced, `cwd_not_found`, and
 * `cwd_not_allowed` if a link has replaced a folder. What happens later is checked elsewhere: the process itself reports its folder.
 */
function checkSpawn(claude: { path: string; state: string }, cwd: string): void {
  if (fileStamp(claude.path) !== claude.state) throw new ClaudeReplaced(`${claude.path} was replaced`)
  const real = realFolder(cwd)
  const facts = { field: 'cwd' }
  if (real === null) throw new AppError('cwd_not_found', `the working folder no longer exists: ${cwd}`, facts)
  if (real !== cwd) throw new AppError('cwd_not_allowed', `the working folder ${cwd} was replaced by a link`, facts)
}

function toSpawnError(error: unknown): unknown {
  const isTooLong = error instanceof Error && 'code' in error && error.code === 'E2BIG'
  if (!isTooLong) return error
  const text = 'the lists of tools, rules and folders are longer than this system allows for starting a program'
  return new AppError('invalid_request', text)
}

export type SpawnContext = Omit<WorkerContext, 'claude' | 'onDefect' | 'onVersion'> & {
  abilities: Pick<AbilityBook, 'addDefect' | 'defectOf' | 'noteVersion'>
}

export const workerSpawner =
  ({ abilities, ...context }: SpawnContext): Spawn =>
  ({ profile, fingerprint, claude }, mode) => {
    try {
      if (abilities.defectOf(claude) !== null) throw new ClaudeReplaced(`${claude.path} is not used any more`)
      checkSpawn(claude, profile.cwd)
      const onDefect = (reason: string) => abilities.addDefect(claude, reason)
      const onVersion = (reported: string) => abilities.noteVersion(claude, reported)
      return new Worker(profile, mode, fingerprint, { ...context, claude, onDefect, onVersion })
    } catch (error) {
      throw toSpawnError(error)
    }
  }
