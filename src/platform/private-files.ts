// Creates files and folders that only their owner can read, whatever the umask is, and tightens the modes of existing
// ones. Not for their contents.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartupError } from '../errors.ts'

export type OnWarning = (message: string) => void

const othersBits = 0o077
const stickyBit = 0o1000

/** Throws a StartupError if the folder cannot be created or used. */
export function makePrivateFolder(folder: string, onWarning: OnWarning): void {
  try {
    makeFolders(folder)
  } catch (error) {
    throw cannotBeUsed(folder, error)
  }
  // Closing /tmp to everybody else would break the machine.
  if ((statSync(folder).mode & stickyBit) !== 0) {
    throw new StartupError(`The folder ${folder} is shared by many users: set a folder of your own with --data-dir.`)
  }
  tighten(folder, 0o700, onWarning)
}

/**
 * Node's own recursive mkdir never ends if the system refuses to create a folder in an existing one with ENOENT, as in
 * /proc.
 */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(folder)
  if (parent !== folder) makeFolders(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another program may have created it first.
    if (!isExisting(error) || !statSync(folder).isDirectory()) throw error
  }
}

/**
 * Creates the file if it is missing. An existing file is never opened: closing it would release every lock that this
 * process holds on it, including SQLite's.
 */
export function makePrivateFile(file: string, onWarning: OnWarning): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!isExisting(error)) throw cannotBeUsed(file, error)
  }
  tighten(file, 0o600, onWarning)
}

/** Writes the whole file, or nothing: whoever reads it at that moment, or after a crash, finds the old one or the new one. */
export function replacePrivateFile(file: string, content: string | Buffer): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Removes the access of other users. A missing file is skipped. */
export function tighten(path: string, mode: number, onWarning: OnWarning): void {
  const info = statSync(path, { throwIfNoEntry: false })
  // Windows has no such modes: there a user's own folder is closed to others by default.
  if (info === undefined || (info.mode & othersBits) === 0 || process.platform === 'win32') return
  try {
    chmodSync(path, mode)
  } catch (error) {
    onWarning(`${path} may be readable by other users, and its mode cannot be changed: ${String(error)}`)
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

/** Why the server cannot use one of its own files or folders. */
export function cannotBeUsed(path: string, cause: unknown): StartupError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StartupError(
    `${path} cannot be used (${reason}): make sure that its folder is writable and has free space, or set another one with --data-dir.`,
    { cause },
  )
}
