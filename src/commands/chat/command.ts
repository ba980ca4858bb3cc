// The words and options of the command `chat`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { ChatFlags } from './chat.ts'

export function addChat(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('chat')
    .description('ask Claude Code something, and print the answer as it comes')
    .argument('[prompt...]', 'what to ask; what comes on stdin is added to it')
    .option('-m, --model <name>', 'the model to use, such as sonnet')
    .option('--system <text>', "a system prompt in place of Claude Code's own")
    .option('-s, --session <id>', 'go on with this conversation')
    .option('-c, --continue', 'go on with the last conversation of the folder')
    .option('--cwd <folder>', 'the folder to work in (default: the current one)')
    .option('--no-cwd', "work in the server's default folder")
    .option('--verbose', 'show thinking and tools on stderr')
  addServerOptions(command)
    .addHelpText(
      'after',
      '\nWith --json, only the end is printed: the answer, its session, cost and usage.' +
        '\nCtrl-C cancels the run. Put -- before a prompt that begins with a dash.',
    )
    .action(async (words: string[], flags: ChatFlags) => {
      setExitCode(await (await import('./chat.ts')).chat(words, flags))
    })
}
