// Node.js, the claude executable and its login, as the server would find them. Never reads a token: it asks the CLI.
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { withPathOutside } from '../../claude/cli/environment.ts'
import { type Claude, compareVersions, Executable, oldestVersion, UnusableClaude } from '../../claude/cli/executable.ts'
import { ownCommand, shellWord } from '../../platform/installation.ts'
import { reasonOf } from '../command.ts'
import { type DoctorContext, type Finding, ok, problem, warning } from './finding.ts'

const { engines } = createRequire(import.meta.url)('../../../package.json') as { engines: { node: string } }

export function examineNode(version = process.versions.node): Finding {
  const oldest = engines.node.replace(/^\D+/, '')
  if (compareVersions(version, oldest) >= 0) return ok('node', `Node.js ${version}`)
  return problem('node', `Node.js ${version} is too old: at least ${oldest} is required`, 'install a newer Node.js')
}

/** Looks for claude as the server does. */
export function executableOf({ config, environment }: DoctorContext, chosen: string | null): Executable {
  const roots = config.cwdRoots ?? []
  return new Executable(chosen, withPathOutside(environment, roots), { roots })
}

const origins: Record<Claude['origin'], string> = {
  chosen: 'as configured',
  path: 'found on PATH',
  sdk: 'bundled with claude-serve',
}

export async function examineClaude(context: DoctorContext): Promise<Finding[]> {
  const { claudeBin } = context.config
  try {
    const { path, version, origin } = await executableOf(context, claudeBin).claude()
    const found = ok('claude', `claude ${version} at ${realPathOf(path)} (${origins[origin]})`)
    return origin === 'sdk' ? [found, ...(await examinePassedOver(context))] : [found]
  } catch (error) {
    return [problem('claude', reasonOf(error), await howToFix(error, context))]
  }
}

/** The one on PATH, if it was not used because it is too old. */
async function examinePassedOver(context: DoctorContext): Promise<Finding[]> {
  const defect = await executableOf(context, 'claude')
    .claude()
    .then(() => null, defectOf)
  if (defect?.kind !== 'too_old') return []
  const { path, version } = defect
  const text = `the claude on PATH is not used: ${path} is version ${version}; at least ${oldestVersion} is required`
  return [warning('claude', text, 'claude update')]
}

const defectOf = (error: unknown) => (error instanceof UnusableClaude ? error.defect : null)

async function howToFix(error: unknown, context: DoctorContext): Promise<string> {
  const defect = defectOf(error)
  if (defect?.kind === 'too_old') return `${shellWord(defect.path)} update`
  const writable = defect?.kind === 'unsafe' ? defect.writable : null
  if (writable !== null) return `chmod go-w ${shellWord(writable)}`
  return context.config.claudeBin === null ? installCommand : howToChoose(context)
}

const installCommand = 'npm install -g @anthropic-ai/claude-code'

/** The one that is named cannot be used. Another one helps only if there is one. */
async function howToChoose(context: DoctorContext): Promise<string> {
  const isOther = await executableOf(context, null)
    .claude()
    .then(
      () => true,
      () => false,
    )
  if (!isOther) return installCommand
  return context.environment.CLAUDE_BIN ? 'unset CLAUDE_BIN' : 'leave out claude-bin: another claude can be used'
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

export async function examineLogin(context: DoctorContext): Promise<Finding[]> {
  if (context.config.demo) return [ok('login', 'not needed: this is the demo')]
  const executable = executableOf(context, context.config.claudeBin)
  const claude = await executable.claude().catch(() => null)
  if (claude === null) return [warning('login', 'unknown: claude is not available')]
  const fix = ownCommand('login')
  try {
    const { loggedIn, method } = await executable.login()
    if (loggedIn) return [ok('login', `logged in (${method})`)]
    return [problem('login', 'claude is not logged in: only --demo works', fix)]
  } catch {
    return [warning('login', 'claude does not report whether it is logged in', fix)]
  }
}
