// The generated parts of docs/config.md: the table of settings, and the variables that the CLI gets. Not for the text around them.
import { childEnvironment } from '../src/claude/cli/environment.ts'
import { type ConfigOption, configFileOption, configOptions } from '../src/config/options.ts'
import type { Part } from './document-part.ts'

type Key = keyof typeof configOptions
type Value = string | number | boolean | readonly string[]

/** A value for each setting as in a configuration file; null for a setting that is not supported yet. */
export const examples: Record<Key, Value | null> = {
  host: '::1',
  port: 6000,
  allowHosts: ['box.example'],
  corsOrigins: ['http://localhost:3000'],
  open: false,
  claudeBin: '~/.local/bin/claude',
  demo: true,
  modelMap: ['gpt-4o=sonnet', 'gpt-4o-mini=haiku'],
  permissionModes: 'default,plan',
  defaultCwd: '~/projects',
  cwdRoots: ['~/projects', '~/notes'],
  dataDir: '~/claude-serve-data',
  database: null,
  warm: 2,
  maxProcesses: 8,
  keepAliveMs: '30m',
  requestTimeoutMs: '10m',
  approvalTimeoutMs: '1h',
  maxRequestTimeoutMs: '4h',
  queueLimit: 200,
  batchConcurrency: 2,
  bodyLimitBytes: '64mb',
  logLevel: 'debug',
  logFormat: 'json',
}

const code = (text: string) => `\`${text}\``
const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`

function defaultOf({ default: value, defaultText }: ConfigOption): string {
  return defaultText ?? code(String(value))
}

function optionRow(key: Key, option: ConfigOption): string {
  const { name, placeholder, environment, description, accepted, available } = option
  const example = examples[key]
  const flag = placeholder === null ? `--${name}` : `--${name} ${placeholder}`
  const file = example === null ? '' : code(`${JSON.stringify(name)}: ${JSON.stringify(example)}`)
  const what = available ? `${sentence(description)} ${sentence(accepted)}` : 'Not supported yet: leave it out.'
  return `| ${code(flag)} | ${code(environment)} | ${file} | ${defaultOf(option)} | ${what} |`
}

function settingTables(): string {
  const all = Object.entries<ConfigOption>(configOptions) as [Key, ConfigOption][]
  const groups = [...new Set(all.map(([, { group }]) => group))]
  const tables = groups.map((group) => {
    const rows = all.filter(([, option]) => option.group === group).map(([key, option]) => optionRow(key, option))
    return `### ${group}\n\n${[head, ...rows].join('\n')}`
  })
  const { name, placeholder, environment, description, defaultText } = configFileOption
  const file = `| ${code(`--${name} ${placeholder}`)} | ${code(environment)} | | ${defaultText} | ${sentence(description)} |`
  return `${tables.join('\n\n')}\n\n### The file itself\n\n${head}\n${file}`
}

const head = '| flag | variable | in the file, for example | default | meaning |\n| --- | --- | --- | --- | --- |'

/** The server's variables that the CLI gets, and their purpose. A name that ends with a star stands for all with that prefix. */
export const passedOn: readonly (readonly [what: string, names: string])[] = [
  ['home, path, folders', 'PATH HOME USER LOGNAME SHELL TMPDIR TERM XDG_*'],
  ['language and time', 'LANG LANGUAGE LC_* TZ'],
  ['the same on Windows', 'SYSTEMROOT COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA TEMP TMP PROGRAMFILES'],
  ['login', 'ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN CLAUDE_CODE_OAUTH_TOKEN CLAUDE_CONFIG_DIR'],
  ['API', 'ANTHROPIC_BASE_URL ANTHROPIC_CUSTOM_HEADERS'],
  ['models', 'ANTHROPIC_MODEL ANTHROPIC_SMALL_FAST_MODEL ANTHROPIC_DEFAULT_*'],
  ['Bedrock', 'CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_SKIP_BEDROCK_AUTH ANTHROPIC_BEDROCK_* AWS_*'],
  [
    'Vertex',
    'CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_SKIP_VERTEX_AUTH ANTHROPIC_VERTEX_* CLOUD_ML_REGION VERTEX_REGION_* GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT GCLOUD_PROJECT',
  ],
  ['Foundry', 'CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_SKIP_FOUNDRY_AUTH ANTHROPIC_FOUNDRY_*'],
  ['proxy', 'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy'],
  [
    'certificates',
    'NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR NODE_TLS_REJECT_UNAUTHORIZED CLAUDE_CODE_CLIENT_CERT CLAUDE_CODE_CLIENT_KEY CLAUDE_CODE_CLIENT_KEY_PASSPHRASE',
  ],
  ['telemetry', 'DISABLE_TELEMETRY DISABLE_ERROR_REPORTING'],
]

/** Throws if the CLI does not get one of the names. */
function passedOnTable(): string {
  const rows = passedOn.map(([what, names]) => {
    const all = names.split(' ')
    const missing = all.find((name) => childEnvironment({ [sampleOf(name)]: '/' })[sampleOf(name)] === undefined)
    if (missing !== undefined) throw new Error(`${missing} does not reach the CLI`)
    return `| ${what} | ${all.map((name) => code(name.replace('*', '…'))).join(', ')} |`
  })
  return ['| for | variables |', '| --- | --- |', ...rows].join('\n')
}

/** An example of the names that a name with a star stands for. */
export const sampleOf = (name: string): string => name.replace('*', 'X')

function fixedTable(): string {
  const rows = Object.entries(childEnvironment({})).map(([name, value]) => `| ${code(name)} | ${code(value)} |`)
  return ['| variable | value |', '| --- | --- |', ...rows].join('\n')
}

export const configParts: Part[] = [
  { file: 'docs/config.md', name: 'settings', make: settingTables },
  { file: 'docs/config.md', name: 'passed-on', make: passedOnTable },
  { file: 'docs/config.md', name: 'fixed', make: fixedTable },
]
