// What a service is started with: the node executable, our own file, the flags, and the search path. It contains no secret.
import { realpathSync } from 'node:fs'
import { delimiter, isAbsolute } from 'node:path'
import type { Command } from 'commander'
import { childEnvironment } from '../../claude/cli/environment.ts'
import { loadConfig, processEnvironment } from '../../config/load.ts'
import { type ConfigOption, configFileOption, configOptions } from '../../config/options.ts'
import { camelCase, type Environment, resolvePath, userFolders } from '../../config/sources.ts'
import { maskSecrets } from '../../platform/redact.ts'
import { note, UsageError } from '../command.ts'

export type Plan = {
  node: string
  cli: string
  /** For `serve`; every path in them is absolute. */
  flags: readonly string[]
  searchPath: string
  home: string
  /** The data folder of a server with these flags. */
  dataDir: string
}

/** Throws UsageError and ConfigError: a service must not contain flags that the server would refuse. */
export function makePlan(words: readonly string[], program: Command): Plan {
  const environment = processEnvironment()
  const { home } = userFolders(environment)
  const values = readFlags(words, program)
  const { config } = loadConfig({
    flags: values,
    environment: ownFolders(environment),
    cwd: process.cwd(),
    isTerminal: false,
  })
  const cli = realpathSync(process.argv[1] ?? '')
  if (cli.includes('/_npx/'))
    note('npx installs this program only temporarily: run npm install -g claude-serve, then install the service')
  const flags = toWords(values, home)
  return { node: process.execPath, cli, flags, searchPath: searchPathOf(environment), home, dataDir: config.dataDir }
}

/** The variables of this shell that the service sees too. */
const ownFolders = ({ HOME, XDG_CONFIG_HOME, XDG_DATA_HOME }: Environment): Environment => ({
  HOME,
  XDG_CONFIG_HOME,
  XDG_DATA_HOME,
})

function readFlags(words: readonly string[], program: Command): Record<string, unknown> {
  const serve = program.commands.find((command) => command.name() === 'serve')
  if (serve === undefined) throw new Error('the command serve does not exist')
  const { operands, unknown } = serve.parseOptions([...words])
  const [unexpected] = [...unknown, ...operands]
  if (unexpected !== undefined)
    throw new UsageError(`${JSON.stringify(unexpected)} is not a flag of claude-serve serve`)
  const { printConfig, json, ...values } = serve.opts()
  if (printConfig !== undefined || json !== undefined)
    throw new UsageError('--print-config and --json are not supported in a service')
  if (maskSecrets(words.join(' ')) === words.join(' ')) return values
  throw new UsageError(
    'a flag contains a secret, but the flags of a service are readable by anyone: put it into the configuration file',
  )
}

type Named = Pick<ConfigOption, 'name' | 'placeholder'>

/** The flags again, in the order of help. A service does not start in the current folder, so paths must be absolute. */
function toWords(values: Record<string, unknown>, home: string): string[] {
  const declared: readonly Named[] = [...Object.values<ConfigOption>(configOptions), configFileOption]
  return declared.flatMap((option) => {
    const value = values[camelCase(option.name)]
    if (value === undefined) return []
    if (typeof value === 'boolean') return [value ? `--${option.name}` : `--no-${option.name}`]
    const all = Array.isArray(value) ? value : [value]
    return all.flatMap((each) => [`--${option.name}`, toAbsolute(option, String(each), home)])
  })
}

function toAbsolute({ placeholder }: Named, value: string, home: string): string {
  const isFolder = placeholder === '<folder>' || placeholder === '<file>'
  // A program can be named without a path.
  const isPath = isFolder || (placeholder === '<path>' && value.includes('/'))
  return isPath ? resolvePath(value, process.cwd(), home) : value
}

const systemFolders = ['/usr/local/bin', '/usr/bin', '/bin']

/** This shell's search path, so that the service finds the same claude and tools; without the folders that npm adds temporarily. */
function searchPathOf({ PATH = '' }: Environment): string {
  const isLasting = (entry: string) =>
    isAbsolute(entry) && !/\/node_modules\/\.bin\/?$|\/node-gyp-bin\/?$|\p{Cc}/u.test(entry)
  return [...new Set([...PATH.split(delimiter).filter(isLasting), ...systemFolders])].join(delimiter)
}

const forCli = /^(ANTHROPIC|CLAUDE|AWS|GOOGLE|GCLOUD|CLOUD_ML|VERTEX)_|_proxy$|^(SSL_CERT|NODE_EXTRA_CA_CERTS)/i

/** The names of variables that would affect a server started from this shell, but that a service does not see. */
export function hiddenVariables(environment: Environment): string[] {
  const settings = Object.values<ConfigOption>(configOptions).map((option) => option.environment)
  const isSetting = (name: string) => [...settings, configFileOption.environment].includes(name)
  const isPassedOn = (name: string) => forCli.test(name) && childEnvironment({ [name]: '?' })[name] === '?'
  return Object.keys(environment).filter((name) => environment[name] && (isSetting(name) || isPassedOn(name)))
}
