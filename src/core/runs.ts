// Runs: each belongs to the server, which drives it to its end and keeps what happened; whoever asked for it follows. Here is
// what surfaces ask for; run-registry.ts does it. Not for how Claude is run (agent.ts) nor for any surface.

import type { KeyHolder } from '../auth/revocation.ts'
import { AppError } from '../errors.ts'
import type { Agent, RunRequest } from './agent.ts'
import type { ApprovalAnswer, RunEnd, RunEvent } from './events.ts'
import type { Page, RunQuery, RunRecord, Store, StoredEvent } from './store.ts'

/** The caller's own name for a request: a second one of that name and body is the first one. */
export type Idempotency = { key: string; bodyHash: string }

export type RunInput = Omit<RunRequest, 'runId'> & {
  /** How long the run may take, in milliseconds; waiting for a person does not count. */
  timeoutMs: number
  /** The surface it came in by. */
  surface: string
  owner?: string | null
  metadata?: Record<string, string>
  /** Whether it goes on without its connection. */
  background?: boolean
  /** What becomes of it if the server dies: it fails, or it is begun anew. */
  onCrash?: 'fail' | 'restart'
  idempotency?: Idempotency | null
  /** What was asked, where the surface tells it again later: anything that JSON can hold. */
  requestSnapshot?: unknown
}

/** A run that was accepted, or that is there already. */
export type RunHandle = {
  id: string
  createdAtMs: number
  /** Whether this is the run of an earlier request with the same key. */
  isReplay: boolean
  /** All its events, from the first. Errors before acceptance are thrown by the first step. */
  events: AsyncIterable<RunEvent>
  /** Ends the run: the CLI is interrupted and its tools are stopped. Safe to call at any time, more than once. */
  cancel(reason: AppError): void
}

/** As a holder of keys it ends the runs of an owner; runs without one are nobody's. */
export type Runs = KeyHolder & {
  /** Begins a run; one in the background is on disk when this settles. Throws `conflict` for a key that was used for something else. */
  start(input: RunInput): Promise<RunHandle>
  /** How many runs have not ended. */
  active(): number
  get(id: string): Promise<RunRecord | null>
  list(query: RunQuery): Promise<Page<RunRecord>>
  /** What was given as `asked` with the run; null where there was nothing, or it was forgotten. */
  requestSnapshot(id: string): Promise<unknown>
  /** Ends the run, and forgets what it was asked and what happened in it. Throws `run_not_found`. */
  erase(id: string): Promise<void>
  /** Settles when all that has happened so far is in the store. */
  saved(): Promise<void>
  /** What happened after the event numbered `afterSeq`, and what happens from now on. */
  follow(id: string, afterSeq: number): AsyncIterable<StoredEvent>
  /** Ends a run, whatever it is doing; nothing happens to one that has ended. Throws `run_not_found`. */
  cancel(id: string): Promise<RunRecord>
  /** Answers what a run has asked. Throws `run_not_found`, `not_found`. */
  answer(id: string, requestId: string, answer: ApprovalAnswer): Promise<RunRecord>
  /** The id of the run that has the session now. */
  holderOf(sessionId: string): string | null
  /**
   * What a former server left unfinished has failed, or, where that was asked for, is begun anew as soon as `isClear` settles:
   * the processes of that server must be gone then. Gives the number of both.
   */
  recover(isClear: Promise<unknown>): Promise<{ failed: number; restarted: number }>
  /** Refuses new runs with `shutting_down`, waits up to `graceMs` milliseconds for the others, then cancels them. */
  close(graceMs: number): Promise<void>
}

export type RunsDependencies = {
  agent: Agent
  /** Null keeps nothing beyond the life of a run. */
  store?: Store | null
  /** How long a person may take to answer, in milliseconds. */
  approvalTimeoutMs?: number
  now?: () => number
  /** Called once per run with how it ended; `end` is null where the run was refused. Must not throw. */
  onEnd?: (runId: string, end: RunEnd | null, error: AppError | null) => void
  onWarning?: (message: string, facts: Record<string, unknown>) => void
}

/** How a run that did not succeed is told. That it had begun can be seen by its id. */
export function runFailure(end: RunEnd, runId: string): AppError {
  const { code, message, details } = end.error ?? {
    code: 'cancelled' as const,
    message: 'The run was cancelled.',
    details: {},
  }
  return new AppError(code, message, { ...details, runId })
}
