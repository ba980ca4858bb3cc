// The words and options of the command `stop`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { StopFlags } from './stop.ts'

export function addStop(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('stop')
    .description('end the server of the data folder, and wait until it is gone')
    .option('--timeout <time>', 'how long to wait for it, such as 30s or 2m (default: 60s)')
    .option('--now', 'end it at once, and the requests that it works on')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nA server that is told to stop gives requests under way 30 s to end.' +
        '\nThe exit code is 0 also where no server runs: that is what was asked for.',
    )
    .action(async (flags: StopFlags) => {
      setExitCode(await (await import('./stop.ts')).stopServer(flags))
    })
}
