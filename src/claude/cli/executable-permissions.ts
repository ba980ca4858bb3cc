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

/** `reason` ends a sentence, and says how to fix it. `writable`: what others can change; null if agents can. */
export type Unsafe = { reason: string; writable: string | null }

/**
 * Why the file must not be run; null if it may be run. `roots` are the real paths of the folders in which agents work:
 * an agent may change any file in them.
 */
export function whyUnsafe(path: string, roots: readonly string[]): Unsafe | null {
  if (process.platform === 'win32') return null
  const components = pathComponents(path)
  const root = roots.find((each) => components.some((component) => isWithin(component, each)))
  if (root !== undefined)
    return { reason: `is in ${root}, where agents may work: choose another one with --claude-bin`, writable: null }
  const writable = components.find((component) => {
    const info = statSync(component, { throwIfNoEntry: false })
    return info !== undefined && (info.isDirectory() ? isOthersFolder(info) : isOthersFile(info))
  })
  if (writable === undefined) return null
  return { reason: `can be changed by other users of this machine: chmod go-w ${writable}`, writable }
}
