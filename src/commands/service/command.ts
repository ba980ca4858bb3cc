// The words and options of the command `service`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import type { InstallFlags, StateFlags } from './service.ts'

const aboutInstall = `
Flags of claude-serve serve are passed on:
  claude-serve service install -- --port 6000 --default-cwd ~/project
It works in your home folder unless --default-cwd says otherwise. The service
does not see the variables of this shell: what the CLI needs for its login, such
as ANTHROPIC_API_KEY, belongs into systemctl --user edit claude-serve (Linux),
and settings of the server into its configuration file.`

export function addService(program: Command, setExitCode: SetExitCode): void {
  const service = program
    .command('service')
    .description('run the server whenever you are logged in: a systemd user unit, on macOS a launchd agent')
    .helpCommand(false)
  service
    .command('install')
    .description('write the service and start it')
    .usage('[options] [-- <flags of serve>]')
    .argument('[flags...]', 'flags of claude-serve serve')
    // Without -- they are not ours either; what serve does not know is refused when the service is planned.
    .allowUnknownOption()
    .option('--print', 'print what would be written, and do nothing')
    .addHelpText('after', aboutInstall)
    .action(async (words: string[], flags: InstallFlags) => {
      setExitCode(await (await import('./service.ts')).installService(words, flags, program))
    })
  service
    .command('uninstall')
    .description('stop the service and remove it')
    .action(async () => {
      setExitCode(await (await import('./service.ts')).uninstallService())
    })
  service
    .command('status')
    .description('show whether there is a service and whether it runs')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nThe exit code is 0 where it runs, and 1 where it does not.')
    .action(async (flags: StateFlags) => {
      setExitCode(await (await import('./service.ts')).showService(flags))
    })
}
