// Who may access which conversations: a key sees only its own, an administrator sees all. What they are for is tested with
// the SDK (test/clients/openai-conversations.ts).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { silent } from '../../../core/runs-scene.ts'
import { goodRun } from '../../../helpers/scripted-agent.ts'
import { errorOf, hello, listen, setUp } from './scene.ts'

const path = '/v1/conversations'
const gone = [404, null, 'conversation_id']
const item = { id: 'msg_1', role: 'user', content: 'a secret' }

type Json = Record<string, unknown>

async function setUpTwo(t: Parameters<typeof setUp>[0]) {
  const scene = await setUp(t, goodRun(['An answer']), { requiresKey: true })
  const [mine, other, admin] = [await scene.key('chat'), await scene.key('agent'), await scene.key('admin')]
  const { id } = (await scene.post(path, { items: [item] }, mine)).body as { id: string }
  return { ...scene, mine, other, admin, id }
}

test('a conversation does not exist for another key, on any route', async (t) => {
  const { get, post, remove, mine, other, id, agent } = await setUpTwo(t)
  for (const answer of [
    await get(`${path}/${id}`, other),
    await post(`${path}/${id}`, { metadata: {} }, other),
    await remove(`${path}/${id}`, other),
    await get(`${path}/${id}/items`, other),
    await post(`${path}/${id}/items`, { items: [item] }, other),
    await get(`${path}/${id}/items/msg_1`, other),
    await remove(`${path}/${id}/items/msg_1`, other),
  ]) {
    assert.deepEqual(errorOf(answer), gone)
    assert.doesNotMatch(answer.text, /secret/)
  }
  const answer = await post('/v1/responses', { ...hello, conversation: id }, other)
  assert.deepEqual(errorOf(answer), [404, null, 'conversation'])
  assert.equal(agent.requests.length, 0)
  const { data } = (await get(`${path}/${id}/items`, mine)).body as { data: Json[] }
  assert.equal(data.length, 1)
})

test('an administrator sees all conversations, and adds to them', async (t) => {
  const { get, post, mine, admin, id } = await setUpTwo(t)
  assert.equal((await get(`${path}/${id}`, admin)).status, 200)
  assert.equal((await post('/v1/responses', { ...hello, conversation: id }, admin)).status, 200)
  const { data } = (await get(`${path}/${id}/items?order=asc`, mine)).body as { data: Json[] }
  assert.deepEqual(
    data.map(({ role }) => role),
    ['user', 'user', 'assistant'],
  )
})

test('a background response is in its conversation as soon as it is complete, also if that is deleted meanwhile', async (t) => {
  const scene = await setUpTwo(t)
  const { post, get, remove, mine, id, runs } = scene
  const body = { ...hello, conversation: id, background: true }
  const first = (await post('/v1/responses', body, mine)).body as { id: string }
  for await (const { event } of runs.follow(first.id.replace('resp', 'run'), 0)) if (event.type === 'run-end') break
  const { data } = (await get(`${path}/${id}/items`, mine)).body as { data: Json[] }
  assert.equal(data.length, 3)
  scene.agent.script = silent
  const second = (await post('/v1/responses', body, mine)).body as { id: string }
  assert.equal((await remove(`${path}/${id}`, mine)).status, 200)
  assert.equal((await post(`/v1/responses/${second.id}/cancel`, {}, mine)).status, 200)
  assert.deepEqual(errorOf(await get(`${path}/${id}/items`, mine)), gone)
})

test('an unknown item, page or reference is named', async (t) => {
  const { get, post, mine, id } = await setUpTwo(t)
  assert.deepEqual(errorOf(await get(`${path}/${id}/items/msg_2`, mine)), [404, null, 'item_id'])
  assert.deepEqual(errorOf(await get(`${path}/${id}/items?after=msg_2`, mine)), [400, null, 'after'])
  const reference = { items: [{ type: 'item_reference', id: 'msg_1' }] }
  assert.deepEqual(errorOf(await post(`${path}/${id}/items`, reference, mine)), [400, null, 'items[0]'])
})

