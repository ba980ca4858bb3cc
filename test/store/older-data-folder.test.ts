// A data folder that version 0.1 wrote, opened by the current version: everything that was in it is still there. Not
// for the migrations one by one (see migrations.test.ts).
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, type TestContext, test } from 'node:test'
import { startUpstream } from '../../src/demo/upstream.ts'
import { migrations, schemaVersion } from '../../src/store/migrations.ts'
import { list } from '../commands/keys/process.ts'
import {
  asBefore,
  dayOf,
  type Expected,
  unpackDataFolder,
  unpackKilledDataFolder,
} from '../helpers/older-data-folder.ts'
import { makeFolders, startTestServer, type TestServer } from '../helpers/test-server.ts'
import { makeStoreFolder } from './scene.ts'

type Json = Record<string, unknown>
type Answer = { status: number; text: string; body: Json }
type Send = (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
type Scene = { server: TestServer; expected: Expected; as: (key: keyof Expected['secrets']) => Send }

const sendTo =
  ({ url }: { url: string }, own: Record<string, string> = {}): Send =>
  async (path, body, headers = {}) => {
    const posted = { method: 'POST', body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, {
      ...(body === undefined ? {} : posted),
      headers: { ...own, ...type, ...headers },
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('application/json')
    return { status: response.status, text, body: isJson ? JSON.parse(text) : {} }
  }

/** A current server on the folder of a 0.1 server that was stopped. */
async function openOlder(t: Pick<TestContext, 'after'>): Promise<Scene> {
  const folders = makeFolders(t)
  const expected = unpackDataFolder(folders.dataDir)
  const server = await startTestServer(t, { folders })
  return { server, expected, as: (key) => sendTo(server, { authorization: `Bearer ${expected.secrets[key]}` }) }
}

/** For the tests that change nothing. */
const { server: shared, as, expected } = await openOlder({ after: after as TestContext['after'] })

function assertUnchanged(actual: unknown, expected: unknown): void {
  assert.deepEqual(asBefore(actual, expected), expected)
}

async function get(send: Send, path: string): Promise<Json> {
  const { status, text, body } = await send(path)
  assert.equal(status, 200, `${path}: ${text}`)
  return body
}

async function eventsOf(send: Send, id: string): Promise<Json[]> {
  const { status, text } = await send(`/v1/runs/${id}/events?events=full`)
  assert.equal(status, 200, text)
  const frames = text.split('\n').filter((line) => line.startsWith('data: '))
  return frames.map((line) => JSON.parse(line.slice('data: '.length)))
}

const look = <T>(dataDir: string, use: (db: DatabaseSync) => T): T => {
  const db = new DatabaseSync(join(dataDir, 'claude-serve.db'), { readOnly: true })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

test('the schema is brought up to the newest version, and the database is intact', async (t) => {
  const { server } = await openOlder(t)
  await server.close(0)
  look(server.folders.dataDir, (db) => {
    assert.equal(schemaVersion(db), migrations.length)
    assert.deepEqual(db.prepare('PRAGMA integrity_check').all().map(Object.values), [['ok']])
    assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), [])
  })
})

test('runs are listed as they were, all at once and page by page', async () => {
  const all = await get(as('operator'), '/v1/runs?limit=200')
  assertUnchanged(all, { runs: expected.runs, next_cursor: null })
  const paged: unknown[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const page = await get(as('operator'), `/v1/runs?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`)
    paged.push(...(page.runs as Json[]))
    cursor = page.next_cursor
  }
  assert.deepEqual(paged, all.runs)
  for (const run of expected.runs) assertUnchanged(await get(as('operator'), `/v1/runs/${run.id}`), run)
})

test('the events of every run are as they were', async () => {
  for (const [id, events] of Object.entries(expected.events)) {
    assertUnchanged(await eventsOf(as('operator'), id), events)
  }
})

test('usage by day, model, session and key is what it was', async () => {
  const ends = expected.runs.map(({ ended_at }) => Date.parse(ended_at))
  const period = `from=${dayOf(Math.min(...ends))}&to=${dayOf(Math.max(...ends) + 86_400_000)}`
  assert.deepEqual(Object.keys(expected.usage), ['day', 'model', 'session', 'key'])
  for (const [group, sums] of Object.entries(expected.usage)) {
    assertUnchanged(await get(as('operator'), `/v1/usage?group_by=${group}&${period}`), sums)
  }
})

test('keys are listed as they were, with the cost of stored and of removed runs', async (t) => {
  // The others use the keys, which is noted.
  const { server, expected } = await openOlder(t)
  assertUnchanged(await list(server.folders, '--all'), expected.keys)
  const former = expected.keys.find(({ name }) => name === 'former')
  assert.ok(Number(former?.spent_usd) > 0)
})

test('keys still authenticate, with the scopes they had, and revoked ones do not', async () => {
  const own = (await get(as('laptop'), '/v1/runs?limit=200')).runs as { id: string }[]
  assert.deepEqual(
    own.map(({ id }) => id),
    expected.runsOfLaptop,
  )
  assert.ok(own.length > 0 && own.length < expected.runs.length)
  const foreign = expected.runs.find(({ id }) => !expected.runsOfLaptop.includes(id))
  assert.equal((await as('laptop')(`/v1/runs/${foreign?.id}`)).body.code, 'run_not_found')
  assert.equal((await as('spent')('/v1/chat', { prompt: 'hi' })).body.code, 'insufficient_scope')
  for (const key of ['former', 'revoked'] as const) {
    const { status, body } = await as(key)('/v1/runs')
    assert.deepEqual([status, body.code], [401, 'unauthorized'], key)
  }
  assert.equal((await sendTo(shared)('/v1/runs')).body.code, 'unauthorized')
})

test('a budget that was spent stays spent', async () => {
  const messages = [{ role: 'user', content: 'Is anything left?' }]
  const answer = await as('spent')('/v1/chat/completions', { model: 'claude-sonnet-5-5', messages })
  assert.equal(answer.status, 429, answer.text)
  assert.match(answer.text, /the API key spent has spent/)
  assert.equal(shared.upstream.requests.filter(({ raw }) => raw.includes('Is anything left?')).length, 0)
})

test('the facts about sessions are unchanged', async (t) => {
  const storeFolder = makeStoreFolder(t)
  const expected = unpackDataFolder(storeFolder.folder)
  const store = await storeFolder.open()
  const facts = await store.sessions(expected.sessions.map(({ id }) => id))
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
  assert.ok(facts.length > 0)
  assertUnchanged(facts.toSorted(byId), expected.sessions.toSorted(byId))
})

test('stored responses are returned as they were, with their input items, and a deleted one stays deleted', async () => {
  for (const [id, { response, inputItems }] of Object.entries(expected.responses)) {
    assertUnchanged(await get(as('laptop'), `/v1/responses/${id}`), response)
    assertUnchanged(await get(as('laptop'), `/v1/responses/${id}/input_items?order=asc`), inputItems)
  }
  assert.equal((await as('laptop')(`/v1/responses/${expected.deletedResponse}`)).status, 404)
})

test('a new response continues a stored one, with the whole conversation', async (t) => {
  const { server, as, expected } = await openOlder(t)
  const [previous] = Object.entries(expected.responses).at(-1) ?? []
  const call = expected.responses[previous ?? '']?.response.output as { call_id: string }[]
  server.upstream.enqueue({ text: 'It is a city.' })
  const answer = await as('laptop')('/v1/responses', {
    model: 'claude-sonnet-5-5',
    previous_response_id: previous,
    input: [{ type: 'function_call_output', call_id: call[0]?.call_id, output: 'A city on the Aare.' }],
  })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.text, /It is a city\./)
  const seen = server.upstream.requests.at(-1)?.raw ?? ''
  const words = ['What is the capital of Switzerland?', 'The capital is Bern.', 'Look it up.', 'A city on the Aare.']
  const positions = words.map((each) => seen.indexOf(each))
  assert.ok(!positions.includes(-1), seen)
  assert.deepEqual(
    positions,
    positions.toSorted((a, b) => a - b),
  )
})

test('a request repeated with its idempotency key gets the answer of the first one', async () => {
  for (const { path, key, headers, body, answer } of expected.replays) {
    const again = await as(key)(path, body, headers)
    assert.equal(again.status, 200, again.text)
    assertUnchanged(again.body, answer)
    const other = await as(key)(path, { ...body, metadata: { other: 'yes' } }, headers)
    assert.match(other.text, /idempotency-key was used for a different request/)
  }
  const { runs } = await get(as('operator'), '/v1/runs?limit=200')
  assert.equal((runs as Json[]).length, expected.runs.length)
  assert.ok(!shared.upstream.requests.some(({ raw }) => raw.includes('Only once.')))
})

test('runs are removed when they are old enough, and the amounts that keys have spent stay', async (t) => {
  const storeFolder = makeStoreFolder(t)
  const expected = unpackDataFolder(storeFolder.folder)
  const ends = expected.runs.map(({ ended_at }) => Date.parse(ended_at))
  const nowMs = Math.max(...ends) + 8 * 86_400_000
  const store = await storeFolder.open({ now: () => nowMs })
  const limits = { bytesMax: Number.MAX_SAFE_INTEGER, nowMs }
  assert.equal(await store.prune({ ...limits, endedBeforeMs: Math.min(...ends) }), 0)
  assert.equal(await store.prune({ ...limits, endedBeforeMs: Math.max(...ends) + 1 }), expected.runs.length)
  assert.deepEqual(await store.runs({ limit: 200 }), { items: [], nextCursor: null })
  assert.deepEqual(await store.events(expected.runs[0]?.id ?? '', 0, 200), [])
  for (const { id, spent_usd } of expected.keys) assertUnchanged(await store.spentBy(String(id)), spent_usd)
})

test('of the runs that a killed server left unfinished, restartable ones run again and the others fail as interrupted', async (t) => {
  const upstream = await startUpstream({ defaults: { text: 'Restarted.' } })
  t.after(() => upstream.close())
  const folders = makeFolders(t)
  const { restarted, interrupted, waiting } = unpackKilledDataFolder(folders.dataDir)
  const server = await startTestServer(t, { folders, upstream })
  const send = sendTo(server)
  // The stream of its events lasts until it has ended.
  assert.equal((await eventsOf(send, restarted)).at(-1)?.result, 'Restarted.')
  const { runs } = await get(send, '/v1/runs')
  assert.deepEqual(
    (runs as Json[]).map(({ id, status, error, pending, metadata, background }) => {
      const { code = null } = (error ?? {}) as Json
      return { id, status, code, pending, metadata, background }
    }),
    [
      { id: waiting, status: 'failed', code: 'interrupted', pending: [], metadata: {}, background: true },
      { id: restarted, status: 'succeeded', code: null, pending: [], metadata: { again: 'yes' }, background: true },
      {
        id: interrupted,
        status: 'failed',
        code: 'interrupted',
        pending: [],
        metadata: { when: 'at work' },
        background: true,
      },
    ],
  )
  const typesOf = async (id: string) => (await eventsOf(send, id)).map(({ type }) => type)
  assert.deepEqual(await typesOf(interrupted), ['start', 'delta', 'error'])
  assert.deepEqual(await typesOf(waiting), ['start', 'tool_use', 'permission_request', 'error'])
  await server.close(0)
  look(folders.dataDir, (db) => assert.equal(schemaVersion(db), migrations.length))
})
