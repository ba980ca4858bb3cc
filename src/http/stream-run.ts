// A run as the answer to a request, whole or as server-sent events, for every dialect alike: what the frames say is theirs.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { allEvents, takeEarlyEvents } from '../compat/hold-until-content.ts'
import { refuseIgnored } from '../compat/request-fields.ts'
import type { RunEnd, RunEvent } from '../core/events.ts'
import { type RunHandle, runFailure } from '../core/runs.ts'
import type { AppError } from '../errors.ts'
import { faultOf } from './request-errors.ts'
import { type Frame, openSse } from './sse.ts'

/** Names the fields of a request that have no effect, or throws where the caller would rather be refused. */
export function tellIgnored(request: FastifyRequest, reply: FastifyReply, names: readonly string[]): void {
  const refusal = request.headers['x-claude-serve-strict'] === 'true' ? refuseIgnored(names) : null
  if (refusal !== null) throw refusal
  if (names.length > 0) reply.header('x-claude-serve-ignored', listed(names))
}

/** Programs take only so much in a header. */
const listedMax = 30

export function listed(names: readonly string[]): string {
  const left = names.length - listedMax
  return [...names.slice(0, listedMax), ...(left > 0 ? [`and ${left} more`] : [])].join(', ')
}

/** Hands each event of the run to `accept` and gives its end. Throws where it did not succeed. */
export async function wholeRun(run: RunHandle, accept: (event: RunEvent) => void): Promise<RunEnd> {
  let end: RunEnd | null = null
  for await (const event of run.events) {
    accept(event)
    if (event.type === 'run-end') end = event
  }
  if (end === null) throw new Error('a run without an end')
  if (end.outcome !== 'succeeded') throw runFailure(end, run.id)
  return end
}

/** How a dialect tells a run as a stream. `toFrames` gets the end only of a run that succeeded. */
export type StreamDialect = {
  toFrames(event: RunEvent): Frame[]
  toErrorFrames(error: AppError): Frame[]
  /** Sent in silence; a comment if absent. */
  heartbeat?: Frame
}

/** A run that fails before it shows anything is thrown, and has an HTTP status of its own. */
export async function streamRun(
  run: RunHandle,
  { toFrames, toErrorFrames, heartbeat }: StreamDialect,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const events = run.events[Symbol.asyncIterator]()
  const early = await takeEarlyEvents(events, (end) => runFailure(end, run.id))
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders(), ...(heartbeat ? { heartbeat } : {}) })
  try {
    for await (const event of allEvents(early, events)) {
      if (event.type === 'run-end' && event.outcome !== 'succeeded') throw runFailure(event, run.id)
      const frames = toFrames(event)
      if (frames.length > 0 && !(await stream.write(frames))) break
    }
  } catch (thrown) {
    await stream.write(toErrorFrames(faultOf(thrown, request)))
  } finally {
    await events.return?.()
    stream.end()
  }
  return reply
}
