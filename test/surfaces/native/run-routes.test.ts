// Tests the run routes with a scripted agent: one run, lists in pages, cancelling, answering approvals, and errors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunList, RunReply } from '../../../src/surfaces/native/reply-schemas.ts'
import { input, silent, waitingForAnswers } from '../../core/runs-scene.ts'
import { failedEnd, goodRun, queueFull, refusing, runStart, sessionId } from '../../helpers/scripted-agent.ts'
import { errorOf, finishedRun, reach, setUp } from './run-routes-scene.ts'

const unknown = `run_${'0'.repeat(32)}`

test('a run has the data of its request and of its end', async (t) => {
  const { get, post, agent } = await setUp(t, { script: goodRun(['Hel', 'lo']) })
  const accepted = await post('/v1/chat', {
    prompt: 'hi',
    background: true,
    metadata: { ticket: '42' },
    model: 'sonnet',
  })
  assert.equal(accepted.status, 202)
  const { id, status } = RunReply.parse(accepted.body)
  assert.ok(['queued', 'running', 'succeeded'].includes(status))
  assert.deepEqual([accepted.headers['x-run-id'], accepted.headers.location], [id, `/v1/runs/${id}`])
  await agent.ended(0)
  const stream = await get(`/v1/runs/${id}/events`)
  assert.match(stream.text, /"type":"done"/)
  const run = RunReply.parse((await get(`/v1/runs/${id}`)).body)
  assert.partialDeepStrictEqual(run, {
    id,
    surface: 'native',
    status: 'succeeded',
    session_id: sessionId,
    background: true,
    metadata: { ticket: '42' },
    pending: [],
    result: 'Hello',
    cost_usd: 0.01,
    num_turns: 1,
    stop_reason: 'end_turn',
    error: null,
  })
  assert.ok(run.ended_at && run.started_at && run.created_at <= run.started_at && run.started_at <= run.ended_at)
})

test('a failed run has its error', async (t) => {
  const scene = await setUp(t, { script: [runStart(), failedEnd(queueFull())] })
  const id = await finishedRun(scene)
  const run = RunReply.parse((await scene.get(`/v1/runs/${id}`)).body)
  assert.deepEqual([run.status, run.error?.code], ['failed', 'queue_full'])
})

test('a refused background run is an error with its status, and is not listed', async (t) => {
  const { get, post } = await setUp(t, { script: refusing(queueFull()) })
  const answer = await post('/v1/chat', { prompt: 'hi', background: true })
  assert.deepEqual(errorOf(answer), [429, 'queue_full', undefined])
  assert.deepEqual(RunList.parse((await get('/v1/runs')).body), { runs: [], next_cursor: null })
})

test('pages cover the whole list although new runs start in the meantime', async (t) => {
  let nowMs = 1_790_000_000_000
  const scene = await setUp(t, { script: goodRun(['a']), now: () => nowMs })
  const ids: string[] = []
  for (let count = 0; count < 23; count++) {
    // Some runs start in the same millisecond.
    if (count % 3 === 0) nowMs++
    ids.push(await finishedRun(scene))
  }
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = RunList.parse((await scene.get(`/v1/runs?limit=5${query}`)).body)
    assert.ok(page.runs.length <= 5)
    seen.push(...page.runs.map(({ id }) => id))
    cursor = page.next_cursor
    nowMs++
    await finishedRun(scene)
  } while (cursor !== null)
  assert.equal(seen.length, 23)
  assert.deepEqual(seen.toSorted(), ids.toSorted())
})

test('a list can be filtered by status and session', async (t) => {
  const scene = await setUp(t, { script: goodRun(['a']) })
  const good = await finishedRun(scene)
  scene.agent.script = silent
  const running = await scene.runs.start({ ...input(), background: true })
  await reach(scene, running.id, 'running')
  const list = async (query: string) =>
    RunList.parse((await scene.get(`/v1/runs?${query}`)).body)
      .runs.map(({ id }) => id)
      .toSorted()
  assert.deepEqual(await list('status=succeeded'), [good])
  assert.deepEqual(await list('status=running'), [running.id])
  assert.deepEqual(await list('status=failed'), [])
  assert.deepEqual(await list(`session_id=${sessionId.toUpperCase()}`), [good, running.id].toSorted())
  assert.deepEqual(await list(`session_id=${sessionId}&status=running&limit=1`), [running.id])
  assert.deepEqual(await list('session_id=99999999-2222-4333-8444-555555555555'), [])
})

