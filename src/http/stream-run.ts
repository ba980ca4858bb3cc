// Answers a request with a run, whole or as a stream, for every surface. The surface decides what its frames
// contain.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunEnd, RunEvent } from '../core/events.ts'
import { type RunHandle, type Runs, runFailure } from '../core/runs.ts'
import type { StoredEvent } from '../core/store.ts'
import type { AppError } from '../errors.ts'
import { holdUntilContent } from './hold-until-content.ts'
import type { ReaderLimits, Reading } from './reader-limits.ts'
import { toRequestError } from './request-errors.ts'
// Declares `request.caller`.
import type {} from './routes.ts'
import { type Frame, openSse, type StreamFormat } from './sse.ts'

/** Passes each event of the run to `accept` and returns its end. Throws if the run did not succeed. */
export async function collectRun(run: RunHandle, accept: (event: RunEvent) => void = () => {}): Promise<RunEnd> {
  let end: RunEnd | null = null
  for await (const event of run.events) {
    accept(event)
    if (event.type === 'run-end') end = event
  }
  if (end === null) throw new Error('the run ended without a run-end event')
  if (end.outcome !== 'succeeded') throw runFailure(end, run.id)
  return end
}

/** How a surface encodes a run as a stream. */
export type StreamEncoder = {
  toFrames(event: RunEvent): Frame[]
  toErrorFrames(error: AppError): Frame[]
  /** Server-sent events if absent. */
  format?: StreamFormat
  /** Sent during silence: see sse.ts. */
  heartbeat?: Frame
}

/**
 * The encoder receives the end only if the run succeeded, otherwise its error. Throws if the run fails before it
 * produces content, so that the answer has a real HTTP status.
 */
export async function streamRun(
  run: RunHandle,
  encoder: StreamEncoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  return writeStream(await holdUntilContent(run), encoder, request, reply)
}

export type ToError = (thrown: unknown) => AppError

/**
 * As streamRun, for an answer that is no HTTP reply: `write` settles to false once nobody reads any more. Throws if the
 * run fails before it produces content.
 */
export async function forwardRun(
  run: RunHandle,
  encoder: StreamEncoder,
  write: (frames: readonly Frame[]) => Promise<boolean>,
  toError: ToError,
): Promise<void> {
  await forward(await holdUntilContent(run), encoder, write, toError)
}

async function forward(
  events: AsyncIterable<RunEvent>,
  encoder: StreamEncoder,
  write: (frames: readonly Frame[]) => Promise<boolean>,
  toError: ToError,
): Promise<void> {
  try {
    for await (const event of events) {
      const frames = encoder.toFrames(event)
      if (frames.length > 0 && !(await write(frames))) break
    }
  } catch (thrown) {
    await write(encoder.toErrorFrames(toError(thrown)))
  }
}

export type FollowTarget = { runs: Runs; readers: ReaderLimits; id: string }

/**
 * The encoder receives all events, also the end of a run that did not succeed. Throws `rate_limited` if there are too
 * many readers.
 */
export async function followRun(
  { runs, readers, id }: FollowTarget,
  encoder: StreamEncoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const reading = readers.enter(id, request.caller.key?.id ?? null)
  reply.header('x-run-id', id)
  const gone = new Promise<null>((resolve) => reply.raw.once('close', () => resolve(null)))
  return writeStream(readEvents(runs.follow(id, 0), gone, reading), encoder, request, reply)
}

async function* readEvents(
  stored: AsyncIterable<StoredEvent>,
  gone: Promise<null>,
  { revoked, leave }: Reading,
): AsyncGenerator<RunEvent> {
  const events = stored[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([events.next(), gone, revoked])
      if (next === null || next.done) return
      yield next.value.event
    }
  } finally {
    leave()
  }
}

async function writeStream(
  events: AsyncIterable<RunEvent>,
  encoder: StreamEncoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { heartbeat, format = 'events' } = encoder
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders(), format, ...(heartbeat ? { heartbeat } : {}) })
  await forward(
    events,
    encoder,
    (frames) => stream.write(frames),
    (thrown) => toRequestError(thrown, request),
  ).finally(() => stream.end())
  return reply
}
