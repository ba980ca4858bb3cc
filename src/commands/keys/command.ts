// The words and options of the command `keys`, for the command line's help and parser. Not for what they do (see keys.ts), which is
// loaded only when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { CreateFlags, ListFlags, RevokeFlags } from './keys.ts'

const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]

const addWord = (keys: Command, usage: string, description: string) =>
  addLocationOptions(keys.command(usage).description(description))

export function addKeys(program: Command, setExitCode: SetExitCode): void {
  const keys = program.command('keys').description('make, show and revoke API keys').helpCommand(false)
  addWord(keys, 'create <name>', 'make a key; its secret is shown this once, on the last line')
    .option(
      '--scope <scope>',
      'chat (plain models), agent (chat, and all of Claude Code), admin (everything); repeatable; default: agent',
      collect,
    )
    .option('--expires <when>', 'when it ends: 30d, 12h, or the last day, 2026-12-31 (default: never)')
    .option('--rate <count>', 'requests per minute (default: no limit)')
    .option('--budget <dollars>', 'US dollars that its runs may cost together (default: no limit)')
    .option('--quiet', 'print the secret and nothing else')
    .action(async (name: string, flags: CreateFlags) => {
      setExitCode(await (await import('./keys.ts')).createKey(name, flags))
    })
  addWord(keys, 'list', 'show the keys that can be used')
    .option('--all', 'show expired and revoked keys too')
    .action(async (flags: ListFlags) => {
      setExitCode(await (await import('./keys.ts')).listKeys(flags))
    })
  addWord(keys, 'revoke <key>', 'end a key, by its name or id; its running requests are ended too').action(
    async (key: string, flags: RevokeFlags) => {
      setExitCode(await (await import('./keys.ts')).revokeKey(key, flags))
    },
  )
}
