// Declares the command `stop` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { StopFlags } from './stop.ts'

export function addStop(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('stop')
    .description('stop the server of the data folder and wait for it to exit')
    .option('--timeout <time>', 'how long to wait, such as 30s or 2m (default: 60s)')
    .option('--now', 'stop immediately, and end running requests')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nWithout --now, running requests get 30 s to finish.' + '\nThe exit code is 0 even if no server was running.',
    )
    .action(async (flags: StopFlags) => {
      setExitCode(await (await import('./stop.ts')).stopServer(flags))
    })
}
