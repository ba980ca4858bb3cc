// Removes what is old or too much, in steps that are short enough for the server to answer in between. Not for when, and how
// much is kept.
import type { Store } from '../core/store.ts'
import type { Prepare } from './database.ts'
import { dropPageKeys, noteLostCost } from './key-table.ts'

type Limits = Parameters<Store['prune']>[0]

export type PruneTools = {
  prepare: Prepare
  /** Makes a write; its promise settles when that is durable. */
  write<T>(apply: () => T): Promise<T>
  /** Whether to go on: not once the store is being closed. */
  isOpen(): boolean
}

const runsPerStep = 200
const keysPerStep = 1000
const eventsPerStep = 2000
const eventsPerSlice = 20
/** For steps whose events are large. */
const stepMsMax = 10

/** Gives the number of runs dropped. What a stop in the middle leaves is taken up by the next call. */
export async function prune(limits: Limits, tools: PruneTools): Promise<number> {
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
  const excess = { bytes: isOpen() ? keptBytes(prepare) - limits.bytesMax : 0 }
  await drop(() => dropRuns(prepare, runsToMakeRoom(prepare, excess)))
  await repeat(tools, () => removeEvents(prepare))
  await repeat(tools, () => removeKeys(prepare, limits.nowMs))
  if (isOpen()) await tools.write(() => dropPageKeys(prepare, limits.nowMs))
  return dropped
}

/**
 * Makes a step again and again for as long as it says that there may be more to do. Each is a write of its own, whose promise
 * settles in another turn of the event loop: in between others have theirs.
 */
async function repeat({ write, isOpen }: PruneTools, step: () => boolean): Promise<void> {
  let goesOn = true
  while (goesOn && isOpen()) {
    goesOn = await write(step)
  }
}

type RunKey = { pk: number; event_bytes: number }

// The plus keeps SQLite from the index on status, by which it would have to sort all runs at each step.
const isEnded = "ended_at_ms IS NOT NULL AND +status IN ('succeeded', 'failed', 'cancelled')"

function oldRuns(prepare: Prepare, endedBeforeMs: number): RunKey[] {
  const sql = `SELECT pk, event_bytes FROM runs WHERE ${isEnded} AND ended_at_ms < ? ORDER BY ended_at_ms LIMIT ?`
  return prepare(sql).all(endedBeforeMs, runsPerStep) as RunKey[]
}

/** The oldest whose events are in the way; takes their size off `excess`. */
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

/** In two halves, as each has an index to itself. */
function keptBytes(prepare: Prepare): number {
  const sql = `SELECT
    (SELECT total(event_bytes) FROM runs WHERE ended_at_ms IS NOT NULL) +
    (SELECT total(event_bytes) FROM runs WHERE status IN ('queued', 'running', 'waiting') AND ended_at_ms IS NULL) AS bytes`
  return Number(prepare(sql).get()?.bytes)
}

/** The run is gone at once; of its events there may be many, so they go later. */
function dropRuns(prepare: Prepare, runs: readonly RunKey[]): number {
  for (const { pk } of runs) {
    prepare('INSERT INTO dropped_runs (run) VALUES (?)').run(pk)
    noteLostCost(prepare, pk)
    prepare('DELETE FROM runs WHERE pk = ?').run(pk)
  }
  return runs.length
}

/** True if there may be more. */
function removeEvents(prepare: Prepare): boolean {
  const begunMs = performance.now()
  for (let left = eventsPerStep; left > 0 && performance.now() - begunMs < stepMsMax; left -= eventsPerSlice) {
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
