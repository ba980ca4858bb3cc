// Variables of an operator's environment for tests: those that no CLI process may see and some that it must get; and the names that a
// process has in the end.

const canary = 'canary-of-a-variable-5d3e'

/** They load code, change what the CLI does, or are secrets of other programs. All values contain the same word, to find them again. */
export const foreignVariables: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...['NODE_OPTIONS', 'NODE_PATH', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'DYLD_INSERT_LIBRARIES', 'BUN_OPTIONS'],
    ...['BASH_ENV', 'ENV', 'PROMPT_COMMAND', 'PYTHONPATH', 'PERL5OPT', 'GIT_SSH_COMMAND', 'GIT_CONFIG_GLOBAL'],
    ...['CLAUDECODE', 'CLAUDE_CODE_SSE_PORT', 'CLAUDE_CODE_EXTRA_BODY', 'CLAUDE_CODE_SIMPLE', 'IS_SANDBOX', 'DEBUG'],
    ...['CLAUDE_SERVE_API_KEY', 'CLAUDE_SERVE_KEYS', 'CLAUDE_SERVE_DATABASE', 'CLAUDE_SERVE_WORKER'],
    ...['GITHUB_TOKEN', 'OPENAI_API_KEY', 'ANTHROPIC_ADMIN_KEY', 'DATABASE_URL', 'PGPASSWORD', 'SSH_AUTH_SOCK'],
    ...['npm_config_registry', 'PWD', 'OLDPWD', 'DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'canary'],
  ].map((name) => [name, `/${canary}/${name}`]),
)

/** Harmless variables that are on the list. */
export const passedVariables = { USER: 'somebody', SHELL: '/bin/sh', TZ: 'UTC', LC_TIME: 'C', NO_PROXY: '127.0.0.1' }

export const holdsForeign = (text: string) => text.includes(canary)

/** What the server sets for every process, and what the Agent SDK adds. */
const setForAll = [
  ...['CLAUDE_CODE_MAX_RETRIES', 'CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK', 'DISABLE_AUTOUPDATER'],
  ...['CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC', 'CLAUDE_AGENT_SDK_CLIENT_APP', 'CLAUDE_SERVE_WORKER'],
  ...['CLAUDE_AGENT_SDK_VERSION', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SDK_READS_SESSION_STATE'],
  // Off, unless the operator sets it: a crash must not be reported to anybody.
  'BUN_ENABLE_CRASH_REPORTING',
]
const setForPlain = [
  ...['CLAUDE_CODE_DISABLE_ATTACHMENTS', 'CLAUDE_AGENT_SDK_MCP_NO_PREFIX', 'ENABLE_TOOL_SEARCH'],
  ...['CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH', 'DISABLE_COMPACT', 'CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE'],
]
const setForAgents = ['CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS', 'CLAUDE_CODE_DISABLE_CRON']
/** See testEnvironment. */
const setByOperator = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY']

/** The complete list, sorted. */
export const namesInChild = (isPlain: boolean, passed: readonly string[] = Object.keys(passedVariables)): string[] =>
  [...setForAll, ...(isPlain ? setForPlain : setForAgents), ...setByOperator, ...passed].sort()
