// More than a server can take, in several forms at once: requests beyond the queue, new connections without a key, bodies that are too
// large, broken, or dear to check. Each is answered or refused by name; a request of somebody else gets through; the memory comes back.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setUp } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { memoryOf, settledMemory } from './memory.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

/** `senders`: how many requests are under way at once. */
type Flood = { unit: number; senders?: number; send(index: number): Promise<void> }

const plain = { tools: [], system_prompt: 'S' }

async function oneAfterAnother(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--max-processes=3', '--queue-limit=16', '--log-level=error')
  const words = new Words(scene.upstream)
  const server = await scene.start()
  const port = Number(new URL(server.url).port)
  const ask = async () => post(server, '/v1/chat', { ...plain, prompt: words.next() })
  for (let count = 0; count < 5; count++) assert.equal((await ask()).status, 200)

  /** A new connection for each: nothing is saved by keeping one. */
  async function raw(text: string): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (piece: string) => {
      answer = (answer + piece).slice(0, 200)
    })
    socket.on('error', () => {})
    socket.write(text)
    await once(socket, 'close')
    return answer
  }

  const floods: Record<string, Flood> = {
    'runs beyond the queue': {
      unit: trial.times(100, 1000),
      async send() {
        const word = words.next()
        const { status, body } = await post(server, '/v1/chat', {
          ...plain,
          prompt: `${word} ${step({ text: 'yes' })}`,
        })
        if (status === 200) assert.equal(body.result, 'yes')
        else assert.deepEqual([status, body.code], [429, 'queue_full'], JSON.stringify(body))
        assert.equal(words.count(word), status === 200 ? 1 : 0)
      },
    },
    'connections without a key': {
      unit: trial.times(100, 1000),
      async send() {
        const answer = await raw('GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        assert.match(answer, /^HTTP\/1\.1 200 /)
      },
    },
    'bodies that are too large': {
      unit: trial.times(5, 40),
      // More than one process can send without pauses of seconds, after which the server no longer waits for the rest of a refused body.
      senders: 2,
      async send() {
        const response = await fetch(`${server.url}/v1/chat`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: `{"prompt":"${'x'.repeat(33 * 1024 * 1024)}"}`,
        })
        assert.equal(response.status, 413)
        await response.text()
      },
    },
    'bodies of many megabytes': {
      unit: trial.times(3, 20),
      async send() {
        const { status, body } = await post(server, '/v1/chat', {
          ...plain,
          prompt: 'x'.repeat(10 * 1024 * 1024),
          nonsense: 1,
        })
        assert.deepEqual([status, body.code], [400, 'invalid_request'])
      },
    },
    'broken requests': {
      unit: trial.times(100, 1000),
      async send(index) {
        const garbage = [
          'GARBAGE\r\n\r\n',
          'GET / HTTP/9.9\r\n\r\n',
          'POST /v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n',
        ]
        assert.match(await raw(garbage[index % garbage.length] ?? ''), /^HTTP\/1\.1 (400|505) /)
      },
    },
    'schemas that are dear to check': {
      unit: trial.times(10, 100),
      async send(index) {
        const choices = Array.from({ length: 3000 }, (_, n) => ({ n, index }))
        const { status, body } = await post(server, '/v1/chat', {
          ...plain,
          prompt: 'x',
          json_schema: { enum: choices },
          max_turns: 0,
        })
        assert.ok(status === 400 || status === 503, `${status} ${JSON.stringify(body).slice(0, 200)}`)
      },
    },
  }
  for (const [what, { unit, senders = 50, send }] of Object.entries(floods)) {
    const before = memoryOf(server.pid)
    const lost: string[] = []
    let sent = 0
    const sender = async () => {
      while (sent < unit)
        await send(sent++).catch((error: Error) =>
          lost.push(`${what}: ${error.message.slice(0, 300)} ${error.cause ?? ''}`),
        )
    }
    await Promise.all(Array.from({ length: senders }, sender))
    trial.count(unit, lost)
    await trial.check(`after ${what} a request is answered`, async () => assert.equal((await ask()).status, 200))
    await settledMemory(trial, `after ${what}`, server, before)
  }
}

export const floods: Scenario = {
  name: 'floods',
  promise:
    'Whatever floods the server is answered or refused by name, and its memory is back within 1.3 times of before',
  unit: 'requests',
  run: oneAfterAnother,
}
