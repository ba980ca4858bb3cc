// Reads the events of `chat`'s run up to the last one, and reports a response that is not a stream, or ends early.

import { ownCommand } from '../../platform/installation.ts'
import type { ChatEvent } from '../../surfaces/native/reply-schemas.ts'
import { CommandError } from '../command.ts'
import { eventsOf } from '../run-events.ts'
import type { ServerClient } from '../server-client.ts'

/** Returns after the last event of a run. Throws CommandError if the stream ends without one, or the response is not a stream. */
export async function* readEvents(response: Response, client: ServerClient): AsyncGenerator<ChatEvent> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isStream || response.body === null) throw client.isForeign()
  try {
    for await (const event of eventsOf(response.body)) {
      yield event
      if (event.type === 'done' || event.type === 'error') return
    }
  } catch (error) {
    // Thrown by fetch and the decoder. The caller knows whether it has disconnected itself.
    if (error instanceof TypeError || error instanceof SyntaxError) throw incompleteAnswer(error)
    throw error
  }
  throw incompleteAnswer()
}

const incompleteAnswer = (cause?: Error) =>
  new CommandError(`the connection broke before the answer was complete: ${ownCommand('logs')} may show why`, { cause })
