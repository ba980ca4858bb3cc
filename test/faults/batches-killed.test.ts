// The server is killed again and again while it works on batches of both APIs. In the end each request has one result, and none was sent
// to the model twice unless its run was interrupted, which the list of runs and the log show.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { Anthropic } from '@anthropic-ai/sdk'
import OpenAI, { toFile } from 'openai'
import { extendedTest, test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { type KillableServer, random, setUp, until } from './killed-scene.ts'

const word = (api: string, index: number) => `word-${api}-${String(index).padStart(4, '0')}`

const messages = (api: string, index: number) => [
  { role: 'user' as const, content: `${word(api, index)} ${step({ text: `answer ${index}` })}` },
]

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index)

async function createMessageBatch({ url }: KillableServer, count: number): Promise<string> {
  const { batches } = new Anthropic({ baseURL: url, apiKey: 'x' }).messages
  const requests = indexes(count).map((index) => ({
    custom_id: String(index),
    params: { model: 'haiku', max_tokens: 50, messages: messages('a', index) },
  }))
  return (await batches.create({ requests })).id
}

async function createBatch({ url }: KillableServer, count: number): Promise<string> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x' })
  const endpoint = '/v1/chat/completions'
  const lines = indexes(count).map((index) =>
    JSON.stringify({
      ...{ custom_id: String(index), method: 'POST', url: endpoint },
      body: { model: 'haiku', messages: messages('o', index) },
    }),
  )
  const file = await client.files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'a.jsonl'),
    purpose: 'batch',
  })
  return (await client.batches.create({ input_file_id: file.id, endpoint, completion_window: '24h' })).id
}

/** The text of each result, by its id. */
async function messageResults({ url }: KillableServer, id: string): Promise<[string, string][] | null> {
  const { batches } = new Anthropic({ baseURL: url, apiKey: 'x' }).messages
  if ((await batches.retrieve(id)).processing_status !== 'ended') return null
  const results: [string, string][] = []
  for await (const { custom_id: customId, result } of await batches.results(id)) {
    const [block] = result.type === 'succeeded' ? result.message.content : []
    results.push([customId, block?.type === 'text' ? block.text : JSON.stringify(result)])
  }
  return results
}

async function results({ url }: KillableServer, id: string): Promise<[string, string][] | null> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x' })
  const { status, output_file_id: file, error_file_id: errors } = await client.batches.retrieve(id)
  if (status === 'in_progress') return null
  assert.ok(file && !errors, status)
  const text = await (await client.files.content(file)).text()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ custom_id: customId, response }) => [customId, response.body.choices[0].message.content])
}

/** The ids of the requests whose runs were interrupted, from the list of runs. */
async function interrupted({ url }: KillableServer): Promise<Set<string>> {
  const found = new Set<string>()
  for (let cursor = ''; ; ) {
    const answer = await fetch(`${url}/v1/runs?status=failed&limit=200${cursor}`)
    const page = (await answer.json()) as {
      runs: { surface: string; metadata: { custom_id?: string }; error: { code: string } | null }[]
      next_cursor: string | null
    }
    for (const { surface, metadata, error } of page.runs) {
      assert.equal(error?.code, 'interrupted')
      found.add(`${surface.slice(0, 1)} ${metadata.custom_id}`)
    }
    if (page.next_cursor === null) return found
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`
  }
}

async function testKills(t: TestContext, { count, kills, seed }: { count: number; kills: number; seed: number }) {
  const scene = await setUp(t, '--batch-concurrency=4', '--max-processes=6')
  const { upstream } = scene
  const sent = () =>
    upstream.requests.flatMap(({ body }) => /word-\w-\d{4}/.exec(JSON.stringify(body?.messages))?.[0] ?? [])
  let server = await scene.start()
  const half = count / 2
  const ids = [await createMessageBatch(server, half), await createBatch(server, half)] as [string, string]
  const next = random(seed)
  let log = ''
  for (let kill = 0; kill < kills; kill++) {
    // Somewhere within the time in which so many are answered.
    const enough = Math.floor(((kill + next()) * count) / kills)
    await until(`${enough} requests`, () => sent().length >= enough, 120_000)
    await server.killNow()
    log += server.log()
    server = await scene.start()
  }
  let [own, others]: ([string, string][] | null)[] = [null, null]
  await until(
    'all results',
    async () => {
      own ??= await messageResults(server, ids[0])
      others ??= await results(server, ids[1])
      return own !== null && others !== null
    },
    240_000,
  )
  const wanted = indexes(half).map((index) => [String(index), `answer ${index}`])
  assert.deepEqual(own, wanted)
  assert.deepEqual(others, wanted)
  const cut = await interrupted(server)
  const times = Map.groupBy(sent(), (each) => each)
  for (const api of ['a', 'o']) {
    for (const index of indexes(half)) {
      const count = times.get(word(api, index))?.length ?? 0
      assert.ok(count === 1 || (count > 1 && cut.has(`${api} ${index}`)), `${word(api, index)} was sent ${count} times`)
    }
  }
  assert.ok(cut.size > 0, 'nothing was interrupted')
  log += server.log()
  const named = [...log.matchAll(/"custom_id":"(\d+)".*was interrupted, and begins again/g)]
  assert.ok(named.length >= cut.size, `${named.length} of ${cut.size} interrupted requests are in the log`)
  t.diagnostic(`${sent().length} requests for ${count} items, ${cut.size} interrupted, ${kills} kills`)
}

test('batches survive 3 kills of the server', { timeout: 180_000 }, (t) =>
  testKills(t, { count: 24, kills: 3, seed: 7 }),
)

extendedTest('500 requests in two batches survive 20 kills of the server', { timeout: 600_000 }, (t) =>
  testKills(t, { count: 500, kills: 20, seed: 42 }),
)

test('nothing is left of an upload during which the server was killed', { timeout: 60_000 }, async (t) => {
  const { folders, start } = await setUp(t)
  const killed = await start()
  const headers = { authorization: 'Bearer x', 'content-type': 'multipart/form-data; boundary=b' }
  const upload = request(`${killed.url}/v1/files`, { method: 'POST', headers }).on('error', () => {})
  upload.write('--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n')
  upload.write(Buffer.alloc(1_000_000, 'x'))
  const stored = () => {
    const db = new DatabaseSync(join(folders.dataDir, 'claude-serve.db'), { readOnly: true })
    const [files, pieces] = ['files', 'file_pieces'].map((table) => db.prepare(`SELECT * FROM ${table}`).all().length)
    db.close()
    return { files, pieces }
  }
  await until('a part of the file', () => (stored().pieces ?? 0) > 0)
  await killed.killNow()
  await start()
  await until('the part is deleted', () => stored().files === 0, 10_000)
  assert.equal(stored().pieces, 0)
})
