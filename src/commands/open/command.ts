// The words and options of the command `open`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { OpenFlags } from './open.ts'

export function addOpen(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('open')
    .description('open the web page of the running server in a browser')
    .option('--print', 'print the link, and open nothing')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nWhere the server has API keys, the link lets in whoever has it: once, and within a minute.',
    )
    .action(async (flags: OpenFlags) => {
      setExitCode(await (await import('./open.ts')).openPage(flags))
    })
}
