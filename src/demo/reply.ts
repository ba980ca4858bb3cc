// Answers one POST /v1/messages as its step specifies: an error, silence, a malformed answer, a message or a stream.
// The stream itself is sent by reply-stream.ts.
import type { MessagesBody } from './messages-body.ts'
import { composeReply, wholeMessage } from './reply-content.ts'
import type { ReplySink } from './reply-sink.ts'
import { streamReply } from './reply-stream.ts'
import type { Step } from './step.ts'

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  502: 'api_error',
  503: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** What a reply needs to know about its request; its final status is passed to `onStatus`. */
export type Exchange = {
  sink: ReplySink
  body: MessagesBody
  step: Step
  requestId: string
  onStatus: (status: number) => void
}

export function errorBody(status: number, message: string, requestId: string, type?: string): Record<string, unknown> {
  return {
    type: 'error',
    error: { type: type ?? ERROR_TYPES[status] ?? 'api_error', message },
    request_id: requestId,
  }
}

export async function sendReply({ sink, body, step, requestId, onStatus }: Exchange): Promise<void> {
  await sink.pause(step.ttft)
  if (step.hang === 'headers') await sink.untilGone()
  const headers = { 'request-id': requestId, ...step.headers }
  if (step.status !== undefined && step.status >= 400) {
    onStatus(step.status)
    return sendError(sink, step, step.status, requestId)
  }
  onStatus(200)
  if (step.malformed === 'html') {
    sink.head(200, { 'content-type': 'text/html', ...headers })
    return sink.end('<!doctype html><title>Sign in</title><p>This network wants you to sign in.</p>')
  }
  const reply = composeReply(step, body)
  if (!body.stream || step.malformed === 'nonsse') {
    if (step.hang === 'body') await sink.untilGone()
    return sink.json(200, wholeMessage(reply), headers)
  }
  sink.head(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', ...headers })
  if (step.raw !== undefined) return sink.end(step.raw)
  await streamReply(sink, step, reply)
}

function sendError(sink: ReplySink, step: Step, status: number, requestId: string): void {
  const retry = step.retry_after === undefined ? {} : { 'retry-after': String(step.retry_after) }
  const message = step.message ?? `scripted ${status}`
  const headers = { 'request-id': requestId, ...retry, ...step.headers }
  sink.json(status, errorBody(status, message, requestId, step.error_type), headers)
}
