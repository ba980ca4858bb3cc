// Background runs of a server that is killed: each accepted run still exists afterwards, has one end, and did not run
// twice unless that was requested. Once in `npm test`, repeatedly in `npm run test:extended`.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChatEvent, RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { post, readChatEvents } from '../helpers/client.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { type KillScene, random, runOf, setUp, until } from './killed-scene.ts'

const runsPerKill = 8
const runsWanted = 20

type Accepted = { id: string; word: string }

/**
 * Starts runs and kills the server at some moment, until enough runs are accepted. Returns all runs whose 202 arrived.
 */
async function killRepeatedly(scene: KillScene, fields: Record<string, unknown>, seed: number) {
  const accepted: Accepted[] = []
  const next = random(seed)
  let count = 0
  let kills = 0
  for (; accepted.length < runsWanted; kills++) {
    const before = modelRequests(scene)
    const server = await scene.start()
    const requests = Array.from({ length: runsPerKill }, async () => {
      const word = `word${++count}.`
      const prompt = `${word} ${step({ tokens: 6, gap: 15 })}`
      const body = { prompt, background: true, tools: [], system_prompt: 'S', ...fields }
      const answer = await post(server, '/v1/chat', body).catch(() => null)
      if (answer === null) return
      assert.equal(answer.status, 202, JSON.stringify(answer.body))
      accepted.push({ id: String(answer.body.id), word })
    })
    // The moment varies: from before the first answer until most runs are over. It depends on what reached the model, not by the clock.
    const wanted = Math.floor(next() ** 2 * (runsPerKill + 1))
    await until(`${wanted} requests reached the model`, () => modelRequests(scene) - before >= wanted, 120_000)
    await delay(next() * 150)
    await server.killNow()
    await Promise.all(requests)
  }
  return { accepted, kills }
}

const modelRequests = ({ upstream }: KillScene) => upstream.requests.filter(({ method }) => method === 'POST').length

async function eventsOf({ url }: { url: string }, id: string): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of readChatEvents(await fetch(`${url}/v1/runs/${id}/events`))) events.push(event)
  return events
}

const requestCount = ({ upstream }: KillScene, word: string) =>
  upstream.requests.filter(({ raw, method }) => method === 'POST' && raw.includes(word)).length

/** What must hold for a run's events, whatever its end. */
async function checkEvents(server: { url: string }, run: RunReply): Promise<void> {
  const all = await eventsOf(server, run.id)
  // What came before a restart does not count.
  const events = all.slice(all.findLastIndex(({ type }) => type === 'restart') + 1)
  const last = events.at(-1)
  assert.equal(events.filter(({ type }) => type === 'start').length, 1)
  if (run.status === 'succeeded') {
    assert.equal(last?.type, 'done')
    assert.equal(events.map((event) => (event.type === 'delta' ? event.text : '')).join(''), run.result)
  } else assert.equal(last?.type === 'error' && last.code, run.error?.code)
}

async function runAndKill(t: TestContext, fields: Record<string, unknown>, seed: number) {
  const scene = await setUp(t, '--max-processes=3', '--queue-limit=1000', '--log-level=warn')
  const { accepted, kills } = await killRepeatedly(scene, fields, seed)
  const server = await scene.start()
  const runs: (RunReply & Accepted)[] = []
  for (const each of accepted) {
    const isOver = async () => (await runOf(server, each.id)).ended_at !== null
    await until(`${each.word} has ended`, isOver, 120_000)
    const run = await runOf(server, each.id)
    runs.push({ ...run, ...each })
  }
  t.diagnostic(`${accepted.length} runs, ${kills} kills`)
  return { scene, server, runs }
}

/** Collects all problems, so that the first one does not hide how many there are. */
async function problemsOf(runs: readonly (RunReply & Accepted)[], check: (run: RunReply & Accepted) => Promise<void>) {
  const problems: string[] = []
  for (const run of runs) {
    const { status, error, word } = run
    await check(run).catch((problem: Error) => {
      problems.push(`${word} (${status} ${error?.code ?? ''}): ${problem.message.split('\n')[0]}`)
    })
  }
  return { count: problems.length, first: problems.slice(0, 5) }
}

extendedTest(
  'an accepted run still exists after the server was killed, has succeeded or was interrupted, and ran once',
  async (t) => {
    const { scene, server, runs } = await runAndKill(t, {}, 11)
    const problems = await problemsOf(runs, async (run) => {
      if (run.status === 'failed') assert.equal(run.error?.code, 'interrupted')
      else assert.equal(run.status, 'succeeded')
      assert.ok(requestCount(scene, run.word) <= 1, `requested ${requestCount(scene, run.word)} times`)
      await checkEvents(server, run)
    })
    assert.deepEqual(problems, { count: 0, first: [] })
    // How many there are of each depends on the speed of the machine.
    assert.ok(
      runs.some(({ status }) => status === 'failed'),
      'some were interrupted',
    )
  },
)

extendedTest(
  'a restartable run is restarted once, however often the server is killed, and is reported as one run',
  async (t) => {
    const { scene, server, runs } = await runAndKill(t, { on_crash: 'restart' }, 7)
    const problems = await problemsOf(runs, async (run) => {
      const count = requestCount(scene, run.word)
      assert.ok(count <= 2, `requested ${count} times`)
      if (run.status === 'failed') assert.equal(run.error?.code, 'interrupted')
      else assert.equal(run.status, 'succeeded')
      await checkEvents(server, run)
    })
    assert.deepEqual(problems, { count: 0, first: [] })
    const succeeded = runs.filter(({ status }) => status === 'succeeded')
    assert.ok(
      succeeded.some(({ word }) => requestCount(scene, word) === 2),
      'some were restarted and succeeded',
    )
  },
)

test('a run whose server is killed is interrupted, and ran once; restartable ones are restarted even if they exceed the queue limit', async (t) => {
  const scene = await setUp(t, '--max-processes=2', '--queue-limit=2', '--log-level=warn')
  const first = await scene.start()
  const ids: string[] = []
  const hanging = step({ hang: 'body', times: 1 })
  for (const [prompt, fields] of [
    [`one ${hanging}`, {}],
    [`two ${hanging}`, { on_crash: 'restart' }],
    ['three', { on_crash: 'restart' }],
    ['four', { on_crash: 'restart' }],
  ] as const) {
    const body = { prompt, background: true, tools: [], system_prompt: 'S', ...fields }
    const answer = await post(first, '/v1/chat', body)
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    ids.push(String(answer.body.id))
    if (prompt.includes(hanging)) await scene.upstream.waitForRequest(({ raw }) => raw.includes(prompt.slice(0, 4)))
  }
  await first.killNow()
  const second = await scene.start()
  for (const [index, id] of ids.entries()) {
    await until('it has ended', async () => (await runOf(second, id)).ended_at !== null)
    const run = await runOf(second, id)
    const expected = index === 0 ? ['failed', 'interrupted'] : ['succeeded', undefined]
    assert.deepEqual([run.status, run.error?.code], expected)
    await checkEvents(second, run)
  }
  assert.deepEqual(
    ['one ', 'two ', 'three', 'four'].map((word) => requestCount(scene, word)),
    [1, 2, 1, 1],
  )
})