test('the summary that one key got is opened for that key and for an administrator only', async (t) => {
  const { post, mine, other, admin, agent } = await setUpTwo(t)
  agent.script = goodRun(['A secret summary'])
  const compacted = await post('/v1/responses/compact', { ...hello }, mine)
  const summary = (compacted.body as { output: Json[] }).output.at(-1)
  assert.equal(summary?.type, 'compaction', compacted.text)
  const input = [summary, { role: 'user', content: 'And?' }]
  const refused = await post('/v1/responses', { ...hello, input }, other)
  assert.deepEqual(errorOf(refused), [400, null, 'input[0].encrypted_content'])
  assert.equal(agent.requests.length, 1)
  for (const key of [mine, admin]) {
    assert.equal((await post('/v1/responses', { ...hello, input }, key)).status, 200)
    assert.match(JSON.stringify(agent.requests.at(-1)), /A secret summary/)
  }
})

test('a summary that an administrator adds to a conversation can be read by its owner', async (t) => {
  const { post, mine, admin, id, agent } = await setUpTwo(t)
  agent.script = goodRun(['A summary of all'])
  const trigger = { ...hello, conversation: id, input: [{ type: 'compaction_trigger' }] }
  assert.equal((await post('/v1/responses', trigger, admin)).status, 200)
  agent.script = goodRun(['An answer'])
  const answer = await post('/v1/responses', { ...hello, conversation: id }, mine)
  assert.equal(answer.status, 200, answer.text)
  assert.match(JSON.stringify(agent.requests.at(-1)), /A summary of all/)
})

test('a response that is a summary is the same when it is read again, by whomever', async (t) => {
  const { get, post, mine, admin, agent } = await setUpTwo(t)
  agent.script = goodRun(['A summary'])
  const input = [item, { type: 'compaction_trigger' }]
  const made = (await post('/v1/responses', { ...hello, input }, mine)).body as { id: string; output: Json[] }
  for (const key of [mine, admin]) {
    const { output } = (await get(`/v1/responses/${made.id}`, key)).body as { output: Json[] }
    assert.deepEqual(output, made.output)
  }
})

test('a conversation that is too full for the input is refused before the model is asked, and no answer is lost', async (t) => {
  const { get, post, mine, id, agent, store } = await setUpTwo(t)
  // The model never sees an item of such a type.
  await store.addItems(id, [{ id: 'large', item: { type: 'unknown', text: 'x'.repeat(49_998_000) } }])
  const body = { ...hello, conversation: id }
  const full = [400, null, 'conversation']
  for (const more of [{}, { stream: true }, { background: true }, { store: false }]) {
    const answer = await post('/v1/responses', { ...body, ...more, input: 'x'.repeat(2_000) }, mine)
    assert.deepEqual(errorOf(answer), full)
  }
  assert.equal(agent.requests.length, 0)
  agent.script = goodRun(['An answer that is too large'.repeat(100)])
  const paid = await post('/v1/responses', body, mine)
  assert.equal(paid.status, 200, paid.text.slice(0, 200))
  assert.deepEqual(errorOf(await post('/v1/responses', body, mine)), full)
  assert.deepEqual(errorOf(await post(`${path}/${id}/items`, { items: [item] }, mine)), full)
  assert.equal(agent.requests.length, 1)
  const { data } = (await get(`${path}/${id}/items?limit=2`, mine)).body as { data: Json[] }
  assert.match(JSON.stringify(data[0]), /An answer that is too large/)
  assert.equal(data[1]?.role, 'user')
})

