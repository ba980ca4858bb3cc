// The words and options of the command `sessions`, for the command line's help and parser. What it does is loaded when it is asked
// for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { SessionFlags } from './sessions.ts'

export function addSessions(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('sessions')
    .description('list conversations, or show one and how to go on with it')
    .argument('[id]', 'the id of the one to show')
    .option('--cwd <folder>', 'only those of this folder, such as .')
    .option('-q, --query <text>', 'only those with this text in their title or first prompt')
    .option('-n, --limit <count>', 'so many at most, up to 200 (default: 20)')
  addServerOptions(command).action(async (id: string | undefined, flags: SessionFlags) => {
    setExitCode(await (await import('./sessions.ts')).showSessions(id ?? null, flags))
  })
}
