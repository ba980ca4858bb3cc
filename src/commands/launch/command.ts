// Arguments and options of the command `launch`, for the parser and the help. The command itself is in launch.ts, which is loaded on demand.
import { Argument, type Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { LaunchFlags } from './launch.ts'
import { clientNames } from './names.ts'

/** The choices are for completion only: the command itself rejects an unknown name, with a hint. */
function clientArgument(): Argument {
  const argument = new Argument('[client]', 'the client to set up')
  argument.argChoices = [...clientNames]
  return argument
}

export function addLaunch(program: Command, setExitCode: SetExitCode): void {
  const launch = program
    .command('launch')
    .description('set up a client for this server, and start it')
    .usage('[client] [options] [-- client arguments]')
    .addArgument(clientArgument())
    .argument('[arguments...]', 'arguments for the client')
  addServerOptions(launch)
    .option('--list', 'list the clients and what launch does for each')
    .option('--print', 'print the settings without writing or starting anything')
    .option('--config-only', 'set up the client without starting it')
    .option('--model <name>', 'the model to start with (default: sonnet)')
    .addHelpText(
      'after',
      '\nBefore launch changes a settings file, it saves a copy of the old one beside it. It starts a client only from a' +
        '\nterminal, or if you pass arguments: claude-serve launch claude-code -- -p "Say hello".',
    )
    .action(async (client: string | undefined, args: string[], flags: LaunchFlags) => {
      setExitCode(await (await import('./launch.ts')).launch(client, args, flags))
    })
}
