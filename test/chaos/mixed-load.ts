// Clients of every kind use the server for as long as it takes: whole answers and streams, tools, stored responses, conversations, background
// runs, retries, disconnections, mistakes. Every request is answered as it should be and was sent to the model once; the memory stays flat.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type KillableServer, runOf, setUp, until } from '../faults/killed-scene.ts'
import { chatStream, openStream, post, textOf } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { checkReceived, follow, Lives } from './follow.ts'
import { memoryOf } from './memory.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

const plain = { tools: [], system_prompt: 'S' }
const clients = 4
const sampleMs = 10_000
const factorMax = 1.3

type Scene = { server: KillableServer; lives: Lives; words: Words; trial: Trial }

const answer = (text: string, fields: object = {}) => step({ text, tokens: 5, gap: 20, ...fields })

async function ok(server: KillableServer, path: string, body: object, headers: Record<string, string> = {}) {
  const got = await post(server, path, body, { headers })
  assert.equal(got.status, 200, JSON.stringify(got.body))
  return got.body
}

const textOfMessage = (body: Record<string, unknown>) =>
  (body.content as { text?: string }[]).map(({ text }) => text ?? '').join('')

/** What a client does. Each word that it returns must have been sent to the model once. */
const actions: Record<string, (scene: Scene) => Promise<string[]>> = {
  async 'a whole answer'({ server, words }) {
    const word = words.next()
    const { result } = await ok(server, '/v1/chat', { ...plain, prompt: `${word} ${answer(`for ${word}`)}` })
    assert.equal(result, `for ${word}`)
    return [word]
  },
  async 'a stream'({ server, words }) {
    const word = words.next()
    const events = await chatStream(server, { ...plain, prompt: `${word} ${answer(`for ${word}`)}` })
    assert.equal(textOf(events), `for ${word}`)
    return [word]
  },
  async 'an agent'({ server, words }) {
    const word = words.next()
    const { result } = await ok(server, '/v1/chat', { prompt: `${word} ${answer(`for ${word}`)}` })
    assert.equal(result, `for ${word}`)
    return [word]
  },
  async 'a tool of the client'({ server, words }) {
    const word = words.next()
    const messages: object[] = [
      { role: 'user', content: `${word} ${step({ tool: 'look', input: { city: word } })} ${answer('seen')}` },
    ]
    const tools = [
      {
        type: 'function',
        function: { name: 'look', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
      },
    ]
    const first = await ok(server, '/v1/chat/completions', { model: 'haiku', messages, tools })
    const [{ message }] = first.choices as [
      { message: { tool_calls: [{ id: string; function: { arguments: string } }] } },
    ]
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: word })
    messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'there' })
    const second = await ok(server, '/v1/chat/completions', { model: 'haiku', messages, tools })
    assert.match(JSON.stringify(second.choices), /seen/)
    return [word]
  },
  async 'a history'({ server, words }) {
    const word = words.next()
    const messages = [
      { role: 'user', content: 'before' },
      { role: 'assistant', content: 'then' },
      { role: 'user', content: `${word} ${answer(`for ${word}`)}` },
    ]
    const body = await ok(server, '/v1/messages', { model: 'haiku', max_tokens: 100, messages })
    assert.equal(textOfMessage(body), `for ${word}`)
    return [word]
  },
  async 'stored responses'({ server, words }) {
    const mine: string[] = []
    let previous: unknown = null
    for (let turn = 0; turn < 3; turn++) {
      const word = words.next()
      mine.push(word)
      const input = `${word} ${answer(`for ${word}`)}`
      const link = previous === null ? {} : { previous_response_id: previous }
      const body = await ok(server, '/v1/responses', { model: 'haiku', input, ...link })
      assert.match(JSON.stringify(body.output), new RegExp(`"for ${word}"`))
      previous = body.id
    }
    return mine
  },
  async 'a conversation'({ server, words }) {
    const mine: string[] = []
    let session: unknown
    for (let turn = 0; turn < 3; turn++) {
      const word = words.next()
      mine.push(word)
      const prompt = `${word} ${answer(`for ${word}`)}`
      const link = session === undefined ? {} : { session_id: session }
      const body = await ok(server, '/v1/chat', { ...plain, prompt, ...link })
      assert.equal(body.result, `for ${word}`)
      session = body.session_id
    }
    return mine
  },
  async 'a background run'({ server, lives, words }) {
    const word = words.next()
    const accepted = await post(server, '/v1/chat', {
      ...plain,
      prompt: `${word} ${answer(`for ${word}`)}`,
      background: true,
    })
    assert.equal(accepted.status, 202, JSON.stringify(accepted.body))
    const id = String(accepted.body.id)
    const received = await follow(lives, id)
    const run = await runOf(server, id)
    assert.deepEqual([run.status, run.result], ['succeeded', `for ${word}`])
    checkReceived(received, run)
    return [word]
  },
  async 'a retry'({ server, words }) {
    const word = words.next()
    const body = { ...plain, prompt: `${word} ${answer(`for ${word}`)}` }
    const both = await Promise.all([1, 2].map(() => ok(server, '/v1/chat', body, { 'idempotency-key': word })))
    assert.deepEqual(both[0], both[1])
    return [word]
  },
  async 'a client that leaves'({ server, words }) {
    const word = words.next()
    const controller = new AbortController()
    const prompt = `${word} ${step({ tokens: 100, gap: 50 })}`
    const response = await openStream(server, { ...plain, prompt }, { signal: controller.signal })
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>)
      if (Buffer.from(piece).includes('"delta"')) break
    controller.abort()
    return [word]
  },
  async 'an error of the model'({ server, words }) {
    const word = words.next()
    const prompt = `${word} ${step({ status: 400, error_type: 'invalid_request_error', message: 'no' })}`
    const { status, body } = await post(server, '/v1/chat', { ...plain, prompt })
    assert.deepEqual([status, body.code], [400, 'invalid_request'])
    // The CLI itself may repeat a request that was refused.
    return []
  },
  async mistakes({ server }) {
    for (const body of ['{', '[]', '{"prompt":1}', '{"prompt":"x","nonsense":1}']) {
      const { status } = await post(server, '/v1/chat', body)
      assert.equal(status, 400)
    }
    return []
  },
  async 'a look around'({ server }) {
    for (const path of [
      '/v1/runs',
      '/v1/sessions',
      '/v1/usage',
      '/v1/health',
      '/metrics',
      '/v1/models',
      '/openapi.json',
      '/',
    ]) {
      const response = await fetch(`${server.url}${path}`)
      await response.text()
      assert.equal(response.status, 200, path)
    }
    return []
  },
}

