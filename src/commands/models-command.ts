// The words and options of the command `models`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from './command.ts'
import { addServerOptions, type ServerFlags } from './server-client.ts'

export function addModels(program: Command, setExitCode: SetExitCode): void {
  addServerOptions(program.command('models').description('list the names of models that requests may use'))
    .addHelpText(
      'after',
      '\nA name by itself is the model alone, for the OpenAI and Anthropic APIs. With' +
        '\nagent/ before it, it is Claude Code: its tools and settings.',
    )
    .action(async (flags: ServerFlags) => {
      setExitCode(await (await import('./models.ts')).listModels(flags))
    })
}
