// What came of a batch: a few lines for people, or JSON for scripts. Pure.
import { endedNow, showDollars, showTime } from './progress.ts'
import type { Tally } from './run.ts'

export type Summary = { tally: Tally; output: string; durationMs: number; isComplete: boolean }

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`

/** Whether every line of the input has an answer that is one. */
export const isGood = ({ tally, isComplete }: Summary): boolean =>
  isComplete && tally.failed + tally.failedEarlier + tally.changed === 0

export function summaryAsLines(summary: Summary): string[] {
  const { tally, output, durationMs, isComplete } = summary
  const { succeeded, failed, succeededEarlier, failedEarlier, changed, firstChanged, costUsd } = tally
  const now = `${plural(endedNow(tally), 'line')} in ${showTime(durationMs / 1000)}`
  const what = [`${succeeded} succeeded`, `${failed} failed`, ...(costUsd > 0 ? [showDollars(costUsd)] : [])]
  const lines = [`${now}: ${what.join(', ')}; answers in ${output}`]
  if (succeededEarlier > 0) lines.push(`${plural(succeededEarlier, 'line')} had been answered before`)
  const again = failed + failedEarlier
  if (failedEarlier > 0) lines.push(`${plural(failedEarlier, 'line')} had failed before`)
  if (again > 0 && isComplete) lines.push('--retry-failed tries again what failed')
  if (firstChanged !== null) {
    const first = `the first is line ${firstChanged.line}, id ${JSON.stringify(firstChanged.id)}`
    const hint = '--redo-changed answers them anew, another --output all of them'
    lines.push(`${plural(changed, 'line')} had been answered before, but to another request (${first}): ${hint}`)
  }
  if (!isComplete) lines.push('it has stopped before the end: give the same command again to go on')
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
