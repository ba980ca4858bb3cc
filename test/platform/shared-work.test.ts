// Work that many ask for at once: how often it is done, and whose answer it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedWork } from '../../src/platform/shared-work.ts'

test('a thousand calls at once do the work twice: the second time for those that came after it had begun', async () => {
  let begun = 0
  const work = new SharedWork(async () => {
    const number = ++begun
    await new Promise((resolve) => setImmediate(resolve))
    return number
  })
  const [first, ...others] = await Promise.all(Array.from({ length: 1000 }, () => work.done()))
  assert.deepEqual([first, new Set(others), begun], [1, new Set([2]), 2])
  assert.equal(await work.done(), 3)
})

test('work that fails fails for those who waited for it, and is done again for the others', async () => {
  let begun = 0
  const work = new SharedWork(async () => {
    if (++begun === 1) throw new Error('no')
    return begun
  })
  const [first, second] = [work.done(), work.done()]
  await assert.rejects(first, /no/)
  assert.equal(await second, 2)
})
