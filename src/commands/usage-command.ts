// Declares the commands `usage` and `quota` for the command line's parser and help. Their implementation is loaded only when they run.
import { type Command, Option } from 'commander'
import type { SetExitCode } from './command.ts'
import { addServerOptions, type ServerFlags } from './server-client.ts'
import type { UsageFlags } from './usage.ts'

export function addUsage(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('usage')
    .description('show what runs have used and cost')
    .option('--from <time>', 'a day, such as 2026-11-22 (UTC), or a time (default: 30 days ago)')
    .option('--to <time>', 'a day or a time (default: now)')
    .addOption(
      new Option('--by <group>', 'what to group by (default: day)').choices(['day', 'model', 'session', 'key']),
    )
  addServerOptions(command).action(async (flags: UsageFlags) => {
    setExitCode(await (await import('./usage.ts')).showUsage(flags))
  })
}

export function addQuota(program: Command, setExitCode: SetExitCode): void {
  addServerOptions(program.command('quota').description('show how far the plan of your login is used')).action(
    async (flags: ServerFlags) => {
      setExitCode(await (await import('./usage.ts')).showQuota(flags))
    },
  )
}
