// Declares the command `login` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { LoginFlags } from './login.ts'

const help = `
Runs the login of the claude that the server uses: its own page or question appears, and it stores the result itself.
claude-serve sees no token. A running server notices the login by itself. Options of that login follow a double dash:
  claude-serve login -- --console`

export function addLogin(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('login')
    .description('log Claude Code in, with the login of the claude that the server uses')
    .argument('[options...]', 'options of claude auth login')
  addLocationOptions(command, { withJson: false })
    .option('--claude-bin <path>', 'the claude executable to log in (CLAUDE_BIN)')
    .addHelpText('after', help)
    .action(async (words: string[], flags: LoginFlags) => {
      setExitCode(await (await import('./login.ts')).logIn(words, flags))
    })
}
