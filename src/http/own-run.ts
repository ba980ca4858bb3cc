// Finds a run, a batch or a file for a caller, who may see only some of them.
import { type Caller, ownRuns } from '../auth/authenticate.ts'
import type { Batch, BatchStore, FileStore, StoredFile } from '../core/batches/batches.ts'
import type { Runs } from '../core/runs.ts'
import type { RunRecord } from '../core/store.ts'
import { AppError } from '../errors.ts'

const isForeign = (caller: Caller, owner: string | null) => {
  const own = ownRuns(caller)
  return own.owner !== undefined && own.owner !== owner
}

/** `field` is what names the run in the request. Throws `run_not_found`, also for another caller's run. */
export async function findOwnRun(
  runs: Pick<Runs, 'get'>,
  caller: Caller,
  id: string,
  field: string,
): Promise<RunRecord> {
  const record = await runs.get(id)
  if (record === null || isForeign(caller, record.owner))
    throw new AppError('run_not_found', `there is no run ${id}`, { field })
  return record
}

/** A batch of that API. `field` is what names it in the request. Throws `not_found`, also for another caller's batch. */
export async function findOwnBatch(
  store: Pick<BatchStore, 'batch'>,
  caller: Caller,
  { api, id, field }: { api: string; id: string; field: string },
): Promise<Batch> {
  const batch = await store.batch(id)
  const isHidden = batch?.status === 'preparing' || batch?.status === 'deleting'
  if (batch === null || batch.api !== api || isHidden || isForeign(caller, batch.owner))
    throw new AppError('not_found', `there is no batch ${id.slice(0, 80)}`, { field })
  return batch
}

/** `field` is what names it in the request. Throws `not_found`, also for another caller's file, and one that has expired. */
export async function findOwnFile(
  store: Pick<FileStore, 'file'>,
  caller: Caller,
  { id, field, nowMs }: { id: string; field: string; nowMs: number },
): Promise<StoredFile> {
  const file = await store.file(id)
  if (file === null || isForeign(caller, file.owner) || (file.expiresAtMs ?? nowMs) < nowMs)
    throw new AppError('not_found', `there is no file ${id.slice(0, 80)}`, { field })
  return file
}
