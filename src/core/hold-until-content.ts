// Holds back the start of a streamed run until it produces content: until then a failure can still be sent with its own
// HTTP status.
import { isContent, type RunEnd, type RunEvent } from './events.ts'

/** How long the first byte of a stream may be held back, in milliseconds. */
const statusHoldMs = 5_000

/** Events that were held back, and the pending read of the next one, if any. */
export type HeldEvents = { held: RunEvent[]; pending: Promise<IteratorResult<RunEvent>> | null }

/**
 * Reads events up to the first with content, or as many as arrive within the time limit. If the run fails before that,
 * this closes the iterator and throws the error that `toFailure` returns.
 */
export async function holdUntilContent(
  events: AsyncIterator<RunEvent>,
  toFailure: (end: RunEnd) => Error,
): Promise<HeldEvents> {
  const held: RunEvent[] = []
  const { promise: tooLate, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), statusHoldMs)
  try {
    for (;;) {
      const pending = events.next()
      const result = await Promise.race([pending, tooLate])
      if (result === null) return { held, pending }
      if (result.done) return { held, pending: null }
      const event = result.value
      if (event.type === 'run-end' && event.outcome !== 'succeeded') throw toFailure(event)
      held.push(event)
      if (event.type === 'run-end' || isContent(event)) return { held, pending: null }
    }
  } catch (error) {
    await events.return?.()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** The events that were held back, then each event as it arrives. */
export async function* withHeldEvents(
  { held, pending }: HeldEvents,
  events: AsyncIterator<RunEvent>,
): AsyncGenerator<RunEvent> {
  yield* held
  for (let next = pending; ; next = null) {
    const { done, value } = await (next ?? events.next())
    if (done) return
    yield value
  }
}
