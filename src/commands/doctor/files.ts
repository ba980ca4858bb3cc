// The data folder and the files in it: who owns them, who else could read them, and the free disk space. Fixes modes if requested, and
// nothing else. Not for what is in the files.
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
import { dirname, join, relative } from 'node:path'
import { ownCommand, shellWord } from '../../platform/installation.ts'
import { reasonOf } from '../command.ts'
import { type DoctorContext, type Finding, ok, problem, warning } from './finding.ts'

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

const toOwn = (path: string) => `sudo chown -R "$(id -un)" ${shellWord(path)}`

export async function examineFolder({ config: { dataDir }, appliesFixes }: DoctorContext): Promise<Finding[]> {
  const check = 'data-folder'
  const info = statSync(dataDir, { throwIfNoEntry: false })
  if (info === undefined) return [examineMissing(check, dataDir)]
  if (!info.isDirectory()) return [problem(check, `${dataDir} is not a folder`, 'choose another with --data-dir')]
  if (hasModes && (info.mode & stickyBit) !== 0)
    return [problem(check, `${dataDir} is shared by many users`, 'choose a private one with --data-dir')]
  if (!isOwn(info)) return [problem(check, `${dataDir} belongs to another user (${info.uid})`, toOwn(dataDir))]
  if (!mayWrite(dataDir)) return [problem(check, `${dataDir} is not writable`, `chmod 700 ${shellWord(dataDir)}`)]
  if (!hasModes || (info.mode & othersBits) === 0) return [ok(check, dataDir)]
  const open = `${dataDir} is open to other users (${showMode(info)})`
  return [appliesFixes ? close(check, dataDir, 0o700, open) : problem(check, open, `chmod 700 ${shellWord(dataDir)}`)]
}

function examineMissing(check: string, dataDir: string): Finding {
  const parent = nearestExisting(dirname(dataDir))
  if (statSync(parent).isDirectory() && mayWrite(parent)) return ok(check, `${dataDir} is created at the first start`)
  return problem(check, `${dataDir} cannot be created: ${parent} is not writable`, 'choose another with --data-dir')
}

function close(check: string, path: string, mode: number, open: string): Finding {
  try {
    chmodSync(path, mode)
    return ok(check, `${open}: fixed`)
  } catch (error) {
    return problem(check, `${open}, and this cannot be fixed: ${reasonOf(error)}`, toOwn(path))
  }
}

/** How many files are examined, and how many are reported one by one. */
const filesMax = 20_000
const reportedMax = 5

export async function examineFiles({ config: { dataDir }, appliesFixes }: DoctorContext): Promise<Finding[]> {
  const check = 'files'
  const info = statSync(dataDir, { throwIfNoEntry: false })
  if (!info?.isDirectory()) return [ok(check, 'none yet')]
  const found = filesBelow(dataDir)
  const wrong = found.map((path) => examineOne(check, path, appliesFixes)).filter((finding) => finding !== null)
  // Whatever is changed is reported.
  const reported = appliesFixes ? wrong : wrong.slice(0, reportedMax)
  if (wrong.length > reported.length)
    reported.push(problem(check, `${wrong.length - reportedMax} more like these`, ownCommand('doctor --fix')))
  return reported.length > 0 ? reported : [ok(check, `${found.length} owned by you and closed to others`)]
}

/** What a `claude` writes for itself, in the demo and while it is examined: below folders that only their owner can enter. */
const isOfClaude = (folder: string, path: string): boolean =>
  path === join(folder, 'demo') || /^servers[\\/][^\\/]+[\\/]private[\\/]./.test(relative(folder, path))

/** Does not follow links. */
function filesBelow(folder: string): string[] {
  const found: string[] = []
  const folders = [folder]
  for (let parent = folders.pop(); parent !== undefined && found.length < filesMax; parent = folders.pop()) {
    for (const entry of entriesOf(parent)) {
      const path = join(parent, entry.name)
      if (entry.isSymbolicLink() || isOfClaude(folder, path)) continue
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
    // A finding of its own reports that it cannot be read.
    return []
  }
}

/** Null if nothing is wrong, or if the file no longer exists. */
function examineOne(check: string, path: string, appliesFixes: boolean): Finding | null {
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (info === undefined || !hasModes) return null
  if (!isOwn(info)) return problem(check, `${path} belongs to another user (${info.uid})`, toOwn(path))
  if ((info.mode & othersBits) === 0) return null
  const mode = info.isDirectory() ? 0o700 : 0o600
  const open = `${path} is open to other users (${showMode(info)})`
  return appliesFixes
    ? close(check, path, mode, open)
    : problem(check, open, `chmod ${mode.toString(8)} ${shellWord(path)}`)
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
    const message = `${(free / gigabyte).toFixed(1)} GB free in ${folder}`
    if (free >= scarceBytes) return ok('disk', message)
    const fix = 'free some disk space'
    return free >= tooFewBytes ? warning('disk', message, fix) : problem('disk', message, fix)
  })
}
