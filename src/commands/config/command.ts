// Declares the command `config` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions, type LocationFlags } from '../command.ts'
import type { InitFlags } from './config.ts'

export function addConfig(program: Command, setExitCode: SetExitCode): void {
  const config = program
    .command('config')
    .description('show where the configuration file is, create one, or check the settings')
    .helpCommand(false)
  addLocationOptions(config.command('path').description('print the path of the configuration file'))
    .addHelpText('after', '\nThe exit code is 0 if the file exists, and 1 if not.')
    .action(async (flags: LocationFlags) => {
      setExitCode(await (await import('./config.ts')).showPath(flags))
    })
  addLocationOptions(
    config.command('init').description('create a configuration file that describes every setting and sets none'),
  )
    .option('--print', 'print the file without creating it')
    .addHelpText('after', '\nAn existing file is not changed. The file is JSON, in which comments are allowed.')
    .action(async (flags: InitFlags) => {
      setExitCode(await (await import('./config.ts')).initConfig(flags))
    })
  addLocationOptions(
    config.command('check').description('check the settings of the file, the environment and the flags'),
  )
    .addHelpText('after', '\nThe exit code is 0 if a server with these settings would start, and 1 if not.')
    .action(async (flags: LocationFlags) => {
      setExitCode(await (await import('./config.ts')).checkConfig(flags))
    })
}
