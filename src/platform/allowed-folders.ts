// Checks the folders that a request names: after links are resolved, a folder must equal or be below an allowed one.
import { access, constants, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path'
import { AppError } from '../errors.ts'

/** Compares segment by segment: /a/root is not above /a/rootevil. */
export function isWithin(folder: string, root: string): boolean {
  const way = relative(root, folder)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** As many links, one to the next, as Linux follows. */
const linksMax = 40

/**
 * The real path, as far as it exists: links are resolved, and missing parts are appended unchanged. A link whose target
 * is missing is resolved too: whether it exists must not show.
 */
export async function realPathSoFar(path: string, linksLeft = linksMax): Promise<string> {
  const real = await realpath(path).catch(() => null)
  if (real !== null) return real
  const target = linksLeft > 0 ? await readlink(path).catch(() => null) : null
  if (target !== null) return realPathSoFar(resolve(dirname(path), target), linksLeft - 1)
  const parent = dirname(path)
  return parent === path ? path : join(await realPathSoFar(parent, linksLeft), basename(path))
}

/**
 * The folder's real path. `roots` are real paths; null allows every folder. Throws `cwd_not_allowed` for a path
 * outside, whether it exists or not, and `cwd_not_found` for one inside that does not exist or is not a folder.
 */
export async function resolveFolder(path: string, roots: readonly string[] | null, field: string): Promise<string> {
  if (!isAbsolute(path))
    throw new AppError('invalid_request', `${field} must be an absolute path, not ${JSON.stringify(path)}`, { field })
  const real = await realPathSoFar(normalize(path))
  const isAllowed = roots === null || roots.some((root) => isWithin(real, root))
  if (!isAllowed) {
    throw new AppError(
      'cwd_not_allowed',
      `${field} is not within a folder that this server allows; start the server with --cwd-root to allow it`,
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
