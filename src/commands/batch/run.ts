// The lines of the input, so many at a time: what is done with each, and the count of it. Not for how one is brought to its end (see
// attempts.ts).
import type { Answer, Known } from './answers.ts'
import type { Attempts } from './attempts.ts'
import type { BadItem, Item } from './input.ts'
import type { BatchOutput } from './output.ts'
import { type Pace, Stopped } from './pace.ts'

export type RetryOptions = { retryFailed: boolean; redoChanged: boolean }

export type Tally = {
  /** Answered now. */
  succeeded: number
  failed: number
  /** Answered by an earlier start, and left as they are. */
  succeededEarlier: number
  failedEarlier: number
  /** Answered earlier, but to another request. */
  changed: number
  /** The first of those, for the message. */
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

type Plan = { do: 'run'; attempt: number } | { do: 'leave'; as: 'succeededEarlier' | 'failedEarlier' | 'changed' }

/** What was answered is left alone unless that is asked for; a failed line whose request was changed since is simply tried. */
export function planOf({ hash }: Item, known: Known | null, { retryFailed, redoChanged }: RetryOptions): Plan {
  if (known === null) return { do: 'run', attempt: 0 }
  const isSame = known.hash === hash
  if (known.status === 'failed') {
    if (!isSame) return { do: 'run', attempt: 0 }
    return retryFailed ? { do: 'run', attempt: known.attempt + 1 } : { do: 'leave', as: 'failedEarlier' }
  }
  if (isSame) return { do: 'leave', as: 'succeededEarlier' }
  return redoChanged ? { do: 'run', attempt: 0 } : { do: 'leave', as: 'changed' }
}

export type BatchParts = {
  items: AsyncGenerator<Item | BadItem>
  output: BatchOutput
  attempts: Attempts
  pace: Pace
  wishes: RetryOptions
  tally: Tally
  /** No further line is begun. */
  stop: AbortController
  /** Called after each line. */
  onLine(): void
}

/** Throws what no line can get past; lines that run then are brought to their end. */
export async function runLines(parts: BatchParts, concurrency: number): Promise<void> {
  const { items, stop } = parts
  const faults: unknown[] = []
  const lane = async () => {
    try {
      while (!stop.signal.aborted) {
        const next = await items.next()
        if (next.done) return
        await handle(parts, next.value)
        parts.onLine()
      }
    } catch (fault) {
      if (!(fault instanceof Stopped)) faults.push(fault)
      stop.abort()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  await items.return(undefined)
  if (faults.length > 0) throw faults[0]
}

async function handle(parts: BatchParts, item: Item | BadItem): Promise<void> {
  if (item.kind === 'bad') return handleBad(parts, item)
  const { output, wishes, tally } = parts
  const plan = planOf(item, output.known(item), wishes)
  if (plan.do === 'run') return handleItem(parts, item, plan.attempt)
  tally[plan.as]++
  if (plan.as === 'changed') tally.firstChanged ??= { line: item.line, id: item.id }
}

async function handleBad({ output, tally }: BatchParts, { line, code, message, hash }: BadItem): Promise<void> {
  if (output.known({ id: null, line })?.hash === hash) {
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
