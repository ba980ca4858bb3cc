// The settings that the next start would use. An invalid one is reported and left out, so that everything else can still be checked.
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../config/load.ts'
import { ConfigError, type Environment } from '../../config/sources.ts'
import { ownCommand, shellWord } from '../../platform/installation.ts'
import { reasonOf } from '../command.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

const check = 'settings'

type Input = { flags: Record<string, unknown>; environment: Environment }

/** Throws ConfigError for an invalid flag. */
export function examineSettings(flags: Record<string, unknown>, environment: Environment, appliesFixes = false) {
  const findings: Finding[] = []
  const emptyFile = new EmptyFile()
  try {
    let input: Input = { flags, environment }
    for (;;) {
      try {
        const loaded = loadConfig({ ...input, cwd: process.cwd(), isTerminal: false })
        findings.push(...examineFile(loaded, appliesFixes))
        return { config: loaded.config, findings: findings.length > 0 ? findings : [ok(check, sourceOf(loaded))] }
      } catch (error) {
        const rest = error instanceof ConfigError && !error.isWrongUsage ? withoutSource(error, input, emptyFile) : null
        if (rest === null) throw error
        findings.push(problem(check, reasonOf(error), howToFix(error as ConfigError)))
        input = rest
      }
    }
  } finally {
    emptyFile.remove()
  }
}

/** Replaces a configuration file that has an error; created when it is first used. */
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

/** The input without the source of the error: a variable, or the whole file. Null if it is neither. */
function withoutSource(error: ConfigError, { flags, environment }: Input, emptyFile: EmptyFile): Input | null {
  const { source, origin } = error
  if (source === 'environment') return { flags, environment: { ...environment, [origin]: undefined } }
  return source === 'file' ? { flags: { ...flags, config: emptyFile.path }, environment } : null
}

function howToFix({ source, origin, key }: ConfigError): string {
  if (source === 'environment') return `unset ${origin}`
  return `edit ${shellWord(origin)}${key === '--config' ? '' : `: ${key}`}`
}

const fileOf = ({ sources }: LoadedConfig): string | null => {
  const value = sources.find(({ key }) => key === 'config')?.value
  return typeof value === 'string' ? value : null
}

function sourceOf(loaded: LoadedConfig): string {
  const file = fileOf(loaded)
  const set = loaded.sources.filter(({ key, source }) => key !== 'config' && source !== 'default').length
  const count = set === 0 ? 'all at their defaults' : `${set} changed from the defaults`
  return `${count} (${file === null ? 'no file' : file}); see ${ownCommand('serve --print-config')}`
}

const othersWrite = 0o022

/** Anyone who can write to the file can choose the program that is run as claude. */
function examineFile(loaded: LoadedConfig, appliesFixes: boolean): Finding[] {
  const file = fileOf(loaded)
  const mode = file === null ? 0 : (statSync(file, { throwIfNoEntry: false })?.mode ?? 0)
  if (file === null || (mode & othersWrite) === 0 || process.platform === 'win32') return []
  const text = `${file} can be changed by other users`
  const fix = `chmod go-w ${shellWord(file)}`
  if (!appliesFixes) return [warning(check, text, fix)]
  try {
    chmodSync(file, mode & 0o777 & ~othersWrite)
    return [ok(check, `${text}: fixed`)]
  } catch (error) {
    return [warning(check, `${text}, and this cannot be fixed: ${reasonOf(error)}`, `sudo ${fix}`)]
  }
}
