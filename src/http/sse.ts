// Server-sent events on the wire: frames to bytes, heartbeats in silence, and a reader that is slow or gone. Knows nothing
// of any dialect.
import type { ServerResponse } from 'node:http'

/** One server-sent event before it is bytes. `data` must be free of line breaks, as JSON is. */
export type Frame = { id?: number; event?: string; data: string }

export type SseOptions = {
  headers: Record<string, string | number | string[] | undefined>
  /** A comment line is sent after so many milliseconds of silence. */
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

export function openSse(
  response: ServerResponse,
  { headers, heartbeatMs = 15_000, stallMs = 120_000 }: SseOptions,
): SseStream {
  response.writeHead(200, {
    ...(headers as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n')
  }, heartbeatMs)
  response.once('close', () => clearInterval(heartbeat))
  return {
    async write(frames) {
      if (response.destroyed) return false
      heartbeat.refresh()
      const hasRoom = response.write(frames.map(encodeFrame).join(''))
      return hasRoom || waitForReader(response, stallMs)
    },
    end() {
      clearInterval(heartbeat)
      response.end()
    },
  }
}
