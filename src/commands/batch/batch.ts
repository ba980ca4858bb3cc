// The command `batch run`: what was typed, and everything around the lines of a batch: its files, the server, progress, signals, and what
// is said at the end.

import { answer, type ExitCode, note, printJson, UsageError } from '../command.ts'
import type { ServerFlags } from '../server-client.ts'
import { Attempts } from './attempts.ts'
import { claimOutput } from './claim.ts'
import { checkInput, itemsOf, resolveOutputPath, totalOf } from './files.ts'
import { isObject, type Request } from './input.ts'
import { BatchOutput } from './output.ts'
import { Pace } from './pace.ts'
import { startProgress } from './progress.ts'
import { newTally, type RetryOptions, runLines } from './run.ts'
import { BatchServer } from './server.ts'
import { onStopSignals } from './stop.ts'
import { isGood, type Summary, summaryAsJson, summaryAsLines } from './summary.ts'

export type BatchFlags = ServerFlags & {
  output: string
  concurrency: string
  model?: string
  defaults?: string
  retryFailed?: boolean
  redoChanged?: boolean
}

type Work = {
  file: string
  output: BatchOutput
  server: BatchServer
  /** What the names of its requests are made of. */
  batch: string
  defaults: Request
  concurrency: number
  wishes: RetryOptions
}

const concurrencyMax = 256

export function runBatch(file: string, flags: BatchFlags): Promise<ExitCode> {
  return answer('batch run', async () => {
    const concurrency = readCount(flags.concurrency)
    const defaults = readDefaults(flags)
    const wishes = { retryFailed: flags.retryFailed === true, redoChanged: flags.redoChanged === true }
    const path = resolveOutputPath(flags.output)
    checkInput(file, path)
    const server = new BatchServer(flags)
    await server.check()
    const claim = await claimOutput(path)
    const output = await BatchOutput.open(path).catch(async (fault) => {
      await claim.giveUp()
      throw fault
    })
    const work = { file, output, server, batch: claim.batch, defaults, concurrency, wishes }
    const { summary, fault } = await bringToEnd(work)
    if (summary.isComplete) {
      await output.tidy()
      await claim.complete()
    }
    await output.close()
    for (const line of summaryAsLines(summary)) note(line)
    if (flags.json === true) printJson(summaryAsJson(summary))
    if (fault !== null) throw fault
    return isGood(summary) ? 0 : 1
  })
}

function readCount(word: string): number {
  const count = /^\d{1,3}$/.test(word) ? Number(word) : 0
  if (count >= 1 && count <= concurrencyMax) return count
  const accepted = `give an integer from 1 to ${concurrencyMax}`
  throw new UsageError(`--concurrency: ${JSON.stringify(word)} is not accepted; ${accepted}`)
}

function readDefaults({ defaults, model }: BatchFlags): Request {
  const given = defaults === undefined ? {} : parse(defaults)
  if (!isObject(given) || 'id' in given) {
    const accepted = 'give a JSON object with fields of POST /v1/chat, such as {"max_turns": 3}'
    throw new UsageError(`--defaults: ${JSON.stringify(defaults)} is not accepted; ${accepted}`)
  }
  return { ...given, ...(model === undefined ? {} : { model }) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `fault`: what no line could get past. */
async function bringToEnd(work: Work): Promise<{ summary: Summary; fault: unknown }> {
  const { file, output, server, batch, defaults, concurrency, wishes } = work
  const [stop, abort, tally, startedAt] = [new AbortController(), new AbortController(), newTally(), performance.now()]
  // Whoever reads what is said here may leave.
  process.stderr.on('error', () => {})
  const progress = startProgress(process.stderr.isTTY === true)
  const forget = onStopSignals(
    () => {
      progress.setWait('stopping what runs; once more ends it at once')
      stop.abort()
      abort.abort()
    },
    () => progress.end(),
  )
  const pace = new Pace({ stop: stop.signal, onWait: (reason) => progress.setWait(reason) })
  const attempts = new Attempts({ server, pace, batch, defaults, abort: abort.signal })
  const items = itemsOf(file, defaults, stop.signal)
  void totalOf(file, stop.signal).then((total) => progress.setTotal(total))
  const onLine = () => progress.update(tally)
  const fault = await runLines({ items, output, attempts, pace, wishes, tally, stop, onLine }, concurrency).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  progress.end()
  forget()
  const isComplete = fault === null && !stop.signal.aborted
  stop.abort()
  const durationMs = performance.now() - startedAt
  return { summary: { tally, output: output.path, durationMs, isComplete }, fault }
}
