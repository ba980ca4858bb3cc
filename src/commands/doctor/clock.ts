// Whether this machine's clock is right: a wrong one makes every certificate, login and key look expired or not valid yet. Without asking
// anybody: this version, the newest files and an address that the operator has set show what the time cannot be.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newestTestedOn } from '../../claude/cli/executable.ts'
import { configFolder } from '../../claude/sessions/config-folder.ts'
import { type DoctorContext, type Finding, ok, problem } from './finding.ts'
import { timeElsewhere } from './network.ts'

const check = 'clock'

const dayMs = 86_400_000
/** After so long nobody uses this version: the CLI that it needs is too old by then. */
const versionLifeMs = 3 * 365 * dayMs
/** The difference to another clock at which certificates and logins fail. */
const toleratedMs = 5 * 60_000

const fixes: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'sudo timedatectl set-ntp true',
  darwin: 'sudo sntp -sS time.apple.com',
  win32: 'w32tm /resync',
}

const wrong = (message: string) => problem(check, message, fixes[process.platform] ?? "set this machine's clock")

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)

export async function examineClock(context: DoctorContext, nowMs = Date.now()): Promise<Finding[]> {
  const testedMs = Date.parse(newestTestedOn)
  const saying = `the clock says ${day(nowMs)}`
  if (nowMs < testedMs - dayMs) return [wrong(`${saying}, but this version is of ${newestTestedOn}`)]
  if (nowMs > testedMs + versionLifeMs)
    return [
      wrong(`${saying}, years after this version (${newestTestedOn}): it is wrong, or claude-serve is far too old`),
    ]
  const elsewhere = (await timeElsewhere(context)) ?? timeOfNewFile()
  if (Math.abs(elsewhere - nowMs) > toleratedMs)
    return [wrong(`the clock says ${new Date(nowMs).toISOString()}, but it is ${new Date(elsewhere).toISOString()}`)]
  const newest = newestFile(context)
  if (newest !== null && newest.ms > nowMs + dayMs)
    return [wrong(`${saying}, but ${newest.path} was written on ${day(newest.ms)}`)]
  return [ok(check, new Date(nowMs).toISOString())]
}

/** By the clock of the system, which may not be that of this process. */
function timeOfNewFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-doctor-'))
  try {
    return statSync(folder).mtimeMs
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function newestFile({ config, environment }: DoctorContext): { path: string; ms: number } | null {
  const folder = configFolder(environment)
  const paths = ['claude-serve.db', 'server.json', 'logs/claude-serve.log']
    .map((name) => join(config.dataDir, name))
    .concat(join(folder, 'projects'), join(folder, 'history.jsonl'))
  const times = paths.map((path) => ({ path, ms: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
  return times.reduce<{ path: string; ms: number } | null>(
    (newest, each) => (each.ms > (newest?.ms ?? 0) ? each : newest),
    null,
  )
}
