// Message batches with Anthropic's own SDK, the real CLI and the scripted model. The engine by itself is tested in core/batches, the
// statements in contract/.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Anthropic } from '@anthropic-ai/sdk'
import { startUpstream } from '../../../src/demo/upstream.ts'
import { MessageBatch, MessageBatchResult } from '../../../src/surfaces/anthropic/batches/reply-schemas.ts'
import { addKey, revokeKey } from '../../helpers/test-keys.ts'
import {
  makeFolders,
  startTestServer,
  step,
  type TestServer,
  type TestServerOptions,
} from '../../helpers/test-server.ts'

const clientOf = ({ url }: { url: string }, apiKey = 'sk-dummy') =>
  new Anthropic({ baseURL: url, apiKey, maxRetries: 0 })

async function setUp(t: TestContext, options: TestServerOptions = {}) {
  const server = await startTestServer(t, options)
  return { server, batches: clientOf(server).messages.batches }
}

const params = (content: string, more: object = {}) => ({
  model: 'haiku',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content }],
  ...more,
})

async function untilEnded({ batches }: { batches: Anthropic.Messages.Batches }, id: string): Promise<MessageBatch> {
  for (;;) {
    const batch = MessageBatch.parse(await batches.retrieve(id))
    if (batch.processing_status === 'ended') return batch
    await delay(20)
  }
}

async function resultsOf(
  batches: Anthropic.Messages.Batches,
  id: string,
): Promise<Map<string, MessageBatchResult['result']>> {
  const results = new Map<string, MessageBatchResult['result']>()
  for await (const line of await batches.results(id)) {
    const { custom_id: customId, result } = MessageBatchResult.parse(line)
    assert.ok(!results.has(customId), `${customId} has two results`)
    results.set(customId, result)
  }
  return results
}

const textOf = (result: MessageBatchResult['result'] | undefined) => {
  assert.equal(result?.type, 'succeeded', JSON.stringify(result))
  const [block] = result.message.content
  return block?.type === 'text' ? block.text : block
}

const prompts = ({ upstream }: TestServer) =>
  upstream.requests.map(({ body }) => JSON.stringify(body?.messages)).filter((text) => text.includes('batch-item'))

test('a batch is answered: text, calls of tools, structured output, and an error for what is wrong with one request', async (t) => {
  const { server, batches } = await setUp(t)
  const tools = [{ name: 'look', input_schema: { type: 'object' as const } }]
  const created = MessageBatch.parse(
    await batches.create({
      requests: [
        {
          custom_id: 'first',
          params: params(`batch-item ${step({ text: 'Hello wörld 🦉' })}`, { system: 'Be brief.' }),
        },
        { custom_id: 'call', params: params(`batch-item ${step({ tool: 'look', input: { row: 1 } })}`, { tools }) },
        { custom_id: 'wrong', params: params('batch-item', { max_tokens: -1 }) },
        { custom_id: 'streamed', params: params('batch-item', { stream: true }) as never },
        { custom_id: 'model', params: params('batch-item', { model: 'no-such-model' }) },
      ],
    }),
  )
  assert.match(created.id, /^msgbatch_/)
  assert.equal(created.results_url, null)
  const ended = await untilEnded({ batches }, created.id)
  assert.deepEqual(ended.request_counts, { processing: 0, succeeded: 2, errored: 3, canceled: 0, expired: 0 })
  assert.equal(ended.results_url, `${server.url}/v1/messages/batches/${created.id}/results`)
  const results = await resultsOf(batches, created.id)
  assert.equal(textOf(results.get('first')), 'Hello wörld 🦉')
  const call = results.get('call')
  assert.equal(call?.type === 'succeeded' && call.message.stop_reason, 'tool_use')
  const errorOf = (id: string) => {
    const result = results.get(id)
    assert.equal(result?.type, 'errored')
    return result.error.error
  }
  assert.deepEqual(
    [errorOf('wrong').type, errorOf('wrong').message],
    ['invalid_request_error', 'max_tokens must be at least 1'],
  )
  assert.match(errorOf('streamed').message, /^stream must be false in a batch/)
  assert.equal(errorOf('model').type, 'not_found_error')
  assert.equal(prompts(server).length, 2)
  const runs = (await (await fetch(`${server.url}/v1/runs`)).json()) as { runs: { metadata: object }[] }
  assert.deepEqual(
    runs.runs.map(({ metadata }) => metadata).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    ['call', 'first'].map((id) => ({ batch_id: created.id, custom_id: id })),
  )
})

