// Server-sent events on the wire: frames to bytes, heartbeats in silence, and a reader that is slow or gone. Knows nothing
// of any surface.
import type { ServerResponse } from 'node:http'

/** One server-sent event before it is bytes. `data` must be free of line breaks, as JSON is. */
export type Frame = { id?: number; event?: string; data: string }

export type SseOptions = {
  headers: Record<string, string | number | string[] | undefined>
  /** What is sent in silence, after so many milliseconds of it: a comment line unless the surface has an event for it. */
  heartbeat?: Frame
  heartbeatMs?: number
  /** A reader that takes nothing for so long is given up, in milliseconds. */
  stallMs?: number
}

export function encodeFrame({ id, event, data }: Frame): string {
  return `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`
}

/** An open stream. `write` resolves to false once nobody reads any more: stop then. */
export type SseStream = { write(frames: readonly Frame[]): Promise<boolean>; end(): void }

/** Resolves when the reader has taken what was written (true), is gone, or has not moved for too long (false). */
function waitForReader(response: ServerResponse, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (goesOn: boolean) => {
      clearTimeout(timer)
      response.off('drain', onDrain).off('close', onGone).off('error', onGone)
      resolve(goesOn)
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

/** What is given to the socket at a time: of a larger piece nobody could tell whether the reader takes any of it. */
const pieceBytes = 256 * 1024

export function openSse(
  response: ServerResponse,
  { headers, heartbeat, heartbeatMs = 15_000, stallMs = 120_000 }: SseOptions,
): SseStream {
  response.writeHead(200, {
    ...(headers as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  let isWriting = false
  const sign = heartbeat === undefined ? ': still here\n\n' : encodeFrame(heartbeat)
  const timer = setInterval(() => {
    if (!isWriting) response.write(sign)
  }, heartbeatMs)
  response.once('close', () => clearInterval(timer))
  return {
    async write(frames) {
      timer.refresh()
      isWriting = true
      // Bytes, as a cut between the halves of a character would lose it.
      const bytes = Buffer.from(frames.map(encodeFrame).join(''))
      let goesOn = !response.destroyed
      for (let at = 0; goesOn && at < bytes.length; at += pieceBytes) {
        const hasRoom = response.write(bytes.subarray(at, at + pieceBytes))
        goesOn = hasRoom || (await waitForReader(response, stallMs))
      }
      isWriting = false
      return goesOn
    },
    end() {
      clearInterval(timer)
      response.end()
    },
  }
}
