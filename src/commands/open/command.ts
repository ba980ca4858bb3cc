// Declares the command `open` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { OpenFlags } from './open.ts'

export function addOpen(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('open')
    .description('open the web page of the running server in a browser')
    .option('--print', 'print the link without opening it')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nIf the server has API keys, anyone with the link can log in, but only once and within a minute.',
    )
    .action(async (flags: OpenFlags) => {
      setExitCode(await (await import('./open.ts')).openPage(flags))
    })
}
