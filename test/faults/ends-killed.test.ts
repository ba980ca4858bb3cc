// A server that is killed at the moment at which a client learns that its run has ended: the end is not lost, and nothing runs again. And
// followers of a run that begins again learn that it does. Once in `npm test`, repeatedly in `npm run test:extended`.
import assert from 'node:assert/strict'
import { eventsAfter, type Numbered, post } from '../helpers/client.ts'
import { test, testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { type KillScene, runOf, setUp } from './killed-scene.ts'

const plain = { tools: [], system_prompt: 'S' }
const flags = ['--log-level=warn', '--max-processes=2']

const modelRequests = ({ upstream }: KillScene, word: string) =>
  upstream.requests.filter(({ raw, method }) => method === 'POST' && raw.includes(word)).length

for (const [fields, times] of [
  [{}, 1],
  [{}, 2],
  [{ on_crash: 'restart' }, 3],
] as const) {
  const kills = times === 1 ? 'one kill' : `${times} kills`
  testIf(times === 1)(
    `${JSON.stringify(fields)}: a background run whose \`done\` was read has ended for good: ${kills}`,
    async (t) => {
      const scene = await setUp(t, ...flags)
      for (let n = 1; n <= times; n++) {
        const server = await scene.start()
        const word = `word${n}.`
        const body = { ...plain, prompt: `${word} ${step({ text: 'All done.' })}`, background: true, ...fields }
        const { id } = (await post(server, '/v1/chat', body)).body
        for await (const { event } of eventsAfter(server.url, String(id), 0))
          if (event.type === 'done') await server.killNow()
        const next = await scene.start()
        const run = await runOf(next, String(id))
        assert.deepEqual([run.status, run.result, run.error], ['succeeded', 'All done.', null])
        assert.equal(modelRequests(scene, word), 1)
        await next.killNow()
      }
    },
  )
}

for (const times of [1, 2]) {
  const kills = times === 1 ? 'one kill' : `${times} kills`
  testIf(times === 1)(
    `an answer with an idempotency key that was read is the answer to each retry: ${kills}`,
    async (t) => {
      const scene = await setUp(t, ...flags)
      for (let n = 1; n <= times; n++) {
        const server = await scene.start()
        const word = `word${n}.`
        const body = { ...plain, prompt: `${word} ${step({ text: 'Kept.' })}` }
        const headers = { headers: { 'idempotency-key': word } }
        const first = await post(server, '/v1/chat', body, headers)
        await server.killNow()
        const next = await scene.start()
        const again = await post(next, '/v1/chat', body, headers)
        assert.deepEqual([first.status, again.status, again.body], [200, 200, first.body])
        assert.equal(modelRequests(scene, word), 1)
        await next.killNow()
      }
    },
  )
}

test('whoever follows a run that begins again gets a mark, and its numbers go on', async (t) => {
  const scene = await setUp(t, ...flags)
  const server = await scene.start()
  const prompt = `${step({ text: 'one two three four five six', tokens: 6, gap: 2000, times: 1 })}`
  const { id } = (await post(server, '/v1/chat', { ...plain, prompt, background: true, on_crash: 'restart' })).body
  const received: Numbered[] = []
  try {
    for await (const each of eventsAfter(server.url, String(id), 0)) {
      received.push(each)
      if (each.event.type === 'delta') void server.killNow()
    }
  } catch {
    // The connection breaks.
  }
  const last = received.at(-1)?.id ?? 0
  const next = await scene.start()
  const later: Numbered[] = []
  for await (const each of eventsAfter(next.url, String(id), last)) later.push(each)
  // More numbers may have been sent than were stored.
  const numbers = [last, ...later.map((each) => each.id)]
  assert.ok(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)))
  assert.equal(later[0]?.event.type, 'restart')
  const begun = later[1]?.event
  assert.ok(begun?.type === 'start')
  const firstStart = received[0]?.event
  assert.ok(firstStart?.type === 'start' && firstStart.session_id !== begun.session_id)
  const text = later.map(({ event }) => (event.type === 'delta' ? event.text : ''))
  const run = await runOf(next, String(id))
  assert.deepEqual([run.status, run.result, run.session_id], ['succeeded', text.join(''), begun.session_id])
  // All of it, for one who comes late: the numbers are the same.
  const whole: Numbered[] = []
  for await (const each of eventsAfter(next.url, String(id), 0)) whole.push(each)
  assert.deepEqual(whole.slice(-later.length), later)
})
