// The data folders that version 0.1 left behind (test/fixtures/data-folder-0.1), unpacked for a test, and what that
// version answered from them. Not for data folders of the current version.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const fixture = fileURLToPath(new URL('../fixtures/data-folder-0.1', import.meta.url))

const dayMs = 86_400_000

type Json = Record<string, unknown>

/** What version 0.1 answered; its times are moved by as much as those of the folder. */
export type Expected = {
  /** The plain keys, by name. They are of no use outside this test. */
  secrets: Record<'operator' | 'laptop' | 'spent' | 'former' | 'revoked', string>
  /** `keys list --all --json`. */
  keys: Json[]
  /** `GET /v1/runs`, the newest first. */
  runs: { id: string; ended_at: string }[]
  /** The ids of those that the key `laptop` may see. */
  runsOfLaptop: string[]
  /** `GET /v1/runs/{id}/events?events=full`, by the run's id, without the ids of requests. */
  events: Record<string, Json[]>
  /** `GET /v1/usage` of the day, by `group_by`. */
  usage: Record<string, Json>
  sessions: { id: string }[]
  /** By id. */
  responses: Record<string, { response: Json; inputItems: Json }>
  deletedResponse: string
  replays: { path: string; key: 'operator' | 'laptop'; headers: Record<string, string>; body: Json; answer: Json }[]
  /** The ids of the runs in the folder of the server that was killed. */
  killed: Record<'interrupted' | 'restarted' | 'waiting', string>
}

const readExpected = (): Expected => JSON.parse(readFileSync(join(fixture, 'expected.json'), 'utf8'))

function unpack(name: string, folder: string): string {
  const file = join(folder, name.replace(/^.*\/|\.gz$/g, ''))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(file, gunzipSync(readFileSync(join(fixture, name))), { mode: 0o600 })
  return file
}

/** Every column that holds a time. */
const timeColumns: Record<string, readonly string[]> = {
  runs: ['created_at_ms', 'started_at_ms', 'ended_at_ms'],
  idempotency_keys: ['expires_at_ms'],
  sessions: ['created_at_ms', 'last_used_at_ms'],
  keys: ['created_at_ms', 'expires_at_ms', 'revoked_at_ms', 'last_used_at_ms'],
}

/**
 * The folder of a stopped server, as if it had stopped within the last day: the server uses the machine's clock only,
 * removes runs after a week and refuses expired keys. All times move by the same number of whole days, so that runs of
 * one day stay runs of one day. Idempotency keys live for one day, which may be over by then: they get one more.
 */
export function unpackDataFolder(folder: string): Expected {
  const file = unpack('claude-serve.db.gz', folder)
  const expected = readExpected()
  const lastEndMs = Math.max(...expected.runs.map(({ ended_at }) => Date.parse(ended_at)))
  const shiftMs = Math.floor((Date.now() - lastEndMs) / dayMs) * dayMs
  const db = new DatabaseSync(file)
  for (const [table, columns] of Object.entries(timeColumns)) {
    const ms = table === 'idempotency_keys' ? shiftMs + dayMs : shiftMs
    db.exec(`UPDATE ${table} SET ${columns.map((column) => `${column} = ${column} + ${ms}`).join(', ')}`)
  }
  db.close()
  return later(expected, shiftMs) as Expected
}

/** The folder of a server that was killed in the middle of its runs, exactly as it was left. */
export function unpackKilledDataFolder(folder: string): Expected['killed'] {
  for (const name of ['claude-serve.db', 'claude-serve.db-wal']) unpack(`killed/${name}.gz`, folder)
  return readExpected().killed
}

const isTime = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/
const isDay = /^\d{4}-\d{2}-\d{2}$/
const isInSeconds = /^(?:created|created_at|completed_at)$/
const isInMs = /AtMs$/

/** Moves times as the APIs write them: strings, and numbers that are recognized by their names. */
function later(value: unknown, ms: number, name = ''): unknown {
  if (typeof value === 'string' && isTime.test(value)) return new Date(Date.parse(value) + ms).toISOString()
  if (typeof value === 'string' && isDay.test(value)) return dayOf(Date.parse(value) + ms)
  if (typeof value === 'number' && isInSeconds.test(name)) return value + ms / 1000
  if (typeof value === 'number' && isInMs.test(name)) return value + ms
  if (Array.isArray(value)) return value.map((each) => later(each, ms))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, later(each, ms, key)]))
}

/** In UTC. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * An answer without the fields that later versions have added, for comparison with the expected one; lists stay whole.
 * Sums of dollars may differ in their last digit, because the order of the additions is not fixed.
 */
export function asBefore(answer: unknown, expected: unknown): unknown {
  if (typeof answer === 'number' && typeof expected === 'number')
    return Math.abs(answer - expected) < 1e-9 ? expected : answer
  if (Array.isArray(answer) && Array.isArray(expected))
    return answer.map((each, index) => asBefore(each, expected[index]))
  if (!isObject(answer) || !isObject(expected)) return answer
  const known = Object.entries(answer).filter(([name]) => name in expected)
  return Object.fromEntries(known.map(([name, each]) => [name, asBefore(each, expected[name])]))
}
