// Declares the command `start` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addSettingOptions } from '../setting-options.ts'

export function addStart(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('start')
    .description('start the server in the background and wait until it answers')
    .usage('[options]')
  addSettingOptions(command)
  command
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nclaude-serve stop stops it, and claude-serve logs shows its log. It ends with the machine:' +
        '\nclaude-serve service install starts it whenever you log in.' +
        '\nThe exit code is 0 even if the server was already running.',
    )
    .action(async (flags: Record<string, unknown>) => {
      setExitCode(await (await import('./start.ts')).startInBackground(flags))
    })
}
