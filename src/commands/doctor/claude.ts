// Node.js, the claude executable and its login, as the server would find them. Never reads a token: it asks the CLI.
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { withPathOutside } from '../../claude/cli/environment.ts'
import { type Claude, compareVersions, Executable, oldestVersion } from '../../claude/cli/executable.ts'
import { type DoctorContext, type Finding, ok, problem, quoted, reasonOf, warning } from './finding.ts'

const { engines } = createRequire(import.meta.url)('../../../package.json') as { engines: { node: string } }

export function examineNode(version = process.versions.node): Finding {
  const oldest = engines.node.replace(/^\D+/, '')
  if (compareVersions(version, oldest) >= 0) return ok('node', `Node.js ${version}`)
  return problem('node', `Node.js ${version} is too old: at least ${oldest} is required`, 'install a newer Node.js')
}

/** Looks for claude as the server does. */
function executableOf({ config, environment }: DoctorContext, chosen: string | null): Executable {
  const roots = config.cwdRoots ?? []
  return new Executable(chosen, withPathOutside(environment, roots), roots)
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
    return [problem('claude', reasonOf(error), howToFix(reasonOf(error)))]
  }
}

/** The one on PATH, if it was not used because it is too old. */
async function examinePassedOver(context: DoctorContext): Promise<Finding[]> {
  const reason = await executableOf(context, 'claude')
    .claude()
    .then(() => null, reasonOf)
  const isOld = reason !== null && / is version \S+; at least /.test(reason)
  return isOld
    ? [warning('claude', `the claude on PATH is not used: ${reason.replace(/\. Run .*$/, '')}`, 'claude update')]
    : []
}

function howToFix(reason: string): string {
  const chmod = /chmod go-w .+$/.exec(reason)?.[0]
  if (chmod !== undefined) return chmod
  return reason.includes(`at least ${oldestVersion}`) ? 'claude update' : 'npm install -g @anthropic-ai/claude-code'
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
  const fix = `${claude.origin === 'path' ? 'claude' : quoted(claude.path)} auth login`
  try {
    const { loggedIn, method } = await executable.login()
    if (loggedIn) return [ok('login', `logged in (${method})`)]
    return [problem('login', 'claude is not logged in: only --demo works', fix)]
  } catch {
    return [warning('login', 'claude does not report whether it is logged in', fix)]
  }
}
