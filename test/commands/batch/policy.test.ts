// What is tried again, what is waited out, what ends a line and what ends the whole batch: on a server that says what the test wants, and a
// clock that the test turns.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts, type Ended } from '../../../src/commands/batch/attempts.ts'
import type { Item } from '../../../src/commands/batch/input.ts'
import { awayMaxMs, Pace, Stopped } from '../../../src/commands/batch/pace.ts'
import { type RunEnd, Unreachable } from '../../../src/commands/batch/server.ts'
import { CommandError } from '../../../src/commands/command.ts'

type Failure = { code: string; status: number; retryAfterS?: number; field?: string }

/** What the server says to one request: no run, or a run (that an earlier start may have begun) and how it ends. */
type Saying =
  | { refused: Failure }
  | { failed: Failure; isReplay?: boolean }
  | { ok: true; isReplay?: boolean }
  | 'gone'
  | 'broken'

const failure = ({ code, status, retryAfterS = Number.NaN, field }: Failure): Extract<RunEnd, { kind: 'failed' }> => ({
  kind: 'failed',
  error: { code, message: `it says ${code}`, status },
  field: field ?? null,
  retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS,
  costUsd: 0,
})

const item: Item = { kind: 'item', line: 1, id: 'a', request: { prompt: 'hi' }, own: new Set(['prompt']), hash: 'h' }

/** Brings the line to its end against a server that says these things in turn; afterwards it says the last one. */
async function finish(sayings: readonly Saying[], { first = 0, defaults = {} } = {}) {
  const names: string[] = []
  const waits: number[] = []
  let nowMs = 0
  let said: Saying | undefined
  const [stop, abort] = [new AbortController(), new AbortController()]
  const sleep = async (ms: number) => {
    waits.push(ms / 1000)
    nowMs += ms
  }
  const server = {
    start: async (_request: unknown, name: string) => {
      names.push(name)
      said = sayings[Math.min(names.length, sayings.length) - 1]
      if (said === undefined || said === 'gone') throw new Unreachable('gone')
      if (typeof said === 'object' && 'refused' in said) return failure(said.refused)
      return { runId: `run_${names.length}`, isReplay: typeof said === 'object' && said.isReplay === true }
    },
    follow: async (): Promise<RunEnd> => {
      if (typeof said !== 'object' || 'refused' in said) throw new Unreachable('broken off')
      return 'failed' in said ? failure(said.failed) : { kind: 'succeeded', response: {}, costUsd: 0 }
    },
    cancel: async () => {},
  }
  const pace = new Pace({ now: () => nowMs, sleep, stop: stop.signal })
  const attempts = new Attempts({ server, pace, batch: 'batch_1', defaults, abort: abort.signal })
  const ended: Ended | Error = await attempts.finish(item, first).catch((fault) => fault)
  return { ended, names, waits }
}

const ok: Saying = { ok: true }
const full = { code: 'queue_full', status: 429, retryAfterS: 2 }
const limited = { code: 'rate_limited', status: 429, retryAfterS: 30 }
const cancelled = { code: 'cancelled', status: 499 }
const interrupted = { code: 'interrupted', status: 500 }
const stopping = { code: 'shutting_down', status: 503, retryAfterS: 5 }

/** `names`: which of the requests have the same name, as numbers from 0. */
type Row = {
  title: string
  sayings: Saying[]
  names: number[]
  waits?: number[]
  end: 'succeeded' | string
  attempt?: number
}

const rows: Row[] = [
  { title: 'an answer is taken', sayings: [ok], names: [0], end: 'succeeded' },
  {
    title: 'the answer of a run that an earlier start began is taken',
    sayings: [{ ok: true, isReplay: true }],
    names: [0],
    end: 'succeeded',
  },
  {
    title: 'a full queue is waited for, under the same name',
    sayings: [{ refused: full }, { refused: full }, ok],
    names: [0, 0, 0],
    waits: [2, 2],
    end: 'succeeded',
  },
  {
    title: 'a run that met a limit is begun anew, under another name',
    sayings: [{ failed: limited }, ok],
    names: [0, 1],
    waits: [30],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'what an earlier start met is not waited for again',
    sayings: [{ failed: limited, isReplay: true }, ok],
    names: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'what an earlier start cancelled is begun anew',
    sayings: [{ failed: cancelled, isReplay: true }, ok],
    names: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'what stopped an earlier start may have been mended since',
    sayings: [{ failed: { code: 'claude_not_logged_in', status: 503 }, isReplay: true }, ok],
    names: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  { title: 'what somebody else cancels has failed', sayings: [{ failed: cancelled }], names: [0], end: 'cancelled' },
  {
    title: 'what failed for an earlier start has failed',
    sayings: [{ failed: { code: 'claude_failed', status: 502 }, isReplay: true }],
    names: [0],
    end: 'claude_failed',
  },
  {
    title: 'a limit without a time is no reason to wait',
    sayings: [{ failed: { code: 'rate_limited', status: 429 } }],
    names: [0],
    end: 'rate_limited',
  },
  {
    title: "an error that is the line's own is not tried again",
    sayings: [{ refused: { code: 'invalid_request', status: 400 } }],
    names: [0],
    end: 'invalid_request',
  },
  {
    title: 'a server that goes away is asked again under the same name',
    sayings: ['gone', 'gone', ok],
    names: [0, 0, 0],
    waits: [0.25, 0.5],
    end: 'succeeded',
  },
  {
    title: 'a connection that breaks is taken up again',
    sayings: ['broken', { ok: true, isReplay: true }],
    names: [0, 0],
    waits: [0.25],
    end: 'succeeded',
  },
  {
    title: 'a run that its server did not survive is begun anew',
    sayings: ['broken', { failed: interrupted, isReplay: true }, ok],
    names: [0, 0, 1],
    waits: [0.25],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a run that a stop cut short is begun anew',
    sayings: [{ failed: stopping }, 'gone', ok],
    names: [0, 1, 1],
    waits: [0.25, 0.5],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a server that is about to stop is asked again under the same name',
    sayings: [{ refused: stopping }, ok],
    names: [0, 0],
    waits: [0.25],
    end: 'succeeded',
  },
  {
    title: 'a name of a run that was forgotten is passed over',
    sayings: [{ refused: { code: 'conflict', status: 409 } }, ok],
    names: [0, 1],
    end: 'succeeded',
    attempt: 1,
  },
  {
    title: 'a line that is put off again and again has failed',
    sayings: [{ failed: { ...limited, retryAfterS: 1 } }],
    names: [0, 1, 2, 3, 4, 5, 6, 7],
    waits: Array(7).fill(1),
    end: 'rate_limited',
    attempt: 7,
  },
  {
    title: 'a line that takes the server down again and again has failed',
    sayings: Array.from(
      { length: 40 },
      (_, at): Saying => (at % 2 === 0 ? 'broken' : { failed: interrupted, isReplay: true }),
    ),
    names: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7],
    waits: Array(8).fill(0.25),
    end: 'interrupted',
    attempt: 7,
  },
]

