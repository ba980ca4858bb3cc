// The words and options of the command `launch`, for the command line's help and parser. What it does is loaded when it is asked for.
import { Argument, type Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { LaunchFlags } from './launch.ts'
import { clientNames } from './names.ts'

/** The names are for completion; a name that is none of them is refused with a hint, by the command itself. */
function clientArgument(): Argument {
  const argument = new Argument('[client]', 'a client of the list')
  argument.argChoices = [...clientNames]
  return argument
}

export function addLaunch(program: Command, setExitCode: SetExitCode): void {
  const launch = program
    .command('launch')
    .description('set a client up for this server, and start it')
    .usage('[client] [options] [-- arguments of the client]')
    .addArgument(clientArgument())
    .argument('[arguments...]', 'what the client is started with')
  addServerOptions(launch)
    .option('--list', 'list the clients, and what is done for each')
    .option('--print', 'print the settings; write and start nothing')
    .option('--config-only', 'set up the client without starting it')
    .option('--model <name>', 'the model to begin with (default: sonnet)')
    .addHelpText(
      'after',
      '\nA settings file is never changed without a copy of the old one beside it. A client is started from a terminal' +
        '\nonly, or with arguments: claude-serve launch claude-code -- -p "Say hello".',
    )
    .action(async (client: string | undefined, words: string[], flags: LaunchFlags) => {
      setExitCode(await (await import('./launch.ts')).launch(client, words, flags))
    })
}
