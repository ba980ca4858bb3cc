// What is retried, what is waited for, what ends a line and what ends the whole batch, with a scripted server and a fake clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts, type LineOutcome } from '../../../src/commands/batch/attempts.ts'
import type { Item } from '../../../src/commands/batch/input.ts'
import { Pace, Stopped, unreachableMaxMs } from '../../../src/commands/batch/pace.ts'
import { type RunEnd, Unreachable } from '../../../src/commands/batch/server.ts'
import { CommandError } from '../../../src/commands/command.ts'

type Failure = { code: string; status: number; retryAfterS?: number; field?: string }

/** The server's response to one request: no run, or a run (which an earlier invocation may have started) and how it ends. */
type ServerResponse =
  | { refused: Failure }
  | { failed: Failure; isReplay?: boolean }
  | { ok: true; isReplay?: boolean }
  | 'gone'
  | 'broken'

const failure = ({ code, status, retryAfterS = Number.NaN, field }: Failure): Extract<RunEnd, { kind: 'failed' }> => ({
  kind: 'failed',
  error: { code, message: `reported ${code}`, status },
  field: field ?? null,
  retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS,
  costUsd: 0,
})

const item: Item = { kind: 'item', line: 1, id: 'a', request: { prompt: 'hi' }, own: new Set(['prompt']), hash: 'h' }

/** Processes the line with a server that returns these responses in turn, and then repeats the last one. */
async function finish(responses: readonly ServerResponse[], { first = 0, defaults = {} } = {}) {
  const keys: string[] = []
  const waits: number[] = []
  let nowMs = 0
  let current: ServerResponse | undefined
  const [stop, abort] = [new AbortController(), new AbortController()]
  const sleep = async (ms: number) => {
    waits.push(ms / 1000)
    nowMs += ms
  }
  const server = {
    start: async (_request: unknown, key: string) => {
      keys.push(key)
      current = responses[Math.min(keys.length, responses.length) - 1]
      if (current === undefined || current === 'gone') throw new Unreachable('gone')
      if (typeof current === 'object' && 'refused' in current) return failure(current.refused)
      return { runId: `run_${keys.length}`, isReplay: typeof current === 'object' && current.isReplay === true }
    },
    follow: async (): Promise<RunEnd> => {
      if (typeof current !== 'object' || 'refused' in current) throw new Unreachable('broken off')
      return 'failed' in current ? failure(current.failed) : { kind: 'succeeded', response: {}, costUsd: 0 }
    },
    cancel: async () => {},
  }
  const pace = new Pace({ now: () => nowMs, sleep, stop: stop.signal })
  const attempts = new Attempts({ server, pace, batch: 'batch_1', defaults, abort: abort.signal })
  const ended: LineOutcome | Error = await attempts.finish(item, first).catch((error) => error)
  return { ended, keys, waits }
}

const ok: ServerResponse = { ok: true }
const full = { code: 'queue_full', status: 429, retryAfterS: 2 }
const limited = { code: 'rate_limited', status: 429, retryAfterS: 30 }
const cancelled = { code: 'cancelled', status: 499 }
const interrupted = { code: 'interrupted', status: 500 }
const stopping = { code: 'shutting_down', status: 503, retryAfterS: 5 }

/** `keys`: the idempotency keys of the requests, numbered from 0 in the order in which they first occur. */
type Row = {
  title: string
  responses: ServerResponse[]
  keys: number[]
  waits?: number[]
  end: 'succeeded' | string
  attempt?: number
}

