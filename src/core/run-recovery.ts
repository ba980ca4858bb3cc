// Recovers the runs that a former server left unfinished: they get their stored end, fail, or restart. Running them is
// in active-run.ts.
import type { Restart } from './active-run.ts'
import type { RunEnd, RunEvent } from './events.ts'
import { closingEvents, endOf, endPatch, interrupted } from './run-lifecycle.ts'
import type { RunInput } from './runs.ts'
import type { RunRecord, RunStore } from './store.ts'

export type Recovery = {
  store: RunStore
  now: () => number
  /** How many runs may start at once. */
  lanesMax: number
  /** Starts the run once `clear` settles, after the events that it has; settles when it has ended. */
  restart(record: RunRecord, input: RunInput, how: Restart): Promise<unknown>
}

/** `isClear` settles when the former server's processes are gone; runs start again only then. */
export async function recoverRuns(
  { store, now, lanesMax, restart }: Recovery,
  isClear: Promise<unknown>,
): Promise<{ failed: number; restarted: number }> {
  isClear.catch(() => {})
  const left: RunRecord[] = []
  for (const record of await store.unfinished()) {
    const end = await storedEnd(store, record)
    if (end !== null && (record.restart === null || end.error?.code !== 'shutting_down')) {
      await store.updateRun(record.id, endPatch(end, now()))
    } else left.push(record)
  }
  const again = left.filter((record) => record.restart !== null)
  for (const record of left) if (record.restart === null) await fail(store, record, now())
  // No more at once than there can be processes: the queue is for new requests.
  const lanes: Promise<unknown>[] = Array(lanesMax).fill(isClear)
  for (const [index, record] of again.entries()) {
    const lane = index % lanes.length
    const fresh: RunRecord = { ...record, status: 'queued', pending: [], startedAtMs: null }
    const lastSeq = await withoutEnd(store, record)
    lanes[lane] = restart(fresh, record.restart as RunInput, { clear: lanes[lane] ?? isClear, lastSeq })
  }
  return { failed: left.length - again.length, restarted: again.length }
}

/** Deletes the end that the former server gave it by stopping, and returns the number of the last event that is left. */
async function withoutEnd(store: RunStore, record: RunRecord): Promise<number> {
  const lastSeq = await store.lastSeq(record.id)
  if ((await lastEvent(store, record))?.type !== 'run-end') return lastSeq
  await store.clearEvents(record.id, lastSeq - 1)
  return lastSeq - 1
}

/** How the run ended, if that was the last event to be stored. */
async function storedEnd(store: RunStore, record: RunRecord): Promise<RunEnd | null> {
  const last = await lastEvent(store, record)
  return last?.type === 'run-end' ? last : null
}

async function lastEvent(store: RunStore, { id }: RunRecord): Promise<RunEvent | null> {
  const [last] = await store.events(id, (await store.lastSeq(id)) - 1, 1)
  return last?.event ?? null
}

async function fail(store: RunStore, record: RunRecord, nowMs: number): Promise<void> {
  const lastSeq = await store.lastSeq(record.id)
  const last = await lastEvent(store, record)
  const end = endOf(record, interrupted())
  // A run that died again before its second start has none yet.
  const events = closingEvents(record, end, last !== null && last.type !== 'restart')
  await store.appendEvents(
    record.id,
    events.map((event, index) => ({ seq: lastSeq + 1 + index, event })),
  )
  await store.updateRun(record.id, endPatch(end, nowMs))
}
