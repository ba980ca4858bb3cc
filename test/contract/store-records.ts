// Runs, ends and events for the tests of stores. Not for what a store does with them.
import type { RunEnd, RunEvent } from '../../src/core/events.ts'
import type { RunRecord, StoredEvent } from '../../src/core/store.ts'

/** The clock of these tests, unless one sets it: noon of a day in UTC. */
export const noonMs = Date.UTC(2026, 10, 22, 12)
export const hourMs = 3_600_000

export function runRecord(id: string, given: Partial<RunRecord> = {}): RunRecord {
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
    ...given,
  }
}

export function endedRun(id: string, endedAtMs: number, given: Partial<RunRecord> = {}): RunRecord {
  return runRecord(id, { status: 'succeeded', createdAtMs: endedAtMs - 1000, endedAtMs, ...given })
}

export function runEnd(given: Partial<RunEnd> = {}): RunEnd {
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
    ...given,
  }
}

export const textEvent = (text: string): RunEvent => ({ type: 'text-delta', index: 0, text })

/** Events numbered from `first` to `last`. */
export function textEvents(first: number, last: number, text = 'word'): StoredEvent[] {
  return Array.from({ length: last - first + 1 }, (_, at) => ({
    seq: first + at,
    event: textEvent(`${text} ${first + at}`),
  }))
}

/** What an event takes, as JSON. */
export function eventBytes(events: readonly StoredEvent[]): number {
  return events.reduce((sum, { event }) => sum + Buffer.byteLength(JSON.stringify(event)), 0)
}

export const idsOf = (runs: readonly RunRecord[]) => runs.map(({ id }) => id)

/** Limits of a pruning that drops nothing. */
export const noLimits = { endedBeforeMs: 0, bytesMax: Number.MAX_SAFE_INTEGER, nowMs: 0 }
