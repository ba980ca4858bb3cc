// Starts a run for whoever calls: it is theirs, within what they may spend, and once where they have named it.
import type { FastifyRequest } from 'fastify'
import type { RunHandle, RunInput, Runs } from '../core/runs.ts'
import { readIdempotency } from './idempotency.ts'

export async function startRun(runs: Runs, input: RunInput, request: FastifyRequest): Promise<RunHandle> {
  const { caller } = request
  await caller.requireBudget()
  const { trace } = request
  const owner = caller.key?.id ?? null
  const traced = trace === null ? {} : { traceparent: trace.traceparent }
  return runs.start({ ...input, ...traced, owner, idempotency: readIdempotency(request) })
}