const request = (id: string, content: string) => ({ custom_id: id, params: params(content) })
const numbered = (
  count: number,
  text = (index: number) => `batch-item ${index} ${step({ text: `answer ${index}` })}`,
) => Array.from({ length: count }, (_, index) => request(`r${index}`, text(index)))

test('a canceled batch answers what has begun and nothing else', async (t) => {
  const { server, batches } = await setUp(t, { config: { batchConcurrency: 1 } })
  const { id } = await batches.create({
    requests: numbered(3, (index) => `batch-item ${index} ${step({ tokens: 300, gap: 5 })}`),
  })
  while (prompts(server).length === 0) await batches.retrieve(id)
  const canceled = MessageBatch.parse(await batches.cancel(id))
  assert.equal(canceled.processing_status, 'canceling')
  assert.notEqual(canceled.cancel_initiated_at, null)
  const ended = await untilEnded({ batches }, id)
  assert.deepEqual(ended.request_counts, { processing: 0, succeeded: 1, errored: 0, canceled: 2, expired: 0 })
  const results = await resultsOf(batches, id)
  assert.deepEqual(
    [...results.values()].map(({ type }) => type),
    ['succeeded', 'canceled', 'canceled'],
  )
  assert.equal(prompts(server).length, 1)
  assert.equal((await batches.cancel(id)).processing_status, 'ended')
})

test('a batch is not deleted before it has ended; then it is gone with its results', async (t) => {
  const { batches } = await setUp(t)
  const { id } = await batches.create({ requests: [request('slow', step({ hang: 'body' }))] })
  await assert.rejects(batches.delete(id), (error: Error & { status?: number }) => {
    assert.deepEqual(
      [
        error.status,
        /the batch has not ended: cancel it first, with POST \/v1\/messages\/batches\//.test(error.message),
      ],
      [409, true],
    )
    return true
  })
  const other = await batches.create({ requests: [request('quick', 'batch-item')] })
  await untilEnded({ batches }, other.id)
  assert.deepEqual(await batches.delete(other.id), { id: other.id, type: 'message_batch_deleted' })
  await assert.rejects(batches.retrieve(other.id), { status: 404 })
  await assert.rejects(batches.results(other.id), { status: 404 })
})

test('batches are listed page by page, and the SDK finds all of them', async (t) => {
  const { batches } = await setUp(t)
  const created: string[] = []
  for (let count = 0; count < 5; count++)
    created.unshift((await batches.create({ requests: [request('r', 'batch-item')] })).id)
  const listed: string[] = []
  for await (const { id } of batches.list({ limit: 2 })) listed.push(id)
  assert.deepEqual(listed, created)
  const page = await batches.list({ limit: 2, before_id: created[3] as string })
  assert.deepEqual([page.data.map(({ id }) => id), page.has_more], [created.slice(1, 3), true])
  const last = await batches.list({ limit: 2, after_id: created[2] as string })
  assert.deepEqual([last.data.map(({ id }) => id), last.has_more], [created.slice(3), false])
  await assert.rejects(batches.list({ limit: 0 }), { status: 400 })
})

