// The words and options of the command `batch`, for the command line's help and parser. What it does is in batch.ts, which is loaded when
// it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { BatchFlags } from './batch.ts'

const help = `
Each line of <file> is the JSON body of POST /v1/chat ({"prompt": "…"}, and whatever else that takes) with an id of
your own if you like, or just a prompt as a JSON string. Lines are answered in no particular order: each line of the
output has the id, or the number of the line where there is none, and the answer or why there is none.

Stopped or killed in the middle, the same command goes on where it was: nothing that was answered is done again, and
runs that the server has finished meanwhile are taken over. What failed is left alone unless --retry-failed is given.

  claude-serve batch run questions.jsonl -o answers.jsonl --model haiku
  jq -r 'select(.status == "succeeded") | .response.result' answers.jsonl`

export function addBatch(program: Command, setExitCode: SetExitCode): void {
  const batch = program
    .command('batch')
    .description('send a file of prompts, and keep the answers in another')
    .helpCommand(false)
  const run = batch
    .command('run <file>')
    .description('send each line of a file (- is standard input) to the server')
    .requiredOption('-o, --output <file>', 'file for the answers; what is there already is gone on with')
    .option('-c, --concurrency <count>', 'how many at a time', '4')
    .option('--model <model>', 'model for lines that name none')
    .option('--defaults <json>', `fields for lines that lack them, such as '{"max_turns": 3}'`)
    .option('--retry-failed', 'try again what failed')
    .option('--redo-changed', 'answer anew the lines whose request was changed since')
    .addHelpText('after', help)
  addServerOptions(run).action(async (file: string, flags: BatchFlags) => {
    setExitCode(await (await import('./batch.ts')).runBatch(file, flags))
  })
}
