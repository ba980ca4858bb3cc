// How an item of a batch is answered: by a run that nobody waits for. Not for when it is its turn (core/batches/).
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../auth/authenticate.ts'
import type { Attempt, ItemAnswer } from '../core/batches/batches.ts'
import type { RunHandle, RunInput, Runs } from '../core/runs.ts'
import { type AppError, toAppError } from '../errors.ts'
import { cancelOnAbort, startRunFor } from '../http/start-run.ts'

/** An item of a batch: a request without a connection. */
export type ItemRequest = Pick<FastifyRequest, 'body' | 'headers'> & {
  /** Throws `unauthorized` if there is none any more. */
  caller(): Promise<Caller>
  attempt: Attempt
  metadata: Record<string, string>
}

/** Makes an answer a line of the batch's results. */
export type ToLine = (reply: object, runId: string) => string

/** How the items of one endpoint are answered. */
export type ItemApi = {
  /** Does not throw. */
  answer(request: ItemRequest, toLine: ToLine): Promise<ItemAnswer>
  /** What a client of the endpoint would have got for the error. */
  toError(error: AppError): { status: number; body: object }
}

/** An item as a run, and how its answer is written. `onEvent` is to be called with the run's first event at the latest. */
export type ItemRun = { input: RunInput; toAnswer(run: RunHandle, onEvent: () => void): Promise<object> }

/** Starts the run of an item and waits for its answer. Does not throw. */
export async function answerByRun(
  runs: Runs,
  { caller, attempt, metadata }: ItemRequest,
  prepare: (caller: Caller) => Promise<ItemRun>,
  toLine: ToLine,
): Promise<ItemAnswer> {
  const { idempotency, withdrawn } = attempt
  let run: RunHandle | null = null
  try {
    const sender = { caller: await caller(), trace: null }
    const { input, toAnswer } = await prepare(sender.caller)
    const own = { idempotency, metadata: { ...input.metadata, ...metadata }, isBatchItem: true, isAccepted: true }
    run = await startRunFor(sender, runs, { ...input, ...own })
    // A run that has begun is not cancelled: its answer is paid for.
    const { release } = cancelOnAbort(run, withdrawn)
    const reply = await toAnswer(run, release).finally(release)
    return { runId: run.id, isReplay: run.isReplay, line: toLine(reply, run.id) }
  } catch (thrown) {
    return { runId: run?.id ?? null, isReplay: run?.isReplay ?? false, error: toAppError(thrown) }
  }
}
