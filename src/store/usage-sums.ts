// Sums of usage: over few runs at once, over many in a thread (usage-worker.ts), because nothing else may wait for them. Not for the
// statement itself (see queries.ts). Why there are no running totals: docs/decisions/0027-usage-and-budgets.md.
import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { UsageQuery, UsageStore, UsageSum } from '../core/store.ts'
import { AppError } from '../errors.ts'
import { threadFile } from '../platform/thread-file.ts'
import { RpcError, WorkerRpc } from '../platform/worker-rpc.ts'
import type { Connection } from './connection.ts'
import { hasMoreRuns, sumUsage } from './queries.ts'

const workerUrl = threadFile('usage-worker', import.meta.url)

/** Longer than the sums over a million runs take. */
const deadlineMs = 60_000
const idleMs = 60_000

/** Summing up so many takes a few milliseconds. */
export const runsAtOnceMax = 1_000

/** The database's file, and how it is told from another one of that name. */
export type UsageThreadData = { file: string; ino: number; dev: number }

export type UsageThread = Pick<WorkerRpc, 'call' | 'close'>

/** The thread starts with the first call. The file must be open. */
export function usageThread(file: string): UsageThread {
  const { ino, dev } = statSync(file)
  const workerData: UsageThreadData = { file, ino, dev }
  const start = () => new Worker(workerUrl, { name: 'usage', workerData, env: {}, argv: [], execArgv: [] })
  return new WorkerRpc({ start, deadlineMs, idleMs, isRepeatable: () => true })
}

/** `atOnceMax`: of more runs, the sums are made in the thread. */
export function usageMethod(
  { reads, commit }: Pick<Connection, 'reads' | 'commit'>,
  thread: UsageThread,
  atOnceMax: number,
): UsageStore['usage'] {
  const [isMore, sum] = [reads(hasMoreRuns), reads(sumUsage)]
  return async (query) => {
    if (!(await isMore(query, atOnceMax))) return sum(query, 'few')
    // The thread sees only what is committed.
    commit()
    try {
      return await sumBeside(thread, query)
    } catch (error) {
      if (error instanceof AppError) throw error
      // The file may be gone from its place: the connection still has it.
      return sum(query)
    }
  }
}

async function sumBeside(thread: UsageThread, query: UsageQuery): Promise<UsageSum[]> {
  try {
    return (await thread.call('sumUsage', [query])) as UsageSum[]
  } catch (error) {
    const isTooSlow = error instanceof RpcError && (error.kind === 'late' || error.kind === 'slow')
    if (!isTooSlow) throw error
    throw new AppError('overloaded', 'The server is busy with other sums of usage.', { retryAfterS: 1 })
  }
}
