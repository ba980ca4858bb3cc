// Streams the events of a run. If the connection breaks, it reconnects and continues after the last event received.
import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { ApiError, send } from './api.ts'

const firstWaitMs = 250
const longestWaitMs = 5_000

export type FollowOptions = {
  signal: AbortSignal
  /** Called with true when the connection is lost, and with false when it is back. */
  onReconnecting(isReconnecting: boolean): void
}

/** Ends after `done` or `error`. Throws ApiError if the server rejects the request. */
export async function* followRun(runId: string, { signal, onReconnecting }: FollowOptions): AsyncGenerator<ChatEvent> {
  let after = 0
  let waitMs = firstWaitMs
  for (;;) {
    try {
      const response = await send(`/v1/runs/${runId}/events?events=full&after=${after}`, { signal })
      onReconnecting(false)
      for await (const { id, data } of eventsOf(response)) {
        after = Number(id ?? after)
        waitMs = firstWaitMs
        const event = JSON.parse(data) as ChatEvent
        yield event
        if (event.type === 'done' || event.type === 'error') return
      }
    } catch (error) {
      // A connection that breaks in the middle of the body throws a TypeError.
      const isRetryable = error instanceof TypeError || (error instanceof ApiError && isTemporary(error))
      if (!isRetryable || signal.aborted) throw error
    }
    onReconnecting(true)
    await waitUnlessAborted(waitMs, signal)
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  }
}

const isTemporary = ({ code, status }: ApiError) => code === 'offline' || status === 429 || status === 503

async function* eventsOf(response: Response): AsyncGenerator<{ id?: string | undefined; data: string }> {
  if (response.body === null) return
  const reader = response.body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>)
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function waitUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
