// A clock that only moves when a test moves it.
import { type Clock, systemClock } from '../../src/platform/clock.ts'

/** Lets everything that is ready run: reactions to promises, and what they start. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export class HandClock implements Clock {
  #nowMs = 0
  readonly #timers = new Map<symbol, { atMs: number; act: () => void }>()

  now(): number {
    return this.#nowMs
  }

  schedule(act: () => void, ms: number): () => void {
    const id = Symbol()
    this.#timers.set(id, { atMs: this.#nowMs + Math.max(ms, 0), act })
    return () => void this.#timers.delete(id)
  }

  /** Moves the time forward. Timers fire in order, each with the time it was set for, and what they cause is settled in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let due = this.#next(untilMs); due !== null; due = this.#next(untilMs)) {
      this.#nowMs = due.atMs
      this.#timers.delete(due.id)
      due.act()
      await settle()
    }
    this.#nowMs = untilMs
  }

  #next(untilMs: number) {
    const due = [...this.#timers].map(([id, timer]) => ({ id, ...timer })).filter(({ atMs }) => atMs <= untilMs)
    return due.sort((a, b) => a.atMs - b.atMs)[0] ?? null
  }
}

/** The system's clock, which a test can move forward: for what only a long time brings about in a real server. */
export class SkippingClock implements Clock {
  #skippedMs = 0
  readonly #timers = new Map<symbol, { atMs: number; act: () => void; cancel: () => void }>()

  now(): number {
    return systemClock.now() + this.#skippedMs
  }

  schedule(act: () => void, ms: number): () => void {
    const id = Symbol()
    const fire = () => {
      this.#timers.delete(id)
      act()
    }
    const cancel = systemClock.schedule(fire, ms)
    this.#timers.set(id, { atMs: this.now() + ms, act: fire, cancel })
    return () => {
      cancel()
      this.#timers.delete(id)
    }
  }

  /** What is due fires at once, in its order. */
  skip(ms: number): void {
    const due = [...this.#timers.values()].filter(({ atMs }) => atMs <= this.now() + ms)
    this.#skippedMs += ms
    for (const { cancel, act } of due.sort((a, b) => a.atMs - b.atMs)) {
      cancel()
      act()
    }
  }
}
