// The queue between a live process and the turn that reads it: order, stopping, ending, and when it asks for a pause.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageQueue } from '../../../src/claude/process/message-queue.ts'

function makeMailbox(): { mailbox: MessageQueue<number>; fullness: boolean[] } {
  const fullness: boolean[] = []
  return { mailbox: new MessageQueue<number>((isFull) => fullness.push(isFull)), fullness }
}

const fill = (mailbox: MessageQueue<number>, count: number) => {
  for (let item = 1; item <= count; item++) mailbox.push(item)
}

async function take(mailbox: MessageQueue<number>, count: number): Promise<number[]> {
  const items: number[] = []
  while (items.length < count) items.push(await mailbox.take())
  return items
}

test('items are taken in the order in which they came', async () => {
  const { mailbox } = makeMailbox()
  fill(mailbox, 3)
  assert.equal(mailbox.size, 3)
  assert.deepEqual(await take(mailbox, 3), [1, 2, 3])
  assert.equal(mailbox.size, 0)
})

test('a reader that waits gets the next item, and it is not kept', async () => {
  const { mailbox } = makeMailbox()
  const waiting = mailbox.take()
  mailbox.push(7)
  assert.equal(await waiting, 7)
  assert.equal(mailbox.size, 0)
})

test('an order to stop reaches the reader that waits', async () => {
  const { mailbox } = makeMailbox()
  const waiting = mailbox.take()
  mailbox.stop('enough')
  await assert.rejects(waiting, (reason) => reason === 'enough')
  mailbox.push(1)
  assert.equal(await mailbox.take(), 1)
})

test('an order to stop goes before what is in the queue, and is heard once', async () => {
  const { mailbox } = makeMailbox()
  fill(mailbox, 2)
  mailbox.stop('enough')
  mailbox.stop('a later reason')
  await assert.rejects(mailbox.take(), (reason) => reason === 'enough')
  assert.deepEqual(await take(mailbox, 2), [1, 2])
})

test('an order to stop that nobody has heard can be taken back', async () => {
  const { mailbox } = makeMailbox()
  fill(mailbox, 1)
  mailbox.stop('enough')
  mailbox.resume()
  assert.equal(await mailbox.take(), 1)
})

test('after the end, what is in the queue is still given out, then every read fails', async () => {
  const { mailbox } = makeMailbox()
  fill(mailbox, 2)
  mailbox.end('over')
  mailbox.end('over again')
  assert.deepEqual(await take(mailbox, 2), [1, 2])
  for (let read = 0; read < 2; read++) await assert.rejects(mailbox.take(), (reason) => reason === 'over')
})

test('the end reaches the reader that waits', async () => {
  const { mailbox } = makeMailbox()
  const waiting = mailbox.take()
  mailbox.end('over')
  await assert.rejects(waiting, (reason) => reason === 'over')
  await assert.rejects(mailbox.take(), (reason) => reason === 'over')
})

test('the source is held back above 256 items and let go below 64, each told once', async () => {
  const { mailbox, fullness } = makeMailbox()
  fill(mailbox, 256)
  assert.deepEqual(fullness, [])
  fill(mailbox, 2)
  assert.deepEqual(fullness, [true])
  await take(mailbox, 258 - 64)
  assert.deepEqual(fullness, [true])
  await take(mailbox, 2)
  assert.deepEqual(fullness, [true, false])
})

test('what is cleared away makes room, and takes an order to stop with it', async () => {
  const { mailbox, fullness } = makeMailbox()
  fill(mailbox, 300)
  mailbox.stop('enough')
  mailbox.clear()
  assert.equal(mailbox.size, 0)
  assert.deepEqual(fullness, [true, false])
  mailbox.push(1)
  assert.equal(await mailbox.take(), 1)
})

test('the end survives being cleared', async () => {
  const { mailbox } = makeMailbox()
  mailbox.end('over')
  mailbox.clear()
  await assert.rejects(mailbox.take(), (reason) => reason === 'over')
})

test('a falsy item is an item', async () => {
  const { mailbox } = makeMailbox()
  mailbox.push(0)
  assert.equal(await mailbox.take(), 0)
})
