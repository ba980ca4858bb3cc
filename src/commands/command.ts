// What the commands have in common: how they fail, what they print where, and the options by which they find their server. Not for
// what any of them does.
import type { Command } from 'commander'
import { loadConfig, processEnvironment } from '../config/load.ts'
import { configFileOption, configOptions } from '../config/options.ts'
import { ConfigError } from '../config/sources.ts'
import { AppError, StartupError } from '../errors.ts'
import { maskSecrets } from '../platform/redact.ts'
import { inert } from './terminal-text.ts'

/** 0: done. 1: failed. 2: wrong usage. */
export type ExitCode = 0 | 1 | 2

export type SetExitCode = (code: ExitCode) => void

/** What was typed cannot be meant; the message says what to give. */
export class UsageError extends Error {}

/** What a command could not do; the message says why, and what to do about it. */
export class CommandError extends Error {}

/** The folder of the server that a command is about. */
export type LocationFlags = { dataDir?: string; config?: string; json?: boolean }

const known = [UsageError, CommandError, ConfigError, StartupError, AppError]

/**
 * Does it, and gives the exit code: 1 where `act` says so or fails in a way that a user can mend, which is then told in one line on
 * stderr; 2 for wrong usage. `words` are for the hint at help.
 */
export async function answer(words: string, act: () => Promise<unknown>): Promise<ExitCode> {
  try {
    return (await act()) === 1 ? 1 : 0
  } catch (error) {
    if (!known.some((each) => error instanceof each) || !(error instanceof Error)) throw error
    note(error.message)
    if (!(error instanceof UsageError || (error instanceof ConfigError && error.isWrongUsage))) return 1
    process.stderr.write(`see claude-serve ${words} --help\n`)
    return 2
  }
}

/** A result: to stdout, for people and for pipes. */
export function print(text: string): void {
  // Nobody reads on, as with `| head`: that is all.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})
  process.stdout.write(`${text}\n`)
}

/** For scripts. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** What is said beside the result: to stderr. */
export function note(text: string): void {
  process.stderr.write(`claude-serve: ${inert(maskSecrets(text))}\n`)
}

/** The options by which a command finds the data folder. */
export function addLocationOptions(command: Command): Command {
  const { dataDir } = configOptions
  const file = configFileOption
  return command
    .option(`--${dataDir.name} ${dataDir.placeholder}`, `${dataDir.description} (${dataDir.environment})`)
    .option(`--${file.name} ${file.placeholder}`, `${file.description} (${file.environment})`)
    .option('--json', 'print JSON')
}

/** The settings as a server in this place would have them. Throws ConfigError. */
export function settingsFor({ dataDir, config }: LocationFlags, more: Record<string, unknown> = {}) {
  const flags = { dataDir, config, ...more }
  return loadConfig({ flags, environment: processEnvironment(), cwd: process.cwd(), isTerminal: false }).config
}
