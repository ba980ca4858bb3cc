// Processes the input lines concurrently: decides what to do with each, and counts the outcomes. Not for how one line gets its outcome (see
// attempts.ts).
import type { Answer, KnownAnswer } from './answers.ts'
import type { Attempts } from './attempts.ts'
import type { BadItem, Item } from './input.ts'
import type { BatchOutput } from './output.ts'
import { type Pace, Stopped } from './pace.ts'

export type RetryOptions = { retryFailed: boolean; redoChanged: boolean }

export type Tally = {
  /** Answered by this invocation. */
  succeeded: number
  failed: number
  /** Answered by an earlier invocation, and skipped. */
  succeededEarlier: number
  failedEarlier: number
  /** Answered earlier, but the request has changed since. */
  changed: number
  /** The first of these, for the message. */
  firstChanged: { line: number; id: string } | null
  costUsd: number
}

export const newTally = (): Tally => ({
  succeeded: 0,
  failed: 0,
  succeededEarlier: 0,
  failedEarlier: 0,
  changed: 0,
  firstChanged: null,
  costUsd: 0,
})

type Plan =
  | { action: 'run'; attempt: number }
  | { action: 'skip'; counter: 'succeededEarlier' | 'failedEarlier' | 'changed' }

/** Answered lines are skipped unless the options say otherwise; a failed line whose request has changed is always run. */
export function planOf({ hash }: Item, known: KnownAnswer | null, { retryFailed, redoChanged }: RetryOptions): Plan {
  if (known === null) return { action: 'run', attempt: 0 }
  const isSame = known.hash === hash
  if (known.status === 'failed') {
    if (!isSame) return { action: 'run', attempt: 0 }
    return retryFailed ? { action: 'run', attempt: known.attempt + 1 } : { action: 'skip', counter: 'failedEarlier' }
  }
  if (isSame) return { action: 'skip', counter: 'succeededEarlier' }
  return redoChanged ? { action: 'run', attempt: 0 } : { action: 'skip', counter: 'changed' }
}

export type BatchParts = {
  items: AsyncGenerator<Item | BadItem>
  output: BatchOutput
  attempts: Attempts
  pace: Pace
  retry: RetryOptions
  tally: Tally
  /** Once aborted, no further line is started. */
  stop: AbortController
  /** Called after each line. */
  onLine(): void
}

/** Throws an error that would fail every line, after the lines in progress have finished. */
export async function runLines(parts: BatchParts, concurrency: number): Promise<void> {
  const { items, stop } = parts
  const errors: unknown[] = []
  const lane = async () => {
    try {
      while (!stop.signal.aborted) {
        const next = await items.next()
        if (next.done) return
        await handle(parts, next.value)
        parts.onLine()
      }
    } catch (error) {
      if (!(error instanceof Stopped)) errors.push(error)
      stop.abort()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  await items.return(undefined)
  if (errors.length > 0) throw errors[0]
}

async function handle(parts: BatchParts, item: Item | BadItem): Promise<void> {
  if (item.kind === 'bad') return handleBad(parts, item)
  const run = passOver(parts, item)
  if (run !== null) await handleItem(parts, item, run.attempt)
}

type Known = Pick<BatchParts, 'output' | 'retry' | 'tally'>

/** Counts a line that needs no run now; for any other, returns which attempt at it is next. */
export function passOver({ output, retry, tally }: Known, item: Item): { attempt: number } | null {
  const plan = planOf(item, output.find(item), retry)
  if (plan.action === 'run') return plan
  tally[plan.counter]++
  if (plan.counter === 'changed') tally.firstChanged ??= { line: item.line, id: item.id }
  return null
}

/** Writes why the line cannot be sent. */
export async function handleBad(
  { output, tally }: Omit<Known, 'retry'>,
  { line, code, message, hash }: BadItem,
): Promise<void> {
  if (output.find({ id: null, line })?.hash === hash) {
    tally.failedEarlier++
    return
  }
  await output.add({
    id: null,
    line,
    status: 'failed',
    run_id: null,
    response: null,
    error: { code, message, status: null },
    duration_ms: 0,
    request_hash: hash,
    attempt: 0,
  })
  tally.failed++
}

async function handleItem({ output, attempts, pace, tally }: BatchParts, item: Item, first: number): Promise<void> {
  const startedAt = performance.now()
  const { end, runId, attempt } = await attempts.finish(item, first)
  pace.noteEnd()
  const answer: Answer = {
    id: item.id,
    line: item.line,
    status: end.kind,
    run_id: runId,
    response: end.kind === 'succeeded' ? end.response : null,
    error: end.kind === 'failed' ? end.error : null,
    duration_ms: Math.round(performance.now() - startedAt),
    request_hash: item.hash,
    attempt,
  }
  await output.add(answer)
  tally[end.kind]++
  tally.costUsd += end.costUsd
}
