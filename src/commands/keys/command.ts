// Declares the command `keys` for the command line's parser and help. Its implementation (keys.ts) is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addLocationOptions } from '../command.ts'
import type { CreateFlags, EditFlags, ListFlags, RevokeFlags } from './keys.ts'

const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]

const addSubcommand = (keys: Command, usage: string, description: string) =>
  addLocationOptions(keys.command(usage).description(description))

const noneHelp = 'none for no limit'

/** What the key's runs may do. */
const addPolicyOptions = (command: Command) =>
  command
    .option('--budget-period <period>', `day, week or month: how often the budget resets, by UTC; ${noneHelp}`)
    .option('--max-concurrency <count>', `how many of its runs may be at work at once; the others wait; ${noneHelp}`)
    .option(
      '--models <names>',
      `models or families of models, such as sonnet,haiku; the first is the default; ${noneHelp}`,
    )
    .option('--tools <names>', `built-in tools that its runs may have, such as Read,Grep; ${noneHelp}`)
    .option('--cwd-root <folder>', `folder in which its runs work; repeatable; ${noneHelp}`, collect)
    .option('--permission-modes <names>', `permission modes that it may request, such as default,plan; ${noneHelp}`)

export function addKeys(program: Command, setExitCode: SetExitCode): void {
  const keys = program.command('keys').description('create, list, change and revoke API keys').helpCommand(false)
  const created = addSubcommand(keys, 'create <name>', 'create a key; its secret is shown only once, on the last line')
    .option(
      '--scope <scope>',
      'chat (plain models), agent (chat, and all of Claude Code), admin (everything); repeatable (default: agent)',
      collect,
    )
    .option('--expires <when>', 'when it expires: 30d, 12h, or its last day, such as 2026-12-31 (default: never)')
    .option('--rate <count>', 'requests per minute (default: no limit)')
    .option('--budget <dollars>', 'total cost allowed for its runs, in US dollars (default: no limit)')
  addPolicyOptions(created)
    .option('--quiet', 'print only the secret')
    .action(async (name: string, flags: CreateFlags) => {
      setExitCode(await (await import('./keys.ts')).createKey(name, flags))
    })
  const edited = addSubcommand(keys, 'edit <key>', 'change a key by its name or id; requests from then on are affected')
    .option('--name <name>', 'another name')
    .option('--scope <scope>', 'its scopes from now on; repeatable', collect)
    .option('--expires <when>', `when it expires; ${noneHelp}`)
    .option('--rate <count>', `requests per minute; ${noneHelp}`)
    .option('--budget <dollars>', `cost allowed for its runs, in US dollars; ${noneHelp}`)
  addPolicyOptions(edited).action(async (key: string, flags: EditFlags) => {
    setExitCode(await (await import('./keys.ts')).editKey(key, flags))
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
