// What the help of each command says, from the declarations of the command line: for the man page and docs/commands.md. Not for how they
// look.
import type { Command } from 'commander'
import { buildProgram } from '../src/commands/program.ts'
import { configFileOption, configOptions } from '../src/config/options.ts'

export type OptionHelp = { flags: string; description: string; isSetting: boolean }

/** `usage` is what follows the name; `notes` is the text below the options. */
export type CommandHelp = {
  name: string
  aliases: readonly string[]
  usage: string
  description: string
  options: readonly OptionHelp[]
  notes: string
}

const settings = new Set([...Object.values(configOptions), configFileOption].map(({ name }) => `--${name}`))

/** All commands that do something, subcommands too, in the order of help. */
export function readCommandHelp(): CommandHelp[] {
  const program = buildProgram('', () => {})
  return program.commands.flatMap((command) => helpOf(command, []))
}

function helpOf(command: Command, path: readonly string[]): CommandHelp[] {
  const names = [...path, command.name()]
  const below = command.commands.flatMap((each) => helpOf(each, names))
  return below.length > 0 ? below : [ownHelp(command, names)]
}

function ownHelp(command: Command, names: readonly string[]): CommandHelp {
  const help = command.createHelp()
  return {
    name: names.join(' '),
    aliases: command.aliases(),
    usage: command.usage(),
    description: command.description(),
    options: help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map(({ flags, description, long }) => ({ flags, description, isSetting: settings.has(long ?? '') })),
    notes: notesOf(command),
  }
}

/** Commander prints it with the help and cannot be asked for it. */
function notesOf(command: Command): string {
  let printed = ''
  command.configureOutput({
    writeOut: (text) => {
      printed += text
    },
  })
  command.outputHelp()
  return printed.slice(printed.indexOf(command.helpInformation()) + command.helpInformation().length).trim()
}
