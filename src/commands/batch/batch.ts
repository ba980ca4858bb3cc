// The commands `batch run`, which checks its options, sets up what the lines need (files, server, progress, signals) and prints the
// summary, and `batch cancel`.

import { isObject, parseJson } from '../../platform/json.ts'
import { type ExitCode, notAccepted, note, print, printJson, readCount, runCommand } from '../command.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { onStopSignals } from '../stop-signals.ts'
import { Attempts } from './attempts.ts'
import { claimOutput } from './claim.ts'
import { checkInput, itemsOf, resolveOutputPath, totalOf } from './files.ts'
import type { Request } from './input.ts'
import { BatchOutput } from './output.ts'
import { Pace, Stopped } from './pace.ts'
import { startProgress } from './progress.ts'
import { newTally, type RetryOptions, runLines, type Tally } from './run.ts'
import { BatchServer } from './server.ts'
import { runServerSide } from './server-side.ts'
import { StoredBatches } from './stored-batches.ts'
import { isSuccess, type Summary, summaryAsJson, summaryAsLines } from './summary.ts'

export type BatchFlags = ServerFlags & {
  output: string
  concurrency: string
  model?: string
  defaults?: string
  retryFailed?: boolean
  redoChanged?: boolean
  serverSide?: boolean
}

type Work = {
  file: string
  output: BatchOutput
  server: BatchServer
  /** What idempotency keys are derived from. */
  batch: string
  defaults: Request
  concurrency: number
  retry: RetryOptions
  isServerSide: boolean
}

export function runBatch(file: string, flags: BatchFlags): Promise<ExitCode> {
  return runCommand('batch run', async () => {
    const concurrency = readCount('--concurrency', flags.concurrency, 256)
    const defaults = readDefaults(flags)
    const retry = { retryFailed: flags.retryFailed === true, redoChanged: flags.redoChanged === true }
    const path = resolveOutputPath(flags.output)
    checkInput(file, path)
    const server = new BatchServer(flags)
    await server.check()
    const claim = await claimOutput(path)
    const output = await BatchOutput.open(path).catch(async (error) => {
      await claim.abandon()
      throw error
    })
    const work = {
      file,
      output,
      server,
      batch: claim.batch,
      defaults,
      concurrency,
      retry,
      isServerSide: flags.serverSide === true,
    }
    const { summary, error } = await processLines(work)
    if (summary.isComplete) {
      await output.compact()
      await claim.complete()
    }
    await output.close()
    for (const line of summaryAsLines(summary)) note(line)
    if (flags.json === true) printJson(summaryAsJson(summary))
    if (error !== null) throw error
    return isSuccess(summary) ? 0 : 1
  })
}

/** Cancels a batch that the server works through by itself. */
export function cancelBatch(id: string, flags: ServerFlags): Promise<ExitCode> {
  return runCommand('batch cancel', async () => {
    const client = await ServerClient.find(flags)
    const response = await client.send('POST', `/v1/batches/${encodeURIComponent(id)}/cancel`, { body: {} })
    const batch: unknown = await response.json()
    if (!isObject(batch) || typeof batch.status !== 'string') throw client.isForeign()
    if (flags.json === true) printJson(batch)
    else print(`cancelling ${id}`)
    return 0
  })
}

function readDefaults({ defaults, model }: BatchFlags): Request {
  const fields = defaults === undefined ? {} : parseJson(defaults)
  if (!isObject(fields) || 'id' in fields) {
    const accepted = 'give a JSON object with fields of POST /v1/chat, such as {"max_turns": 3}'
    throw notAccepted('--defaults', defaults, accepted)
  }
  return { ...fields, ...(model === undefined ? {} : { model }) }
}

/** `error`: what would have failed every remaining line. */
async function processLines(work: Work): Promise<{ summary: Summary; error: unknown }> {
  const { file, output, server, batch, defaults, concurrency, retry, isServerSide } = work
  const [stop, abort, tally, startedAt] = [new AbortController(), new AbortController(), newTally(), performance.now()]
  // The reader of stderr may go away.
  process.stderr.on('error', () => {})
  const progress = startProgress(process.stderr.isTTY === true)
  const removeListeners = onStopSignals(
    ['SIGINT', 'SIGTERM', 'SIGHUP'],
    () => {
      if (!isServerSide) progress.setWait('cancelling running requests; interrupt again to exit immediately')
      stop.abort()
      abort.abort()
    },
    () => progress.end(),
  )
  const pace = new Pace({ stop: stop.signal, onWait: (reason) => progress.setWait(reason) })
  const items = itemsOf(file, defaults, stop.signal)
  void totalOf(file, stop.signal).then((total) => progress.setTotal(total))
  const parts = { items, output, pace, retry, tally, stop }
  const onProgress = (now: Tally) => progress.update(now)
  const lines = () => {
    const attempts = new Attempts({ server, pace, batch, defaults, abort: abort.signal })
    return runLines({ ...parts, attempts, onLine: () => onProgress(tally) }, concurrency)
  }
  const error = await (isServerSide
    ? runServerSide({ ...parts, batches: new StoredBatches(server, pace), batch, onProgress })
    : lines()
  ).then(
    () => null,
    (reason: unknown) => (reason instanceof Stopped ? null : reason),
  )
  progress.end()
  removeListeners()
  const isComplete = error === null && !stop.signal.aborted
  stop.abort()
  const durationMs = performance.now() - startedAt
  return { summary: { tally, output: output.path, durationMs, isComplete }, error }
}
