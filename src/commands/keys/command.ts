// Declares the command `keys` for the command line's parser and help. Its implementation (keys.ts) is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { CreateFlags, ListFlags, RevokeFlags } from './keys.ts'

const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]

const addSubcommand = (keys: Command, usage: string, description: string) =>
  addLocationOptions(keys.command(usage).description(description))

export function addKeys(program: Command, setExitCode: SetExitCode): void {
  const keys = program.command('keys').description('create, list and revoke API keys').helpCommand(false)
  addSubcommand(keys, 'create <name>', 'create a key; its secret is shown only once, on the last line')
    .option(
      '--scope <scope>',
      'chat (plain models), agent (chat, and all of Claude Code), admin (everything); repeatable (default: agent)',
      collect,
    )
    .option('--expires <when>', 'when it expires: 30d, 12h, or its last day, such as 2026-12-31 (default: never)')
    .option('--rate <count>', 'requests per minute (default: no limit)')
    .option('--budget <dollars>', 'total cost allowed for its runs, in US dollars (default: no limit)')
    .option('--quiet', 'print only the secret')
    .action(async (name: string, flags: CreateFlags) => {
      setExitCode(await (await import('./keys.ts')).createKey(name, flags))
    })
  addSubcommand(keys, 'list', 'list the keys that can be used')
    .option('--all', 'list expired and revoked keys too')
    .action(async (flags: ListFlags) => {
      setExitCode(await (await import('./keys.ts')).listKeys(flags))
    })
  addSubcommand(keys, 'revoke <key>', 'revoke a key by its name or id, and end its running requests').action(
    async (key: string, flags: RevokeFlags) => {
      setExitCode(await (await import('./keys.ts')).revokeKey(key, flags))
    },
  )
}
