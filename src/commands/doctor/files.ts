// The data folder and what lies in it: whose they are, who else could look into them, and room on the disk. Mends modes where that is
// asked for, and nothing else. Not for what is in the files.
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type DoctorContext, type Finding, ok, problem, quoted, reasonOf, warning } from './finding.ts'

const othersBits = 0o077
const stickyBit = 0o1000

const hasModes = process.platform !== 'win32'

const showMode = ({ mode }: Stats) => (mode & 0o777).toString(8).padStart(4, '0')

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

const nearestExisting = (path: string): string => (existsSync(path) ? path : nearestExisting(dirname(path)))

const isOwn = ({ uid }: Stats) => !hasModes || uid === process.getuid?.()

const toOwn = (path: string) => `sudo chown -R "$(id -un)" ${quoted(path)}`

export async function examineFolder({ config: { dataDir }, fixes }: DoctorContext): Promise<Finding[]> {
  const check = 'data-folder'
  const info = statSync(dataDir, { throwIfNoEntry: false })
  if (info === undefined) return [examineMissing(check, dataDir)]
  if (!info.isDirectory()) return [problem(check, `${dataDir} is not a folder`, 'give another with --data-dir')]
  if (hasModes && (info.mode & stickyBit) !== 0)
    return [problem(check, `${dataDir} is shared by many users`, 'give one of its own with --data-dir')]
  if (!isOwn(info)) return [problem(check, `${dataDir} belongs to another user (${info.uid})`, toOwn(dataDir))]
  if (!mayWrite(dataDir)) return [problem(check, `${dataDir} cannot be written`, `chmod 700 ${quoted(dataDir)}`)]
  if (!hasModes || (info.mode & othersBits) === 0) return [ok(check, dataDir)]
  const open = `${dataDir} is open to other users (${showMode(info)})`
  return [fixes ? close(check, dataDir, 0o700, open) : problem(check, open, `chmod 700 ${quoted(dataDir)}`)]
}

function examineMissing(check: string, dataDir: string): Finding {
  const parent = nearestExisting(dirname(dataDir))
  if (statSync(parent).isDirectory() && mayWrite(parent)) return ok(check, `${dataDir} is made at the first start`)
  return problem(check, `${dataDir} cannot be made: ${parent} cannot be written`, 'give another with --data-dir')
}

function close(check: string, path: string, mode: number, open: string): Finding {
  try {
    chmodSync(path, mode)
    return ok(check, `${open}: mended`)
  } catch (fault) {
    return problem(check, `${open}, and that cannot be mended: ${reasonOf(fault)}`, toOwn(path))
  }
}

/** How many are looked at, and how many are told one by one. */
const filesMax = 20_000
const toldMax = 5

export async function examineFiles({ config: { dataDir }, fixes }: DoctorContext): Promise<Finding[]> {
  const check = 'files'
  const info = statSync(dataDir, { throwIfNoEntry: false })
  if (!info?.isDirectory()) return [ok(check, 'none yet')]
  const found = filesBelow(dataDir)
  const wrong = found.map((path) => examineOne(check, path, fixes)).filter((finding) => finding !== null)
  const told = wrong.slice(0, toldMax)
  if (wrong.length > toldMax)
    told.push(problem(check, `${wrong.length - toldMax} more like these`, 'claude-serve doctor --fix'))
  return told.length > 0 ? told : [ok(check, `${found.length} of your own, closed to others`)]
}

/** Without what links lead to, and without the folder that the demo's claude keeps for itself. */
function filesBelow(folder: string): string[] {
  const found: string[] = []
  const folders = [folder]
  for (let at = folders.pop(); at !== undefined && found.length < filesMax; at = folders.pop()) {
    for (const entry of entriesOf(at)) {
      const path = join(at, entry.name)
      if (entry.isSymbolicLink() || path === join(folder, 'demo')) continue
      found.push(path)
      if (entry.isDirectory()) folders.push(path)
    }
  }
  return found
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // Its own finding says that it cannot be read.
    return []
  }
}

/** Null where nothing is wrong, or it is gone meanwhile. */
function examineOne(check: string, path: string, mends: boolean): Finding | null {
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (info === undefined || !hasModes) return null
  if (!isOwn(info)) return problem(check, `${path} belongs to another user (${info.uid})`, toOwn(path))
  if ((info.mode & othersBits) === 0) return null
  const mode = info.isDirectory() ? 0o700 : 0o600
  const open = `${path} is open to other users (${showMode(info)})`
  return mends ? close(check, path, mode, open) : problem(check, open, `chmod ${mode.toString(8)} ${quoted(path)}`)
}

const gigabyte = 1e9
const scarceBytes = gigabyte
const tooFewBytes = 0.1 * gigabyte

export async function examineDisk({ config: { dataDir } }: DoctorContext): Promise<Finding[]> {
  const [own, scratch] = [nearestExisting(dataDir), tmpdir()]
  const isOneDisk = statSync(own).dev === statSync(scratch).dev
  return (isOneDisk ? [own] : [own, scratch]).map((folder) => {
    const { bavail, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const said = `${(free / gigabyte).toFixed(1)} GB free in ${folder}`
    if (free >= scarceBytes) return ok('disk', said)
    return free >= tooFewBytes ? warning('disk', said, 'make room') : problem('disk', said, 'make room')
  })
}
