// The command `config`: shows where the configuration file is, creates one, and checks all settings. Not for what settings there are (see
// config/options.ts), nor for what a started server needs besides (see commands/doctor/).
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { configFilePath, findConfigProblems, loadConfig, processEnvironment } from '../../config/load.ts'
import type { ConfigError } from '../../config/sources.ts'
import { StartupError } from '../../errors.ts'
import { ownCommand } from '../../platform/installation.ts'
import { maskSecrets } from '../../platform/redact.ts'
import { refuseOwnFolders } from '../../start-checks.ts'
import {
  CommandError,
  type ExitCode,
  type LocationFlags,
  note,
  print,
  printJson,
  reasonOf,
  runCommand,
} from '../command.ts'
import { write } from '../output.ts'
import { asTable, withHeading } from '../table.ts'
import { oneLine } from '../terminal-text.ts'
import { fileText } from './file-text.ts'

export type InitFlags = LocationFlags & { print?: boolean }

const inputOf = ({ dataDir, config }: LocationFlags) => ({
  flags: { dataDir, config },
  environment: processEnvironment(),
  cwd: process.cwd(),
  isTerminal: false,
})

export function showPath(flags: LocationFlags): Promise<ExitCode> {
  return runCommand('config path', async () => {
    const { value, where } = configFilePath(inputOf(flags))
    const exists = existsSync(String(value))
    if (flags.json === true) printJson({ path: value, exists, where })
    else print(String(value))
    if (exists) return
    if (flags.json !== true) note(`the file does not exist yet: ${ownCommand('config init')} creates it`)
    return 1
  })
}

export function initConfig(flags: InitFlags): Promise<ExitCode> {
  return runCommand('config init', async () => {
    if (flags.print === true) return void (await write(fileText()))
    const path = String(configFilePath(inputOf(flags)).value)
    create(path)
    if (flags.json === true) printJson({ path })
    else print(`wrote ${path}: remove the // before a setting to set it`)
  })
}

function create(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, fileText(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CommandError(
        `${path} exists already: ${ownCommand('config init --print')} shows what a new one would contain`,
      )
    throw new CommandError(`${path} cannot be written: ${reasonOf(error)}`)
  }
}

export function checkConfig(flags: LocationFlags): Promise<ExitCode> {
  return runCommand('config check', async () => {
    const input = inputOf(flags)
    const problems = findConfigProblems(input)
    // A file that was named and does not exist.
    const wrongUsage = problems.find(({ isWrongUsage }) => isWrongUsage)
    if (wrongUsage !== undefined) throw wrongUsage
    if (problems.length > 0) return report(problems, flags)
    const { config, sources } = loadConfig(input)
    await refuseOwnFolders(config, input.environment).catch((error) => {
      if (error instanceof StartupError && flags.json === true)
        printJson({ valid: false, problems: [{ message: error.message }] })
      throw error
    })
    if (flags.json === true) {
      const settings = sources.map(({ key, value, source, where }) => [key, { value, source, where }])
      return printJson({ valid: true, settings: Object.fromEntries(settings) })
    }
    const set = sources.filter(({ source }) => source !== 'default')
    if (set.length === 0) return print('the settings are valid: all of them have their defaults')
    const rows = set.map(({ key, value, where }) => [key, maskSecrets(JSON.stringify(value)), where])
    print(
      withHeading(['the settings are valid', ...asTable([['key', 'value', 'from'], ...rows]).map((row) => `  ${row}`)]),
    )
  })
}

function report(problems: readonly ConfigError[], { json }: LocationFlags): 1 {
  if (json === true) {
    const list = problems.map(({ key, value, source, where, accepted, message }) => ({
      key,
      value: maskSecrets(JSON.stringify(value) ?? ''),
      source,
      where,
      accepted,
      message,
    }))
    printJson({ valid: false, problems: list })
  } else for (const { message } of problems) note(oneLine(message))
  return 1
}
