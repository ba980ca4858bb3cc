// Deletes old runs and those beyond the size limit, in steps short enough that the server can answer in between. Not
// for the limits themselves, nor for when pruning runs.
import type { PruneLimits } from '../core/store.ts'
import type { Prepare } from './database.ts'
import { dropPageKeys } from './key-table.ts'
import { removeExpired } from './tables/expired.ts'

export type PruneTools = {
  prepare: Prepare
  /** Applies a write; its promise settles once it is durable. */
  write<T>(apply: () => T): Promise<T>
  /** False once the store is being closed: pruning stops then. */
  isOpen(): boolean
}

const runsPerStep = 200
const keysPerStep = 1000
const eventsPerStep = 2000
const eventsPerSlice = 20
/** Ends a step early if its events are large. */
const stepMsMax = 10

/** Returns the number of dropped runs. If it is stopped early, the next call continues. */
export async function prune(limits: PruneLimits, tools: PruneTools): Promise<number> {
  const { prepare, isOpen } = tools
  let dropped = 0
  const drop = async (step: () => number) => {
    await repeat(tools, () => {
      const count = step()
      dropped += count
      return count > 0
    })
  }
  await drop(() => dropRuns(prepare, oldRuns(prepare, limits.endedBeforeMs)))
  const excess = { bytes: isOpen() ? storedBytes(prepare) - limits.bytesMax : 0 }
  await drop(() => dropRuns(prepare, runsToMakeRoom(prepare, excess)))
  await repeat(tools, () => removeEvents(prepare))
  await repeat(tools, () => removeKeys(prepare, limits.nowMs))
  await repeat(tools, () => removeExpired(prepare, limits.nowMs))
  if (isOpen()) await tools.write(() => dropPageKeys(prepare, limits.nowMs))
  return dropped
}

/**
 * Repeats a step while it returns that there may be more to do. Each step is its own write, whose promise settles in a
 * later turn of the event loop, so that other work happens in between.
 */
async function repeat({ write, isOpen }: PruneTools, step: () => boolean): Promise<void> {
  let hasMore = true
  while (hasMore && isOpen()) {
    hasMore = await write(step)
  }
}

type RunKey = { pk: number; event_bytes: number }

// The plus keeps SQLite from using the index on status, with which it would have to sort all runs at each step.
const isEnded = "ended_at_ms IS NOT NULL AND +status IN ('succeeded', 'failed', 'cancelled')"

function oldRuns(prepare: Prepare, endedBeforeMs: number): RunKey[] {
  const sql = `SELECT pk, event_bytes FROM runs WHERE ${isEnded} AND ended_at_ms < ? ORDER BY ended_at_ms LIMIT ?`
  return prepare(sql).all(endedBeforeMs, runsPerStep) as RunKey[]
}

/** The oldest runs that must go to free `excess` bytes; subtracts their size from it. */
function runsToMakeRoom(prepare: Prepare, excess: { bytes: number }): RunKey[] {
  if (excess.bytes <= 0) return []
  const sql = `SELECT pk, event_bytes FROM runs WHERE ${isEnded} ORDER BY ended_at_ms, pk LIMIT ?`
  const oldest = prepare(sql).all(runsPerStep) as RunKey[]
  return oldest.filter(({ event_bytes }) => {
    if (excess.bytes <= 0) return false
    excess.bytes -= event_bytes
    return true
  })
}

/** Summed in two halves, because each has its own index. */
function storedBytes(prepare: Prepare): number {
  const sql = `SELECT
    (SELECT total(event_bytes) FROM runs WHERE ended_at_ms IS NOT NULL) +
    (SELECT total(event_bytes) FROM runs WHERE status IN ('queued', 'running', 'waiting') AND ended_at_ms IS NULL) AS bytes`
  return Number(prepare(sql).get()?.bytes)
}

/** Removes the runs at once; their events may be many, so they are removed later. */
function dropRuns(prepare: Prepare, runs: readonly RunKey[]): number {
  for (const { pk } of runs) {
    prepare('INSERT INTO dropped_runs (run) VALUES (?)').run(pk)
    prepare('DELETE FROM runs WHERE pk = ?').run(pk)
  }
  return runs.length
}

/** True if there may be more. */
function removeEvents(prepare: Prepare): boolean {
  const startedAtMs = performance.now()
  for (let left = eventsPerStep; left > 0 && performance.now() - startedAtMs < stepMsMax; left -= eventsPerSlice) {
    const run = prepare('SELECT run FROM dropped_runs LIMIT 1').get()?.run
    if (typeof run !== 'number') return false
    const slice = 'SELECT seq FROM events WHERE run = ? ORDER BY seq LIMIT ?'
    const { changes } = prepare(`DELETE FROM events WHERE run = ? AND seq IN (${slice})`).run(run, run, eventsPerSlice)
    if (Number(changes) < eventsPerSlice) prepare('DELETE FROM dropped_runs WHERE run = ?').run(run)
  }
  return true
}

/** True if there may be more. */
function removeKeys(prepare: Prepare, nowMs: number): boolean {
  const slice = 'SELECT rowid FROM idempotency_keys WHERE expires_at_ms <= ? LIMIT ?'
  const { changes } = prepare(`DELETE FROM idempotency_keys WHERE rowid IN (${slice})`).run(nowMs, keysPerStep)
  return Number(changes) === keysPerStep
}
