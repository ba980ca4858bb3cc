// Whether a file may be run as `claude`: whoever can change it, or the way to it, could run what they like as this user.
import { type Stats, statSync } from 'node:fs'
import { isWithin } from '../../platform/allowed-folders.ts'
import { pathComponents } from './path-components.ts'

const groupWrites = 0o020
const worldWrites = 0o002
const sticky = 0o1000

/** People's own groups have them alone as members; a file of such a group is as good as theirs. */
function isOthersFile({ mode, gid }: Stats): boolean {
  const byGroup = (mode & groupWrites) !== 0 && gid !== 0 && gid !== process.getgid?.()
  return byGroup || (mode & worldWrites) !== 0
}

/** Groups that may write to folders of programs are made of administrators; in a shared folder each has what is theirs. */
const isOthersFolder = ({ mode }: Stats): boolean => (mode & worldWrites) !== 0 && (mode & sticky) === 0

/**
 * Why the file must not be run, as the end of a sentence that says how to mend it; null where it may. `roots` are the folders
 * in which agents work, by their real paths: what lies there, an agent may change.
 */
export function whyUnsafe(path: string, roots: readonly string[]): string | null {
  if (process.platform === 'win32') return null
  const steps = pathComponents(path)
  const root = roots.find((each) => steps.some((step) => isWithin(step, each)))
  if (root !== undefined) return `lies in ${root}, where agents may work: name another one with --claude-bin`
  const open = steps.find((step) => {
    const info = statSync(step, { throwIfNoEntry: false })
    return info !== undefined && (info.isDirectory() ? isOthersFolder(info) : isOthersFile(info))
  })
  return open === undefined ? null : `can be changed by other users of this machine: chmod go-w ${open}`
}
