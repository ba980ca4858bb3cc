// What the server writes to its log about runs and about the CLI. Not for requests (http/app.ts), nor for how the log is written (log/).

import type { Logger } from 'pino'
import type { AbilityFailed } from './claude/cli/abilities.ts'
import type { ClaudeChange } from './claude/cli/executable.ts'
import type { ExaminationsOptions } from './claude/examination/examinations.ts'
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
    else if (reason !== null) log.warn(facts, 'another claude than the wanted one is used')
    else log.info(facts, 'another claude is used from now on')
  }

/** What was found out about a CLI, and what failed in use later. */
export const logExaminations = (
  log: Logger,
): Required<Pick<ExaminationsOptions, 'onExamined' | 'onFailure' | 'onLost'>> => ({
  onExamined: ({ path, version }, { missing, defects }) => {
    const claude = `${path} ${version}`
    for (const [ability, reason] of Object.entries(missing))
      log.warn({ claude, ability, reason }, 'an ability of the CLI is not used')
    if (defects.length > 0) log.warn({ claude, reasons: defects }, 'the CLI does not work as it should')
    else log.info({ claude }, 'examined the CLI')
  },
  onFailure: ({ path, version }, error) =>
    log.warn(
      { claude: `${path} ${version}`, reason: error.message },
      'the CLI could not be examined: requests take longer',
    ),
  onLost: ({ ability, message }: AbilityFailed) =>
    log.warn({ ability, reason: message }, 'an ability of the CLI failed and is not used any more'),
})
