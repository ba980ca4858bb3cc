// Whether a file may be run as `claude`: anyone who can change it, or a folder or link on its path, could run any
// program as this user.
import { type Stats, statSync } from 'node:fs'
import { isWithin } from '../../platform/allowed-folders.ts'
import { pathComponents } from './path-components.ts'

const groupWrites = 0o020
const worldWrites = 0o002
const sticky = 0o1000

/** A user's own group has only that user as a member; a file that this group may write is as safe as the user's own. */
function isOthersFile({ mode, gid }: Stats): boolean {
  const byGroup = (mode & groupWrites) !== 0 && gid !== 0 && gid !== process.getgid?.()
  return byGroup || (mode & worldWrites) !== 0
}

/**
 * Groups that may write to program folders consist of administrators; in a sticky folder, users can change only their
 * own files.
 */
const isOthersFolder = ({ mode }: Stats): boolean => (mode & worldWrites) !== 0 && (mode & sticky) === 0

/**
 * Why the file must not be run, as the end of a sentence that says how to fix it; null if it may be run. `roots` are
 * the real paths of the folders in which agents work: an agent may change any file in them.
 */
export function whyUnsafe(path: string, roots: readonly string[]): string | null {
  if (process.platform === 'win32') return null
  const components = pathComponents(path)
  const root = roots.find((each) => components.some((component) => isWithin(component, each)))
  if (root !== undefined) return `is in ${root}, where agents may work: choose another one with --claude-bin`
  const open = components.find((component) => {
    const info = statSync(component, { throwIfNoEntry: false })
    return info !== undefined && (info.isDirectory() ? isOthersFolder(info) : isOthersFile(info))
  })
  return open === undefined ? null : `can be changed by other users of this machine: chmod go-w ${open}`
}