for (const { title, sayings, names, waits = [], end, attempt = 0 } of rows) {
  test(title, { timeout: 10_000 }, async () => {
    const done = await finish(sayings)
    assert.ok(!(done.ended instanceof Error), String(done.ended))
    const different = [...new Set(done.names)]
    assert.deepEqual(
      done.names.map((name) => different.indexOf(name)),
      names,
    )
    assert.deepEqual(done.waits, waits)
    const { end: got } = done.ended
    assert.deepEqual([got.kind === 'failed' ? got.error.code : got.kind, done.ended.attempt], [end, attempt])
  })
}

test('the same line has the same names at each start, and no other line has them', async () => {
  const first = await finish([{ failed: limited }, ok])
  const again = await finish([{ failed: limited }, ok])
  assert.deepEqual(first.names, again.names)
  const later = await finish([ok], { first: 1 })
  assert.deepEqual(later.names, first.names.slice(1))
})

const endings: [title: string, sayings: Saying[], said: RegExp, defaults?: Record<string, unknown>][] = [
  [
    'a key that is missing',
    [{ refused: { code: 'unauthorized', status: 401 } }],
    /it says unauthorized; CLAUDE_SERVE_API_KEY must hold a key/,
  ],
  ['a key that may not', [{ refused: { code: 'insufficient_scope', status: 403 } }], /it says insufficient_scope/],
  [
    "a key's budget that is used up",
    [{ refused: { code: 'budget_exceeded', status: 402 } }],
    /it says budget_exceeded/,
  ],
  [
    'nobody being logged in',
    [{ failed: { code: 'claude_not_logged_in', status: 503 } }],
    /it says claude_not_logged_in/,
  ],
  ['claude being gone', [{ failed: { code: 'claude_not_found', status: 503 } }], /it says claude_not_found/],
  [
    'a limit that holds for hours',
    [{ failed: { ...limited, retryAfterS: 18_000 } }],
    /^the server says to wait 5 h: it says rate_limited$/,
  ],
  ['a server that does not come back', ['gone'], /^the server is gone: start it/],
  [
    'a default that is refused',
    [{ refused: { code: 'cwd_not_found', status: 400, field: 'cwd' } }],
    /what --model or --defaults gives/,
    { cwd: '/x' },
  ],
]

for (const [title, sayings, said, defaults = {}] of endings) {
  test(`${title} ends the batch, and the line is left for later`, async () => {
    const { ended } = await finish(sayings, { defaults })
    assert.ok(ended instanceof CommandError, String(ended))
    assert.match(ended.message, said)
  })
}

test("a run's own budget, and a field of the line itself, are the line's own affair", async () => {
  const spent = await finish([{ failed: { code: 'budget_exceeded', status: 402 } }])
  const own = await finish([{ refused: { code: 'invalid_request', status: 400, field: 'prompt' } }], {
    defaults: { prompt: 'x' },
  })
  for (const { ended } of [spent, own]) assert.ok(!(ended instanceof Error), String(ended))
})

test('a pause holds up everybody, and a stop ends it', { timeout: 10_000 }, async () => {
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

test('patience is for a server that is away in one piece, and for waits between two answers', () => {
  let nowMs = 0
  const pace = new Pace({ now: () => nowMs, stop: new AbortController().signal })
  pace.noteAway()
  nowMs = awayMaxMs
  pace.noteAway()
  pace.noteAnswer()
  nowMs = 2 * awayMaxMs
  pace.noteAway()
  nowMs = 3 * awayMaxMs + 1
  assert.throws(() => pace.noteAway(), CommandError)
  nowMs = 599_000
  pace.pause(1, 'full')
  assert.throws(() => pace.pause(2, 'full'), /the server says to wait 2 s: full/)
  pace.noteEnd()
  pace.pause(2, 'full')
})
