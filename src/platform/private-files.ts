// Makes files and folders that only their owner can read, whatever the umask is, and tightens those that are there already.
// Not for what is in them.
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartupError } from '../errors.ts'

export type OnWarning = (message: string) => void

const othersBits = 0o077
const stickyBit = 0o1000

/** Throws a StartupError where there can be no such folder. */
export function makePrivateFolder(folder: string, onWarning: OnWarning): void {
  try {
    makeFolders(folder)
  } catch (error) {
    throw cannotBeUsed(folder, error)
  }
  // To close /tmp to everybody else would break the machine.
  if ((statSync(folder).mode & stickyBit) !== 0) {
    throw new StartupError(`The folder ${folder} is shared by many users: give one of its own with --data-dir.`)
  }
  tighten(folder, 0o700, onWarning)
}

/** Node's own recursive making never ends where the system says of a folder in an existing one that it is not there, as in /proc. */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(folder)
  if (parent !== folder) makeFolders(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another program may have been quicker.
    if (!isExisting(error) || !statSync(folder).isDirectory()) throw error
  }
}

/**
 * Makes the file where it is missing. One that is there is never opened: closing it would let go of every lock that this
 * process has on it, SQLite's included.
 */
export function makePrivateFile(file: string, onWarning: OnWarning): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!isExisting(error)) throw cannotBeUsed(file, error)
  }
  tighten(file, 0o600, onWarning)
}

/** Takes away what others may do with it. What is not there is passed over. */
export function tighten(path: string, mode: number, onWarning: OnWarning): void {
  const info = statSync(path, { throwIfNoEntry: false })
  // Windows has no such modes: there a user's own folder is closed to others from the start.
  if (info === undefined || (info.mode & othersBits) === 0 || process.platform === 'win32') return
  try {
    chmodSync(path, mode)
  } catch (error) {
    onWarning(`${path} may be read by other users, and that cannot be changed: ${String(error)}`)
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

function cannotBeUsed(path: string, cause: unknown): StartupError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new StartupError(
    `${path} cannot be used (${reason}): see to it that its folder can be written to and has room, or give another with --data-dir.`,
    { cause },
  )
}
