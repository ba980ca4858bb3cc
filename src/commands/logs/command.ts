// Declares the command `logs` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { LogFlags } from './logs.ts'

export function addLogs(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('logs')
    .description("show the log of the data folder's server")
    .option('-n, --lines <count>', 'how many of the newest lines to show, or all (default: 100)')
    .option('-f, --follow', 'keep showing new lines until Ctrl-C')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nWith --json, or if the output is not a terminal, lines are printed as stored:' +
        '\none JSON object each. Prompts and answers are never logged.',
    )
    .action(async (flags: LogFlags) => {
      setExitCode(await (await import('./logs.ts')).showLogs(flags))
    })
}
