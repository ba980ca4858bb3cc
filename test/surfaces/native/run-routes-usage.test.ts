// GET /v1/usage: the usage of runs by day, model, session and key, and its time range.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { UsageReply } from '../../../src/surfaces/native/reply-schemas.ts'
import { input, silent } from '../../core/runs-scene.ts'
import { failedEnd, goodRun, queueFull, refusing, runEnd, runStart, sessionId } from '../../helpers/scripted-agent.ts'
import { errorOf, finishedRun, reach, setUp } from './run-routes-scene.ts'

const other = '99999999-2222-4333-8444-555555555555'
const noon = Date.UTC(2026, 10, 22, 12)

const usage = (inputTokens: number, outputTokens: number) => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokens: 1,
  cacheCreationInputTokens: 2,
  raw: {},
})

/** Three runs on two days, with two models, two sessions and two keys. */
async function setUpRuns(t: TestContext) {
  let nowMs = noon
  const scene = await setUp(t, { now: () => nowMs })
  const { agent } = scene
  agent.script = [runStart(), runEnd({ usage: usage(10, 20), costUsd: 0.25, model: 'opus' })]
  await finishedRun(scene, { owner: 'key_1' })
  agent.script = [
    { type: 'run-start', runId: 'x', sessionId: other, model: 'haiku' },
    runEnd({ usage: usage(1, 2), costUsd: 0.5, model: 'haiku', sessionId: other }),
  ]
  await finishedRun(scene, { owner: 'key_2' })
  nowMs = noon + 86_400_000
  agent.script = [runStart(), failedEnd(new Error('x'), { usage: usage(100, 200), costUsd: null, model: 'opus' })]
  await finishedRun(scene, { owner: 'key_1' })
  nowMs += 1000
  // A list waits until all finished runs are on disk.
  await scene.runs.list({ limit: 1 })
  const getUsage = async (query: string) => {
    const answer = await scene.get(`/v1/usage?${query}`)
    assert.equal(answer.status, 200, answer.text)
    return UsageReply.parse(answer.body)
  }
  return { ...scene, getUsage }
}

const row = (group: string | null, runs: number, input: number, output: number, cost: number) => ({
  group,
  runs,
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: runs,
  cache_creation_input_tokens: 2 * runs,
  cache_read_share: runs / (input + 3 * runs),
  cost_usd: cost,
})

test('usage is summed by day, model, session or key, with a total', async (t) => {
  const { getUsage } = await setUpRuns(t)
  const expected = {
    day: [row('2026-11-22', 2, 11, 22, 0.75), row('2026-11-23', 1, 100, 200, 0)],
    model: [row('haiku', 1, 1, 2, 0.5), row('opus', 2, 110, 220, 0.25)],
    session: [row(sessionId, 2, 110, 220, 0.25), row(other, 1, 1, 2, 0.5)],
    key: [row('key_1', 2, 110, 220, 0.25), row('key_2', 1, 1, 2, 0.5)],
  }
  const { group: _, ...total } = row(null, 3, 111, 222, 0.75)
  for (const [groupBy, groups] of Object.entries(expected)) {
    const reply = await getUsage(`group_by=${groupBy}`)
    assert.deepEqual([reply.group_by, reply.groups, reply.total], [groupBy, groups, total])
  }
})

test('the share of the cache is that of all tokens of the prompt, and null if there were none', async (t) => {
  const scene = await setUp(t)
  const tokens = (inputTokens: number, cacheReadInputTokens: number, cacheCreationInputTokens: number) => ({
    ...{ inputTokens, cacheReadInputTokens, cacheCreationInputTokens, outputTokens: 50, raw: {} },
  })
  const share = async () => {
    const { groups, total } = UsageReply.parse((await scene.get('/v1/usage?group_by=model')).body)
    return [...groups.map((each) => [each.group, each.cache_read_share]), total.cache_read_share]
  }
  const end = async (model: string, usage: ReturnType<typeof tokens>) => {
    scene.agent.script = [runStart(), runEnd({ usage, model })]
    await finishedRun(scene)
    await scene.runs.list({ limit: 1 })
  }
  assert.deepEqual(await share(), [null])
  await end('a', tokens(0, 0, 0))
  assert.deepEqual(await share(), [['a', null], null])
  await end('b', tokens(0, 0, 8))
  await end('b', tokens(10, 60, 2))
  await end('c', tokens(0, 20, 0))
  assert.deepEqual(await share(), [['a', null], ['b', 0.75], ['c', 1], 0.8])
})

test('by default usage covers the last thirty days, by day', async (t) => {
  const { getUsage } = await setUpRuns(t)
  const { from, to, group_by, groups } = await getUsage('')
  assert.deepEqual([group_by, groups.length], ['day', 2])
  assert.equal(to, '2026-11-23T12:00:01.000Z')
  assert.equal(Date.parse(to) - Date.parse(from), 30 * 86_400_000)
})

test('usage covers the requested time, including its start and excluding its end', async (t) => {
  const { getUsage } = await setUpRuns(t)
  const runs = async (query: string) => (await getUsage(query)).total.runs
  assert.equal(await runs('from=2026-11-22T12:00:00Z&to=2026-11-23T12:00:00Z'), 2)
  assert.equal(await runs('from=2026-11-22T12:00:00.001Z'), 1)
  assert.equal(await runs('from=2026-11-22&to=2026-11-23'), 2)
  assert.equal(await runs('from=2026-11-23&to=2026-11-24'), 1)
  assert.equal(await runs('from=2026-11-23T13:00:00%2B02:00'), 1)
  assert.equal(await runs('from=2026-11-22&to=2026-11-22'), 0)
  assert.equal(await runs('to=2026-11-22'), 0)
})

test('a run is counted as soon as its answer arrives', async (t) => {
  const scene = await setUp(t, { script: goodRun(['a']) })
  for (let count = 1; count <= 5; count++) {
    await scene.post('/v1/chat', { prompt: 'hi' })
    assert.equal(UsageReply.parse((await scene.get('/v1/usage')).body).total.runs, count)
  }
})

test('running runs and runs that never started are not counted', async (t) => {
  const scene = await setUp(t, { script: silent })
  const run = await scene.runs.start(input({ background: true }))
  await reach(scene, run.id, 'running')
  scene.agent.script = refusing(queueFull())
  assert.equal((await scene.post('/v1/chat', { prompt: 'hi' })).status, 429)
  assert.deepEqual(UsageReply.parse((await scene.get('/v1/usage')).body).groups, [])
})

for (const [query, field] of [
  ['from=yesterday', 'from'],
  ['from=2026-13-01', 'from'],
  ['from=2026-00-10', 'from'],
  ['from=2026-02-31', 'from'],
  ['from=2026-11-22T25:00:00Z', 'from'],
  ['from=2026-11-22T10:61:00Z', 'from'],
  ['from=2026-11-22T10:00:00%2B99:00', 'from'],
  ['to=2026-11-22T10:00:00', 'to'],
  ['to=2026-99-99', 'to'],
  ['to=', 'to'],
  ['from=2026-11-23&to=2026-11-22', 'from'],
  ['group_by=week', 'group_by'],
  ['group_by=day&group_by=key', 'group_by'],
  ['by=day', 'by'],
] as const) {
  test(`usage is refused for ${query}, and the error names the parameter`, async (t) => {
    const { get } = await setUp(t)
    assert.deepEqual(errorOf(await get(`/v1/usage?${query}`)), [400, 'invalid_request', field])
  })
}
