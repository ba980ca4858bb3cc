// The events of a run's stream, as its client reads them: server-sent events to objects, and an error for a stream that breaks off.
import type { ChatEvent } from '../../surfaces/native/schemas.ts'
import { CommandError } from '../command.ts'

/** Ends after the last event of a run. Throws CommandError for a stream that ends without one, or that is none. */
export async function* readEvents(response: Response, url: string): AsyncGenerator<ChatEvent> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isStream || response.body === null) {
    throw new CommandError(`what answers at ${url} is not claude-serve: give its address with --url`)
  }
  try {
    for await (const event of eventsOf(response.body)) {
      yield event
      if (event.type === 'done' || event.type === 'error') return
    }
  } catch (fault) {
    // What fetch and the decoder throw; the caller knows whether it has hung up itself.
    if (fault instanceof TypeError || fault instanceof SyntaxError) throw brokenOff(fault)
    throw fault
  }
  throw brokenOff()
}

const brokenOff = (cause?: Error) =>
  new CommandError('the connection broke before the answer was complete: claude-serve logs may say why', { cause })

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatEvent> {
  let buffered = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const frames = (buffered + chunk).split('\n\n')
    buffered = frames.pop() ?? ''
    for (const frame of frames) {
      const data = frame
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
      // A frame without data is a sign of life.
      if (data.length > 0) yield JSON.parse(data.join('\n')) as ChatEvent
    }
  }
}
