// Starts a run for a caller: within its budget, once per idempotency key, and tied to the connection, so that
// disconnecting cancels the run.
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Idempotency, RunHandle, RunInput, Runs } from '../core/runs.ts'
import { AppError, invalidField } from '../errors.ts'

export async function startRun(runs: Runs, input: RunInput, request: FastifyRequest): Promise<RunHandle> {
  const { caller } = request
  await caller.requireBudget()
  const { trace } = request
  const owner = caller.key?.id ?? null
  const traced = trace === null ? {} : { traceparent: trace.traceparent }
  return runs.start({ ...input, ...traced, owner, idempotency: readIdempotency(request) })
}

const keyPattern = /^[\x21-\x7e]{1,255}$/

/** Null if the request has no idempotency key. Throws `invalid_request` if it is malformed. */
export function readIdempotency(request: FastifyRequest): Idempotency | null {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || !keyPattern.test(key)) {
    throw invalidField('idempotency-key', 'must be 1 to 255 printable characters without spaces')
  }
  const requested = JSON.stringify([request.routeOptions.url ?? '', request.body])
  return { key, bodyHash: createHash('sha256').update(requested).digest('base64url') }
}

/** Puts the run's id into the answer's headers. */
export function nameRun({ id, isReplay }: RunHandle, reply: FastifyReply): void {
  reply.header('x-run-id', id)
  if (isReplay) reply.header('idempotent-replayed', 'true')
}

/** Names the run in the answer's headers, and cancels it if the client disconnects before the answer is complete. */
export function cancelOnDisconnect(run: RunHandle, request: FastifyRequest, reply: FastifyReply): void {
  nameRun(run, reply)
  const cancel = () => {
    if (!reply.raw.writableFinished) run.cancel(new AppError('cancelled', 'The client disconnected.'))
  }
  // The client may have left while the request was being checked.
  if (request.raw.socket.destroyed) cancel()
  else reply.raw.once('close', cancel)
}