const rows: Row[] = [
  { title: 'an answer is used', responses: [ok], keys: [0], end: 'succeeded' },
  {
    title: 'the answer of a run that an earlier invocation started is used',
    responses: [{ ok: true, isReplay: true }],
    keys: [0],
    end: 'succeeded',
  },
  {
    title: 'a full queue is waited for, with the same key',
    responses: [{ refused: full }, { refused: full }, ok],
    keys: [0, 0, 0],
    waits: [2, 2],
    end: 'succeeded',
  },
  {
    title: 'a run that hit a limit is restarted after a wait, with another key',
    responses: [{ failed: limited }, ok],
    keys: [0, 1],
    waits: [30],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a limit that an earlier invocation hit is not waited for again',
    responses: [{ failed: limited, isReplay: true }, ok],
    keys: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a run that an earlier invocation cancelled is restarted',
    responses: [{ failed: cancelled, isReplay: true }, ok],
    keys: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a problem that stopped an earlier invocation may be fixed by now',
    responses: [{ failed: { code: 'claude_not_logged_in', status: 503 }, isReplay: true }, ok],
    keys: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a run that somebody else cancels has failed',
    responses: [{ failed: cancelled }],
    keys: [0],
    end: 'cancelled',
  },
  {
    title: 'a run that failed for an earlier invocation has failed',
    responses: [{ failed: { code: 'claude_failed', status: 502 }, isReplay: true }],
    keys: [0],
    end: 'claude_failed',
  },
  {
    title: 'a limit without a time is not waited for',
    responses: [{ failed: { code: 'rate_limited', status: 429 } }],
    keys: [0],
    end: 'rate_limited',
  },
  {
    title: 'an error of the line itself is not retried',
    responses: [{ refused: { code: 'invalid_request', status: 400 } }],
    keys: [0],
    end: 'invalid_request',
  },
  {
    title: 'a request to an unreachable server is repeated with the same key',
    responses: ['gone', 'gone', ok],
    keys: [0, 0, 0],
    waits: [0.25, 0.5],
    end: 'succeeded',
  },
  {
    title: 'a broken connection is resumed',
    responses: ['broken', { ok: true, isReplay: true }],
    keys: [0, 0],
    waits: [0.25],
    end: 'succeeded',
  },
  {
    title: 'a run that was interrupted by a server crash is restarted',
    responses: ['broken', { failed: interrupted, isReplay: true }, ok],
    keys: [0, 0, 1],
    waits: [0.25],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a run that was cut short by a server shutdown is restarted',
    responses: [{ failed: stopping }, 'gone', ok],
    keys: [0, 1, 1],
    waits: [0.25, 0.5],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a request that a stopping server rejects is repeated with the same key',
    responses: [{ refused: stopping }, ok],
    keys: [0, 0],
    waits: [0.25],
    end: 'succeeded',
  },
  {
    title: 'the key of a deleted run is skipped',
    responses: [{ refused: { code: 'conflict', status: 409 } }, ok],
    keys: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a line that is deferred again and again has failed',
    responses: [{ failed: { ...limited, retryAfterS: 1 } }],
    keys: [0, 1, 2, 3, 4, 5, 6, 7],
    waits: Array(7).fill(1),
    end: 'rate_limited',
    attempt: 7,
  },
  {
    title: 'a line that takes the server down again and again has failed',
    responses: Array.from(
      { length: 40 },
      (_, index): ServerResponse => (index % 2 === 0 ? 'broken' : { failed: interrupted, isReplay: true }),
    ),
    keys: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7],
    waits: Array(8).fill(0.25),
    end: 'interrupted',
    attempt: 7,
  },
]

for (const { title, responses, keys, waits = [], end, attempt = 0 } of rows) {
  test(title, { timeout: 10_000 }, async () => {
    const done = await finish(responses)
    assert.ok(!(done.ended instanceof Error), String(done.ended))
    const distinctKeys = [...new Set(done.keys)]
    assert.deepEqual(
      done.keys.map((key) => distinctKeys.indexOf(key)),
      keys,
    )
    assert.deepEqual(done.waits, waits)
    const { end: actual } = done.ended
    assert.deepEqual([actual.kind === 'failed' ? actual.error.code : actual.kind, done.ended.attempt], [end, attempt])
  })
}

test('a line has the same keys in each invocation', async () => {
  const first = await finish([{ failed: limited }, ok])
  const again = await finish([{ failed: limited }, ok])
  assert.deepEqual(first.keys, again.keys)
  const later = await finish([ok], { first: 1 })
  assert.deepEqual(later.keys, first.keys.slice(1))
})

