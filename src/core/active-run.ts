// The state of a run that is active, or has ended but is not yet on disk. What happens to it is in run-registry.ts.
import { randomBytes } from 'node:crypto'
import type { AppError } from '../errors.ts'
import type { RunEvent } from './events.ts'
import type { PausableTimeout } from './pausable-timeout.ts'
import type { PendingPermissions } from './pending-permissions.ts'
import type { RunLog } from './run-log.ts'
import type { RunHandle, RunInput } from './runs.ts'
import type { RunPatch, RunRecord, StoredEvent } from './store.ts'

export type ActiveRun = {
  log: RunLog
  record: RunRecord
  controller: AbortController
  timeout: PausableTimeout
  pendingPermissions: PendingPermissions
  requestSnapshot: unknown
  /** Whether it holds an idempotency key. */
  isKeyed: boolean
  /** Whether a client knows that the run exists. */
  isAcknowledged: boolean
  /** Whether its end was appended to its log. */
  isEnding: boolean
  /** Why it never started; set before its followers get the error. */
  refusal: AppError | null
}

export function newRunRecord(input: RunInput, nowMs: number): RunRecord {
  const { surface, owner = null, metadata = {}, background = false, onCrash, session, options } = input
  return {
    id: `run_${randomBytes(16).toString('hex')}`,
    surface,
    owner,
    status: 'queued',
    sessionId: session.kind === 'continue' ? session.sessionId : null,
    model: options.model,
    cwd: options.cwd,
    background,
    metadata,
    restart: onCrash === 'restart' ? { ...input, idempotency: null } : null,
    pending: [],
    end: null,
    createdAtMs: nowMs,
    startedAtMs: null,
    endedAtMs: null,
  }
}

/** Changes the record in memory and in the store. */
export function updateRecord({ record, log }: ActiveRun, patch: RunPatch): void {
  Object.assign(record, patch)
  log.update(patch)
}

export function toHandle({ log, record, controller }: ActiveRun): RunHandle {
  const cancel = (reason: AppError) => controller.abort(reason)
  return { id: record.id, createdAtMs: record.createdAtMs, isReplay: false, events: eventsOf(log.follow(0)), cancel }
}

export async function* eventsOf(stored: AsyncIterable<StoredEvent>): AsyncGenerator<RunEvent> {
  for await (const { event } of stored) yield event
}

/** The first event of a run that was recorded but never started. */
export const startEventOf = ({ id, sessionId, model }: RunRecord): RunEvent => ({
  type: 'run-start',
  runId: id,
  sessionId: sessionId ?? '',
  model: model ?? '',
})
