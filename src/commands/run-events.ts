// Reads the events of a run from a server's response. Not for what an event means, or for a stream that ends early.
import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { ChatEvent } from '../surfaces/native/reply-schemas.ts'

/** Throws a TypeError or a SyntaxError if the connection breaks or the stream is not ours. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatEvent> {
  const messages = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  for await (const { data } of messages) yield JSON.parse(data) as ChatEvent
}