for (const [query, field] of [
  ['status=sleeping', 'status'],
  ['status=', 'status'],
  ['status=running&status=failed', 'status'],
  ['session_id=me', 'session_id'],
  ['limit=0', 'limit'],
  ['limit=201', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=ten', 'limit'],
  ['limit=', 'limit'],
  ['limit=1000000000', 'limit'],
  ['cursor=', 'cursor'],
  ['cursor=x', 'cursor'],
  [`cursor=${'x'.repeat(600)}`, 'cursor'],
  ['state=running', 'state'],
] as const) {
  test(`a list is refused for ${query.slice(0, 40)}, and the error names the parameter`, async (t) => {
    const { get } = await setUp(t)
    assert.deepEqual(errorOf(await get(`/v1/runs?${query}`)), [400, 'invalid_request', field])
  })
}

for (const [method, path, body] of [
  ['get', ''],
  ['get', '/events'],
  ['post', '/cancel'],
  ['post', '/permissions/ask_1', { behavior: 'allow' }],
  ['post', '/answers/ask_1', { answers: {} }],
] as const) {
  test(`${method} /v1/runs/{id}${path} is 404 for an unknown run and 400 for an invalid id`, async (t) => {
    const scene = await setUp(t)
    const call = (id: string) => scene[method](`/v1/runs/${id}${path}`, body as never)
    assert.deepEqual(errorOf(await call(unknown)), [404, 'run_not_found', 'id'])
    for (const id of ['nope', `RUN_${'0'.repeat(32)}`, `${unknown}0`, '%00', '..%2f..']) {
      const [status, code, field] = errorOf(await call(id))
      assert.deepEqual([status, code, field], [400, 'invalid_request', 'id'], id)
    }
  })
}

test('cancel ends a run, may be repeated, and leaves a finished run as it is', async (t) => {
  const scene = await setUp(t, { script: silent })
  const run = await scene.runs.start(input({ background: true }))
  await reach(scene, run.id, 'running')
  for (let count = 0; count < 2; count++) {
    const { status, body } = await scene.post(`/v1/runs/${run.id}/cancel`)
    const { error, ...reply } = RunReply.parse(body)
    assert.deepEqual([status, reply.status, error?.code], [200, 'cancelled', 'cancelled'])
  }
  scene.agent.script = goodRun(['a'])
  const id = await finishedRun(scene)
  const { body } = await scene.post(`/v1/runs/${id}/cancel`)
  assert.equal(RunReply.parse(body).status, 'succeeded')
})

test('a permission request is answered by its id, with every kind of answer', async (t) => {
  const scene = await setUp(t)
  const { agent, runs, post } = scene
  const cases = [
    [{ behavior: 'allow' }, { behavior: 'allow', updatedInput: null, remember: false }],
    [
      { behavior: 'allow', updated_input: { command: 'ls -l' }, remember: true },
      { behavior: 'allow', updatedInput: { command: 'ls -l' }, remember: true },
    ],
    [{ behavior: 'deny' }, { behavior: 'deny', message: null }],
    [
      { behavior: 'deny', message: 'no' },
      { behavior: 'deny', message: 'no' },
    ],
  ] as const
  for (const [body, answer] of cases) {
    agent.script = waitingForAnswers(() => agent, 'ask_1')
    const run = await runs.start(input({ background: true }))
    await reach(scene, run.id, 'waiting')
    const accepted = await post(`/v1/runs/${run.id}/permissions/ask_1`, body)
    assert.equal(accepted.status, 200)
    RunReply.parse(accepted.body)
    await reach(scene, run.id, 'succeeded')
    assert.deepEqual(agent.answers.at(-1)?.answer, answer)
    const late = await post(`/v1/runs/${run.id}/permissions/ask_1`, body)
    assert.deepEqual(errorOf(late), [404, 'not_found', 'request_id'])
  }
})

test('the reply to an answer no longer lists the approval as pending', async (t) => {
  const scene = await setUp(t)
  const { agent, runs, post } = scene
  agent.script = waitingForAnswers(() => agent, 'ask_1')
  const run = await runs.start(input({ background: true }))
  await reach(scene, run.id, 'waiting')
  const { body } = await post(`/v1/runs/${run.id}/permissions/ask_1`, { behavior: 'deny' })
  assert.deepEqual(RunReply.parse(body).pending, [])
})

for (const [body, field] of [
  [{}, 'behavior'],
  [{ behavior: 'maybe' }, 'behavior'],
  [{ behavior: 'deny', updated_input: {} }, 'updated_input'],
  [{ behavior: 'allow', updated_input: 'ls' }, 'updated_input'],
  [{ behavior: 'deny', message: 'x'.repeat(4001) }, 'message'],
  [{ behavior: 'allow', remember: 'yes' }, 'remember'],
  [{ behavior: 'allow', forever: true }, 'forever'],
] as const) {
  test(`the answer ${JSON.stringify(body).slice(0, 50)} is refused, and the run keeps waiting`, async (t) => {
    const scene = await setUp(t)
    const { agent, runs, post } = scene
    agent.script = waitingForAnswers(() => agent, 'ask_1')
    const run = await runs.start(input({ background: true }))
    await reach(scene, run.id, 'waiting')
    assert.deepEqual(errorOf(await post(`/v1/runs/${run.id}/permissions/ask_1`, body)), [400, 'invalid_request', field])
    assert.equal((await runs.get(run.id))?.status, 'waiting')
    assert.deepEqual(agent.answers, [])
  })
}
