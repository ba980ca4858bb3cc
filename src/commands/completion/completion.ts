// The command `completion`: prints a script with which a shell completes our commands and options. The script is generated from the
// parser's own declarations, so it matches the program that printed it. It is ours because the libraries for this start the program at each
// press of the tab key (docs/decisions/0021-libraries-of-the-command-line.md).
import type { Command } from 'commander'
import { type ExitCode, runCommand } from '../command.ts'
import { write } from '../output.ts'
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import type { Shell } from './shells.ts'
import { readCompletionPoints } from './words.ts'
import { zshScript } from './zsh.ts'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript }

export function printCompletion(shell: Shell, program: Command): Promise<ExitCode> {
  return runCommand('completion', async () => {
    await write(scripts[shell](readCompletionPoints(program)))
  })
}
