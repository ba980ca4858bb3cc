// The command line: declares `serve` and all other commands, and runs the one that the arguments name. Loaded only after Node's version has
// been checked (see cli.ts). Not for what a command does (see its own folder).
import { readFile } from 'node:fs/promises'
import { Command, CommanderError, Help, Option } from 'commander'
import { processEnvironment } from '../config/load.ts'
import { ownCommand, setSearchPath } from '../platform/installation.ts'
import type { ExitCode, SetExitCode } from './command.ts'
import { addCommands } from './registry.ts'
import { addSettingOptions } from './setting-options.ts'

/** Runs the command of this process's arguments, and returns its exit code. */
export async function runProgram(): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  setSearchPath(processEnvironment().PATH)
  const program = buildProgram(await packageVersion(), (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
  return exitCode
}

/** All commands, as they are declared. */
export function buildProgram(version: string, setExitCode: SetExitCode): Command {
  const program = new Command()
  program
    .name('claude-serve')
    .description('A local HTTP API in front of your own Claude Code CLI.')
    .usage('[command] [options]')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print help for a command')
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(wrongUsage(message)) })
  const serveCommand = program
    .command('serve', { isDefault: true })
    .description('start the server (the default command)')
    .usage('[options]')
    // If no command has this name, commander passes the word to the default command.
    .argument('[word]')
    .action(async (word: string | undefined, flags: Record<string, unknown>) => {
      if (word !== undefined) return serveCommand.error(await unknownCommand(word, program))
      const { serve } = await import('./serve.ts')
      setExitCode(await serve(flags, version))
    })
  addSettingOptions(serveCommand)
  addServeOptions(serveCommand)
  showServeOptions(serveCommand, program)
  addOtherCommands(program, setExitCode)
  return program
}

function addOtherCommands(program: Command, setExitCode: SetExitCode): void {
  const first = program.commands.length
  addCommands(program, setExitCode)
  for (const command of program.commands.slice(first)) {
    const prefix = `${command.name()} `
    command
      // Only the program's own help includes the options of `serve`.
      .configureHelp({ visibleOptions: (each) => new Help().visibleOptions(each) })
      .configureOutput({ outputError: (message, write) => write(wrongUsage(message, prefix)) })
    for (const subcommand of command.commands) subcommand.copyInheritedSettings(command)
  }
}

function addServeOptions(command: Command): void {
  const options = [
    new Option('--print-config', 'print every setting and where it comes from, then exit').helpGroup('Settings:'),
    new Option('--json', 'with --print-config: print JSON').helpGroup('Settings:'),
    // For `claude-serve start`: the log is written to its file only.
    new Option('--background').hideHelp(),
  ]
  for (const option of options) command.addOption(option)
}

/** `claude-serve --help` also shows the options of `claude-serve serve`, because both start the server. */
function showServeOptions(serveCommand: Command, program: Command): void {
  const plain = new Help()
  program.configureHelp({
    subcommandTerm: (command) => [command.name(), ...command.aliases()].join(', '),
    visibleOptions: (command) => {
      const own = plain.visibleOptions(command)
      if (command !== program) return own
      return own.concat(plain.visibleOptions(serveCommand).filter((option) => option.long !== '--help'))
    },
  })
  serveCommand.configureHelp({ visibleArguments: () => [] })
}

async function unknownCommand(word: string, program: Command): Promise<string> {
  const { nearestName } = await import('../platform/did-you-mean.ts')
  const known = program.commands.flatMap((command) => [command.name(), ...command.aliases()]).concat('help')
  const nearest = nearestName(word, known)
  return `error: unknown command '${word}'${nearest === null ? '' : ` (Did you mean ${nearest}?)`}`
}

function wrongUsage(message: string, prefix = ''): string {
  return `${message
    .replace(/^error: /, 'claude-serve: ')
    .replace(/\s+/g, ' ')
    .trim()}\nsee ${ownCommand(`${prefix}--help`)}\n`
}

async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(version)
}
