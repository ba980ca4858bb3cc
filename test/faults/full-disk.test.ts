// A full disk under the data folder, made with a small file system of its own: what is refused, what goes on, and that nothing that was
// accepted is lost once there is room.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { step } from '../helpers/test-server.ts'
import { diskTest, fill, startOnDisk, storedStatus } from './disk-scene.ts'

type Answer = { status: number; body: Record<string, unknown>; retryAfter: string | null }

async function call(url: string, path: string, json?: object, headers: Record<string, string> = {}): Promise<Answer> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(json),
  }
  const response = await fetch(`${url}${path}`, json === undefined ? {} : request)
  const body = (await response.json()) as Record<string, unknown>
  return { status: response.status, body, retryAfter: response.headers.get('retry-after') }
}

/** The last event of a run's stream. */
async function lastEvent(url: string, id: unknown): Promise<{ type?: string; result?: string }> {
  const text = await (await fetch(`${url}/v1/runs/${id}/events`)).text()
  return JSON.parse(
    text
      .split('\n')
      .findLast((line) => line.startsWith('data: '))
      ?.slice(6) ?? '{}',
  )
}

/** The id of what the run waits for. */
async function pendingApproval(url: string, id: unknown): Promise<string> {
  const response = await fetch(`${url}/v1/runs/${id}/events`)
  let text = ''
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    const found = /"type":"permission_request","request_id":"([^"]+)"/.exec(text)?.[1]
    if (found !== undefined) return found
  }
  assert.fail(`no approval: ${text}`)
}

test(
  'while the disk is full nothing that must be stored is accepted; what was accepted ends, is shown, and is stored when there is room',
  diskTest,
  async (t) => {
    const { url, disk } = await startOnDisk(t)
    const prompt = `${step({ tool: 'Bash', input: { command: 'touch made', description: 'x' } })} ${step({ text: 'Made.' })}`
    const before = await call(url, '/v1/chat', { prompt, background: true, approvals: true })
    assert.equal(before.status, 202)
    const id = before.body.id
    const approval = await pendingApproval(url, id)
    assert.equal((await call(url, '/readyz')).status, 200)
    const filler = fill(disk)
    const ready = await call(url, '/readyz')
    assert.deepEqual([ready.status, ready.body.status, ready.body.code], [503, 'not_ready', 'storage_full'])
    for (const [json, headers] of [
      [{ background: true }, {}],
      [{}, { 'idempotency-key': 'k1' }],
    ] as const) {
      const refused = await call(url, '/v1/chat', { prompt: 'x'.repeat(50_000), ...json }, headers)
      assert.deepEqual([refused.status, refused.body.code, refused.retryAfter], [503, 'storage_full', '10'])
      assert.match(String(refused.body.error), /is full/)
    }
    const answered = await call(url, `/v1/runs/${id}/permissions/${approval}`, { behavior: 'allow' })
    assert.equal(answered.status, 200)
    assert.partialDeepStrictEqual(await lastEvent(url, id), { type: 'done', result: 'Made.' })
    const run = await call(url, `/v1/runs/${id}`)
    assert.equal(run.body.status, 'succeeded')
    const list = await call(url, '/v1/runs')
    assert.partialDeepStrictEqual(list.body, { runs: [{ id, status: 'succeeded' }] })
    // One that nobody needs to find again is answered.
    const other = await call(url, '/v1/chat', { prompt: 'hi' })
    assert.equal(other.status, 200)
    // A plain model's process keeps the system prompt in a file.
    const plain = await call(url, '/v1/messages', {
      model: 'haiku',
      max_tokens: 9,
      system: 'S',
      messages: [{ role: 'user', content: 'hi' }],
    })
    assert.equal(plain.status, 503)
    assert.match(JSON.stringify(plain.body), /is full/)

    rmSync(filler)
    while ((await call(url, '/readyz')).status !== 200);
    // By the database itself: the server would answer from its memory.
    while (storedStatus(disk, String(id)) !== 'succeeded') await call(url, '/livez')
    const later = await call(url, '/v1/chat', { prompt: 'hi' }, { 'idempotency-key': 'k1' })
    assert.equal(later.status, 200)
  },
)
