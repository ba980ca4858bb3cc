#!/usr/bin/env node
// The executable: runs the command that the arguments name, prints help, and sets the exit code (0 success, 1 failure, 2 wrong usage).
// It imports nothing before it has checked Node's version, and uses only syntax that an old Node can parse.

import type { Command } from 'commander'
import type { ConfigOption } from './config/options.ts'

const oldestNode: [major: number, minor: number] = [22, 18]

function isOldNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
}

/** Caches the compiled form of our files between starts, which halves the startup time. Only the owner can access the cache. */
async function enableCodeCache(): Promise<void> {
  const [{ enableCompileCache }, { chmodSync, mkdirSync }, { homedir }, { join }] = await Promise.all([
    import('node:module'),
    import('node:fs'),
    import('node:os'),
    import('node:path'),
  ])
  const folder = join(homedir(), '.cache', 'claude-serve')
  try {
    // Node executes what is in this folder.
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    enableCompileCache(join(folder, 'compiled'))
  } catch {
    // Without the cache, startup only takes longer.
  }
}

async function main(): Promise<number> {
  await enableCodeCache()
  const { Command, CommanderError } = await import('commander')
  let exitCode = 0
  const program = await buildProgram(new Command(), (code) => {
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

async function buildProgram(program: Command, setExitCode: (code: number) => void): Promise<Command> {
  const version = await packageVersion()
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
      const { serve } = await import('./commands/serve.ts')
      setExitCode(await serve(flags, version))
    })
  await addServeOptions(serveCommand)
  await showServeOptions(serveCommand, program)
  await addOtherCommands(program, setExitCode)
  return program
}

async function addOtherCommands(program: Command, setExitCode: (code: number) => void): Promise<void> {
  const { Help } = await import('commander')
  const { addCommands } = await import('./commands/registry.ts')
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

async function addServeOptions(command: Command): Promise<void> {
  const { Option } = await import('commander')
  const { configFileOption, configOptions } = await import('./config/options.ts')
  for (const declared of Object.values<ConfigOption>(configOptions)) {
    const switchOrValue = declared.placeholder === null ? '' : ` ${declared.placeholder}`
    const option = new Option(`--${declared.name}${switchOrValue}`, describe(declared)).helpGroup(`${declared.group}:`)
    if (declared.repeatable) {
      option.argParser((value: string, earlier: string[] | undefined) => (earlier || []).concat(value))
    }
    command.addOption(option)
    // A flag can turn off a switch that the environment or the configuration file turned on.
    if (declared.placeholder === null) command.addOption(new Option(`--no-${declared.name}`).hideHelp())
  }
  const { name, placeholder, description, environment, defaultText } = configFileOption
  const fileHelp = `${description} (${environment}; default: ${defaultText})`
  command.addOption(new Option(`--${name} ${placeholder}`, fileHelp).helpGroup('Settings:'))
  command.addOption(
    new Option('--print-config', 'print every setting and where it comes from, then exit').helpGroup('Settings:'),
  )
  command.addOption(new Option('--json', 'with --print-config: print JSON').helpGroup('Settings:'))
}

function describe(declared: ConfigOption): string {
  const defaultText = declared.defaultText === null ? String(declared.default) : declared.defaultText
  const availability = declared.available ? '' : '; not available yet'
  return `${declared.description} (${declared.environment}; default: ${defaultText}${availability})`
}

/** `claude-serve --help` also shows the options of `claude-serve serve`, because both start the server. */
async function showServeOptions(serveCommand: Command, program: Command): Promise<void> {
  const { Help } = await import('commander')
  const plain = new Help()
  program.configureHelp({
    subcommandTerm: (command) => command.name(),
    visibleOptions: (command) => {
      const own = plain.visibleOptions(command)
      if (command !== program) return own
      return own.concat(plain.visibleOptions(serveCommand).filter((option) => option.long !== '--help'))
    },
  })
  serveCommand.configureHelp({ visibleArguments: () => [] })
}

async function unknownCommand(word: string, program: Command): Promise<string> {
  const { nearestName } = await import('./platform/did-you-mean.ts')
  const known = program.commands.map((command) => command.name()).concat('help')
  const nearest = nearestName(word, known)
  return `error: unknown command '${word}'${nearest === null ? '' : ` (Did you mean ${nearest}?)`}`
}

function wrongUsage(message: string, prefix = ''): string {
  return `${message
    .replace(/^error: /, 'claude-serve: ')
    .replace(/\s+/g, ' ')
    .trim()}\nsee claude-serve ${prefix}--help\n`
}

async function packageVersion(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  return String(version)
}

/** Sets the exit code instead of exiting, so that pending output is written; whatever keeps the process alive gets one second. */
function exit(code: number): void {
  process.exitCode = code
  setTimeout(() => process.exit(code), 1000).unref()
}

if (isOldNode(process.versions.node)) {
  process.stderr.write(
    `claude-serve requires Node ${oldestNode.join('.')} or newer, but this is ${process.versions.node}: ` +
      'install a newer version from https://nodejs.org\n',
  )
  process.exitCode = 1
} else {
  main().then(exit, (error: unknown) => {
    process.stderr.write(`claude-serve: ${error instanceof Error ? error.message : String(error)}\n`)
    exit(1)
  })
}