const endings: [title: string, responses: ServerResponse[], message: RegExp, defaults?: Record<string, unknown>][] = [
  [
    'a missing key',
    [{ refused: { code: 'unauthorized', status: 401 } }],
    /reported unauthorized; set CLAUDE_SERVE_API_KEY to a key/,
  ],
  [
    'a key without the scope',
    [{ refused: { code: 'insufficient_scope', status: 403 } }],
    /reported insufficient_scope/,
  ],
  ["a key's exhausted budget", [{ refused: { code: 'budget_exceeded', status: 402 } }], /reported budget_exceeded/],
  [
    'a CLI that is not logged in',
    [{ failed: { code: 'claude_not_logged_in', status: 503 } }],
    /reported claude_not_logged_in/,
  ],
  ['a missing CLI', [{ failed: { code: 'claude_not_found', status: 503 } }], /reported claude_not_found/],
  [
    'a limit that lasts for hours',
    [{ failed: { ...limited, retryAfterS: 18_000 } }],
    /^the server requires a wait of 5 h: reported rate_limited$/,
  ],
  ['a server that does not come back', ['gone'], /^the server is no longer reachable: start it/],
  [
    'a rejected default',
    [{ refused: { code: 'cwd_not_found', status: 400, field: 'cwd' } }],
    /the server rejects a value from --model or --defaults/,
    { cwd: '/x' },
  ],
]

for (const [title, responses, message, defaults = {}] of endings) {
  test(`${title} ends the batch, and the line is left for later`, async () => {
    const { ended } = await finish(responses, { defaults })
    assert.ok(ended instanceof CommandError, String(ended))
    assert.match(ended.message, message)
  })
}

test("a run's own budget and a field of the line itself fail only the line", async () => {
  const spent = await finish([{ failed: { code: 'budget_exceeded', status: 402 } }])
  const own = await finish([{ refused: { code: 'invalid_request', status: 400, field: 'prompt' } }], {
    defaults: { prompt: 'x' },
  })
  for (const { ended } of [spent, own]) assert.ok(!(ended instanceof Error), String(ended))
})

test('a pause holds up every line, and a stop ends it', { timeout: 10_000 }, async () => {
  const stop = new AbortController()
  const reasons: (string | null)[] = []
  const sleeps: { ms: number; wake: () => void }[] = []
  let nowMs = 0
  const sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((wake) => {
      sleeps.push({ ms, wake })
      signal.addEventListener('abort', () => wake())
    })
  const onWait = (reason: string | null) => reasons.push(reason)
  const pace = new Pace({ now: () => nowMs, sleep, stop: stop.signal, onWait })
  await pace.ready()
  pace.pause(10, 'full')
  pace.pause(3, 'full as well')
  const waiting = Promise.all([pace.ready(), pace.ready()])
  assert.deepEqual(
    sleeps.map(({ ms }) => ms),
    [10_000, 10_000],
  )
  nowMs = 10_000
  for (const { wake } of sleeps) wake()
  await waiting
  assert.deepEqual(reasons, ['waiting 10 s: full', 'waiting 3 s: full as well'])
  pace.pause(60, 'full')
  const stopped = assert.rejects(pace.ready(), Stopped)
  stop.abort()
  await stopped
})

test('unreachable time is counted per outage, and waiting time from the last finished line', () => {
  let nowMs = 0
  const pace = new Pace({ now: () => nowMs, stop: new AbortController().signal })
  pace.noteUnreachable()
  nowMs = unreachableMaxMs
  pace.noteUnreachable()
  pace.noteAnswer()
  nowMs = 2 * unreachableMaxMs
  pace.noteUnreachable()
  nowMs = 3 * unreachableMaxMs + 1
  assert.throws(() => pace.noteUnreachable(), CommandError)
  nowMs = 599_000
  pace.pause(1, 'full')
  assert.throws(() => pace.pause(2, 'full'), /the server requires a wait of 2 s: full/)
  pace.noteEnd()
  pace.pause(2, 'full')
})
