// The queue between a live process and the turn that reads it: order, stopping, ending, and when it pauses its source.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageQueue } from '../../../src/claude/process/message-queue.ts'

function makeQueue(): { queue: MessageQueue<number>; fullness: boolean[] } {
  const fullness: boolean[] = []
  return { queue: new MessageQueue<number>((isFull) => fullness.push(isFull)), fullness }
}

const fill = (queue: MessageQueue<number>, count: number) => {
  for (let item = 1; item <= count; item++) queue.push(item)
}

async function take(queue: MessageQueue<number>, count: number): Promise<number[]> {
  const items: number[] = []
  while (items.length < count) items.push(await queue.take())
  return items
}

test('items are taken in the order of their arrival', async () => {
  const { queue } = makeQueue()
  fill(queue, 3)
  assert.equal(queue.size, 3)
  assert.deepEqual(await take(queue, 3), [1, 2, 3])
  assert.equal(queue.size, 0)
})

test('a waiting reader gets the next item, which is not queued', async () => {
  const { queue } = makeQueue()
  const waiting = queue.take()
  queue.push(7)
  assert.equal(await waiting, 7)
  assert.equal(queue.size, 0)
})

test('a stop reaches the waiting reader', async () => {
  const { queue } = makeQueue()
  const waiting = queue.take()
  queue.stop('enough')
  await assert.rejects(waiting, (reason) => reason === 'enough')
  queue.push(1)
  assert.equal(await queue.take(), 1)
})

test('a stop takes precedence over queued items, and takes effect once', async () => {
  const { queue } = makeQueue()
  fill(queue, 2)
  queue.stop('enough')
  queue.stop('a later reason')
  await assert.rejects(queue.take(), (reason) => reason === 'enough')
  assert.deepEqual(await take(queue, 2), [1, 2])
})

test('a stop that no read has seen can be cancelled', async () => {
  const { queue } = makeQueue()
  fill(queue, 1)
  queue.stop('enough')
  queue.resume()
  assert.equal(await queue.take(), 1)
})

test('after the end, queued items can still be taken, then every read fails', async () => {
  const { queue } = makeQueue()
  fill(queue, 2)
  queue.end('over')
  queue.end('over again')
  assert.deepEqual(await take(queue, 2), [1, 2])
  for (let read = 0; read < 2; read++) await assert.rejects(queue.take(), (reason) => reason === 'over')
})

test('the end reaches the waiting reader', async () => {
  const { queue } = makeQueue()
  const waiting = queue.take()
  queue.end('over')
  await assert.rejects(waiting, (reason) => reason === 'over')
  await assert.rejects(queue.take(), (reason) => reason === 'over')
})

test('the source is paused above 256 items and resumed below 64, each reported once', async () => {
  const { queue, fullness } = makeQueue()
  fill(queue, 256)
  assert.deepEqual(fullness, [])
  fill(queue, 2)
  assert.deepEqual(fullness, [true])
  await take(queue, 258 - 64)
  assert.deepEqual(fullness, [true])
  await take(queue, 2)
  assert.deepEqual(fullness, [true, false])
})

test('clearing makes room and drops a pending stop', async () => {
  const { queue, fullness } = makeQueue()
  fill(queue, 300)
  queue.stop('enough')
  queue.clear()
  assert.equal(queue.size, 0)
  assert.deepEqual(fullness, [true, false])
  queue.push(1)
  assert.equal(await queue.take(), 1)
})

test('clearing does not undo the end', async () => {
  const { queue } = makeQueue()
  queue.end('over')
  queue.clear()
  await assert.rejects(queue.take(), (reason) => reason === 'over')
})

test('a falsy item is an item', async () => {
  const { queue } = makeQueue()
  queue.push(0)
  assert.equal(await queue.take(), 0)
})
