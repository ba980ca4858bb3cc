// The command `completion`: prints a script by which a shell completes our words. It is made from the command line's own list, so it
// is as new as the program that printed it.
import type { Command } from 'commander'
import { answer } from './command.ts'
import { bashScript } from './completion-bash.ts'
import type { Shell } from './completion-command.ts'
import { fishScript } from './completion-fish.ts'
import { readPlaces } from './completion-words.ts'
import { zshScript } from './completion-zsh.ts'
import { write } from './output.ts'
import type { ExitCode } from './serve.ts'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript }

export function printCompletion(shell: Shell, program: Command): Promise<ExitCode> {
  return answer('completion', async () => {
    await write(scripts[shell](readPlaces(program)))
  })
}
