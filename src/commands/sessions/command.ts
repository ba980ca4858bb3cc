// Declares the command `sessions` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { SessionFlags } from './sessions.ts'

export function addSessions(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('sessions')
    .description('list conversations, or show one and how to continue it')
    .argument('[id]', 'the id of the conversation to show')
    .option('--cwd <folder>', 'only conversations in this folder, such as .')
    .option('-q, --query <text>', 'only conversations with this text in their title or first prompt')
    .option('-n, --limit <count>', 'maximum number to list, up to 200 (default: 20)')
  addServerOptions(command).action(async (id: string | undefined, flags: SessionFlags) => {
    setExitCode(await (await import('./sessions.ts')).showSessions(id ?? null, flags))
  })
}
