// Who may access which responses: a key sees only its own, an administrator sees all, and a response gives a key no
// further rights. Every route against every scope is tested in test/security/routes.test.ts.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Scope } from '../../../../src/core/key-record.ts'
import { silent } from '../../../core/runs-scene.ts'
import { goodRun } from '../../../helpers/scripted-agent.ts'
import { errorOf, eventsIn, hello, reach, responseOf, setUp } from './scene.ts'

const path = '/v1/responses'
const gone = [404, null, 'response_id']
const missing = [400, 'previous_response_not_found', 'previous_response_id']

/** A response of one key, and a second key. */
async function setUpTwo(t: TestContext, ...scopes: Scope[]) {
  const scene = await setUp(t, goodRun(['a secret']), { requiresKey: true })
  const mine = await scene.key('chat')
  const other = await scene.key(...scopes)
  const response = await scene.make({}, mine)
  return { ...scene, mine, other, response, id: response.id }
}

for (const scope of ['chat', 'agent'] as const) {
  test(`a response does not exist for another key with the scope ${scope}, on any route`, async (t) => {
    const { get, post, remove, mine, other, response, id, agent } = await setUpTwo(t, scope)
    for (const rest of ['', '?stream=true', '/input_items']) {
      const answer = await get(`${path}/${id}${rest}`, other)
      assert.deepEqual(errorOf(answer), gone, rest)
      assert.doesNotMatch(answer.text, /a secret/)
    }
    assert.deepEqual(errorOf(await remove(`${path}/${id}`, other)), gone)
    assert.deepEqual(errorOf(await post(`${path}/${id}/cancel`, {}, other)), gone)
    assert.deepEqual(errorOf(await post(path, { ...hello, previous_response_id: id }, other)), missing)
    const input = [{ type: 'item_reference', id: response.output[0]?.id }]
    assert.deepEqual(errorOf(await post(path, { ...hello, input }, other)), [400, null, 'input[0].id'])
    assert.equal(agent.requests.length, 1)
    assert.deepEqual(responseOf(await get(`${path}/${id}`, mine)), response)
  })
}

test("the error for another key's response is the same as for an unknown one", async (t) => {
  const { get, other, id } = await setUpTwo(t, 'chat')
  const never = `resp_${'0'.repeat(32)}`
  const [theirs, nobodys] = [await get(`${path}/${id}`, other), await get(`${path}/${never}`, other)]
  assert.equal(theirs.text.replaceAll(id, never), nobodys.text)
})

test('another key cannot cancel or delete a response in progress', async (t) => {
  const scene = await setUpTwo(t, 'agent')
  scene.agent.script = silent
  const { id } = await scene.make({ background: true }, scene.mine)
  await reach(scene, id, 'running')
  assert.deepEqual(errorOf(await scene.post(`${path}/${id}/cancel`, {}, scene.other)), gone)
  assert.deepEqual(errorOf(await scene.remove(`${path}/${id}`, scene.other)), gone)
  assert.equal(scene.agent.signals[1]?.aborted, false)
  assert.equal(responseOf(await scene.post(`${path}/${id}/cancel`, {}, scene.mine)).status, 'cancelled')
})

test('an administrator can read, continue and delete all responses', async (t) => {
  const { get, post, remove, mine, other, response, id, agent } = await setUpTwo(t, 'admin')
  assert.deepEqual(responseOf(await get(`${path}/${id}`, other)), response)
  assert.equal(eventsIn(await get(`${path}/${id}?stream=true`, other)).at(-1)?.type, 'response.completed')
  assert.equal((await get(`${path}/${id}/input_items`, other)).status, 200)
  assert.equal((await post(`${path}/${id}/cancel`, {}, other)).status, 400)
  const next = responseOf(await post(path, { ...hello, previous_response_id: id }, other))
  assert.equal(agent.requests[1]?.session.kind === 'history' && agent.requests[1].session.messages.length, 2)
  // What the administrator made is not the key's.
  assert.deepEqual(errorOf(await get(`${path}/${next.id}`, mine)), gone)
  assert.equal((await remove(`${path}/${id}`, other)).status, 200)
  assert.deepEqual(errorOf(await get(`${path}/${id}`, mine)), gone)
})

test('a third key cannot continue a conversation of other keys', async (t) => {
  const { post, key, id, other } = await setUpTwo(t, 'admin')
  const next = responseOf(await post(path, { ...hello, previous_response_id: id }, other))
  const third = await key('chat')
  assert.deepEqual(errorOf(await post(path, { ...hello, previous_response_id: next.id }, third)), missing)
})

for (const [scope, status] of [
  ['chat', 403],
  ['agent', 200],
  ['admin', 200],
] as const) {
  test(`a key with the scope ${scope} gets ${status} for agent models, also to continue a conversation`, async (t) => {
    const { post, key, make } = await setUp(t, undefined, { requiresKey: true })
    const mine = await key(scope)
    const { id } = await make({}, mine)
    for (const [url, more] of [
      [path, {}],
      [path, { stream: true }],
      [path, { background: true }],
      [path, { previous_response_id: id }],
      [`${path}/input_tokens`, {}],
    ] as const) {
      const answer = await post(url, { ...hello, ...more, model: 'agent/sonnet' }, mine)
      assert.equal(answer.status, status, answer.text)
      if (status === 403) assert.deepEqual(errorOf(answer).slice(0, 2), [403, 'insufficient_scope'])
    }
  })
}

test('without a key nothing can be created or read', async (t) => {
  const { get, post, remove, id, agent } = await setUpTwo(t, 'chat')
  const answers = [
    await post(path, hello),
    await post(`${path}/input_tokens`, hello),
    await post(`${path}/${id}/cancel`),
    await get(`${path}/${id}`),
    await get(`${path}/${id}/input_items`),
    await remove(`${path}/${id}`),
  ]
  for (const answer of answers) assert.deepEqual(errorOf(answer), [401, 'invalid_api_key', null])
  assert.equal(agent.requests.length, 1)
})

test('the same idempotency key from two callers creates two responses', async (t) => {
  const { post, mine, other, agent } = await setUpTwo(t, 'chat')
  const ids: string[] = []
  for (const caller of [mine, other, mine]) {
    ids.push(responseOf(await post(path, hello, { ...caller, 'idempotency-key': 'k' })).id)
  }
  assert.deepEqual([ids[0] === ids[1], ids[0] === ids[2]], [false, true])
  assert.equal(agent.requests.length, 3)
})
