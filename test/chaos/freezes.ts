// Processes of the CLI are stopped at random moments, so that they neither answer nor end, while runs of several kinds are at work. Each
// request is answered or fails in time; no process is lost to the server; it ends in time.
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { processesIn, setUp, until } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

const timeoutS = 12

async function freezeRepeatedly(trial: Trial): Promise<void> {
  const flags = ['--max-processes=3', '--queue-limit=1000', '--log-level=warn', `--request-timeout=${timeoutS}s`]
  const scene = await setUp(trial, ...flags)
  const words = new Words(scene.upstream)
  const server = await scene.start()
  let session: unknown
  const kinds: ((word: string) => [path: string, body: object])[] = [
    (word) => ['/v1/chat', { prompt: `${word} ${step({ tokens: 5, gap: 100 })}`, tools: [], system_prompt: 'S' }],
    (word) => ['/v1/chat', { prompt: `${word} ${step({ tokens: 5, gap: 100 })}` }],
    (word) => [
      '/v1/chat',
      { prompt: word, tools: [], system_prompt: 'S', ...(session ? { session_id: session } : {}) },
    ],
    (word) => ['/v1/messages', { model: 'haiku', max_tokens: 99, messages: [{ role: 'user', content: word }] }],
    (word) => ['/v1/chat/completions', { model: 'haiku', messages: [{ role: 'user', content: word }] }],
  ]
  let frozen = 0
  for (let round = 0; round < trial.times(3, 20); round++) {
    const requests = Array.from({ length: 4 }, () => {
      const word = words.next()
      const [path, body] = trial.pick(kinds)(word)
      return trial.check(`${path} ${word}`, async () => {
        const startedAt = performance.now()
        const { status, body: reply } = await post(server, path, body)
        const seconds = (performance.now() - startedAt) / 1000
        // A wait in the queue counts; a CLI that starts beside others may need a while on a slow machine.
        assert.ok(seconds <= timeoutS + 3, `answered after ${seconds.toFixed(1)} s`)
        assert.ok([200, 502, 504].includes(status), `${status} ${JSON.stringify(reply)}`)
        if (status === 200 && path === '/v1/chat') session = reply.session_id
        // A process that froze before its answer began is replaced, and the next one sends the prompt again.
        assert.ok(words.count(word) <= 2, `sent to the model ${words.count(word)} times`)
      })
    })
    await delay(trial.random() * 1500)
    for (const { pid } of processesIn(scene.folders)) {
      if (trial.random() < 0.5) continue
      process.kill(pid, 'SIGSTOP')
      frozen++
    }
    await Promise.all(requests)
    session = undefined
  }
  await trial.check('afterward a request is answered', async () => {
    // A process that froze while it was starting holds its place until its start has failed, after 30 s: requests fail meanwhile.
    const isAnswered = async () => {
      const { status, body } = await post(server, '/v1/chat', { prompt: words.next(), tools: [], system_prompt: 'S' })
      assert.ok([200, 502, 504].includes(status), JSON.stringify(body))
      return status === 200
    }
    await until('an answer', isAnswered)
  })
  const left = processesIn(scene.folders)
  for (const { pid } of left) process.kill(pid, 'SIGSTOP')
  await trial.check('the server ends although all its processes are frozen', async () => {
    const startedAt = performance.now()
    assert.equal(await server.stop(), 0)
    const seconds = (performance.now() - startedAt) / 1000
    assert.ok(seconds < 20, `after ${seconds.toFixed(1)} s`)
    await until('no process is left', () => processesIn(scene.folders).length === 0)
  })
  trial.note(`${frozen} processes frozen`)
}

export const freezes: Scenario = {
  name: 'freezes',
  promise:
    'A CLI process that freezes costs neither an answer beyond its deadline nor its place, nor does it keep the server from ending',
  unit: 'requests',
  run: freezeRepeatedly,
}
