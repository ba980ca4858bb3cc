// What must still hold at the moment a process is started: the executable is the one whose version was read, and the working folder
// is where it was when it was checked. Both may have changed while the request waited.
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { AppError } from '../../errors.ts'
import { fileStamp } from '../cli/file-stamp.ts'

/** The executable was replaced after its version was read: read it again. */
export class ClaudeReplaced extends Error {}

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
export function checkSpawn(claude: { path: string; state: string }, cwd: string): void {
  if (fileStamp(claude.path) !== claude.state) throw new ClaudeReplaced(`${claude.path} was replaced`)
  const real = realFolder(cwd)
  const facts = { field: 'cwd' }
  if (real === null) throw new AppError('cwd_not_found', `the working folder no longer exists: ${cwd}`, facts)
  if (real !== cwd) throw new AppError('cwd_not_allowed', `the working folder ${cwd} was replaced by a link`, facts)
}
