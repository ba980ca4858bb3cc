// Arguments and options of the command `batch`, for the parser and the help. The command itself is in batch.ts, which is loaded on demand.
import { type Command, Option } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions, type ServerFlags } from '../server-client.ts'
import type { BatchFlags } from './batch.ts'

const help = `
Each line of <file> is the JSON body of POST /v1/chat ({"prompt": "…"} and any other of its fields), optionally with
an id of your choice, or just a prompt as a JSON string. Lines are answered in no particular order. Each line of the
output contains the id, or the line number if there is no id, and either the answer or the error. A line leaves no
conversation behind unless it sets "persist": true or continues one.

If the command is stopped or killed, run it again to resume: answered lines are not sent again, and answers of runs
that the server has finished in the meantime are collected. Failed lines are skipped unless you pass --retry-failed.

With --server-side the server gets all lines at once, as a batch that goes on while this command is stopped, and after a
restart of the server. Requests that somebody waits for go first, and the batch pauses while the plan is used up (see
--batch-concurrency of the server). What has no answer after 24 hours expires; "batch cancel <id>" stops the rest.

  claude-serve batch run questions.jsonl -o answers.jsonl --model haiku
  jq -r 'select(.status == "succeeded") | .response.result' answers.jsonl`

export function addBatch(program: Command, setExitCode: SetExitCode): void {
  const batch = program
    .command('batch')
    .description('send a file of prompts and store the answers in another file')
    .helpCommand(false)
  const run = batch
    .command('run <file>')
    .description('send each line of a file (- is standard input) to the server')
    .requiredOption('-o, --output <file>', 'file for the answers; an existing file is continued')
    .option('-c, --concurrency <count>', 'how many lines to process at a time', '4')
    .option('--model <model>', 'model for lines that do not set one')
    .option('--defaults <json>', `default fields for each line, such as '{"max_turns": 3}'`)
    .option('--retry-failed', 'retry lines that failed')
    .option('--redo-changed', 'answer lines again if their request has changed')
    .addOption(
      new Option(
        '--server-side',
        'let the server work through the lines by itself, also while this command is not running',
      ).conflicts('concurrency'),
    )
    .addHelpText('after', help)
  const cancel = batch
    .command('cancel <id>')
    .description('stop a batch of --server-side; requests that have begun are still answered')
  addServerOptions(cancel).action(async (id: string, flags: ServerFlags) => {
    setExitCode(await (await import('./batch.ts')).cancelBatch(id, flags))
  })
  addServerOptions(run).action(async (file: string, flags: BatchFlags) => {
    setExitCode(await (await import('./batch.ts')).runBatch(file, flags))
  })
}
