// Answers a request with a run, whole or as server-sent events, for every surface. The surface decides what its frames
// contain.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunEnd, RunEvent } from '../core/events.ts'
import { holdUntilContent, withHeldEvents } from '../core/hold-until-content.ts'
import { type RunHandle, type Runs, runFailure } from '../core/runs.ts'
import type { AppError } from '../errors.ts'
import type { ReaderLimits } from './reader-limits.ts'
import { toRequestError } from './request-errors.ts'
import { type Frame, openSse } from './sse.ts'

/** Passes each event of the run to `accept` and returns its end. Throws if the run did not succeed. */
export async function collectRun(run: RunHandle, accept: (event: RunEvent) => void): Promise<RunEnd> {
  let end: RunEnd | null = null
  for await (const event of run.events) {
    accept(event)
    if (event.type === 'run-end') end = event
  }
  if (end === null) throw new Error('the run ended without a run-end event')
  if (end.outcome !== 'succeeded') throw runFailure(end, run.id)
  return end
}

/** How a surface encodes a run as a stream. `toFrames` receives the end only if the run succeeded. */
export type StreamEncoder = {
  toFrames(event: RunEvent): Frame[]
  toErrorFrames(error: AppError): Frame[]
  /** Sent during silence; a comment line if absent. */
  heartbeat?: Frame
}

/** Throws if the run fails before it produces content, so that the answer has a real HTTP status. */
export async function streamRun(
  run: RunHandle,
  { toFrames, toErrorFrames, heartbeat }: StreamEncoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const events = run.events[Symbol.asyncIterator]()
  const early = await holdUntilContent(events, (end) => runFailure(end, run.id))
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders(), ...(heartbeat ? { heartbeat } : {}) })
  try {
    for await (const event of withHeldEvents(early, events)) {
      if (event.type === 'run-end' && event.outcome !== 'succeeded') throw runFailure(event, run.id)
      const frames = toFrames(event)
      if (frames.length > 0 && !(await stream.write(frames))) break
    }
  } catch (thrown) {
    await stream.write(toErrorFrames(toRequestError(thrown, request)))
  } finally {
    await events.return?.()
    stream.end()
  }
  return reply
}

export type FollowTarget = { runs: Runs; readers: ReaderLimits; id: string }

/**
 * `toFrames` receives all events, also the end of a run that did not succeed. Throws `rate_limited` if there are too
 * many readers.
 */
export async function followRun(
  { runs, readers, id }: FollowTarget,
  { toFrames, toErrorFrames, heartbeat }: StreamEncoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { revoked, leave } = readers.enter(id, request.caller.key?.id ?? null)
  reply.header('x-run-id', id)
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders(), ...(heartbeat ? { heartbeat } : {}) })
  const gone = new Promise<null>((resolve) => reply.raw.once('close', () => resolve(null)))
  const stored = runs.follow(id, 0)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([stored.next(), gone, revoked])
      if (next === null || next.done) break
      const frames = toFrames(next.value.event)
      if (frames.length > 0 && !(await stream.write(frames))) break
    }
  } catch (thrown) {
    await stream.write(toErrorFrames(toRequestError(thrown, request)))
  } finally {
    leave()
    stream.end()
  }
  return reply
}
