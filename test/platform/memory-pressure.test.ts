// When memory counts as short, and how often it is read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isShort, memoryWatch } from '../../src/platform/memory-pressure.ts'

const mebibyte = 1024 * 1024
const rows: [totalMib: number, availableMib: number, isShort: boolean][] = [
  [24_000, 401, false],
  [24_000, 399, true],
  [1_000, 101, false],
  [1_000, 99, true],
]

for (const [totalMib, availableMib, wanted] of rows) {
  test(`${availableMib} of ${totalMib} MiB ${wanted ? 'is' : 'is not'} short`, () => {
    assert.equal(isShort({ availableBytes: availableMib * mebibyte, totalBytes: totalMib * mebibyte }), wanted)
  })
}

test('it is read again after a quarter of a second', () => {
  let now = 0
  const read = [1, 1e12].map((availableBytes) => ({ availableBytes, totalBytes: 1e12 }))
  const isMemoryShort = memoryWatch(
    () => now,
    () => read.shift() ?? assert.fail('read too often'),
  )
  assert.deepEqual([isMemoryShort(), isMemoryShort()], [true, true])
  now = 249
  assert.equal(isMemoryShort(), true)
  now = 250
  assert.equal(isMemoryShort(), false)
})

test('this machine can be read', () => {
  assert.equal(typeof memoryWatch(() => 0)(), 'boolean')
})
