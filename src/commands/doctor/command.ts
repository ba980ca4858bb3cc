// Declares the command `doctor` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { DoctorFlags } from './doctor.ts'

const help = `
Checks everything that a server needs, and sends one question end to end to the scripted model: this uses no login,
and nothing leaves the machine. Exits with 1 if there is a problem; warnings do not count.`

export function addDoctor(program: Command, setExitCode: SetExitCode): void {
  const command = program.command('doctor').description('find problems, and show how to fix them')
  addLocationOptions(command)
    .option('--fix', "remove other users' access to the data folder and its files")
    .addHelpText('after', help)
    .action(async (flags: DoctorFlags) => {
      setExitCode(await (await import('./doctor.ts')).runDoctor(flags))
    })
}
