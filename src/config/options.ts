// Declares every setting once: its names, default, unit, help text and accepted values. All defaults are here. The
// help, `--print-config` and the documentation are generated from this table. Not for where values come from (see
// load.ts).

import { z } from 'zod'
import { resolvePath, splitList } from './sources.ts'
import {
  type BaseFolders,
  duration,
  executable,
  folder,
  hostName,
  integer,
  modelPair,
  origin,
  rootFolder,
  showDuration,
  showSize,
  size,
  switchValue,
  text,
} from './values.ts'

const permissionModeSchema = z.enum(['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions'])

export type Machine = { memoryBytes: number }

/** What a default or a check may depend on, besides the value itself. */
export type Context = BaseFolders & { dataFolder: string; isTerminal: boolean; machine: Machine }

export type ConfigOption<T = unknown> = {
  name: string
  environment: string
  group: 'Listening' | 'Claude' | 'Folders' | 'Who may call' | 'Limits' | 'Logs'
  /** The value as the help shows it, such as `<port>`; null for a switch. */
  placeholder: string | null
  description: string
  /** What to do about a value that is not accepted; ends the sentence of the error. */
  accepted: string
  repeatable: boolean
  /** False: the name is reserved, but this version accepts only the default. */
  available: boolean
  /** The default as a user would write it, or a function that computes it. */
  default: string | number | boolean | null | readonly string[] | ((context: Context) => string | number)
  /** How the help describes a default that is not a plain value. */
  defaultText: string | null
  schema: (context: Context) => z.ZodType<T>
  /** The value as a user would write it, so that `--print-config` shows what a file can contain. */
  show?(value: T): unknown
}

type Optional = 'repeatable' | 'available' | 'defaultText'

function option<T>(declared: Omit<ConfigOption<T>, Optional> & Partial<Pick<ConfigOption<T>, Optional>>) {
  return { repeatable: false, available: true, defaultText: null, ...declared }
}

const switchAccepted = 'give true, false, 1, 0, on or off'

