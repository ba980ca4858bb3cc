// The interface to runs that surfaces use; run-registry.ts implements it. A run belongs to the server, which drives it
// to its end and stores what happens; the caller only follows it. How Claude is run is in agent.ts.

import { AppError } from '../errors.ts'
import type { Agent, RunRequest } from './agent.ts'
import type { ApprovalAnswer, RunEnd, RunEvent } from './events.ts'
import type { KeyHolder } from './key-record.ts'
import type { Page, RunQuery, RunRecord, RunStore, SessionFactsStore, StoredEvent } from './store.ts'

/** The caller's own key for a request: a second request with the same key and body returns the first run. */
export type Idempotency = { key: string; bodyHash: string }

export type Release = () => void

export type RunInput = Omit<RunRequest, 'runId'> & {
  /** How long the run may take, in milliseconds; waiting for a person does not count. */
  timeoutMs: number
  /** The surface it came in by. */
  surface: string
  metadata?: Record<string, string>
  /** Whether it continues without its connection. */
  background?: boolean
  /** What happens to it if the server dies: it fails, or it is restarted. */
  onCrash?: 'fail' | 'restart'
  idempotency?: Idempotency | null
  /** Receives each event before it is recorded, and so before anybody else. If it rejects, the run fails. */
  tap?: (event: RunEvent) => Promise<void>
  /**
   * Acquires what only one run may use. Called once it is known that the request starts a run of its own; if it rejects, there is
   * none. It is released when the run has ended, before anybody learns of that.
   */
  acquire?: () => Promise<Release>
  /** The request as the surface returns it later, if it does: any JSON value. */
  requestSnapshot?: unknown
}

/** A run that was accepted, or that exists already. */
export type RunHandle = {
  id: string
  createdAtMs: number
  /** Whether this is the run of an earlier request with the same key. */
  isReplay: boolean
  /** All its events, from the first. Errors before acceptance are thrown by the first step. */
  events: AsyncIterable<RunEvent>
  /** Ends the run: the CLI is interrupted and its tools are stopped. May be called at any time and more than once. */
  cancel(reason: AppError): void
}

/** As a KeyHolder it ends the runs of an owner when a key is revoked. Runs without an owner belong to nobody. */
export type Runs = KeyHolder & {
  /**
   * Starts a run. A background run is on disk when this settles. Throws `conflict` if the key was used for another
   * request.
   */
  start(input: RunInput): Promise<RunHandle>
  /** Whether new runs are refused because the server stops. */
  readonly isClosing: boolean
  /** The number of runs that have not ended. */
  active(): number
  get(id: string): Promise<RunRecord | null>
  list(query: RunQuery): Promise<Page<RunRecord>>
  /** The request snapshot that the run was started with; null if there was none, or it was erased. */
  requestSnapshot(id: string): Promise<unknown>
  /** Ends the run and erases its request snapshot and its events. Throws `run_not_found`. */
  erase(id: string): Promise<void>
  /** Settles when everything up to now is in the store. */
  saved(): Promise<void>
  /** The events after the one numbered `afterSeq`, then each new event. */
  follow(id: string, afterSeq: number): AsyncIterable<StoredEvent>
  /** Ends a run, whatever it is doing. Does nothing if the run has ended. Throws `run_not_found`. */
  cancel(id: string): Promise<RunRecord>
  /** Answers an approval of a run. Throws `run_not_found`, `not_found`. */
  answer(id: string, requestId: string, answer: ApprovalAnswer): Promise<RunRecord>
  /** The id of the run that is using the session now. */
  holderOf(sessionId: string): string | null
  /**
   * Recovers the runs that a former server left unfinished. They fail or, if requested, restart as soon as `isClear`
   * settles: by then the processes of that server must be gone. Returns the number of each.
   */
  recover(isClear: Promise<unknown>): Promise<{ failed: number; restarted: number }>
  /** Refuses new runs with `shutting_down`, waits up to `graceMs` milliseconds for the others, then cancels them. */
  close(graceMs: number): Promise<void>
}

export type RunsDependencies = {
  agent: Agent
  store: RunStore & Pick<SessionFactsStore, 'upsertSession'>
  /** How long a person may take to answer, in milliseconds. */
  approvalTimeoutMs?: number
  now?: () => number
  /** Called once per run when it ends; `end` is null if the run was refused. Must not throw. */
  onEnd?: (runId: string, end: RunEnd | null, error: AppError | null) => void
  onWarning?: (message: string, facts: Record<string, unknown>) => void
}

/** The error for a run that did not succeed, with what is known of the run. It has started, so it may have cost money. */
export function runFailure(end: RunEnd, runId: string): AppError {
  const { code, message, details } = end.error ?? {
    code: 'cancelled' as const,
    message: 'The run was cancelled.',
    details: {},
  }
  const session = end.sessionId === '' ? {} : { sessionId: end.sessionId }
  return new AppError(code, message, { ...details, ...session, costUsd: end.costUsd, runId })
}
