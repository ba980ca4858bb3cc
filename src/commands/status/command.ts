// The words and options of the command `status`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions, type ServerFlags } from '../server-client.ts'

export function addStatus(program: Command, setExitCode: SetExitCode): void {
  addServerOptions(program.command('status').description('show whether a server runs, where, and what it is doing'))
    .addHelpText('after', '\nThe exit code is 0 where a server runs, and 1 where none does.')
    .action(async (flags: ServerFlags) => {
      setExitCode(await (await import('./status.ts')).showStatus(flags))
    })
}
