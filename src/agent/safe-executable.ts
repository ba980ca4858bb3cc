// Whether a file may be run as `claude`: whoever can change it could run what they like as this user.
import { realpath, stat } from 'node:fs/promises'
import { isWithin } from '../core/folders.ts'

const groupWrites = 0o020
const worldWrites = 0o002
const sticky = 0o1000

/** People's own groups have them alone as members; a file of such a group is as good as theirs. */
function isOpenToOthers({ mode, gid }: { mode: number; gid: number }): boolean {
  const byGroup = (mode & groupWrites) !== 0 && gid !== 0 && gid !== process.getgid?.()
  return byGroup || (mode & worldWrites) !== 0
}

/**
 * Why the file must not be run, as the end of a sentence that says how to mend it; null where it may. `roots` are the folders
 * in which agents work, by their real paths: what lies there, an agent may change.
 */
export async function whyUnsafe(path: string, roots: readonly string[]): Promise<string | null> {
  if (process.platform === 'win32') return null
  const real = await realpath(path)
  const root = roots.find((each) => isWithin(real, each))
  if (root !== undefined) return `lies in ${root}, where agents may work: name another one with --claude-bin`
  const folder = real.slice(0, real.lastIndexOf('/')) || '/'
  const [file, around] = await Promise.all([stat(real), stat(folder)])
  if (isOpenToOthers(file)) return `can be changed by other users of this machine: chmod go-w ${real}`
  const isShared = isOpenToOthers(around) && (around.mode & sticky) === 0
  return isShared ? `can be replaced by other users of this machine: chmod go-w ${folder}` : null
}
