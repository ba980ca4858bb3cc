// Shows the progress of a running batch: a bar on a terminal, occasional lines elsewhere. The final report is in summary.ts.
import { type Options, SingleBar } from 'cli-progress'
import { note } from '../command.ts'
import type { Tally } from './run.ts'

/** If stderr is not a terminal: one note for this many answered lines. */
const linesPerNote = 100

/** The speed is measured over this many recent lines. */
const speedWindow = 200

export type Progress = {
  /** The number of lines; null (and until it is set) means unknown. */
  setTotal(total: number | null): void
  /** Why nothing is being sent; null if something is. */
  setWait(reason: string | null): void
  update(tally: Tally): void
  end(): void
}

export const endedNow = ({ succeeded, failed }: Tally): number => succeeded + failed

const passed = (tally: Tally): number => endedNow(tally) + tally.succeededEarlier + tally.failedEarlier + tally.changed

export const showDollars = (usd: number): string => `$${usd.toFixed(usd < 1 ? 4 : 2)}`

/** The text beside the bar. Pure. */
export function describe(tally: Tally, perSecond: number | null, total: number | null): string {
  const failed = tally.failed + tally.failedEarlier
  const parts = [`${passed(tally)}/${total ?? '?'}`, `${failed} failed`]
  if (tally.costUsd > 0) parts.push(showDollars(tally.costUsd))
  if (perSecond !== null && perSecond > 0) {
    parts.push(perSecond < 1 ? `${(perSecond * 60).toFixed(1)}/min` : `${perSecond.toFixed(1)}/s`)
    if (total !== null) parts.push(`${showTime((total - passed(tally)) / perSecond)} left`)
  }
  return parts.join(', ')
}

export function showTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Lines per second, from the times at which the most recent ones ended. */
export class Speed {
  readonly #ends: number[] = []

  note(nowMs: number): void {
    this.#ends.push(nowMs)
    if (this.#ends.length > speedWindow) this.#ends.shift()
  }

  /** Null until it can be estimated. */
  get(nowMs: number): number | null {
    const [first] = this.#ends
    if (first === undefined || this.#ends.length < 3 || nowMs <= first) return null
    return ((this.#ends.length - 1) * 1000) / (nowMs - first)
  }
}

export function startProgress(isTerminal: boolean): Progress {
  return isTerminal ? new BarProgress() : new NoteProgress()
}

const barOptions: Options = {
  stream: process.stderr,
  format: '{bar} {text}',
  barsize: 20,
  barCompleteChar: '\u2588',
  barIncompleteChar: '\u2591',
  hideCursor: true,
  clearOnComplete: true,
  forceRedraw: true,
}

class BarProgress implements Progress {
  readonly #bar = new SingleBar(barOptions)
  readonly #speed = new Speed()
  #total: number | null = null
  #wait: string | null = null
  #ended = 0
  #passed = 0

  constructor() {
    this.#bar.start(1, 0, { text: 'reading' })
  }

  setTotal(total: number | null): void {
    this.#total = total
    if (total !== null) this.#bar.setTotal(Math.max(1, total))
  }

  setWait(reason: string | null): void {
    this.#wait = reason
    if (reason !== null) this.#bar.update(this.#shown, { text: reason })
  }

  /** Zero (an empty bar) until the total is known. */
  get #shown(): number {
    return this.#total === null ? 0 : this.#passed
  }

  update(tally: Tally): void {
    const nowMs = performance.now()
    for (; this.#ended < endedNow(tally); this.#ended++) this.#speed.note(nowMs)
    this.#passed = passed(tally)
    const text = this.#wait ?? describe(tally, this.#speed.get(nowMs), this.#total)
    this.#bar.update(this.#shown, { text })
  }

  end(): void {
    this.#bar.stop()
  }
}

class NoteProgress implements Progress {
  #notes = 0
  #total: number | null = null
  #wait: string | null = null

  setTotal(total: number | null): void {
    this.#total = total
  }

  setWait(reason: string | null): void {
    if (reason !== null && reason !== this.#wait) note(reason)
    this.#wait = reason
  }

  update(tally: Tally): void {
    // Several lines may have ended at once.
    const notes = Math.floor(endedNow(tally) / linesPerNote)
    if (notes > this.#notes) note(describe(tally, null, this.#total))
    this.#notes = notes
  }

  end(): void {}
}
