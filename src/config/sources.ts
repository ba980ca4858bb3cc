// Where settings come from: flags, the environment and the configuration file.
// It finds the raw value of a setting and where it was set. It knows no particular setting and validates no value.

import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import stripJsonComments from 'strip-json-comments'
import { nearestName } from '../platform/did-you-mean.ts'
import { maskSecrets } from '../platform/redact.ts'

export type Environment = Record<string, string | undefined>

export type SourceKind = 'flag' | 'environment' | 'file' | 'default'

/** What a source needs to find a setting. */
export type SettingNames = { name: string; environment: string; repeatable: boolean }

/** Where a value was set: `origin` is the flag, the variable or the path of the file; `where` says it in words. */
type Origin = { source: SourceKind; origin: string; where: string }

/** A value as it was written. */
export type RawSetting = Origin & { value: unknown }

export type ConfigFile = { path: string | null; values: ReadonlyMap<string, unknown> }

const shownValueLengthMax = 120

/** Stops the start: the key, its value, where it was set, and what is accepted. */
export class ConfigError extends Error {
  readonly key: string
  readonly value: unknown
  readonly source: SourceKind
  readonly origin: string
  readonly where: string
  readonly accepted: string
  /**
   * Whether the command line itself is wrong: not if the value comes from the environment or a file, nor for an address
   * that the server refuses to listen on.
   */
  readonly isWrongUsage: boolean

  constructor(refused: RawSetting & { key: string; accepted: string }) {
    const from = refused.source === 'file' ? refused.where : refused.origin
    super(`${refused.key}: ${showValue(refused.value)} (from ${from}) is not accepted; ${refused.accepted}`)
    this.name = 'ConfigError'
    this.key = refused.key
    this.value = refused.value
    this.source = refused.source
    this.origin = refused.origin
    this.where = refused.where
    this.accepted = refused.accepted
    this.isWrongUsage = refused.source === 'flag' && refused.key !== '--host'
  }
}

// The message must stay one line on a terminal, whatever the value is; and a value can be a connection string with a
// password.
function showValue(value: unknown): string {
  const shown = maskSecrets(JSON.stringify(value) ?? String(value))
  return shown.length > shownValueLengthMax ? `${shown.slice(0, shownValueLengthMax)}…` : shown
}

/** A flag's name in camel case: max-processes -> maxProcesses. */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

export function fromFlags(setting: SettingNames, flags: Record<string, unknown>): RawSetting | null {
  const value = flags[camelCase(setting.name)] ?? flags[setting.name]
  if (value === undefined || value === null) return null
  const origin = `--${setting.name}`
  return { value, source: 'flag', origin, where: `${origin} flag` }
}

export function fromEnvironment(setting: SettingNames, environment: Environment): RawSetting | null {
  const text = environment[setting.environment]?.trim()
  // An empty variable counts as not set: that is how compose files and service units leave one out.
  if (text === undefined || text === '') return null
  const value = setting.repeatable ? splitList(text) : text
  const origin = setting.environment
  return { value, source: 'environment', origin, where: `${origin} environment variable` }
}

export function fromFile(setting: SettingNames, file: ConfigFile): RawSetting | null {
  const value = file.values.get(setting.name)
  if (value === undefined || value === null) return null
  return { value, ...inFile(file.path) }
}

const inFile = (path: string | null): Origin => ({ source: 'file', origin: path ?? '', where: `file ${path}` })

export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** A file that was named must exist; the one at the default path may be missing. */
export function readConfigFile(named: RawSetting | null, usualPath: string, cwd: string, home: string): ConfigFile {
  if (named === null) return existsSync(usualPath) ? { path: usualPath, values: parseFile(usualPath) } : noFile
  const text = typeof named.value === 'string' ? named.value.trim() : ''
  const filePath = resolvePath(text, cwd, home)
  if (text === '' || !existsSync(filePath)) {
    throw new ConfigError({ key: '--config', ...named, accepted: 'give the path of an existing JSON file' })
  }
  return { path: filePath, values: parseFile(filePath) }
}

const noFile: ConfigFile = { path: null, values: new Map() }

function parseFile(filePath: string): Map<string, unknown> {
  const refuse = (accepted: string): never => {
    throw new ConfigError({ key: '--config', value: filePath, ...inFile(filePath), accepted })
  }
  let content: unknown
  try {
    // Editors on Windows open the file with a byte order mark, which JSON does not allow. Comments become spaces, so that the lines
    // and columns of an error are right.
    const text = readFileSync(filePath, 'utf8').replace(/^\uFEFF/, '')
    content = JSON.parse(stripJsonComments(text, { trailingCommas: true }))
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)
    return refuse(`give a readable file that contains valid JSON (${maskSecrets(reason)})`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    return refuse('give a file that contains one JSON object')
  }
  return new Map(Object.entries(content))
}

/** The file's values by flag name. A key may be in camel or kebab case, but must occur only once. */
export function nameFileKeys(file: ConfigFile, names: readonly string[]): ConfigFile {
  const values = new Map<string, unknown>()
  for (const [key, value] of file.values) {
    const name = names.find((candidate) => candidate === key || camelCase(candidate) === key)
    const problem = name === undefined ? unknownKey(key, names) : values.has(name) ? 'it is set twice' : null
    if (name === undefined || problem !== null) {
      throw new ConfigError({ key, value, ...inFile(file.path), accepted: problem ?? '' })
    }
    values.set(name, value)
  }
  return { path: file.path, values }
}

function unknownKey(key: string, names: readonly string[]): string {
  const nearest = nearestName(key, names)
  return nearest === null ? 'this key does not exist' : `this key does not exist; did you mean ${nearest}?`
}

/** An absolute path. `~` is expanded here, because no shell does it in a file or a service unit. */
export function resolvePath(text: string, cwd: string, home: string): string {
  const expanded = text === '~' || /^~[/\\]/.test(text) ? path.join(home, text.slice(1)) : text
  return path.resolve(cwd, expanded)
}

/**
 * The user's folders for this program, with the layout of the package env-paths. That package reads the process's own
 * environment, so it cannot be used with the one that a caller passes in.
 */
export function userFolders(environment: Environment): { home: string; config: string; data: string } {
  const name = 'claude-serve'
  const home = environment.HOME || homedir()
  if (process.platform === 'win32') {
    const roaming = environment.APPDATA || path.join(home, 'AppData', 'Roaming')
    const local = environment.LOCALAPPDATA || path.join(home, 'AppData', 'Local')
    return { home, config: path.join(roaming, name, 'Config'), data: path.join(local, name, 'Data') }
  }
  if (process.platform === 'darwin') {
    const library = path.join(home, 'Library')
    return {
      home,
      config: path.join(library, 'Preferences', name),
      data: path.join(library, 'Application Support', name),
    }
  }
  // The XDG specification says that relative paths in these must be ignored.
  const xdg = (value: string | undefined, usual: string) =>
    path.join(value !== undefined && path.isAbsolute(value) ? value : path.join(home, usual), name)
  return {
    home,
    config: xdg(environment.XDG_CONFIG_HOME, '.config'),
    data: xdg(environment.XDG_DATA_HOME, path.join('.local', 'share')),
  }
}
