// Declares the command `completion` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { type Shell, shells } from './shells.ts'

const howToInstall = `
Install the script, then open a new shell:
  bash (with the package bash-completion)
    claude-serve completion bash > ~/.local/share/bash-completion/completions/claude-serve
  zsh
    claude-serve completion zsh > "\${fpath[1]}/_claude-serve"
  fish
    claude-serve completion fish > ~/.config/fish/completions/claude-serve.fish
Or load it whenever a shell starts, in ~/.bashrc (for zsh, in ~/.zshrc after compinit):
    source <(claude-serve completion bash)`

export function addCompletion(program: Command, setExitCode: SetExitCode): void {
  const command = program.command('completion').description('print a script that completes commands and options')
  command
    .addArgument(command.createArgument('<shell>', 'the shell to print the script for').choices(shells))
    .addHelpText('after', howToInstall)
    .action(async (shell: Shell) => {
      setExitCode(await (await import('./completion.ts')).printCompletion(shell, program))
    })
}
