// The beginning of a run that is answered as a stream, held back until it shows something: until then a failure can still
// have an HTTP status of its own.
import { isContent, type RunEnd, type RunEvent } from '../core/events.ts'

/** How long a stream may stay without its first byte, in milliseconds. */
const statusHoldMs = 5_000

/** Events that were held back, and the one that is being waited for, if any. */
export type EarlyEvents = { told: RunEvent[]; next: Promise<IteratorResult<RunEvent>> | null }

/**
 * The events up to the first that shows something, or as many as come in the time that there is. A run that fails without
 * having shown anything throws what `toFailure` makes of it; the iterator is closed then.
 */
export async function takeEarlyEvents(
  events: AsyncIterator<RunEvent>,
  toFailure: (end: RunEnd) => Error,
): Promise<EarlyEvents> {
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
      if (event.type === 'run-end' && event.outcome !== 'succeeded') throw toFailure(event)
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
export async function* allEvents(
  { told, next }: EarlyEvents,
  events: AsyncIterator<RunEvent>,
): AsyncGenerator<RunEvent> {
  yield* told
  let pending = next
  for (;;) {
    const { done, value } = await (pending ?? events.next())
    pending = null
    if (done) return
    yield value
  }
}
