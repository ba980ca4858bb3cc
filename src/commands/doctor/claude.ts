// Node.js, the claude executable and its login, as the server would find them. Never reads a token: the CLI is asked.
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { withPathOutside } from '../../claude/cli/environment.ts'
import { type Claude, compareVersions, Executable, oldestVersion } from '../../claude/cli/executable.ts'
import { type DoctorContext, type Finding, ok, problem, quoted, reasonOf, warning } from './finding.ts'

const { engines } = createRequire(import.meta.url)('../../../package.json') as { engines: { node: string } }

export function examineNode(version = process.versions.node): Finding {
  const oldest = engines.node.replace(/^\D+/, '')
  if (compareVersions(version, oldest) >= 0) return ok('node', `Node.js ${version}`)
  return problem('node', `Node.js ${version} is too old: at least ${oldest} is needed`, 'install a newer Node.js')
}

/** As the server looks for it. */
function executableOf({ config, environment }: DoctorContext, chosen: string | null): Executable {
  const roots = config.cwdRoots ?? []
  return new Executable(chosen, withPathOutside(environment, roots), roots)
}

const origins: Record<Claude['origin'], string> = {
  chosen: 'as was chosen',
  path: 'found on PATH',
  sdk: 'it comes with claude-serve',
}

export async function examineClaude(patient: DoctorContext): Promise<Finding[]> {
  const { claudeBin } = patient.config
  try {
    const { path, version, origin } = await executableOf(patient, claudeBin).claude()
    const found = ok('claude', `claude ${version} at ${realPathOf(path)} (${origins[origin]})`)
    return origin === 'sdk' ? [found, ...(await examinePassedOver(patient))] : [found]
  } catch (fault) {
    return [problem('claude', reasonOf(fault), howToMend(reasonOf(fault)))]
  }
}

/** The one on PATH that was not taken. */
async function examinePassedOver(patient: DoctorContext): Promise<Finding[]> {
  const said = await executableOf(patient, 'claude')
    .claude()
    .then(() => null, reasonOf)
  const isOld = said !== null && / is version \S+; at least /.test(said)
  return isOld
    ? [warning('claude', `the one on PATH is not used: ${said.replace(/\. Run .*$/, '')}`, 'claude update')]
    : []
}

function howToMend(said: string): string {
  const chmod = /chmod go-w .+$/.exec(said)?.[0]
  if (chmod !== undefined) return chmod
  return said.includes(`at least ${oldestVersion}`) ? 'claude update' : 'npm install -g @anthropic-ai/claude-code'
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

export async function examineLogin(patient: DoctorContext): Promise<Finding[]> {
  if (patient.config.demo) return [ok('login', 'the demo needs none')]
  const executable = executableOf(patient, patient.config.claudeBin)
  const claude = await executable.claude().catch(() => null)
  if (claude === null) return [warning('login', 'not known: there is no claude to ask')]
  const fix = `${claude.origin === 'path' ? 'claude' : quoted(claude.path)} auth login`
  try {
    const { loggedIn, method } = await executable.login()
    if (loggedIn) return [ok('login', `logged in (${method})`)]
    return [problem('login', 'claude is not logged in: only --demo works', fix)]
  } catch {
    return [warning('login', 'claude does not say whether it is logged in', fix)]
  }
}
