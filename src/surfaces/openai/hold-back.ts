// Holds the HTTP status of a stream back until the run shows something: until then a failure still gets a status of its own.
import type { RunEvent } from '../../core/events.ts'
import { isContent } from '../../core/events.ts'
import { runFailure } from './errors.ts'

/** Events that were held back, and the one that is being waited for, if any. */
export type Early = { told: RunEvent[]; next: Promise<IteratorResult<RunEvent>> | null }

/** How long a stream may stay without its first byte, in milliseconds. */
const statusHoldMs = 5_000

/**
 * The events up to the first that shows something, or as many as come in the time that there is. A run that fails without
 * having shown anything is thrown.
 */
export async function firstEvents(events: AsyncIterator<RunEvent>, runId: string): Promise<Early> {
  const told: RunEvent[] = []
  const { promise: tooLate, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), statusHoldMs)
  try {
    for (;;) {
      const next = events.next()
      const result = await Promise.race([next, tooLate])
      if (result === null) return { told, next }
      if (result.done) return { told, next: null }
      const event = result.value
      if (event.type === 'run-end' && event.outcome !== 'succeeded') throw runFailure(event, runId)
      told.push(event)
      if (event.type === 'run-end' || isContent(event)) return { told, next: null }
    }
  } catch (fault) {
    await events.return?.()
    throw fault
  } finally {
    clearTimeout(timer)
  }
}

/** What was held back and then each event as it comes. */
export async function* allEvents({ told, next }: Early, events: AsyncIterator<RunEvent>): AsyncGenerator<RunEvent> {
  yield* told
  let pending = next
  for (;;) {
    const { done, value } = await (pending ?? events.next())
    pending = null
    if (done) return
    yield value
  }
}
