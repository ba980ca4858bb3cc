// A thousand clients follow background runs at once, some of which lose their connection again and again: each is told everything once.
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { setUp } from '../faults/killed-scene.ts'
import { eventsAfter, type Numbered, post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { memoryOf, settledMemory } from './memory.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

/** The server's own limit. */
const followersPerRun = 16
const tokens = 60

/** Follows to the end, giving up the connection after about `patience` events each time. */
async function followAll(url: string, id: string, patience: number): Promise<Numbered[]> {
  const seen: Numbered[] = []
  for (;;) {
    let left = patience
    try {
      for await (const each of eventsAfter(url, id, seen.at(-1)?.id ?? 0)) {
        seen.push(each)
        if (each.event.type === 'done' || each.event.type === 'error') return seen
        if (--left === 0) break
      }
    } catch (error) {
      // The server may not have noticed yet that the last connection is closed.
      if (!String(error).includes('rate_limited')) throw error
      await delay(50)
    }
  }
}

async function manyFollowers(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--max-processes=4', '--queue-limit=1000', '--log-level=warn')
  const words = new Words(scene.upstream)
  const server = await scene.start()
  // Everything that is loaded or started on first use is part of the memory before.
  await post(server, '/v1/chat', { prompt: 'first', tools: [], system_prompt: 'S' })
  const before = memoryOf(server.pid)
  for (let round = 0; round < trial.times(1, 5); round++) {
    const runs = await Promise.all(
      Array.from({ length: trial.times(6, 62) }, async () => {
        const prompt = `${words.next()} ${step({ tokens, gap: 10 })}`
        const { status, body } = await post(server, '/v1/chat', {
          prompt,
          background: true,
          tools: [],
          system_prompt: 'S',
        })
        assert.equal(status, 202, JSON.stringify(body))
        return String(body.id)
      }),
    )
    const followers = runs.flatMap((id) =>
      Array.from({ length: followersPerRun }, (_, index) =>
        trial.check(`a follower of ${id}`, async () => {
          const seen = await followAll(server.url, id, index % 4 === 0 ? 7 : Number.POSITIVE_INFINITY)
          const numbers = seen.map((each) => each.id)
          assert.deepEqual(
            numbers,
            numbers.map((_number, index) => index + 1),
          )
          const text = seen.map(({ event }) => (event.type === 'delta' ? event.text : '')).join('')
          const last = seen.at(-1)?.event
          assert.ok(last?.type === 'done' && last.result === text && text.split(' ').length >= tokens, text)
        }),
      ),
    )
    await Promise.all(followers)
  }
  await settledMemory(trial, 'after the followers', server, before)
}

export const followers: Scenario = {
  name: 'followers',
  promise: 'Each follower is told everything once, in order, however often its connection ends',
  unit: 'followers',
  run: manyFollowers,
}
