// The files in which Claude Code finds its settings: whether each can be read, and whether Claude Code accepts it. If one does not load, nothing
// in it is in effect, among others its permission rules and hooks. Never reads the file with the login. Not for our own settings (settings.ts).
import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../../claude/cli/environment.ts'
import { programOutput } from '../../claude/cli/program-output.ts'
import { configFolder } from '../../claude/sessions/config-folder.ts'
import { isObject } from '../../platform/json.ts'
import { reasonOf } from '../command.ts'
import { executableOf } from './claude.ts'
import { codeOf, type DoctorContext, type Finding, ok, problem } from './finding.ts'

const check = 'claude-settings'

/** `isSettings`: in the form of `settings.json`, which Claude Code can check. */
type File = { path: string; isSettings: boolean }

const managedFolders: Partial<Record<NodeJS.Platform, string>> = {
  linux: '/etc/claude-code',
  darwin: '/Library/Application Support/ClaudeCode',
  win32: 'C:\\Program Files\\ClaudeCode',
}

function filesOf({ config: { defaultCwd }, environment }: DoctorContext): File[] {
  const folder = configFolder(environment)
  const home = environment.HOME ?? environment.USERPROFILE ?? '.'
  const managed = managedFolders[process.platform]
  const settings = [
    ...(managed === undefined ? [] : [join(managed, 'managed-settings.json')]),
    join(folder, 'settings.json'),
    join(defaultCwd, '.claude', 'settings.json'),
    join(defaultCwd, '.claude', 'settings.local.json'),
  ]
  const others = [join(environment.CLAUDE_CONFIG_DIR || home, '.claude.json'), join(defaultCwd, '.mcp.json')]
  return [
    ...[...new Set(settings)].map((path) => ({ path, isSettings: true })),
    ...others.map((path) => ({ path, isSettings: false })),
  ]
}

type Read = { value: unknown } | { defect: string; fix: string } | null

/** Null if there is no such file. What is wrong is said without the text of the file, which may hold a secret. */
function read(path: string): Read {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    return { defect: `cannot be read: ${reasonOf(error)}`, fix: `make ${path} a file that you can read` }
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return { value }
    return { defect: 'is not a JSON object', fix: `put the settings of ${path} between { and }` }
  } catch (error) {
    const line = lineOf(error, text)
    const where = line === null ? '' : ` (line ${line})`
    return { defect: `is not valid JSON${where}`, fix: `correct ${line === null ? '' : `line ${line} of `}${path}` }
  }
}

/** Null if the parser does not say it. */
function lineOf(error: unknown, text: string): number | null {
  const position = /at position (\d+)/.exec(reasonOf(error))?.[1]
  return position === undefined ? null : text.slice(0, Number(position)).split('\n').length
}

export async function examineClaudeSettings(context: DoctorContext): Promise<Finding[]> {
  const found = filesOf(context).map(({ path, isSettings }) => ({ path, isSettings, content: read(path) }))
  const existing = found.filter(({ content }) => content !== null)
  if (existing.length === 0) return [ok(check, 'none: Claude Code uses its defaults')]
  const findings = await Promise.all(
    existing.map(async ({ path, isSettings, content }) => {
      if (content !== null && 'defect' in content) return [problem(check, `${path} ${content.defect}`, content.fix)]
      return isSettings ? await examineContent(path, context) : []
    }),
  )
  const wrong = findings.flat()
  return wrong.length > 0 ? wrong : [ok(check, `${existing.map(({ path }) => path).join(', ')}: valid`)]
}

const heading = 'Invalid settings'

/** Claude Code's own opinion of the file, as the only one in a folder of its own: it starts nothing and sends nothing. */
async function examineContent(path: string, context: DoctorContext): Promise<Finding[]> {
  const claude = await executableOf(context, context.config.claudeBin)
    .claude()
    .catch(() => null)
  if (claude === null) return []
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-doctor-'))
  try {
    const copy = join(folder, 'settings.json')
    copyFileSync(path, copy)
    const environment = { ...childEnvironment(context.environment), HOME: folder, CLAUDE_CONFIG_DIR: folder }
    const { stdout } = await programOutput(claude.path, ['doctor'], { environment, timeoutMs: 20_000 })
    const lines = stdout.split('\n')
    const from = lines.indexOf(heading)
    const own = from === -1 ? [] : lines.slice(from + 1, lines.indexOf('', from))
    return own
      .filter((line) => line.startsWith('- '))
      .map((line) => line.slice(2).replace(copy, path))
      .map((text) => problem(check, `Claude Code does not accept ${text}`, `correct ${path}`))
  } catch {
    // One that cannot say does not.
    return []
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The environment of the CLI's processes, with what its own settings add; `origins` names the file of each such variable. */
export function withSettings(context: DoctorContext): {
  environment: DoctorContext['environment']
  origins: Map<string, string>
} {
  const environment = { ...context.environment }
  const origins = new Map<string, string>()
  for (const { path, isSettings } of filesOf(context)) {
    const content = isSettings ? read(path) : null
    const own = content !== null && 'value' in content && isObject(content.value) ? content.value.env : null
    if (!isObject(own)) continue
    for (const [name, value] of Object.entries(own)) {
      if (typeof value !== 'string') continue
      environment[name] = value
      origins.set(name, path)
    }
  }
  return { environment, origins }
}
