// Background runs of a server that is killed: each accepted run still exists afterwards, has one end, and did not run
// twice unless that was requested. Repeatedly: test/chaos/kills.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { checkEvents, type KillScene, runOf, setUp, until } from './killed-scene.ts'

const requestCount = ({ upstream }: KillScene, word: string) =>
  upstream.requests.filter(({ raw, method }) => method === 'POST' && raw.includes(word)).length

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
