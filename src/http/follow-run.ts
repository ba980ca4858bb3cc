// A run that is there, as a stream from its first event on, for every dialect alike: it is read by whoever asks, as often as they ask,
// and goes on without them.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Runs } from '../core/runs.ts'
import type { StreamReaders } from './reader-limits.ts'
import { faultOf } from './request-errors.ts'
import { openSse } from './sse.ts'
import type { StreamDialect } from './stream-run.ts'

export type Followed = { runs: Runs; readers: StreamReaders; id: string }

/** `toFrames` gets all events, also the end of a run that did not succeed. Throws `rate_limited` where there are too many readers. */
export async function followRun(
  { runs, readers, id }: Followed,
  { toFrames, toErrorFrames, heartbeat }: StreamDialect,
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
    await stream.write(toErrorFrames(faultOf(thrown, request)))
  } finally {
    leave()
    stream.end()
  }
  return reply
}
