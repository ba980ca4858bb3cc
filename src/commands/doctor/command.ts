// Declares the command `doctor` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { DoctorFlags } from './doctor.ts'

const help = `
Checks everything that a server needs, and sends questions end to end to the scripted model: to an agent, a plain
model and one with a client's tool. This uses no login, and nothing leaves the machine, but that it connects to the
proxies and addresses that you have set for Claude Code. Exits with 1 if there is a problem; warnings do not count.`

export function addDoctor(program: Command, setExitCode: SetExitCode): void {
  const command = program.command('doctor').description('find problems, and show how to fix them')
  addLocationOptions(command)
    .option('--fix', "remove other users' access to the data folder, its files and the configuration file, and say so")
    .addHelpText('after', help)
    .action(async (flags: DoctorFlags) => {
      setExitCode(await (await import('./doctor.ts')).runDoctor(flags))
    })
}
