// The server is killed again and again while runs are accepted, at work and ending. Afterward each accepted run has one end, was sent to
// the model once, and its follower was told everything once.
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { checkEvents, runOf, setUp, until } from '../faults/killed-scene.ts'
import { type Numbered, post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { checkReceived, follow, Lives } from './follow.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

const runsPerLife = 8

type Accepted = { id: string; word: string; received: Promise<Numbered[]> }

type Outcome = { status: string; requests: number }

/** Returns how the runs ended. */
async function killRepeatedly(
  trial: Trial,
  fields: Record<string, unknown>,
  requestsMax: number,
): Promise<readonly Outcome[]> {
  const scene = await setUp(trial, '--max-processes=3', '--queue-limit=1000', '--log-level=warn')
  const words = new Words(scene.upstream)
  const lives = new Lives()
  const accepted: Accepted[] = []
  const wanted = trial.times(20, 120)
  let kills = 0
  for (; accepted.length < wanted; kills++) {
    const server = await scene.start()
    lives.set(server.url)
    const mine: string[] = []
    const requests = Array.from({ length: runsPerLife }, async () => {
      const word = words.next()
      mine.push(word)
      const body = {
        prompt: `${word} ${step({ tokens: 6, gap: 15 })}`,
        background: true,
        tools: [],
        system_prompt: 'S',
      }
      const answer = await post(server, '/v1/chat', { ...body, ...fields }).catch(() => null)
      if (answer === null) return
      assert.equal(answer.status, 202, JSON.stringify(answer.body))
      const id = String(answer.body.id)
      accepted.push({ id, word, received: follow(lives, id) })
    })
    // The moment varies from before the first answer until most runs are over: by what has reached the model, then by chance.
    const reached = Math.floor(trial.random() ** 2 * (runsPerLife + 1))
    const isReached = () => mine.filter((word) => words.count(word) > 0).length >= Math.min(reached, mine.length)
    await until(`${reached} runs reached the model`, isReached, 120_000)
    await delay(trial.random() * 150)
    await server.killNow()
    lives.set(null)
    await Promise.all(requests)
  }
  const server = await scene.start()
  lives.set(server.url)
  const outcomes: Outcome[] = []
  for (const { id, word, received } of accepted) {
    await trial.check(word, async () => {
      await until('it has ended', async () => (await runOf(server, id)).ended_at !== null, 120_000)
      const run = await runOf(server, id)
      if (run.status === 'failed') assert.equal(run.error?.code, 'interrupted')
      else assert.equal(run.status, 'succeeded')
      const requests = words.count(word)
      assert.ok(requests <= requestsMax, `sent to the model ${requests} times`)
      if (run.status === 'succeeded') assert.ok(requests >= 1, 'it was never sent to the model')
      outcomes.push({ status: run.status, requests })
      checkReceived(await received, run)
      await checkEvents(server, run)
    })
  }
  trial.note(`${kills} kills`)
  return outcomes
}

export const kills: Scenario = {
  name: 'kills',
  promise: 'A run that was accepted with 202 has one end and was sent to the model once, whenever the server is killed',
  unit: 'runs',
  async run(trial) {
    const outcomes = await killRepeatedly(trial, {}, 1)
    await trial.check('some were interrupted', () => assert.ok(outcomes.some(({ status }) => status === 'failed')))
  },
}

export const restarts: Scenario = {
  name: 'restarts',
  promise: 'With `"on_crash": "restart"` it is restarted once, and its followers are told so',
  unit: 'runs',
  async run(trial) {
    const outcomes = await killRepeatedly(trial, { on_crash: 'restart' }, 2)
    const isRestarted = ({ status, requests }: Outcome) => status === 'succeeded' && requests === 2
    await trial.check('some were restarted and succeeded', () => assert.ok(outcomes.some(isRestarted)))
  },
}
