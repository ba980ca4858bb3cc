// Which part of the server's environment a CLI process sees: the listed variables and nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childEnvironment, markerName } from '../../../src/claude/cli/environment.ts'
import { configFolder } from '../../../src/claude/sessions/config-folder.ts'

const setByServer = {
  CLAUDE_CODE_MAX_RETRIES: '2',
  CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_AGENT_SDK_CLIENT_APP: 'claude-serve',
}

test('an empty environment yields what the server itself sets, and the marker only if one is passed', () => {
  assert.deepEqual(childEnvironment({}), setByServer)
  assert.deepEqual(childEnvironment({}, { [markerName]: 'm.1' }), { ...setByServer, [markerName]: 'm.1' })
})

const passed = [
  'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'TERM', 'LC_ALL', 'LC_CTYPE', 'XDG_CONFIG_HOME',
  'SYSTEMROOT', 'COMSPEC', 'PATHEXT', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'TEMP', 'TMP',
  'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_CUSTOM_HEADERS', 'ANTHROPIC_MODEL',
  'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CONFIG_DIR', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX',
  'AWS_REGION', 'AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_BEARER_TOKEN_BEDROCK', 'CLOUD_ML_REGION',
  'ANTHROPIC_VERTEX_PROJECT_ID', 'ANTHROPIC_BEDROCK_BASE_URL', 'ANTHROPIC_DEFAULT_SONNET_MODEL',
  'VERTEX_REGION_CLAUDE_4_0_SONNET', 'GOOGLE_APPLICATION_CREDENTIALS',
  'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE',
  'CLAUDE_CODE_CLIENT_CERT', 'CLAUDE_CODE_CLIENT_KEY',
] // biome-ignore format: a list reads better in lines than in a column
for (const name of passed) {
  test(`${name} is passed on`, () => {
    assert.equal(childEnvironment({ [name]: 'value' })[name], 'value')
  })
}

const withheld = [
  // These would change how a process runs, or load code into it.
  'NODE_OPTIONS', 'NODE_PATH', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'DYLD_INSERT_LIBRARIES', 'BASH_ENV', 'ENV', 'PYTHONPATH',
  'PERL5OPT', 'GIT_SSH_COMMAND', 'BUN_OPTIONS', 'IFS', 'BASH_FUNC_x%%', 'PROMPT_COMMAND',
  // These would make the CLI think that it runs inside another one, or change what it does.
  'CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT', 'CLAUDE_CODE_EXTRA_BODY', 'IS_SANDBOX',
  'CLAUDE_CODE_ATTRIBUTION_HEADER', 'CLAUDE_CODE_SIMPLE', 'ANTHROPIC_LOG', 'DEBUG', 'MAX_THINKING_TOKENS',
  // These belong to other programs.
  'GITHUB_TOKEN', 'GH_TOKEN', 'OPENAI_API_KEY', 'DATABASE_URL', 'PGPASSWORD', 'SSH_AUTH_SOCK', 'NPM_TOKEN', 'SECRET',
  'CLAUDE_SERVE_API_KEY', 'CLAUDE_SERVE_KEYS', 'CLAUDE_SERVE_DATABASE', 'ANTHROPIC_ADMIN_KEY', 'AWSOME', 'XDG', 'LC_',
  'MY_HTTP_PROXY', 'PATH_INFO', '__proto__x', 'npm_config_registry', 'PWD', 'OLDPWD', 'DISPLAY', 'MAIL',
] // biome-ignore format: see above
for (const name of withheld) {
  test(`${name} is withheld`, () => {
    assert.deepEqual(childEnvironment({ [name]: 'value' }), setByServer)
  })
}

test("the server's variables override the operator's", () => {
  const operator = Object.fromEntries(Object.keys(setByServer).map((name) => [name, 'operator']))
  assert.deepEqual(childEnvironment({ ...operator, [markerName]: 'stolen' }), setByServer)
  assert.equal(childEnvironment({ [markerName]: 'stolen' }, { [markerName]: 'm.1' })[markerName], 'm.1')
})

test('an unset variable is not passed on as an empty value', () => {
  assert.deepEqual(childEnvironment({ HOME: undefined, LANG: '' }), { ...setByServer, LANG: '' })
})

const paths: [searchPath: string, expected: string][] = [
  ['/usr/bin:/bin', '/usr/bin:/bin'],
  ['/usr/bin:node_modules/.bin:/bin', '/usr/bin:/bin'],
  ['.:/bin', '/bin'],
  [':/bin', '/bin'],
  ['/bin:', '/bin'],
  ['/bin::/usr/bin', '/bin:/usr/bin'],
  ['./a:../b:~/bin', ''],
]
for (const [searchPath, expected] of paths) {
  test(`only the absolute folders of the search path ${JSON.stringify(searchPath)} remain`, {
    skip: process.platform === 'win32',
  }, () => {
    assert.equal(childEnvironment({ PATH: searchPath }).PATH, expected)
  })
}

const folders: [environment: Record<string, string>, expected: string][] = [
  [{ HOME: '/home/a' }, '/home/a/.claude'],
  [{ USERPROFILE: 'C:\\Users\\a' }, 'C:\\Users\\a/.claude'],
  [{ HOME: '/home/a', CLAUDE_CONFIG_DIR: '/etc/claude' }, '/etc/claude'],
  [{ HOME: '/home/a', CLAUDE_CONFIG_DIR: '' }, '/home/a/.claude'],
]
for (const [environment, expected] of folders) {
  test(`with ${JSON.stringify(environment)} the CLI's folder is ${expected}`, () => {
    assert.equal(configFolder(environment), expected)
  })
}
