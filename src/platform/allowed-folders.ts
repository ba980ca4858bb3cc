// Which folders a request may name: a real folder, after links are resolved, equal to or below an allowed one.
import { access, constants, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from 'node:path'
import { AppError } from '../errors.ts'

/** Segment by segment: /a/root is not above /a/rootevil. */
export function isWithin(folder: string, root: string): boolean {
  const way = relative(root, folder)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** Where the path leads, as far as it exists: links on the way are resolved, what is missing is added as it stands. */
export async function realPathSoFar(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null)
  if (real !== null) return real
  const parent = dirname(path)
  return parent === path ? path : join(await realPathSoFar(parent), basename(path))
}

/**
 * The folder's real path. `roots` are real paths; null allows every folder. Throws `cwd_not_allowed` for one outside,
 * whether it exists or not, and `cwd_not_found` for one inside that is not there or is no folder.
 */
export async function resolveFolder(path: string, roots: readonly string[] | null, field: string): Promise<string> {
  if (!isAbsolute(path))
    throw new AppError('invalid_request', `${field} must be an absolute path, not ${JSON.stringify(path)}`, { field })
  const real = await realPathSoFar(normalize(path))
  const isAllowed = roots === null || roots.some((root) => isWithin(real, root))
  if (!isAllowed) {
    throw new AppError(
      'cwd_not_allowed',
      `${field} is not within a folder that this server allows; start it with --cwd-root to allow it`,
      { field },
    )
  }
  const info = await stat(real).catch(() => null)
  const isOpen = await access(real, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!info?.isDirectory() || !isOpen) {
    throw new AppError('cwd_not_found', `${field} is not an existing folder: ${JSON.stringify(path)}`, { field })
  }
  return real
}
