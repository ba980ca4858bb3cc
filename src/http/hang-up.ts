// Ties a run to the connection that asked for it: a client that hangs up cancels its run.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunHandle } from '../core/runs.ts'
import { AppError } from '../errors.ts'

/** Names the run in the answer's headers. */
export function nameRun({ id, isReplay }: RunHandle, reply: FastifyReply): void {
  reply.header('x-run-id', id)
  if (isReplay) reply.header('idempotent-replayed', 'true')
}

/** Names the run, and cancels it when the client goes before the answer is complete. */
export function endWithConnection(run: RunHandle, request: FastifyRequest, reply: FastifyReply): void {
  nameRun(run, reply)
  const cancel = () => {
    if (!reply.raw.writableFinished) run.cancel(new AppError('cancelled', 'The client hung up.'))
  }
  // The client may have left while the request was being checked.
  if (request.raw.socket.destroyed) cancel()
  else reply.raw.once('close', cancel)
}
