// How many processes the runs of the last minute could have used at the same time.

/** How long a number counts, in milliseconds. */
const countsForMs = 60_000

/** Who waits for less needs no process of its own: one becomes free soon enough. In milliseconds. */
export const shortWaitMs = 1000

export class Demand {
  #peak = 0
  #peakAt = Number.NEGATIVE_INFINITY

  /** `busy`: how many processes are at work. `waits`: how long each run that has none has waited, in milliseconds. */
  note(now: number, busy: number, waits: readonly number[]): void {
    const count = busy + waits.filter((ms) => ms >= shortWaitMs).length
    if (count < this.peak(now)) return
    this.#peak = count
    this.#peakAt = now
  }

  peak(now: number): number {
    return now - this.#peakAt <= countsForMs ? this.#peak : 0
  }
}
