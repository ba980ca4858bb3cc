// The command `serve`: settings, startup lines, signals and exit codes around one server.
// Not for what the server does (see server.ts).

import { styleText } from 'node:util'
import { loadConfig, processEnvironment } from '../config/load.ts'
import type { Config } from '../config/options.ts'
import { ConfigError, type Environment } from '../config/sources.ts'
import { StartupError } from '../errors.ts'
import type { ClaudeState } from '../health.ts'
import { openLogFile } from '../log/log-file.ts'
import { createLogger } from '../log/logger.ts'
import { ownCommand } from '../platform/installation.ts'
import { isLoopbackHost } from '../platform/loopback.ts'
import { maskSecrets } from '../platform/redact.ts'
import type { RunningServer } from '../server.ts'
import { type ExitCode, reasonOf } from './command.ts'
import { onStopSignals } from './stop-signals.ts'
import { oneLine } from './terminal-text.ts'

const withoutTls =
  'warning: keys and texts cross the network unencrypted; put a proxy with TLS before this server, or use an SSH tunnel'

/** Runs until the server has stopped, and returns the exit code of the process. */
export async function serve(flags: Record<string, unknown>, version: string): Promise<ExitCode> {
  const environment = processEnvironment()
  try {
    const isTerminal = process.stderr.isTTY === true
    const loaded = loadConfig({ flags, environment, cwd: process.cwd(), isTerminal })
    if (flags.printConfig === true) {
      print(flags.json === true ? sourcesAsJson(loaded.sources) : await sourcesAsTable(loaded.sources))
      return 0
    }
    if (flags.json === true) return reportWrongUsage('--json requires --print-config')
    await runServer(loaded.config, environment, version, flags.background === true)
    return 0
  } catch (error) {
    if (error instanceof ConfigError && error.isWrongUsage) return reportWrongUsage(error.message)
    return printError(error instanceof ConfigError ? error.message : startFailure(error), 1)
  }
}

async function runServer(
  config: Config,
  environment: Environment,
  version: string,
  isInBackground: boolean,
): Promise<void> {
  ignoreBrokenPipes()
  // Without a listener, Node opens its debugger on a port that any program and web page can reach.
  process.on('SIGUSR1', () => {})
  let beforeExit = () => {}
  const stopRequested = new Promise<void>((resolve) =>
    onStopSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], resolve, () => beforeExit()),
  )
  // Nobody else may write to what the CLI creates, whatever the shell that started the server allows.
  process.umask(process.umask() | 0o022)
  const { startServer } = await import('../server.ts')
  beforeExit = (await import('../claude/process/cli-process.ts')).killLive
  const file = openLogFile(config.dataDir, (text) => void printError(text, 1))
  const log = createLogger(config, environment, isInBackground ? noOutput : process.stderr, file)
  const running = await startServer(config, { environment, log })
  print(`${styleText('bold', `claude-serve ${version}`)} listening on ${styleText('cyan', running.url)}`)
  if (!isLoopbackHost(config.host)) print(withoutTls)
  if (process.stdout.isTTY === true) void showPageLink(running, config, environment)
  void running.claude.then((claude) => {
    print(claudeLine(claude, config.demo))
    if (config.demo) print(`try: ${exampleRequest(running.url)}`)
  })
  await Promise.race([stopRequested.then(() => running.close()), running.closed])
  await file.close()
}

/** Its output goes to a file that is not rotated (start/start.ts). */
const noOutput = { write: () => {} }

/** For a person at the terminal, if there are API keys. For a minute the link is as good as a key, so it is not logged. */
async function showPageLink(running: RunningServer, { open }: Config, environment: Environment): Promise<void> {
  try {
    const link = await running.pageLink()
    if (link === null) return
    // Not with print, which masks secrets.
    process.stdout.write(`open the page: ${link} (works once, within a minute)\n`)
    const { hasScreen, openInBrowser } = await import('./open/browser.ts')
    if (open && !environment.CI && hasScreen(environment)) await openInBrowser(link, environment)
  } catch (error) {
    printError(`the page could not be opened: ${reasonOf(error)}`, 1)
  }
}

/** `claude-serve | head` must not end the server: a reader that stops early is not an error. */
function ignoreBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

function claudeLine({ path, version, loggedIn, authMethod, error }: ClaudeState, isDemo: boolean): string {
  if (path === null) return `claude is not available: ${oneLine(error ?? 'it was not found')}`
  const found = version === null ? `claude at ${path}` : `claude ${version} at ${path}`
  if (isDemo) return `${found} (demo: a scripted model answers instead of Claude, and no login is used)`
  if (loggedIn === true) return `${found} (logged in: ${authMethod ?? 'unknown method'})`
  if (loggedIn === null) return `${found} (login unknown${error === null ? '' : `: ${oneLine(error)}`})`
  return `${found} (not logged in: run ${ownCommand('login')}, set ANTHROPIC_API_KEY, or try --demo)`
}

function exampleRequest(url: string): string {
  return `curl -s ${url}/v1/chat -H 'content-type: application/json' -d '{"prompt":"Say hello"}'`
}

type Sources = ReturnType<typeof loadConfig>['sources']

function sourcesAsJson(sources: Sources): string {
  const byKey = Object.fromEntries(sources.map(({ key, value, source, where }) => [key, { value, source, where }]))
  return JSON.stringify(byKey, null, 2)
}

async function sourcesAsTable(sources: Sources): Promise<string> {
  // Loaded here, because a server needs no tables.
  const { asTable } = await import('./table.ts')
  const rows = sources.map(({ key, value, where }) => [key, cell(value), where])
  return asTable([['key', 'value', 'from'], ...rows], null, (text) => text).join('\n')
}

function cell(value: unknown): string {
  const isEmpty = value === null || (Array.isArray(value) && value.length === 0)
  if (isEmpty) return '-'
  return Array.isArray(value) ? value.join(',') : String(value)
}

function startFailure(error: unknown): string {
  const cause = systemError(error)
  if (cause?.code === 'EADDRINUSE') {
    const port = cause.port === undefined ? 'the port' : `port ${cause.port}`
    return `${port} is in use by another program: stop it, or choose another port with --port (--port 0 picks a free one)`
  }
  if (cause?.code === 'EACCES' && cause.syscall === 'listen') {
    const port = cause.port === undefined ? 'this port' : `port ${cause.port}`
    return `this user is not allowed to use ${port}: choose one above 1023 with --port`
  }
  // A startup error already says what is wrong and what to do.
  if (error instanceof StartupError) return error.message
  return `could not run: ${reasonOf(error)}`
}

type SystemError = { code?: unknown; syscall?: unknown; port?: unknown }

/** The operating system's error, which may be the cause of other errors. */
function systemError(error: unknown): SystemError | null {
  let current = error
  while (current instanceof Error) {
    if ('syscall' in current) return current
    current = current.cause
  }
  return null
}

function print(text: string): void {
  process.stdout.write(`${maskSecrets(text)}\n`)
}

function reportWrongUsage(message: string): ExitCode {
  printError(message, 2)
  process.stderr.write(`see ${ownCommand('--help')}\n`)
  return 2
}

function printError(message: string, code: ExitCode): ExitCode {
  process.stderr.write(`claude-serve: ${oneLine(maskSecrets(message))}\n`)
  return code
}
