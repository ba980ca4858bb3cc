// Declares the command `status` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions, type ServerFlags } from '../server-client.ts'

export function addStatus(program: Command, setExitCode: SetExitCode): void {
  addServerOptions(
    program.command('status').alias('ps').description('show whether a server is running, where, and what it is doing'),
  )
    .addHelpText('after', '\nThe exit code is 0 if a server is running, and 1 if not.')
    .action(async (flags: ServerFlags) => {
      setExitCode(await (await import('./status.ts')).showStatus(flags))
    })
}
