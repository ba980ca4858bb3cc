// The words and options of the command `doctor`, for the command line's help and parser. What it does is in doctor.ts, which is loaded
// when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { DoctorFlags } from './doctor.ts'

const help = `
Looks at all that a server needs, and asks one question from end to end, with the scripted model: no login is used
for it and nothing leaves the machine. Ends with 1 where there is a problem; a warning is none.`

export function addDoctor(program: Command, setExitCode: SetExitCode): void {
  const command = program.command('doctor').description('look for what is wrong, and say what mends it')
  addLocationOptions(command)
    .option('--fix', 'close the data folder and its files to other users')
    .addHelpText('after', help)
    .action(async (flags: DoctorFlags) => {
      setExitCode(await (await import('./doctor.ts')).runDoctor(flags))
    })
}
