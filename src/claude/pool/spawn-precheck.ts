// What must still hold in the moment in which a process is started: the executable is the one whose version was read, and the
// working folder is where it was when it was checked. Both may have changed while the request waited for its turn.
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { AppError } from '../../errors.ts'
import { fileState } from '../cli/file-stamp.ts'

/** The executable was replaced since it was looked at: look again. */
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
 * `cwd_not_allowed` where a link has taken a folder's place. Not for what happens after: the process itself says where it is.
 */
export function checkStart(claude: { path: string; state: string }, cwd: string): void {
  if (fileState(claude.path) !== claude.state) throw new ClaudeReplaced(`${claude.path} was replaced`)
  const real = realFolder(cwd)
  const facts = { field: 'cwd' }
  if (real === null) throw new AppError('cwd_not_found', `the working folder is not there any more: ${cwd}`, facts)
  if (real !== cwd)
    throw new AppError('cwd_not_allowed', `a link has taken the place of the working folder ${cwd}`, facts)
}
