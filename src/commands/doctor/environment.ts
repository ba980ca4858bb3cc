// The environment variables that change what claude does, or whether our own commands reach the server: one table. Values that may be
// secret are not shown.
import { existsSync } from 'node:fs'
import type { Environment } from '../../config/sources.ts'
import { maskSecrets } from '../../platform/redact.ts'
import { type DoctorContext, type Finding, ok, type State } from './finding.ts'
import { hasOwnLogin } from './own-login.ts'

const check = 'environment'

type Rule = {
  names: readonly string[]
  state: State
  /** Null if this value has no effect. */
  describe(value: string, environment: Environment): string | null
  /** The effect, and no reason to worry, if the variable belongs to the only login that there is. */
  withoutLogin?(value: string): string
}

const always = (text: string) => () => text

/** Without the credentials that an address may contain. */
const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : 'an invalid address')

const isSet = (value: string) => !/^(|0|false|off)$/i.test(value)

const rules: readonly Rule[] = [
  {
    names: ['ANTHROPIC_API_KEY'],
    state: 'warning',
    describe: always('is set: claude uses and bills this key, regardless of the subscription it is logged in to'),
    withoutLogin: always('is set: claude uses and bills this key'),
  },
  {
    names: ['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    state: 'ok',
    describe: always('is set: claude uses this token in preference to its own login'),
  },
  {
    names: ['ANTHROPIC_BASE_URL'],
    state: 'warning',
    describe: (value) => `is set: requests go to ${hostOf(value)}, with your login`,
    withoutLogin: (value) => `is set: requests go to ${hostOf(value)}, with the login that is set for it`,
  },
  {
    names: ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'],
    state: 'ok',
    describe: (value) => (isSet(value) ? "is set: claude uses this provider's models and login" : null),
  },
  {
    names: ['CLAUDE_CONFIG_DIR'],
    state: 'ok',
    describe: (value) => `is set: claude stores its login, settings and conversations in ${value}`,
  },
  {
    names: ['CLAUDECODE'],
    state: 'warning',
    describe: always('is set: this shell runs inside Claude Code; a server started here may end with it'),
  },
  {
    names: ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'],
    state: 'ok',
    describe: (value) => `is set: claude connects through ${hostOf(value)}`,
  },
  {
    names: ['NODE_USE_ENV_PROXY'],
    state: 'warning',
    describe: (value, environment) => (isSet(value) && !bypassesLoopback(environment) ? throughProxy : null),
  },
  {
    names: ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
    state: 'problem',
    describe: (value) =>
      existsSync(value) ? null : `names ${value}, which does not exist: claude may not trust your proxy`,
  },
  {
    names: ['NODE_TLS_REJECT_UNAUTHORIZED'],
    state: 'problem',
    describe: (value) => (value === '0' ? 'is 0: claude trusts any server that claims to be the API' : null),
  },
]

const throughProxy = 'is set: commands use the proxy to reach the server unless NO_PROXY lists 127.0.0.1 and localhost'

function bypassesLoopback({ NO_PROXY, no_proxy }: Environment): boolean {
  const hosts = (NO_PROXY ?? no_proxy ?? '').split(/[\s,]+/)
  return hosts.includes('*') || ['127.0.0.1', 'localhost'].every((name) => hosts.includes(name))
}

const fixes: Partial<Record<string, string>> = {
  NODE_USE_ENV_PROXY: 'export NO_PROXY=127.0.0.1,localhost',
  CLAUDECODE: 'start it in another terminal',
}

export async function examineEnvironment(context: DoctorContext): Promise<Finding[]> {
  const named = rules.flatMap((rule) => rule.names.map((name) => ({ ...rule, name })))
  const findings = await Promise.all(named.map((rule) => examineOne(rule, context)))
  const found = findings.filter((finding) => finding !== null)
  return found.length > 0 ? found : [ok(check, 'no variable interferes')]
}

async function examineOne(
  { name, state, describe, withoutLogin }: Rule & { name: string },
  context: DoctorContext,
): Promise<Finding | null> {
  const value = context.environment[name]
  const effect = value === undefined || value === '' ? null : describe(value, context.environment)
  if (effect === null) return null
  if (withoutLogin !== undefined && !(await hasOwnLogin(context)))
    return ok(check, `${name} ${withoutLogin(value ?? '')}`)
  const fix = state === 'ok' ? null : (fixes[name] ?? `unset ${name}`)
  return { check, state, message: maskSecrets(`${name} ${effect}`), fix }
}
