// The command line: declares `serve` and all other commands, and runs the one that the arguments name. Loaded only after Node's version has
// been checked (see cli.ts). Not for what a command does (see its own folder).
import { readFile } from 'node:fs/promises'
import { Command, CommanderError, Help, Option } from 'commander'
import { processEnvironment } from '../config/load.ts'
import { ownCommand, setSearchPath } from '../platform/installation.ts'
import type { ExitCode, SetExitCode } from './command.ts'
import { watchOutput } from './output.ts'
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
    await program.parseAsync(wordsOf(program), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
  return exitCode
}

/** The words of the command line. `help batch run` is read as `batch run --help`, as deep as there are commands. */
function wordsOf(program: Command): string[] {
  const words = process.argv.slice(2)
  const [first, ...names] = words
  if (first !== 'help' || names.length === 0) return words
  let command = program
  for (const [index, name] of names.entries()) {
    const next = command.commands.find((each) => each.name() === name || each.aliases().includes(name))
    // A word that is no command is reported as one, but where it would be an argument it must not run anything.
    const isArgument = command.commands.length === 0 || name.startsWith('-')
    if (next === undefined) return [...names.slice(0, index), isArgument ? '--help' : name]
    command = next
  }
  return [...names, '--help']
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
    .configureOutput({
      writeOut(text) {
        watchOutput()
        process.stdout.write(text)
      },
      outputError: (message, write) => write(wrongUsage(message)),
    })
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
    const names = command.commands.map((each) => `${command.name()} ${each.name()}`)
    command
      // Only the program's own help includes the options of `serve`.
      .configureHelp({ visibleOptions: (each) => new Help().visibleOptions(each) })
      .configureOutput({ outputError: outputFor(command, command.name(), names) })
    for (const subcommand of command.commands) {
      const name = `${command.name()} ${subcommand.name()}`
      subcommand.copyInheritedSettings(command).configureOutput({ outputError: outputFor(subcommand, name, []) })
    }
  }
}

/** `names`: of the commands that follow this one, if it is only the beginning of theirs. */
const outputFor =
  (command: Command, name: string, names: readonly string[]) => (message: string, write: (text: string) => void) =>
    write(wrongUsage(withOwnSuggestions(clearer(message, names), command), `${name} `))

/** Without the suggestions that only the server has: commander takes those of the commands above, too. */
function withOwnSuggestions(message: string, command: Command): string {
  return message.replace(/\s*\(Did you mean (?:one of )?(--[^?]+)\?\)/, (_, list: string) => {
    const own = list
      .split(', ')
      .filter((flag) => command.options.some(({ long }) => long === flag) || flag === '--help')
    if (own.length === 0) return ''
    return ` (Did you mean ${own.length === 1 ? '' : 'one of '}${own.join(', ')}?)`
  })
}

/** An option before the command that it belongs to is unknown to what comes before that command. */
function clearer(message: string, names: readonly string[]): string {
  const option = /^error: unknown option '([^']+)'/.exec(message)?.[1]
  if (option !== undefined && names.length > 0) return `error: before ${option}, say what to do: ${names.join(', ')}`
  const required = /^error: required option '([^']+)' not specified/.exec(message)?.[1]
  return required === undefined ? message : `error: ${required} is required`
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
