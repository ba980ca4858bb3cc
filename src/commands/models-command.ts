// Declares the command `models` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from './command.ts'
import { addServerOptions, type ServerFlags } from './server-client.ts'

export function addModels(program: Command, setExitCode: SetExitCode): void {
  addServerOptions(program.command('models').description('list the model names that requests may use'))
    .addHelpText(
      'after',
      '\nA name by itself stands for the model alone, for the OpenAI and Anthropic APIs.' +
        '\nWith the prefix agent/ it stands for Claude Code, with its tools and settings.',
    )
    .action(async (flags: ServerFlags) => {
      setExitCode(await (await import('./models.ts')).listModels(flags))
    })
}
