// Clients that start long answers and read none of them, while others work: those are served, and the memory comes back.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setUp } from '../faults/killed-scene.ts'
import { eventsAfter, post } from '../helpers/client.ts'
import { step } from '../helpers/test-server.ts'
import { memoryOf, settledMemory } from './memory.ts'
import type { Scenario, Trial } from './trial.ts'
import { Words } from './words.ts'

const plain = { tools: [], system_prompt: 'S' }

async function readNothing(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--max-processes=4', '--queue-limit=1000', '--log-level=error')
  const words = new Words(scene.upstream)
  const server = await scene.start()
  const port = Number(new URL(server.url).port)
  const ask = async () => {
    const { status, body } = await post(server, '/v1/chat', { ...plain, prompt: words.next() })
    assert.equal(status, 200, JSON.stringify(body))
  }
  for (let count = 0; count < 5; count++) await ask()
  // What is loaded on first use is part of the memory before.
  const first = await post(server, '/v1/chat', { ...plain, prompt: words.next(), background: true })
  for await (const { event } of eventsAfter(server.url, String(first.body.id), 0)) if (event.type === 'done') break
  const before = memoryOf(server.pid)
  for (let round = 0; round < trial.times(1, 5); round++) {
    const prompt = `${words.next()} ${step({ text: 'ä🦉 '.repeat(600_000), tokens: 300 })}`
    const accepted = await post(server, '/v1/chat', { ...plain, prompt, background: true })
    assert.equal(accepted.status, 202, JSON.stringify(accepted.body))
    const sockets: Socket[] = []
    for (let count = 0; count < 16; count++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.pause()
      socket.write(`GET /v1/runs/${accepted.body.id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      sockets.push(socket)
    }
    for (let count = 0; count < trial.times(5, 20); count++) await trial.check('a request beside them', ask)
    for (const socket of sockets) socket.destroy()
    await post(server, `/v1/runs/${accepted.body.id}/cancel`, {})
  }
  await settledMemory(trial, 'after the slow readers', server, before)
}

export const slowReaders: Scenario = {
  name: 'slow-readers',
  promise: 'Clients that read nothing hold up nobody, and cost no memory once they are gone',
  unit: 'requests beside them',
  run: readNothing,
}
