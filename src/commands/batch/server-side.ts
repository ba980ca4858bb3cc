// `batch run --server-side`: hands the lines to the server as batches of its own, which go on without this process, and collects their
// answers, also those of an earlier invocation. What a line's custom_id says is enough to write its answer, whatever the input is by then.
import { randomUUID } from 'node:crypto'
import { isObject } from '../../platform/json.ts'
import { CommandError, note } from '../command.ts'
import type { Answer, AnswerError } from './answers.ts'
import { withoutTrace } from './attempts.ts'
import type { BadItem, Item } from './input.ts'
import { type BatchParts, handleBad, passOver, type Tally } from './run.ts'
import { costOf, failureOf } from './server.ts'
import type { StoredBatch, StoredBatches, StoredResult } from './stored-batches.ts'

/** As many requests as a batch may have, and well below what a file may have. */
const [requestsMax, bytesMax] = [50_000, 100 * 1024 * 1024]

const [pollMinS, pollMaxS] = [0.25, 5]

export type ServerSideParts = Omit<BatchParts, 'attempts' | 'onLine'> & {
  batches: StoredBatches
  /** By which an output's batches are found again. */
  batch: string
  onProgress(tally: Tally): void
}

/** Throws CommandError and Stopped. */
export async function runServerSide(parts: ServerSideParts): Promise<void> {
  const { batches, batch } = parts
  for (const { id } of await batches.find({ [outputField]: batch })) await collect(parts, id)
  for (;;) {
    const requests = await nextRequests(parts)
    if (requests === null) return
    const { id } = await batches.create(requests, { [outputField]: batch, part: randomUUID() })
    note(`the server works on ${id}; if you interrupt this command, run it again to collect the answers`)
    await collect(parts, id)
  }
}

const outputField = 'claude_serve_output'

/** Null if no line is left to be sent. */
async function nextRequests(parts: ServerSideParts): Promise<Blob | null> {
  const { items, stop, tally, onProgress } = parts
  const lines: Buffer<ArrayBuffer>[] = []
  let bytes = 0
  while (lines.length < requestsMax && bytes < bytesMax && !stop.signal.aborted) {
    const next = await items.next()
    if (next.done) break
    const line = await requestOf(parts, next.value)
    onProgress(tally)
    if (line === null) continue
    lines.push(line)
    bytes += line.length
  }
  return lines.length === 0 ? null : new Blob(lines)
}

/** Null if the line is not to be sent. */
async function requestOf(parts: ServerSideParts, item: Item | BadItem): Promise<Buffer<ArrayBuffer> | null> {
  if (item.kind === 'bad') {
    await handleBad(parts, item)
    return null
  }
  const plan = passOver(parts, item)
  if (plan === null) return null
  const { background: _, on_crash: __, ...body } = withoutTrace(item.request)
  const custom_id = [item.hash, plan.attempt, item.line, item.id].join('.')
  return Buffer.from(`${JSON.stringify({ custom_id, method: 'POST', url: '/v1/chat', body })}\n`)
}

/** Waits for the batch to end, and writes its answers. */
async function collect(parts: ServerSideParts, id: string): Promise<void> {
  const { batches } = parts
  const batch = await untilEnded(parts, id)
  if (batch.status === 'failed') throw new CommandError(`the server rejects the batch: ${reasonOf(batch)}`)
  if (!(await batches.hasResults(batch))) return
  for await (const result of batches.results(batch)) await addAnswer(parts, result)
  await batches.deleteResults(batch)
  if (batch.status === 'completed') return
  const why = batch.status === 'cancelled' ? 'was cancelled' : 'expired'
  throw new CommandError(`${id} ${why}: run the same command again to send the lines that have no answer`)
}

const reasonOf = ({ errors }: StoredBatch) =>
  errors?.data.map(({ line, message }) => (line === null ? message : `request ${line}: ${message}`)).join('; ') ??
  'it does not say why'

async function untilEnded({ batches, pace, tally, onProgress }: ServerSideParts, id: string): Promise<StoredBatch> {
  for (let pollS = pollMinS; ; pollS = Math.min(pollS * 2, pollMaxS)) {
    const batch = await batches.get(id)
    const { status, request_counts: counts } = batch
    if (status !== 'in_progress' && status !== 'cancelling') return batch
    onProgress({ ...tally, succeeded: tally.succeeded + counts.completed, failed: tally.failed + counts.failed })
    await pace.rest(pollS)
  }
}

/** Does nothing for an answer that an earlier invocation has written, and for requests that were not sent to the model. */
async function addAnswer({ output, tally, onProgress }: ServerSideParts, result: StoredResult): Promise<void> {
  if (result.response === null) return
  const [hash = '', attempt, line, ...id] = result.custom_id.split('.')
  const item = { id: id.join('.'), line: Number(line) }
  const known = output.find(item)
  if (known?.hash === hash && known.attempt >= Number(attempt)) return
  const { status_code: status, request_id: runId, body } = result.response
  const reply = isObject(body) ? body : {}
  const isSuccess = status === 200
  const error: AnswerError | null = isSuccess ? null : failureOf(reply, status).error
  const answer: Answer = {
    ...item,
    status: isSuccess ? 'succeeded' : 'failed',
    run_id: runId === '' ? null : runId,
    response: isSuccess ? reply : null,
    error,
    duration_ms: typeof reply.duration_ms === 'number' ? reply.duration_ms : 0,
    request_hash: hash,
    attempt: Number(attempt),
  }
  await output.add(answer)
  tally[answer.status]++
  tally.costUsd += isSuccess ? costOf(reply) : failureOf(reply, status).costUsd
  onProgress(tally)
}
