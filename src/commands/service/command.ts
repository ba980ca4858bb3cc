// Declares the command `service` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import type { InstallFlags, StateFlags } from './service.ts'

const aboutInstall = `
Flags of claude-serve serve are passed on to the server:
  claude-serve service install -- --port 6000 --default-cwd ~/project
The server works in your home folder unless you set --default-cwd. The service
does not see the variables of this shell: set what the CLI needs for its login,
such as ANTHROPIC_API_KEY, with systemctl --user edit claude-serve (Linux), and
the settings of the server in its configuration file.`

export function addService(program: Command, setExitCode: SetExitCode): void {
  const service = program
    .command('service')
    .description('run the server whenever you are logged in, as a systemd user unit or (on macOS) a launchd agent')
    .helpCommand(false)
  service
    .command('install')
    .description('install the service and start it')
    .usage('[options] [-- <flags of serve>]')
    .argument('[flags...]', 'flags of claude-serve serve')
    // They work without -- too; flags that serve does not know are refused when the service is planned.
    .allowUnknownOption()
    .option('--print', 'print the service file without changing anything')
    .addHelpText('after', aboutInstall)
    .action(async (serveFlags: string[], flags: InstallFlags) => {
      setExitCode(await (await import('./service.ts')).installService(serveFlags, flags, program))
    })
  service
    .command('uninstall')
    .description('stop the service and remove it')
    .action(async () => {
      setExitCode(await (await import('./service.ts')).uninstallService())
    })
  service
    .command('status')
    .description('show whether the service is installed and running')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nThe exit code is 0 if the service is running, and 1 if not.')
    .action(async (flags: StateFlags) => {
      setExitCode(await (await import('./service.ts')).showService(flags))
    })
}
