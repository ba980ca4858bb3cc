// Merges flags, the environment, the configuration file and the defaults into one Config. Only this file and sources.ts
// may read the process's environment.
import { totalmem } from 'node:os'
import path from 'node:path'
import {
  type Config,
  type ConfigOption,
  type Context,
  configFileOption,
  configOptions,
  type Machine,
} from './options.ts'
import {
  ConfigError,
  type Environment,
  fromEnvironment,
  fromFile,
  fromFlags,
  nameFileKeys,
  type RawSetting,
  readConfigFile,
  resolvePath,
  userFolders,
} from './sources.ts'
import { showDuration } from './values.ts'

type ConfigSource = RawSetting & { key: string }
export type LoadedConfig = { config: Config; sources: ConfigSource[] }

export type ConfigInput = {
  flags: Record<string, unknown>
  environment: Environment
  cwd: string
  isTerminal: boolean
  machine?: Machine
}

/** A copy, so that the process's own environment is never changed by accident. */
export function processEnvironment(): Environment {
  return { ...process.env }
}

/** Flags override the environment, which overrides the file, which overrides the defaults. Throws ConfigError. */
export function loadConfig(input: ConfigInput): LoadedConfig {
  return readSettings(input, (problem) => {
    throw problem
  })
}

/** Everything that `loadConfig` would refuse. An unreadable file, or an unknown key in it, hides what else is wrong. */
export function findConfigProblems(input: ConfigInput): ConfigError[] {
  const problems: ConfigError[] = []
  try {
    readSettings(input, (problem) => problems.push(problem))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    problems.push(error)
  }
  return problems
}

/** The path of the configuration file, whether or not it exists, and what names it. */
export function configFilePath({ flags, environment, cwd }: Omit<ConfigInput, 'isTerminal'>): RawSetting {
  const folders = userFolders(environment)
  const named = fromFlags(configFileOption, flags) ?? fromEnvironment(configFileOption, environment)
  if (named === null) return { ...byDefault, value: path.join(folders.config, 'config.json') }
  return { ...named, value: resolvePath(String(named.value).trim(), cwd, folders.home) }
}

function readSettings(input: ConfigInput, report: (problem: ConfigError) => void): LoadedConfig {
  const { flags, environment, cwd, isTerminal, machine = thisMachine() } = input
  const folders = userFolders(environment)
  const context: Context = { cwd, home: folders.home, dataFolder: folders.data, isTerminal, machine }
  const options = Object.entries<ConfigOption>(configOptions)

  const named = fromFlags(configFileOption, flags) ?? fromEnvironment(configFileOption, environment)
  const found = readConfigFile(named, path.join(folders.config, 'config.json'), cwd, folders.home)
  const names = options.map(([, { name }]) => name)
  const file = nameFileKeys(found, names)

  const sources: ConfigSource[] = [{ key: 'config', ...byDefault, ...named, value: file.path }]
  const values: Record<string, unknown> = {}
  let isComplete = true
  for (const [key, declared] of options) {
    const raw =
      fromFlags(declared, flags) ??
      fromEnvironment(declared, environment) ??
      fromFile(declared, file) ??
      defaultSetting(declared, context)
    try {
      const value = readSetting(declared, raw, context)
      values[key] = value
      sources.push({ ...raw, key: declared.name, value: declared.show?.(value) ?? value })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      isComplete = false
      report(error)
    }
  }
  const config = values as Config // Each value was parsed by its own schema, and Config is derived from the schemas.
  if (isComplete) refuseCrossedTimeouts(config, sources)
  return { config, sources }
}

function defaultSetting(declared: ConfigOption, context: Context): RawSetting {
  const value = typeof declared.default === 'function' ? declared.default(context) : declared.default
  return { value, ...byDefault }
}

const byDefault = { source: 'default', origin: 'default', where: 'default' } as const

function readSetting(declared: ConfigOption, raw: RawSetting, context: Context): unknown {
  const refuse = (value: unknown, accepted: string) =>
    new ConfigError({ ...raw, key: `--${declared.name}`, value, accepted })
  const result = declared.schema(context).safeParse(raw.value)
  if (!declared.available && raw.source !== 'default') {
    // Better than accepting a value that has no effect.
    const isDefault = JSON.stringify(raw.value) === JSON.stringify(declared.default)
    if (!isDefault) throw refuse(raw.value, 'this version does not support this setting yet: leave it out')
  }
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const index = issue?.path[0]
  const value = Array.isArray(raw.value) && typeof index === 'number' ? raw.value[index] : raw.value
  throw refuse(value, issue?.code === 'custom' ? issue.message : declared.accepted)
}

function refuseCrossedTimeouts(config: Config, sources: ConfigSource[]): void {
  if (config.requestTimeoutMs <= config.maxRequestTimeoutMs) return
  const sourceOf = (key: string) => sources.find((source) => source.key === key && source.source !== 'default')
  // Blame the value that the user set, not the default that it conflicts with.
  const timeout = sourceOf('request-timeout')
  const longest = sourceOf('max-request-timeout')
  const blamed = timeout ?? longest
  if (blamed === undefined) return
  const accepted =
    blamed === timeout
      ? `set at most the value of --max-request-timeout, ${showDuration(config.maxRequestTimeoutMs)}`
      : `set at least the value of --request-timeout, ${showDuration(config.requestTimeoutMs)}`
  throw new ConfigError({ ...blamed, key: `--${blamed.key}`, accepted })
}

function thisMachine(): Machine {
  // In a container the kernel's limit counts, not the machine's memory.
  const limit = process.constrainedMemory()
  return { memoryBytes: limit > 0 ? Math.min(limit, totalmem()) : totalmem() }
}