export const configOptions = {
  host: option({
    name: 'host',
    environment: 'CLAUDE_SERVE_HOST',
    group: 'Listening',
    placeholder: '<address>',
    description: 'address to listen on; loopback only until an API key exists',
    accepted: 'give an address: 127.0.0.1, ::1 or localhost; any other requires an API key and --allow-host',
    default: '127.0.0.1',
    schema: () => z.string().transform((host) => host.toLowerCase().replace(/^\[|\]$/g, '')),
  }),
  port: option({
    name: 'port',
    environment: 'CLAUDE_SERVE_PORT',
    group: 'Listening',
    placeholder: '<port>',
    description: 'port to listen on; 0 picks a free port, which the start line shows',
    accepted: 'give an integer from 0 to 65535',
    default: 5005,
    schema: () => integer(0, 65_535),
  }),
  allowHosts: option({
    name: 'allow-host',
    environment: 'CLAUDE_SERVE_ALLOW_HOST',
    group: 'Listening',
    placeholder: '<name>',
    description: 'host name to accept in Host headers, besides localhost, 127.0.0.1 and [::1]; repeatable',
    accepted: 'give host names without scheme, port or wildcard, such as box.example',
    repeatable: true,
    default: [],
    defaultText: 'loopback names',
    schema: () => z.array(hostName),
  }),
  corsOrigins: option({
    name: 'cors-origin',
    environment: 'CLAUDE_SERVE_CORS_ORIGIN',
    group: 'Listening',
    placeholder: '<origin>',
    description: 'origin whose web pages may call the API, with an API key; repeatable',
    accepted:
      'give origins as browsers write them, such as https://app.example or http://localhost:3000; * and null cannot be allowed',
    repeatable: true,
    default: [],
    defaultText: 'none',
    schema: () => z.array(origin),
  }),
  open: option({
    name: 'open',
    environment: 'CLAUDE_SERVE_OPEN',
    group: 'Listening',
    placeholder: null,
    description:
      'open the page in a browser when started from a terminal on a desktop, if API keys exist; --no-open turns this off',
    accepted: switchAccepted,
    default: true,
    defaultText: 'on',
    schema: () => switchValue,
  }),
  claudeBin: option({
    name: 'claude-bin',
    environment: 'CLAUDE_BIN',
    group: 'Claude',
    placeholder: '<path>',
    description: 'the claude executable to use',
    accepted: 'give the path of an existing file, or the name of a command on PATH',
    default: null,
    defaultText: 'claude on PATH if new enough, otherwise the one bundled with claude-serve',
    schema: (context) => executable(context).nullable(),
  }),
  demo: option({
    name: 'demo',
    environment: 'CLAUDE_SERVE_DEMO',
    group: 'Claude',
    placeholder: null,
    description: 'run without a login: the real CLI against a scripted model inside claude-serve',
    accepted: switchAccepted,
    default: false,
    defaultText: 'off',
    schema: () => switchValue,
  }),
  modelMap: option({
    name: 'model-map',
    environment: 'CLAUDE_SERVE_MODEL_MAP',
    group: 'Claude',
    placeholder: '<name=model>',
    description: 'model name that clients send, and the model to use for it, such as gpt-4o=sonnet; repeatable',
    accepted: 'give pairs such as gpt-4o=sonnet',
    repeatable: true,
    default: [],
    defaultText: 'none',
    schema: () => z.array(modelPair).transform((pairs): Record<string, string> => Object.fromEntries(pairs)),
    show: (map) => Object.entries(map).map(([from, to]) => `${from}=${to}`),
  }),
  permissionModes: option({
    name: 'permission-modes',
    environment: 'CLAUDE_SERVE_PERMISSION_MODES',
    group: 'Who may call',
    placeholder: '<modes>',
    description: 'permission modes that a request may use; bypassPermissions is allowed only if it is listed here',
    accepted: `give a comma-separated list of ${permissionModeSchema.options.join(', ')}`,
    default: 'default,acceptEdits,plan,dontAsk',
    schema: () => permissionModes,
    show: (modes) => modes.join(','),
  }),
  defaultCwd: option({
    name: 'default-cwd',
    environment: 'CLAUDE_SERVE_DEFAULT_CWD',
    group: 'Folders',
    placeholder: '<folder>',
    description: 'folder for agent requests that do not name one',
    accepted: 'give an existing folder',
    default: (context) => context.cwd,
    defaultText: 'the folder the server was started in',
    schema: (context) => folder(context),
  }),
  cwdRoots: option({
    name: 'cwd-root',
    environment: 'CLAUDE_SERVE_CWD_ROOT',
    group: 'Folders',
    placeholder: '<folder>',
    description: 'folder that requests may use, including everything below it; repeatable',
    accepted: 'give existing folders',
    repeatable: true,
    default: null,
    defaultText: 'any folder, on loopback without keys',
    schema: (context) => z.array(rootFolder(context)).min(1).nullable(),
  }),
  dataDir: option({
    name: 'data-dir',
    environment: 'CLAUDE_SERVE_DATA_DIR',
    group: 'Folders',
    placeholder: '<folder>',
    description: 'folder for the data of claude-serve; created if missing',
    accepted: 'give the path of a folder',
    default: (context) => context.dataFolder,
    defaultText: "the user's data folder",
    schema: (context) => text.transform((value) => resolvePath(value, context.cwd, context.home)),
  }),
  database: option({
    name: 'database',
    environment: 'CLAUDE_SERVE_DATABASE',
    group: 'Folders',
    placeholder: '<url>',
    description: 'database to store runs in',
    accepted: 'give a postgres:// address',
    available: false,
    default: null,
    defaultText: 'SQLite in the data folder',
    schema: () => text.nullable(),
  }),
  warm: option({
    name: 'warm',
    environment: 'CLAUDE_SERVE_WARM',
    group: 'Limits',
    placeholder: '<count>',
    description: 'spare processes to keep ready for each recently used kind of request',
    accepted: 'give an integer from 0 to 64',
    default: 1,
    schema: () => integer(0, 64),
  }),
  maxProcesses: option({
    name: 'max-processes',
    environment: 'CLAUDE_SERVE_MAX_PROCESSES',
    group: 'Limits',
    placeholder: '<count>',
    description: 'maximum number of live claude processes',
    accepted: 'give an integer from 1 to 256',
    default: (context) => usualProcessCount(context.machine),
    defaultText: 'from memory, 2 to 64',
    schema: () => integer(1, 256),
  }),
  keepAliveMs: option({
    name: 'keep-alive',
    environment: 'CLAUDE_SERVE_KEEP_ALIVE',
    group: 'Limits',
    placeholder: '<time>',
    description: "how long to keep an idle session's process",
    accepted: 'give a time such as 500ms, 300s, 10m or 1h, from 0 to 576h (a plain number means seconds)',
    default: '10m',
    schema: () => duration(0),
    show: showDuration,
  }),
  requestTimeoutMs: option({
    name: 'request-timeout',
    environment: 'CLAUDE_SERVE_REQUEST_TIMEOUT',
    group: 'Limits',
    placeholder: '<time>',
    description: 'time limit for a whole run, unless the request sets one',
    accepted: 'give a time such as 500ms, 300s, 10m or 1h, from 1ms to 576h (a plain number means seconds)',
    default: '300s',
    schema: () => duration(1),
    show: showDuration,
  }),
  approvalTimeoutMs: option({
    name: 'approval-timeout',
    environment: 'CLAUDE_SERVE_APPROVAL_TIMEOUT',
    group: 'Limits',
    placeholder: '<time>',
    description: 'how long to wait for a person to answer an approval; then it is denied',
    accepted: 'give a time such as 500ms, 300s, 10m or 1h, from 1ms to 576h (a plain number means seconds)',
    default: '10m',
    schema: () => duration(1),
    show: showDuration,
  }),
  maxRequestTimeoutMs: option({
    name: 'max-request-timeout',
    environment: 'CLAUDE_SERVE_MAX_REQUEST_TIMEOUT',
    group: 'Limits',
    placeholder: '<time>',
    description: 'longest time limit that a request may set',
    accepted: 'give a time such as 500ms, 300s, 10m or 1h, from 1ms to 576h (a plain number means seconds)',
    default: '1h',
    schema: () => duration(1),
    show: showDuration,
  }),
  queueLimit: option({
    name: 'queue-limit',
    environment: 'CLAUDE_SERVE_QUEUE_LIMIT',
    group: 'Limits',
    placeholder: '<count>',
    description:
      'maximum number of runs of one API key, or without a key, waiting for a process; beyond it requests get 429',
    accepted: 'give an integer from 0 to 100000',
    default: 64,
    schema: () => integer(0, 100_000),
  }),
  batchConcurrency: option({
    name: 'batch-concurrency',
    environment: 'CLAUDE_SERVE_BATCH_CONCURRENCY',
    group: 'Limits',
    placeholder: '<count>',
    description: 'how many requests of batches are answered at the same time',
    accepted: 'give an integer from 1 to 64',
    default: 4,
    schema: () => integer(1, 64),
  }),
  bodyLimitBytes: option({
    name: 'body-limit',
    environment: 'CLAUDE_SERVE_BODY_LIMIT',
    group: 'Limits',
    placeholder: '<size>',
    description: 'maximum size of a request body',
    accepted: 'give a size such as 512kb or 32mb, from 1kb to 256mb (a plain number means bytes)',
    default: '32mb',
    schema: () => size,
    show: showSize,
  }),
  logLevel: option({
    name: 'log-level',
    environment: 'CLAUDE_SERVE_LOG_LEVEL',
    group: 'Logs',
    placeholder: '<level>',
    description: 'lowest level to log: fatal, error, warn, info, debug, trace or silent',
    accepted: 'give fatal, error, warn, info, debug, trace or silent',
    default: 'info',
    schema: () => z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
  logFormat: option({
    name: 'log-format',
    environment: 'CLAUDE_SERVE_LOG_FORMAT',
    group: 'Logs',
    placeholder: '<format>',
    description: 'format of log lines: pretty or json',
    accepted: 'give pretty or json',
    default: (context) => (context.isTerminal ? 'pretty' : 'json'),
    defaultText: 'pretty on a terminal, json elsewhere',
    schema: () => z.enum(['pretty', 'json']),
  }),
}

export type Config = {
  -readonly [Key in keyof typeof configOptions]: z.output<ReturnType<(typeof configOptions)[Key]['schema']>>
}

/** Not part of the table, because a configuration file cannot name another one. */
export const configFileOption = {
  name: 'config',
  environment: 'CLAUDE_SERVE_CONFIG',
  placeholder: '<file>',
  description: 'JSON file with these settings; its keys are the flag names without the leading dashes',
  defaultText: "claude-serve/config.json in the user's config folder",
  repeatable: false,
}

const mebibyte = 1024 * 1024

/** A process has about 115 MB of its own: half of the memory, at most. Runs wait for a model most of their time, and need no core. */
function usualProcessCount({ memoryBytes }: Machine): number {
  return Math.min(64, Math.max(2, Math.floor(memoryBytes / (256 * mebibyte))))
}

const permissionModes = z
  .union([z.string().transform(splitList), z.array(z.string())])
  .pipe(z.array(permissionModeSchema).min(1))
  .transform((modes) => [...new Set(modes)])