const malformed: readonly [Json, field: string][] = [
  [{ type: 'function_call', name: 'x' }, 'call_id'],
  [{ type: 'function_call', call_id: 'c', arguments: '{}' }, 'name'],
  [{ type: 'function_call', call_id: 'c', name: 'x', arguments: 5 }, 'arguments'],
  [{ type: 'custom_tool_call', call_id: 'c', name: 'x' }, 'input'],
  [{ type: 'function_call_output', output: 'x' }, 'call_id'],
  [{ type: 'function_call_output', call_id: 'c', output: { a: 1 } }, 'output'],
  [{ type: 'custom_tool_call_output', call_id: '', output: 'x' }, 'call_id'],
  [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image' }] }, 'output[0].image_url'],
  [{ type: 'compaction', encrypted_content: 'zzz' }, 'encrypted_content'],
  [{ type: 'compaction_summary' }, 'encrypted_content'],
  [{ type: 'reasoning', encrypted_content: 5 }, 'encrypted_content'],
  [{ type: 'tool_search_call', arguments: 5 }, 'arguments'],
  [{ type: 'tool_search_output', tools: 'x' }, 'tools'],
  [{ type: 'additional_tools', tools: [{ type: 'function' }] }, 'tools[0].name'],
  [{ type: 'message', content: 'x' }, 'role'],
  [{ role: 'user', content: 7 }, 'content'],
  [{ role: 'user', content: [{ type: 'input_file', file_id: 'file_1' }] }, 'content[0].file_id'],
  [{ role: 'assistant', content: [{ type: 'input_image', image_url: 'data:,' }] }, 'content[0].type'],
]

test('items that no response could read are refused at the door, with their index and field', async (t) => {
  const { get, post, mine, id, agent } = await setUpTwo(t)
  const port = await listen(t)
  const socket = new WebSocket(`ws://127.0.0.1:${port.port}/v1/responses`)
  await once(socket, 'open')
  for (const [bad, field] of malformed) {
    const items = [{ role: 'user', content: 'fine' }, bad]
    const [status, , param] = errorOf(await post(`${path}/${id}/items`, { items }, mine))
    assert.deepEqual([status, param], [400, `items[1].${field}`], JSON.stringify(bad))
    assert.equal(errorOf(await post(path, { items }, mine))[2], `items[1].${field}`)
    socket.send(JSON.stringify({ type: 'response.create', model: 'sonnet', generate: false, input: items }))
    const event = JSON.parse(String((await once(socket, 'message'))[0]))
    assert.deepEqual([event.status, event.error?.param], [400, `input[1].${field}`], JSON.stringify(bad))
    // As in the input of a response.
    assert.equal(errorOf(await post('/v1/responses', { ...hello, input: items }, mine))[2], `input[1].${field}`)
  }
  socket.terminate()
  assert.equal(agent.requests.length, 0)
  const { data } = (await get(`${path}/${id}/items`, mine)).body as { data: Json[] }
  assert.equal(data.length, 1)
})

test('items of other types are kept and named, and a call may be added before its output', async (t) => {
  const { post, mine, id } = await setUpTwo(t)
  const added = await post(`${path}/${id}/items`, { items: [item, { type: 'web_search_call', id: 'ws_1' }] }, mine)
  assert.deepEqual([added.status, added.headers['x-claude-serve-ignored']], [200, 'items[1]'])
  const created = await post(path, { items: [{ type: 'image_generation_call' }] }, mine)
  assert.deepEqual([created.status, created.headers['x-claude-serve-ignored']], [200, 'items[0]'])
  const call = { type: 'function_call', call_id: 'call_7', name: 'look', arguments: '{}' }
  const add = (...items: Json[]) => post(`${path}/${id}/items`, { items }, mine)
  assert.equal((await add(call)).status, 200)
  const early = await post('/v1/responses', { ...hello, conversation: id }, mine)
  assert.deepEqual(errorOf(early), [400, null, 'conversation'])
  assert.match(early.text, /call_7/)
  assert.equal((await add({ type: 'function_call_output', call_id: 'call_7', output: 'seen' })).status, 200)
  assert.equal((await post('/v1/responses', { ...hello, conversation: id }, mine)).status, 200)
})

test('an empty id of a conversation is refused, not ignored', async (t) => {
  const { post, mine, agent } = await setUpTwo(t)
  const refused = async (conversation: unknown) =>
    errorOf(await post('/v1/responses', { ...hello, conversation }, mine))
  assert.deepEqual(await refused(''), [400, null, 'conversation'])
  assert.deepEqual(await refused({ id: '' }), [400, null, 'conversation.id'])
  assert.equal(agent.requests.length, 0)
  assert.equal((await post('/v1/responses', { ...hello, conversation: null }, mine)).status, 200)
})

test('the limits of metadata are those of OpenAI, and the errors say so', async (t) => {
  const { post, mine, id } = await setUpTwo(t)
  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']))
  const cases: [metadata: unknown, message: string][] = [
    [pairs(17), 'metadata must have at most 16 pairs of a key and a value'],
    [{ ['k'.repeat(65)]: 'v' }, 'metadata must have keys of at most 64 characters'],
    [{ k: 'v'.repeat(513) }, 'metadata.k must have at most 512 characters'],
    [{ k: 5 }, 'metadata.k must be a string'],
    ['x', 'metadata must be an object of strings'],
  ]
  for (const [metadata, message] of cases) {
    for (const url of [path, `${path}/${id}`]) {
      const { status, body } = await post(url, { metadata }, mine)
      assert.deepEqual([status, (body as { error: Json }).error.message], [400, message])
    }
  }
  const most = { ...pairs(15), ['k'.repeat(64)]: 'v'.repeat(512) }
  assert.equal((await post(path, { metadata: most }, mine)).status, 200)
})
