// The order of a run's events, as every agent must emit them and every surface may rely on. Not a part of the server:
// tests check agents with it.
import type { RunEnd, RunEvent } from '../../src/core/events.ts'

const blockless: ReadonlySet<RunEvent['type']> = new Set([
  'tool-result',
  'task-start',
  'mcp-servers',
  'compact-start',
  'compact-end',
  'task-progress',
  'task-end',
  'retry',
  'usage',
  'ask',
  'ask-answered',
])

const kindOf = (type: RunEvent['type']) => type.slice(0, type.indexOf('-'))

/**
 * Checks the order of a run's events: `run-start` first, `run-end` last, exactly once each, and blocks that start,
 * continue and end under an index of their own. Only the end of a run that did not succeed may cut a block short.
 */
export class OrderChecker {
  #started = false
  #ended = false
  #open = new Map<number, string>()
  #used = new Set<number>()

  /** Checks the next event; throws an Error that names the broken rule. */
  accept(event: RunEvent): void {
    if (this.#ended) throw new Error(`${event.type} after run-end`)
    if (event.type === 'run-start') return this.#start()
    if (event.type === 'restart') return this.#restart()
    if (!this.#started) throw new Error(`${event.type} before run-start`)
    if (event.type === 'run-end') return this.#end(event)
    if (blockless.has(event.type)) return
    this.#block(event)
  }

  /** Call when the stream is over; throws if `run-end` is missing. */
  finish(): void {
    if (!this.#ended) throw new Error('the stream is over without run-end')
  }

  #start(): void {
    if (this.#started) throw new Error('run-start twice')
    this.#started = true
  }

  /** What came before may have been cut short anywhere. */
  #restart(): void {
    this.#started = false
    this.#open.clear()
    this.#used.clear()
  }

  #end(event: RunEnd): void {
    if (event.outcome === 'succeeded' && this.#open.size > 0) throw new Error('run-end with an open block')
    if ((event.outcome === 'failed') !== (event.error !== null && event.error.code !== 'cancelled')) {
      throw new Error(`run-end with outcome ${event.outcome} and error ${event.error?.code ?? 'null'}`)
    }
    this.#ended = true
  }

  #block(event: RunEvent): void {
    if (!('index' in event)) throw new Error(`${event.type} belongs to no block`)
    const kind = kindOf(event.type)
    if (event.type.endsWith('-start')) {
      if (this.#used.has(event.index)) throw new Error(`block ${event.index} started twice`)
      this.#used.add(event.index)
      this.#open.set(event.index, kind)
      return
    }
    if (this.#open.get(event.index) !== kind)
      throw new Error(`${event.type} for block ${event.index}, which is not open`)
    if (event.type.endsWith('-end')) this.#open.delete(event.index)
  }
}
