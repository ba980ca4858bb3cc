// Runs: each belongs to the server, which drives it to its end; whoever asked for it follows. Here are its clock, its
// cancellation and its end. Not for how Claude is run (agent.ts) nor for any dialect.
import { randomBytes } from 'node:crypto'
import { AppError, shuttingDown, toAppError } from '../errors.ts'
import type { Agent, RunRequest } from './agent.ts'
import type { RunEnd, RunEvent } from './events.ts'

export type RunInput = Omit<RunRequest, 'runId'> & { timeoutMs: number }

/** A run that was accepted. Iterate `events` once, to the end; leaving early cancels the run. */
export type RunHandle = {
  id: string
  events: AsyncIterable<RunEvent>
  /** Ends the run: the CLI is interrupted and its tools are stopped. Safe to call at any time, more than once. */
  cancel(reason: AppError): void
}

export type Runs = {
  /** Starts a run. Errors before acceptance are thrown by the first step of `events`. */
  start(input: RunInput): RunHandle
  /** How many runs have not ended. */
  active(): number
  /** Refuses new runs with `shutting_down`, waits up to `graceMs` milliseconds for the others, then cancels them. */
  close(graceMs: number): Promise<void>
}

export type RunsDependencies = {
  agent: Agent
  /** Called once per run with how it ended; `end` is null where the run was refused. Must not throw. */
  onEnd?: (runId: string, end: RunEnd | null, error: AppError | null) => void
}

/** Timers above this fire at once in Node. */
const timerMsMax = 2 ** 31 - 1

const timedOut = (timeoutMs: number) => new AppError('timeout', 'Request timed out', { timeoutS: timeoutMs / 1000 })

export function createRuns({ agent, onEnd }: RunsDependencies): Runs {
  const live = new Map<string, (reason: AppError) => void>()
  const idle: (() => void)[] = []
  let closing = false

  async function* follow(
    request: RunRequest,
    timeoutMs: number,
    controller: AbortController,
  ): AsyncGenerator<RunEvent> {
    const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), Math.min(timeoutMs, timerMsMax))
    let end: RunEnd | null = null
    let refused: AppError | null = null
    try {
      for await (const event of agent.run(request, controller.signal)) {
        if (event.type === 'run-end') end = event
        yield event
      }
    } catch (thrown) {
      refused = toAppError(thrown)
      throw refused
    } finally {
      clearTimeout(timer)
      live.delete(request.runId)
      onEnd?.(request.runId, end, refused)
      if (live.size === 0) for (const resolve of idle.splice(0)) resolve()
    }
  }

  return {
    start({ timeoutMs, ...rest }) {
      if (closing) throw shuttingDown()
      const id = `run_${randomBytes(16).toString('hex')}`
      const controller = new AbortController()
      const cancel = (reason: AppError) => controller.abort(reason)
      live.set(id, cancel)
      return { id, cancel, events: follow({ ...rest, runId: id }, timeoutMs, controller) }
    },
    active: () => live.size,
    async close(graceMs) {
      closing = true
      if (live.size === 0) return
      const drained = new Promise<void>((resolve) => idle.push(resolve))
      const timer = setTimeout(() => {
        for (const cancel of live.values()) cancel(shuttingDown())
      }, graceMs)
      await drained
      clearTimeout(timer)
    },
  }
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
