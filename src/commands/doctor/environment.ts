// The variables of the environment that change what claude does, or whether our own commands reach the server: one table. Values that
// may be secret are not shown.
import { existsSync } from 'node:fs'
import type { Environment } from '../../config/sources.ts'
import { maskSecrets } from '../../platform/redact.ts'
import { type DoctorContext, type Finding, ok, type State } from './finding.ts'

const check = 'environment'

type Rule = {
  names: readonly string[]
  state: State
  /** Null where this value is no matter. */
  say(value: string, environment: Environment): string | null
}

const always = (text: string) => () => text

const without = (url: string) => (URL.canParse(url) ? new URL(url).host : 'an address that is none')

const isSet = (value: string) => !/^(|0|false|off)$/i.test(value)

const rules: readonly Rule[] = [
  {
    names: ['ANTHROPIC_API_KEY'],
    state: 'warning',
    say: always('is set: claude uses this key, and bills it, whatever subscription it is logged in to'),
  },
  {
    names: ['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    state: 'ok',
    say: always('is set: claude uses this token before its own login'),
  },
  {
    names: ['ANTHROPIC_BASE_URL'],
    state: 'warning',
    say: (value) => `is set: requests go to ${without(value)}, with your login`,
  },
  {
    names: ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
    state: 'ok',
    say: (value) => (isSet(value) ? "is set: claude uses that provider's models and login" : null),
  },
  {
    names: ['CLAUDE_CONFIG_DIR'],
    state: 'ok',
    say: (value) => `is set: claude keeps its login, settings and conversations in ${value}`,
  },
  {
    names: ['CLAUDECODE'],
    state: 'warning',
    say: always('is set: this is inside of Claude Code; a server that is started here may end with it'),
  },
  {
    names: ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'],
    state: 'ok',
    say: (value) => `is set: claude goes through ${without(value)}`,
  },
  {
    names: ['NODE_USE_ENV_PROXY'],
    state: 'warning',
    say: (value, environment) => (isSet(value) && !sparesLoopback(environment) ? throughProxy : null),
  },
  {
    names: ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
    state: 'problem',
    say: (value) => (existsSync(value) ? null : `names ${value}, which is not there: claude may not trust your proxy`),
  },
  {
    names: ['NODE_TLS_REJECT_UNAUTHORIZED'],
    state: 'problem',
    say: (value) => (value === '0' ? 'is 0: claude talks to whoever says that they are the API' : null),
  },
]

const throughProxy = 'is set: commands reach the server through the proxy unless NO_PROXY has 127.0.0.1 and localhost'

function sparesLoopback({ NO_PROXY, no_proxy }: Environment): boolean {
  const spared = (NO_PROXY ?? no_proxy ?? '').split(/[\s,]+/)
  return spared.includes('*') || ['127.0.0.1', 'localhost'].every((name) => spared.includes(name))
}

const howToMend: Partial<Record<string, string>> = {
  NODE_USE_ENV_PROXY: 'export NO_PROXY=127.0.0.1,localhost',
}

export async function examineEnvironment({ environment }: DoctorContext): Promise<Finding[]> {
  const findings = rules.flatMap(({ names, state, say }) =>
    names.flatMap((name) => {
      const value = environment[name]
      const said = value === undefined || value === '' ? null : say(value, environment)
      if (said === null) return []
      const fix = state === 'ok' ? null : (howToMend[name] ?? `unset ${name}`)
      return [{ check, state, message: maskSecrets(`${name} ${said}`), fix }]
    }),
  )
  return findings.length > 0 ? findings : [ok(check, 'no variable gets in the way')]
}
