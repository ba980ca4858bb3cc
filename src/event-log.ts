// What the server writes to its log about runs and about the CLI. Not for requests (http/app.ts), nor for how the log is written (log/).

import type { Logger } from 'pino'
import type { ClaudeChange } from './claude/cli/executable.ts'
import type { RunsDependencies } from './core/runs.ts'

export function logRun(log: Logger): NonNullable<RunsDependencies['onEnd']> {
  let hasWarned = false
  return (runId, end, refused) => {
    if (end?.costIsEstimated === true && !hasWarned) {
      hasWarned = true
      log.warn({}, 'the CLI does not report what runs cost: it is estimated at list prices; budgets count the estimate')
    }
    const code = refused?.code ?? end?.error?.code ?? null
    const failed = end?.mcpServers?.filter(({ status }) => status === 'failed') ?? []
    const facts = {
      run_id: runId,
      outcome: end?.outcome ?? (refused === null ? 'cancelled' : 'refused'),
      code,
      session_id: end?.sessionId,
      model: end?.model,
      cost_usd: end?.costUsd,
      ...(failed.length === 0 ? {} : { mcp_failed: failed.map(({ name }) => name) }),
    }
    log.info(facts, 'run')
  }
}

/** One line for each change of the CLI that is used, and why another one is not. */
export const logChange =
  (log: Logger) =>
  ({ from, to, reason }: ClaudeChange): void => {
    const facts = {
      ...(from === null ? {} : { from: `${from.path} ${from.version}` }),
      ...(to === null ? {} : { to: `${to.path} ${to.version}` }),
      ...(reason === null ? {} : { reason }),
    }
    if (to === null) log.warn(facts, 'there is no usable claude')
    else if (reason !== null) log.warn(facts, 'the claude on the search path is not used')
    else log.info(facts, 'another claude is used from now on')
  }