test('each key sees its own batches only; those of a revoked key are canceled', async (t) => {
  const { server } = await setUp(t, { config: { batchConcurrency: 1 } })
  const [one, two, admin] = await Promise.all([
    addKey(server.folders, 'key_1'),
    addKey(server.folders, 'key_2'),
    addKey(server.folders, 'key_3', ['chat', 'admin']),
  ])
  const [own, other, all] = [one, two, admin].map((key) => clientOf(server, key).messages.batches) as [
    Anthropic.Messages.Batches,
    Anthropic.Messages.Batches,
    Anthropic.Messages.Batches,
  ]
  const { id } = await own.create({
    requests: [request('slow', `batch-item ${step({ hang: 'body' })}`), request('r', 'x')],
  })
  for (const call of [other.retrieve(id), other.cancel(id), other.delete(id), other.results(id)]) {
    await assert.rejects(call, { status: 404 })
  }
  assert.deepEqual((await other.list()).data, [])
  assert.equal((await all.list()).data[0]?.id, id)
  while (prompts(server).length === 0) await all.retrieve(id)
  await revokeKey(server.folders, 'key_1')
  const ended = await untilEnded({ batches: all }, id)
  assert.deepEqual(ended.request_counts, { processing: 0, succeeded: 0, errored: 0, canceled: 2, expired: 0 })
})

test('what is wrong with a batch is named before anything is stored', async (t) => {
  const { server, batches } = await setUp(t)
  const cases: [unknown, RegExp][] = [
    [{}, /^requests is required/],
    [{ requests: [] }, /^requests must be at least one request|requests must/],
    [{ requests: [request('a b', 'x')] }, /^requests\[0\]\.custom_id must be 1 to 64 letters/],
    [
      { requests: [request('a', 'x'), request('a', 'y')] },
      /^requests\[1\]\.custom_id must be unique within the batch: a/,
    ],
    [{ requests: [{ custom_id: 'a' }] }, /^requests\[0\]\.params is required/],
    [{ requests: [{ custom_id: 'a', params: 'x' }] }, /^requests\[0\]\.params must be an object/],
  ]
  for (const [body, message] of cases) {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`${server.url}/v1/messages/batches`, init)
    const { error } = (await answer.json()) as { error: { type: string; message: string } }
    assert.deepEqual([answer.status, error.type], [400, 'invalid_request_error'], JSON.stringify(body))
    assert.match(error.message, message)
  }
  assert.deepEqual((await batches.list()).data, [])
})

test('the next server goes on with a batch: no answered request is sent to the model again', async (t) => {
  const folders = makeFolders(t)
  const upstream = await startUpstream()
  t.after(() => upstream.close())
  const shared = { folders, upstream, config: { batchConcurrency: 2 } }
  const first = await startTestServer(t, shared)
  const slow = (index: number) =>
    `batch-item ${index} ${step(index === 1 ? { hang: 'body', times: 1 } : { text: `answer ${index}` })}`
  const { id } = await clientOf(first).messages.batches.create({ requests: numbered(12, slow) })
  while (prompts(first).length < 6) await clientOf(first).messages.batches.retrieve(id)
  await first.close(0)
  const second = await startTestServer(t, shared)
  const { batches } = clientOf(second).messages
  const ended = await untilEnded({ batches }, id)
  assert.equal(ended.request_counts.succeeded, 12, JSON.stringify(ended.request_counts))
  const results = await resultsOf(batches, id)
  assert.equal(results.size, 12)
  const interrupted = second.logLines
    .filter(({ msg }) => String(msg).includes('was interrupted'))
    .map((line) => line.custom_id)
  const counts = numbered(12).map(({ custom_id: customId }, index) => {
    const sent = prompts(second).filter((text) => text.includes(`batch-item ${index} `)).length
    return [customId, sent, interrupted.includes(customId)]
  })
  for (const [customId, sent, wasInterrupted] of counts) {
    assert.ok(sent === 1 || (wasInterrupted && Number(sent) <= 2), `${customId} was sent ${sent} times`)
  }
  assert.ok(interrupted.includes('r1'), JSON.stringify(interrupted))
})
