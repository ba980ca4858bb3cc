// The final report of a batch: a few lines for people, or JSON for scripts. Pure.
import { endedNow, showDollars, showTime } from './progress.ts'
import type { Tally } from './run.ts'

export type Summary = { tally: Tally; output: string; durationMs: number; isComplete: boolean }

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`

/** Whether every input line has a successful answer to its current request. */
export const isSuccess = ({ tally, isComplete }: Summary): boolean =>
  isComplete && tally.failed + tally.failedEarlier + tally.changed === 0

export function summaryAsLines(summary: Summary): string[] {
  const { tally, output, durationMs, isComplete } = summary
  const { succeeded, failed, succeededEarlier, failedEarlier, changed, firstChanged, costUsd } = tally
  const now = `${plural(endedNow(tally), 'line')} in ${showTime(durationMs / 1000)}`
  const what = [`${succeeded} succeeded`, `${failed} failed`, ...(costUsd > 0 ? [showDollars(costUsd)] : [])]
  const lines = [`${now}: ${what.join(', ')}; answers in ${output}`]
  if (succeededEarlier > 0) lines.push(`${plural(succeededEarlier, 'line')} answered earlier`)
  const failedTotal = failed + failedEarlier
  if (failedEarlier > 0) lines.push(`${plural(failedEarlier, 'line')} failed earlier`)
  if (failedTotal > 0 && isComplete) lines.push('--retry-failed retries failed lines')
  if (firstChanged !== null) {
    const first = `the first is line ${firstChanged.line}, id ${JSON.stringify(firstChanged.id)}`
    const hint = '--redo-changed answers them again, a different --output answers all lines again'
    lines.push(`${plural(changed, 'line')} answered earlier, but the request has changed since (${first}): ${hint}`)
  }
  if (!isComplete) lines.push('stopped early; run the same command again to resume')
  return lines
}

export function summaryAsJson(summary: Summary) {
  const { tally, output, durationMs, isComplete } = summary
  return {
    complete: isComplete,
    succeeded: tally.succeeded,
    failed: tally.failed,
    succeeded_earlier: tally.succeededEarlier,
    failed_earlier: tally.failedEarlier,
    changed: tally.changed,
    cost_usd: tally.costUsd,
    duration_ms: Math.round(durationMs),
    output,
  }
}
