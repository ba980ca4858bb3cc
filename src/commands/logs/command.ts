// The words and options of the command `logs`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { LogFlags } from './logs.ts'

export function addLogs(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('logs')
    .description('show what the server of the data folder has logged')
    .option('-n, --lines <count>', 'so many of the newest lines, or all (default: 100)')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
  addLocationOptions(command)
    .addHelpText(
      'after',
      '\nWith --json, and where the output is no terminal, lines are as they are kept:' +
        '\none JSON object each. Prompts and answers are never logged.',
    )
    .action(async (flags: LogFlags) => {
      setExitCode(await (await import('./logs.ts')).showLogs(flags))
    })
}
