// Writes streams, as server-sent events or as lines of JSON: frames to bytes, heartbeats during silence, and readers that
// are slow or gone. It knows nothing about surfaces.
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** One server-sent event. `data` must not contain line breaks; JSON does not. */
export type Frame = { id?: number; event?: string; data: string }

/** An event that carries its type as its name, which the vendors' SDKs need. */
export const namedFrame = (event: { type: string }): Frame => ({ event: event.type, data: JSON.stringify(event) })

/** `lines`: the data of each frame on a line of its own, without its id and name (NDJSON). */
export type StreamFormat = 'events' | 'lines'

export type SseOptions = {
  headers: Record<string, string | number | string[] | undefined>
  format?: StreamFormat
  /** Sent after `heartbeatMs` milliseconds of silence. If absent, a comment, or nothing in a stream of lines, which has no comments. */
  heartbeat?: Frame
  heartbeatMs?: number
  /** A reader that takes nothing for this long, in milliseconds, is disconnected. */
  stallMs?: number
}

export function encodeFrame({ id, event, data }: Frame): string {
  return `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`
}

type Encoding = { type: string; encode(frame: Frame): string; silence: string }

const encodings: Record<StreamFormat, Encoding> = {
  events: { type: 'text/event-stream; charset=utf-8', encode: encodeFrame, silence: ': still here\n\n' },
  lines: { type: 'application/x-ndjson', encode: ({ data }) => `${data}\n`, silence: '' },
}

/** An open stream. `write` resolves to false once nobody is reading: stop then. */
export type SseStream = { write(frames: readonly Frame[]): Promise<boolean>; end(): void }

/** Resolves to true once the reader has taken what was written; to false if it is gone or has stalled for too long. */
function waitForReader(response: ServerResponse, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isReading: boolean) => {
      clearTimeout(timer)
      response.off('drain', onDrain).off('close', onGone).off('error', onGone)
      resolve(isReading)
    }
    const onDrain = () => settle(true)
    const onGone = () => settle(false)
    const timer = setTimeout(() => {
      response.destroy()
      settle(false)
    }, stallMs)
    response.on('drain', onDrain).on('close', onGone).on('error', onGone)
  })
}

/** Written to the socket at a time. With a larger chunk it would be unknown whether the reader takes any of it. */
const chunkBytes = 256 * 1024

/** Resolves to false once nobody is reading. */
async function writeInChunks(response: ServerResponse, bytes: Uint8Array, stallMs: number): Promise<boolean> {
  let isReading = !response.destroyed
  for (let offset = 0; isReading && offset < bytes.length; offset += chunkBytes) {
    const hasRoom = response.write(bytes.subarray(offset, offset + chunkBytes))
    isReading = hasRoom || (await waitForReader(response, stallMs))
  }
  return isReading
}

function beginStream(response: ServerResponse, type: string, headers: SseOptions['headers']): void {
  response.writeHead(200, {
    ...(headers as Record<string, string>),
    'content-type': type,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
}

/** Sends a stream of server-sent events that a library has encoded. Cancels it once nobody is reading. */
export async function pipeSse(
  response: ServerResponse,
  body: ReadableStream<Uint8Array>,
  { headers, stallMs = 120_000 }: Pick<SseOptions, 'headers' | 'stallMs'>,
): Promise<void> {
  beginStream(response, encodings.events.type, headers)
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  response.once('close', cancel)
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (!(await writeInChunks(response, part.value, stallMs))) break
  }
  cancel()
  response.end()
}

/** Sends a body piece by piece, and stops once nobody is reading. `type` is its media type. */
export async function sendPieces(
  reply: FastifyReply,
  pieces: AsyncIterable<Uint8Array>,
  type: string,
  stallMs = 120_000,
): Promise<FastifyReply> {
  const { raw } = reply
  const iterator = pieces[Symbol.asyncIterator]()
  // What fails before there is anything to send has a status of its own.
  let next = await iterator.next()
  reply.hijack()
  beginStream(raw, type, reply.getHeaders())
  try {
    for (; !next.done; next = await iterator.next()) if (!(await writeInChunks(raw, next.value, stallMs))) break
    raw.end()
  } catch (error) {
    // The reader must not take what it has for the whole.
    reply.log.warn({ reason: String(error) }, 'an answer could not be read to its end')
    raw.destroy()
  } finally {
    await iterator.return?.()
  }
  return reply
}

export function openSse(
  response: ServerResponse,
  { headers, format = 'events', heartbeat, heartbeatMs = 15_000, stallMs = 120_000 }: SseOptions,
): SseStream {
  const { type, encode, silence } = encodings[format]
  beginStream(response, type, headers)
  let isWriting = false
  const heartbeatText = heartbeat === undefined ? silence : encode(heartbeat)
  const timer = setInterval(() => {
    if (!isWriting && heartbeatText !== '') response.write(heartbeatText)
  }, heartbeatMs)
  response.once('close', () => clearInterval(timer))
  return {
    async write(frames) {
      timer.refresh()
      isWriting = true
      // Bytes, because cutting between the halves of a character would lose it.
      const bytes = Buffer.from(frames.map(encode).join(''))
      const isReading = await writeInChunks(response, bytes, stallMs)
      isWriting = false
      return isReading
    },
    end() {
      clearInterval(timer)
      response.end()
    },
  }
}
