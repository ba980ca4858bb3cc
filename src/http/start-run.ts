// Starts a run for a caller: within its budget, and, where the surface wants that, once per idempotency key and tied to the
// connection, so that disconnecting cancels the run.
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../auth/authenticate.ts'
import { withinPolicy } from '../auth/key-policy.ts'
import type { Idempotency, RunHandle, RunInput, Runs } from '../core/runs.ts'
import { AppError, invalidField } from '../errors.ts'

/** The run is named in the answer's headers. If the client disconnects, it is cancelled, unless it is a background run. */
export async function startRun(
  runs: Runs,
  input: RunInput,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<RunHandle> {
  const run = await startRunFor(request, runs, { ...input, idempotency: readIdempotency(request) })
  reply.header('x-run-id', run.id)
  if (run.isReplay) reply.header('idempotent-replayed', 'true')
  if (!input.background) cancelOnDisconnect(run, request, reply)
  return run
}

/** Whom a run is for, and the trace that it is part of. */
export type Sender = Pick<FastifyRequest, 'caller' | 'trace'>

/** Starts a run within its caller's budget. It is not tied to a connection. */
export async function startRunFor({ caller, trace }: Sender, runs: Runs, input: RunInput): Promise<RunHandle> {
  await caller.requireBudget()
  const owner = caller.key?.id ?? null
  const traced = trace === null ? {} : { traceparent: trace.traceparent }
  return runs.start({ ...withinPolicy(input, caller.key), ...stillWithinBudget(runs, caller), ...traced, owner })
}

/** What ran while a run waited may have spent the rest of its key's budget. */
function stillWithinBudget(runs: Runs, caller: Caller): Pick<RunInput, 'mayBegin'> {
  if (caller.key === null || caller.key.budgetUsd === null) return {}
  return {
    mayBegin: async () => {
      await runs.saved()
      await caller.requireBudget()
    },
  }
}

const keyPattern = /^[\x21-\x7e]{1,255}$/

/** Null if the request has no idempotency key. Throws `invalid_request` if it is malformed. */
function readIdempotency(request: FastifyRequest): Idempotency | null {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || !keyPattern.test(key)) {
    throw invalidField('idempotency-key', 'must be 1 to 255 printable characters without spaces')
  }
  const requested = JSON.stringify([request.routeOptions.url ?? '', request.body])
  return { key, bodyHash: createHash('sha256').update(requested).digest('base64url') }
}

const cancelled = () => new AppError('cancelled', 'The client disconnected.')

/** Cancels the run when the signal is aborted, or the client is found to have left; until it is released. */
export function cancelOnAbort(run: RunHandle, gone: AbortSignal): { cancel(): void; release(): void } {
  const cancel = () => run.cancel(cancelled())
  if (gone.aborted) cancel()
  gone.addEventListener('abort', cancel)
  return { cancel, release: () => gone.removeEventListener('abort', cancel) }
}

function cancelOnDisconnect(run: RunHandle, request: FastifyRequest, reply: FastifyReply): void {
  const cancel = () => {
    if (!reply.raw.writableFinished) run.cancel(cancelled())
  }
  // The client may have left while the request was being checked.
  if (request.raw.socket.destroyed) cancel()
  else reply.raw.once('close', cancel)
}
