// Which variables of the server's environment a CLI process gets: an explicit list, and nothing else. The CLI passes
// its whole environment on to the commands it runs, so a variable that is not on the list cannot leak into them.
import { delimiter } from 'node:path'
import { isWithin } from '../../platform/allowed-folders.ts'
import type { Environment } from '../sessions/config-folder.ts'
import { pathComponents } from './path-components.ts'

/** What any program needs: home, path, language, folders. */
const basic = [
  'PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'TERM',
  'SYSTEMROOT', 'COMSPEC', 'PATHEXT', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'TEMP', 'TMP', 'PROGRAMFILES',
] // biome-ignore format: a list reads better in lines than in a column

/** The CLI's own settings for provider, login, proxy and certificates, passed on if the operator set them. */
const provider = [
  'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_CUSTOM_HEADERS', 'ANTHROPIC_MODEL',
  'ANTHROPIC_SMALL_FAST_MODEL', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CONFIG_DIR',
  'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY',
  'CLAUDE_CODE_SKIP_BEDROCK_AUTH', 'CLAUDE_CODE_SKIP_VERTEX_AUTH', 'CLAUDE_CODE_SKIP_FOUNDRY_AUTH',
  'CLOUD_ML_REGION', 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT',
  'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC', 'DISABLE_TELEMETRY', 'DISABLE_ERROR_REPORTING',
  'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'all_proxy',
  'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_TLS_REJECT_UNAUTHORIZED',
  'CLAUDE_CODE_CLIENT_CERT', 'CLAUDE_CODE_CLIENT_KEY', 'CLAUDE_CODE_CLIENT_KEY_PASSPHRASE',
] // biome-ignore format: see above

/** Families of variables: locale and desktop folders, cloud credentials, per-tier model names. */
const families = [
  /^LC_[A-Z]+$/,
  /^XDG_[A-Z_]+$/,
  /^AWS_[A-Z0-9_]+$/,
  /^ANTHROPIC_(BEDROCK|VERTEX|FOUNDRY|DEFAULT)_[A-Z0-9_]+$/,
  /^VERTEX_REGION_[A-Z0-9_]+$/,
]

const allowed = new Set([...basic, ...provider])

/**
 * Keeps only the absolute folders of a search path: a relative one would find another program in each working
 * directory.
 */
function absoluteEntries(searchPath: string): string {
  const separator = process.platform === 'win32' ? ';' : ':'
  const isAbsolute = (entry: string) => entry.startsWith('/') || /^[A-Za-z]:[\\/]/.test(entry)
  return searchPath.split(separator).filter(isAbsolute).join(separator)
}

/**
 * The environment without the entries of its search path that are inside folders where agents work, compared by their
 * real paths: a program that an agent writes there must not be found before the system's own.
 */
export function withPathOutside(environment: Environment, roots: readonly string[]): Environment {
  const { PATH } = environment
  if (PATH === undefined || roots.length === 0) return environment
  const isOutside = (entry: string) =>
    !roots.some((root) => pathComponents(entry).some((component) => isWithin(component, root)))
  return { ...environment, PATH: PATH.split(delimiter).filter(isOutside).join(delimiter) }
}

/**
 * Variables that the server sets whatever the operator's environment holds. Few retries by the CLI let callers get
 * errors in time.
 */
const fixed: Record<string, string> = {
  CLAUDE_CODE_MAX_RETRIES: '2',
  CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_AGENT_SDK_CLIENT_APP: 'claude-serve',
}

/**
 * The environment of a CLI process: the listed variables of the server, the fixed ones, and those that this process
 * needs (`more`).
 */
export function childEnvironment(
  server: Environment,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const child: Record<string, string> = {}
  for (const [name, value] of Object.entries(server)) {
    if (value === undefined) continue
    if (allowed.has(name) || allowed.has(name.toUpperCase()) || families.some((family) => family.test(name))) {
      child[name] = name.toUpperCase() === 'PATH' ? absoluteEntries(value) : value
    }
  }
  return { ...child, ...fixed, ...more }
}

/** The variable that identifies a process, and everything it started, as this program's. */
export const markerName = 'CLAUDE_SERVE_WORKER'
