// A run on one worker, and on a second one if the first is lost before it has shown anything. Not for how a worker is found (see
// pool.ts), nor for the turn itself (see claude/turn/turn.ts).
import type { RunRequest } from '../../core/agent.ts'
import { endOfRun, type RunEvent } from '../../core/events.ts'
import { AppError, toAppError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { answerChecks } from '../../platform/schema-checks.ts'
import type { AbilityFailed } from '../cli/abilities.ts'
import type { Turn } from '../cli/profile.ts'
import { type TurnInput, type TurnLimits, TurnRun, WorkerLost } from '../turn/turn.ts'
import type { PoolWorker } from './pool-worker.ts'
import { existingSession } from './worker-selection.ts'

/** A worker that is ready for the run's turn. `unlock` lets the conversation's next run start; safe to call twice. */
export type Acquired = { worker: PoolWorker; unlock: () => void }

export type AttemptTools = {
  acquire(request: RunRequest, turn: Turn, signal: AbortSignal): Promise<Acquired>
  release(worker: PoolWorker, runId: string): void
  limits: TurnLimits
  clock: Clock
  onWarning(message: string, facts: Record<string, unknown>): void
  onAbilityFailed(worker: PoolWorker, failed: AbilityFailed): void
  /** Whether another executable is used instead of the worker's from now on. */
  isReplaced(worker: PoolWorker): boolean
}

/** Emits events as the contract of `Agent.run` has it. */
export async function* runAttempts(
  request: RunRequest,
  turn: Turn,
  signal: AbortSignal,
  { acquire, release, limits, clock, onWarning, onAbilityFailed, isReplaced }: AttemptTools,
): AsyncGenerator<RunEvent> {
  const { jsonSchema } = request.options
  const answerCheck = jsonSchema === null ? null : (answers: unknown[]) => answerChecks.misfits(jsonSchema, answers)
  const requestedAt = clock.now()
  let start: Extract<RunEvent, { type: 'run-start' }> | null = null
  for (let attempt = 1; ; attempt++) {
    const acquired = await acquire(request, turn, signal).catch(toAppError)
    if (acquired instanceof AppError) {
      if (start === null) throw acquired
      yield endOfRun(start, acquired)
      return
    }
    const { worker, unlock } = acquired
    const waitedMs = Math.round(clock.now() - requestedAt)
    try {
      for await (const event of runTurn(worker, { request, turn, limits, clock, answerCheck }).events(signal)) {
        if (event.type === 'run-start') {
          // The copy exists now: the conversation that it was made from is free again.
          if (request.session.kind === 'fork') unlock()
          if (start !== null) continue
          start = { ...event, cwd: worker.profile.cwd, waitedMs }
          yield start
          continue
        }
        yield event
      }
      return
    } catch (error) {
      if (error instanceof AppError && start !== null) return yield endOfRun(start, error)
      // A plain model's was ended before it could answer, and the next one is of another executable.
      const isMismatch = error instanceof AppError && error.code === 'sandbox_mismatch'
      if (attempt === 1 && isMismatch && request.plain !== null && isReplaced(worker)) continue
      if (!(error instanceof WorkerLost)) throw error
      // What it wrote to stderr may quote a prompt: that is for the caller, not for the log.
      const { message: reason, code, details } = error.cause
      const { returncode = null } = details
      if (error.failed !== null) onAbilityFailed(worker, error.failed)
      onWarning('a CLI process was lost', { attempt, reason, code, returncode })
      // A conversation's next turn may have reached its file: sent twice, it would be stored twice.
      if (attempt === 1 && existingSession(request) === null && !signal.aborted) continue
      if (start === null) throw error.cause
      yield endOfRun(start, error.cause)
      return
    } finally {
      release(worker, request.runId)
      unlock()
    }
  }
}

function runTurn(worker: PoolWorker, input: Omit<TurnInput, 'conversation'>): TurnRun {
  const process = worker.turnProcess(input.turn)
  const { conversation } = worker
  if (conversation === null) throw new Error('a turn without a conversation')
  return new TurnRun(process, { ...input, conversation })
}
