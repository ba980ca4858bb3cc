// Finds a run for a caller, who may see only some of them.
import { type Caller, ownRuns } from '../auth/authenticate.ts'
import type { Runs } from '../core/runs.ts'
import type { RunRecord } from '../core/store.ts'
import { AppError } from '../errors.ts'

/** `field` is what names the run in the request. Throws `run_not_found`, also for another caller's run. */
export async function findOwnRun(
  runs: Pick<Runs, 'get'>,
  caller: Caller,
  id: string,
  field: string,
): Promise<RunRecord> {
  const record = await runs.get(id)
  const { owner } = ownRuns(caller)
  if (record === null || (owner !== undefined && record.owner !== owner))
    throw new AppError('run_not_found', `there is no run ${id}`, { field })
  return record
}
