// The thread that sums up usage over many runs, with a connection of its own that only reads; usage-sums.ts makes the calls.
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { UsageQuery } from '../core/store.ts'
import type { RpcAnswer, RpcCall } from '../platform/worker-rpc.ts'
import { preparer } from './database.ts'
import { sumUsage } from './queries.ts'
import type { UsageThreadData } from './usage-sums.ts'

const { file, ino, dev } = workerData as UsageThreadData

/** Opened for each call, so that nothing holds the file in between. */
function sum(query: UsageQuery) {
  const found = statSync(file)
  if (found.ino !== ino || found.dev !== dev) throw new Error('the file is not the one that the server has open')
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    return sumUsage(preparer(db), query)
  } finally {
    db.close()
  }
}

function answer([query]: unknown[]): RpcAnswer {
  try {
    return { value: sum(query as UsageQuery) }
  } catch (error) {
    return { failed: (error as Error).name }
  }
}

parentPort?.on('message', ({ args }: RpcCall) => parentPort?.postMessage(answer(args)))
