// Declares the command `runs` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions, type ServerFlags } from '../server-client.ts'
import type { ApproveFlags, DenyFlags } from './answer.ts'
import type { FollowFlags, ListFlags } from './runs.ts'

const addSubcommand = (runs: Command, usage: string, description: string) =>
  addServerOptions(runs.command(usage).description(description))

export function addRuns(program: Command, setExitCode: SetExitCode): void {
  const runs = program
    .command('runs')
    .description('list runs, show, follow or cancel one, and answer what it waits for')
    .helpCommand(false)
  const list = runs.command('list', { isDefault: true }).description('list runs, the newest first (the default)')
  addServerOptions(list)
    // If no command has this name, commander passes the word to the default one.
    .argument('[word]')
    .usage('[options]')
    .configureHelp({ visibleArguments: () => [] })
    .option('--status <status>', 'only runs with this status: queued, running, waiting, succeeded, failed, cancelled')
    .option('--session <id>', 'only runs of this conversation')
    .option('-n, --limit <count>', 'maximum number to list, up to 200 (default: 20)')
    .action(async (word: string | undefined, flags: ListFlags) => {
      setExitCode(await (await import('./runs.ts')).listRuns(word ?? null, flags))
    })
  addSubcommand(runs, 'show <run>', 'show a run: its state, what it waits for, and its result').action(
    async (id: string, flags: ServerFlags) => {
      setExitCode(await (await import('./runs.ts')).showRun(id, flags))
    },
  )
  addSubcommand(runs, 'follow <run>', "print a run's answer from its beginning, as it arrives")
    .option('--verbose', 'show thinking and tools on stderr')
    .addHelpText('after', '\nCtrl-C ends the command, and not the run. The exit code is 0 if the run succeeds.')
    .action(async (id: string, flags: FollowFlags) => {
      setExitCode(await (await import('./runs.ts')).followRun(id, flags))
    })
  addSubcommand(runs, 'cancel <run>', 'cancel a run').action(async (id: string, flags: ServerFlags) => {
    setExitCode(await (await import('./runs.ts')).cancelRun(id, flags))
  })
  addAnswers(runs, setExitCode)
}

const requestOption = ['--request <id>', 'which one, if the run waits for several'] as const

function addAnswers(runs: Command, setExitCode: SetExitCode): void {
  addSubcommand(runs, 'approve <run>', 'allow what a run asks permission for')
    .option(...requestOption)
    .option('--remember', "allow similar calls too, for as long as the conversation's process lives")
    .action(async (id: string, flags: ApproveFlags) => {
      setExitCode(await (await import('./answer.ts')).approve(id, flags))
    })
  addSubcommand(runs, 'deny <run>', 'deny what a run asks permission for')
    .option(...requestOption)
    .option('--message <text>', 'the reason that Claude gets')
    .action(async (id: string, flags: DenyFlags) => {
      setExitCode(await (await import('./answer.ts')).deny(id, flags))
    })
  addSubcommand(runs, 'answer <run> <answers...>', "answer Claude's questions, in their order")
    .option(...requestOption)
    .addHelpText(
      'after',
      '\nAn answer is the number of an option, several numbers separated by commas, or your own words.' +
        '\nclaude-serve runs show lists the questions.',
    )
    .action(async (id: string, answers: string[], flags: ServerFlags & { request?: string }) => {
      setExitCode(await (await import('./answer.ts')).answer(id, answers, flags))
    })
}
