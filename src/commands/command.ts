// What all commands share: exit codes and errors, where output goes, and the options that locate the data folder. Not for what any
// command does.
import type { Command } from 'commander'
import { loadConfig, processEnvironment } from '../config/load.ts'
import { configFileOption, configOptions } from '../config/options.ts'
import { ConfigError } from '../config/sources.ts'
import { AppError, StartupError } from '../errors.ts'
import { ownCommand } from '../platform/installation.ts'
import { maskSecrets } from '../platform/redact.ts'
import { watchOutput } from './output.ts'
import { inert } from './terminal-text.ts'

/** 0: success. 1: failure. 2: wrong usage. */
export type ExitCode = 0 | 1 | 2

export type SetExitCode = (code: ExitCode) => void

/** The command line is invalid; the message says what to pass instead. */
export class UsageError extends Error {}

/** The command failed; the message says why, and what to do about it. */
export class CommandError extends Error {}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** An option whose value is not accepted; `accepted` says what to give instead. */
export const notAccepted = (option: string, value: unknown, accepted: string): UsageError =>
  new UsageError(`${option}: ${JSON.stringify(value)} is not accepted; ${accepted}`)

/** The value of an option that must be an integer from 1 to `max`. Throws UsageError. */
export function readCount(option: string, text: string, max: number, accepted = 'give'): number {
  const count = /^\d+$/.test(text) && text.length <= String(max).length ? Number(text) : 0
  if (count >= 1 && count <= max) return count
  throw notAccepted(option, text, `${accepted} an integer from 1 to ${max}`)
}

/** Selects the data folder of the server that a command is about. */
export type LocationFlags = { dataDir?: string; config?: string; json?: boolean }

const expectedErrors = [UsageError, CommandError, ConfigError, StartupError, AppError]

/**
 * Runs the action and returns the exit code: 1 if `action` returns 1, or if it fails in a way that a user can fix, which is reported in
 * one line on stderr; 2 for wrong usage. `commandName` is for the hint at --help.
 */
export async function runCommand(commandName: string, action: () => Promise<unknown>): Promise<ExitCode> {
  try {
    return (await action()) === 1 ? 1 : 0
  } catch (error) {
    if (!expectedErrors.some((each) => error instanceof each) || !(error instanceof Error)) throw error
    note(error.message)
    if (!(error instanceof UsageError || (error instanceof ConfigError && error.isWrongUsage))) return 1
    process.stderr.write(`see ${ownCommand(`${commandName} --help`)}\n`)
    return 2
  }
}

/** Prints a result to stdout, for people and for pipes. */
export function print(text: string): void {
  watchOutput()
  process.stdout.write(`${text}\n`)
}

/** Prints a result for scripts. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Prints what is not part of the result, to stderr. */
export function note(text: string): void {
  process.stderr.write(`claude-serve: ${inert(maskSecrets(text))}\n`)
}

/** Adds the options by which a command finds the data folder. */
export function addLocationOptions(command: Command, { withJson = true } = {}): Command {
  const { dataDir } = configOptions
  const file = configFileOption
  command
    .option(`--${dataDir.name} ${dataDir.placeholder}`, `${dataDir.description} (${dataDir.environment})`)
    .option(`--${file.name} ${file.placeholder}`, `${file.description} (${file.environment})`)
  return withJson ? command.option('--json', 'print JSON') : command
}

/** The settings that a server with these flags would use. Throws ConfigError. */
export function settingsFor({ dataDir, config }: LocationFlags, otherFlags: Record<string, unknown> = {}) {
  const flags = { dataDir, config, ...otherFlags }
  return loadConfig({ flags, environment: processEnvironment(), cwd: process.cwd(), isTerminal: false }).config
}
