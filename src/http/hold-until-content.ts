// Holds back the start of a streamed run until it produces content: until then a failure can still be sent with its own
// HTTP status.
import { isContent, type RunEvent } from '../core/events.ts'
import { type RunHandle, runFailure } from '../core/runs.ts'

/** How long the first byte of a stream may be held back, in milliseconds. */
const statusHoldMs = 5_000

/**
 * Resolves with the events of the run, once the first with content has arrived or the time limit has passed. A run that
 * fails throws its error: here if it fails before that, otherwise in place of its end.
 */
export async function holdUntilContent(run: RunHandle): Promise<AsyncGenerator<RunEvent>> {
  const events = unlessFailed(run)
  const held: RunEvent[] = []
  const { promise: tooLate, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), statusHoldMs)
  try {
    for (;;) {
      const pending = events.next()
      const result = await Promise.race([pending, tooLate])
      if (result === null) return withHeldEvents(held, events, pending)
      if (result.done) return withHeldEvents(held, events)
      held.push(result.value)
      if (result.value.type === 'run-end' || isContent(result.value)) return withHeldEvents(held, events)
    }
  } finally {
    clearTimeout(timer)
  }
}

async function* unlessFailed({ id, events }: RunHandle): AsyncGenerator<RunEvent> {
  for await (const event of events) {
    if (event.type === 'run-end' && event.outcome !== 'succeeded') throw runFailure(event, id)
    yield event
  }
}

async function* withHeldEvents(
  held: readonly RunEvent[],
  events: AsyncGenerator<RunEvent>,
  pending: Promise<IteratorResult<RunEvent>> | null = null,
): AsyncGenerator<RunEvent> {
  try {
    yield* held
    const next = await pending
    if (next?.done === false) yield next.value
    yield* events
  } finally {
    await events.return(undefined)
  }
}