const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length
const medianOf = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

async function useForAnHour(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--max-processes=4', '--queue-limit=1000', '--log-level=error')
  const words = new Words(scene.upstream)
  const server = await scene.start()
  const lives = new Lives()
  lives.set(server.url)
  const deadline = performance.now() + trial.minutes * 60_000
  const memory: number[] = []
  const sampling = setInterval(() => {
    memory.push(memoryOf(server.pid))
    // They were counted as they came.
    scene.upstream.requests.length = 0
  }, sampleMs)
  trial.after(() => clearInterval(sampling))
  const names = Object.keys(actions)
  let next = 0
  const client = async () => {
    while (performance.now() < deadline) {
      // Each kind comes once before any comes again, so that also a short load has them all.
      const name = names[next++ % names.length] ?? ''
      await trial.check(name, async () => {
        const sent = (await actions[name]?.({ server, lives, words, trial })) ?? []
        assert.deepEqual(
          sent.map((word) => [word, words.count(word)]),
          sent.map((word) => [word, 1]),
        )
      })
      await delay(trial.random() * 400)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  clearInterval(sampling)
  const filesAtEnd = filesOf(server.pid)
  await trial.check('at the end nothing is at work', () =>
    until('no run is at work', async () => {
      const { runs } = (await (await fetch(`${server.url}/v1/runs?status=running`)).json()) as { runs: unknown[] }
      return runs.length === 0
    }),
  )
  const quarter = Math.floor(memory.length / 4)
  const early = medianOf(memory.slice(quarter, 2 * quarter))
  const late = medianOf(memory.slice(-quarter))
  trial.note(`${words.total} prompts in ${trial.minutes} min, ${filesAtEnd} open files`)
  if (quarter < 2) return
  trial.note(`memory: ${early} MB in the second quarter, ${late} MB in the last, ${Math.max(...memory)} MB at most`)
  await trial.check('the memory is flat', () => assert.ok(late <= early * factorMax, `${late} MB after ${early} MB`))
}

export const mixedLoad: Scenario = {
  name: 'mixed-load',
  promise:
    'Under a mixed load every request is answered as it should be and sent to the model once, and the memory stays flat',
  unit: 'requests and conversations',
  run: useForAnHour,
}
