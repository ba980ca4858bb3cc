// The server is killed at the very moment at which a client has read that something is done. After the next start it is done.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type KillableServer, type KillScene, runOf, setUp } from '../faults/killed-scene.ts'
import { type Answer, eventsAfter, post } from '../helpers/client.ts'
import { step, testEnvironment } from '../helpers/test-server.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

const plain = { tools: [], system_prompt: 'S' }

type Kind = {
  /** Resolves as soon as the acknowledgement was read. What it returns is checked on the next server. */
  act(server: KillableServer, word: string): Promise<(next: KillableServer) => Promise<void>>
  /** How often the word may be sent to the model, least and most. */
  requests: [min: number, max: number]
}

async function call(server: KillableServer, method: string, path: string, body?: object): Promise<Answer> {
  const init = { headers: { 'content-type': 'application/json' }, ...(body ? { body: JSON.stringify(body) } : {}) }
  const response = await fetch(`${server.url}${path}`, { method, ...init })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

async function ok(answer: Promise<Answer>, status = 200): Promise<Answer> {
  const got = await answer
  assert.equal(got.status, status, JSON.stringify(got.body))
  return got
}

const response = (server: KillableServer, input: string, fields: object = {}) =>
  ok(post(server, '/v1/responses', { model: 'haiku', input, ...fields }))

const kinds: Record<string, Kind> = {
  'a background run is accepted': {
    requests: [0, 1],
    async act(server, word) {
      const { body } = await ok(post(server, '/v1/chat', { ...plain, prompt: word, background: true }), 202)
      return async (next) => {
        const run = await runOf(next, String(body.id))
        assert.notEqual(run.ended_at, null)
        if (run.status !== 'succeeded') assert.equal(run.error?.code, 'interrupted')
      }
    },
  },
  'a background run has ended': {
    requests: [1, 1],
    async act(server, word) {
      const prompt = `${word} ${step({ text: 'All done.' })}`
      const { body } = await ok(post(server, '/v1/chat', { ...plain, prompt, background: true }), 202)
      const id = String(body.id)
      for await (const { event } of eventsAfter(server.url, id, 0)) if (event.type === 'done') break
      return async (next) => {
        const run = await runOf(next, id)
        assert.deepEqual([run.status, run.result, run.error], ['succeeded', 'All done.', null])
      }
    },
  },
  'a run that may be restarted has ended': {
    requests: [1, 1],
    async act(server, word) {
      const request = { ...plain, prompt: `${word} ${step({ text: 'Once.' })}`, background: true, on_crash: 'restart' }
      const id = String((await ok(post(server, '/v1/chat', request), 202)).body.id)
      for await (const { event } of eventsAfter(server.url, id, 0)) if (event.type === 'done') break
      return async (next) => assert.equal((await runOf(next, id)).result, 'Once.')
    },
  },
  'a run is canceled': {
    requests: [0, 1],
    async act(server, word) {
      const request = { ...plain, prompt: `${word} ${step({ hang: 'body' })}`, background: true, on_crash: 'restart' }
      const id = String((await ok(post(server, '/v1/chat', request), 202)).body.id)
      await ok(post(server, `/v1/runs/${id}/cancel`, {}))
      for await (const { event } of eventsAfter(server.url, id, 0)) if (event.type === 'error') break
      return async (next) => assert.equal((await runOf(next, id)).status, 'cancelled')
    },
  },
  'a request with an idempotency key is answered': {
    requests: [1, 1],
    async act(server, word) {
      const request = { ...plain, prompt: `${word} ${step({ text: 'Kept.' })}` }
      const headers = { headers: { 'idempotency-key': word } }
      const first = await ok(post(server, '/v1/chat', request, headers))
      return async (next) => {
        const again = await post(next, '/v1/chat', request, headers)
        assert.deepEqual([again.status, again.body], [200, first.body])
      }
    },
  },
  'a response is stored': {
    requests: [1, 1],
    async act(server, word) {
      const { body } = await response(server, `${word} ${step({ text: 'Stored.' })}`)
      return async (next) => {
        assert.deepEqual((await ok(call(next, 'GET', `/v1/responses/${body.id}`))).body.output, body.output)
        const later = await response(next, 'and then?', { previous_response_id: body.id })
        assert.equal(later.body.status, 'completed')
      }
    },
  },
  'a response is deleted': {
    requests: [1, 1],
    async act(server, word) {
      const { body } = await response(server, word)
      await ok(call(server, 'DELETE', `/v1/responses/${body.id}`))
      return async (next) => void (await ok(call(next, 'GET', `/v1/responses/${body.id}`), 404))
    },
  },
  'a conversation has a new title': {
    requests: [1, 1],
    async act(server, word) {
      const { body } = await ok(post(server, '/v1/chat', { ...plain, prompt: word }))
      const path = `/v1/sessions/${body.session_id}`
      await ok(call(server, 'PATCH', path, { title: `title of ${word}` }))
      return async (next) => assert.equal((await ok(call(next, 'GET', path))).body.title, `title of ${word}`)
    },
  },
  'a conversation is deleted': {
    requests: [1, 1],
    async act(server, word) {
      const { body } = await ok(post(server, '/v1/chat', { ...plain, prompt: word }))
      const path = `/v1/sessions/${body.session_id}`
      const deleted = await call(server, 'DELETE', path)
      assert.ok(deleted.status === 200 || deleted.status === 204, JSON.stringify(deleted))
      return async (next) => void (await ok(call(next, 'GET', path), 404))
    },
  },
}

/** Kills the server in the moment in which the client is done. */
async function withServer<T>(scene: KillScene, use: (server: KillableServer) => Promise<T>): Promise<T> {
  const server = await scene.start()
  try {
    return await use(server)
  } finally {
    await server.killNow()
  }
}

async function killAtEach(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--max-processes=2', '--log-level=warn')
  const words = new Words(scene.upstream)
  for (let round = 0; round < trial.times(1, 8); round++) {
    for (const [what, { act, requests }] of Object.entries(kinds)) {
      await trial.check(what, async () => {
        const word = words.next()
        const isStillDone = await withServer(scene, (server) => act(server, word))
        await withServer(scene, isStillDone)
        const count = words.count(word)
        assert.ok(count >= requests[0] && count <= requests[1], `sent to the model ${count} times`)
      })
    }
  }
  for (let round = 0; round < trial.times(1, 4); round++) {
    await trial.check('a key is created and revoked', () => keysHold(scene, `key${round}`))
  }
}

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

async function command({ folders, upstream }: KillScene, ...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...words, `--data-dir=${folders.dataDir}`], {
    cwd: folders.cwd,
    env: testEnvironment(folders, upstream.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 0, output)
  return output.trim()
}

/** A key that a command has shown works after the server was killed; one that a command has revoked does not. */
async function keysHold(scene: KillScene, name: string): Promise<void> {
  const secret = await withServer(scene, () => command(scene, 'keys', 'create', name, '--quiet'))
  const whoami = ({ url }: KillableServer) =>
    fetch(`${url}/v1/whoami`, { headers: { authorization: `Bearer ${secret}` } })
  await withServer(scene, async (server) => {
    assert.equal((await whoami(server)).status, 200)
    await command(scene, 'keys', 'revoke', name)
  })
  await withServer(scene, async (server) => assert.equal((await whoami(server)).status, 401))
}

export const acknowledgements: Scenario = {
  name: 'acknowledgements',
  promise: 'What a client was told is done is still done if the server is killed as the client reads it',
  unit: 'acknowledgements',
  run: killAtEach,
}
