// What every chaos scenario is given, and what it reports: how often it tried to break a promise, and how often the promise did not hold.
import type { TestContext } from 'node:test'
import { random } from '../faults/killed-scene.ts'

/** `short` for `npm run test:extended`, `full` for `npm run test:chaos`. */
export type Size = 'short' | 'full'

export type TrialOptions = { size: Size; seed: number; minutes: number; onProgress?: (text: string) => void }

export class Trial implements Pick<TestContext, 'after'> {
  readonly size: Size
  /** How long load lasts that has no natural end. */
  readonly minutes: number
  /** How often the promise was put to the test. */
  tried = 0
  /** Each time that it did not hold, in words. */
  readonly lost: string[] = []
  /** What else is worth knowing, such as the memory before and after. */
  readonly notes: string[] = []
  readonly #onProgress: (text: string) => void
  readonly #cleanups: (() => unknown)[] = []

  constructor({ size, seed, minutes, onProgress = () => {} }: TrialOptions) {
    this.size = size
    this.minutes = minutes
    this.random = random(seed)
    this.#onProgress = onProgress
  }

  /** From 0 to 1; the same sequence for the same seed. */
  readonly random: () => number

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.random() * choices.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }

  times(short: number, full: number): number {
    return this.size === 'short' ? short : full
  }

  /** One attempt: what `check` throws is a loss. */
  async check(what: string, check: () => unknown): Promise<void> {
    this.tried++
    try {
      await check()
    } catch (error) {
      this.lost.push(
        `${what}: ${error instanceof Error ? error.message.split('\n').slice(0, 6).join(' ') : String(error)}`,
      )
    }
    this.#onProgress(`${this.tried} tried, ${this.lost.length} lost`)
  }

  /** Several attempts of one kind, counted together. */
  count(tried: number, lost: readonly string[]): void {
    this.tried += tried
    this.lost.push(...lost)
    this.#onProgress(`${this.tried} tried, ${this.lost.length} lost`)
  }

  note(text: string): void {
    this.notes.push(text)
  }

  after: TestContext['after'] = (cleanup) => {
    if (cleanup !== undefined) this.#cleanups.push(cleanup as () => unknown)
  }

  async cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup()
  }
}

export type Scenario = {
  name: string
  /** What must hold, as a sentence for SECURITY.md. */
  promise: string
  /** What is counted. */
  unit: string
  run(trial: Trial): Promise<void>
}

/** Runs a scenario to its end; an exception of its own counts as a loss. */
export async function runScenario(scenario: Scenario, options: TrialOptions): Promise<Trial> {
  const trial = new Trial(options)
  const stop = () => void trial.cleanUp().finally(() => process.exit(130))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    await scenario.run(trial)
  } catch (error) {
    trial.lost.push(`the scenario could not be carried out: ${error instanceof Error ? error.stack : String(error)}`)
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
    await trial.cleanUp()
  }
  return trial
}
