// Runs, ends and events for the tests of stores, and the function with which a suite opens one.
import type { TestContext } from 'node:test'
import type { RunEnd, RunEvent } from '../../src/core/events.ts'
import type { RunRecord, Store, StoredEvent } from '../../src/core/store.ts'

/** `reopen` closes the store and opens the same data again, like the next start of a server. */
export type OpenedStore = { store: Store; reopen(): Promise<Store> }

/** Opens an empty store that is closed and removed when the test ends. */
export type OpenStore = (t: TestContext, now?: () => number) => Promise<OpenedStore>

/** The default time in these tests: noon of a day in UTC. */
export const noonMs = Date.UTC(2026, 10, 22, 12)
export const hourMs = 3_600_000

export function runRecord(id: string, fields: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    surface: 'native',
    owner: null,
    status: 'queued',
    sessionId: null,
    model: null,
    cwd: null,
    background: false,
    metadata: {},
    restart: null,
    pending: [],
    end: null,
    createdAtMs: noonMs,
    startedAtMs: null,
    endedAtMs: null,
    ...fields,
  }
}

export function endedRun(id: string, endedAtMs: number, fields: Partial<RunRecord> = {}): RunRecord {
  return runRecord(id, { status: 'succeeded', createdAtMs: endedAtMs - 1000, endedAtMs, ...fields })
}

export function runEnd(fields: Partial<RunEnd> = {}): RunEnd {
  return {
    type: 'run-end',
    outcome: 'succeeded',
    result: 'done',
    structuredOutput: null,
    stopReason: 'end_turn',
    stopSequence: null,
    numTurns: 1,
    durationMs: 1234,
    usage: {
      inputTokens: 10,
      outputTokens: 20,
      cacheReadInputTokens: 30,
      cacheCreationInputTokens: 40,
      raw: { service_tier: 'standard' },
    },
    costUsd: 0.25,
    model: 'claude-sonnet-4-5',
    sessionId: 'session-1',
    permissionDenials: [],
    error: null,
    ...fields,
  }
}

export const textEvent = (text: string): RunEvent => ({ type: 'text-delta', index: 0, text })

/** Events numbered from `first` to `last`. */
export function textEvents(first: number, last: number, text = 'word'): StoredEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    seq: first + index,
    event: textEvent(`${text} ${first + index}`),
  }))
}

/** The size of events as JSON, in bytes. */
export function eventBytes(events: readonly StoredEvent[]): number {
  return events.reduce((sum, { event }) => sum + Buffer.byteLength(JSON.stringify(event)), 0)
}

export const idsOf = (runs: readonly RunRecord[]) => runs.map(({ id }) => id)

/** Limits with which pruning deletes nothing. */
export const noLimits = { endedBeforeMs: 0, bytesMax: Number.MAX_SAFE_INTEGER, nowMs: 0 }
