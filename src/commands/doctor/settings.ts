// The settings as the next start would have them. A bad one is told and left out, so that everything else can be looked at all the same.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../config/load.ts'
import { ConfigError, type Environment } from '../../config/sources.ts'
import { type Finding, ok, problem, quoted, reasonOf, warning } from './finding.ts'

const check = 'settings'

type Given = { flags: Record<string, unknown>; environment: Environment }

/** Throws ConfigError for what was typed. */
export function examineSettings(flags: Record<string, unknown>, environment: Environment) {
  const findings: Finding[] = []
  const stand = new EmptyFile()
  try {
    let given: Given = { flags, environment }
    for (;;) {
      try {
        const loaded = loadConfig({ ...given, cwd: process.cwd(), isTerminal: false })
        findings.push(...examineFile(loaded))
        return { config: loaded.config, findings: findings.length > 0 ? findings : [ok(check, sourceOf(loaded))] }
      } catch (fault) {
        const rest = fault instanceof ConfigError && !fault.isWrongUsage ? without(fault, given, stand) : null
        if (rest === null) throw fault
        findings.push(problem(check, reasonOf(fault), howToMend(fault as ConfigError)))
        given = rest
      }
    }
  } finally {
    stand.remove()
  }
}

/** What takes the place of a file with a fault in it; made when it is needed. */
class EmptyFile {
  #folder: string | null = null

  get path(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'claude-serve-doctor-'))
    const path = join(this.#folder, 'empty.json')
    writeFileSync(path, '{}', { mode: 0o600 })
    return path
  }

  remove(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What was given, without what is at fault: a variable, or the whole file. Null where it is neither. */
function without({ where }: ConfigError, { flags, environment }: Given, stand: EmptyFile): Given | null {
  const variable = / environment variable$/.test(where) ? where.split(' ')[0] : undefined
  if (variable !== undefined && environment[variable] !== undefined) {
    return { flags, environment: { ...environment, [variable]: undefined } }
  }
  return where.startsWith('file ') ? { flags: { ...flags, config: stand.path }, environment } : null
}

function howToMend({ where, key }: ConfigError): string {
  const variable = / environment variable$/.test(where) ? where.split(' ')[0] : undefined
  if (variable !== undefined) return `unset ${variable}`
  return `edit ${quoted(where.replace(/^file /, ''))}${key === '--config' ? '' : `: ${key}`}`
}

const fileOf = ({ sources }: LoadedConfig): string | null => {
  const value = sources.find(({ key }) => key === 'config')?.value
  return typeof value === 'string' ? value : null
}

function sourceOf(loaded: LoadedConfig): string {
  const file = fileOf(loaded)
  const set = loaded.sources.filter(({ key, source }) => key !== 'config' && source !== 'default').length
  const count = set === 0 ? 'all as they are by default' : `${set} not as by default`
  return `${count} (${file === null ? 'no file' : file}); see claude-serve serve --print-config`
}

const othersWrite = 0o022

/** Whoever can write it says which program is run as claude. */
function examineFile(loaded: LoadedConfig): Finding[] {
  const file = fileOf(loaded)
  const mode = file === null ? 0 : (statSync(file, { throwIfNoEntry: false })?.mode ?? 0)
  if (file === null || (mode & othersWrite) === 0 || process.platform === 'win32') return []
  return [warning(check, `${file} can be changed by other users`, `chmod go-w ${quoted(file)}`)]
}
